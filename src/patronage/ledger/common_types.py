"""One type for a column that several files store in different ones, so that no value changes when they are joined.

A month without cents is easily written as whole numbers, and ids with a gap as floats. Inserting one file into a table
of another's types would round or truncate without a word.
"""

from collections.abc import Mapping
from pathlib import Path

from patronage.errors import ContractError

_KINDS = {
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), "whole"),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), "whole"),
    **dict.fromkeys(("FLOAT", "DOUBLE"), "float"),
    **dict.fromkeys(("DATE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), "time"),
    "TIMESTAMP WITH TIME ZONE": "time",
    "VARCHAR": "text",
    "UUID": "uuid",
}
_NUMBERS = {"whole", "float", "decimal"}

FLOAT_AS_TEXT = (
    "CASE WHEN TRY_CAST({0} AS BIGINT)::DOUBLE = {0}::DOUBLE THEN TRY_CAST({0} AS BIGINT)::VARCHAR "
    "WHEN NOT isnan({0}) THEN {0}::VARCHAR END"
)


def common_casts(
    types: Mapping[Path, Mapping[str, str]], columns: Mapping[str, str], timestamp_format: str | None
) -> dict[str, str | None]:
    """Find, for every column of the ledger, the type that holds the values of all files.

    Parameters
    ----------
    types : mapping
        File to (our column name to DuckDB's type).
    columns : mapping of str to str
        Our names to the files' own, for messages.
    timestamp_format : str or None
        Text can be joined with real timestamps only if it is ISO 8601 (None).

    Returns
    -------
    dict of str to (str or None)
        DuckDB type to cast to, None where all files agree already.

    Raises
    ------
    ContractError
        If no type holds them all; it names the types and a file of each.
    """
    return {ours: _common_cast(ours, theirs, types, timestamp_format) for ours, theirs in columns.items()}


def cast_expression(column: str, found: str, cast: str | None) -> str:
    """SQL of a column of type `found` as `cast`; as text, whole floats lose their ``.0``."""
    if cast is None or found == cast:
        return column
    if cast == "VARCHAR" and _kind(found) == "float":
        return FLOAT_AS_TEXT.format(column)
    return f"CAST({column} AS {cast})"


def _common_cast(
    ours: str, theirs: str, types: Mapping[Path, Mapping[str, str]], timestamp_format: str | None
) -> str | None:
    example: dict[str, Path] = {}
    for path, found in types.items():
        example.setdefault(found[ours], path)
    if len(example) == 1:
        return None
    kinds = {_kind(duckdb_type) for duckdb_type in example}
    if ours == "customer_id" and kinds <= _NUMBERS | {"text", "uuid"}:
        return "VARCHAR"
    if ours == "amount" and kinds <= _NUMBERS | {"text"}:
        return "VARCHAR" if "text" in kinds else "DOUBLE"
    if ours == "timestamp":
        if kinds == {"time"}:
            return "TIMESTAMP"
        if kinds <= {"whole", "text"} or (kinds == {"time", "text"} and timestamp_format is None):
            return "VARCHAR"
    listed = "; ".join(f"{name} in {path}" for name, path in example.items())
    message = (
        f"The files hold {theirs} (for {ours}) in types that do not go together: {listed}. "
        "Store the column in one type in all files."
    )
    raise ContractError(message)


def _kind(duckdb_type: str) -> str:
    return "decimal" if duckdb_type.startswith("DECIMAL") else _KINDS.get(duckdb_type, duckdb_type)
