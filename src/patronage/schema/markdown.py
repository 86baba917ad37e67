"""A table described in Markdown, for the documents that are written from the schema."""

from .columns import TableSchema


def column_table(table: TableSchema) -> str:
    """One line a column: name, unit, whether values or the column itself may be missing, and its meaning."""
    rows = [
        f"| `{column.name}` | {column.type} | {column.unit} | {_missing(column.nullable, column.optional)} "
        f"| {column.meaning} |"
        for column in table.columns
    ]
    return "\n".join(["| column | type | unit | may be missing | meaning |", "|---|---|---|---|---|", *rows])


def _missing(values: bool, column: bool) -> str:
    return "the column" if column else "values" if values else "no"
