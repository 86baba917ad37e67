"""The two DuckDB tables that every file source fills: rows as found, and lines that could not be split.

They are temporary, and replaced by the next reading on the same connection.
"""

import hashlib
from collections.abc import Iterable
from glob import escape
from pathlib import Path
from typing import Any

from patronage.ledger.source import RawTransactions

ROWS = "patronage_raw_rows"
UNREADABLE = "patronage_raw_unreadable"

_EMPTY_UNREADABLE = f"""
    CREATE OR REPLACE TEMP TABLE {UNREADABLE}
    (source_file VARCHAR, source_line BIGINT, reason VARCHAR, content VARCHAR)
"""


def create_unreadable(connection: Any) -> None:
    """Create the empty table of lines that could not be split."""
    connection.raw_sql(_EMPTY_UNREADABLE)


def raw_transactions(connection: Any, timestamp_format: str | None, files: Iterable[Path]) -> RawTransactions:
    """Hand over the two tables, with the digest of the files they were read from."""
    return RawTransactions(
        table=connection.table(ROWS),
        unreadable=connection.table(UNREADABLE),
        timestamp_format=timestamp_format,
        digest=files_digest(files),
    )


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
