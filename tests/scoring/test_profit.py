"""Profit beside the scores: the columns of the schema, from the same money as the statement."""

from datetime import date

import numpy as np
import pytest

from patronage.errors import InputError
from patronage.schema.value import SCORE_PROFIT
from patronage.scoring.profit import ScoreProfit, tiers_of
from patronage.value.activity_costs import named_costs
from value_bundle import bundle_of
from value_ledgers import retailer


@pytest.fixture(scope="module")
def shop():
    world, ledger, drawn = retailer(300, 2)
    bundle = bundle_of(ledger, world.observed_until)
    return drawn, ScoreProfit(ledger, named_costs("observed"), bundle, world.observed_until)


def test_columns_are_those_of_the_schema_in_the_order_asked_for(shop):
    _, profit = shop
    ids = ["C000000004", "C000000001", "C000000002"]
    found, turned = profit.of(ids, [0.5, 0.1, 0.9]), profit.of(ids[::-1], [0.9, 0.1, 0.5])
    assert tuple(found) == SCORE_PROFIT.names
    for name in SCORE_PROFIT.names:
        assert list(found[name]) == list(turned[name])[::-1]
    assert found["profit_at_risk"] == pytest.approx(np.array([0.5, 0.1, 0.9]) * found["expected_profit"])
    assert set(found["profit_basis"]) == {"costs known"}


def test_past_profit_is_that_of_plain_sums(shop):
    drawn, profit = shop
    who = "C000000001"
    tables = [drawn[name].to_pandas() for name in ("transactions", "contacts", "campaigns", "customers")]
    sold, contacts, campaigns, customers = [table[table["customer_id"] == who] for table in tables]
    cost = contacts["cost"].sum() + campaigns["cost"].sum() + customers["acquisition_cost"].sum()
    came = (sold["amount"] - sold["cost_of_goods"]).sum() - cost
    assert profit.of([who], [0.0])["past_profit"][0] == pytest.approx(came, abs=1e-6)


def test_tiers_are_the_best_fifth_and_the_last_tenth():
    assert list(tiers_of(np.array([5.0, 1, 9, 3, 3, 0, -1, 2, 8, 4]))) == [
        "middle", "middle", "top", "middle", "middle", "middle", "last", "middle", "top", "middle",
    ]  # fmt: skip


def test_customers_of_another_ledger_are_refused(shop):
    with pytest.raises(InputError, match=r"1 of 2 customers have not bought .* first: nobody"):
        shop[1].of(["C000000001", "nobody"], [0.1, 0.1])
    with pytest.raises(InputError, match="one churn probability for each of 1 customers"):
        shop[1].of(["C000000001"], [0.1, 0.2])


def test_only_customers_known_by_the_day_are_scored():
    world, ledger, _ = retailer(300, 2)
    bundle = bundle_of(ledger, world.observed_until)
    early = ScoreProfit(ledger, named_costs("observed"), bundle, date(2022, 6, 30))
    late = ScoreProfit(ledger, named_costs("observed"), bundle, world.observed_until)
    assert len(early._index) < len(late._index)
