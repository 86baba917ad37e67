"""Lines of a CSV file that DuckDB could not split: each becomes a row that is set aside, and none may vanish.

DuckDB notes them in two tables of the connection. A quote that is never closed swallows all lines up to the end of the
file, which it notes as one; in a file of several buffers it loses some of them without a note.
"""

import gzip
from pathlib import Path
from typing import Any

from patronage.errors import SourceError
from patronage.ledger.csv_file import is_gzip
from patronage.ledger.raw_tables import ROWS, UNREADABLE, literal

_REJECTS = "patronage_rejects"
_REJECT_SCANS = "patronage_reject_scans"
_LINE_ENDS = r"'\r\n|\n|\r'"

SCAN_OPTIONS = f"store_rejects = true, rejects_table = '{_REJECTS}', rejects_scan = '{_REJECT_SCANS}'"


def forget_rejects(connection: Any) -> None:
    """Drop what an earlier scan of the connection left, a failed one included."""
    connection.raw_sql(f"DROP TABLE IF EXISTS {_REJECTS}; DROP TABLE IF EXISTS {_REJECT_SCANS}")


def keep_rejects(connection: Any, path: Path, scan: str, columns: int, shown: Path | None = None) -> None:
    """Copy the rejects of the scan that has just loaded `path` into the table of unreadable lines.

    Parameters
    ----------
    connection : ibis.backends.duckdb.Backend
    path : Path
        The file.
    scan : str
        SQL of the table function that reads it, whose columns are ``column_0`` and so on.
    columns : int
        Number of its columns.
    shown : Path, optional
        What the file is called, if `path` is a copy of it.

    Raises
    ------
    SourceError
        If an open quote made lines of the file vanish.
    """
    shown = path if shown is None else shown
    name = literal(str(shown))
    connection.raw_sql(f"""
        INSERT INTO {UNREADABLE}
        WITH rejected AS (
            SELECT line,
                   string_agg(DISTINCT lower(error_type::VARCHAR), ', ' ORDER BY lower(error_type::VARCHAR)) AS reason,
                   coalesce(any_value(csv_line), '') AS content
            FROM {_REJECTS} GROUP BY file_id, line
        ), lines AS (
            SELECT line, reason, string_split_regex(trim(content, chr(13) || chr(10)), {_LINE_ENDS}) AS texts
            FROM rejected
        )
        SELECT {name}, line + position, 'unreadable line: ' || reason, text
        FROM (SELECT line, reason, unnest(range(len(texts))) AS position, unnest(texts) AS text FROM lines)
        WHERE text <> '' OR position = 0
    """)
    query = f"SELECT min(line) FROM {_REJECTS} WHERE error_type IN ('UNQUOTED VALUE', 'LINE SIZE OVER MAXIMUM')"
    first = connection.raw_sql(query).fetchone()[0]
    if first is not None:
        _refuse_lost_lines(connection, path, scan, columns, first, shown)


def _refuse_lost_lines(connection: Any, path: Path, scan: str, columns: int, first: int, shown: Path) -> None:
    breaks = " + ".join(
        f"coalesce(len(regexp_extract_all(column_{position}, {_LINE_ENDS})), 0)" for position in range(columns)
    )
    forget_rejects(connection)
    accounted = connection.raw_sql(f"""
        SELECT (SELECT count(*) FROM {UNREADABLE} WHERE source_file = {literal(str(shown))})
             + (SELECT count(*) FROM {ROWS} WHERE source_file = {literal(str(shown))})
             + (SELECT coalesce(sum({breaks}), 0) FROM {scan})
    """).fetchone()[0]
    opened = gzip.open if is_gzip(path) else open
    with opened(path, "rb") as file:
        lines = sum(1 for line in file if line.strip(b"\r\n")) - 1
    if lines > accounted:
        message = (
            f"{shown} holds {lines - accounted:,} lines that cannot be told apart: a quote is opened in line {first} "
            "or after it and not closed. Close or remove it."
        )
        raise SourceError(message)
