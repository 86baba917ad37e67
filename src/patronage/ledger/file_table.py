"""One table of a ledger from files: CSV, JSON lines or Parquet, one of them, a folder or a glob."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import duckdb

from patronage.errors import ConfigError
from patronage.ledger import raw_tables
from patronage.ledger.common_types import cast_expression, common_casts
from patronage.ledger.csv_rejects import forget_rejects, keep_rejects
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.engines.engine import Engine
from patronage.ledger.engines.spark import SparkEngine
from patronage.ledger.file_scans import MIXED_LINE_ENDS, Scan, csv_scan, jsonl_scan, parquet_scan, readable
from patronage.ledger.found_files import FileFormat, FoundFile, found_files
from patronage.ledger.json_lines import as_written, keep_bad_lines, require_objects, whole_lines
from patronage.ledger.raw_tables import ROWS, literal, text_of_row
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, RawTable
from patronage.ledger.spark_files import SparkFiles
from patronage.ledger.transcoding import UTF8, in_utf8


@dataclass(frozen=True)
class FileTable:
    """Files of one layout that hold one table; see `TableSource`.

    Attributes
    ----------
    location : str
        A file, a folder or a glob.
    file_format : {"csv", "parquet", "jsonl"} or None
        Told from the ending of the names if None.
    delimiter : str or None
        Of CSV files; a comma if None, a tab in files that end in ``.tsv``.
    encoding : str
        Of text files.
    setting : str
        Where the settings stand, for messages.
    decimal : str
        Mark of decimals in texts, which numbers of JSON lines are handed over with too.
    """

    location: str
    file_format: FileFormat | None = None
    delimiter: str | None = None
    encoding: str = UTF8
    setting: str = "ledger"
    decimal: str = "."

    def names(self, engine: Engine) -> tuple[str, ...]:
        """The columns of all files, and those that their folders name; see `TableSource.names`."""
        if engine.name == "spark":
            return self._on_spark().names(cast("SparkEngine", engine))
        if engine.name != "duckdb":
            with closing(DuckDbEngine()) as reader:
                return self.names(reader)
        found: dict[str, None] = {}
        for file in found_files(self.location, self.file_format, self.setting):
            with ExitStack() as copies:
                scan = self._scan(engine.connection, file, copies)
            found |= dict.fromkeys([*scan.names, *file.partitions])
        return tuple(found)

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Load text files, and look into Parquet files at each use; see `TableSource.read`.

        Into a database that cannot read files itself they are brought batch by batch.
        """
        if engine.name == "spark":
            return self._on_spark().read(cast("SparkEngine", engine), fields, whole)
        if engine.name != "duckdb":
            return self._brought_over(engine, fields, whole)
        connection = engine.connection
        files = found_files(self.location, self.file_format, self.setting)
        digest = raw_tables.files_digest(file.path for file in files)
        with ExitStack() as copies:
            scans = []
            for file in files:
                scan = self._scan(connection, file, copies)
                scan.require(fields)
                scans.append(scan)
            casts = common_casts(
                {scan.file.path: [scan.expression(field.name)[1] for field in fields] for scan in scans}, fields
            )
            if all(scan.file.format == "parquet" for scan in scans):
                query = " UNION ALL ".join(_grouped_selects(scans, fields, casts, whole))
                with readable(Path(self.location)):
                    return RawTable(connection.sql(query), None, digest, lazy=True)
            raw_tables.create_unreadable(connection)
            for number, scan in enumerate(scans):
                self._load(connection, scan, fields, casts, whole, first=number == 0)
        return raw_tables.raw_table(connection, digest)

    def _brought_over(self, engine: Engine, fields: Sequence[Field], whole: bool) -> RawTable:
        with closing(DuckDbEngine()) as reader:
            raw = self.read(reader, fields, whole)
            with readable(Path(self.location)):
                rows = engine.load(reader.batches(raw.table), "rows")
            lines = None if raw.unreadable is None else engine.load(reader.batches(raw.unreadable), "unreadable")
        return RawTable(rows, lines, raw.digest, temporary=(rows,))

    def _on_spark(self) -> SparkFiles:
        return SparkFiles(self.location, self.file_format, self.delimiter, self.encoding, self.setting, self.decimal)

    def _scan(self, connection: Any, file: FoundFile, copies: ExitStack, one_line_end: bool = False) -> Scan:
        if file.format == "parquet":
            return parquet_scan(connection, file)
        path = copies.enter_context(in_utf8(file.path, self.encoding, one_line_end))
        if file.format == "jsonl":
            scan = jsonl_scan(connection, file, path)
            require_objects(connection, scan)
            return scan
        return csv_scan(file, path, self._delimiter_of(file), self.setting)

    def _delimiter_of(self, file: FoundFile) -> str:
        if self.delimiter is not None:
            return self.delimiter
        return "\t" if file.path.name.lower().endswith((".tsv", ".tsv.gz")) else ","

    def _load(
        self, connection: Any, scan: Scan, fields: Sequence[Field], casts: list[str | None], whole: bool, first: bool
    ) -> None:
        try:
            _insert(connection, scan, fields, casts, whole, self.decimal, first)
        except duckdb.Error as error:
            if MIXED_LINE_ENDS not in str(error):
                with readable(scan.file.path):
                    raise
            with ExitStack() as copies, readable(scan.file.path):
                again = self._scan(connection, scan.file, copies, one_line_end=True)
                _insert(connection, again, fields, casts, whole, self.decimal, first)


