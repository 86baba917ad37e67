"""How DuckDB reads one file: CSV and JSON lines as text, Parquet in its own types."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from patronage.errors import ContractError, SourceError
from patronage.ledger.csv_file import csv_header, is_gzip
from patronage.ledger.csv_rejects import SCAN_OPTIONS
from patronage.ledger.found_files import FoundFile
from patronage.ledger.raw_tables import file_literal, literal, quoted
from patronage.ledger.source import Field

TEXT = "VARCHAR"

_ONE_COLUMN = (
    "columns = {'line': 'VARCHAR'}, auto_detect = false, header = false, delim = '\\x01', quote = '', escape = ''"
)
"""Options that make DuckDB's CSV reader a reader of lines: JSON never holds the character 1."""

MIXED_LINE_ENDS = "state machine"
"""How DuckDB says that lines end in several ways."""


@dataclass(frozen=True)
class Scan:
    """How DuckDB reads one file.

    Attributes
    ----------
    file : FoundFile
    path : Path
        What is read: the file or a copy of it.
    sql : str
        A table function.
    names : tuple of str
        The columns of the file.
    columns : dict of str to str
        Name to SQL expression over `sql`; for JSON lines made on demand.
    types : dict of str to str
        Name to DuckDB's type.
    stored : tuple of str
        The names as they stand in the file, to find those that are there twice.
    """

    file: FoundFile
    path: Path
    sql: str
    names: tuple[str, ...]
    columns: dict[str, str]
    types: dict[str, str]
    stored: tuple[str, ...]

    @property
    def all_columns(self) -> list[str]:
        """SQL of every column of the file, in an order that does not depend on that of the file."""
        if self.file.format == "csv":
            order = sorted(range(len(self.stored)), key=lambda position: self.stored[position])
            return [f"column_{position}" for position in order]
        return ["line"] if self.file.format == "jsonl" else [self.columns[name] for name in sorted(self.names)]

    def require(self, fields: Sequence[Field]) -> None:
        """Refuse the file if a column asked for is missing or there twice.

        Raises
        ------
        ContractError
            Naming all such columns.
        """
        path = self.file.path
        wanted = [field for field in fields if field.name not in self.file.partitions]
        doubled = sorted({field.name for field in wanted if self._times(field.name) > 1})
        if doubled:
            message = f"{path} names these columns more than once: {', '.join(doubled)}. Rename them."
            raise ContractError(message)
        lacking = [field for field in wanted if field.name not in self.names]
        if lacking:
            present = ", ".join(name if name and name == name.strip() else repr(name) for name in self.names)
            settings = " and ".join(dict.fromkeys(field.setting for field in lacking))
            message = (
                f"{path} lacks the column{'s' if len(lacking) > 1 else ''} "
                f"{', '.join(f'{field.name} (for {field.ours})' for field in lacking)}. "
                f"It has: {present}. Set {settings} to the names in the file."
            )
            raise ContractError(message)

    def expression(self, name: str) -> tuple[str, str]:
        """SQL of a column and its type; what the folders say of it, if the file itself does not hold it."""
        if name in self.columns:
            return self.columns[name], self.types[name]
        if self.names_folders:
            return quoted(name), TEXT
        value = self.file.partitions[name]
        return ("NULL::VARCHAR" if value is None else literal(value)), TEXT

    @property
    def names_folders(self) -> bool:
        """Whether DuckDB may read what the folders say: it would overrule columns of the file of the same name."""
        folders = {part.partition("=")[0].lower() for part in self.path.parts if "=" in part}
        return self.file.format == "parquet" and bool(folders) and not folders & {name.lower() for name in self.names}

    def _times(self, name: str) -> int:
        if self.file.format == "parquet":  # DuckDB takes no notice of case, and renames the second silently
            return [stored.lower() for stored in self.stored].count(name.lower())
        return self.stored.count(name)


def csv_scan(file: FoundFile, path: Path, delimiter: str, setting: str) -> Scan:
    """How to read a CSV file, whose header is read here.

    Raises
    ------
    SourceError
        If it has none that can be read.
    """
    header = csv_header(path, delimiter, file.path, setting)
    # By position: a header may hold empty names, and names that differ by case only.
    types = "{" + ", ".join(f"'column_{position}': '{TEXT}'" for position in range(len(header))) + "}"
    return Scan(
        file=file,
        path=path,
        sql=(
            f"read_csv({file_literal(path)}, columns = {types}, header = true, auto_detect = false, "
            f"delim = {literal(delimiter)}, quote = '\"', escape = '\"', null_padding = false, "
            f"compression = '{_compression(path)}', {SCAN_OPTIONS})"
        ),
        names=tuple(header),
        columns={name: f"column_{header.index(name)}" for name in header},
        types=dict.fromkeys(header, TEXT),
        stored=tuple(header),
    )


def jsonl_scan(connection: Any, file: FoundFile, path: Path) -> Scan:
    """How to read a file of JSON lines; the names are those of all its objects."""
    if is_gzip(path):
        csv_header(path, ",", file.path)  # reads it to its end
    sql = f"read_csv({file_literal(path)}, {_ONE_COLUMN}, compression = '{_compression(path)}', {SCAN_OPTIONS})"
    keys = f"""
        SELECT DISTINCT unnest(json_keys(line)) FROM {sql}
        WHERE CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END
    """
    with readable(file.path):
        names = tuple(sorted(row[0] for row in connection.raw_sql(keys).fetchall()))
    return Scan(
        file=file,
        path=path,
        sql=sql,
        names=names,
        columns={name: f"json_extract_string(line, {pointer(name)})" for name in names},
        types=dict.fromkeys(names, TEXT),
        stored=names,
    )


def parquet_scan(connection: Any, file: FoundFile) -> Scan:
    """How to read a Parquet file."""
    import pyarrow
    import pyarrow.parquet

    sql = f"read_parquet({file_literal(file.path)}, hive_partitioning = false)"
    with readable(file.path):
        found = connection.raw_sql(f"DESCRIBE SELECT * FROM {sql}").fetchall()
        try:
            stored = tuple(pyarrow.parquet.read_schema(file.path).names)
        except (pyarrow.ArrowException, OSError) as error:
            message = f"{file.path} cannot be read: {str(error).splitlines()[0]}. Check the format of the file."
            raise SourceError(message) from error
    names = tuple(row[0] for row in found)
    return Scan(
        file=file,
        path=file.path,
        sql=sql,
        names=names,
        columns={name: quoted(name) for name in names},
        types={row[0]: row[1] for row in found},
        stored=stored,
    )


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what DuckDB says of a file into a `SourceError`."""
    try:
        yield
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0].rstrip(".")
        message = f"{path} cannot be read: {first_line}. Check the format and the delimiter of the file."
        raise SourceError(message) from error


def _compression(path: Path) -> str:
    return "gzip" if is_gzip(path) else "none"


def pointer(name: str) -> str:
    """SQL of the JSON pointer to a key of the outermost object."""
    return literal("/" + name.replace("~", "~0").replace("/", "~1"))
