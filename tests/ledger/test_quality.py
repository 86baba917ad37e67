"""The measures of a ledger's quality, on tables small enough to count by hand."""

import json
from datetime import date, timedelta

import pandas as pd
import pytest

from patronage.ledger.opening import read_ledger
from patronage.ledger.quality.calendar import days_of
from patronage.ledger.quality.findings import findings
from patronage.ledger.quality.measures import measured
from patronage.ledger.quality.page import as_json, as_markdown, money_table, rows_table
from patronage.ledger.rules import ContractRules
from patronage.ledger.tables_source import FrameSource
from patronage.schema import LEDGER_TABLES

SALES = pd.DataFrame(
    [
        ("a", "2024-01-01", "10", "o1"), ("a", "2024-01-01", "10", "o1"), ("a", "2024-01-03", "-4", None),
        ("b", "2024-03-01", "0", "o2"), ("b", "2024-03-01", "6", "o3"), (None, "2024-03-02", "5", "o4"),
        ("c", "soon", "1", "o5"), ("<b>*c*|", "later", "x", "o6"),
    ],
    columns=["customer_id", "timestamp", "amount", "order_id"],
)  # fmt: skip
PEOPLE = pd.DataFrame({"customer_id": ["a", "x", "y", None], "region": ["n", None, "s", "w"]})
CALLS = pd.DataFrame(
    {
        "customer_id": ["a", "x", "x", "z"],
        "timestamp": "2024-01-02",
        "channel": "call",
        "kind": ["service"] * 3 + [None],
    }
)
NOTHING = dict.fromkeys(LEDGER_TABLES, 0.0)
ALL = dict.fromkeys(LEDGER_TABLES, 1.0)


@pytest.fixture(scope="module")
def ledger(connection):
    return read_ledger(FrameSource(SALES, PEOPLE, CALLS), connection, ContractRules(duplicates="flag"))


@pytest.fixture(scope="module")
def quality(ledger):
    return measured(ledger)


def test_rows_and_money(quality):
    account = quality.tables["transactions"].account
    assert (account.rows_in, account.rows_used, account.rows_set_aside, account.copies) == (8, 5, 3, 1)
    used, aside = account.money_used, account.money_set_aside
    assert (used.rows, used.amount, used.refunds, used.refunds_amount) == (5, 22.0, 1, -4.0)
    assert (aside.rows, aside.amount, aside.refunds) == (2, 6.0, 0)
    assert rows_table(quality)[0] == ["transactions", "8", "5", "3", "2", "2024-01-01", "2024-03-01"]


def test_the_lines_of_money_add_up_to_the_rows_read(quality, connection):
    """By hand: 5 rows are used, 5 + 1 of two are set aside, and the amount of the third is x."""
    lines = {name: (rows, amount) for name, rows, amount, *_ in money_table(quality)}
    assert lines == {
        "used": ("5", "22.00"),
        "set aside": ("2", "6.00"),
        "set aside, no readable amount": ("1", ""),
        "all": ("8", "28.00"),
    }
    whole = measured(read_ledger(FrameSource(SALES.iloc[:6]), connection))
    assert [line[:2] for line in money_table(whole)] == [["used", "5"], ["set aside", "1"], ["all", "6"]]


def test_missing_values_are_shares_of_the_rows_used(quality):
    assert quality.tables["transactions"].missing["order_id"] == 0.2
    assert quality.tables["transactions"].missing["amount"] == 0
    assert quality.tables["customers"].missing["region"] == pytest.approx(1 / 3)
    assert quality.tables["contacts"].missing["kind"] == 0.25


def test_amounts(quality):
    assert quality.amounts["min"] == -4
    assert quality.amounts["0.5"] == 6
    assert quality.amounts["0.25"] == 0
    assert quality.amounts["max"] == 10
    assert quality.zero_amounts == 1


