"""A ledger from a PostgreSQL schema: a table or view of it for each table of the ledger."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ibis
from ibis.common.exceptions import TableNotFound

from patronage.errors import ConfigError, SourceError
from patronage.ledger.engines.engine import Engine
from patronage.ledger.engines.postgres import PostgresEngine
from patronage.ledger.mapping import mapping_given
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, RawTable, SourceOfTable, row_text
from patronage.ledger.table_in_place import require_fields, rows_digest
from patronage.schema import CAMPAIGNS, CONTACTS, CUSTOMERS, TRANSACTIONS, TableSchema

TABLE_KEYS = {
    "table", "columns", "attributes", "negative_where", "timestamp_format", "timestamp_zone", "decimal", "thousands",
    "tolerated",
}  # fmt: skip

FIRST_DAY, LAST_DAY = "0001-01-01", "9999-12-31"
"""What only PostgreSQL can hold (infinity, years before Christ) is read as one of these, and then refused."""


class PostgresSource:
    """Tables or views of one schema of a PostgreSQL database.

    With ``engine=postgres`` nothing leaves the database: its tables are read where they lie. With ``engine=duckdb`` the
    columns that are asked for are brought over in pieces, in bounded memory, within one transaction for each table.

    Parameters
    ----------
    uri : str
        As for `PostgresEngine`.
    schema : str
        Schema of the tables.
    table : str
        Name of the table or view of the transactions.
    columns, timestamp_format, decimal, thousands, negative_where, tolerated, time_zone, timestamp_zone, name
        As for `FilesSource`.
    customers, contacts, campaigns : mapping, optional
        The same settings, ``table`` among them, for a further table.

    Raises
    ------
    ConfigError
        If a setting does not fit.
    """

    def __init__(
        self,
        uri: str,
        schema: str = "public",
        table: str = "transactions",
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
        name: str = "postgres",
    ) -> None:
        self.name = name
        self.location = f"the PostgreSQL schema {schema}"
        self.time_zone = time_zone
        own = {
            "table": table, "columns": columns, "timestamp_format": timestamp_format, "decimal": decimal,
            "thousands": thousands, "negative_where": negative_where, "tolerated": tolerated,
            "timestamp_zone": timestamp_zone,
        }  # fmt: skip
        self.tables = {"transactions": _table(uri, schema, TRANSACTIONS, own, "ledger")}
        for kind, given in ((CUSTOMERS, customers), (CONTACTS, contacts), (CAMPAIGNS, campaigns)):
            if given is not None and given.get("table"):
                self.tables[kind.name] = _table(uri, schema, kind, given, f"ledger.{kind.name}")


@dataclass(frozen=True)
class PostgresTable:
    """A table or view of a PostgreSQL schema; see `TableSource`."""

    uri: str
    schema: str
    table: str

    @property
    def location(self) -> str:
        """Its name; the uri may hold a password."""
        return f"the PostgreSQL table {self.schema}.{self.table}"

    def names(self, engine: Engine) -> tuple[str, ...]:
        """The columns of the table."""
        with self._database(engine) as database:
            return tuple(self._rows(database).columns)

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Look into the table at each use, or bring it over once; see `TableSource.read`."""
        with self._database(engine) as database:
            table = self._rows(database)
            require_fields(self.location, table.columns, fields)
            rows = self._wanted(table, fields, whole)
            if database is engine:
                return RawTable(rows, None, rows_digest(rows), lazy=True)
            held = engine.load(database.batches(rows), "rows")
            return RawTable(held, None, rows_digest(held), temporary=(held,))

    def _wanted(self, table: Any, fields: Sequence[Field], whole: bool) -> Any:
        """What `RawTable` asks for. The text of a row is that of the table, not of the types we read it in."""
        kinds = {field.name: field.kind for field in fields}
        wanted = {f"raw_{number}": _plain(table[field.name], kinds[field.name]) for number, field in enumerate(fields)}
        if whole:
            wanted[LINE] = row_text(table, table.columns)
        return table.select(**wanted, **{SOURCE_FILE: ibis.literal(self.location), SOURCE_ROW: ibis.null("int64")})

    @contextmanager
    def _database(self, engine: Engine) -> Iterator[PostgresEngine]:
        """The engine itself if it is this database, else a connection for as long as it takes."""
        if isinstance(engine, PostgresEngine):
            if not engine.is_at(self.uri):
                message = (
                    "engine=postgres reads a ledger that lies in its own database: set ledger.uri and engine.uri "
                    "alike, or read it with engine=duckdb."
                )
                raise ConfigError(message)
            yield engine
            return
        if engine.name != "duckdb":
            message = f"{self.location} is read by engine=postgres or engine=duckdb, not by {engine.name}."
            raise ConfigError(message)
        database = PostgresEngine(self.uri)
        try:
            yield database
        finally:
            database.close()

    def _rows(self, database: PostgresEngine) -> Any:
        try:
            return database.connection.table(self.table, database=self.schema)
        except TableNotFound as error:
            there = database.tables_of(self.schema)
            message = (
                f"The PostgreSQL schema {self.schema} has no table {self.table}; it has: {', '.join(there) or 'none'}. "
                "Set ledger.schema and ledger.table."
            )
            raise SourceError(message) from error


def _plain(column: Any, kind: str) -> Any:
    """A column in a type that every engine and Arrow can hold."""
    found = column.type()
    if found.is_timestamp() or found.is_date():
        first, last = (ibis.literal(day).cast(found) for day in (FIRST_DAY, LAST_DAY))
        return ibis.cases((column < first, first), (column > last, last), else_=column)
    if found.is_decimal():
        number = column.cast("decimal")  # money passes for a decimal, but PostgreSQL casts it to nothing else
        return number.cast("float64" if kind in ("number", "any") else "string")
    return column if found.is_numeric() or found.is_boolean() else column.cast("string")


def _table(uri: str, schema: str, kind: TableSchema, given: Mapping[str, Any], setting: str) -> SourceOfTable:
    mapping = mapping_given(kind, given, TABLE_KEYS, setting)
    return SourceOfTable(PostgresTable(uri, schema, str(given["table"])), mapping)
