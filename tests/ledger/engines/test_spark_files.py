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


SHOP = {name: name for name in ("customer_id", "timestamp", "amount")}
HEADER, GOOD = "customer_id,timestamp,amount\n", "a,2024-01-01,1\n"


@pytest.mark.parametrize(
    ("names", "place"),
    [
        (("a.csv", "_extra.csv"), ""),
        (("a.csv", "_extra.csv"), "*.csv"),
        (("a.csv", "_metadata.csv"), ""),
        (("_single.csv",), "_single.csv"),
        ((".single.csv",), ".single.csv"),
        (("a.parquet", "_extra.parquet"), ""),
        (("a.jsonl", "_extra.jsonl"), ""),
    ],
)
def test_files_that_spark_would_leave_out_are_named(engines, tmp_path, names, place):
    for name in names:
        if name.endswith("parquet"):
            parquet(tmp_path, name, **{column: pa.array(["2024"]) for column in SHOP} | {"amount": pa.array([1])})
        else:
            line = '{"customer_id": "a", "timestamp": "2024-01-01", "amount": 1}\n'
            (tmp_path / name).write_text(line if name.endswith("jsonl") else HEADER + GOOD)
    source = FilesSource(str(tmp_path / place), SHOP, timestamp_format="%Y" if "parquet" in names[0] else None)
    spark, duckdb = engines
    with pytest.raises(SourceError, match=rf"1 of {len(names)} files.*{names[-1]}\. Rename.*engine=duckdb"):
        open_ledger(source, spark)
    assert open_ledger(source, duckdb).account.rows_used == len(names)


def test_files_in_folders_that_begin_with_an_underscore_are_read(engines, tmp_path):
    for name in ("a.csv", "_more/b.csv", "_day=1.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HEADER + GOOD)
    assert [open_ledger(FilesSource(str(tmp_path), SHOP), engine).account.rows_used for engine in engines] == [3, 3]


@pytest.mark.parametrize(
    "name", ["a[1].csv", "a*.csv", "a?.csv", "a{1}.csv", "[1]/a.csv", "a[1].jsonl", "a[1].parquet"]
)
def test_a_file_name_is_no_pattern(engines, tmp_path, name):
    decoy = pa.array(["decoy"] * 3)
    for other in ("a1.csv", "1/a.csv", "a1.jsonl"):
        (tmp_path / other).parent.mkdir(exist_ok=True)
        (tmp_path / other).write_text(HEADER + GOOD * 3)
    parquet(tmp_path, "a1.parquet", customer_id=decoy, timestamp=decoy, amount=decoy)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    if name.endswith("parquet"):
        parquet(tmp_path, name, **{column: pa.array(["2024-01-01"]) for column in SHOP} | {"amount": pa.array([1])})
    else:
        line = '{"customer_id": "a", "timestamp": "2024-01-01", "amount": 1}\n'
        (tmp_path / name).write_text(line if name.endswith("jsonl") else HEADER + GOOD)
    for engine in engines:
        assert open_ledger(FilesSource(str(tmp_path / name), SHOP), engine).account.rows_used == 1


@pytest.mark.parametrize("header", [",customer_id,timestamp,amount,", "x,customer_id,timestamp,amount,x",
                                    "AMOUNT,customer_id,timestamp,amount,Amount"])  # fmt: skip
def test_names_of_columns_that_are_not_asked_for_do_not_matter(engines, tmp_path, header):
    from patronage.ledger.rules import ContractRules

    (tmp_path / "a.csv").write_text(f"{header}\n7,a,2024-01-01,1,8\n7,a,2024-01-01,1,9\n7,a,2024-01-01,1,9\n")
    for engine in engines:
        source = FilesSource(str(tmp_path), SHOP)
        ledger = open_ledger(source, engine, 1.0, rules=ContractRules(duplicates="drop"))
        rows = engine.batches(ledger.transactions).read_all().to_pylist()
        assert [(row["customer_id"], row["amount"]) for row in rows] == [("a", 1.0)] * 2


def test_a_csv_column_that_is_asked_for_and_there_twice_is_refused(engines, tmp_path):
    (tmp_path / "a.csv").write_text("customer_id,timestamp,amount,amount\na,2024-01-01,1,2\n")
    for engine in engines:
        with pytest.raises(ContractError, match=r"a\.csv names these columns more than once: amount\. Rename them"):
            open_ledger(FilesSource(str(tmp_path), SHOP), engine)


def test_files_of_several_formats_are_left_to_duckdb(engines, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + GOOD)
    (tmp_path / "b.jsonl").write_text('{"customer_id": "a", "timestamp": "2024-01-01", "amount": 1}\n')
    spark, duckdb = engines
    source = FilesSource(str(tmp_path), SHOP)
    with pytest.raises(SourceError, match=r"several formats.*ledger\.path to a glob of one format.*engine=duckdb"):
        open_ledger(source, spark)
    assert open_ledger(source, duckdb).account.rows_used == 2


def test_a_file_without_any_line_that_can_be_split(engines, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + "x,y\n")
    for engine in engines:
        with pytest.raises(ContractError, match=r"1 of 1 rows of .* break the contract"):
            open_ledger(FilesSource(str(tmp_path), SHOP), engine, 1.0)
