"""The SQL of warehouses that Patronage writes queries for, whether or not it can run there."""

from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from patronage.errors import ConfigError
from patronage.ledger.engines.duckdb import DuckDbExpressions
from patronage.ledger.engines.engine import UTC
from patronage.ledger.engines.postgres import PostgresExpressions
from patronage.ledger.engines.spark import SparkExpressions

DIALECTS = ("bigquery", "duckdb", "postgres", "snowflake", "spark")


@ibis.udf.scalar.builtin(name="TIMESTAMP")  # type: ignore[untyped-decorator]
def _bigquery_moment(local: dt.timestamp, zone: str) -> dt.Timestamp("UTC"):  # type: ignore[valid-type]
    """The moment at which the clocks of a zone show a local time."""


@ibis.udf.scalar.builtin(name="DATETIME")  # type: ignore[untyped-decorator]
def _bigquery_clock(moment: dt.Timestamp("UTC"), zone: str) -> dt.timestamp:  # type: ignore[valid-type]
    """What the clocks of a zone show at a moment."""


@ibis.udf.scalar.builtin(name="CONVERT_TIMEZONE")  # type: ignore[untyped-decorator]
def _snowflake_converted(from_zone: str, to_zone: str, local: dt.timestamp) -> dt.timestamp:
    """What the clocks of one zone show when those of another show a local time."""


class _TypedExpressions:
    """Columns that have their types already: texts are cast, and the warehouse fails on those that do not fit."""

    def strip(self, text: Any) -> Any:
        """Text without the blanks around it."""
        return text.strip()

    def number(self, text: Any) -> Any:
        """The number that a text holds."""
        return text.cast("float64")

    def check_pattern(self, pattern: str) -> None:
        """Refuse all patterns: these warehouses have each a language of their own."""
        message = (
            f"Timestamps in text ({pattern!r}) are not read in this dialect: turn them into timestamps in the "
            "warehouse, and set ledger.timestamp_format to null."
        )
        raise ConfigError(message)

    def timestamp(self, text: Any, pattern: str | None = None, zone: str = UTC) -> Any:
        """The moment that a text in ISO 8601 without an offset names."""
        if pattern is not None:
            self.check_pattern(pattern)
        return self.utc(text.cast("timestamp"), zone)

    def utc(self, local: Any, zone: str) -> Any:
        """Convert moments to UTC."""
        raise NotImplementedError


class BigQueryExpressions(_TypedExpressions):
    """What `Engine` asks of expressions, in BigQuery's functions."""

    def utc(self, local: Any, zone: str) -> Any:
        """Convert moments to UTC; see `Engine.utc`."""
        if local.type().is_timestamp() and local.type().timezone is not None:
            return _bigquery_clock(local, UTC)
        local = local.cast("timestamp")
        return local if zone == UTC else _bigquery_clock(_bigquery_moment(local, zone), UTC)

    def day(self, utc: Any, zone: str) -> Any:
        """The date on the calendar of a zone; see `Engine.day`."""
        return (utc if zone == UTC else _bigquery_clock(_bigquery_moment(utc, UTC), zone)).date()


class SnowflakeExpressions(_TypedExpressions):
    """What `Engine` asks of expressions, in Snowflake's functions."""

    def utc(self, local: Any, zone: str) -> Any:
        """Convert moments to UTC; see `Engine.utc`."""
        local = local.cast("timestamp")
        return local if zone == UTC else _snowflake_converted(zone, UTC, local)

    def day(self, utc: Any, zone: str) -> Any:
        """The date on the calendar of a zone; see `Engine.day`."""
        return (utc if zone == UTC else _snowflake_converted(UTC, zone, utc)).date()


@dataclass(frozen=True)
class Dialect:
    """A language of queries.

    Attributes
    ----------
    name : str
        One of `DIALECTS`, and sqlglot's name of it.
    expressions : object
        With the operations of `Engine` that make columns from columns: strip, number, timestamp, utc, day.
    compiler : object
        Of Ibis.
    """

    name: str
    expressions: Any
    compiler: Any


def dialect_of(name: str) -> Dialect:
    """A dialect by name.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    from ibis.backends.sql import compilers

    from patronage.ledger.engines.spark_sql import SparkCompiler

    known: dict[str, tuple[Any, Any]] = {
        "bigquery": (BigQueryExpressions(), compilers.bigquery.compiler),
        "duckdb": (DuckDbExpressions(), compilers.duckdb.compiler),
        "postgres": (PostgresExpressions(), compilers.postgres.compiler),
        "snowflake": (SnowflakeExpressions(), compilers.snowflake.compiler),
        "spark": (SparkExpressions(), SparkCompiler()),
    }
    if name not in known:
        message = f"There is no dialect {name!r}: choose one of {', '.join(DIALECTS)}."
        raise ConfigError(message)
    return Dialect(name, *known[name])
