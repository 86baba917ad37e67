"""JSON lines, folders named after values, tab-separated files, and text in other encodings."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ContractError, SourceError
from patronage.ledger.rules import ContractRules

GOOD = {"id": "a", "day": "2024-02-29", "amount": 1}
ROW = ("a", "2024-02-29 00:00:00", 1.0)


def lines(*objects):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in objects)


@pytest.fixture
def opened_json(opened, tmp_path):
    def open_lines(*objects, name="x.jsonl", **kwargs):
        content = lines(*objects).encode()
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
        return opened(tmp_path / name, **kwargs)

    return open_lines


@pytest.mark.parametrize("name", ["x.jsonl", "x.ndjson", "X.JSONL", "x.jsonl.gz"])
def test_json_lines_are_told_by_their_name(opened_json, used, name):
    assert used(opened_json(GOOD, name=name)) == [ROW]


def test_json_values_are_read_as_what_they_say(opened_json, used, refused):
    ledger = opened_json(
        {"id": 12, "day": "2024-01-01T10:00:00Z", "amount": "2.5", "note": [1, {"x": 2}]},
        {"amount": -1e-2, "id": "Zoë\n", "day": "2024-02-29"},
        {"id": 'q"', "day": "2024-02-29", "amount": 0},
    )
    assert used(ledger) == [
        ("12", "2024-01-01 10:00:00", 2.5), ("Zoë", "2024-02-29 00:00:00", -0.01), ('q"', "2024-02-29 00:00:00", 0.0)
    ]  # fmt: skip
    assert refused(ledger) == {}


def test_json_lines_that_are_none_are_set_aside_by_line(opened_json, refused):
    ledger = opened_json(
        GOOD, "{", "[1, 2]", '"text"', "null", {**GOOD, "id": {"x": 1}}, {**GOOD, "amount": [1]}, {"id": None},
        {**GOOD, "amount": "much"}, "", "GOOD", GOOD,
    )  # fmt: skip
    aside = ledger.set_aside.to_pyarrow().to_pylist()
    assert {row["line"]: row["reasons"] for row in aside if row["line"]} == {
        "{": "unreadable line: not a JSON object",
        "[1, 2]": "unreadable line: not a JSON object",
        '"text"': "unreadable line: not a JSON object",
        "null": "unreadable line: not a JSON object",
        "GOOD": "unreadable line: not a JSON object",
        json.dumps({**GOOD, "id": {"x": 1}}): "unreadable line: a list or an object in id",
        json.dumps({**GOOD, "amount": [1]}): "unreadable line: a list or an object in amount",
    }
    assert sorted(row["reasons"] for row in aside if not row["line"]) == [
        "amount not a number", "customer_id missing; timestamp missing; amount missing"
    ]  # fmt: skip
    assert (ledger.account.rows_in, ledger.account.rows_used, ledger.account.rows_set_aside) == (11, 2, 9)


def test_json_keys_may_have_any_name(opened_json, used):
    names = ("a/b~c", "d.e", "f'g\"$[0]")
    row = dict(zip(names, GOOD.values(), strict=True))
    columns = dict(zip(("customer_id", "timestamp", "amount"), names, strict=True))
    assert used(opened_json(row, columns=columns)) == [ROW]


def test_a_key_that_no_object_has_is_a_missing_column(opened_json):
    with pytest.raises(ContractError, match=r"x\.jsonl lacks the column amount \(for amount\)\. It has: day, id\."):
        opened_json({"id": "a", "day": "2024-02-29"})


@pytest.mark.parametrize(("text", "array"), [(f"\n [{lines(GOOD).strip()}]\n", True), ("{}\n", False), ("\n", False)])
def test_a_file_without_a_json_object_a_line_is_told_what_is_expected(opened, tmp_path, text, array):
    path = tmp_path / "x.jsonl"
    path.write_text(text)
    with pytest.raises(SourceError, match=r"No line of .*x\.jsonl is a JSON object .* one object a line") as told:
        opened(path)
    assert ("The file is one array" in str(told.value)) == array


def test_a_json_file_cut_off_is_named(opened, tmp_path):
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(lines(*[GOOD] * 3000).encode())[:-9])
    with pytest.raises(SourceError, match=r"x\.jsonl\.gz is not a complete gzip file"):
        opened(tmp_path / "x.jsonl.gz")


def test_tabs_separate_the_columns_of_a_tsv_file(opened, used, tmp_path):
    (tmp_path / "x.tsv").write_text("id\tday\tamount\na\t2024-02-29\t1\n")
    assert used(opened(tmp_path / "x.tsv")) == [ROW]
    (tmp_path / "x.tsv").write_text("id,day,amount\na,2024-02-29,1\n")
    assert used(opened(tmp_path / "x.tsv", delimiter=",")) == [ROW]


@pytest.mark.parametrize(
    ("name", "written"), [("latin-1", "latin-1"), ("cp1252", "cp1252"), ("utf-16", "utf-16"), ("UTF16", "utf-16-le"),
    ("utf-8-sig", "utf-8-sig"), ("shift_jis", "shift_jis")]
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_text_may_be_in_another_encoding(opened, used, tmp_path, name, written, packed):
    customer = "客户" if name == "shift_jis" else "Zoë"
    if name == "shift_jis":
        customer = "顧客"
    content = f"id,day,amount\n{customer},2024-02-29,1\n".encode(written)
    path = tmp_path / ("x.csv.gz" if packed else "x.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    ledger = opened(path, encoding="utf-16-le" if written == "utf-16-le" else name)
    assert used(ledger) == [(customer, "2024-02-29 00:00:00", 1.0)]


def test_a_file_in_another_encoding_than_stated_is_named(opened, tmp_path):
    (tmp_path / "x.csv").write_bytes("id,day,amount\nZoë,2024-02-29,1\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"x\.csv is not in ascii"):
        opened(tmp_path / "x.csv", encoding="ascii")
    (tmp_path / "x.csv").write_bytes("id,day,amount\nZoë,2024-02-29,1".encode("utf-16")[:-1])
    with pytest.raises(SourceError, match=r"x\.csv is not in utf-16"):
        opened(tmp_path / "x.csv", encoding="utf-16")


def test_a_copy_in_utf8_keeps_the_name_and_lines_of_the_file(opened, refused, tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("id,day,amount\nZoë,2024-02-29,1\nshort\né,soon,1\n".encode("latin-1"))
    ledger = opened(path, encoding="latin-1")
    assert refused(ledger) == {2: "timestamp not a date", 3: "unreadable line: missing columns"}
    assert set(ledger.set_aside.source_file.execute()) == {str(path)}


@pytest.mark.parametrize("ends", ["\n\r\n", "\r\n\n", "\n\r", "\r\n\r"])
def test_lines_may_end_in_several_ways(opened_text, used, refused, ends):
    first, second = (ends[:1], ends[1:]) if ends[0] == "\n" else (ends[:2], ends[2:])
    pieces = ["id,day,amount", *(f"c{number},2024-02-29,{number}" for number in range(50)), "short"]
    text = "".join(piece + (first if position % 2 else second) for position, piece in enumerate(pieces))
    ledger = opened_text(text)
    assert [row[2] for row in sorted(used(ledger), key=lambda row: row[2])] == [float(number) for number in range(50)]
    assert refused(ledger) == {52: "unreadable line: missing columns"}


@pytest.fixture
def partitioned(tmp_path):
    """A folder whose sub-folders name the shop and the year."""

    def write(kind, tables):
        for number, (folder, table) in enumerate(tables.items()):
            (tmp_path / "data" / folder).mkdir(parents=True, exist_ok=True)
            path = tmp_path / "data" / folder / f"part-{number}.{kind}"
            pq.write_table(table, path) if kind == "parquet" else table.to_pandas().to_csv(path, index=False)
        (tmp_path / "data" / "_SUCCESS").touch()
        return tmp_path / "data"

    return write


def part(*ids, **more):
    return pa.table({"id": list(ids), "day": ["2024-02-29"] * len(ids), "amount": [1.0] * len(ids), **more})


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_folders_may_name_values(opened, partitioned, kind):
    folder = partitioned(kind, {
        "shop=web%20shop/year=2023": part("a"), "shop=web%20shop/year=2024": part("b", "c"),
        "shop=__HIVE_DEFAULT_PARTITION__/year=2024": part("d"),
    })  # fmt: skip
    columns = {"customer_id": "id", "timestamp": "day", "amount": "amount", "sales_channel": "shop", "category": "year"}
    ledger = opened(folder, columns)
    rows = ledger.transactions.order_by("customer_id").to_pyarrow().to_pylist()
    assert [(row["customer_id"], row["sales_channel"], row["category"]) for row in rows] == [
        ("a", "web shop", "2023"), ("b", "web shop", "2024"), ("c", "web shop", "2024"), ("d", None, "2024")
    ]  # fmt: skip


def test_a_column_of_the_file_counts_more_than_its_folder(opened, partitioned):
    folder = partitioned("parquet", {"shop=web": part("a", shop=["store"]), "shop=fair": part("b", shop=["market"])})
    columns = {"customer_id": "id", "timestamp": "day", "amount": "amount", "sales_channel": "shop"}
    rows = opened(folder, columns).transactions.order_by("customer_id").to_pyarrow().to_pylist()
    assert [row["sales_channel"] for row in rows] == ["store", "market"]


def test_empty_parts_of_a_folder_add_nothing(opened, partitioned, used):
    folder = partitioned("parquet", {"year=2023": part("a").slice(0, 0), "year=2024": part("a")})
    ledger = opened(folder)
    assert used(ledger) == [ROW]
    assert ledger.account.rows_in == 1


def test_parquet_is_looked_up_where_it_lies(opened, tmp_path, connection):
    """Typed columns are not copied: the ledger is a view of the file, with no test where every row fits."""
    pq.write_table(part("a", "b"), tmp_path / "x.parquet")
    table = pa.table({"id": ["a"], "day": pa.array([0], pa.timestamp("us")), "amount": [1.0]})
    pq.write_table(table, tmp_path / "typed.parquet")
    ledger = opened(tmp_path / "typed.parquet")
    (definition,) = connection.raw_sql(
        f"SELECT sql FROM duckdb_views() WHERE view_name = '{ledger.transactions.get_name()}'"
    ).fetchone()
    assert "WHERE" not in definition.upper()
    assert "TRIM" not in definition.upper()
    (rows,) = connection.raw_sql(
        f"SELECT count(*) FROM duckdb_tables() WHERE table_name = '{ledger.transactions.get_name()}'"
    ).fetchone()
    assert rows == 0


def test_ids_in_parquet_are_trimmed_where_one_needs_it(opened, used, tmp_path):
    days = pa.array([0, 0, 0], pa.timestamp("us"))
    pq.write_table(pa.table({"id": ["a", " b ", ""], "day": days, "amount": [1, 2, 3]}), tmp_path / "x.parquet")
    ledger = opened(tmp_path / "x.parquet")
    assert [row[0] for row in used(ledger)] == ["a", "b"]
    assert ledger.account.reasons == {"customer_id missing": 1}


def test_copies_are_told_by_all_columns_of_the_source(connection, tmp_path):
    (tmp_path / "1.csv").write_text("line,id,day,amount\n1,a,2024-02-29,1\n2,a,2024-02-29,1\n3,b,2024-02-29,1\n")
    (tmp_path / "2.csv").write_text("day,amount,line,id\n2024-02-29,1,1,a\n2024-02-29,1,4,\n2024-02-29,1,4,\n")
    source = FilesSource(str(tmp_path), {"customer_id": "id", "timestamp": "day", "amount": "amount"})
    flagged = open_ledger(source, connection, 1.0, rules=ContractRules(duplicates="flag")).account
    assert (flagged.rows_used, flagged.copies) == (4, 2)
    dropped = open_ledger(source, connection, 1.0, rules=ContractRules(duplicates="drop"))
    assert dropped.account.reasons == {"customer_id missing": 2, "copy of an earlier row": 2}
    assert dropped.account.rows_used == 3
    again = dropped.set_aside.filter(dropped.set_aside.reasons.contains("copy")).to_pyarrow().to_pylist()
    assert {(row["source_file"][-5:], row["source_row"]) for row in again} == {("2.csv", 1), ("2.csv", 3)}


def test_numbers_of_json_are_numbers_whatever_the_marks_of_texts(tmp_path):
    path = tmp_path / "t.jsonl"
    lines = ['{"c": "a", "t": "2024-01-01", "m": 1.234}', '{"c": "b", "t": "2024-01-01", "m": 12}']
    lines += ['{"c": "c", "t": "2024-01-01", "m": "1.234,5"}', '{"c": "d", "t": "2024-01-01", "m": 12.125}']
    path.write_text("\n".join(lines))
    columns = {"customer_id": "c", "timestamp": "t", "amount": "m"}
    ledger = open_ledger(FilesSource(str(path), columns, decimal=",", thousands="."))
    amounts = ledger.transactions.order_by("customer_id").amount.to_pyarrow().to_pylist()
    assert amounts == [1.234, 12.0, 1234.5, 12.125]
