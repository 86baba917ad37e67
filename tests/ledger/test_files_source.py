"""Which files are read, what their columns may be called, and what is said of a file that cannot be used."""

import gzip
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage import FilesSource
from patronage.errors import ConfigError, ContractError, SourceError

HEADER = "id,day,amount\n"
GOOD = "a,2024-02-29,1\n"
ROW = ("a", "2024-02-29 00:00:00", 1.0)
TABLE = pa.table({"id": ["a"], "day": [datetime(2024, 2, 29)], "amount": [1.0]})


@pytest.mark.parametrize("name", ["x.csv", "X.CSV", "x.txt", "x.csv.gz", "X.CSV.GZ", "x.parquet", "X.PQ"])
def test_the_ending_tells_the_format(opened, used, tmp_path, name):
    path = tmp_path / name
    if name.lower().endswith("gz"):
        path.write_bytes(gzip.compress((HEADER + GOOD).encode()))
    elif "p" in name.lower():
        pq.write_table(TABLE, path)
    else:
        path.write_text(HEADER + GOOD)
    assert used(opened(path)) == [ROW]


def test_a_format_that_is_stated_overrules_the_ending(opened, used, tmp_path):
    pq.write_table(TABLE, tmp_path / "export")
    assert used(opened(tmp_path / "export", file_format="parquet")) == [ROW]
    with pytest.raises(SourceError, match=r"Cannot tell the format of .*export"):
        opened(tmp_path / "export")


