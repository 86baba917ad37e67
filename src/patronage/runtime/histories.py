"""Purchase histories: the columns frequency, recency and T, checked, and without their repetitions.

A purchase model knows of a customer only these three numbers, so customers with the same three are one case: they are
estimated with a weight and predicted once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .blocks import by_blocks
from .time_unit import DAYS_PER_WEEK, DAYS_PER_YEAR

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

FIRST_EXAMPLES = 5

_SAMPLE = 8192
_WORTHWHILE = 3.0
"""Rows per distinct one from which `representatives` looks for them."""


_UNITS = (1.0, DAYS_PER_WEEK, DAYS_PER_YEAR)
"""Units of time in days, in which whole days are looked for."""

_TRIED = 64
"""Rows that tell whether it is worth looking."""

_ROOM = 4
"""Rows for each of which a table of codes may have so many places."""


@dataclass(frozen=True, slots=True)
class Histories:
    """Purchase histories of `n` customers.

    Attributes
    ----------
    frequency : ndarray of float64, shape (n,)
        Number of repeat purchases, whole, 0 and above.
    recency : ndarray of float64, shape (n,)
        Time of the last purchase after the first one, in the model's time unit; 0 where frequency is 0.
    T : ndarray of float64, shape (n,)
        Time of observation after the first purchase, in the model's time unit; not below recency.
    """

    frequency: FloatArray
    recency: FloatArray
    T: FloatArray

    def __len__(self) -> int:
        return len(self.frequency)

    @property
    def columns(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The columns frequency, recency, T."""
        return self.frequency, self.recency, self.T

    def take(self, index: IndexArray) -> "Histories":
        """Return the histories at the positions `index`."""
        return Histories(self.frequency[index], self.recency[index], self.T[index])


def checked_histories(
    frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, ids: Sequence[Any] | None = None
) -> Histories:
    """Turn three columns into `Histories`, or refuse them with everything that is wrong.

    Parameters
    ----------
    frequency, recency, T : array-like, shape (n,)
        As described in `Histories`.
    ids : sequence of length n, optional
        Names of the rows for the error message; positions are used if there are none.

    Raises
    ------
    InputError
        If the columns differ in length or any row is not finite, negative, has recency > T, a frequency that is not
        whole, or purchases that contradict recency (frequency 0 with recency > 0, or the reverse). All reasons are
        found at once, with the number of rows and the first ids of each.

    Examples
    --------
    >>> checked_histories([2], [10.0], [8.0])
    Traceback (most recent call last):
        ...
    patronage.errors.InputError: 1 of 1 purchase histories cannot be used: recency above T (1 row, first: 0). ...
    """
    named = (("frequency", frequency), ("recency", recency), ("T", T))
    columns = [as_numbers(name, column) for name, column in named]
    x, t_x, observed = columns
    if any(column.ndim != 1 or column.shape != x.shape for column in columns):
        shapes = ", ".join(str(column.shape) for column in columns)
        message = f"frequency, recency and T must be three columns of one length; got shapes {shapes}."
        raise InputError(message)
    if by_blocks(_usable, *columns, dtype=np.bool_).all():
        return Histories(x, t_x, observed)
    finite = np.isfinite(x) & np.isfinite(t_x) & np.isfinite(observed)
    failures = {
        "a value that is missing or not finite": ~finite,
        "frequency negative or not whole": finite & ((x < 0) | (x != np.floor(x))),
        "recency negative": finite & (t_x < 0),
        "recency above T": finite & (t_x > observed),
        "frequency 0 with recency above 0": finite & (x == 0) & (t_x > 0),
        "frequency above 0 with recency 0": finite & (x > 0) & (t_x == 0),
    }
    refuse_rows(failures, what="purchase histories", ids=ids)
    return Histories(x, t_x, observed)


def as_numbers(name: str, values: ArrayLike) -> FloatArray:
    """Turn a column into numbers.

    Raises
    ------
    InputError
        If it holds text, or dates and durations, whose unit is not that of a model.
    """
    array = np.asarray(values)
    if array.dtype.kind in "mM":
        message = (
            f"{name} holds dates or durations ({array.dtype}), not numbers: divide durations by the time unit of the "
            "model, such as numpy.timedelta64(7, 'D') for weeks."
        )
        raise InputError(message)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{name} must hold numbers: {error}."
        raise InputError(message) from error


