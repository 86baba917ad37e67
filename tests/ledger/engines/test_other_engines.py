"""Engines that are extras: what is said where they are missing or cannot be reached, and how they hold results."""

import sys
from typing import Any

import pyarrow as pa
import pytest

from engines_under_test import postgres_uri, spark_engine
from patronage.errors import ConfigError
from patronage.ledger.engines.postgres import PostgresEngine
from patronage.ledger.engines.spark import SparkEngine
from patronage.ledger.engines.strptime import translated


@pytest.mark.parametrize(
    ("module", "make"), [("pyspark.sql", SparkEngine), ("psycopg", lambda: PostgresEngine("postgresql://"))]
)
def test_missing_driver_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch, module: str, make: Any):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=r"pip install 'patronage\[(spark|postgres)\]'"):
        make()


def test_server_that_does_not_answer():
    with pytest.raises(ConfigError, match="cannot be reached") as refused:
        PostgresEngine("postgresql://somebody:hunter2@127.0.0.1:9/nowhere")
    assert "hunter2" not in str(refused.value)


def test_connection_string_that_is_none():
    with pytest.raises(ConfigError, match="cannot be reached"):
        PostgresEngine("no uri at all")


def test_temporary_tables_go_with_the_connection():
    engine = PostgresEngine(postgres_uri())
    kept = engine.load(pa.table({"a": [1]}), "rows")
    engine.close()
    other = PostgresEngine(postgres_uri())
    count = "SELECT count(*) FROM pg_class WHERE relname = %s"
    assert other.connection.con.execute(count, [kept.get_name()]).fetchone() == (0,)
    other.close()


def test_rows_come_out_in_pieces(monkeypatch: pytest.MonkeyPatch):
    """Nothing holds the whole result: the server sends rows as they are read."""
    monkeypatch.setattr("patronage.ledger.engines.postgres.COPY_BYTES", 1_000)
    engine = PostgresEngine(postgres_uri())
    numbers = engine.connection.sql("SELECT generate_series(1, 1000) AS n")
    sizes = [batch.num_rows for batch in engine.batches(numbers)]
    assert sum(sizes) == 1_000
    assert max(sizes) <= 300
    engine.close()


def test_spark_writes_what_it_keeps_into_the_scratch_folder(tmp_path):
    shared = spark_engine()
    engine = SparkEngine(session=shared.session, scratch=str(tmp_path))
    loaded = engine.load(pa.table({"a": [1, 2, 3]}), "rows")
    kept = engine.keep(loaded.filter(loaded.a > 1), "rows")
    assert list(tmp_path.glob("*/*.parquet"))
    assert sorted(row["a"] for row in engine.batches(kept).read_all().to_pylist()) == [2, 3]
    for table in (kept, loaded):
        engine.drop(table)
    assert not list(tmp_path.iterdir())
    engine.close()
    assert shared.session.range(1).count() == 1  # a session of somebody else's is not stopped


def test_session_is_in_utc_whatever_it_was_told():
    session = spark_engine().session
    session.conf.set("spark.sql.session.timeZone", "Asia/Kolkata")
    SparkEngine(session=session)
    assert session.conf.get("spark.sql.session.timeZone") == "UTC"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("%Q", "%Q is not"),
        ("%d.%d.%Y", "%d comes twice"),
        ("%I:%M", "go together"),
        ("%", "% is not"),
        ("[%Y^", r"\^ is not"),
    ],
)
def test_pattern_that_cannot_be_translated(pattern, reason):
    with pytest.raises(ConfigError, match=reason):
        translated(pattern)