def test_a_folder_is_searched_with_its_sub_folders(opened, used, tmp_path):
    for name in ("1.csv", "year/2.csv", "year/month/3.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HEADER + GOOD)
    (tmp_path / "notes.md").write_text("not a ledger")
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints" / "1-checkpoint.csv").write_text(HEADER + GOOD)
    ledger = opened(tmp_path)
    assert used(ledger) == [ROW] * 3


def test_what_spark_writes_beside_its_data_is_no_data(opened, used, tmp_path):
    pq.write_table(TABLE, tmp_path / "part-0")
    pq.write_metadata(TABLE.schema, tmp_path / "_metadata")
    pq.write_metadata(TABLE.schema, tmp_path / "_common_metadata")
    (tmp_path / "_SUCCESS").touch()
    assert used(opened(tmp_path, file_format="parquet")) == [ROW]


def test_files_whose_names_begin_with_an_underscore_are_read(opened, used, tmp_path):
    for name in ("a.csv", "_b.csv"):
        (tmp_path / name).write_text(HEADER + GOOD)
    assert used(opened(tmp_path)) == [ROW] * 2


def test_a_glob_names_the_files(opened, used, tmp_path):
    for name in ("2023-01.csv", "2024-01.csv", "2024-02.csv"):
        (tmp_path / name).write_text(HEADER + GOOD.replace("a", name[:7]))
    assert [row[0] for row in used(opened(tmp_path / "2024-*.csv"))] == ["2024-01", "2024-02"]


@pytest.mark.parametrize(
    "name", ["a[1].csv", "b*.csv", "c?.csv", "d'e.csv", 'f"g.csv', "h i.csv", "ö.csv", "a[1].parquet"]
)
def test_a_file_name_is_no_pattern_and_no_code(opened, used, tmp_path, name):
    for decoy in ("a1.csv", "bz.csv", "cz.csv", "a1.parquet"):
        (tmp_path / decoy).write_text(HEADER + GOOD * 5)
    if name.endswith("parquet"):
        pq.write_table(TABLE, tmp_path / name)
    else:
        (tmp_path / name).write_text(HEADER + GOOD)
    ledger = opened(tmp_path / name)
    assert used(ledger) == [ROW]


def test_files_may_order_their_columns_differently(opened, used, refused, tmp_path):
    (tmp_path / "1.csv").write_text(HEADER + GOOD)
    (tmp_path / "2.csv").write_text("note,amount,id,day\nx,2,b,2024-03-01\nx,y\n")
    ledger = opened(tmp_path)
    assert used(ledger) == [ROW, ("b", "2024-03-01 00:00:00", 2.0)]
    assert refused(ledger) == {3: "unreadable line: missing columns"}
    assert ledger.set_aside.source_file.execute().tolist() == [str(tmp_path / "2.csv")]


def test_the_delimiter_can_be_set(opened_text, used):
    assert used(opened_text("id;day;amount\na;2024-02-29;1\n", delimiter=";")) == [ROW]
    assert used(opened_text("id\tday\tamount\na\t2024-02-29\t1\n", delimiter="\t")) == [ROW]


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_an_impossible_delimiter_is_refused(opened_text, delimiter):
    with pytest.raises(ConfigError, match=r"ledger\.delimiter must be one character"):
        opened_text(HEADER + GOOD, delimiter=delimiter)


@pytest.mark.parametrize(
    "names",
    [
        ("customer no", "date of sale", "amount paid"),
        (" id", "day ", "\tamount"),
        ('i"d', "da'y", "a`m"),
        ('x"); DROP TABLE transactions; --', "1=1", "SELECT"),
        ("source_file", "source_row", "column_0"),
        ("amount", "customer_id", "timestamp"),
        ("Größe", "日付", "💶"),
        ("two\nlines", "tab\tbed", "com,ma"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_columns_may_have_any_name(opened, used, tmp_path, names, kind):
    path = tmp_path / f"ledger.{kind}"
    if kind == "parquet":
        pq.write_table(TABLE.rename_columns(list(names)), path)
    else:
        header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
        path.write_text(f"{header}\n{GOOD}")
    columns = dict(zip(("customer_id", "timestamp", "amount"), names, strict=True))
    assert used(opened(path, columns)) == [ROW]


@pytest.mark.parametrize("header", [",id,day,amount,", "x,id,day,amount,x", "ID,id,day,amount,Id"])
def test_names_of_columns_that_are_not_asked_for_do_not_matter(opened_text, used, header):
    assert used(opened_text(f"{header}\n0,a,2024-02-29,1,z\n")) == [ROW]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + (HEADER + GOOD).encode(),
        (HEADER + GOOD).replace("\n", "\r\n").encode(),
        (HEADER + GOOD).replace("\n", "\r").encode(),
        (HEADER + GOOD).rstrip().encode(),
        (HEADER + "\n\n" + GOOD + "\n\n").encode(),
        (HEADER.replace("\n", "\r\n") + GOOD + "\r\r\n").encode(),
        (HEADER + GOOD.replace("\n", "\r\n")).encode(),
    ],
    ids=["BOM", "CR LF", "CR", "no last line end", "empty lines", "CR LF and LF", "LF and CR LF"],
)
def test_ways_to_write_a_text_file(opened_text, used, refused, content):
    ledger = opened_text(content)
    assert used(ledger) == [ROW]
    assert refused(ledger) == {}


def test_a_missing_column_is_named_beside_those_that_are_there(opened, tmp_path):
    (tmp_path / "x.csv").write_text("id , Day,amount\n")
    with pytest.raises(ContractError) as caught:
        opened(tmp_path / "x.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'x.csv'} lacks the columns id (for customer_id), day (for timestamp). "
        "It has: 'id ', ' Day', amount. Set ledger.columns to the names in the file."
    )
    pq.write_table(TABLE.rename_columns(["id", "DAY", "amount"]), tmp_path / "x.parquet")
    with pytest.raises(ContractError, match=r"x\.parquet lacks the column day \(for timestamp\)\. It has: id, DAY, am"):
        opened(tmp_path / "x.parquet")


@pytest.mark.parametrize("names", [("id", "id"), ("ID", "id")])
def test_a_parquet_column_that_is_there_twice_is_refused(opened, tmp_path, names):
    columns = [TABLE["id"], pa.array(["other"]), TABLE["day"], TABLE["amount"]]
    pq.write_table(pa.table(columns, names=[*names, "day", "amount"]), tmp_path / "x.parquet")
    with pytest.raises(ContractError, match="names these columns more than once: id"):
        opened(tmp_path / "x.parquet")


def test_a_csv_column_that_is_there_twice_is_refused(opened_text):
    with pytest.raises(ContractError, match="names these columns more than once: amount"):
        opened_text("id,day,amount,amount\na,2024-02-29,1,2\n")


WHOLE = gzip.compress((HEADER + "".join(f"{n},2024-01-01,{n * n % 977}\n" for n in range(3000))).encode(), mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("x.csv", b"", "1 of 1 ledger files are empty"),
        ("x.parquet", b"", "1 of 1 ledger files are empty"),
        ("x.csv", b"\n" + HEADER.encode(), "has no header line"),
        ("x.csv", (HEADER + GOOD).encode("utf-16"), "not a CSV file in UTF-8"),
        ("x.csv", "idé,day,amount\n".encode("latin-1"), "not a CSV file in UTF-8"),
        ("x.csv", WHOLE, "not a CSV file in UTF-8"),
        ("x.csv.gz", WHOLE[: len(WHOLE) // 2], "not a complete gzip file"),
        ("x.csv.gz", WHOLE[:9], "not a complete gzip file"),
        ("x.csv.gz", WHOLE[:-1], "not a complete gzip file"),
        ("x.csv.gz", WHOLE[:2000] + b"\0\1\2" * 9 + WHOLE[2027:], "not a complete gzip file"),
        ("x.csv.gz", HEADER.encode(), "not a complete gzip file"),
        ("x.parquet", (HEADER + GOOD).encode(), "cannot be read: .*magic bytes"),
        ("x.parquet", b"PAR1" + b"\0" * 40, "cannot be read"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_seems_is_named(opened, tmp_path, name, content, complaint):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=complaint) as caught:
        opened(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_parquet_file_cut_off_is_named(opened, tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(TABLE, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"x\.parquet cannot be read"):
        opened(path)


def test_one_bad_file_of_many_is_the_one_named(opened, tmp_path):
    (tmp_path / "good.csv").write_text(HEADER + GOOD)
    (tmp_path / "odd.csv").write_text("other\n1\n")
    with pytest.raises(ContractError, match=r"odd\.csv lacks the columns id"):
        opened(tmp_path)


@pytest.mark.parametrize(("place", "complaint"), [
    ("missing.csv", "does not exist"), ("empty_folder", "No ledger file at"), ("*.nothing", "No ledger file at")
])  # fmt: skip
def test_a_place_without_files_is_named(opened, tmp_path, place, complaint):
    (tmp_path / "empty_folder").mkdir()
    with pytest.raises(SourceError, match=complaint) as caught:
        opened(tmp_path / place)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "options", "complaint"),
    [
        ({"customer_id": "id"}, {}, "not mapped: timestamp, amount; not known: none"),
        ({"customer_id": "id", "timestamp": "t", "amount": "a", "price": "p"}, {}, "not known: price"),
        ({"customer_id": "id", "timestamp": "t", "amount": "a"}, {"file_format": "xlsx"}, "ledger.file_format must be"),
    ],
)
def test_settings_that_do_not_fit_are_refused(columns, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        FilesSource("x.csv", columns, **options)


def test_the_digest_depends_on_content_alone(opened, tmp_path):
    for folder, row in (("one", GOOD), ("two", GOOD), ("three", GOOD.replace("1", "2"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.csv").write_text(HEADER + row)
    one, two, three = (opened(Path(tmp_path / folder)).digest for folder in ("one", "two", "three"))
    assert one == two != three


@pytest.mark.parametrize("table", ["ledger", "ledger.contacts"])
def test_several_files_are_named_by_a_folder_or_a_glob(table):
    several = ["a.csv", "b.csv"]
    given = {"path": several} if table == "ledger" else {"path": "a.csv", "contacts": {"path": several}}
    with pytest.raises(ConfigError, match=rf"{table}\.path must be one file, one folder or one glob .*'b\.csv'"):
        FilesSource(**given)
