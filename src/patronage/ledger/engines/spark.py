"""Spark: a cluster, where one machine is too small. The extra ``spark`` installs what it needs, but for Java."""

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from patronage.errors import ConfigError
from patronage.ledger.engines import reading
from patronage.ledger.engines.engine import BATCH_ROWS, UTC
from patronage.ledger.engines.spark_sql import SparkCompiler
from patronage.ledger.engines.strptime import translated

FIXED_SETTINGS = {"spark.sql.session.timeZone": "UTC", "spark.sql.execution.arrow.pyspark.enabled": "true"}
"""Timestamps are kept in UTC, and results travel as Arrow; neither is a matter of taste."""

QUIET_SETTINGS = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
"""A progress bar and warnings of every start would drown what the program says; both can be set otherwise."""

LOCAL_SETTINGS = {
    "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false",
}  # fmt: skip
"""On one machine nothing has to be reached from elsewhere."""


@ibis.udf.scalar.builtin(name="to_utc_timestamp")  # type: ignore[untyped-decorator]
def _moment_of(local: dt.timestamp, zone: str) -> dt.timestamp:
    """The moment at which the clocks of a zone show a local time; the earlier one if there are two."""


@ibis.udf.scalar.builtin(name="from_utc_timestamp")  # type: ignore[untyped-decorator]
def _clock_of(moment: dt.timestamp, zone: str) -> dt.timestamp:
    """What the clocks of a zone show at a moment."""


