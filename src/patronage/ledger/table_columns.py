"""The columns of a customer table as features: what is a number, what is text, what is missing, and what was not kept.

Files of text say nothing of types, and tables made by hand mix them. A column is taken for what its values are: numbers
if all of them are, or nearly all, in which case the others are missing; dates if all of them are; text otherwise.
Words such as NA count for nothing there. A column of numbers and texts by turns is not guessed at, but refused.
Whatever was not taken as it stands is counted and said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from patronage.errors import ContractError
from patronage.ledger.table_dates import read_days
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.schema import ColumnType

NEARLY_ALL = 0.95
"""Share of the values of a column of text from which on it is one of numbers: the others are spellings of missing."""

HALF = 0.5
"""Share of numbers above which, short of nearly all, nobody can tell what a column of text is meant to be."""

MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "nan", "<na>", "null", "none", "nil", "-", "--", "?", "."})
"""What programs and people write for a missing number or day, in any case of letters. Among texts they stay what they
are: None may be the name of an offer."""

_INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")

Wanted = Literal["number", "text", "whatever"]


@dataclass(frozen=True)
class Spelling:
    """How values are written in columns of text.

    Attributes
    ----------
    missing : tuple of str
        Texts that stand for a missing value, beside blank ones.
    decimal : str
        Mark of decimals.
    thousands : str or None
        Mark between thousands.
    timestamp_format : str or None
        How days may be written beside the usual ways, as for strptime.
    """

    missing: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    timestamp_format: str | None = None


@dataclass(frozen=True)
class ReadColumn:
    """A column, read.

    Attributes
    ----------
    values : Series
        Numbers as float64, missing as NaN; texts as objects, missing as None; dates as they were told if that is ISO
        8601, as datetime64 otherwise.
    type : {"long", "double", "string", "date"} or None
        long for whole numbers without missing ones; None if there is no value at all.
    taken_as_missing : dict of str to int
        How many values, by what they were: blank, a word for missing, no number, infinite.
    share_numbers : float
        Share of numbers among the values of a column of text; 0 of others.
    no_numbers : tuple of str
        The first texts that are no numbers.
    doubt : str or None
        What cannot be told of a column of dates.
    """

    values: pd.Series
    type: ColumnType | None
    taken_as_missing: dict[str, int]
    share_numbers: float = 0.0
    no_numbers: tuple[str, ...] = ()
    doubt: str | None = None

    def words(self, name: str) -> str | None:
        """What became of the values, if not all of them were taken as they stand."""
        if not self.taken_as_missing:
            return None
        listed = ", ".join(f"{count:,} {what}" for what, count in self.taken_as_missing.items())
        return f"{name}: {listed} taken as missing"


def read_columns(
    frame: pd.DataFrame, wanted: Mapping[str, Wanted], spelling: Spelling = Spelling()
) -> dict[str, ReadColumn]:
    """Read every column of a frame.

    Parameters
    ----------
    frame : DataFrame
        As the source has it.
    wanted : mapping of str to {"number", "text", "whatever"}
        By column; whatever where it is silent.
    spelling : Spelling

    Returns
    -------
    dict of str to ReadColumn
        In the order of the frame.

    Raises
    ------
    ContractError
        If columns of which nothing is wanted are numbers and texts by turns; all of them at once.
    """
    columns = {
        str(name): read_column(frame[name], wanted.get(str(name), "whatever"), spelling) for name in frame.columns
    }
    _refuse_mixed({name: one for name, one in columns.items() if wanted.get(name, "whatever") == "whatever"}, spelling)
    return columns


def _refuse_mixed(columns: Mapping[str, ReadColumn], spelling: Spelling) -> None:
    mixed = {name: one for name, one in columns.items() if one.type == "string" and one.share_numbers > HALF}
    if mixed:
        listed = "; ".join(
            f"{name} ({one.share_numbers:.1%}; the first others are {', '.join(map(repr, one.no_numbers))})"
            for name, one in mixed.items()
        )
        message = (
            f"Columns are numbers for the greater part, but not for nearly all of it ({NEARLY_ALL:.0%}): {listed}. "
            f"Numbers are read with ledger.decimal={spelling.decimal!r}. Name the columns in ledger.numbers, which "
            "takes all other texts as missing, or in ledger.texts, which takes the numbers as codes; or name the texts "
            "that stand for a missing value in ledger.missing."
        )
        raise ContractError(message)


def read_column(values: pd.Series, wanted: Wanted = "whatever", spelling: Spelling = Spelling()) -> ReadColumn:
    """Read one column.

    Examples
    --------
    >>> read_column(pd.Series(["29.85", " ", "108.15"]), "number").values.tolist()
    [29.85, nan, 108.15]
    >>> read_column(pd.Series(["29.85", " ", "108.15"]), "number").taken_as_missing
    {'blank': 1}
    >>> read_column(pd.Series([10115, 80331]), "text").values.tolist()
    ['10115', '80331']
    """
    if pd.api.types.is_bool_dtype(values.dtype) and wanted != "text":
        return _numbers(values.astype("float64"), {})
    if pd.api.types.is_numeric_dtype(values.dtype) and wanted != "text":
        return _numbers(pd.Series(values.to_numpy(np.float64, na_value=np.nan)), {})
    if pd.api.types.is_datetime64_any_dtype(values.dtype) and wanted != "text":
        return ReadColumn(values, "date" if values.notna().any() else None, {})
    texts = as_texts(values)
    present = texts.notna().to_numpy()
    blank = present & texts.isin(["", *spelling.missing]).to_numpy(dtype=bool)
    held = texts.where(~blank, None)
    counts = {"blank": int(blank.sum())} if blank.any() else {}
    if not held.notna().any():
        return ReadColumn(pd.Series(np.full(len(held), np.nan)), None, counts)
    if wanted == "text":
        return ReadColumn(_objects(held), "string", counts)
    return _guessed(held, wanted, spelling, counts)


def _guessed(held: pd.Series, wanted: Wanted, spelling: Spelling, counts: dict[str, int]) -> ReadColumn:
    """A column of text with values, read as days, numbers or text."""
    words = held.str.lower().isin(MISSING_WORDS).to_numpy(dtype=bool)
    values = held.where(~words, None)
    spelt = counts | ({"words for missing": int(words.sum())} if words.any() else {})
    if not values.notna().any():
        return ReadColumn(pd.Series(np.full(len(held), np.nan)), None, spelt)
    if wanted == "whatever" and (days := read_days(values, spelling.timestamp_format)) is not None:
        as_told = all(_ISO_DAY.fullmatch(text) for text in values.dropna().unique())
        return ReadColumn(_objects(values) if as_told else days.values, "date", spelt, doubt=days.doubt)
    numbers = {text: _number(text, spelling) for text in values.dropna().unique()}
    read = values.map(numbers, na_action="ignore").astype("float64")
    share = float(read.notna().sum() / values.notna().sum())
    others = tuple(text for text, number in numbers.items() if np.isnan(number))[:FIRST_EXAMPLES]
    if wanted == "number" or share >= NEARLY_ALL:
        unreadable = int((values.notna() & read.isna()).sum())
        return replace(_numbers(read.reset_index(drop=True), spelt, unreadable), share_numbers=share, no_numbers=others)
    return ReadColumn(_objects(held), "string", counts, share, others)


def as_texts(values: pd.Series) -> pd.Series:
    """Every value as text without blanks around it, missing as None; whole numbers are the same text in every type."""
    memory: dict[object, str] = {}
    texts: list[str | None] = []
    missing = values.isna().to_numpy()
    for value, lacking in zip(values.tolist(), missing, strict=True):
        if lacking:
            texts.append(None)
            continue
        key = value if isinstance(value, str) else (type(value).__name__, str(value))
        if key not in memory:
            whole = isinstance(value, float) and value.is_integer()
            memory[key] = str(int(value) if whole else value).strip()
        texts.append(memory[key])
    return pd.Series(texts, dtype=object)


def said(columns: Mapping[str, ReadColumn]) -> Sequence[str]:
    """What became of the values of each column that were not taken as they stand."""
    return [words for name, column in columns.items() if (words := column.words(name)) is not None]


def _numbers(values: pd.Series, counts: dict[str, int], unreadable: int = 0) -> ReadColumn:
    infinite = np.isinf(values.to_numpy())
    counts = counts | ({"no number": unreadable} if unreadable else {})
    counts |= {"infinite": int(infinite.sum())} if infinite.any() else {}
    finite = values.where(~infinite, np.nan).reset_index(drop=True)
    if not finite.notna().any():
        return ReadColumn(finite, None, counts)
    whole = bool(finite.notna().all() and (finite == np.floor(finite)).all())
    return ReadColumn(finite, "long" if whole else "double", counts)


def _number(text: str, spelling: Spelling) -> float:
    if _INFINITE.fullmatch(text):
        return -np.inf if text.startswith("-") else np.inf
    if spelling.thousands:
        text = text.replace(spelling.thousands, "")
    if spelling.decimal != ".":
        text = text.replace(".", " ").replace(spelling.decimal, ".")
    return float(text) if _NUMBER.fullmatch(text) else np.nan


def _objects(texts: pd.Series) -> pd.Series:
    held = texts.astype(object).reset_index(drop=True)
    return held.where(held.notna(), None)
