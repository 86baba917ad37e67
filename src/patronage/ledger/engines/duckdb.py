"""DuckDB: one machine, all its cores, and the disk where memory ends. The default."""

from typing import Any

import duckdb
import ibis
import ibis.expr.datatypes as dt

from patronage.errors import ConfigError
from patronage.ledger.engines import reading
from patronage.ledger.engines.engine import BATCH_ROWS, UTC


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _moment_of(zone: str, local: dt.timestamp) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The moment at which the clocks of a zone show a local time."""


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _clock_of(zone: str, moment: dt.Timestamp("UTC")) -> dt.timestamp:  # type: ignore[valid-type]
    """What the clocks of a zone show at a moment."""


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, pattern: str) -> dt.timestamp:
    """As strptime, with a missing value where the text does not fit."""


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime_with_offset(text: str, pattern: str) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The same for patterns that name an offset, which give a moment."""


class DuckDbExpressions:
    """What `Engine` asks of expressions, in DuckDB's functions; no connection is needed."""

    def strip(self, text: Any) -> Any:
        """Text without the blanks around it; see `Engine.strip`."""
        return text.strip()

    def number(self, text: Any) -> Any:
        """The number that a text holds; see `Engine.number`."""
        text = ibis.ifelse(text.contains("_"), ibis.null("string"), text)  # 1_000 would be a number to DuckDB
        return text.try_cast("float64")

    def check_pattern(self, pattern: str) -> None:
        """Refuse a pattern that DuckDB's strptime does not understand; see `Engine.check_pattern`."""
        try:
            duckdb.connect().execute("SELECT try_strptime('x', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            message = f"ledger.timestamp_format {pattern!r} is not a strptime pattern: {str(error).splitlines()[0]}."
            raise ConfigError(message) from error

    def timestamp(self, text: Any, pattern: str | None = None, zone: str = UTC) -> Any:
        """The moment that a text names, in UTC; see `Engine.timestamp`."""
        text = self.strip(text)
        if pattern is not None:
            if "%z" in pattern or "%Z" in pattern:
                return _clock_of(UTC, _try_strptime_with_offset(text, pattern))
            return self.utc(_try_strptime(text, pattern), zone)
        return ibis.cases(*((each.fits, self._moment(each, zone)) for each in reading.iso(text)))

    def utc(self, local: Any, zone: str) -> Any:
        """Convert moments that are no text; see `Engine.utc`."""
        kind = local.type()
        if kind.is_timestamp() and kind.timezone is not None:
            return _clock_of(UTC, local)
        local = local.cast("timestamp")
        return local if zone == UTC else _clock_of(UTC, _moment_of(zone, local))

    def day(self, utc: Any, zone: str) -> Any:
        """The date on the calendar of a zone; see `Engine.day`."""
        return (utc if zone == UTC else _clock_of(zone, _moment_of(UTC, utc))).date()

    def _moment(self, read: reading.Reading, zone: str) -> Any:
        local = read.local.try_cast("timestamp")
        return self.utc(local, zone) if read.minutes_ahead is None else local - read.minutes_ahead.as_interval("m")


class DuckDbEngine(DuckDbExpressions):
    """A DuckDB database, in memory unless told otherwise, that spills to disk when it must.

    Parameters
    ----------
    threads : int, optional
        Number of threads; all cores if not given.
    memory_limit : str, optional
        For example ``"4GB"``; DuckDB's own default (80 % of the machine) if not given.
    temp_directory : str, optional
        Where to spill; DuckDB's own default (``.tmp`` in the working folder) if not given.
    connection : ibis.backends.duckdb.Backend, optional
        An open connection to use instead, with its own settings; it is not closed by `close`.

    Raises
    ------
    ConfigError
        If DuckDB refuses a setting.
    """

    name = "duckdb"
    repeats_work = False

    def __init__(
        self,
        threads: int | None = None,
        memory_limit: str | None = None,
        temp_directory: str | None = None,
        connection: Any = None,
    ) -> None:
        settings = {"threads": threads, "memory_limit": memory_limit, "temp_directory": temp_directory}
        self._owned = connection is None
        self._connection = _connected(settings) if connection is None else connection

    @property
    def connection(self) -> Any:
        """The Ibis backend."""
        return self._connection

    def load(self, rows: Any, name: str) -> Any:
        """Bring Arrow rows into a temporary table, batch by batch; see `Engine.load`."""
        unique = ibis.util.gen_name(f"patronage_{name}")
        handle = ibis.util.gen_name("patronage_rows")
        self._connection.con.register(handle, rows)
        try:
            self._connection.raw_sql(f"CREATE TEMP TABLE {_quoted(unique)} AS FROM {handle}")
        finally:
            self._connection.con.unregister(handle)
        return self._connection.table(unique)

    def keep(self, rows: Any, name: str) -> Any:
        """Compute rows once, into a temporary table; see `Engine.keep`."""
        return self._made("TABLE", rows, name)

    def view(self, rows: Any, name: str) -> Any:
        """Give rows a name without computing them; see `Engine.view`."""
        return self._made("VIEW", rows, name)

    def batches(self, rows: Any) -> Any:
        """Compute rows, batch by batch; see `Engine.batches`."""
        return self._connection.to_pyarrow_batches(rows, chunk_size=BATCH_ROWS)

    def drop(self, table: Any) -> None:
        """Forget a table or view; see `Engine.drop`."""
        name = table.get_name()
        kinds = "SELECT table_type FROM information_schema.tables WHERE table_name = ?"
        found = self._connection.con.execute(kinds, [name]).fetchone()
        self._connection.raw_sql(f"DROP {'VIEW' if found == ('VIEW',) else 'TABLE'} {_quoted(name)}")

    def close(self) -> None:
        """Close the connection if this engine opened it."""
        if self._owned:
            self._connection.disconnect()

    def _made(self, kind: str, rows: Any, name: str) -> Any:
        unique = ibis.util.gen_name(f"patronage_{name}")
        self._connection._run_pre_execute_hooks(rows)  # brings memtables in, which compile does not
        self._connection.raw_sql(f"CREATE TEMP {kind} {_quoted(unique)} AS {self._connection.compile(rows)}")
        return self._connection.table(unique)


def _connected(settings: dict[str, Any]) -> Any:
    given = {key: value for key, value in settings.items() if value is not None}
    try:
        # The order of rows costs memory and nothing relies on it: rows of a file are numbered as they are read.
        return ibis.duckdb.connect(**given, preserve_insertion_order=False)
    except duckdb.Error as error:
        message = f"DuckDB refuses these settings of the engine ({given}): {str(error).splitlines()[0]}."
        raise ConfigError(message) from error


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
