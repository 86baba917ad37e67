"""Transactions from CSV or Parquet: one file, a folder of them, or a glob."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Any, Literal

import duckdb

from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger import raw_tables
from patronage.ledger.common_types import cast_expression, common_casts
from patronage.ledger.csv_file import csv_header, is_gzip
from patronage.ledger.csv_rejects import SCAN_OPTIONS, forget_rejects, keep_rejects
from patronage.ledger.raw_tables import ROWS, file_literal, literal, quoted
from patronage.ledger.source import RawTransactions
from patronage.schema import TRANSACTIONS

FileFormat = Literal["csv", "parquet"]
SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


@dataclass(frozen=True)
class _Scan:
    """How DuckDB reads one file: our column names to its columns there and to their types.

    `csv_columns` is the number of columns of a CSV file, 0 for Parquet.
    """

    path: Path
    sql: str
    columns: dict[str, str]
    types: dict[str, str]
    csv_columns: int = 0


class FilesSource:
    """CSV or Parquet files of one layout.

    Parameters
    ----------
    path : str
        A file, a folder (searched through, with its sub-folders, but for hidden ones, whose names begin with a dot),
        or a glob such as ``data/2024-*.csv``.
    columns : mapping of str to str
        Our name to the file's: ``customer_id``, ``timestamp`` and ``amount`` are required.
    timestamp_format : str, optional
        strptime pattern of textual or numeric timestamps, for example ``%d.%m.%Y``; ISO 8601 if not given.
    file_format : {"csv", "parquet"}, optional
        Told from the ending of the file names if not given.
    delimiter : str
        Separator of the columns of a CSV file.
    name : str
        Name of the ledger for tracking.

    Raises
    ------
    ConfigError
        If the mapping lacks a required column or names one that the ledger does not know, or the delimiter is not
        one character.
    """

    def __init__(
        self,
        path: str,
        columns: Mapping[str, str],
        timestamp_format: str | None = None,
        file_format: FileFormat | None = None,
        delimiter: str = ",",
        name: str = "files",
    ) -> None:
        lacking = [column for column in TRANSACTIONS.names if not columns.get(column)]
        unknown = [column for column in columns if column not in TRANSACTIONS.names]
        if lacking or unknown:
            message = (
                f"ledger.columns must map {', '.join(TRANSACTIONS.names)} to columns of the files; "
                f"not mapped: {', '.join(lacking) or 'none'}; not known: {', '.join(unknown) or 'none'}."
            )
            raise ConfigError(message)
        if file_format not in (None, "csv", "parquet"):
            message = f"ledger.file_format must be csv, parquet or null, got {file_format!r}."
            raise ConfigError(message)
        if len(delimiter) != 1 or delimiter in '"\r\n':
            message = f"ledger.delimiter must be one character, not a quote or a line end, got {delimiter!r}."
            raise ConfigError(message)
        self.name = name
        self.location = str(path)
        self.columns = dict(columns)
        self._timestamp_format = timestamp_format
        self._file_format = file_format
        self._delimiter = delimiter

    def read(self, connection: Any) -> RawTransactions:
        """Load all files; see `TransactionSource.read`."""
        files = self._files()
        raw_tables.create_unreadable(connection)
        scans = []
        for path in files:
            with _readable(path):
                scans.append(self._scan(connection, path))
        casts = common_casts({scan.path: scan.types for scan in scans}, self.columns, self._timestamp_format)
        for number, scan in enumerate(scans):
            with _readable(scan.path):
                _load(connection, scan, casts, first=number == 0)
        return raw_tables.raw_transactions(connection, self._timestamp_format, files)

    def _files(self) -> list[Path]:
        path = Path(self.location)
        if path.is_dir():
            found = [file for file in path.rglob("*") if file.is_file() and self._known(file.relative_to(path))]
        elif path.is_file():
            found = [path]
        elif has_magic(self.location):
            matches = {Path(file) for file in glob(self.location, recursive=True)}  # noqa: PTH207
            found = [file for file in matches if file.is_file()]
        else:
            message = f"The ledger file {path.absolute()} does not exist. Set ledger.path to a file, folder or glob."
            raise SourceError(message)
        if not found:
            message = f"No ledger file at {self.location}: expected files that end in {', '.join(SUFFIXES)}."
            raise SourceError(message)
        empty = [file for file in found if not file.stat().st_size]
        if empty:
            message = (
                f"{len(empty)} of {len(found)} ledger files are empty (0 bytes): {', '.join(map(str, empty[:5]))}."
            )
            raise SourceError(message)
        return sorted(found)

    def _known(self, file: Path) -> bool:
        hidden = any(part.startswith(".") for part in file.parts)
        return not hidden and file.name.lower().endswith(tuple(SUFFIXES))

    def _format_of(self, file: Path) -> FileFormat:
        if self._file_format:
            return self._file_format
        for suffix, file_format in SUFFIXES.items():
            if file.name.lower().endswith(suffix):
                return file_format
        message = f"Cannot tell the format of {file} from its name: set ledger.file_format to csv or parquet."
        raise SourceError(message)

    def _scan(self, connection: Any, path: Path) -> _Scan:
        return self._scan_csv(path) if self._format_of(path) == "csv" else self._scan_parquet(connection, path)

    def _scan_csv(self, path: Path) -> _Scan:
        header = csv_header(path, self._delimiter)
        self._require_columns(path, header, header)
        # By position: a header may hold empty names, and names that differ by case only.
        types = "{" + ", ".join(f"'column_{position}': 'VARCHAR'" for position in range(len(header))) + "}"
        compression = "gzip" if is_gzip(path) else "none"
        return _Scan(
            path=path,
            sql=(
                f"read_csv({file_literal(path)}, columns = {types}, header = true, auto_detect = false, "
                f"delim = {literal(self._delimiter)}, quote = '\"', escape = '\"', null_padding = false, "
                f"compression = '{compression}', {SCAN_OPTIONS})"
            ),
            columns={ours: f"column_{header.index(theirs)}" for ours, theirs in self.columns.items()},
            types=dict.fromkeys(self.columns, "VARCHAR"),
            csv_columns=len(header),
        )

    def _scan_parquet(self, connection: Any, path: Path) -> _Scan:
        import pyarrow.parquet

        sql = f"read_parquet({file_literal(path)})"
        types = {row[0]: row[1] for row in connection.raw_sql(f"DESCRIBE SELECT * FROM {sql}").fetchall()}
        # DuckDB renames the second of two columns whose names differ by case only, and says nothing.
        stored = [name.lower() for name in pyarrow.parquet.read_schema(path).names]
        doubled = [name for name in self.columns.values() if stored.count(name.lower()) > 1]
        self._require_columns(path, list(types), doubled * 2)
        return _Scan(
            path=path,
            sql=sql,
            columns={ours: quoted(theirs) for ours, theirs in self.columns.items()},
            types={ours: types[theirs] for ours, theirs in self.columns.items()},
        )

    def _require_columns(self, path: Path, names: list[str], stored: list[str]) -> None:
        doubled = sorted({name for name in self.columns.values() if stored.count(name) > 1})
        if doubled:
            message = f"{path} names these columns more than once: {', '.join(doubled)}. Rename them."
            raise ContractError(message)
        lacking = [f"{wanted} (for {ours})" for ours, wanted in self.columns.items() if wanted not in names]
        if lacking:
            present = ", ".join(name if name and name == name.strip() else repr(name) for name in names)
            message = (
                f"{path} lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}. "
                f"It has: {present}. Set ledger.columns to the names in the file."
            )
            raise ContractError(message)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what DuckDB says of a file into a `SourceError`."""
    try:
        yield
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0].rstrip(".")
        hint = (
            "Its lines seem to end in several ways (LF, CR LF, CR): write it with one."
            if "state machine" in first_line
            else "Check the format and the delimiter of the file."
        )
        message = f"{path} cannot be read: {first_line}. {hint}"
        raise SourceError(message) from error


def _load(connection: Any, scan: _Scan, casts: dict[str, str | None], first: bool) -> None:
    wanted = ", ".join(
        f"{cast_expression(column, scan.types[ours], casts[ours])} AS {ours}" for ours, column in scan.columns.items()
    )
    source_file = literal(str(scan.path))
    select = f"SELECT {wanted}, {source_file} AS source_file, row_number() OVER () AS source_row FROM {scan.sql}"
    forget_rejects(connection)
    connection.raw_sql(
        f"CREATE OR REPLACE TEMP TABLE {ROWS} AS {select}" if first else f"INSERT INTO {ROWS} BY NAME {select}"
    )
    if scan.csv_columns:
        keep_rejects(connection, scan.path, scan.sql, scan.csv_columns)
