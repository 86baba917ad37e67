"""The features of a frame as the trees take them: numbers, and text whose frequent values are categories."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import InputError
from patronage.models.base import required_columns
from patronage.runtime.table_input import LARGEST, too_large

MOST_CATEGORIES = 100
"""Values of a text column that are told apart; trees split on more of them only by chance."""


def feature_columns(frame: Any, names: Sequence[str], text: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Take features out of a frame.

    Parameters
    ----------
    frame : DataFrame or mapping of columns
    names : sequence of str
    text : collection of str
        Those known to be text; others without any value are taken as numbers.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Numbers and truth values as float64, missing as NaN; text and categories as object, missing as None.

    Raises
    ------
    InputError
        If columns are missing, or hold neither numbers nor text (both in one column, dates), or numbers that are
        infinite or too large; all such columns at once.
    """
    columns: dict[str, NDArray[Any]] = {}
    problems: list[str] = []
    for name, values in zip(names, required_columns(frame, names), strict=True):
        try:
            columns[name] = _feature(pd.Series(values), name in text)
        except (TypeError, ValueError) as error:
            problems.append(f"{name} {error}")
    if problems:
        message = (
            f"Features have to be finite numbers or text; but {'; '.join(problems)}. Correct them, or leave them out."
        )
        raise InputError(message)
    return columns


def frequent_values(columns: Mapping[str, NDArray[Any]]) -> dict[str, tuple[str, ...]]:
    """The `most_frequent` values of each text column."""
    text = {name: values for name, values in columns.items() if values.dtype == object}
    counts = {name: Counter(value for value in values.tolist() if value is not None) for name, values in text.items()}
    return {name: most_frequent(count) for name, count in counts.items()}


def most_frequent(count: Mapping[str, int]) -> tuple[str, ...]:
    """The `MOST_CATEGORIES` most frequent values, in alphabetical order, which is that of their codes."""
    # Ties at the edge are broken by the alphabet, so that the order of the rows does not matter.
    ranked = sorted(count, key=lambda value: (-count[value], value))
    return tuple(sorted(ranked[:MOST_CATEGORIES]))


def beyond_trees(numbers: NDArray[Any]) -> str:
    """Words on numbers that trees cannot tell from infinity, as scoring calls them too; empty if there are none.

    Parameters
    ----------
    numbers : ndarray of float64, shape (n,)

    Examples
    --------
    >>> beyond_trees(np.array([1.0, np.inf, 1e300]))
    '1 infinite and 1 too large (beyond 3.4e+38, the largest in single precision) of 3 values'
    """
    counts = {
        "infinite": np.isinf(numbers),
        f"too large (beyond {LARGEST:.2g}, the largest in single precision)": too_large(numbers, LARGEST),
    }
    found = [f"{rows.sum():,} {what}" for what, rows in counts.items() if rows.any()]
    return f"{' and '.join(found)} of {len(numbers):,} values" if found else ""


def _feature(values: pd.Series, is_text: bool) -> NDArray[Any]:
    if is_text and values.isna().all():
        return np.full(len(values), None, dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(values.dtype) or pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        if beyond := beyond_trees(numbers):
            message = f"holds {beyond}"
            raise ValueError(message)
        return numbers
    present = values.dropna()
    kinds = sorted({type(value).__name__ for value in present.tolist()})
    if not kinds:
        return np.full(len(values), np.nan)
    if kinds != ["str"]:
        message = f"holds {', '.join(kinds)}"
        raise TypeError(message)
    return values.astype(object).where(values.notna(), None).to_numpy()
