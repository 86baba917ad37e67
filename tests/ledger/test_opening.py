"""A ledger as a whole: its share of bad rows, its account, and the file of the rows that were set aside."""

import os
import resource
from datetime import date

import pyarrow.parquet as pq
import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ContractError, DateError, OutputError, SourceError
from patronage.ledger.engines.duckdb import DuckDbEngine

COLUMNS = {"customer_id": "id", "timestamp": "day", "amount": "amount"}
GOOD = "a,2024-02-29,1\n"


@pytest.fixture
def source(tmp_path):
    def write(*rows, name="ledger.csv"):
        path = tmp_path / name
        path.write_text("id,day,amount\n" + "".join(rows))
        return FilesSource(str(path), COLUMNS, name="shop")

    return write


def test_up_to_the_allowed_share_may_be_set_aside(source):
    ledger = open_ledger(source(GOOD * 9, "b,2024-02-29\n"), max_set_aside_share=0.1)
    assert str(ledger.account) == (
        "10 rows in = 9 used + 1 set aside; 1 customer, 2024-02-29 to 2024-02-29; "
        "set aside: unreadable line: missing columns 1"
    )


def test_more_than_that_refuses_the_ledger_and_says_why(source, tmp_path):
    target = tmp_path / "aside.parquet"
    with pytest.raises(ContractError) as caught:
        open_ledger(source(GOOD * 7, "b,soon,1\n,,\n"), max_set_aside_share=0.2, set_aside_path=target)
    message = str(caught.value)
    assert "2 of 9 rows" in message
    assert "22.2%" in message
    assert "at most 20.0% may" in message
    assert "row 8: timestamp not a date" in message
    assert str(target) in message
    assert caught.value.counts == {
        "customer_id missing": 1, "timestamp missing": 1, "timestamp not a date": 1, "amount missing": 1
    }  # fmt: skip
    assert pq.read_table(target).num_rows == 2


def test_a_ledger_without_a_usable_row_is_refused_whatever_the_share(source):
    with pytest.raises(ContractError, match=r"2 of 2 rows .* so none is left: timestamp not a date 2"):
        open_ledger(source("a,soon,1\nb,later,1\n"), max_set_aside_share=1.0)


@pytest.mark.parametrize("content", ["id,day,amount\n", "id,day,amount", "id,day,amount\n\n\n"])
def test_a_header_alone_is_no_ledger(tmp_path, content):
    path = tmp_path / "ledger.csv"
    path.write_text(content)
    with pytest.raises(SourceError, match="holds no transactions: a header, but no rows"):
        open_ledger(FilesSource(str(path), COLUMNS))


def test_the_set_aside_file_holds_the_rows_as_found(source, tmp_path):
    target = tmp_path / "new folder" / "aside.parquet"
    ledger = open_ledger(source(GOOD * 3, "b,soon,x\n", "c;2024-01-01;1\n"), None, 1.0, target)
    where = {"table": "transactions", "source_file": str(tmp_path / "ledger.csv")}
    record = "customer_id=b, timestamp=soon, amount=x"
    parsed = {"customer_id": "b", "timestamp": "soon", "amount": "x", "record": record, "line": None}
    split = {"customer_id": None, "timestamp": None, "amount": None, "record": None, "line": "c;2024-01-01;1"}
    assert pq.read_table(target).to_pylist() == [
        {
            **where,
            "source_row": 4,
            "source_line": None,
            "reasons": "timestamp not a date; amount not a number",
            **parsed,
        },
        {**where, "source_row": None, "source_line": 6, "reasons": "unreadable line: missing columns", **split},
    ]
    assert ledger.account.rows_set_aside == 2
    assert [path.name for path in target.parent.iterdir()] == ["aside.parquet"]


def test_no_set_aside_file_if_there_is_nothing_to_write(source, tmp_path):
    target = tmp_path / "aside.parquet"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"of an earlier run")
    ledger = open_ledger(source(GOOD), set_aside_path=target)
    assert ledger.write_set_aside(target) is None
    assert not target.exists()


def test_a_place_that_cannot_be_written_is_an_output_error(source, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"Cannot write .*aside\.parquet"):
        open_ledger(source(GOOD, "b,soon,1\n"), None, 1.0, tmp_path / "file" / "aside.parquet")
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "folder.parquet" / "precious").write_text("kept")
    with pytest.raises(OutputError, match=r"Cannot write .*folder\.parquet"):
        open_ledger(source(GOOD, "b,soon,1\n"), None, 1.0, tmp_path / "folder.parquet")
    assert (tmp_path / "folder.parquet" / "precious").read_text() == "kept"


def test_a_disk_that_fills_up_is_an_output_error_and_leaves_no_piece(source, tmp_path):
    rows = "".join(f"customer {number},no date {number * 7919},1\n" for number in range(5000))
    ledger = open_ledger(source(GOOD, rows), None, 1.0)
    target = tmp_path / "full" / "aside.parquet"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match=r"Cannot write .*aside\.parquet"):
            ledger.write_set_aside(target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(target.parent.iterdir()) == []


def test_a_date_before_all_facts_is_refused(source):
    ledger = open_ledger(source(GOOD, "a,2024-03-05,1\n"))
    ledger.require_facts_until(date(2024, 2, 29))
    with pytest.raises(DateError, match=r"cut-off 2024-02-28 lies before the first transaction .*2024-02-29"):
        ledger.require_facts_until(date(2024, 2, 28), "cut-off")


def test_several_ledgers_share_a_connection_with_the_tables_of_its_owner(source):
    connection = DuckDbEngine(threads=1).connection
    for name in ("transactions", "set_aside_transactions", "checked_transactions", "raw_transactions", "reject_errors"):
        connection.raw_sql(f"CREATE TABLE {name} AS SELECT 'mine' AS owner")
    first = open_ledger(source(GOOD, "b,2024-01-01\n", name="first.csv"), connection, 1.0)
    second = open_ledger(source("c,2024-01-01,7\n" * 3, name="second.csv"), connection, 1.0)
    assert first.transactions.customer_id.execute().tolist() == ["a"]
    assert first.set_aside.line.execute().tolist() == ["b,2024-01-01"]
    assert second.transactions.customer_id.execute().tolist() == ["c"] * 3
    assert second.account.rows_set_aside == 0
    for name in ("transactions", "set_aside_transactions", "checked_transactions", "raw_transactions", "reject_errors"):
        assert connection.raw_sql(f"SELECT owner FROM {name}").fetchall() == [("mine",)]


def test_a_file_that_changed_is_read_again_on_the_same_connection(source, tmp_path):
    connection = DuckDbEngine(threads=1).connection
    first = open_ledger(source(GOOD), connection)
    moment = (tmp_path / "ledger.csv").stat().st_mtime_ns
    changed = source(GOOD.replace("a", "z"))
    os.utime(tmp_path / "ledger.csv", ns=(moment, moment))
    second = open_ledger(changed, connection)
    assert second.transactions.customer_id.execute().tolist() == ["z"]
    assert first.digest != second.digest


def test_a_scan_that_failed_leaves_nothing_to_the_next(source, tmp_path):
    connection = DuckDbEngine(threads=1).connection
    lost = source("short\n", GOOD * 10, '"b,2024-01-01,1\n', GOOD * 2000, name="lost.csv")
    with pytest.raises(SourceError, match="cannot be told apart"):
        open_ledger(lost, connection)
    ledger = open_ledger(source(GOOD), connection)
    assert (ledger.account.rows_in, ledger.account.rows_set_aside) == (1, 0)
