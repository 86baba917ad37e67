"""How a number or a text is said in a reason: the small grammar that the wordings of features are made of."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .histories import FloatArray


@dataclass(frozen=True)
class Leaning:
    """Words that sound as if a customer were about to leave, or to stay.

    Attributes
    ----------
    words : str
    raises : bool
        Whether they sound like leaving.
    plain : str
        The same facts without a direction, for a reason that works the other way.
    """

    words: str
    raises: bool
    plain: str

    def where(self, raises: bool) -> str:
        """What is said where the reason raises the probability of churn, or where it keeps the customer."""
        return self.words if raises == self.raises else self.plain


Phrase = str | Leaning

Say = Callable[..., Phrase]
"""From the values of the columns that a wording reads, rounded, to its words. The first one is never missing; others
are NaN where they are missing, or where the model does not read them. A wording that compares gets one value more, the
last: 1 where the customer is old enough for it, 0 elsewhere. So does one of gaps: 1 where there is one gap alone."""

Rounding = Literal["whole", "money", "share", "ratio", "digits"]

Growth = Literal["raises", "keeps"] | None
"""What more of something sounds like: as if it raised the probability of churn, or as if it kept the customer."""

DIGITS = 3
"""Of numbers whose unit is not known; whole numbers keep all of theirs."""

SMALLEST = 1e-9
"""Smaller numbers of unknown unit are told as 0."""

ORDER_DAYS = "purchase_days"
"""Column that tells how many gaps between orders there are: one less."""

STEPS = {"whole": 1.0, "money": 100.0, "share": 100.0, "ratio": 10.0}
"""By rounding, how many times its values are whole numbers."""

LARGEST_SPAN = 2.0**40
MOST_KEYS = 2**62
DENSE = 4
"""Rows are looked up in a table if it has at most so many places for each of them."""

SMALL_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Wording:
    """How one column is told.

    Attributes
    ----------
    topic : str
        What it is about. Contributions of one topic are summed before the strongest topics are told.
    say : callable
        See `Say`.
    reads : tuple of str
        Further columns that it says.
    rounding : {"whole", "money", "share", "ratio", "digits"}
        How exactly all of them are said, and hence how many different phrases there are.
    reads_rounding : {"whole", "money", "share", "ratio", "digits"}, optional
        How exactly the further columns are said, where it is not as exactly as the column.
    missing : str or Leaning
        What to say where the column itself is missing; that its topic is unknown, if it never should be.
    compares : int
        Days back that it looks at in order to say what was before; 0 if it does not. Of a customer who is not known to
        be so old nothing was before.
    ages : tuple of str
        Columns in days, of which the largest says how old a customer is; for wordings that compare.
    of_gaps : bool
        Whether it tells of gaps between orders. A customer of two order days has one gap, which makes no habit.
    """

    topic: str
    say: Say
    reads: tuple[str, ...] = ()
    rounding: Rounding = "whole"
    missing: Phrase = ""
    compares: int = 0
    ages: tuple[str, ...] = ("tenure_days",)
    of_gaps: bool = False
    reads_rounding: Rounding | None = None


def rounded(values: FloatArray, rounding: Rounding) -> FloatArray:
    """Values as exact as they are said, shape (n,)."""
    if rounding == "whole":
        return np.rint(values) + 0.0
    if rounding == "share":
        return np.round(values, 2) + 0.0
    if rounding == "ratio":
        return np.round(values, 1) + 0.0
    if rounding == "digits":
        size = np.floor(np.log10(np.maximum(np.abs(values), SMALLEST)))
        scale = 10.0 ** np.clip(DIGITS - 1 - size, 0, None)
        told: FloatArray = np.rint(values * scale) / scale + 0.0
        return told
    return np.where(np.abs(values) >= 10, np.rint(values), np.round(values, 2)) + 0.0


def number(value: float) -> str:
    """A number without needless digits.

    Examples
    --------
    >>> number(3.0), number(1234.0), number(0.25), number(29.85)
    ('3', '1,234', '0.25', '29.85')
    """
    if value == round(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def digits(value: float) -> str:
    """A number of unknown unit, which was rounded to `DIGITS`.

    Examples
    --------
    >>> digits(1397.0), digits(70.4), digits(0.00123), digits(29.0)
    ('1,397', '70.4', '0.00123', '29')
    """
    return f"{value:,.0f}" if value == round(value) else f"{value:.{DIGITS}g}"


def small(value: float) -> str:
    """A whole number, in letters where it is small."""
    return SMALL_NUMBERS[int(value)] if 0 <= value < len(SMALL_NUMBERS) else number(value)


def count(value: float, one: str, many: str) -> str:
    """A number of things.

    Examples
    --------
    >>> count(1, "day", "days"), count(74, "day", "days")
    ('1 day', '74 days')
    """
    return f"{number(value)} {one if value == 1 else many}"


def percent(share: float) -> str:
    """A share between 0 and 1 in per cent.

    Examples
    --------
    >>> percent(0.25)
    '25 %'
    """
    return f"{100 * share:.0f} %"


def moved(told: str, value: float, before: float, *, money: bool = False, growth: Growth = None) -> Phrase:
    """A value, and whether it went up or down from what it was; it alone where that is not known.

    Parameters
    ----------
    told : str
        The value in words.
    value, before : float
    money : bool
        Whether they are amounts, which are said as exactly as amounts are.
    growth : {"raises", "keeps"}, optional
        What more of it sounds like; nothing if not given.

    Examples
    --------
    >>> moved("3 calls", 3, 0), moved("2 calls", 2, 2), moved("2 calls", 2, math.nan)
    ('3 calls, up from 0', '2 calls, as before', '2 calls')
    >>> fewer = moved("1 order", 1, 2.5, growth="keeps")
    >>> fewer.where(raises=True), fewer.where(raises=False)
    ('1 order, down from 2.5', '1 order, 2.5 before')
    """
    if math.isnan(before):
        return told
    before = round(before) if money and abs(before) >= 10 else round(before, 1)
    if value == before:
        return f"{told}, as before"
    up = value > before
    words = f"{told}, {'up' if up else 'down'} from {number(before)}"
    return words if growth is None else Leaning(words, up == (growth == "raises"), f"{told}, {number(before)} before")


def before(value: float, longer: float, days: int, longer_days: int) -> float:
    """What an equally long time held on average between the window and the longer one around it.

    Examples
    --------
    >>> before(3, 3, 30, 90), before(1, 5, 90, 180)
    (0.0, 4.0)
    """
    return (longer - value) * days / (longer_days - days)


def said(wording: Wording, name: str, columns: dict[str, FloatArray], raises: NDArray[np.bool_]) -> NDArray[Any]:
    """The words of a column for each row.

    Parameters
    ----------
    wording : Wording
    name : str
        The column.
    columns : dict of str to ndarray, shape (n,)
        It, and those of `Wording.reads`, `Wording.ages` and, if it is of gaps, `ORDER_DAYS` that are there.
    raises : ndarray of bool, shape (n,)
        Where the reason raises the probability of churn; elsewhere it keeps the customer.

    Returns
    -------
    ndarray of object, shape (n,)
    """
    n = len(columns[name])
    nothing = np.full(n, np.nan)
    of_reads = wording.reads_rounding or wording.rounding
    values = [rounded(columns[name], wording.rounding)]
    values += [rounded(columns.get(one, nothing), of_reads) for one in wording.reads]
    steps = [STEPS.get(wording.rounding), *[STEPS.get(of_reads)] * len(wording.reads)]
    if wording.compares:
        values.append(_old_enough(wording, columns, n).astype(np.float64))
    if wording.of_gaps:
        values.append((np.rint(columns.get(ORDER_DAYS, nothing)) == 2).astype(np.float64))
    steps += [1.0] * (len(values) - len(steps))
    missing = wording.missing or f"{wording.topic} unknown"
    # Phrases are made once for all rows that say the same.
    rows, place = _distinct(values, steps)
    raising, keeping = np.empty(len(rows), dtype=object), np.empty(len(rows), dtype=object)
    for position, row in enumerate(rows):
        phrase = missing if math.isnan(row[0]) else wording.say(*row)
        raising[position] = phrase.where(raises=True) if isinstance(phrase, Leaning) else phrase
        keeping[position] = phrase.where(raises=False) if isinstance(phrase, Leaning) else phrase
    return np.where(raises, raising[place], keeping[place])


def _old_enough(wording: Wording, columns: dict[str, FloatArray], n: int) -> NDArray[np.bool_]:
    """Whether each customer is known to be as old as the days that are compared."""
    age = np.full(n, np.nan)
    for one in wording.ages:
        age = np.fmax(age, columns.get(one, age))
    # Ages in other units than days come back from them with the rounding of a division.
    return np.asarray(np.rint(age) >= wording.compares)


def _distinct(values: list[FloatArray], steps: list[float | None]) -> tuple[list[tuple[float, ...]], NDArray[np.intp]]:
    """Distinct rows of some columns, and which of them each row is.

    Columns whose values are whole in steps of a size are numbered without comparing any two of them.
    """
    key = np.zeros(len(values[0]), dtype=np.int64)
    for column, of_column in zip(values, steps, strict=True):
        code, size = _coded(column, of_column)
        if size > MOST_KEYS // (int(key.max(initial=0)) + 1):
            key = np.unique(key, return_inverse=True)[1].reshape(-1)
        key = key * size + code
    span = int(key.max(initial=0)) + 1
    if span <= DENSE * len(key):
        last = np.full(span, -1)
        last[key] = np.arange(len(key))
        there = np.flatnonzero(last >= 0)
        rank = np.empty(span, dtype=np.intp)
        rank[there] = np.arange(len(there))
        example, place = last[there], rank[key]
    else:
        _, example, place = np.unique(key, return_index=True, return_inverse=True)
        place = place.reshape(-1)
    return list(zip(*(column[example].tolist() for column in values), strict=True)), place


def _coded(column: FloatArray, steps: float | None) -> tuple[NDArray[np.int64], int]:
    """A whole number for each value, 0 where it is missing, and one more than the largest of them."""
    if steps is not None:
        whole = np.rint(column * steps)
        low, high = np.fmin.reduce(whole, initial=np.inf), np.fmax.reduce(whole, initial=-np.inf)
        if low > high:
            return np.zeros(len(column), dtype=np.int64), 1
        if high - low < LARGEST_SPAN:
            return np.where(np.isnan(whole), 0.0, whole - low + 1).astype(np.int64), int(high - low) + 2
    known, code = np.unique(column, return_inverse=True)
    return code.reshape(-1), len(known)
