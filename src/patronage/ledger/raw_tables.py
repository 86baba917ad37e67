"""The two DuckDB tables that every reader of text files fills: rows as found, and lines that could not be split.

While files are being read they have fixed names; when all of them are, they get names of their own.
"""

import hashlib
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from typing import Any

import ibis

from patronage.ledger.source import RawTable

ROWS = "patronage_raw_rows"
UNREADABLE = "patronage_raw_unreadable"

_EMPTY_UNREADABLE = f"""
    CREATE OR REPLACE TEMP TABLE {UNREADABLE}
    (source_file VARCHAR, source_line BIGINT, reason VARCHAR, content VARCHAR)
"""


def create_unreadable(connection: Any) -> None:
    """Create the empty table of lines that could not be split."""
    connection.raw_sql(_EMPTY_UNREADABLE)


def raw_table(connection: Any, digest: str) -> RawTable:
    """Hand over the two tables."""
    rows, unreadable = (_renamed(connection, name) for name in (ROWS, UNREADABLE))
    return RawTable(table=rows, unreadable=unreadable, digest=digest, temporary=(rows,))


def _renamed(connection: Any, name: str) -> Any:
    unique = ibis.util.gen_name(name)
    connection.raw_sql(f"ALTER TABLE {name} RENAME TO {unique}")
    return connection.table(unique)


def files_digest(files: Iterable[Path]) -> str:
    """SHA-256 over the content of files, in the order given."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def quoted(identifier: str) -> str:
    """Quote a column name for SQL."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def file_literal(path: Path) -> str:
    """Quote the path of one file for DuckDB, which would take ``*``, ``?`` and ``[`` in it for a glob."""
    return literal(escape(str(path)))


def text_of_row(columns: Iterable[str]) -> str:
    """SQL of a text in which two rows agree if and only if they agree in all columns; see `source.row_text`."""
    parts = (f"coalesce(replace({column}::VARCHAR, chr(31), chr(31) || chr(31)), chr(31) || '0')" for column in columns)
    return " || chr(31) || '1' || ".join(parts) or "''"
