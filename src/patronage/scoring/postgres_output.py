"""Scores in a table of PostgreSQL, replaced within one transaction. The extra ``postgres`` installs the driver.

Finished parts wait in files until all are there. Then one transaction takes the rows of the table away, brings the new
ones and writes the manifest: whoever reads sees the earlier scores until it ends, and the new ones from then on. What
stops it, a kill or a lost connection, leaves the earlier ones, and nothing has to be tidied up in the database. The
table itself stays, with its views, rights and indexes.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import ConfigError, OutputError
from patronage.schema import Column
from patronage.scoring.beside import UNSCORED, beside, unscored
from patronage.scoring.lock import only_writer
from patronage.scoring.places import Written
from patronage.scoring.postgres_tables import LONGEST_NAME, copied, emptied, found_columns, made
from patronage.scoring.publishing import Published, Results, arrow_schema_of
from patronage.scoring.usable import REJECTS

APPLICATION = "patronage score"
"""By which the database knows the connection."""

LOCK_TIMEOUT = "60s"
"""How long to wait for somebody else who writes the table."""

SECONDS_TO_NOTICE = 15.0
"""How long to wait for another job to let go: of one that was killed the database learns a moment later."""

SECONDS_BETWEEN_TRIES = 0.2

HOLDER = """
    SELECT coalesce(host(a.client_addr), 'the server'), to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS')
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted
    AND (l.classid::bigint << 32) | l.objid::bigint = hashtextextended(%s, 0)
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Who holds the lock of a name: machine and moment of the connection."""

MANIFEST, REJECTED = "_manifest", "_rejects"
"""Endings of the tables beside the scores."""

MANIFEST_COLUMNS = (
    Column("written_at", "timestamp", "UTC", False, "When."),
    Column("manifest", "string", "", False, "What the scores are, and what became of every row: JSON."),
)


class PostgresOutput:
    """A table of scores, and beside it ``TABLE_manifest`` of one row and ``TABLE_rejects``.

    Parameters
    ----------
    uri : str
        ``postgresql://user@host:port/database``. A password is better left out of it: libpq reads ``PGPASSWORD`` and
        ``~/.pgpass``.
    table : str or None
        NAME or SCHEMA.NAME.
    folder : Path
        Where finished parts are kept until the table is complete.

    Raises
    ------
    ConfigError
        If the driver is missing, the address cannot be read, or no table is named.
    """

    kind = "table"
    encoding: ClassVar[dict[str, Any]] = {"compression": "none", "use_dictionary": False, "write_statistics": False}

    def __init__(self, uri: str, table: str | None, folder: Path) -> None:
        self._uri, self._address = uri, _address(uri)
        self._schema, self._table = _table(table)
        where = hashlib.sha256(json.dumps(self._address).encode()).hexdigest()[:8]
        self.path = folder / f"{self._schema}.{self._table}-{where}"
        self._connection: Any = None

    @property
    def place(self) -> str:
        """The table, in words."""
        host, port, database = self._address
        server = " at " + ":".join(filter(None, (host, port))) if host else ""
        return f"the table {self._schema}.{self._table} of the database {database or 'of the user'}{server}"

    @property
    def writes(self) -> tuple[Written, ...]:
        """See `publishing.Output.writes`."""
        return (Written("The file of unscored rows in work_folder", beside(self.path, UNSCORED)),)

    def is_there(self) -> bool:
        """Whether there is a table of that name."""
        with self._connected() as connection, connection.cursor() as cursor:
            return found_columns(cursor, self._schema, self._table) is not None

    def check(self, columns: Sequence[Column] | None = None) -> None:
        """Prove that the table can be replaced, and leave no trace.

        Raises
        ------
        OutputError
            If the server cannot be reached, rights are lacking, or a table of that name has other columns.
        """
        with (
            self._connected() as connection,
            connection.transaction(force_rollback=True),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [self._schema])
            if cursor.fetchone() is None:
                message = f"The database has no schema {self._schema}: make it, or name another in out_table."
                raise OutputError(message)
            if columns is not None:
                for name, held, index in self._tables(columns):
                    made(cursor, self._schema, name, held, index)

    @contextmanager
    def only_writer(self, holder: Path) -> Iterator[None]:
        """Keep other jobs away, on this machine and on others; see `lock.only_writer`.

        The database ends this with the connection, however the process ends.
        """
        with only_writer(self.path, holder), self._connected() as connection:
            self._connection = connection
            try:
                self._take_hold()
                yield
            finally:
                self._connection.close()
                self._connection = None

    @contextmanager
    def publishing(self, results: Results, work: Path) -> Iterator[Published]:  # noqa: ARG002
        """Replace scores, rejects and manifest; all of it stands with the end of the block, or none."""
        with self._transaction() as cursor:
            for name, held, index in self._tables(results.columns):
                made(cursor, self._schema, name, held, index)
                emptied(cursor, self._schema, name)
            rows = self._copy(cursor, self._table, results.columns, results.scores, results.watch)
            self._copy(cursor, self._table + REJECTED, REJECTS.columns, results.rejects)
            yield Published(
                [{"name": f"{self._schema}.{self._table}", "rows": rows}],
                f"{self._schema}.{self._table}{REJECTED}" if results.rejects else None,
                f"{self._schema}.{self._table}{MANIFEST}",
                lambda told: self._tell(cursor, told),
            )
        beside(self.path, UNSCORED).unlink(missing_ok=True)

    def put_unscored(self, results: Results, work: Path) -> Path:
        """See `publishing.Output.put_unscored`: a file in the folder of the finished parts, so no table changes."""
        return unscored(results, self.path, work)

    def _tables(self, columns: Sequence[Column]) -> list[tuple[str, Sequence[Column], str | None]]:
        """Name and columns of each table, and the column by which its rows are looked up."""
        return [
            (self._table, columns, "customer_id"),
            (self._table + REJECTED, REJECTS.columns, None),
            (self._table + MANIFEST, MANIFEST_COLUMNS, None),
        ]

    def _copy(
        self,
        cursor: Any,
        table: str,
        columns: Sequence[Column],
        parts: Sequence[Path],
        watch: Callable[[pa.Table], None] | None = None,
    ) -> int:
        schema = arrow_schema_of(columns)

        def pieces() -> Iterator[pa.Table]:
            for part in parts:
                piece = pq.read_table(part, schema=schema, memory_map=True)
                yield piece
                if watch is not None:
                    watch(piece)

        return copied(cursor, self._schema, table, schema.names, pieces())

    def _tell(self, cursor: Any, told: Mapping[str, Any]) -> None:
        from psycopg import sql

        statement = sql.SQL("INSERT INTO {} (written_at, manifest) VALUES (%s, %s)")
        name = sql.Identifier(self._schema, self._table + MANIFEST)
        text = json.dumps(told, ensure_ascii=False)
        cursor.execute(statement.format(name), [datetime.now(UTC).replace(tzinfo=None), text])

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        """A transaction of the connection that keeps others away, or of a new one if that was lost meanwhile."""
        import psycopg

        with self._in_words():
            try:
                self._connection.execute("SELECT 1")
            except psycopg.OperationalError:
                self._connection = self._connect()
                self._take_hold()
            with self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                yield cursor

    def _take_hold(self) -> None:
        """Take the lock of the table that jobs of patronage know, which lasts as long as the connection."""
        name = f"{APPLICATION} {self._schema}.{self._table}"
        end = time.monotonic() + SECONDS_TO_NOTICE
        with self._in_words(), self._connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
                if cursor.fetchone()[0]:
                    return
                if time.monotonic() > end:
                    break
                time.sleep(SECONDS_BETWEEN_TRIES)
            cursor.execute(HOLDER, [name])
            found = cursor.fetchone()
        who = f", which came from {found[0]} at {found[1]}" if found else ""
        message = f"{self.place} is being written by another job{who}. Wait for it, or name another out_table."
        raise OutputError(message)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        connection = self._connect()
        try:
            with self._in_words():
                yield connection
        finally:
            connection.close()

    def _connect(self) -> Any:
        import psycopg

        with self._in_words():
            return psycopg.connect(
                self._uri, autocommit=True, application_name=APPLICATION, client_encoding="UTF8", connect_timeout=30
            )

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        """Say what the database says, without the password."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            message = f"Cannot write {self.place}: {_without_password(lines[0], self._uri).rstrip('.')}."
            raise OutputError(message) from None


