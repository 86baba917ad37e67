"""What a model reads of a table, taken from any dataframe library as checked arrays."""

from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..schema import TableSchema
from .bundle import AnyBundle, Bundle
from .histories import FloatArray, refuse_rows
from .one_column import require_one_column

LARGEST = float(np.finfo(np.float32).max)
"""Trees compare numbers of single precision; a larger one would be infinite to them."""

LARGEST_HISTORY = 1e9
"""Purchases, and units of time: beyond it no business lies, and the formulas end in numbers too large for a float."""

LARGEST_FLOAT = float(np.finfo(np.float64).max)

NO_NUMBERS: tuple[tuple[str, str, tuple[type, ...]], ...] = (
    ("text or bytes", "SUT", (str, bytes, bytearray, memoryview)),
    ("dates, times or durations", "mM", (date, time, timedelta, np.datetime64, np.timedelta64)),
    ("complex numbers", "c", (complex, np.complexfloating)),
)
"""What is no column of numbers, though numpy may turn it into one: in words, as kinds of arrays, and as types."""


def model_input(table: Any, inputs: TableSchema) -> dict[str, NDArray[Any]]:
    """Take the columns that a model needs out of a table, as checked arrays.

    Parameters
    ----------
    table : mapping of str to array-like, pandas, Polars or Arrow table
    inputs : TableSchema
        The columns; text as ``string``, all others are numbers.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Numbers as float64, missing as NaN; text as object, missing as None.

    Raises
    ------
    InputError
        If a column is missing, there twice, of another type or length, or holds values that cannot be.
    """
    return _bounded(_taken(table, inputs), inputs, {})


def scorable_input(table: Any, bundle: AnyBundle) -> dict[str, NDArray[Any]]:
    """The inputs of a bundle, as `model_input` takes them, with no number larger than the model can tell apart.

    Raises
    ------
    InputError
        As `model_input`, or if numbers are beyond `limits`; all such reasons at once.
    """
    return _bounded(_taken(table, bundle.inputs), bundle.inputs, limits(bundle))


def limits(bundle: AnyBundle) -> dict[str, float]:
    """The largest absolute value of each input that is a number."""
    found = {column.name: LARGEST for column in bundle.inputs.columns if column.type != "string"}
    if isinstance(bundle, Bundle):
        found |= dict.fromkeys(("frequency", "recency", "T", bundle.spend.columns[0]), LARGEST_HISTORY)
    return found


def too_large(values: FloatArray, limit: float) -> NDArray[np.bool_]:
    """Which numbers are finite, but beyond a limit, shape (n,)."""
    return np.isfinite(values) & (np.abs(values) > limit)


def _taken(table: Any, inputs: TableSchema) -> dict[str, NDArray[Any]]:
    """The columns of `inputs`, of one length, in their types."""
    names = _column_names(table)
    missing = [name for name in inputs.names if name not in names]
    if missing:
        message = (
            f"The table lacks {len(missing)} of {len(inputs.names)} columns: {', '.join(missing)}. "
            f"It has: {', '.join(map(str, names)) or 'none'}."
        )
        raise InputError(message)
    if len(set(names)) < len(names) and (twice := [name for name in inputs.names if names.count(name) > 1]):
        message = f"The table has columns more than once, of which one can be scored: {', '.join(twice)}."
        raise InputError(message)
    columns: dict[str, NDArray[Any]] = {
        column.name: (_as_text if column.type == "string" else _as_floats)(column.name, table[column.name])
        for column in inputs.columns
    }
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        message = f"The columns differ in length: {lengths}."
        raise InputError(message)
    return columns


