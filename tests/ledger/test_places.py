"""Ledgers from data frames, tables of Ibis connections and DuckDB files: the same rows as from a file."""

from datetime import datetime

import duckdb
import ibis
import pandas as pd
import pyarrow as pa
import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger.duckdb_source import DuckDbSource
from patronage.ledger.rules import ContractRules
from patronage.ledger.simulated_source import SimulatedSource
from patronage.ledger.tables_source import FrameSource, IbisSource

COLUMNS = {"customer_id": "id", "timestamp": "day", "amount": "paid"}
DAY = datetime(2024, 2, 29, 12, 30)
FRAME = pd.DataFrame(
    {
        "id": ["a", "b", None, "a"],
        "day": [DAY, None, DAY, DAY],
        "paid": [1.5, 2.0, 3.0, 1.5],
        "more": ["x", "y", "z", "x"],
    }
)


def check(ledger):
    """What every source below has to make of the four rows."""
    assert ledger.account.reasons == {"customer_id missing": 1, "timestamp missing": 1}
    assert (ledger.account.rows_in, ledger.account.rows_used, ledger.account.copies) == (4, 2, 1)
    row = {"customer_id": "a", "timestamp": DAY, "day": DAY.date(), "amount": 1.5}
    assert ledger.transactions.to_pyarrow().to_pylist() == [row] * 2
    reasons = ledger.set_aside.reasons.execute().tolist()
    assert sorted(reasons) == ["customer_id missing", "timestamp missing"]


def opened(source, engine, duplicates="flag"):
    return open_ledger(source, engine, max_set_aside_share=1.0, rules=ContractRules(duplicates=duplicates))


@pytest.mark.parametrize("kind", ["pandas", "arrow", "polars", "lazy polars"])
def test_frames(connection, kind):
    frame = FRAME
    if kind == "arrow":
        frame = pa.Table.from_pandas(FRAME)
    if "polars" in kind:
        frame = pytest.importorskip("polars").from_pandas(FRAME)
        frame = frame.lazy() if kind.startswith("lazy") else frame
    check(opened(FrameSource(frame, columns={"transactions": COLUMNS}), connection))


def test_a_frame_is_the_same_ledger_as_its_file(connection, tmp_path):
    FRAME.to_csv(tmp_path / "x.csv", index=False)
    FRAME.to_parquet(tmp_path / "x.parquet")
    for name in ("x.csv", "x.parquet"):
        check(opened(FilesSource(str(tmp_path / name), COLUMNS), connection))


def test_frames_with_columns_that_cannot_be_read_are_refused(connection):
    doubled = pd.concat([FRAME, FRAME[["id"]]], axis="columns")
    with pytest.raises(ContractError, match="names these columns more than once: id"):
        opened(FrameSource(doubled, columns={"transactions": COLUMNS}), connection, "keep")
    mixed = FRAME.assign(id=[1, "b", 2.5, DAY])
    with pytest.raises(ContractError, match=r"values of several types.*astype\(str\)"):
        opened(FrameSource(mixed, columns={"transactions": COLUMNS}), connection)
    with pytest.raises(ContractError, match=r"lacks the column paid \(for amount\).*It has: id, day, more"):
        opened(FrameSource(FRAME.drop(columns="paid"), columns={"transactions": COLUMNS}), connection)
    with pytest.raises(ConfigError, match="columns are given for contacts, but the ledger has transactions only"):
        FrameSource(FRAME, columns={"contacts": {}})


def test_frames_with_categories_and_extension_types(connection):
    frame = FRAME.assign(id=FRAME["id"].astype("category"), paid=FRAME["paid"].astype("Float64"))
    check(opened(FrameSource(frame, columns={"transactions": COLUMNS}), connection))


def test_the_digest_of_a_frame_depends_on_content_alone(connection):
    one, same, other = (
        opened(FrameSource(frame, columns={"transactions": COLUMNS}), connection).digest
        for frame in (FRAME, FRAME.copy(), FRAME.assign(paid=9.0))
    )
    assert one == same != other


def test_a_table_behind_the_engine_is_not_copied(connection):
    table = connection.create_table("shop_sales", FRAME, temp=True)
    source = IbisSource(table, columns={"transactions": COLUMNS})
    check(opened(source, connection))
    ledger = opened(source, connection, "keep")
    connection.raw_sql("INSERT INTO shop_sales VALUES ('new', '2024-03-01', 1, 'x')")
    assert "new" in ledger.transactions.customer_id.execute().tolist()
    connection.drop_table("shop_sales")


@pytest.mark.parametrize("backend", ["duckdb", "sqlite"])
def test_a_table_behind_another_connection_is_brought_over(connection, backend):
    other = getattr(ibis, backend).connect()
    frame = FRAME.assign(day=[None if pd.isna(day) else str(day) for day in FRAME["day"]])  # SQLite knows no dates
    table = other.create_table("sales", frame)
    check(opened(IbisSource(table.filter(table.more != "none"), columns={"transactions": COLUMNS}), connection))


