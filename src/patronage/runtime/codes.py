"""Rows of counts and days as whole numbers, which can be looked up in tables.

Frequency, recency and T are counts and, in whatever unit, whole days. So a row is a place in a table of all rows that
may occur, and equal rows are counted without comparing any two of them.
"""

from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from .blocks import on_all_processors
from .time_unit import DAYS_PER_WEEK, DAYS_PER_YEAR

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

UNITS = (1.0, DAYS_PER_WEEK, DAYS_PER_YEAR)
"""Units of time in days, in which whole days are looked for."""

TRIED = 64
"""Rows that tell whether it is worth looking."""

ROWS_AT_ONCE = 131_072
"""Rows coded at once. Each step takes so little that threads would wait for one another in shorter blocks."""

LARGEST = 2.0**53
"""Whole numbers up to here are exact."""


@dataclass(frozen=True)
class Code:
    """A numbering of all rows that may occur; rows with small values in the first column come first.

    Attributes
    ----------
    units : tuple of float
        For each column, what its values are times to be whole.
    sizes : tuple of int
        For each column, one more than its largest whole value.

    Examples
    --------
    >>> frequency, weeks = np.array([2.0, 0.0]), np.array([3.0, 1 / 7])
    >>> code = Code.of(frequency, weeks)
    >>> code.numbers(frequency, weeks)
    array([65,  1])
    """

    units: tuple[float, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, *columns: FloatArray) -> "Code | None":
        """The code of columns of shape (n,), n above 0; None if some do not look like counts or days."""
        units, sizes = list[float](), list[int]()
        for column in columns:
            unit = whole_unit(column)
            if not unit or not 0 <= column.max() < LARGEST / unit:
                return None
            units.append(unit)
            sizes.append(int(np.rint(column.max() * unit)) + 1)
        return cls(tuple(units), tuple(sizes)) if prod(sizes) < LARGEST else None

    @property
    def size(self) -> int:
        """How many rows may occur."""
        return prod(self.sizes)

    def numbers(self, *columns: FloatArray) -> IndexArray | None:
        """Number of each row, shape (n,); None if a value is not whole in its unit, or below 0."""
        numbers = np.empty(len(columns[0]), dtype=np.intp)

        def fill(start: int) -> bool:
            rows = slice(start, start + ROWS_AT_ONCE)
            number = np.zeros(1)
            exact = True
            for column, unit, size in zip(columns, self.units, self.sizes, strict=True):
                whole = np.rint(column[rows] * unit)
                number = number * size + whole
                exact = exact and bool(whole.min() >= 0 and (whole / unit == column[rows]).all())
            numbers[rows] = number
            return exact

        exact = on_all_processors(fill, range(0, len(numbers), ROWS_AT_ONCE))
        return numbers if all(exact) else None


def whole_unit(*columns: FloatArray) -> float:
    """Unit in which the first rows of all columns are whole days or counts; 0 if there is none."""
    some = np.concatenate([column[:TRIED] for column in columns])
    return next((unit for unit in UNITS if np.array_equal(np.rint(some * unit) / unit, some)), 0.0)