def _bounded(
    columns: dict[str, NDArray[Any]], inputs: TableSchema, largest: Mapping[str, float]
) -> dict[str, NDArray[Any]]:
    """The columns, if their numbers can be; one pass over each, and a second one where some cannot."""
    failures: dict[str, NDArray[np.bool_]] = {}
    for column in inputs.columns:
        values = columns[column.name]
        if column.type == "string" or not len(values):
            continue
        limit = largest.get(column.name, LARGEST_FLOAT)
        if _within(values, limit, column.nullable):
            continue
        failures[f"{column.name} infinite"] = np.isinf(values)
        failures[f"{column.name} too large"] = too_large(values, limit)
        if not column.nullable:
            failures[f"{column.name} missing"] = np.isnan(values)
    refuse_rows(failures, what="rows")
    return columns


def _within(values: FloatArray, limit: float, nullable: bool) -> bool:
    """Whether all numbers are within a limit; NaN is, where values may be missing."""
    if nullable:
        # These leave NaN out, and give it where there is nothing else.
        return not (np.fmin.reduce(values) < -limit or np.fmax.reduce(values) > limit)
    return bool(np.minimum.reduce(values) >= -limit and np.maximum.reduce(values) <= limit)


def _column_names(table: Any) -> list[str]:
    if callable(getattr(table, "collect", None)):
        message = (
            f"{type(table).__name__} is a query that was not run yet: call collect() (of Spark toPandas()), and give "
            "the table that comes of it."
        )
        raise InputError(message)
    # Arrow tables call them column_names (and columns the data); pandas and Polars columns; mappings keys.
    for attribute in ("column_names", "columns", "keys"):
        names: Any | Callable[[], Any] = getattr(table, attribute, None)
        # A pandas table gives a column of that name, if it has one.
        if names is None or (attribute == "column_names" and not isinstance(names, list)):
            continue
        return list(names() if callable(names) else names)
    message = f"Expected a mapping of columns or a table, got {type(table).__name__}."
    raise InputError(message)


def _as_floats(name: str, values: Any) -> FloatArray:
    try:
        found = values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        require_one_column(f"column {name}", values, found)
        _refuse_no_numbers(name, found)
        if found.dtype == object:
            known = [None if type(value).__name__ == "NAType" else value for value in found.tolist()]
            column = np.array(known, dtype=np.float64)
        elif isinstance(found, np.ma.MaskedArray):
            column = np.ma.filled(found.astype(np.float64), np.nan)
        else:
            column = np.asarray(found, dtype=np.float64)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, NotImplementedError) as error:
        message = f"The column {name} is not numeric: {error}."
        raise InputError(message) from error
    # A column of lists has one dimension, and what numpy makes of it two.
    require_one_column(f"column {name}", values, column)
    return column


def _refuse_no_numbers(name: str, column: NDArray[Any]) -> None:
    """Refuse what numpy would turn into numbers, but is none; booleans are, 1 and 0."""
    if column.dtype.kind in "biuf" or not column.size:
        return
    values = column.ravel().tolist() if column.dtype == object else []
    found = set(map(type, values))
    for words, kinds, types in NO_NUMBERS:
        if column.dtype.kind in kinds:
            example = str(column.ravel()[0])
        elif any(issubclass(kind, types) for kind in found):
            example = str(next(value for value in values if isinstance(value, types)))
        else:
            continue
        message = f"The column {name} is not numeric: it holds {words}, such as {example!r}."
        raise InputError(message)


def _as_text(name: str, values: Any) -> NDArray[Any]:
    """Text as objects; None, NaN and their like are missing."""
    # A masked array lists what it masks as None.
    column = values.astype(object) if isinstance(values, np.ma.MaskedArray) else np.asarray(values, dtype=object)
    require_one_column(f"column {name}", values, column)
    text = [value if isinstance(value, str) or not _is_missing(value) else None for value in column.tolist()]
    other = next((value for value in text if not (value is None or isinstance(value, str))), None)
    if other is not None:
        message = f"The column {name} holds text; got {other!r} ({type(other).__name__})."
        raise InputError(message)
    return np.array(text, dtype=object)


def _is_missing(value: Any) -> bool:
    """Whether a value among texts is none: NaN and NaT differ from themselves; pandas' NA cannot be compared at all."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return not isinstance(value, np.ndarray) and bool(value != value)