def _address(uri: str) -> tuple[str, str, str]:
    """Host, port and database of an address."""
    try:
        import psycopg
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as error:
        message = "PostgreSQL needs psycopg, which is not installed. Run: pip install 'patronage[postgres]'."
        raise ConfigError(message) from error
    try:
        told = conninfo_to_dict(uri)
    except psycopg.Error:
        # What is wrong with it is not repeated: libpq would tell the password.
        message = "out cannot be read as the address of a database: expected postgresql://user@host:port/database."
        raise ConfigError(message) from None
    host = str(told.get("host") or "")
    if "@" in host:
        message = "out has more than one @: write one that belongs to the password as %40, or leave the password out."
        raise ConfigError(message)
    return host, str(told.get("port") or ""), str(told.get("dbname") or "")


def _table(name: str | None) -> tuple[str, str]:
    """Schema and name of the table that ``out_table`` names."""
    if not name:
        message = (
            "out is a database, so its table has to be named: give it as out_table=scores or out_table=shop.scores."
        )
        raise ConfigError(message)
    schema, _, table = name.rpartition(".")
    longest = LONGEST_NAME - max(len(MANIFEST), len(REJECTED))
    if not table or schema.count(".") or name.startswith(".") or len(table.encode()) > longest:
        message = (
            f"out_table must be NAME or SCHEMA.NAME, the name of at most {longest} bytes, for tables with longer names "
            f"go with it; got {name!r}."
        )
        raise ConfigError(message)
    return schema or "public", table


def _without_password(text: str, uri: str) -> str:
    """Text in which the passwords of an address do not stand."""
    from psycopg.conninfo import conninfo_to_dict

    account, _, _ = uri.partition("://")[2].rpartition("@")
    told = conninfo_to_dict(uri)
    for secret in (account.partition(":")[2], told.get("password"), told.get("sslpassword")):
        text = text.replace(str(secret), "...") if secret else text
    return text
