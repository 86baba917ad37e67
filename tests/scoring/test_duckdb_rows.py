"""A table of a DuckDB file is scored as the same rows in Parquet are, and is told from a table that has changed."""

from dataclasses import replace

import duckdb
import pyarrow.parquet as pq
import pytest

from feature_rows import GOLDEN, columns_of, job_of, write_features
from patronage.errors import ConfigError, ContractError, SourceError
from patronage.runtime.bundle import read_bundle
from patronage.scoring.duckdb_rows import DuckDbRows, is_duckdb
from patronage.scoring.held_rows import held_rows
from patronage.scoring.job import run_job
from patronage.scoring.repeated import repeated_customers, repeated_in_words

N = 2600
INPUTS = read_bundle(GOLDEN).inputs


def write_database(folder, n=N, seed=1):
    """A file with the features as a table, as a view in another order, and in a schema of their own."""
    source = write_features(folder / "features.parquet", n, seed)
    with duckdb.connect(str(folder / "shop.duckdb")) as connection:
        connection.execute(f"CREATE OR REPLACE TABLE features AS FROM read_parquet('{source}')")
        connection.execute("CREATE OR REPLACE VIEW backwards AS FROM features ORDER BY customer_id DESC")
        connection.execute("CREATE SCHEMA IF NOT EXISTS crm")
        connection.execute('CREATE OR REPLACE TABLE crm."two words" AS FROM features LIMIT 10')
        connection.execute("CREATE OR REPLACE TABLE empty AS FROM features LIMIT 0")
    return source, str(folder / "shop.duckdb")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    return write_database(tmp_path_factory.mktemp("database"))


def job_of_rows(database, table, out, **others):
    rows = DuckDbRows(database, table, INPUTS)
    job = job_of(database.replace("shop.duckdb", "features.parquet"), out, **others)
    return replace(job, rows=held_rows(rows.batches, INPUTS), input_facts=rows.facts())


@pytest.mark.parametrize("table", ["features", "main.features", "backwards"])
def test_scores_are_those_of_the_same_rows_in_parquet(database, tmp_path, table):
    source, path = database
    whole = run_job(job_of(source, tmp_path / "parquet.parquet"))
    found = run_job(job_of_rows(path, table, tmp_path / "duckdb.parquet"))
    assert found.customers == N
    assert found.path.read_bytes() == whole.path.read_bytes()


def test_a_job_that_was_stopped_goes_on_unless_the_table_has_changed(tmp_path):
    _, path = write_database(tmp_path)

    def stop(rows):
        raise KeyboardInterrupt

    out = tmp_path / "scores.parquet"
    with pytest.raises(KeyboardInterrupt):
        run_job(job_of_rows(path, "features", out, threads=1), stop)
    assert run_job(job_of_rows(path, "features", out)).parts_taken_over >= 1
    with pytest.raises(KeyboardInterrupt):
        run_job(job_of_rows(path, "features", out, threads=1), stop)
    with duckdb.connect(path) as connection:
        connection.execute("UPDATE features SET recency = 0, frequency = 0 WHERE customer_id = 'C0000003'")
    finished = run_job(job_of_rows(path, "features", out))
    assert (finished.dropped, finished.parts_taken_over) == ("the input has changed", 0)
    scores = pq.read_table(out, columns=["customer_id", "probability_alive"]).to_pylist()[3]
    assert scores == {"customer_id": "C0000003", "probability_alive": 1.0}  # BG/NBD, without a repeat purchase


def test_customers_that_are_there_twice_are_counted(tmp_path):
    _, path = write_database(tmp_path, 20)
    with duckdb.connect(path) as connection:
        connection.execute("INSERT INTO features SELECT * FROM features WHERE customer_id <= 'C0000001'")
        connection.execute("INSERT INTO features SELECT * FROM features WHERE customer_id = 'C0000001' LIMIT 1")
        connection.execute("INSERT INTO features SELECT * REPLACE (NULL AS customer_id) FROM features LIMIT 4")
        connection.execute("CREATE TABLE numbers AS SELECT * REPLACE (7 AS customer_id) FROM features LIMIT 3")
    found = repeated_customers(DuckDbRows(path, "features", INPUTS).ids)
    assert found == {"customers": 2, "rows": 5, "first": ["C0000000", "C0000001"]}
    assert repeated_in_words(found, "f").startswith(
        "2 customers are more than once in f, in 5 rows (C0000000, C0000001)"
    )
    found = repeated_customers(DuckDbRows(path, "numbers", INPUTS).ids)
    assert found == {"customers": 1, "rows": 3, "first": ["7"]}
    found = repeated_customers(DuckDbRows(path, "crm.two words", INPUTS).ids)
    assert repeated_in_words(found, "f") is None


def test_facts_tell_tables_apart_and_know_no_order(database):
    _, path = database
    facts = DuckDbRows(path, "features", INPUTS).facts()
    assert facts["sha256"] == DuckDbRows(path, "backwards", INPUTS).facts()["sha256"]
    assert facts["sha256"] != DuckDbRows(path, "crm.two words", INPUTS).facts()["sha256"]
    assert (facts["table"], facts["rows"]) == ("main.features", N)


def test_kinds_of_columns_are_widened(tmp_path):
    _, path = write_database(tmp_path, 20)
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TYPE ids AS ENUM (SELECT customer_id FROM features)")
        connection.execute("ALTER TABLE features ALTER customer_id TYPE ids")
        connection.execute("ALTER TABLE features ALTER frequency TYPE hugeint")
        connection.execute("ALTER TABLE features ALTER monetary_value TYPE decimal(38, 10)")
    finished = run_job(job_of_rows(path, "features", tmp_path / "s.parquet"))
    assert pq.read_table(finished.path)["customer_id"].to_pylist() == [f"C{row:07d}" for row in range(20)]
    columns = columns_of(20)
    assert finished.totals["expected_purchases"] > 0
    assert len(columns["T"]) == finished.customers


@pytest.mark.parametrize(
    ("table", "error", "words"),
    [
        (
            None,
            ConfigError,
            r"name its table of features as input_table=\.\.\.; it has: crm\.two words, backwards, empty",
        ),
        ("sales", SourceError, r"has no table sales; it has: .*backwards, empty, features\. Set input_table"),
        ("crm.features", SourceError, "has no table crm.features"),
        ("empty", SourceError, "holds no customers"),
        ("information_schema.tables", SourceError, "has no table"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(database, table, error, words):
    with pytest.raises(error, match=words):
        DuckDbRows(database[1], table, INPUTS)


def test_columns_that_lack_are_named(tmp_path):
    path = str(tmp_path / "t.duckdb")
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE t AS SELECT 'a' AS customer_id, 'many' AS frequency, [1] AS recency")
    with pytest.raises(ContractError, match=r"\(main\.t\) lacks .*columns \(T, .*frequency as string, not numbers"):
        DuckDbRows(path, "t", INPUTS)


def test_files_that_are_none_are_refused(tmp_path):
    (tmp_path / "x.duckdb").write_bytes(b"nothing of that kind")
    assert not is_duckdb(str(tmp_path / "x.duckdb"))
    with pytest.raises(SourceError, match="cannot be read as a DuckDB file"):
        DuckDbRows(str(tmp_path / "x.duckdb"), "t", INPUTS)
    with pytest.raises(SourceError, match="does not exist"):
        DuckDbRows(str(tmp_path / "y.duckdb"), "t", INPUTS)
    assert not is_duckdb(str(tmp_path))
    duckdb.connect(str(tmp_path / "z.db")).close()
    assert is_duckdb(str(tmp_path / "z.db"))
