"""Transactions from CSV or Parquet: one file, a folder of them, or a glob."""

import csv
from collections.abc import Mapping
from glob import glob, has_magic
from pathlib import Path
from typing import Any, Literal

import duckdb

from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger import raw_tables
from patronage.ledger.raw_tables import ROWS, UNREADABLE, literal, quoted
from patronage.ledger.source import RawTransactions
from patronage.schema import TRANSACTIONS

FileFormat = Literal["csv", "parquet"]
SUFFIXES: dict[str, FileFormat] = {
    ".csv": "csv", ".csv.gz": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip


class FilesSource:
    """CSV or Parquet files of one layout.

    Parameters
    ----------
    path : str
        A file, a folder (searched through, with its sub-folders), or a glob such as ``data/2024-*.csv``.
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
        If the mapping lacks a required column or names one that the ledger does not know.
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
        connection.raw_sql(f"DROP TABLE IF EXISTS {ROWS}")
        for path in files:
            try:
                if self._format_of(path) == "csv":
                    self._load_csv(connection, path)
                else:
                    self._load_parquet(connection, path)
            except duckdb.Error as error:
                first_line = str(error).splitlines()[0]
                message = f"{path} cannot be read: {first_line}. Check the format and the delimiter of the file."
                raise SourceError(message) from error
        return raw_tables.raw_transactions(connection, self._timestamp_format, files)

    def _files(self) -> list[Path]:
        path = Path(self.location)
        if path.is_dir():
            found = [file for file in path.rglob("*") if file.is_file() and self._known(file)]
        elif has_magic(self.location):
            found = [Path(file) for file in glob(self.location, recursive=True) if Path(file).is_file()]  # noqa: PTH207
        elif path.is_file():
            found = [path]
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
        return any(file.name.lower().endswith(suffix) for suffix in SUFFIXES)

    def _format_of(self, file: Path) -> FileFormat:
        if self._file_format:
            return self._file_format
        for suffix, file_format in SUFFIXES.items():
            if file.name.lower().endswith(suffix):
                return file_format
        message = f"Cannot tell the format of {file} from its name: set ledger.file_format to csv or parquet."
        raise SourceError(message)

    def _load_csv(self, connection: Any, path: Path) -> None:
        header = self._csv_header(path)
        self._require_columns(path, header)
        types = "{" + ", ".join(f"{literal(name)}: 'VARCHAR'" for name in header) + "}"
        scan = (
            f"read_csv({literal(str(path))}, columns = {types}, header = true, auto_detect = false, "
            f"delim = {literal(self._delimiter)}, quote = '\"', escape = '\"', null_padding = false, "
            "store_rejects = true)"
        )
        self._insert(connection, path, scan)
        # DuckDB keeps the lines that it could not split in tables of its own, for the scans of this connection.
        connection.raw_sql(f"""
            INSERT INTO {UNREADABLE}
            SELECT {literal(str(path))}, line, 'unreadable line: ' ||
                   lower(string_agg(DISTINCT error_type::VARCHAR, ', ')), any_value(csv_line)
            FROM reject_errors GROUP BY file_id, line
        """)
        connection.raw_sql("DROP TABLE IF EXISTS reject_errors; DROP TABLE IF EXISTS reject_scans")

    def _csv_header(self, path: Path) -> list[str]:
        import gzip

        opened = gzip.open if path.suffix.lower() == ".gz" else open
        try:
            with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
                header = next(csv.reader(file, delimiter=self._delimiter), [])
        except (UnicodeDecodeError, csv.Error, OSError) as error:
            message = f"{path} is not a CSV file in UTF-8: {error}. Convert it, or set ledger.file_format."
            raise SourceError(message) from error
        if not any(name.strip() for name in header):
            message = f"{path} has no header line with column names."
            raise SourceError(message)
        doubled = sorted({name for name in header if header.count(name) > 1})
        if doubled:
            message = f"{path} names these columns more than once: {', '.join(doubled)}. Rename them."
            raise ContractError(message)
        return header

    def _load_parquet(self, connection: Any, path: Path) -> None:
        scan = f"read_parquet({literal(str(path))})"
        names = [row[0] for row in connection.raw_sql(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
        self._require_columns(path, names)
        self._insert(connection, path, scan)

    def _require_columns(self, path: Path, names: list[str]) -> None:
        lacking = [f"{wanted} (for {ours})" for ours, wanted in self.columns.items() if wanted not in names]
        if lacking:
            message = (
                f"{path} lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}. "
                f"It has: {', '.join(names)}. Set ledger.columns to the names in the file."
            )
            raise ContractError(message)

    def _insert(self, connection: Any, path: Path, scan: str) -> None:
        wanted = ", ".join(f"{quoted(theirs)} AS {ours}" for ours, theirs in self.columns.items())
        select = f"SELECT {wanted}, {literal(str(path))} AS source_file, row_number() OVER () AS source_row FROM {scan}"
        exists = ROWS in connection.list_tables()
        connection.raw_sql(f"INSERT INTO {ROWS} BY NAME {select}" if exists else f"CREATE TABLE {ROWS} AS {select}")
