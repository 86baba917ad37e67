from datetime import date, datetime

import pytest

from feature_ledgers import Engine, local_day
from patronage.features.labels import LABELS, labels
from patronage.ledger.tables import LedgerTables

AS_OF = date(2024, 2, 29)


@pytest.fixture(scope="module")
def tables():
    """One customer who buys, gives back, complains and is written to, in Tokyo; another who never returns."""
    engine = Engine(more_days=False)

    def on(day, hour=0, **values):
        moment = datetime(2024, *day, hour)
        return {"customer_id": "a", "timestamp": moment, "day": local_day(moment), **values}

    engine.load(
        {
            "transactions": [
                on((1, 5), amount=10.0, margin=4.0),
                on((1, 5), amount=10.0, margin=4.0) | {"customer_id": "b"},
                on((2, 29), amount=500.0, margin=500.0),
                on((2, 29), hour=15, amount=30.0, margin=12.0),
                on((3, 10), amount=20.0, cost_of_goods=15.0),
                on((3, 20), amount=-20.0, cost_of_goods=-15.0),
                on((3, 25), amount=-8.0, margin=-8.0),
                on((3, 30), hour=15, amount=40.0),
            ],
            "contacts": [on((3, 1), cost=2.5), on((3, 2)), on((2, 29), cost=100.0)],
            "campaigns": [
                on((3, 3), action="letter", treated=1, cost=0.5),
                on((4, 29), treated=1, cost=9.0),
                on((3, 4), action="letter", treated=0, cost=7.0),
            ],
            "customers": [],
        }
    )
    return engine.tables


def rows(table):
    assert tuple(table.columns) == tuple(name for name in LABELS.names if name in table.columns)
    return {row.pop("customer_id"): row for row in table.drop("as_of").to_pyarrow().to_pylist()}


def test_by_hand(tables):
    """The horizon of 31 days is 1 to 31 March; half past the last hour of February in Tokyo is the first of March."""
    found = rows(labels(tables, AS_OF, 31))
    # 12 from the first, 5 less 5 of the tenth given back, 8 given back, nothing known of the last; 2.5 and 0.5 spent,
    # and not the 7 of the letter that was held back
    expected = {"purchased": 1, "churned": 0, "purchases": 3, "spend": 90.0, "profit": 12 + 5 - 5 - 8 - 2.5 - 0.5}
    assert found == {
        "a": expected,
        "b": {"purchased": 0, "churned": 1, "purchases": 0, "spend": 0.0, "profit": 0.0},
    }


def test_the_day_after_the_horizon_does_not_count(tables):
    assert rows(labels(tables, AS_OF, 30))["a"]["purchases"] == 2


def test_what_is_not_known_is_left_out(tables):
    plain = LedgerTables(tables.transactions.drop("margin", "cost_of_goods"), None, tables.contacts)
    assert rows(labels(plain, AS_OF, 31))["a"] == {"purchased": 1, "churned": 0, "purchases": 3, "spend": 90.0}
    margin_alone = LedgerTables(tables.transactions.drop("cost_of_goods"))
    assert rows(labels(margin_alone, AS_OF, 31))["a"]["profit"] == 12 - 8


def test_types_are_those_of_the_schema(tables):
    kinds = labels(tables, [AS_OF, date(2024, 3, 31)], 31).schema()
    names = {"string": "string", "date": "date", "long": "int64", "double": "float64"}
    assert {name: str(kind) for name, kind in kinds.items()} == {
        column.name: names[column.type] for column in LABELS.columns
    }
