"""Columns of a table in the types that scorers read: text, and numbers as float64."""

import pyarrow as pa

from patronage.errors import ContractError
from patronage.schema import TableSchema

CUSTOMER_ID = "customer_id"

ROW_DAY = "day of the row"
"""The day that each row describes, where rows tell theirs; no column of a table is likely to be called so."""


def as_stated(table: pa.Table, inputs: TableSchema, location: str) -> pa.Table:
    """A table with its columns in the types that scorers read.

    Parameters
    ----------
    table : pyarrow.Table
        customer_id, the day if rows tell theirs, and columns of `inputs`, as they are stored.
    inputs : TableSchema
    location : str
        Where the rows are, for messages.

    Raises
    ------
    ContractError
        If values cannot be read so.
    """
    types = {column.name: pa.string() if column.type == "string" else pa.float64() for column in inputs.columns}
    types |= {CUSTOMER_ID: pa.string(), ROW_DAY: pa.date32()}
    try:
        columns = [_cast(table[name], types[name]) for name in table.column_names]
    except pa.ArrowException as error:
        message = f"{location} holds values that cannot be read: {str(error).splitlines()[0]}."
        raise ContractError(message) from error
    return pa.table(columns, names=table.column_names)


def ids_as_text(table: pa.Table) -> list[pa.RecordBatch]:
    """The column customer_id of a table, alone and as text."""
    batches: list[pa.RecordBatch] = pa.table({CUSTOMER_ID: _cast(table[CUSTOMER_ID], pa.string())}).to_batches()
    return batches


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_boolean(column.type) and pa.types.is_floating(kind):
        column = column.cast(pa.int8())
    if pa.types.is_decimal(column.type) and pa.types.is_floating(kind):
        # Arrow's own way from decimals to doubles is off in the last bit for many; by their digits they are the
        # nearest doubles, as those of Python are.
        column = column.cast(pa.string())
    return column.cast(kind, safe=False) if column.type != kind else column
