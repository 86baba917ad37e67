from datetime import date, datetime

import pytest

from patronage.ledger.purchases import purchase_days
from patronage.ledger.refunds import lone_refunds

ROWS = [
    ("a", datetime(2024, 2, 29, 0, 0), 10.0),
    ("a", datetime(2024, 2, 29, 23, 59, 59), 2.5),
    ("a", datetime(2024, 3, 1, 12), -4.0),
    ("b", datetime(2024, 2, 29, 12), 5.0),
    ("b", datetime(2024, 2, 29, 13), -8.0),
    ("c", datetime(2024, 3, 2), 0.0),
]


def test_refunds_on_days_without_a_purchase_are_counted(as_transactions):
    assert lone_refunds(as_transactions(ROWS)).to_pyarrow().to_pylist() == [{"refunds": 1, "amount": -4.0}]
    assert lone_refunds(as_transactions(ROWS[:2])).to_pyarrow().to_pylist() == [{"refunds": 0, "amount": 0.0}]


@pytest.fixture
def days(as_transactions):
    def rows(**limits):
        found = purchase_days(as_transactions(ROWS), **limits).to_pyarrow().to_pylist()
        return sorted((row["customer_id"], row["day"], row["spend"]) for row in found)

    return rows


def test_a_day_is_one_purchase_net_of_its_refunds_and_a_refund_alone_is_none(days):
    assert days() == [("a", date(2024, 2, 29), 12.5), ("b", date(2024, 2, 29), -3.0), ("c", date(2024, 3, 2), 0.0)]


def test_the_last_day_is_included_and_the_day_to_start_after_is_not(days):
    assert [row[0] for row in days(until=date(2024, 2, 29))] == ["a", "b"]
    assert [row[0] for row in days(after=date(2024, 2, 29))] == ["c"]
    assert [row[0] for row in days(after=date(2024, 3, 1), until=date(2024, 3, 2))] == ["c"]
    assert days(until=date(2024, 2, 28)) == []
