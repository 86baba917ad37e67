"""Counting: purchase histories in, the distinct ones and how many customers each stands for out.

A fit costs what the distinct histories cost, so from a million customers on this is most of it. Histories of whole days
are numbered, and counted in a table of all that may occur; all others are told apart by `distinct`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .blocks import THREADS, Scratch, on_all_processors
from .codes import LARGEST, ROWS_AT_ONCE, FloatArray, IndexArray, whole_unit
from .distinct import distinct
from .histories import Histories, WholeDays, checked_histories, history_columns

MOST_DAYS = 2.0**22
"""Days up to which the two of a pair follow from its number by a square root; eleven thousand years."""

LEAST_ROOM, MOST_ROOM = 1 << 13, 1 << 22
"""Places that a table of counts has; it has one for each row between these. A larger one takes longer to read and lies
too far away, a smaller one leaves more to be sorted."""

ROWS_A_TABLE = 1 << 22
"""Rows beyond which it pays to count on another processor."""


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
    starts, longest = range(0, len(x), ROWS_AT_ONCE), observed.max()
    unit = whole_unit(t_x, observed)
    if not unit or not 0 <= longest < MOST_DAYS / unit:
        return None
    pairs = _pairs_before(np.rint(longest * unit) + 1)
    room = min(max(len(x), LEAST_ROOM), MOST_ROOM)
    places = np.empty(len(x), dtype=np.intp)
    scratch = Scratch(columns=5, rows=min(len(x), ROWS_AT_ONCE))

    def fill(start: int) -> FloatArray | None:
        rows = slice(start, start + ROWS_AT_ONCE)
        purchases = x[rows]
        with scratch.taken(len(purchases)) as (last, end, number, spare, flags), np.errstate(over="ignore"):
            usable, alike = flags.view(np.bool_)[: 2 * len(purchases)].reshape(2, -1)
            np.rint(np.multiply(t_x[rows], unit, out=last), out=last)
            np.rint(np.multiply(observed[rows], unit, out=end), out=end)
            np.less_equal(last, end, out=usable)
            usable &= np.equal(np.divide(last, unit, out=spare), t_x[rows], out=alike)
            usable &= np.equal(np.divide(end, unit, out=spare), observed[rows], out=alike)
            usable &= np.equal(np.floor(purchases, out=spare), purchases, out=alike)
            if not usable.all() or last.min() < 0 or purchases.min() < 0:
                return None
            _pairs_before(end, out=number)
            number += last
            number += np.multiply(purchases, pairs, out=spare)
            if not number.max() < LARGEST:
                return None
            places[rows] = np.minimum(number, room, out=spare)
            beyond: FloatArray = number.take(np.flatnonzero(np.greater_equal(number, room, out=usable)))
            return beyond

    parts = on_all_processors(fill, starts)
    rest = [part for part in parts if part is not None]
    if len(rest) < len(parts):
        return None
    # The place beyond the table is that of all others together. Another table has to be read and added.
    shares = np.array_split(places, min(THREADS, 1 + len(places) // ROWS_A_TABLE))
    table, *others = on_all_processors(lambda share: np.bincount(share, minlength=room + 1), shares)
    for other in others:
        table += other
    # Places are found several times as fast by a mask, and short whole numbers sorted twice as fast as floats.
    seen, beyond = np.flatnonzero(table[:room] != 0), np.concatenate(rest)
    short = np.int32 if beyond.max(initial=0) <= np.iinfo(np.int32).max else np.int64
    rare, times = np.unique(beyond.astype(short), return_counts=True)
    cases = _histories_of(np.concatenate([seen, rare.astype(np.intp)]), pairs, unit)
    return None if cases is None else (cases, np.concatenate([table.take(seen), times]).astype(np.float64))


def _histories_of(numbers: IndexArray, pairs: float, unit: float) -> Histories | None:
    """Back from numbers, in ascending order, to histories; None if purchases contradict the last day of some."""
    # Memory in few and large pieces is handed out several times as fast.
    whole, (frequency, recency, T) = np.empty((3, len(numbers)), dtype=np.intp), np.empty((3, len(numbers)))
    scratch = Scratch(columns=4, rows=min(len(numbers), ROWS_AT_ONCE))

    def fill(start: int) -> bool:
        rows = slice(start, start + ROWS_AT_ONCE)
        with scratch.taken(len(numbers[rows])) as (last, end, purchases, spare):
            last[:] = numbers[rows]
            np.floor(np.divide(last, pairs, out=purchases), out=purchases)
            last -= np.multiply(purchases, pairs, out=spare)
            # The largest day before which there are no more pairs, by the square root of (day + 1/2)^2.
            np.multiply(last, 2, out=end)
            end += 0.25
            np.sqrt(end, out=end)
            end -= 0.5
            np.floor(end, out=end)
            last -= _pairs_before(end, out=spare)
            for place, number in zip(whole, (purchases, last, end), strict=True):
                place[rows] = number
            frequency[rows] = purchases
            np.divide(last, unit, out=recency[rows])
            np.divide(end, unit, out=T[rows])
            return bool(((purchases > 0) == (last > 0)).all())

    usable = all(on_all_processors(fill, range(0, len(numbers), ROWS_AT_ONCE)))
    return Histories(frequency, recency, T, WholeDays(unit, *whole)) if usable else None


def _pairs_before(day: Any, out: FloatArray | None = None) -> Any:
    """How many pairs of days end before that day."""
    pairs = np.add(day, 1, out=out)
    pairs *= day
    pairs *= 0.5
    return pairs