@pytest.fixture
def shop_file(tmp_path):
    path = tmp_path / "it's a shop.duckdb"
    with duckdb.connect(str(path)) as database:
        database.register("frame", FRAME)
        database.execute('CREATE TABLE sales AS FROM frame; CREATE SCHEMA "old shop"')
        database.execute('CREATE TABLE "old shop"."the sales" AS FROM frame')
        database.execute("CREATE VIEW seen AS SELECT * FROM sales")
    return str(path)


@pytest.mark.parametrize(
    "place", [{"table": "sales"}, {"table": "old shop.the sales"}, {"table": "seen"}, {"query": "SELECT * FROM sales;"}]
)
def test_a_duckdb_file(connection, shop_file, place):
    before = connection.raw_sql("SELECT current_database(), current_schema()").fetchone()
    source = DuckDbSource(shop_file, columns=COLUMNS, **place)
    check(opened(source, connection))
    check(opened(source, connection))
    assert connection.raw_sql("SELECT current_database(), current_schema()").fetchone() == before


def test_further_tables_of_a_duckdb_file(connection, shop_file):
    columns = {"customer_id": "id"}
    people = {
        "query": "SELECT id, max(more) AS region FROM sales GROUP BY id",
        "columns": columns,
        "attributes": ["region"],
    }
    ledger = opened(DuckDbSource(shop_file, "sales", columns=COLUMNS, customers=people), connection)
    assert sorted(ledger.tables.customers.region.execute()) == ["x", "y"]


@pytest.mark.parametrize(
    ("place", "error", "complaint"),
    [
        ({}, ConfigError, "must have a table or a query"),
        ({"table": "sales", "query": "SELECT 1"}, ConfigError, "must have a table or a query .* not both"),
        ({"table": "gone"}, SourceError, "has no table gone"),
        ({"table": "sales; DROP TABLE sales"}, SourceError, "has no table sales; DROP TABLE sales"),
        ({"query": "SELECT 1; DROP TABLE sales"}, ConfigError, "must be one SELECT"),
        ({"query": "DROP TABLE sales"}, ConfigError, "must be one SELECT"),
        ({"query": "COPY sales TO 'stolen.csv'"}, ConfigError, "must be one SELECT"),
        ({"query": "SELEC"}, SourceError, "cannot be read: Parser Error"),
        ({"query": "SELECT * FROM gone"}, SourceError, "cannot be read: Catalog Error"),
        ({"query": "SELECT id FROM sales"}, ContractError, r"lacks the columns day \(for timestamp\), paid"),
    ],
)
def test_what_is_not_in_a_duckdb_file(connection, shop_file, place, error, complaint):
    with pytest.raises(error, match=complaint):
        opened(DuckDbSource(shop_file, columns=COLUMNS, **place), connection)
    with duckdb.connect(shop_file, read_only=True) as database:
        assert database.execute("SELECT count(*) FROM sales").fetchone() == (4,)


@pytest.mark.parametrize(("content", "complaint"), [(None, "does not exist"), (b"no database", "cannot be read")])
def test_a_file_that_is_no_database(connection, tmp_path, content, complaint):
    path = tmp_path / "x.duckdb"
    if content is not None:
        path.write_bytes(content * 1000)
    with pytest.raises(SourceError, match=complaint):
        opened(DuckDbSource(str(path), "sales", columns=COLUMNS), connection)


def test_a_folder_in_the_columns_of_the_ledger(connection, tmp_path):
    """As ``patronage simulate`` writes it: times in UTC, whatever zone days are cut in; some tables may be missing."""
    rows = FRAME.rename(columns={"id": "customer_id", "day": "timestamp", "paid": "amount"})
    for part, table in ({"part-0": rows[:2], "part-1": rows[2:]}).items():
        (tmp_path / "world" / "transactions").mkdir(parents=True, exist_ok=True)
        table.to_parquet(tmp_path / "world" / "transactions" / f"{part}.parquet")
    (tmp_path / "world" / "customers").mkdir()
    people = pd.DataFrame({"customer_id": ["a"], "acquisition_cost": [2], "region": ["north"]})
    people.to_parquet(tmp_path / "world" / "customers" / "part-0.parquet")
    ledger = opened(SimulatedSource(str(tmp_path / "world")), connection)
    check(ledger)
    assert ledger.tables.customers.to_pyarrow().to_pylist() == [
        {"customer_id": "a", "acquisition_cost": 2.0, "region": "north"}
    ]
    assert ledger.tables.contacts is None
    eastern = opened(SimulatedSource(str(tmp_path / "world"), time_zone="Pacific/Kiritimati"), connection)
    assert eastern.transactions.timestamp.execute().tolist() == [DAY] * 2
    assert {day.isoformat()[:10] for day in eastern.transactions.day.execute()} == {"2024-03-01"}
    with pytest.raises(SourceError, match="holds no simulated ledger"):
        opened(SimulatedSource(str(tmp_path)), connection)


def test_a_bare_connection_to_another_engine_is_refused():
    with pytest.raises(ConfigError, match="must be one of DuckDB, got sqlite"):
        opened(FrameSource(FRAME), ibis.sqlite.connect())
