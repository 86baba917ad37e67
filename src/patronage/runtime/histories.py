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
from .blocks import by_blocks, on_all_processors
from .codes import LARGEST, ROWS_AT_ONCE, Code, whole_unit

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

FIRST_EXAMPLES = 5

_SAMPLE = 8192
_WORTHWHILE = 3.0
"""Rows per distinct one from which `representatives` looks for them."""


_MOST_DAYS = 2.0**22
"""Days up to which the two of a pair follow from its number by a square root; eleven thousand years."""

_ROOM = 4
"""Places that a table of codes may have for each row."""

_ROWS_A_PLACE = 1
"""Rows for each of which a table of counts has a place. A larger one takes longer to read, a smaller one leaves more to
be sorted."""

_MOST_ROOM = 1 << 22
"""Places of a table beyond which memory is too far away."""


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
    x, t_x, observed = _columns(frequency, recency, T)
    if len(x) == 0 or _usable(x, t_x, observed):
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


def counted_histories(
    frequency: ArrayLike, recency: ArrayLike, T: ArrayLike, ids: Sequence[Any] | None = None
) -> tuple[Histories, FloatArray]:
    """Turn three columns into distinct `Histories` and how many rows each stands for, or refuse them.

    Parameters and errors are those of `checked_histories`.

    Returns
    -------
    cases : Histories
        m distinct ones.
    counts : ndarray of float64, shape (m,)

    Examples
    --------
    >>> counted_histories([2, 0, 2], [3.0, 0.0, 3.0], [4.0, 5.0, 4.0])[1]
    array([1., 2.])
    """
    x, t_x, observed = _columns(frequency, recency, T)
    counted = _counted_days(x, t_x, observed) if len(x) else None
    if counted is not None:
        return counted
    histories = checked_histories(x, t_x, observed, ids=ids)
    first, inverse = distinct(*histories.columns)
    return histories.take(first), np.bincount(inverse, minlength=len(first)).astype(np.float64)


def _columns(frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> list[FloatArray]:
    """The columns as numbers; `InputError` if they are none, or not of one length."""
    named = (("frequency", frequency), ("recency", recency), ("T", T))
    columns = [as_numbers(name, column) for name, column in named]
    if any(column.ndim != 1 or column.shape != columns[0].shape for column in columns):
        shapes = ", ".join(str(column.shape) for column in columns)
        message = f"frequency, recency and T must be three columns of one length; got shapes {shapes}."
        raise InputError(message)
    return columns


def _counted_days(x: FloatArray, t_x: FloatArray, observed: FloatArray) -> tuple[Histories, FloatArray] | None:
    r"""Check and count histories of whole days in one pass; None if a row is not of whole days, or not usable.

    With x purchases, the last on day i of j, a row is number :math:`x\,P + j (j+1) / 2 + i`, where P is the number of
    pairs of days. Rows of few purchases, nearly all, are counted in a table of all that may occur; the others are
    sorted. So cases come in one order, whatever that of the rows.
    """
    unit = whole_unit(t_x, observed)
    if not unit or not 0 <= observed.max() < _MOST_DAYS / unit:
        return None
    pairs = _pairs_before(np.rint(observed.max() * unit) + 1)
    room = min(max(len(x) // _ROWS_A_PLACE, _SAMPLE), _MOST_ROOM)
    numbers = np.empty(len(x), dtype=np.intp)

    def fill(start: int) -> FloatArray | None:
        rows = slice(start, start + ROWS_AT_ONCE)
        count, last, end = x[rows], np.rint(t_x[rows] * unit), np.rint(observed[rows] * unit)
        exact = (last / unit == t_x[rows]).all() and (end / unit == observed[rows]).all()
        ordered = last.min() >= 0 and (last <= end).all() and ((count > 0) == (last > 0)).all()
        with np.errstate(over="ignore"):
            number: FloatArray = count * pairs + _pairs_before(end) + last
        whole = (np.floor(count) == count).all() and count.min() >= 0 and number.max() < LARGEST
        if not (exact and ordered and whole):
            return None
        numbers[rows] = np.minimum(number, room)
        return number[number >= room]

    parts = on_all_processors(fill, range(0, len(x), ROWS_AT_ONCE))
    others = [part for part in parts if part is not None]
    if len(others) < len(parts):
        return None
    # The place beyond the table is that of all others together.
    table = np.bincount(numbers, minlength=room)[:room]
    seen = np.flatnonzero(table > 0)
    rare, times = np.unique(np.concatenate(others), return_counts=True)
    number = np.concatenate([seen, rare])
    purchases = np.floor(number / pairs)
    number -= purchases * pairs
    end = np.floor((np.sqrt(8 * number + 1) - 1) / 2)
    last = number - _pairs_before(end)
    return Histories(purchases, last / unit, end / unit), np.concatenate([table[seen], times]).astype(np.float64)


def _pairs_before(day: Any) -> Any:
    """How many pairs of days end before that day."""
    return day * (day + 1) * 0.5


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


def _usable(x: FloatArray, t_x: FloatArray, observed: FloatArray) -> bool:
    """Whether all rows, one or more, pass every check of `checked_histories`; comparisons with NaN are false."""

    def consistent(start: int) -> bool:
        rows = slice(start, start + ROWS_AT_ONCE)
        count, last, end = x[rows], t_x[rows], observed[rows]
        bounded = count.min() >= 0 and last.min() >= 0 and count.max() < np.inf and end.max() < np.inf
        ordered = (last <= end).all() and ((count > 0) == (last > 0)).all()
        return bool(bounded and ordered and (np.floor(count) == count).all())

    return all(on_all_processors(consistent, range(0, len(x), ROWS_AT_ONCE)))


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
