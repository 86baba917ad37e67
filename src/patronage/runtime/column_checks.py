"""Whether the columns of many rows are still those that a model was trained with.

A single row says nothing of shares: rows are counted, piece by piece where they are many, and the counts are judged
once. What becomes of a single missing value is the same everywhere, see `known_values`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from scipy.special import bdtrc

from .bundle import AnyBundle, TableBundle
from .histories import FIRST_EXAMPLES, checked_histories
from .known_values import MISSING_SHARE, UNKNOWN_SHARE, missing, never_missing, unknown
from .table_input import scorable_input

UNLIKELY = 1e-6
"""Chance below which more missing values than in training are no accident, small enough for tables of many columns."""

FAR_ABOVE = 0.05
"""How much the missing share must lie above that of training to be warned of: less changes few scores."""

WORTH_WARNING = 0.01
"""The same of values that are none of the model's categories, which training hardly ever holds."""


@dataclass(frozen=True)
class ColumnCount:
    """What the values of a column are, counted.

    Attributes
    ----------
    rows, missing : int
    unknown : int
        Values that are none of the model's categories; 0 of numbers.
    strange : tuple of str
        The first of them, each once.
    """

    rows: int
    missing: int
    unknown: int = 0
    strange: tuple[str, ...] = ()

    def __add__(self, other: "ColumnCount") -> "ColumnCount":
        """Both together, this one before the other."""
        first = tuple(dict.fromkeys((*self.strange, *other.strange)))[:FIRST_EXAMPLES]
        return ColumnCount(self.rows + other.rows, self.missing + other.missing, self.unknown + other.unknown, first)


Counts = Mapping[str, ColumnCount]
"""By column."""


@dataclass(frozen=True)
class Judged:
    """What is to be said of columns.

    Attributes
    ----------
    refused : tuple of str
        Columns that are not those of the training: scores would mean nothing.
    warnings : tuple of str
        What makes scores worse than they were when they were judged.
    notes : tuple of str
        What was filled in, or is not known to the model.
    """

    refused: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def counted(columns: Mapping[str, NDArray[Any]], categories: Mapping[str, Sequence[str]]) -> dict[str, ColumnCount]:
    """Count what some rows hold.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Numbers, missing as NaN, and text, missing as None, as `table_input.model_input` gives them.
    categories : mapping of str to sequence of str
        The values that the model tells apart, of each feature that is text.

    Examples
    --------
    >>> import numpy as np
    >>> counted({"plan": np.array(["basic", "gold", None], dtype=object)}, {"plan": ("basic",)})
    {'plan': ColumnCount(rows=3, missing=1, unknown=1, strange=('gold',))}
    """
    found = {}
    for name, values in columns.items():
        lacking = int(missing(values).sum())
        strange = values[unknown(values, categories[name])].tolist() if name in categories else []
        first = tuple(dict.fromkeys(strange))[:FIRST_EXAMPLES]
        found[name] = ColumnCount(len(values), lacking, len(strange), first)
    return found


def counted_table(table: Any, bundle: AnyBundle) -> dict[str, ColumnCount]:
    """Count what the rows of a table hold, in the columns that a model reads.

    Raises
    ------
    InputError
        As `table_input.scorable_input`.
    """
    return counted(scorable_input(table, bundle), bundle.churn.categories)


def checked(table: Any, bundle: AnyBundle) -> Judged:
    """Hold the columns of a table against those of the training, unless they are features computed of a ledger.

    Parameters
    ----------
    table : mapping of str to array-like, pandas, Polars or Arrow table
    bundle : Bundle or TableBundle

    Raises
    ------
    InputError
        As `table_input.scorable_input`, and `histories.checked_histories` of a ledger's bundle.
    """
    if isinstance(bundle, TableBundle):
        return judged(counted_table(table, bundle), bundle)
    columns = scorable_input(table, bundle)
    checked_histories(columns["frequency"], columns["recency"], columns["T"])
    return Judged((), (), ())


def added(counts: Counts | None, more: Counts) -> Counts:
    """The counts of two pieces of a table, the first of which may be none yet."""
    return more if counts is None else {name: counts[name] + more[name] for name in more}


