"""The rows of a customer table, as a scoring job takes them."""

from collections.abc import Iterator

import pyarrow as pa

from patronage.ledger.customer_rows import CustomerTable
from patronage.runtime.bundle import TableBundle
from patronage.scoring.feature_rows import CUSTOMER_ID, ROW_DAY, check_columns
from patronage.scoring.held_rows import Rows, held_rows

ROWS_AT_ONCE = 100_000
"""Rows that are turned into columns of Arrow together."""


def customer_table_rows(table: CustomerTable, bundle: TableBundle) -> Rows:
    """The rows of a customer table in their order, held in the work folder.

    Parameters
    ----------
    table : CustomerTable
        Read with the columns of the bundle's inputs.
    bundle : TableBundle

    Raises
    ------
    ContractError
        If a column of the model is called customer_id.
    """
    schema = _schema(table, bundle)
    check_columns(schema, bundle.inputs, table.location)
    return held_rows(
        lambda: pa.RecordBatchReader.from_batches(schema, _batches(table, schema)),
        bundle.inputs,
        own_days=table.day is not None,
    )


def _schema(table: CustomerTable, bundle: TableBundle) -> pa.Schema:
    fields = [(CUSTOMER_ID, pa.string())]
    if table.day is not None:
        fields.append((ROW_DAY, pa.date32()))
    kinds = [
        (column.name, pa.string() if column.type == "string" else pa.float64()) for column in bundle.inputs.columns
    ]
    return pa.schema([*fields, *kinds])


def _batches(table: CustomerTable, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    columns = {name: column.values for name, column in table.features.items()}
    columns[CUSTOMER_ID] = table.customer
    if table.day is not None:
        columns[ROW_DAY] = table.day.dt.date
    for start in range(0, len(table), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        arrays = [pa.array(columns[field.name].iloc[rows], field.type, from_pandas=True) for field in schema]
        yield pa.record_batch(arrays, schema=schema)
