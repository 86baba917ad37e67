"""Every row that cannot be used is set aside with all its reasons; a column that cannot hold values is refused."""

from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.errors import ConfigError, ContractError

HEADER = "id,day,amount\n"
GOOD = "a,2024-02-29,1\n"
DAY = datetime(2024, 2, 29)


@pytest.fixture
def opened_parquet(opened, tmp_path):
    def open_columns(ids, days, amounts, **kwargs):
        path = tmp_path / "ledger.parquet"
        pq.write_table(pa.table({"id": ids, "day": days, "amount": amounts}), path)
        return opened(path, **kwargs)

    return open_columns


@pytest.mark.parametrize(
    ("row", "reasons"),
    [
        (",2024-01-01,1", "customer_id missing"),
        ('"  ",2024-01-01,1', "customer_id missing"),
        ("b,,1", "timestamp missing"),
        ("b,soon,1", "timestamp not a date"),
        ("b,2023-02-29,1", "timestamp not a date"),
        ("b,20240101,1", "timestamp not a date"),
        ("b,01/02/2024,1", "timestamp not a date"),
        ("b,now,1", "timestamp not a date"),
        ("b,0202-01-01,1", "timestamp out of range"),
        ("b,9999-12-31,1", "timestamp out of range"),
        ("b,1899-12-31 23:59:59,1", "timestamp out of range"),
        ("b,infinity,1", "timestamp not a date"),
        ("b,290000-01-01,1", "timestamp not a date"),
        ("b,2024-01-01,", "amount missing"),
        ("b,2024-01-01,much", "amount not a number"),
        ('b,2024-01-01,"1,50"', "amount not a number"),
        ("b,2024-01-01,€5", "amount not a number"),
        ("b,2024-01-01,0x10", "amount not a number"),
        ("b,2024-01-01,1\0", "amount not a number"),
        ("b,2024-01-01,NaN", "amount not finite"),
        ("b,2024-01-01,-inf", "amount not finite"),
        ("b,2024-01-01,1e400", "amount not finite"),
        (",soon,inf", "customer_id missing; timestamp not a date; amount not finite"),
        (",,", "customer_id missing; timestamp missing; amount missing"),
    ],
)
def test_a_bad_row_is_set_aside_with_all_its_reasons(opened_text, used, refused, row, reasons):
    ledger = opened_text(f"{HEADER}{GOOD}{row}\n")
    assert refused(ledger) == {2: reasons}
    assert used(ledger) == [("a", "2024-02-29 00:00:00", 1.0)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("007,2024-01-01,1", ("007", "2024-01-01 00:00:00", 1.0)),
        ("  b  ,2024-01-01 ,1", ("b", "2024-01-01 00:00:00", 1.0)),
        ("Zoë 客户,2024-01-01T13:14:15,-2.50", ("Zoë 客户", "2024-01-01 13:14:15", -2.5)),
        ('"b\n""c""",2024-01-01,0', ('b\n"c"', "2024-01-01 00:00:00", 0.0)),
        ("b,1900-01-01,1e3", ("b", "1900-01-01 00:00:00", 1000.0)),
        ("12.0,2024-01-01, 5 ", ("12.0", "2024-01-01 00:00:00", 5.0)),
    ],
)
def test_a_good_row_keeps_its_values(opened_text, used, refused, row, expected):
    ledger = opened_text(f"{HEADER}{row}\n")
    assert refused(ledger) == {}
    assert used(ledger) == [expected]


def test_whole_floats_are_the_ids_they_once_were(opened_parquet, used, refused):
    ids = [12.0, 12.5, float("nan"), None, 1e20, -0.0]
    ledger = opened_parquet(ids, [DAY] * 6, [1.0] * 6)
    assert [row[0] for row in used(ledger)] == ["0", "12", "12.5", "1e+20"]
    assert refused(ledger) == {3: "customer_id missing", 4: "customer_id missing"}


def test_dates_beyond_what_a_timestamp_holds_are_set_aside(opened_parquet, refused):
    days = pa.array([0, 2**30, -(2**30)], pa.date32())
    ledger = opened_parquet([1, 2, 3], days, [1, 1, 1])
    assert refused(ledger) == {2: "timestamp not a date", 3: "timestamp not a date"}


@pytest.mark.parametrize(
    "days",
    [
        pa.array([DAY], pa.timestamp("ns")),
        pa.array([DAY], pa.timestamp("s")),
        pa.array([DAY], pa.timestamp("us", "UTC")),
        pa.array([DAY.date()], pa.date32()),
        pa.array(["2024-02-29"]).dictionary_encode(),
    ],
    ids=lambda days: str(days.type),
)
def test_all_kinds_of_dates_are_understood(opened_parquet, used, days):
    assert used(opened_parquet([1], days, [1])) == [("1", "2024-02-29 00:00:00", 1.0)]


def test_whole_numbers_are_dates_if_a_format_says_so(opened_parquet, used, refused):
    ledger = opened_parquet([1, 2, 3], [20240229, 5, None], [1, 1, 1], timestamp_format="%Y%m%d")
    assert used(ledger) == [("1", "2024-02-29 00:00:00", 1.0)]
    assert refused(ledger) == {2: "timestamp not a date", 3: "timestamp missing"}


def test_a_format_is_applied_to_text(opened_text, used, refused):
    ledger = opened_text(f"{HEADER}a,03.02.2024,1\nb,2024-02-03,1\n", timestamp_format="%d.%m.%Y")
    assert used(ledger) == [("a", "2024-02-03 00:00:00", 1.0)]
    assert refused(ledger) == {2: "timestamp not a date"}


def test_a_format_that_is_none_is_refused(opened_text):
    with pytest.raises(ConfigError, match=r"ledger.timestamp_format '%Q' is not a strptime pattern"):
        opened_text(HEADER + GOOD, timestamp_format="%Q")


@pytest.mark.parametrize(
    ("ids", "days", "amounts", "complaint"),
    [
        ([1], [DAY], [True], r"amount \(for amount\) is of type boolean, expected a number"),
        ([{"x": 1}], [DAY], [1.0], r"id \(for customer_id\) is of type struct.*expected text or a number"),
        ([b"a"], [DAY], [1.0], r"id \(for customer_id\) is of type binary"),
        ([1], [True], [1.0], r"day \(for timestamp\) is of type boolean, expected a date"),
        ([1], [20240229], [1.0], r"day \(for timestamp\) is of type int64.*with ledger.timestamp_format"),
        ([1], [[DAY]], [[1.0]], r"day \(for timestamp\).*; amount \(for amount\)"),
    ],
)
def test_a_column_of_a_wrong_type_is_refused_by_name(opened_parquet, ids, days, amounts, complaint):
    with pytest.raises(ContractError, match=complaint):
        opened_parquet(ids, days, amounts)


def test_the_account_spans_the_used_rows_alone(opened_text):
    account = opened_text(f"{HEADER}b,1850-01-01,1\n{GOOD}c,2024-03-01,x\n").account
    assert (account.first.date(), account.last.date(), account.customers) == (date(2024, 2, 29), date(2024, 2, 29), 1)
