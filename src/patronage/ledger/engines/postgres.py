"""PostgreSQL: a ledger that stays in the database it lies in. The extra ``postgres`` installs the driver."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from patronage.errors import ConfigError
from patronage.ledger.engines import reading
from patronage.ledger.engines.engine import UTC
from patronage.ledger.engines.nul_characters import NulCharacters
from patronage.ledger.engines.strptime import translated

COPY_BYTES = 1 << 22
"""Rows travel as text in pieces of this size."""

LARGEST_FLOAT = "1.797693134862315807e308"
"""Numbers from here on round to infinity as float64."""

SMALLEST_FLOAT = "2.4703282292062327e-324"
"""Numbers up to here round to zero as float64."""

LONG_EXPONENT = "0*[1-9][0-9]{3,}$"
"""Exponents of four digits and more are infinite or zero, and too large for PostgreSQL's own decimals."""

NO_LOOPS = "-c enable_nestloop=off"
"""PostgreSQL cannot know how many rows an aggregate will have. It then guesses one, and joins many thousands of rows to
many thousands of others by looping through both: minutes and hours where a hash table takes a second."""

SHORTEST_MONTH_DAYS = 28
"""Every month has these days."""


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _moment_of(zone: str, local: dt.timestamp) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The moment at which the clocks of a zone show a local time."""


@ibis.udf.scalar.builtin(name="timezone")  # type: ignore[untyped-decorator]
def _clock_of(zone: str, moment: dt.Timestamp("UTC")) -> dt.timestamp:  # type: ignore[valid-type]
    """What the clocks of a zone show at a moment."""


@ibis.udf.scalar.builtin(name="btrim")  # type: ignore[untyped-decorator]
def _trimmed(text: str, characters: str) -> str:  # type: ignore[empty-body]
    """Text without the given characters around it."""


@ibis.udf.scalar.builtin(name="split_part")  # type: ignore[untyped-decorator]
def _split_part(text: str, delimiter: str, number: int) -> str:  # type: ignore[empty-body]
    """The part of a text between two delimiters, counted from 1; empty if there is none."""


class PostgresExpressions:
    """What `Engine` asks of expressions, in PostgreSQL's functions; no connection is needed.

    PostgreSQL has no cast that gives a missing value instead of an error (Ibis' ``try_cast`` is a plain cast there), so
    a text is cast only after it was seen to fit.
    """

    def strip(self, text: Any) -> Any:
        """Text without the blanks around it; see `Engine.strip`."""
        return _trimmed(text, reading.BLANKS)

    def number(self, text: Any) -> Any:
        """The number that a text holds; see `Engine.number`."""
        text = self.strip(text)
        size = text.cast("decimal").abs()
        infinity = ibis.ifelse(text.startswith("-"), float("-inf"), float("inf"))
        return ibis.cases(
            *((text.lower().re_search(pattern), value) for pattern, value in reading.NOT_FINITE.items()),
            (~text.re_search(reading.NUMBER), ibis.null("float64")),
            (text.re_search("^[+-]?[0.]+([eE].*)?$"), 0.0),
            (text.re_search(f"[eE]-{LONG_EXPONENT}"), 0.0),
            (text.re_search(f"[eE][+]?{LONG_EXPONENT}"), infinity),
            (size >= _decimal(LARGEST_FLOAT), infinity),
            (size <= _decimal(SMALLEST_FLOAT), 0.0),
            else_=text.cast("float64"),
        )

    def check_pattern(self, pattern: str) -> None:
        """Refuse a pattern that cannot be translated; see `Engine.check_pattern`."""
        translated(pattern)

    def timestamp(self, text: Any, pattern: str | None = None, zone: str = UTC) -> Any:
        """The moment that a text names, in UTC; see `Engine.timestamp`."""
        text = self.strip(text)
        readings = reading.iso(text) if pattern is None else translated(pattern).readings(text)
        return ibis.cases(*((each.fits, self._moment(each, zone)) for each in readings))

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
        local = _cast(read.local)
        return self.utc(local, zone) if read.minutes_ahead is None else local - read.minutes_ahead.as_interval("m")


class PostgresEngine(PostgresExpressions):
    """A connection to a PostgreSQL database; what is kept lies in its temporary tables.

    Parameters
    ----------
    uri : str
        ``postgresql://user@host:port/database``, or any other connection string of libpq. A password is better left
        out of it: libpq reads ``PGPASSWORD`` and ``~/.pgpass``.

    Raises
    ------
    ConfigError
        If the driver is missing or the server cannot be reached.
    """

    name = "postgres"
    repeats_work = True

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._connection = _connected(uri)

    @property
    def connection(self) -> Any:
        """The Ibis backend."""
        return self._connection

    def is_at(self, uri: str) -> bool:
        """Whether a connection string means the database of this engine."""
        from psycopg.conninfo import conninfo_to_dict

        mine, other = (conninfo_to_dict(given) for given in (self._uri, uri))
        return all(mine.get(key) == other.get(key) for key in ("host", "hostaddr", "port", "dbname", "service"))

    def tables_of(self, schema: str) -> list[str]:
        """The names of the tables and views of a schema, as they are written.

        Ibis' own ``list_tables`` does not find a schema whose name has double quotes.
        """
        query = """
            SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname = %s AND relkind IN ('r', 'p', 'f', 'v', 'm') ORDER BY relname
        """
        with self._connection.con.cursor() as cursor:
            return [str(name) for (name,) in cursor.execute(query, [schema]).fetchall()]

    def load(self, rows: Any, name: str) -> Any:
        """Bring Arrow rows into a temporary table, batch by batch; see `Engine.load`.

        Raises
        ------
        SourceError
            If texts have NUL characters, which PostgreSQL cannot hold.
        """
        from pyarrow.csv import WriteOptions, write_csv

        unique = ibis.util.gen_name(f"patronage_{name}")
        columns = ibis.Schema.from_pyarrow(rows.schema).to_sqlglot_column_defs("postgres")
        defined = ", ".join(column.sql("postgres") for column in columns)
        batches = rows.to_batches() if hasattr(rows, "to_batches") else rows
        # Missing values are written bare and all others in quotes: just what PostgreSQL tells them apart by.
        options = WriteOptions(include_header=False, quoting_style="all_valid")
        with self._connection.con.transaction(), self._connection.con.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE {_quoted(unique)} ({defined})")
            with cursor.copy(f"COPY {_quoted(unique)} FROM STDIN (FORMAT csv)") as copy:
                refused = NulCharacters()
                for batch in batches:
                    sink = BytesIO()
                    write_csv(batch, sink, options)
                    text = sink.getvalue()
                    if not refused.found_in(batch, text):
                        copy.write(text)
                refused.refuse()
            cursor.execute(f"ANALYZE {_quoted(unique)}")
        return self._connection.table(unique)

    def keep(self, rows: Any, name: str) -> Any:
        """Compute rows once, into a temporary table; see `Engine.keep`."""
        kept = self._made("TABLE", rows, name)
        self._run(f"ANALYZE {_quoted(kept.get_name())}")  # without figures of its own the planner guesses wildly
        return kept

    def view(self, rows: Any, name: str) -> Any:
        """Give rows a name without computing them; see `Engine.view`."""
        return self._made("VIEW", rows, name)

    def batches(self, rows: Any) -> Any:
        """Compute rows, piece by piece; see `Engine.batches`. The connection is busy until the last piece was read."""
        import pyarrow as pa

        self._connection._run_pre_execute_hooks(rows)  # brings memtables in, which compile does not
        schema = rows.schema().to_pyarrow()
        return pa.RecordBatchReader.from_batches(schema, self._pieces(self._connection.compile(rows), schema))

    def drop(self, table: Any) -> None:
        """Forget a table or view; see `Engine.drop`."""
        name = table.get_name()
        with self._connection.con.cursor() as cursor:
            found = cursor.execute("SELECT relkind FROM pg_class WHERE relname = %s", [name]).fetchone()
        self._run(f"DROP {'VIEW' if found == ('v',) else 'TABLE'} {_quoted(name)}")

    def close(self) -> None:
        """Close the connection; the temporary tables go with it."""
        self._connection.disconnect()

    def _pieces(self, query: str, schema: Any) -> Iterator[Any]:
        from pyarrow import csv

        read = csv.ReadOptions(column_names=schema.names)
        parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        convert = csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        )

        def table_of(rows: list[bytes]) -> Any:
            return csv.read_csv(BytesIO(b"".join(rows)), read, parse, convert).cast(schema)

        with self._connection.con.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copy:
            gathered: list[bytes] = []
            size = 0
            for row in copy:  # the protocol sends whole rows
                gathered.append(bytes(row))
                size += len(row)
                if size >= COPY_BYTES:
                    yield from table_of(gathered).to_batches()
                    gathered, size = [], 0
            if gathered:
                yield from table_of(gathered).to_batches()

    def _made(self, kind: str, rows: Any, name: str) -> Any:
        unique = ibis.util.gen_name(f"patronage_{name}")
        self._connection._run_pre_execute_hooks(rows)  # brings memtables in, which compile does not
        self._run(f"CREATE TEMP {kind} {_quoted(unique)} AS {self._connection.compile(rows)}")
        return self._connection.table(unique)

    def _run(self, statement: str) -> None:
        with self._connection.con.cursor() as cursor:
            cursor.execute(statement)


def _decimal(number: str) -> Any:
    return ibis.literal(number).cast("decimal")


def _cast(text: Any) -> Any:
    """A moment from a text that matches `reading.LOCAL_MOMENT`, missing where its month has no such day."""
    text = text.replace("/", "-")
    moment = text.re_replace("([.][0-9]{6})[0-9]+", r"\1").cast("timestamp")
    day = _split_part(_split_part(text.replace("T", " "), " ", 1), "-", 3).cast("int64")
    year, month = _split_part(text, "-", 1).cast("int64"), _split_part(text, "-", 2).cast("int64")
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = ibis.cases((month == 2, ibis.ifelse(leap, 29, 28)), (month.isin([4, 6, 9, 11]), 30), else_=31)
    # Of most days it is plain that their month has them; whatever is mentioned here is computed anew each time.
    return ibis.cases((day <= SHORTEST_MONTH_DAYS, moment), (day <= last, moment))


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _options(uri: str) -> str:
    """The options of a connection: `NO_LOOPS` before those that the uri has, which therefore count."""
    from psycopg.conninfo import conninfo_to_dict

    return f"{NO_LOOPS} {conninfo_to_dict(uri).get('options') or ''}".rstrip()


def _connected(uri: str) -> Any:
    try:
        import psycopg
    except ImportError as error:
        message = "PostgreSQL needs psycopg, which is not installed. Run: pip install 'patronage[postgres]'."
        raise ConfigError(message) from error
    try:
        return ibis.postgres.from_connection(psycopg.connect(uri, autocommit=True, options=_options(uri)))
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        message = f"The PostgreSQL server of the given uri cannot be reached: {reason}."
        raise ConfigError(message) from error
