"""A control costs nothing, whatever stands beside it: the same in labels, features and every figure of value."""

from dataclasses import replace
from datetime import date, datetime

import ibis
import pyarrow as pa
import pytest

from patronage.features.build import customer_features
from patronage.features.labels import labels
from patronage.value.activity_costs import activity_costs
from patronage.value.periods import Period
from patronage.value.priced_tables import priced_tables
from patronage.value.profit import customer_profit
from patronage.value.profit_cells import profit_cells
from patronage.value.profit_facts import profit_facts
from patronage.value.reconciliation import reconciliation
from value_ledgers import by_hand

AS_OF = date(2024, 1, 28)
COSTS = activity_costs({"campaigns": {"voucher": 30.0, "letter": 0.25}})


@pytest.fixture(scope="module")
def tables():
    """C got a voucher for 1.50 and a letter of unknown cost; she and B were controls, beside whom 7 and 4 stand."""
    campaigns = pa.table(
        {
            "customer_id": ["C", "C", "C", "B"],
            "timestamp": [datetime(2024, 1, day, 12) for day in (21, 22, 23, 24)],
            "action": ["voucher", "letter", "voucher", "voucher"],
            "treated": [1, 1, 0, 0],
            "cost": [1.5, None, 7.0, 4.0],
        }
    )
    return replace(by_hand(contacts=False), campaigns=ibis.memtable(campaigns))


def of_customers(table, column):
    return {row["customer_id"]: row[column] for row in table.to_pyarrow().to_pylist()}


def test_labels_and_features(tables):
    assert of_customers(customer_features(tables, AS_OF), "campaign_cost_total") == {"A": 0, "B": 0, "C": 1.5}
    # After the 20th: C's voucher; A's purchase of 500 with goods of 1 on the 30th.
    assert of_customers(labels(tables, date(2024, 1, 20), 20), "profit") == {"A": 499, "B": 0, "C": -1.5}


def test_profit_of_the_past(tables):
    profit = customer_profit(tables, COSTS, [Period("2024", date(2024, 1, 1), date(2024, 12, 31))])
    assert of_customers(profit.table, "campaign_cost") == {"A": 0, "B": 0, "C": 1.75}
    assert of_customers(profit.table, "facts_without_cost") == {"A": 0, "B": 0, "C": 0}
    table = reconciliation(profit).set_index("component")
    assert table.loc["campaign_cost", ["in_ledger", "difference", "facts", "assumed_facts"]].tolist() == [1.75, 0, 4, 1]


@pytest.mark.parametrize(("priced", "spent"), [(False, 1.5), (True, 1.75)])
def test_what_the_future_is_estimated_of(tables, priced, spent):
    seen = priced_tables(tables, COSTS) if priced else tables
    assert profit_facts(seen, AS_OF, "day").frame["campaign_cost"].to_dict() == {"A": 0, "B": 0, "C": spent}
    profit = profit_cells(seen, AS_OF, 366.0).set_index("customer_id")["profit"]
    # Margins of 55 + 30 - 35, 40 - 55 and 10 - 4.
    assert profit.to_dict() == {"A": 50, "B": -15, "C": 6 - spent}
