"""Purchase histories: the columns frequency, recency and T, checked.

A purchase model knows of a customer only these three numbers. Customers with the same three are one case: `counting`
counts them for a fit, and `distinct` finds them for predictions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InputError
from .blocks import on_all_processors
from .codes import ROWS_AT_ONCE
from .codes import FloatArray as FloatArray
from .codes import IndexArray as IndexArray

FIRST_EXAMPLES = 5

TIMES = (date, timedelta, np.datetime64, np.timedelta64)
"""Types of dates and durations; numpy would make a number of some by leaving the unit out."""

COMPLEX = (complex, np.complexfloating)
"""Types of which numpy would make a real number by leaving the imaginary part out."""


@dataclass(frozen=True, slots=True)
class WholeDays:
    """Histories of whole days as whole numbers, by which tables are looked up.

    Attributes
    ----------
    unit : float
        Days of the unit in which the histories are stated.
    frequency, recency, T : ndarray of int, shape (n,)
        Purchases and days.
    """

    unit: float
    frequency: IndexArray
    recency: IndexArray
    T: IndexArray

    def take(self, index: IndexArray) -> "WholeDays":
        """Return those at the positions `index`."""
        return WholeDays(self.unit, self.frequency[index], self.recency[index], self.T[index])


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
    days : WholeDays, optional
        The same as whole numbers, where they are known.
    """

    frequency: FloatArray
    recency: FloatArray
    T: FloatArray
    days: "WholeDays | None" = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.frequency)

    @property
    def columns(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """The columns frequency, recency, T."""
        return self.frequency, self.recency, self.T

    def take(self, index: IndexArray) -> "Histories":
        """Return the histories at the positions `index`."""
        days = self.days.take(index) if self.days else None
        return Histories(self.frequency[index], self.recency[index], self.T[index], days)


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
    x, t_x, observed = history_columns(frequency, recency, T)
    if len(x) == 0 or _usable(x, t_x, observed):
        return Histories(x, t_x, observed)
    refuse_rows(history_failures(x, t_x, observed), what="purchase histories", ids=ids)
    return Histories(x, t_x, observed)


def history_failures(x: FloatArray, t_x: FloatArray, observed: FloatArray) -> dict[str, NDArray[np.bool_]]:
    """Which rows are no purchase histories, by reason: masks of shape (n,)."""
    finite = np.isfinite(x) & np.isfinite(t_x) & np.isfinite(observed)
    return {
        "a value that is missing or not finite": ~finite,
        "frequency negative or not whole": finite & ((x < 0) | (x != np.floor(x))),
        "recency negative": finite & (t_x < 0),
        "recency above T": finite & (t_x > observed),
        "frequency 0 with recency above 0": finite & (x == 0) & (t_x > 0),
        "frequency above 0 with recency 0": finite & (x > 0) & (t_x == 0),
    }


def history_columns(frequency: ArrayLike, recency: ArrayLike, T: ArrayLike) -> list[FloatArray]:
    """The columns as numbers; `InputError` if they are none, or not of one length."""
    named = (("frequency", frequency), ("recency", recency), ("T", T))
    columns = [as_numbers(name, column) for name, column in named]
    if any(column.ndim != 1 or column.shape != columns[0].shape for column in columns):
        shapes = ", ".join(str(column.shape) for column in columns)
        message = f"frequency, recency and T must be three columns of one length; got shapes {shapes}."
        raise InputError(message)
    return columns


def as_numbers(name: str, values: ArrayLike) -> FloatArray:
    """Turn a column into numbers.

    Raises
    ------
    InputError
        If it holds text, complex numbers, or dates and durations, whose unit is not that of a model.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        message = f"{name} must hold numbers: {error}."
        raise InputError(message) from error
    if np.ma.is_masked(values):
        message = f"{name} has masked places, which hold no numbers: leave these rows out, or fill them."
        raise InputError(message)
    kinds = set(map(type, array.flat)) if array.dtype == object else {array.dtype.type}
    if any(issubclass(kind, TIMES) for kind in kinds):
        message = (
            f"{name} holds dates or durations ({array.dtype}), not numbers: divide durations by the time unit of the "
            "model, such as numpy.timedelta64(7, 'D') for weeks."
        )
        raise InputError(message)
    if any(issubclass(kind, COMPLEX) for kind in kinds):
        message = (
            f"{name} must hold real numbers; got complex ones ({array.dtype}): give their real parts, numpy.real, if "
            "those are meant."
        )
        raise InputError(message)
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
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
