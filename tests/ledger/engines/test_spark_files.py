"""Files that Spark reads itself give the rows, and set aside those, that DuckDB does."""

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines_under_test import engine_under_test
from patronage import FilesSource, open_ledger
from patronage.errors import ConfigError, ContractError, SourceError

pytestmark = pytest.mark.slow

COLUMNS = {"customer_id": "id", "timestamp": "when", "amount": "sum", "product": "what"}

CSV = (
    b'id,when,sum,what\n1,2024-02-29 23:30,10.5,"a ""b"", c"\n2,2024-03-31T02:30:00,-3,\n'
    b'3,2024-01-05\n4,2024-01-06,1,x,y\n5,2024-01-07,7,caf\xe9\n"6","2024-01-08 10:00+02:00"," 8 ","two\nlines"\n'
    b"7,2024-02-30,1,x\n8,2024-01-09,many,x\n,2024-01-09,1,x\n9,,1,x\n"
)
JSONL = """{"id": 1, "when": "2024-02-29 23:30", "sum": 10.5, "what": "a \\"b\\", c"}
{"id": "2", "when": "2024-03-31T02:30:00", "sum": "-3"}
[1]
{"id":

{"id": 3, "when": "2024-01-05", "sum": 1, "what": {"name": "x"}}
{"id": 12345678901234567890, "when": "2024-01-05", "sum": null, "what": "[x"}
{"sum": 4, "id": 12345678901234567890, "when": "2024-01-05", "what": "[x"}
"""


@pytest.fixture(scope="module")
def engines() -> list[Any]:
    return [engine_under_test("spark"), engine_under_test("duckdb")]


def opened(engine: Any, path: Path, **settings: Any) -> dict[str, Any]:
    """All that a ledger says of its rows, in an order of their own."""
    given = {"columns": COLUMNS, "time_zone": "Europe/Berlin", **settings}
    ledger = open_ledger(FilesSource(str(path), **given), engine, max_set_aside_share=1.0)
    rows = engine.batches(ledger.transactions).read_all().to_pylist()
    aside = engine.batches(ledger.set_aside).read_all().to_pylist()
    account = ledger.account
    return {
        "rows": sorted(rows, key=str),
        "counts": (account.rows_in, account.rows_used, account.rows_set_aside),
        "reasons": {reason: count for reason, count in account.reasons.items() if "unreadable" not in reason},
        "unreadable": sum(count for reason, count in account.reasons.items() if "unreadable" in reason),
        "places": sorted((row["source_file"], row["source_row"] or 0, row["customer_id"] or "") for row in aside),
        "digest": ledger.digest,
    }


def test_csv(engines, tmp_path):
    for name, content in {"b+c d.csv": CSV, "a.csv": CSV.replace(b"id,when,sum,what", b"what,when,sum,id")}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "z.csv.gz").write_bytes(gzip.compress(CSV))
    spark, duckdb = (opened(engine, tmp_path) for engine in engines)
    assert spark == duckdb
    assert spark["counts"] == (30, 9, 21)
    assert spark["unreadable"] == 9


def test_csv_with_an_open_quote_is_refused(engines, tmp_path):
    (tmp_path / "sales.csv").write_text('id,when,sum,what\n1,2024-01-01,1,"x\n2,2024-01-01,1,y\n')
    for engine in engines:
        with pytest.raises((SourceError, ContractError), match=r"quote|unreadable"):
            open_ledger(FilesSource(str(tmp_path), COLUMNS), engine, max_set_aside_share=0.0)


def test_json_lines(engines, tmp_path):
    (tmp_path / "sales.jsonl").write_text(JSONL)
    spark, duckdb = (opened(engine, tmp_path) for engine in engines)
    assert spark == duckdb
    assert spark["counts"] == (7, 3, 4)
    assert [row["customer_id"] for row in spark["rows"]] == ["1", "12345678901234567890", "2"]


def parquet(folder: Path, name: str, **columns: pa.Array) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=2)


