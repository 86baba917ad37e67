"""Worlds on the disk: the same bytes for the same seed, whole or not at all, in bounded memory."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.errors import ConfigError, OutputError
from patronage.ledger.opening import open_ledger
from patronage.ledger.simulated_source import SimulatedSource
from patronage.ledger.worlds import writing
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import simulate_world, world_tables
from patronage.schema import LEDGER_TABLES

TYPES = {
    "string": pa.string(),
    "timestamp": pa.timestamp("us"),
    "date": pa.date32(),
    "double": pa.float64(),
    "long": pa.int64(),
}


@pytest.fixture(scope="module")
def small():
    """The retailer in small blocks, so that a few customers make several files."""
    return replace(named_world("retailer"), whale=None, block_customers=300)


@pytest.fixture(scope="module")
def written(small, tmp_path_factory):
    return simulate_world(small, 1_000, tmp_path_factory.mktemp("worlds") / "world", seed=7)


def content(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_gives_the_same_bytes_whatever_the_number_of_processes(small, written, tmp_path):
    seen = []
    again = simulate_world(small, 1_000, tmp_path / "again", seed=7, processes=2, on_progress=seen.append)
    assert content(again.path) == content(written.path)
    assert sorted(seen) == [100, 300, 300, 300]


def test_another_seed_gives_another_world(small, written, tmp_path):
    other = simulate_world(small, 1_000, tmp_path / "other", seed=8)
    assert not set(content(other.path).values()) & set(content(written.path).values())


def test_a_larger_world_begins_with_the_same_customers(small, written, tmp_path):
    larger = simulate_world(small, 1_500, tmp_path / "larger", seed=7)
    mine, theirs = content(written.path), content(larger.path)
    same = [file for file in mine if file.endswith(("00000.parquet", "00001.parquet", "00002.parquet"))]
    assert len(same) > 15
    assert all(mine[file] == theirs[file] for file in same)


@pytest.mark.parametrize(
    ("part", "moved"),
    [
        ("discounts", {"amount", "discount"}),
        ("sales_channels", {"sales_channel"}),
        ("contacts", {"contacts"}),
        ("currency", {"currency"}),
    ],
)
def test_a_part_that_is_switched_off_leaves_the_others_as_they_are(small, part, moved):
    """Contacts move dropout, so their effect is taken away first; refunds pay back what was paid."""
    world = replace(small, contacts=replace(small.contacts, log_dropout_per_point=0, log_dropout_open=0), refunds=None)
    usual, fewer = (world_tables(one, 500, seed=1) for one in (world, replace(world, **{part: None})))
    for name in ("transactions", "customers", "contacts", "campaigns"):
        if name in moved:
            assert name not in fewer
            continue
        columns = [column for column in usual[name].column_names if column not in moved]
        assert fewer[name].select(columns).to_pylist() == usual[name].select(columns).to_pylist()


def test_manifest_tells_what_is_there(written, small):
    manifest = json.loads((written.path / "manifest.json").read_text())
    assert manifest == written.manifest
    assert (manifest["seed"], manifest["customers"], manifest["observed_until"]) == (7, 1_000, "2024-12-31")
    assert manifest["world"]["purchasing"]["kind"] == "pareto_nbd"
    listed = {
        f"{table}/{file}": (described["sha256"], described["rows"], described["bytes"])
        for table, about in manifest["tables"].items()
        for file, described in about["files"].items()
    }
    found = content(written.path)
    assert set(found) == {*listed, "manifest.json"}
    for file, (digest, rows, size) in listed.items():
        assert found[file] == digest
        assert pq.read_metadata(written.path / file).num_rows == rows
        assert (written.path / file).stat().st_size == size
    assert written.rows["customers"] == written.rows["truth"] == 1_000
    assert set(written.rows) == {
        "transactions", "customers", "contacts", "campaigns", "truth", "catalogue", "future/transactions",
        "future/contacts",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["retailer", "subscription", "pareto", "bg"])
def test_tables_have_the_columns_and_types_of_the_contract(name, tmp_path):
    world = replace(named_world(name), whale=None)
    folder = simulate_world(world, 200, tmp_path / name).path
    for table, schema in LEDGER_TABLES.items():
        if not (folder / table).exists():
            assert table in ("contacts", "campaigns")
            continue
        found = pq.read_schema(next((folder / table).glob("*.parquet")))
        known = {column.name: TYPES[column.type] for column in schema.columns}
        attributes = set(found.names) - set(known)
        assert attributes == (set(world.attributes) if table == "customers" else set())
        assert all(found.field(column).type == kind for column, kind in known.items() if column in found.names)
        assert all(found.field(column).type in (pa.string(), pa.float64()) for column in attributes)
        assert set(schema.required) <= set(found.names)
        rows = pq.read_table(folder / table)
        for column in schema.columns:
            assert column.nullable or column.name not in rows.column_names or rows[column.name].null_count == 0
        assert len(set(rows["customer_id"].to_pylist())) <= 200


def test_ledger_opens_without_setting_anything_aside(written):
    ledger = open_ledger(SimulatedSource(str(written.path)))
    for table in LEDGER_TABLES:
        assert ledger.accounts[table].rows_set_aside == 0
        assert ledger.accounts[table].rows_used == written.rows[table]
    assert ledger.account.customers == 1_000
    assert ledger.account.last.date() <= named_world("retailer").observed_until
    assert {"age", "region", "newsletter"} < set(ledger.tables.customers.columns)


def test_every_customer_has_a_first_order_when_won(written):
    folder = written.path
    query = f"""
        WITH begun AS (
            SELECT customer_id, min(timestamp) AS first FROM '{folder}/transactions/*.parquet' GROUP BY customer_id
        )
        SELECT count(*) FROM begun JOIN '{folder}/customers/*.parquet' USING (customer_id) WHERE first = acquired_at
    """
    assert duckdb.sql(query).fetchone() == (1_000,)


def test_tables_in_memory_are_those_on_the_disk(small, written):
    tables = world_tables(small, 1_000, seed=7)
    assert {name: table.num_rows for name, table in tables.items()} == {
        name: rows for name, rows in written.rows.items() if name != "catalogue"
    }
    on_disk = pa.concat_tables(pq.read_table(file) for file in sorted((written.path / "contacts").glob("*.parquet")))
    assert tables["contacts"].cast(on_disk.schema).equals(on_disk)


def test_only_the_tables_asked_for_are_written(small, tmp_path):
    world = simulate_world(
        small, 100, tmp_path / "few", seed=7, tables=["transactions", "customers"], truth=False, future=False
    )
    assert set(world.rows) == {"transactions", "customers"}
    assert {path.name for path in world.path.iterdir()} == {"transactions", "customers", "manifest.json"}


def test_a_world_is_replaced_and_anything_else_left_alone(small, tmp_path):
    first = simulate_world(small, 50, tmp_path / "world", seed=1)
    before = content(first.path)
    again = simulate_world(small, 50, tmp_path / "world", seed=2)
    assert content(again.path) != before
    assert [path.name for path in tmp_path.iterdir()] == ["world"]
    (tmp_path / "empty").mkdir()
    simulate_world(small, 50, tmp_path / "empty")
    for make in (_folder, _file, _foreign_manifest, _broken_manifest):
        place = make(tmp_path)
        kept = content(tmp_path)
        with pytest.raises(OutputError, match="is there and is not a simulated world, so it is left alone"):
            simulate_world(small, 50, place)
        assert content(tmp_path) == kept


def _folder(parent):
    (parent / "mine").mkdir()
    (parent / "mine" / "thesis.txt").write_text("unsaved")
    return parent / "mine"


def _file(parent):
    (parent / "file").write_text("x")
    return parent / "file"


def _foreign_manifest(parent):
    (parent / "bundle").mkdir()
    (parent / "bundle" / "manifest.json").write_text('{"format": "something else"}')
    return parent / "bundle"


def _broken_manifest(parent):
    (parent / "broken").mkdir()
    (parent / "broken" / "manifest.json").write_text("[1")
    return parent / "broken"


def test_a_failure_in_the_middle_leaves_what_was_there(small, tmp_path, monkeypatch):
    simulate_world(small, 700, tmp_path / "world", seed=1)
    before = content(tmp_path)
    usual, calls = writing._write, []

    def full(table, path):
        calls.append(path)
        if len(calls) > 9:
            raise OSError(28, "No space left on device")
        return usual(table, path)

    monkeypatch.setattr(writing, "_write", full)
    with pytest.raises(OutputError, match="No space left on device"):
        simulate_world(small, 700, tmp_path / "world", seed=2)
    assert content(tmp_path) == before


def test_a_killed_process_is_told_of():
    with pytest.raises(OutputError, match="was killed, probably for lack of memory"):
        list(writing._each(os._exit, range(4), 2))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n_customers": 0}, "customers must be 1 or more; got 0"),
        ({"seed": -1}, "seed must be 0 or above; got -1"),
        ({"tables": ["orders"]}, "unknown orders; there are transactions, customers, contacts, campaigns"),
        ({"processes": 0}, "processes must be 1 or more; got 0"),
    ],
)
def test_impossible_wishes_are_refused(small, tmp_path, given, said):
    with pytest.raises(ConfigError, match=said):
        simulate_world(small, **{"n_customers": 10, "out": tmp_path / "world", **given})
    assert not list(tmp_path.iterdir())


MEASURE = """
import sys
from pathlib import Path
from dataclasses import replace
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import simulate_world
world = replace(named_world("retailer"), whale=None, block_customers=5_000)
simulate_world(world, int(sys.argv[1]), sys.argv[2])
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) / 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_customers(tmp_path):
    peaks = []
    for n in (10_000, 60_000):
        command = [sys.executable, "-c", MEASURE, str(n), str(tmp_path / str(n))]
        peaks.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert peaks[1] < peaks[0] + 40
    assert peaks[1] < 600
