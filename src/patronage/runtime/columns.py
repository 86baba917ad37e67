"""Columns of any dataframe library, or lists, as numbers or as names of categories."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .histories import FloatArray
from .one_column import require_one_column

BoolArray = NDArray[np.bool_]


def numbers(column: Any, name: str) -> tuple[FloatArray, BoolArray]:
    """A column as numbers, NaN where it has none; and which rows hold something else, such as text.

    Raises
    ------
    InputError
        If it is no column, or one of dates.
    """
    values = _one_column(column, name)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64), np.zeros(len(values), dtype=bool)
    found, wrong = np.full(len(values), np.nan), np.zeros(len(values), dtype=bool)
    for row, value in enumerate(values):
        if is_missing(value):
            continue
        wrong[row] = isinstance(value, str) or not hasattr(value, "__float__")
        if not wrong[row]:
            found[row] = float(value)
    return found, wrong


def level_names(column: Any, name: str) -> list[str | None]:
    """A column as names of levels, nothing where it has none; whole numbers have the same name in every type.

    Raises
    ------
    InputError
        If it is no column, or one of dates or of lists.
    """
    memory: dict[Any, str | None] = {}
    levels: list[str | None] = []
    for value in _one_column(column, name).tolist():
        if type(value).__hash__ is None:
            message = f"The covariate {name} holds a {type(value).__name__} where a number or a category was expected."
            raise InputError(message)
        key = value if isinstance(value, str) else (type(value), value)
        if key not in memory:
            whole = isinstance(value, float) and value.is_integer()
            memory[key] = None if is_missing(value) else str(int(value) if whole else value)
        levels.append(memory[key])
    return levels


def is_missing(value: Any) -> bool:
    """Whether a value is none: None, NaN, or the missing value of a dataframe library."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _one_column(column: Any, name: str) -> NDArray[Any]:
    values = np.asarray(column)
    require_one_column(f"covariate {name}", column, values)
    if values.dtype.kind in "mMc":
        message = f"The covariate {name} holds {values.dtype}; turn it into numbers (days, years) or categories."
        raise InputError(message)
    return values