def test_parquet_of_several_types_and_folders(engines, tmp_path):
    local = pa.array([datetime(2024, 2, 29, 23, 30), datetime(2024, 3, 31, 2, 30), None], pa.timestamp("us"))
    parquet(
        tmp_path, "what=a%20b/one.parquet",
        id=pa.array([1, 2, 3]), when=local, sum=pa.array([1.5, -2.0, float("nan")]),
    )  # fmt: skip
    parquet(
        tmp_path, "what=__HIVE_DEFAULT_PARTITION__/two.parquet",
        when=pa.array([date(2024, 1, 5), date(2024, 1, 6), date(2024, 1, 7)]),
        id=pa.array([1.0, 2.5, None]), sum=pa.array([1, 2, 3], pa.int32()),
    )  # fmt: skip
    spark, duckdb = (opened(engine, tmp_path) for engine in engines)
    assert spark == duckdb
    assert spark["counts"] == (6, 4, 2)
    assert {row["product"] for row in spark["rows"]} == {"a b", None}


def test_parquet_with_moments(engines, tmp_path):
    moments = pa.array([datetime(2024, 2, 29, 23, 30, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    parquet(tmp_path, "sales.parquet", id=pa.array(["x"]), when=moments, sum=pa.array([1]), what=pa.array(["y"]))
    spark, duckdb = (opened(engine, tmp_path) for engine in engines)
    assert spark == duckdb
    assert (spark["rows"][0]["timestamp"], spark["rows"][0]["day"]) == (datetime(2024, 2, 29, 23, 30), date(2024, 3, 1))


def test_copies_of_rows_are_found_in_all_columns(engines, tmp_path):
    from patronage.ledger.rules import ContractRules

    (tmp_path / "sales.csv").write_text("id,when,sum,more\n" + "1,2024-01-01,1,a\n1,2024-01-01,1,b\n1,2024-01-01,1,a\n")
    for engine in engines:
        source = FilesSource(str(tmp_path), {name: COLUMNS[name] for name in ("customer_id", "timestamp", "amount")})
        ledger = open_ledger(source, engine, 1.0, rules=ContractRules(duplicates="drop"))
        assert ledger.account.reasons == {"copy of an earlier row": 1}


def test_types_that_do_not_go_together(engines, tmp_path):
    parquet(tmp_path, "a.parquet", id=pa.array(["x"]), when=pa.array([1]), sum=pa.array([1]), what=pa.array(["y"]))
    parquet(
        tmp_path,
        "b.parquet",
        id=pa.array(["x"]),
        when=pa.array([date(2024, 1, 1)]),
        sum=pa.array([1]),
        what=pa.array(["y"]),
    )
    for engine in engines:
        with pytest.raises(ContractError, match=r"when \(for timestamp\) in types that do not go together"):
            opened(engine, tmp_path)


def test_column_that_one_file_lacks(engines, tmp_path):
    parquet(
        tmp_path,
        "a.parquet",
        id=pa.array(["x"]),
        when=pa.array([date(2024, 1, 1)]),
        sum=pa.array([1]),
        what=pa.array(["y"]),
    )
    parquet(tmp_path, "b.parquet", id=pa.array(["x"]), when=pa.array([date(2024, 1, 1)]))
    for engine in engines:
        with pytest.raises(
            ContractError, match=r"b\.parquet lacks the columns sum \(for amount\), what \(for product\)"
        ):
            opened(engine, tmp_path)


def test_damaged_parquet(engines, tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    for engine in engines:
        with pytest.raises(SourceError, match="cannot be read"):
            opened(engine, tmp_path)


@pytest.mark.slow
def test_decimal_commas_beside_numbers_of_json_are_refused(tmp_path):
    """Spark hands all members of an object over as text, so that 1.5 could not be told from "1.5"."""
    path = tmp_path / "t.jsonl"
    path.write_text('{"customer_id": "a", "timestamp": "2024-01-01", "amount": 1.5}\n')
    columns = {name: name for name in ("customer_id", "timestamp", "amount")}
    with pytest.raises(ConfigError, match=r"JSON lines are read with decimal points only; ledger\.decimal is ','"):
        open_ledger(FilesSource(str(path), columns, decimal=","), engine_under_test("spark"))
