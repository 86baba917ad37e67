"""The label of a customer table: which of its values mean that a customer left."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, ContractError, InputError
from patronage.ledger.table_columns import as_texts
from patronage.runtime.histories import FloatArray

LEFT = frozenset({"1", "true", "yes", "y", "t", "left", "churn", "churned", "cancelled", "canceled"})
STAYED = frozenset({"0", "false", "no", "n", "f", "stayed", "stay", "active", "retained"})
"""Spellings that speak for themselves, in lower case."""

_WHOLE = re.compile(r"^([+-]?\d+)\.0*$")

MOST_SHOWN = 8
"""How many values of a label a message shows."""


@dataclass(frozen=True)
class Labels:
    """Who left.

    Attributes
    ----------
    left : ndarray of float64, shape (n,)
        1 for those who left, 0 for those who stayed, NaN where the label says neither.
    missing, unreadable : ndarray of bool, shape (n,)
        Why it says neither.
    words : str
        Which values were taken for which.
    """

    left: FloatArray
    missing: np.ndarray
    unreadable: np.ndarray
    words: str


def read_labels(
    column: pd.Series, left: Sequence[str] | None = None, stayed: Sequence[str] | None = None, name: str = "label"
) -> Labels:
    """Read the column that says who left.

    Parameters
    ----------
    column : Series
        In any type; case does not matter, and a whole number is the same as 2, 2.0 and "2.0".
    left : sequence of str, optional
        Values that mean that the customer left. Where they are not given, those that speak for themselves (yes and no,
        true and false, 1 and 0, churned and stayed) are taken, and all others are unreadable.
    stayed : sequence of str, optional
        Values that mean that the customer stayed; all others than `left`, if it is not given.
    name : str
        Of the column, for messages.

    Raises
    ------
    ConfigError
        If a value is given for both.
    ContractError
        If no value is known.
    """
    texts = as_texts(column)
    folded = _folded(texts).where(texts.notna() & (texts != ""), None)
    missing = folded.isna().to_numpy()
    gone = LEFT if left is None else _spellings(left)
    here = STAYED if left is None else _spellings(stayed or ())
    if both := sorted(gone & here):
        message = f"ledger.left and ledger.stayed both name {', '.join(both)}: a value means one of the two."
        raise ConfigError(message)
    is_left = folded.isin(gone).to_numpy(dtype=bool)
    others_stayed = left is not None and stayed is None
    is_here = ~missing & ~is_left if others_stayed else folded.isin(here).to_numpy(dtype=bool)
    values = np.where(is_left, 1.0, np.where(is_here, 0.0, np.nan))
    if not (is_left | is_here).any() or (left is not None and not is_left.any()):
        message = (
            f"No value of the label {name} means that a customer left: expected "
            f"{', '.join(sorted(gone))}; it holds {shown(texts)}. Set ledger.left to the value that means it."
        )
        raise ContractError(message)
    words = f"{name}: left is {_values(texts, is_left)}, stayed is {_values(texts, is_here)}"
    return Labels(values, missing, ~missing & ~is_left & ~is_here, words)


def refuse_one_class(left: FloatArray, words: str) -> None:
    """Refuse labels that are all the same.

    Raises
    ------
    InputError
        Saying how many there are of each, and what was taken for what.
    """
    gone, n = int(left.sum()), len(left)
    if not 0 < gone < n:
        message = (
            f"{gone:,} of {n:,} customers left, so there is nobody to tell them from ({words}). Give a table with "
            "both, or set ledger.left to the value that means that a customer left."
        )
        raise InputError(message, counts={"left": gone, "stayed": n - gone})


def shown(texts: pd.Series) -> str:
    """The most frequent values with their counts."""
    counts = texts.value_counts()
    listed = ", ".join(f"{value!r} ({count:,})" for value, count in counts.head(MOST_SHOWN).items())
    return (listed + (f" and {len(counts) - MOST_SHOWN:,} others" if len(counts) > MOST_SHOWN else "")) or "nothing"


def _folded(texts: pd.Series) -> pd.Series:
    """Texts as they are compared: in lower case, and whole numbers without the zeros that a column of floats gets."""
    return texts.str.casefold().str.replace(_WHOLE, r"\1", regex=True)


def _spellings(values: Sequence[str]) -> set[str]:
    return set(_folded(pd.Series([str(one).strip() for one in values], dtype=object)))


def _values(texts: pd.Series, rows: np.ndarray) -> str:
    return shown(texts[rows])
