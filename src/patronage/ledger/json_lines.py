"""JSON lines: which of them can be used, and what becomes of those that cannot."""

from collections.abc import Sequence
from typing import Any

from patronage.errors import SourceError
from patronage.ledger.csv_rejects import keep_rejects
from patronage.ledger.file_scans import Scan, pointer, readable
from patronage.ledger.raw_tables import UNREADABLE, literal
from patronage.ledger.source import Field

_NO_OBJECT = "unreadable line: not a JSON object"
_NESTED = "unreadable line: a list or an object in "


def require_objects(connection: Any, scan: Scan) -> None:
    """Refuse a file of which no line is a JSON object with a key.

    Raises
    ------
    SourceError
        Saying how JSON lines are written.
    """
    if scan.names:
        return
    with readable(scan.file.path):
        found = connection.raw_sql(f"SELECT line FROM {scan.sql} WHERE trim(line) <> '' LIMIT 1").fetchone()
    array = found is not None and found[0].lstrip().startswith("[")
    begin = " The file is one array: `jq -c '.[]' FILE` writes each of its objects on a line." if array else ""
    message = (
        f"No line of {scan.file.path} is a JSON object with keys. JSON lines are expected: one object a line, such as "
        f'{{"customer_id": "a", "amount": 1.5}}, without brackets around them and commas between.{begin}'
    )
    raise SourceError(message)


def whole_lines(scan: Scan, fields: Sequence[Field]) -> str:
    """SQL condition of the lines that are objects with plain values in all fields asked for."""
    return f"trim(line) <> '' AND ({_reason(scan, fields)}) IS NULL"


def keep_bad_lines(connection: Any, scan: Scan, fields: Sequence[Field]) -> None:
    """Copy the other lines into the table of unreadable lines, with their reasons and numbers in the file."""
    keep_rejects(connection, scan.path, scan.sql, 0, scan.file.path)
    connection.raw_sql(f"""
        INSERT INTO {UNREADABLE}
        SELECT {literal(str(scan.file.path))}, number, reason, line
        FROM (SELECT row_number() OVER () AS number, line, {_reason(scan, fields)} AS reason FROM {scan.sql})
        WHERE trim(line) <> '' AND reason IS NOT NULL
    """)


def as_written(scan: Scan, field: Field, decimal: str) -> str:
    """SQL of a field as text in which numbers of JSON have the decimal mark that the texts beside them have.

    A number of JSON is a number already: ``1.5`` is one and a half, however the source writes numbers in texts.
    """
    text, _ = scan.expression(field.name)
    if decimal == "." or field.name not in scan.columns:
        return text
    mark = literal(decimal)
    return (
        f"CASE WHEN json_type(line, {pointer(field.name)}) = 'DOUBLE' THEN replace({text}, '.', {mark}) ELSE {text} END"
    )


def _reason(scan: Scan, fields: Sequence[Field]) -> str:
    named = [field.name for field in fields if field.name in scan.columns]
    nested = "".join(
        f" WHEN json_type(line, {pointer(name)}) IN ('ARRAY', 'OBJECT') THEN {literal(_NESTED + name)}"
        for name in dict.fromkeys(named)
    )
    no_object = literal(_NO_OBJECT)
    return (
        f"CASE WHEN NOT json_valid(line) THEN {no_object} WHEN json_type(line) <> 'OBJECT' THEN {no_object}{nested} END"
    )
