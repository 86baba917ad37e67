"""One type for a column that several files store in different ones, so that no value changes when they are joined.

A month without cents is easily written as whole numbers, and ids with a gap as floats. Inserting one file into a table
of another's types would round or truncate without a word.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from patronage.errors import ContractError
from patronage.ledger.source import Field

_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "whole"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "whole"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "time"),
    "TIMESTAMP WITH TIME ZONE": "moment",
    "VARCHAR": "text",
    "BOOLEAN": "truth",
    "UUID": "uuid",
}
_NUMBERS = {"whole", "float", "decimal"}

FLOAT_AS_TEXT = (
    "CASE WHEN TRY_CAST({0} AS BIGINT)::DOUBLE = {0}::DOUBLE THEN TRY_CAST({0} AS BIGINT)::VARCHAR "
    "WHEN NOT isnan({0}) THEN {0}::VARCHAR END"
)


def common_casts(types: Mapping[Path, Sequence[str]], fields: Sequence[Field]) -> list[str | None]:
    """Find, for every column that is asked for, the type that holds the values of all files.

    Parameters
    ----------
    types : mapping
        File to DuckDB's types of the fields in it.
    fields : sequence of Field

    Returns
    -------
    list of (str or None)
        DuckDB type to cast to, None where all files agree already.

    Raises
    ------
    ContractError
        If no type holds them all; it names the types and a file of each.
    """
    return [
        _common_cast(field, {path: found[number] for path, found in types.items()})
        for number, field in enumerate(fields)
    ]


def cast_expression(column: str, found: str, cast: str | None) -> str:
    """SQL of a column of type `found` as `cast`; as text, whole floats lose their ``.0``."""
    if cast is None or found == cast:
        return column
    if cast == "VARCHAR" and _kind(found) == "float":
        return FLOAT_AS_TEXT.format(column)
    return f"CAST({column} AS {cast})"


def _common_cast(field: Field, types: Mapping[Path, str]) -> str | None:
    example: dict[str, Path] = {}
    for path, found in types.items():
        example.setdefault(found, path)
    if len(example) == 1:
        return None
    kinds = {_kind(duckdb_type) for duckdb_type in example}
    if field.kind == "number" and kinds <= _NUMBERS | {"text"}:
        return "VARCHAR" if "text" in kinds else "DOUBLE"
    if field.kind in ("id", "text", "any") and kinds <= _NUMBERS | {"text", "uuid", "time", "truth"}:
        return "DOUBLE" if field.kind == "any" and kinds <= _NUMBERS else "VARCHAR"
    if field.kind == "time":
        if kinds == {"time"}:
            return "TIMESTAMP"
        if kinds <= {"whole", "text"} or (kinds == {"time", "text"} and field.timestamp_format is None):
            return "VARCHAR"
    listed = "; ".join(f"{name} in {path}" for name, path in example.items())
    message = (
        f"The files hold {field.name} (for {field.ours}) in types that do not go together: {listed}. "
        "Store the column in one type in all files."
    )
    raise ContractError(message)


def _kind(duckdb_type: str) -> str:
    return "decimal" if duckdb_type.startswith("DECIMAL") else _KINDS.get(duckdb_type, duckdb_type)
