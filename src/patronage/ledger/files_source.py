"""A ledger from files: CSV, JSON lines or Parquet for each of its tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from patronage.errors import ConfigError
from patronage.ledger.file_table import FileTable, one_path
from patronage.ledger.found_files import FORMATS, FileFormat
from patronage.ledger.mapping import mapping_given
from patronage.ledger.source import SourceOfTable
from patronage.ledger.transcoding import UTF8, check_encoding
from patronage.schema import CAMPAIGNS, CONTACTS, CUSTOMERS, TRANSACTIONS, TableSchema

TABLE_KEYS = {
    "path", "columns", "attributes", "negative_where", "timestamp_format", "timestamp_zone", "file_format", "delimiter",
    "encoding", "decimal", "thousands", "tolerated",
}  # fmt: skip

INHERITED = ("timestamp_format", "timestamp_zone", "delimiter", "encoding", "decimal", "thousands")
"""Settings of the transactions that hold for the other tables too, unless these have their own."""


class FilesSource:
    """Files of one layout for the transactions, and for each further table.

    Parameters
    ----------
    path : str
        A file, a folder (searched through, with its sub-folders, but for hidden ones, whose names begin with a dot),
        or a glob such as ``data/2024-*.csv``. Folders named ``year=2024`` are columns of the files below.
        Files whose names begin with ``_`` are data too (but for Spark's own, such as ``_SUCCESS``); Spark, which would
        leave them out, refuses them.
    columns : mapping of str to (str or mapping), optional
        Our name to the file's, or to a rule; ``customer_id``, ``timestamp`` and ``amount`` are required. See
        `mapping.mapping_given`. If not given, the files use our names.
    timestamp_format : str, optional
        strptime pattern of textual or numeric timestamps, for example ``%d.%m.%Y``; ISO 8601 if not given, or ``iso``.
    file_format : {"csv", "parquet", "jsonl"}, optional
        Told from the ending of the file names if not given.
    delimiter : str, optional
        Separator of the columns of a CSV file; a comma, or a tab in ``.tsv``, if not given.
    name : str
        Name of the ledger for tracking.
    time_zone : str
        IANA name of the zone in which days are cut. Timestamps without an offset are local times of it.
    timestamp_zone : str, optional
        Zone of timestamps without an offset, if it is another: ``UTC`` for most databases.
    encoding : str
        Of text files.
    decimal, thousands : str
        How numbers are written in text: ``decimal=","`` and ``thousands="."`` read ``1.234,56``.
    negative_where : mapping, optional
        Rows that are refunds though their numbers are positive: ``column``, ``values`` and, if need be, ``of``.
    tolerated : sequence of str
        Reasons that are expected, and do not count against the share of rows that may be set aside.
    customers, contacts, campaigns : mapping, optional
        The same settings for a further table: ``path``, ``columns`` and, where they differ from those of the
        transactions, the others; customers may have ``attributes``. A table without a path is not there.

    Raises
    ------
    ConfigError
        If the mapping lacks a required column or names one that the ledger does not know, or another setting does not
        fit.
    """

    def __init__(
        self,
        path: str,
        columns: Mapping[str, Any] | None = None,
        timestamp_format: str | None = None,
        file_format: FileFormat | None = None,
        delimiter: str | None = None,
        name: str = "files",
        time_zone: str = "UTC",
        timestamp_zone: str | None = None,
        encoding: str = UTF8,
        decimal: str = ".",
        thousands: str | None = None,
        negative_where: Mapping[str, Any] | None = None,
        tolerated: Sequence[str] = (),
        customers: Mapping[str, Any] | None = None,
        contacts: Mapping[str, Any] | None = None,
        campaigns: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.location = str(path)
        self.time_zone = time_zone
        own = {
            "path": path, "columns": columns, "timestamp_format": timestamp_format, "file_format": file_format,
            "delimiter": delimiter, "encoding": encoding, "decimal": decimal, "thousands": thousands,
            "timestamp_zone": timestamp_zone, "negative_where": negative_where, "tolerated": tolerated,
        }  # fmt: skip
        self.tables = {"transactions": _table(TRANSACTIONS, own, "ledger")}
        for schema, given in ((CUSTOMERS, customers), (CONTACTS, contacts), (CAMPAIGNS, campaigns)):
            if given is not None and given.get("path"):
                inherited = {key: own[key] for key in INHERITED if given.get(key) is None}
                table = _table(schema, {**given, **inherited}, f"ledger.{schema.name}")
                mapping = replace(table.mapping, inherited_format=inherited.get("timestamp_format") is not None)
                self.tables[schema.name] = replace(table, mapping=mapping)


def _table(schema: TableSchema, given: Mapping[str, Any], setting: str) -> SourceOfTable:
    mapping = mapping_given(schema, given, TABLE_KEYS, setting)
    file_format, delimiter = given.get("file_format"), given.get("delimiter")
    if file_format not in (None, *FORMATS):
        message = f"{setting}.file_format must be {', '.join(FORMATS)} or null, got {file_format!r}."
        raise ConfigError(message)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        message = f"{setting}.delimiter must be one character, not a quote or a line end, got {delimiter!r}."
        raise ConfigError(message)
    encoding = check_encoding(given.get("encoding") or UTF8, setting)
    return SourceOfTable(
        FileTable(one_path(given["path"], setting), file_format, delimiter, encoding, setting, mapping.decimal), mapping
    )
