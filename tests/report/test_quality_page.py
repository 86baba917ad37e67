"""The page of ``patronage check``: all figures on it, no network, nothing of the source taken for HTML."""

import re
from dataclasses import replace
from datetime import date
from html import unescape

import pandas as pd
import pytest

from patronage.ledger.opening import read_ledger
from patronage.ledger.quality.calendar import days_of
from patronage.ledger.quality.findings import Finding, findings
from patronage.ledger.quality.measures import measured
from patronage.ledger.tables_source import FrameSource
from patronage.report.quality_page import month_bars, set_aside_share, verdict, write_quality_page
from patronage.schema import LEDGER_TABLES

EVIL = "<script>alert(1)</script>"


def quality_of(transactions, **others):
    frame = pd.DataFrame(transactions, columns=["customer_id", "timestamp", "amount"])
    ledger = read_ledger(FrameSource(frame, **others))
    return measured(ledger, date(2024, 12, 31))


@pytest.fixture
def quality():
    rows = [("a", "2024-01-01", "10"), ("b", "2024-03-05", "-4"), ("c", EVIL, "1"), ("a", "2024-03-05", "2")]
    customers = pd.DataFrame({"customer_id": ["a", "b", "z"], "age": [1.0, None, None]})
    return quality_of(rows, customers=customers)


def page_of(quality, tmp_path):
    shares = dict.fromkeys(LEDGER_TABLES, 0.1)
    write_quality_page(quality, findings(quality, shares, shares), tmp_path / "report.html")
    return (tmp_path / "report.html").read_text(encoding="utf-8")


def text_of(html):
    body = html[html.index("<body>") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_the_account_and_the_shares_are_on_the_page(quality, tmp_path):
    text = text_of(page_of(quality, tmp_path))
    assert "transactions 4 3 1 2 2024-01-01 2024-03-05" in text  # in = used + set aside, customers, span
    assert "Set aside: transactions 25.00%, customers 0.00%." in text
    assert "The ledger is refused: 1 reason, and" in text
    assert "Of its 3 customers, 1 has no transactions (1 row)." in text
    assert "age 66.67%" in text
    assert "used 3 8.00 1 -4.00 33.33% 33.33%" in text  # rows, amount, refunds, theirs, shares of rows and of sales


def test_what_the_source_holds_is_text_and_the_page_needs_no_network(quality, tmp_path):
    html = page_of(quality, tmp_path)
    assert EVIL not in html
    assert EVIL in text_of(html)
    assert not re.search(r"(src|href)=|url\(|@import|<script", html)


def test_a_table_without_rows_that_are_used_has_no_shares(tmp_path):
    quality = quality_of([("a", "never", "1")])
    text = text_of(page_of(quality, tmp_path))
    assert "No row is used, so there is none." in text
    assert "nan" not in text.lower().split()


def test_the_bars_are_the_rows_of_all_months(quality):
    bars = month_bars(quality.tables["transactions"].days)
    assert [(bar["month"], bar["rows"]) for bar in bars] == [("2024-01", 1), ("2024-02", 0), ("2024-03", 2)]
    assert [bar["height"] for bar in bars] == [45.0, 0.0, 90.0]
    assert bars[-1]["x"] + bars[-1]["width"] <= 720.0


def test_hundreds_of_months_still_fit():
    days = days_of({date(1900 + number, 1, 1): 1 for number in range(120)})
    bars = month_bars(days)
    assert len(bars) == 119 * 12 + 1
    assert all(bar["width"] > 0 for bar in bars)
    assert bars[-1]["x"] + bars[-1]["width"] <= 720.0


@pytest.mark.parametrize(
    ("levels", "level", "words"),
    [
        ((), "good", "there are no warnings"),
        (("note",), "good", "there are no warnings"),
        (("warning", "note"), "warning", "with 1 warning."),
        (("stop", "warning", "warning"), "stop", "1 reason, and 2 warnings."),
    ],
)
def test_the_verdict_is_that_of_the_gravest_finding(levels, level, words):
    found = verdict([Finding(one, "x") for one in levels])
    assert found[0] == level
    assert words in found[1]


def test_the_share_of_a_table_without_rows_is_unknown(quality):
    table = quality.tables["transactions"]
    assert set_aside_share(table) == 0.25
    empty = replace(table, account=replace(table.account, rows_in=0, rows_used=0, rows_set_aside=0))
    assert set_aside_share(empty) is None