def one_path(path: Any, setting: str) -> str:
    """The path of a table as text.

    Parameters
    ----------
    path : str or path
        A file, a folder or a glob.
    setting : str
        Where the settings stand, for messages.

    Raises
    ------
    ConfigError
        If it is a list or a mapping.
    """
    if isinstance(path, Sequence | Mapping) and not isinstance(path, str):
        message = (
            f"{setting}.path must be one file, one folder or one glob such as data/2024-*.csv, got {path!r}. Several "
            "files of one layout lie in a folder, or are named by a glob."
        )
        raise ConfigError(message)
    return str(path)


def _insert(
    connection: Any,
    scan: Scan,
    fields: Sequence[Field],
    casts: list[str | None],
    whole: bool,
    decimal: str,
    first: bool,
) -> None:
    select = _select(scan, fields, casts, whole, decimal)
    if scan.file.format == "jsonl":
        select += f" WHERE {whole_lines(scan, fields)}"
    forget_rejects(connection)
    connection.raw_sql(f"CREATE OR REPLACE TEMP TABLE {ROWS} AS {select}" if first else f"INSERT INTO {ROWS} {select}")
    if scan.file.format == "csv":
        keep_rejects(connection, scan.path, scan.sql, len(scan.stored), scan.file.path)
    if scan.file.format == "jsonl":
        keep_bad_lines(connection, scan, fields)


def _select(scan: Scan, fields: Sequence[Field], casts: list[str | None], whole: bool, decimal: str) -> str:
    place = [f"{literal(str(scan.file.path))} AS {SOURCE_FILE}", f"row_number() OVER () AS {SOURCE_ROW}"]
    return f"SELECT {', '.join([*_wanted(scan, fields, casts, whole, decimal), *place])} FROM {scan.sql}"


def _wanted(scan: Scan, fields: Sequence[Field], casts: list[str | None], whole: bool, decimal: str = ".") -> list[str]:
    columns = []
    for number, (field, to) in enumerate(zip(fields, casts, strict=True)):
        expression, found = scan.expression(field.name)
        if field.kind == "number" and scan.file.format == "jsonl":
            expression = as_written(scan, field, decimal)
        columns.append(f"{cast_expression(expression, found, to)} AS raw_{number}")
    return [*columns, f"{text_of_row(scan.all_columns)} AS {LINE}"] if whole else columns


def _grouped_selects(scans: list[Scan], fields: Sequence[Field], casts: list[str | None], whole: bool) -> Iterator[str]:
    """One query for all the Parquet files that are alike."""
    groups: dict[tuple[str, tuple[tuple[str, str], ...], tuple[str, ...], bool], list[Scan]] = {}
    for scan in scans:
        columns = ", ".join(_wanted(scan, fields, casts, whole))
        folders = tuple(scan.file.partitions) if scan.names_folders else ()
        groups.setdefault((columns, tuple(scan.types.items()), folders, scan.names_folders), []).append(scan)
    for (columns, _types, _folders, names_folders), alike in groups.items():
        listed = ", ".join(raw_tables.file_literal(scan.path) for scan in alike)
        hive = "true, hive_types_autocast = false" if names_folders else "false"
        yield (
            f"SELECT {columns}, patronage_file AS {SOURCE_FILE}, file_row_number + 1 AS {SOURCE_ROW} FROM "
            f"read_parquet([{listed}], hive_partitioning = {hive}, filename = 'patronage_file', file_row_number = true)"
        )