def judged(counts: Counts, bundle: AnyBundle, unreadable: Mapping[str, str] | None = None) -> Judged:
    """Hold the columns of a table against those of the training.

    Parameters
    ----------
    counts : mapping of str to ColumnCount
        Of all rows.
    bundle : Bundle or TableBundle
        Older ones, which do not know what was missing in training, are held against nothing but themselves.
    unreadable : mapping of str to str, optional
        Columns of texts that were to be numbers, with words on them, for a table that was read from texts.

    Returns
    -------
    Judged
        One or two rows are too few to refuse for what they lack.
    """
    refused: list[str] = []
    warnings: list[str] = []
    notes: list[str] = []
    if any(count.rows for count in counts.values()):
        one_row = 1 / (int(bundle.training.get("ledger", {}).get("customers", 0)) + 1)
        shares: Mapping[str, float] = bundle.training.get(MISSING_SHARE) or {}
        usual = never_missing(bundle.training) if isinstance(bundle, TableBundle) else {}
        for name, count in counts.items():
            lacking = _Lacking(name, count, shares.get(name), one_row)
            refused += lacking.refused((unreadable or {}).get(name))
            warnings += lacking.warnings()
            notes += lacking.notes(usual)
        unknown_shares: Mapping[str, float] = bundle.training.get(UNKNOWN_SHARE) or {}
        for name, known in bundle.churn.categories.items():
            if name in counts:
                strange = _Strange(name, counts[name], tuple(known), unknown_shares.get(name, 0.0), one_row)
                (refused if strange.is_whole else warnings if strange.is_common else notes).extend(strange.words())
    return Judged(tuple(refused), tuple(warnings), tuple(notes))


@dataclass(frozen=True)
class _Lacking:
    """The missing values of a column; `share` is that of training, if it is known."""

    name: str
    count: ColumnCount
    share: float | None
    one_row: float

    @property
    def in_training(self) -> str:
        return "" if self.share is None else f", in training {self.share:.1%}"

    @property
    def is_no_accident(self) -> bool:
        """Whether so many would be missing by chance in fewer than a millionth of such tables."""
        if self.share is None:
            return False
        if not self.count.missing:
            return False
        # None missing among n rows of training still leaves one in n + 1 to be expected.
        expected = max(self.share, self.one_row)
        return bool(bdtrc(self.count.missing - 1, self.count.rows, expected) < UNLIKELY)

    def refused(self, unreadable: str | None) -> list[str]:
        if self.count.missing < self.count.rows or self.share == 1:
            return []
        if unreadable:
            return [f"{self.name} holds no number ({unreadable}{self._missing_then})"]
        return [f"{self.name} holds no value at all (100.0% missing{self.in_training})"] * self.is_no_accident

    @property
    def _missing_then(self) -> str:
        return "" if self.share is None else f"; in training {self.share:.1%} were missing"

    def warnings(self) -> list[str]:
        now = self.count.missing / self.count.rows
        if self.share is None or now - self.share <= FAR_ABOVE or not self.is_no_accident:
            return []
        return [
            f"{self.name}: {now:.1%} of {self.count.rows:,} rows are missing or no numbers{self.in_training}; the "
            "scores of these customers are worth little"
        ]

    def notes(self, usual: Mapping[str, float | str]) -> list[str]:
        if self.name not in usual or not self.count.missing:
            return []
        value = usual[self.name]
        told = value if isinstance(value, str) else f"{value:.6g}"
        return [
            f"{self.name}: {self.count.missing:,} missing, which never was so in training: scored with the usual {told}"
        ]


@dataclass(frozen=True)
class _Strange:
    """The values of a column of text that are none of the model's categories; `share` is that of training."""

    name: str
    count: ColumnCount
    known: tuple[str, ...]
    share: float
    one_row: float

    @property
    def is_whole(self) -> bool:
        """Whether no value is known, which a row or two may show by chance."""
        told = self.count.rows - self.count.missing
        by_chance = max(self.share, self.one_row) ** told
        return bool(told and self.count.unknown == told and by_chance < UNLIKELY)

    @property
    def is_common(self) -> bool:
        return self.count.unknown / self.count.rows - self.share > WORTH_WARNING

    def words(self) -> list[str]:
        if not self.count.unknown:
            return []
        first = ", ".join(map(repr, self.count.strange))
        known = ", ".join(map(repr, self.known[:FIRST_EXAMPLES])) + ", ..." * (len(self.known) > FIRST_EXAMPLES)
        return [
            f"{self.name}: {self.count.unknown:,} of {self.count.rows:,} rows "
            f"({self.count.unknown / self.count.rows:.1%}) hold values that the model does not know: {first}; it knows "
            f"{known}"
        ]
