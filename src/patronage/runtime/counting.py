"""Counting: purchase histories in, the distinct ones and how many customers each stands for out.

A fit costs what the distinct histories cost, so from a million customers on this is most of it. Histories of whole days
are numbered, and counted in a table of all that may occur; all others are told apart by `distinct`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .blocks import on_all_processors
from .codes import LARGEST, ROWS_AT_ONCE, FloatArray, IndexArray, whole_unit
from .distinct import distinct
from .histories import Histories, WholeDays, checked_histories, history_columns

MOST_DAYS = 2.0**22
"""Days up to which the two of a pair follow from its number by a square root; eleven thousand years."""

LEAST_ROOM, MOST_ROOM = 1 << 13, 1 << 22
"""Places that a table of counts has; it has one for each row between these. A larger one takes longer to read and lies
too far away, a smaller one leaves more to be sorted."""


def counted_histories(
    frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, ids: Sequence[Any] | None = None
) -> tuple[Histories, FloatArray]:
    """Turn three columns into distinct `Histories` and how many rows each stands for, or refuse them.

    Parameters and errors are those of `checked_histories`.

    Returns
    -------
    cases : Histories
        m distinct ones; of whole days in the order of their frequency.
    counts : ndarray of float64, shape (m,)

    Examples
    --------
    >>> counted_histories([2, 0, 2], [3.0, 0.0, 3.0], [4.0, 5.0, 4.0])[1]
    array([1., 2.])
    """
    x, t_x, observed = history_columns(frequency, recency, T)
    counted = _counted_days(x, t_x, observed) if len(x) else None
    if counted is not None:
        return counted
    histories = checked_histories(x, t_x, observed, ids=ids)
    first, inverse = distinct(*histories.columns)
    return histories.take(first), np.bincount(inverse, minlength=len(first)).astype(np.float64)


def _counted_days(x: FloatArray, t_x: FloatArray, observed: FloatArray) -> tuple[Histories, FloatArray] | None:
    r"""Check and count histories of whole days in one pass; None if a row is not of whole days, or not usable.

    With x purchases, the last on day i of j, a row is number :math:`x\,P + j (j+1) / 2 + i`, where P is the number of
    pairs of days. Rows of few purchases, nearly all, are counted in a table of all that may occur; the others are
    sorted. So cases come in one order, whatever that of the rows.
    """
    unit, longest = whole_unit(t_x, observed), observed.max()
    if not unit or not 0 <= longest < MOST_DAYS / unit:
        return None
    pairs = _pairs_before(np.rint(longest * unit) + 1)
    room = min(max(len(x), LEAST_ROOM), MOST_ROOM)
    places = np.empty(len(x), dtype=np.intp)

    def fill(start: int) -> FloatArray | None:
        rows = slice(start, start + ROWS_AT_ONCE)
        purchases, last, end = x[rows], np.rint(t_x[rows] * unit), np.rint(observed[rows] * unit)
        usable = last <= end
        usable &= last / unit == t_x[rows]
        usable &= end / unit == observed[rows]
        usable &= np.floor(purchases) == purchases
        if not usable.all() or last.min() < 0 or purchases.min() < 0:
            return None
        with np.errstate(over="ignore"):
            number: FloatArray = purchases * pairs
        number += _pairs_before(end)
        number += last
        if not number.max() < LARGEST:
            return None
        places[rows] = np.minimum(number, room)
        return number[number >= room]

    parts = on_all_processors(fill, range(0, len(x), ROWS_AT_ONCE))
    others = [part for part in parts if part is not None]
    if len(others) < len(parts):
        return None
    # The place beyond the table is that of all others together.
    table = np.bincount(places, minlength=room)[:room]
    # Places are found several times as fast by a mask, and short whole numbers sorted twice as fast as floats.
    seen, beyond = np.flatnonzero(table != 0), np.concatenate(others)
    short = np.int32 if beyond.max(initial=0) <= np.iinfo(np.int32).max else np.int64
    rare, times = np.unique(beyond.astype(short), return_counts=True)
    days = _days_of(np.concatenate([seen, rare.astype(np.intp)]), int(pairs), unit)
    if ((days.frequency > 0) != (days.recency > 0)).any():
        return None
    counts = np.concatenate([table[seen], times]).astype(np.float64)
    return Histories(days.frequency.astype(np.float64), days.recency / unit, days.T / unit, days), counts


def _days_of(numbers: IndexArray, pairs: int, unit: float) -> WholeDays:
    """Back from numbers, in ascending order, to purchases and days."""
    days = WholeDays(unit, *(np.empty(len(numbers), dtype=np.intp) for _ in range(3)))

    def fill(start: int) -> None:
        rows = slice(start, start + ROWS_AT_ONCE)
        number = numbers[rows].astype(np.float64)
        purchases = np.floor(number / pairs)
        number -= purchases * pairs
        end = np.floor((np.sqrt(8 * number + 1) - 1) / 2)
        days.frequency[rows], days.T[rows], days.recency[rows] = purchases, end, number - _pairs_before(end)

    on_all_processors(fill, range(0, len(numbers), ROWS_AT_ONCE))
    return days


def _pairs_before(day: Any) -> Any:
    """How many pairs of days end before that day."""
    return day * (day + 1) * 0.5