def test_keys_that_do_not_overlap(quality):
    people, calls = quality.tables["customers"], quality.tables["contacts"]
    assert (people.ids_without_transactions, people.rows_without_transactions) == (2, 2)
    assert (calls.ids_without_transactions, calls.rows_without_transactions) == (2, 3)
    assert quality.unknown_customers == 1


def test_examples_say_where_and_what(quality):
    examples = quality.tables["transactions"].examples
    assert examples["customer_id missing"] == [
        "the frame of transactions row 6: timestamp=2024-03-02, amount=5, order_id=o4"
    ]
    assert [text.split(":")[0][-1] for text in examples["timestamp not a date"]] == ["7", "8"]


def test_days(quality):
    days = quality.tables["transactions"].days
    assert (days.first, days.last, days.days) == (date(2024, 1, 1), date(2024, 3, 1), 3)
    assert (days.longest_gap_days, days.gap_from, days.gap_until) == (57, date(2024, 1, 4), date(2024, 2, 29))
    assert days.missing_months == ("2024-02",)
    assert quality.tables["customers"].days is None


@pytest.mark.parametrize(
    ("days", "gap", "months"),
    [
        (["2024-02-28", "2024-02-29", "2024-03-01"], 0, ()),
        (["2023-02-28", "2023-03-02"], 1, ()),
        (["2023-11-30", "2024-02-01"], 62, ("2023-12", "2024-01")),
        (["2024-05-05"], 0, ()),
    ],
)
def test_gaps_and_missing_months(days, gap, months):
    found = days_of({date.fromisoformat(day): 1 for day in days})
    assert (found.longest_gap_days, found.missing_months) == (gap, months)


def test_days_that_stand_out_of_their_neighbours():
    start = date(2024, 1, 1)
    growing = {start + timedelta(days=n): 10 + 10 * n for n in range(200)}  # more than tenfold, but day by day
    assert days_of(growing).implausible == {}
    doubled_export = {**growing, start + timedelta(days=50): 510 * 6, start + timedelta(days=5): 350}
    assert list(days_of(doubled_export).implausible) == [start + timedelta(days=50)]
    small = dict.fromkeys(growing, 1)
    assert days_of({**small, start: 11}).implausible == {}  # eleven where one is usual may be chance
    assert days_of({**small, start: 12}).implausible == {start: 12}


def test_one_day_alone_stands_out_of_nothing():
    assert days_of({date(2023, 5, 1): 94}).implausible == {}


def test_findings_grow_graver_with_the_limits(quality):
    stop = findings(quality, NOTHING, NOTHING)
    assert [finding.level for finding in stop[:2]] == ["stop", "stop"]
    assert stop[0].text == "37.5% of the rows of transactions were set aside; at most 0.0% may."
    warned = findings(quality, ALL, NOTHING)
    assert "37.5% of the rows of transactions were set aside, more than 0.0%." in [
        finding.text for finding in warned if finding.level == "warning"
    ]
    borne = {finding.text: finding.level for finding in findings(quality, ALL, ALL)}
    assert borne == {
        "transactions lack 1 whole month: 2024-02.": "warning",
        "transactions are silent for 57 days, 2024-01-04 to 2024-02-29.": "warning",
        "1 row of transactions (12.50%) is a copy of an earlier one.": "note",
        "1 row of contacts (25.00%) is a copy of an earlier one.": "note",
        "1 refund (-4.00) falls on a day without a purchase of its customer; no purchase is netted with it.": "note",
        "2 dates of transactions could not be read; dates in text are read as ISO 8601 "
        "(ledger.timestamp_format).": "note",
        "2 customers of customers have no transactions (2 rows).": "note",
        "2 customers of contacts have no transactions (3 rows).": "note",
        "1 customer with transactions is not in the table of customers.": "note",
    }


