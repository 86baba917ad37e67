"""The distinct rows of columns: customers with the same history are one case, and predicted once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .blocks import by_blocks
from .codes import Code, FloatArray, IndexArray
from .histories import Histories

_SAMPLE = 8192
"""Rows that tell whether a table has enough of equal ones."""

_WORTHWHILE = 3.0
"""Rows per distinct one from which `representatives` looks for them."""

_ROOM = 4
"""Places that a table of codes may have for each row."""


def distinct(*columns: FloatArray) -> tuple[IndexArray, IndexArray]:
    """Find the distinct rows of several columns of equal length, in linear time.

    Rows of few counts and days are looked up in a table. Every other one is sent to a slot by a hash of its bits. Rows
    that equal the owner of their slot are done; the few that met a stranger there are sorted.

    Parameters
    ----------
    *columns : ndarray of float64, shape (n,)
        Without NaN.

    Returns
    -------
    first : ndarray of int, shape (m,)
        Position of one representative of every distinct row, in no particular order.
    inverse : ndarray of int, shape (n,)
        For every row, the position of its representative within `first`.

    Examples
    --------
    >>> first, inverse = distinct(np.array([2.0, 1.0, 2.0]), np.array([5.0, 5.0, 5.0]))
    >>> len(first), bool(inverse[0] == inverse[2])
    (2, True)
    """
    n = len(columns[0])
    if n >= _SAMPLE and (numbered := _numbered(columns, _ROOM * n)):
        return _distinct_by_number(*numbered)
    bits = max(int(n).bit_length() + 1, 8)
    slot = by_blocks(lambda *block: _hashed(block, bits), *columns, dtype=np.intp)
    # Half the width of an index, where that suffices, is half the memory to search.
    width = np.int32 if n < np.iinfo(np.int32).max else np.intp
    owner: NDArray[np.signedinteger[Any]] = np.full(1 << bits, -1, dtype=width)
    owner[slot] = np.arange(n, dtype=width)

    owned = np.flatnonzero(owner >= 0)
    first = owner[owned].astype(np.intp)
    number = owner
    number[owned] = np.arange(len(owned), dtype=width)
    inverse = by_blocks(number.take, slot, dtype=np.intp)
    owners = [column[first] for column in columns]

    def met_a_stranger(inverse: IndexArray, *block: FloatArray) -> NDArray[np.bool_]:
        unlike = np.zeros(len(inverse), dtype=bool)
        for theirs, own in zip(owners, block, strict=True):
            unlike |= theirs.take(inverse) != own
        return unlike

    strangers = np.flatnonzero(by_blocks(met_a_stranger, inverse, *columns, dtype=np.bool_))
    if strangers.size:
        first_of_rest, inverse_of_rest = _distinct_by_sorting([column[strangers] for column in columns])
        inverse[strangers] = len(first) + inverse_of_rest
        first = np.concatenate([first, strangers[first_of_rest]])
    return first, inverse


def coded(values: FloatArray) -> tuple[FloatArray, IndexArray]:
    """Take a column apart into a table of its values and the place of each row in it.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Without NaN.

    Returns
    -------
    table : ndarray, shape (m,)
        The distinct values; of counts and days all that may occur, where these are no more than the rows.
    place : ndarray of int, shape (n,)

    Examples
    --------
    >>> coded(np.array([3.0, 0.0, 3.0, 1.0]))
    (array([0., 1., 2., 3.]), array([3, 0, 3, 1]))
    """
    if len(values) and (code := Code.of(values)) and code.size <= len(values):
        place = code.numbers(values)
        if place is not None:
            return np.arange(code.size) / code.units[0], place
    first, place = distinct(values)
    return values[first], place


def coded_histories(histories: Histories) -> list[tuple[FloatArray, IndexArray]]:
    """The columns of histories, each taken apart as by `coded`.

    Whole days are numbers of their places already. Of other times hardly any two are equal, so each row has its own
    place.
    """
    days = histories.days
    if days is None or not len(histories):
        each = np.arange(len(histories))
        return [coded(histories.frequency), (histories.recency, each), (histories.T, each)]
    columns = ((days.frequency, 1.0), (days.recency, days.unit), (days.T, days.unit))
    return [_coded_whole(place, unit) for place, unit in columns]


def _coded_whole(place: IndexArray, unit: float) -> tuple[FloatArray, IndexArray]:
    """Take a column of whole numbers apart as `coded` does; its table has no more places than there are rows."""
    most = int(place.max())
    if most < len(place):
        return np.arange(most + 1) / unit, place
    taken, place = np.unique(place, return_inverse=True)
    return taken / unit, place


def representatives(*columns: FloatArray) -> tuple[IndexArray, IndexArray] | None:
    """Find the distinct rows as `distinct` does, or None where they are hardly fewer than all rows.

    Where time is continuous nearly every row is a case of its own, and looking for equal ones costs more than it
    saves. A sample tells: among m rows of D equally frequent ones :math:`m^2 / 2D` pairs are expected to be equal.

    Parameters
    ----------
    *columns : ndarray of float64, shape (n,)
        Without NaN.
    """
    n = len(columns[0])
    if n >= _SAMPLE and (numbered := _numbered(columns, n / _WORTHWHILE)):
        return _distinct_by_number(*numbered)
    if n >= 2 * _SAMPLE:
        sample = [np.ascontiguousarray(column[:: n // _SAMPLE]) for column in columns]
        m = len(sample[0])
        first, _ = _distinct_by_sorting(sample)
        if (m - len(first)) * n < _WORTHWHILE * m**2 / 2:
            return None
    return distinct(*columns)


def _numbered(columns: Sequence[FloatArray], most: float) -> tuple[IndexArray, int] | None:
    """Numbers of rows of counts and days, and one more than the largest; None if there may be too many, or no such."""
    code = Code.of(*columns)
    numbers = code.numbers(*columns) if code and code.size <= most else None
    return None if code is None or numbers is None else (numbers, code.size)


def _distinct_by_number(numbers: IndexArray, size: int) -> tuple[IndexArray, IndexArray]:
    """The distinct rows by a table of all numbers below `size`."""
    owner = np.full(size, -1, dtype=np.intp)
    owner[numbers] = np.arange(len(numbers))
    owned = np.flatnonzero(owner >= 0)
    first = owner[owned]
    owner[owned] = np.arange(len(owned))
    return first, by_blocks(owner.take, numbers, dtype=np.intp)


def _hashed(columns: Sequence[FloatArray], bits: int) -> IndexArray:
    """Send rows to one of ``2 ** bits`` slots by Fibonacci hashing of their bits (0.0 and -0.0 are one)."""
    factor = np.uint64(0x9E3779B97F4A7C15)
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed ^= mixed >> np.uint64(32)
        mixed ^= (column + 0.0).view(np.uint64)
        mixed *= factor
    mixed >>= np.uint64(64 - bits)
    return mixed.view(np.int64)


def _distinct_by_sorting(columns: Sequence[FloatArray]) -> tuple[IndexArray, IndexArray]:
    order = np.lexsort(columns)
    changes = np.zeros(len(order), dtype=bool)
    changes[0] = True
    for column in columns:
        ranked = column[order]
        changes[1:] |= ranked[1:] != ranked[:-1]
    inverse = np.empty(len(order), dtype=np.intp)
    inverse[order] = np.cumsum(changes) - 1
    return order[changes], inverse
