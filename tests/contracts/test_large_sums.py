"""Amounts just within the contract add up beyond it on every engine, and the sums are those of whole numbers."""

from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest

import ledger_of_everything as everything
from engines_under_test import engine_under_test
from patronage.features.build import customer_features
from patronage.features.labels import labels
from patronage.ledger.contract import LARGEST_AMOUNT
from patronage.ledger.tables import LedgerTables
from patronage.summary.customer_summary import summarise
from patronage.value.activity_costs import activity_costs
from patronage.value.channels import sales_channels
from patronage.value.periods import Period
from patronage.value.priced_tables import priced_tables
from patronage.value.profit import customer_profit
from patronage.value.profit_cells import profit_cells
from patronage.value.profit_facts import profit_facts
from patronage.value.reconciliation import reconciliation

BIG = 900_000_000_000
AS_OF = date(2024, 2, 29)
YEAR = [Period("2024", date(2024, 1, 1), date(2024, 12, 31))]

BOUGHT, AGAIN, GIVEN_BACK, LATER = ((2024, 1, 5), (2024, 1, 20), (2024, 2, 10), (2024, 3, 5))
LINES = [(BOUGHT, BIG, -BIG)] * 2 + [(AGAIN, BIG, 0)] * 2 + [(GIVEN_BACK, -BIG, 0)] * 2 + [(LATER, BIG, 0)] * 3
"""Day, amount, cost of goods. A line of the first day earns 1.8e12, which no single amount may be."""
CONTACTS = [(GIVEN_BACK, BIG)] * 2 + [(LATER, BIG)] * 2
"""Day, and cost as well as satisfaction."""


def written(day: tuple[int, int, int]) -> str:
    return f"{datetime(*day, 3):%Y-%m-%d %H:%M:%S}"


@pytest.fixture(scope="module", params=["duckdb", "postgres", pytest.param("spark", marks=pytest.mark.slow)])
def asked(request: pytest.FixtureRequest) -> tuple[Any, LedgerTables]:
    """An engine, and on it the ledger of one customer."""
    days, amounts, goods = zip(*LINES, strict=True)
    contact_days, told = zip(*CONTACTS, strict=True)
    tables = {
        "transactions": {
            "customer_id": ["a"] * len(LINES),
            "timestamp": [written(day) for day in days],
            "amount": [float(amount) for amount in amounts],
            "cost_of_goods": [float(cost) for cost in goods],
        },
        "contacts": {
            "customer_id": ["a"] * len(CONTACTS),
            "timestamp": [written(day) for day in contact_days],
            "channel": ["call"] * len(CONTACTS),
            "kind": ["service"] * len(CONTACTS),
            "cost": [float(cost) for cost in told],
            "satisfaction": [float(score) for score in told],
        },
    }
    engine = engine_under_test(request.param)
    return engine, everything.on_engine(engine, {name: pa.table(columns) for name, columns in tables.items()})


def only_row(engine: Any, table: Any) -> dict[str, Any]:
    (row,) = engine.batches(table).read_all().to_pylist()
    return dict(row)


def test_every_amount_is_within_the_contract():
    assert max(abs(amount) for _, *amounts in LINES for amount in amounts) < LARGEST_AMOUNT < 2 * BIG


def test_features(asked):
    engine, tables = asked
    found = only_row(engine, customer_features(tables, AS_OF))
    expected = {
        "spend_total": 4 * BIG,
        "spend_first_purchase_day": 2 * BIG,
        "spend_last_purchase_day": 2 * BIG,
        "spend_365d": 4 * BIG,
        "margin_total": (4 + 2 - 2) * BIG,
        "refund_amount_total": 2 * BIG,
        "refund_share": 0.5,
        "satisfaction_mean": BIG,
        "satisfaction_last": BIG,
    }
    assert {name: found[name] for name in expected} == expected


def test_labels_and_summary(asked):
    engine, tables = asked
    found = only_row(engine, labels(tables, AS_OF, 31))
    assert (found["spend"], found["profit"]) == (3 * BIG, (3 - 2) * BIG)
    assert only_row(engine, summarise(tables.transactions, AS_OF, "day").table)["monetary_value"] == 2 * BIG


def test_value(asked):
    _, tables = asked
    costs = activity_costs({"orders": {"order_line": 2}})
    profit = customer_profit(tables, costs, YEAR)
    (found,) = profit.table.to_pyarrow().to_pylist()
    expected = {
        "gross_revenue": 7 * BIG,
        "refunds": 2 * BIG,
        "cost_of_goods": -2 * BIG,
        "gross_margin": 7 * BIG,
        "contact_cost": 4 * BIG,
        "order_cost": 7 * 2,
        "contribution": 3 * BIG - 14,
    }
    assert {name: found[name] for name in expected} == expected
    assert (reconciliation(profit)["difference"] == 0).all()
    assert sales_channels(profit)["margin_after_orders"].tolist() == [7 * BIG - 14]


def test_what_the_future_is_estimated_of(asked):
    """Two purchases of 4 and 2 less 2 times as much, of two lines at 2.00 each; both contacts are of the second."""
    _, tables = asked
    priced = priced_tables(tables, activity_costs({"orders": {"order_line": 2}}))
    facts = profit_facts(priced, AS_OF, "day").frame.loc["a"]
    assert (facts["margin_mean"], facts["margin_lowest"]) == ((4 * BIG - 8) / 2, -4)
    assert (facts["contacts"], facts["contact_cost_mean"]) == (2, BIG)
    cells = profit_cells(priced, AS_OF, 366.0)
    assert cells["profit"].tolist() == [(4 - 2) * BIG - 8]