class SparkExpressions:
    """What `Engine` asks of expressions, in Spark's functions; no session is needed."""

    def strip(self, text: Any) -> Any:
        """Text without the blanks around it; see `Engine.strip`."""
        return text.strip()

    def number(self, text: Any) -> Any:
        """The number that a text holds; see `Engine.number`."""
        text = self.strip(text)
        return ibis.cases(
            (text.re_search(reading.NUMBER), text.try_cast("float64")),
            *((text.lower().re_search(pattern), value) for pattern, value in reading.NOT_FINITE.items()),
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
        """Convert moments that are no text; see `Engine.utc`.

        Spark keeps instants and moments without a zone in types that Ibis does not tell apart: a source that reads
        instants has to cast them to ``timestamp('UTC')``.
        """
        kind = local.type()
        has_own_zone = kind.is_timestamp() and kind.timezone is not None
        local = local.cast("timestamp")
        if has_own_zone or zone == UTC:
            return local
        early = _moment_of(local, zone)
        # Spark takes the earlier of two moments with the same local time. The offset of the day after gives the other.
        tomorrow = early + ibis.interval(days=1)
        late = local - (_clock_of(tomorrow, zone) - tomorrow)
        return ibis.ifelse(_clock_of(late, zone) == local, ibis.greatest(early, late), early)

    def day(self, utc: Any, zone: str) -> Any:
        """The date on the calendar of a zone; see `Engine.day`."""
        return (utc if zone == UTC else _clock_of(utc, zone)).date()

    def _moment(self, read: reading.Reading, zone: str) -> Any:
        local = _cast(read.local)
        return self.utc(local, zone) if read.minutes_ahead is None else local - read.minutes_ahead.as_interval("m")


class SparkEngine(SparkExpressions):
    """A Spark session, on this machine or any cluster.

    Parameters
    ----------
    master : str, optional
        ``local[*]`` for all cores of this machine, or the address of a cluster; Spark's own configuration decides if
        not given.
    config : mapping of str to str, optional
        Further Spark settings, by their full names.
    scratch : str, optional
        Folder that all workers reach, for results that are computed once; the memory and disks of the workers hold
        them if not given, and compute them anew when a worker is lost.
    session : pyspark.sql.SparkSession, optional
        An open session to use instead; it is not stopped by `close`.

    Raises
    ------
    ConfigError
        If pyspark or Java is missing, or the session does not start.
    """

    name = "spark"
    repeats_work = False

    def __init__(
        self,
        master: str | None = "local[*]",
        config: Mapping[str, Any] | None = None,
        scratch: str | None = None,
        session: Any = None,
    ) -> None:
        self._owned = session is None
        self._session = _started(master, dict(config or {})) if session is None else session
        for key, value in FIXED_SETTINGS.items():
            self._session.conf.set(key, value)
        self._connection = ibis.pyspark.connect(self._session)
        self._connection.compiler = SparkCompiler()
        self._scratch = scratch
        self._persisted: dict[str, Any] = {}
        self._written: dict[str, str] = {}

    @property
    def connection(self) -> Any:
        """The Ibis backend."""
        return self._connection

    @property
    def session(self) -> Any:
        """The Spark session, for sources that read with Spark's own readers."""
        return self._session

    def load(self, rows: Any, name: str) -> Any:
        """Bring Arrow rows into the session, by way of the driver; see `Engine.load`."""
        table = rows.read_all() if hasattr(rows, "read_all") else rows
        return self.named(self._session.createDataFrame(table), name)

    def keep(self, rows: Any, name: str) -> Any:
        """Compute rows once; see `Engine.keep`."""
        unique = ibis.util.gen_name(f"patronage_{name}")
        frame = self._frame(rows)
        if self._scratch is not None:
            folder = f"{self._scratch.rstrip('/')}/{unique}"
            frame.write.parquet(folder)
            kept = self.named(self._session.read.parquet(folder), name)
            self._written[kept.get_name()] = folder
            return kept
        frame = frame.persist()
        frame.count()
        kept = self.named(frame, name)
        self._persisted[kept.get_name()] = frame
        return kept

    def view(self, rows: Any, name: str) -> Any:
        """Give rows a name without computing them; see `Engine.view`."""
        return self.named(self._frame(rows), name)

    def batches(self, rows: Any) -> Any:
        """Compute rows and collect them on the driver; see `Engine.batches`."""
        # Ibis goes by way of pandas, which takes nan for missing.
        collected = self._frame(rows).toArrow().cast(rows.schema().to_pyarrow())
        return collected.to_reader(max_chunksize=BATCH_ROWS)

    def drop(self, table: Any) -> None:
        """Forget a table or view; see `Engine.drop`."""
        name = table.get_name()
        self._session.catalog.dropTempView(name)
        if name in self._persisted:
            self._persisted.pop(name).unpersist()
        if self._scratch is not None and name in self._written:
            self._remove(self._written.pop(name))

    def close(self) -> None:
        """Stop the session if this engine started it."""
        for folder in self._written.values():
            self._remove(folder)
        self._written.clear()
        if self._owned:
            self._session.stop()

    def named(self, frame: Any, name: str) -> Any:
        """A Spark data frame as a table of Ibis, under a unique name; `drop` forgets it."""
        unique = ibis.util.gen_name(f"patronage_{_letters(name)}")
        frame.createTempView(unique)
        return self._connection.table(unique)

    def _remove(self, folder: str) -> None:
        """Delete a folder by way of Spark: it may lie on storage that only Spark reaches."""
        java = self._session._jvm
        path = java.org.apache.hadoop.fs.Path(folder)
        path.getFileSystem(self._session._jsc.hadoopConfiguration()).delete(path, True)

    def _frame(self, rows: Any) -> Any:
        self._connection._run_pre_execute_hooks(rows)  # brings memtables in, which compile does not
        return self._session.sql(self._connection.compile(rows))


def _letters(name: str) -> str:
    """Names of temporary views are identifiers, which Spark does not let one quote."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name)


def _cast(text: Any) -> Any:
    """Spark wants ``-`` between the parts of a date, and one blank after it."""
    return text.replace("/", "-").re_replace("[T ] *", " ").try_cast("timestamp")


def _started(master: str | None, config: dict[str, Any]) -> Any:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        message = "engine=spark needs pyspark, which is not installed. Run: pip install 'patronage[spark]'."
        raise ConfigError(message) from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    logging.getLogger("py4j").setLevel(logging.ERROR)  # it reports every connection that it closes
    settings = {**QUIET_SETTINGS, **(LOCAL_SETTINGS if (master or "").startswith("local") else {})}
    settings |= {key: str(value) for key, value in config.items()} | FIXED_SETTINGS
    builder = SparkSession.builder.appName("patronage")
    if master is not None:
        builder = builder.master(master)
    for key, value in settings.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except (PySparkException, RuntimeError, OSError) as error:
        hint = "" if "JAVA" not in str(error).upper() else " Spark needs Java 17 or newer: install it or set JAVA_HOME."
        message = f"No Spark session at {master or 'the configured master'}: {str(error).splitlines()[0]}.{hint}"
        raise ConfigError(message) from error
