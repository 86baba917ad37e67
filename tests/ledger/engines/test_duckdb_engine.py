"""DuckDB's settings: they reach the database, and wrong ones are refused; rows keep their numbers, not their order."""

import duckdb
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.errors import ConfigError
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.engines.engine import check_zone


def setting(engine: DuckDbEngine, name: str) -> str:
    return str(engine.connection.con.execute(f"SELECT current_setting('{name}')").fetchone()[0])


def test_settings_reach_the_database(tmp_path):
    engine = DuckDbEngine(threads=1, memory_limit="123MiB", temp_directory=str(tmp_path))
    assert (setting(engine, "threads"), setting(engine, "memory_limit")) == ("1", "123.0 MiB")
    assert setting(engine, "temp_directory") == str(tmp_path)
    assert setting(engine, "TimeZone") == "UTC"
    engine.close()


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"threads": "many"}, {"memory_limit": "lots"}])
def test_settings_that_do_not_fit_are_refused(wrong):
    with pytest.raises(ConfigError, match=r"engine.*(many|lots|threads)"):
        DuckDbEngine(**wrong)


def test_more_than_fits_in_memory_is_spilled(tmp_path):
    engine = DuckDbEngine(threads=2, memory_limit="120MB", temp_directory=str(tmp_path))
    numbers = engine.connection.sql("SELECT hash(i) AS h, i, repeat('x', 40) AS t FROM range(4000000) r(i)")
    kept = engine.keep(numbers.order_by("h"), "numbers")
    assert kept.count().execute() == 4_000_000
    assert any(tmp_path.iterdir())
    engine.close()


def test_rows_of_a_file_are_numbered_as_they_stand(tmp_path):
    """Engines may hold rows in any order; the number of a row is its place in the file all the same."""
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"position": range(1, 400_001)}), path, row_group_size=10_000)
    engine = DuckDbEngine(threads=2)
    assert setting(engine, "preserve_insertion_order") == "False"
    query = f"SELECT position, row_number() OVER () AS number FROM read_parquet('{path}')"
    kept = engine.keep(engine.connection.sql(query), "rows")
    assert kept.filter(kept.position != kept.number).count().execute() == 0
    engine.close()


def test_connection_of_ones_own_stays_open():
    connection = ibis.duckdb.connect()
    engine = DuckDbEngine(connection=connection)
    kept = engine.keep(ibis.memtable({"a": [1]}), "rows")
    engine.close()
    assert connection.table(kept.get_name()).count().execute() == 1
    connection.disconnect()
    with pytest.raises(duckdb.Error):
        kept.count().execute()


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC", "Etc/GMT+5"])
def test_zone_that_is_known(zone):
    check_zone(zone)


@pytest.mark.parametrize(
    ("zone", "hint"), [("Europe/Berln", "Europe/Berlin"), ("MEZ", "IANA"), ("", "IANA"), ("+02:00", "IANA")]
)
def test_zone_that_is_not_known(zone, hint):
    with pytest.raises(ConfigError, match=hint):
        check_zone(zone)