def _usable(x: FloatArray, t_x: FloatArray, observed: FloatArray) -> NDArray[np.bool_]:
    """Whether rows pass every check of `checked_histories`; comparisons with NaN are false."""
    whole = (x >= 0) & (x < np.inf) & (x == np.floor(x))
    ordered = (t_x >= 0) & (t_x <= observed) & (observed < np.inf)
    usable: NDArray[np.bool_] = whole & ordered & ((x > 0) == (t_x > 0))
    return usable


def refuse_rows(failures: dict[str, NDArray[np.bool_]], what: str, ids: Sequence[Any] | None = None) -> None:
    """Raise one `InputError` that names every failing check, its number of rows and their first ids.

    Parameters
    ----------
    failures : dict of str to boolean array, shape (n,)
        Reason to the mask of rows that fail for it.
    what : str
        What the rows are, in the plural, for the message.
    ids : sequence of length n, optional
        Names of the rows; positions if there are none.
    """
    counts = {reason: int(mask.sum()) for reason, mask in failures.items() if mask.any()}
    if not counts:
        return
    any_failure = np.logical_or.reduce(list(failures.values()))

    def first(mask: NDArray[np.bool_]) -> list[str]:
        return [str(ids[i] if ids is not None else i) for i in np.flatnonzero(mask)[:FIRST_EXAMPLES]]

    parts = [
        f"{reason} ({count:,} row{'s' if count > 1 else ''}, first: {', '.join(first(failures[reason]))})"
        for reason, count in counts.items()
    ]
    message = (
        f"{int(any_failure.sum()):,} of {len(any_failure):,} {what} cannot be used: {'; '.join(parts)}. "
        "Correct these rows or leave them out."
    )
    raise InputError(message, counts=counts, first_ids=first(any_failure))


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
    if n >= _SAMPLE and (coded := _coded(columns)) is not None:
        return _distinct_by_code(*coded)
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
    if n >= 2 * _SAMPLE:
        sample = [np.ascontiguousarray(column[:: n // _SAMPLE]) for column in columns]
        m = len(sample[0])
        first, _ = _distinct_by_sorting(sample)
        if (m - len(first)) * n < _WORTHWHILE * m**2 / 2:
            return None
    return distinct(*columns)


def _coded(columns: Sequence[FloatArray]) -> tuple[IndexArray, int] | None:
    """Number rows of counts and days, in whatever unit, in a small table of all that may occur; None if there is none.

    Returns
    -------
    codes : ndarray of int, shape (n,)
        Equal where the rows are.
    size : int
        One more than the largest that may occur.
    """
    units, sizes = list[float](), list[float]()
    for column in columns:
        some = column[:_TRIED]
        fits = [unit for unit in _UNITS if np.array_equal(np.rint(some * unit) / unit, some)]
        if not fits:
            return None
        units.append(fits[0])
        sizes.append(float(np.rint(column.max() * fits[0])) + 1)
    if not 0 < np.prod(sizes) <= _ROOM * len(columns[0]):
        return None

    def pack(*block: FloatArray) -> IndexArray:
        packed = np.zeros(len(block[0]))
        exact = np.ones(len(block[0]), dtype=bool)
        for column, unit, size in zip(block, units, sizes, strict=True):
            place = column if unit == 1 else column * unit
            whole = np.rint(place)
            exact &= (whole == column) if unit == 1 else (whole / unit == column)
            packed = packed * size + whole
        # One row that is no whole number, or below 0, makes all codes useless; a code below 0 tells.
        if not exact.all() or any(column.min() < 0 for column in block):
            packed[0] = -1.0
        return packed.astype(np.intp)

    codes = by_blocks(pack, *columns, dtype=np.intp)
    return (codes, int(np.prod(sizes))) if codes.min() >= 0 else None


def _distinct_by_code(codes: IndexArray, size: int) -> tuple[IndexArray, IndexArray]:
    """The distinct rows by a table of all codes."""
    owner = np.full(size, -1, dtype=np.intp)
    owner[codes] = np.arange(len(codes))
    owned = np.flatnonzero(owner >= 0)
    first = owner[owned]
    owner[owned] = np.arange(len(owned))
    return first, by_blocks(owner.take, codes, dtype=np.intp)


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
