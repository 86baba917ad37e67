"""A ledger from a DuckDB file: a table or a query of it for each table of the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import ibis
from ibis.common.exceptions import TableNotFound

from patronage.errors import ConfigError, SourceError
from patronage.ledger.engines.engine import Engine
from patronage.ledger.mapping import mapping_given
from patronage.ledger.raw_tables import literal, quoted
from patronage.ledger.source import Field, RawTable, SourceOfTable
from patronage.ledger.table_in_place import IbisTable
from patronage.schema import CAMPAIGNS, CONTACTS, CUSTOMERS, TRANSACTIONS, TableSchema

TABLE_KEYS = {
    "table", "query", "columns", "attributes", "negative_where", "timestamp_format", "timestamp_zone", "decimal",
    "thousands", "tolerated",
}  # fmt: skip


class DuckDbSource:
    """Tables or queries of a DuckDB file, which is opened to be read only.

    Parameters
    ----------
    path : str
        The file.
    table : str, optional
        Name of the table or view of the transactions, with its schema if need be (``shop.sales``).
    query : str, optional
        A SELECT instead of it.
    columns, timestamp_format, decimal, thousands, negative_where, tolerated, time_zone, timestamp_zone, name
        As for `FilesSource`.
    customers, contacts, campaigns : mapping, optional
        The same settings, ``table`` or ``query`` among them, for a further table.

    Raises
    ------
    ConfigError
        If a setting does not fit.
    """

    def __init__(
        self,
        path: str,
        table: str | None = None,
        query: str | None = None,
        columns: Mapping[str, Any] | None = None,
        timestamp_format: str | None = None,
        decimal: str = ".",
        thousands: str | None = None,
        negative_where: Mapping[str, Any] | None = None,
        tolerated: Sequence[str] = (),
        time_zone: str = "UTC",
        timestamp_zone: str | None = None,
        customers: Mapping[str, Any] | None = None,
        contacts: Mapping[str, Any] | None = None,
        campaigns: Mapping[str, Any] | None = None,
        name: str = "duckdb",
    ) -> None:
        self.name = name
        self.location = str(path)
        self.time_zone = time_zone
        own = {
            "table": table, "query": query, "columns": columns, "timestamp_format": timestamp_format,
            "decimal": decimal, "thousands": thousands, "negative_where": negative_where, "tolerated": tolerated,
            "timestamp_zone": timestamp_zone,
        }  # fmt: skip
        self.tables = {"transactions": _table(self.location, TRANSACTIONS, own, "ledger")}
        for schema, given in ((CUSTOMERS, customers), (CONTACTS, contacts), (CAMPAIGNS, campaigns)):
            if given is not None and (given.get("table") or given.get("query")):
                self.tables[schema.name] = _table(self.location, schema, given, f"ledger.{schema.name}")


@dataclass(frozen=True)
class DuckDbTable:
    """A table or query of a DuckDB file; see `TableSource`."""

    path: str
    table: str | None
    query: str | None

    @property
    def location(self) -> str:
        """The file and what is read of it."""
        return f"{self.path} ({self.table or 'query'})"

    def names(self, engine: Engine) -> tuple[str, ...]:
        """The columns of the table."""
        return tuple(self._rows(engine).columns)

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Look into the table at each use; the result of a query is kept. See `TableSource.read`."""
        return IbisTable(self._rows(engine), self.location).read(engine, fields, whole)

    def _rows(self, engine: Engine) -> Any:
        if engine.name != "duckdb":
            message = f"A DuckDB file is read by engine=duckdb, not by {engine.name}."
            raise ConfigError(message)
        if not Path(self.path).is_file():
            message = f"The DuckDB file {Path(self.path).absolute()} does not exist. Set ledger.path."
            raise SourceError(message)
        connection = engine.connection
        try:
            database = _attached(connection, Path(self.path).absolute())
            return self._table_of(connection, database) if self.table else self._query_of(connection, database)
        except TableNotFound as error:
            message = f"{self.path} has no table {self.table}. Set ledger.table to NAME or SCHEMA.NAME."
            raise SourceError(message) from error
        except duckdb.Error as error:
            message = f"{self.location} cannot be read: {str(error).splitlines()[0].rstrip('.')}."
            raise SourceError(message) from error

    def _table_of(self, connection: Any, database: str) -> Any:
        schema, _, name = str(self.table).rpartition(".")
        return connection.table(name, database=(database, schema or "main"))

    def _query_of(self, connection: Any, database: str) -> Any:
        statements = duckdb.extract_statements(str(self.query))
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            message = f"ledger.query must be one SELECT, got: {self.query}."
            raise ConfigError(message)
        name = ibis.util.gen_name("patronage_query")
        before = connection.raw_sql("SELECT current_catalog(), current_schema()").fetchone()
        connection.raw_sql(f"USE {quoted(database)}")
        try:
            connection.raw_sql(f"CREATE TEMP TABLE {quoted(name)} AS FROM ({statements[0].query.rstrip('; ')})")
        finally:
            connection.raw_sql(f"USE {quoted(before[0])}.{quoted(before[1])}")
        return connection.table(name)


def _attached(connection: Any, path: Path) -> str:
    """The catalogue of the file, which is attached unless it is already."""
    found = connection.con.execute(
        "SELECT database_name FROM duckdb_databases() WHERE path = ?", [str(path)]
    ).fetchone()
    if found is not None:
        return str(found[0])
    name = ibis.util.gen_name("patronage_file")
    connection.raw_sql(f"ATTACH {literal(str(path))} AS {quoted(name)} (READ_ONLY)")
    return str(name)


def _table(path: str, schema: TableSchema, given: Mapping[str, Any], setting: str) -> SourceOfTable:
    mapping = mapping_given(schema, given, TABLE_KEYS, setting)
    if bool(given.get("table")) == bool(given.get("query")):
        message = f"{setting} must have a table or a query of the DuckDB file, not both."
        raise ConfigError(message)
    return SourceOfTable(DuckDbTable(path, given.get("table"), given.get("query")), mapping)
