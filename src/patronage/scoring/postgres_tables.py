"""Tables of PostgreSQL that are ours to replace: made, held against what they shall hold, and filled in bulk."""

from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any

import pyarrow as pa

from patronage.errors import OutputError
from patronage.schema import Column, ColumnType

POSTGRES_TYPES: dict[ColumnType, str] = {
    "string": "text",
    "date": "date",
    "long": "bigint",
    "double": "double precision",
    "timestamp": "timestamp without time zone",
}

TABLES = ("r", "p")
"""Kinds of relations whose rows can be replaced: tables, and partitioned ones."""

LONGEST_NAME = 63
"""Bytes of a name in PostgreSQL; longer ones are cut in silence."""


def found_columns(cursor: Any, schema: str, table: str) -> dict[str, str] | None:
    """Columns of a table with their types; None if there is no such table.

    Raises
    ------
    OutputError
        If something of that name is no table.
    """
    cursor.execute(
        "SELECT c.oid, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = %s AND c.relname = %s",
        [schema, table],
    )
    found = cursor.fetchone()
    if found is None:
        return None
    oid, kind = found
    if kind not in TABLES:
        message = f"{schema}.{table} is there, but is no table, so its rows cannot be replaced. Name another out_table."
        raise OutputError(message)
    cursor.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        [oid],
    )
    return dict(cursor.fetchall())


def made(cursor: Any, schema: str, table: str, columns: Sequence[Column], index: str | None = None) -> None:
    """Make a table, or prove of one that is there that its rows may be replaced.

    Parameters
    ----------
    cursor : psycopg.Cursor
        Within a transaction.
    schema, table : str
    columns : sequence of Column
    index : str, optional
        A column by which rows of a new table are looked up.

    Raises
    ------
    OutputError
        If a table of that name has other columns: its rows are not ours to replace.
    psycopg.Error
        If rights are lacking.
    """
    from psycopg import sql

    name = sql.Identifier(schema, table)
    found = found_columns(cursor, schema, table)
    if found is not None:
        _refuse_others(f"{schema}.{table}", found, columns)
        cursor.execute(sql.SQL("DELETE FROM {} WHERE false").format(name))
        cursor.execute(sql.SQL("INSERT INTO {} SELECT (NULL::{}).* WHERE false").format(name, name))
        return
    defined = [
        sql.SQL("{} {} {}").format(
            sql.Identifier(column.name),
            sql.SQL(POSTGRES_TYPES[column.type]),
            sql.SQL("" if column.nullable else "NOT NULL"),
        )
        for column in columns
    ]
    cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(name, sql.SQL(", ").join(defined)))
    for column in columns:
        meaning = f"{column.meaning} ({column.unit})" if column.unit else column.meaning
        cursor.execute(
            sql.SQL("COMMENT ON COLUMN {} IS {}").format(
                sql.Identifier(schema, table, column.name), sql.Literal(meaning)
            )
        )
    if index is not None:
        cursor.execute(sql.SQL("CREATE INDEX ON {} ({})").format(name, sql.Identifier(index)))


def emptied(cursor: Any, schema: str, table: str) -> None:
    """Lock a table against other writers and take its rows away; readers see no change until the transaction ends."""
    from psycopg import sql

    name = sql.Identifier(schema, table)
    cursor.execute(sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(name))
    cursor.execute(sql.SQL("DELETE FROM {}").format(name))


def copied(cursor: Any, schema: str, table: str, names: Sequence[str], tables: Iterable[pa.Table]) -> int:
    """Bring rows into a table, piece by piece; return how many.

    Parameters
    ----------
    cursor : psycopg.Cursor
    schema, table : str
    names : sequence of str
        The columns, as the pieces have them.
    tables : iterable of pyarrow.Table
    """
    from psycopg import sql
    from pyarrow.csv import WriteOptions, write_csv

    # Missing values are written bare and all others in quotes: just what PostgreSQL tells them apart by.
    options = WriteOptions(include_header=False, quoting_style="all_valid")
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv)").format(sql.Identifier(schema, table), columns)
    rows = 0
    with cursor.copy(statement) as copy:
        for piece in tables:
            for batch in piece.to_batches():
                text = BytesIO()
                write_csv(batch, text, options)
                copy.write(text.getbuffer())
            rows += piece.num_rows
    cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table)))
    return rows


def _refuse_others(name: str, found: dict[str, str], columns: Sequence[Column]) -> None:
    wanted = {column.name: POSTGRES_TYPES[column.type] for column in columns}
    lacking = [one for one in wanted if one not in found]
    further = [one for one in found if one not in wanted]
    other = [
        f"{one} as {found[one]}, not {wanted[one]}" for one in wanted if one in found and found[one] != wanted[one]
    ]
    problems = [f"lacks {', '.join(lacking)}"] * bool(lacking)
    problems += [f"has {', '.join(further)} more"] * bool(further)
    problems += [f"has {', '.join(other)}"] * bool(other)
    if problems:
        message = (
            f"The table {name} is there and {', and '.join(problems)}: it does not hold scores as they are asked for "
            "now, so its rows are not replaced. Name another out_table=..., or drop it."
        )
        raise OutputError(message)