def test_a_sign_that_is_wrong_is_suspected(connection):
    wrong = read_ledger(FrameSource(SALES.assign(amount="-1")), connection)
    texts = [finding.text for finding in findings(measured(wrong), ALL, ALL)]
    assert "Refunds are 5.00 against sales of 0.00: is the sign of the amounts right?" in texts


def test_a_ledger_without_a_usable_row_is_measured_all_the_same(connection):
    nothing = measured(read_ledger(FrameSource(SALES.assign(timestamp="soon")), connection))
    assert nothing.amounts == {}
    assert nothing.tables["transactions"].days is None
    assert findings(nothing, ALL, ALL)[0].level == "stop"
    assert "| transactions | 8 | 0 | 8 | 0 |  |  |" in as_markdown(nothing, [])


def test_the_pages_tell_the_same_and_no_text_of_the_source_is_markup(quality):
    found = findings(quality, ALL, ALL)
    content = json.loads(as_json(quality, found))
    assert content["tables"]["transactions"]["account"]["rows_in"] == 8
    assert content["tables"]["transactions"]["days"]["gap_from"] == "2024-01-04"
    assert len(content["findings"]) == len(found)
    page = as_markdown(quality, found)
    assert "| transactions | 8 | 5 | 3 | 2 | 2024-01-01 | 2024-03-01 |" in page
    assert "<b>" not in page
    assert r"&lt;b&gt;\*c\*\|" in page
    assert all(finding.text in page for finding in found)


def test_days_that_have_not_come_are_told_and_leave_no_gap():
    """Years until a mistyped date are no gap: gaps end today."""
    rows = {date(2024, 1, 1): 2, date(2024, 1, 5): 1, date(2106, 1, 2): 3, date(2107, 1, 2): 1}
    found = days_of(rows, today=date(2024, 6, 1))
    assert (found.future_rows, found.future_days) == (4, (date(2106, 1, 2), date(2107, 1, 2)))
    assert (found.longest_gap_days, found.missing_months) == (3, ())
    assert (found.first, found.last, found.days) == (date(2024, 1, 1), date(2107, 1, 2), 4)
    assert sum(found.rows_by_month.values()) == 3
    every_one = days_of({date(2106, 1, 2): 3}, today=date(2024, 6, 1))
    assert (every_one.future_rows, every_one.rows_by_month) == (3, {"2106-01": 3})


def test_a_day_in_the_future_is_a_warning_and_today_is_none(connection):
    frame = pd.DataFrame({"customer_id": "a", "timestamp": ["2024-01-01", "2024-01-02"], "amount": 1.0})
    ledger = read_ledger(FrameSource(frame), connection)
    texts = [finding.text for finding in findings(measured(ledger, date(2024, 1, 1)), ALL, ALL)]
    assert texts[0].startswith("1 row of transactions lies in the future (2024-01-02): ")
    assert findings(measured(ledger, date(2024, 1, 2)), ALL, ALL) == []


def test_missing_months_are_told_as_ranges(connection):
    days = ["2023-01-01", "2023-05-01", "2023-07-01", *(f"{2024 + 2 * number}-01-01" for number in range(5))]
    ledger = read_ledger(FrameSource(pd.DataFrame({"customer_id": "a", "timestamp": days, "amount": 1.0})), connection)
    texts = [finding.text for finding in findings(measured(ledger), ALL, ALL)]
    assert (
        "transactions lack 101 whole months: 2023-02 to 2023-04, 2023-06, 2023-08 to 2023-12, 2024-02 to 2025-12, "
        "2026-02 to 2027-12, 2028-02 to 2029-12 and 1 further range." in texts
    )


def test_a_table_without_rows_that_are_used_has_no_shares_of_missing_values(connection):
    nothing = read_ledger(
        FrameSource(pd.DataFrame({"customer_id": ["a"], "timestamp": "no", "amount": "1"})), connection
    )
    quality = measured(nothing)
    assert quality.tables["transactions"].missing == {}
    assert "No row is used, so there is no share of missing values." in as_markdown(quality, [])
