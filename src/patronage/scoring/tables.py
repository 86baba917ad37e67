"""Tables of the schema as Parquet: columns, types and missing values are checked before anything is written."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import ContractError
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.schema import TableSchema
from patronage.scoring.batch import ARROW_TYPES


def write_table(table: pd.DataFrame, schema: TableSchema, path: Path) -> None:
    """Write a table as its schema describes it.

    Parameters
    ----------
    table : DataFrame
    schema : TableSchema
        Optional columns may be lacking.
    path : Path

    Raises
    ------
    ContractError
        If columns differ from the schema, or values are missing where there may be none.
    """
    lacking = [name for name in schema.required if name not in table]
    extra = [str(name) for name in table.columns if name not in schema.names]
    if lacking or extra:
        message = (
            f"The table {schema.name} lacks {', '.join(lacking) or 'nothing'} and has {', '.join(extra) or 'no'} more."
        )
        raise ContractError(message, counts=dict.fromkeys((*lacking, *extra), 1))
    columns = [column for column in schema.columns if column.name in table]
    for column in columns:
        empty = table[column.name].isna()
        if not column.nullable and empty.any():
            rows = [str(row) for row in table.index[empty][:FIRST_EXAMPLES]]
            message = (
                f"{int(empty.sum()):,} of {len(table):,} values of {schema.name}.{column.name} are missing, where none "
                f"may be (rows {', '.join(rows)})."
            )
            raise ContractError(message, counts={column.name: int(empty.sum())}, first_ids=rows)
    fields = [pa.field(column.name, ARROW_TYPES[column.type], column.nullable) for column in columns]
    found = table[[column.name for column in columns]]
    dates = {column.name: pd.to_datetime(found[column.name]).dt.date for column in columns if column.type == "date"}
    pq.write_table(pa.Table.from_pandas(found.assign(**dates), pa.schema(fields), preserve_index=False), path)
