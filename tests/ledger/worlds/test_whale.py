"""The whale curve of a world is the one it asks for."""

from dataclasses import replace

import numpy as np
import pytest

from patronage.errors import ConfigError
from patronage.ledger.worlds import whale
from patronage.ledger.worlds.parts import Whale
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.whale import contact_cost_factor, share_of_best
from patronage.ledger.worlds.writing import world_tables


@pytest.fixture(autouse=True)
def small_sample(monkeypatch):
    monkeypatch.setattr(whale, "SAMPLE", 20_000)


@pytest.mark.parametrize(("name", "share"), [("retailer", 2.0), ("retailer", 1.2), ("subscription", 1.5)])
def test_the_best_earn_what_the_setting_says(name, share):
    world = replace(named_world(name), whale=Whale(0.2, share))
    tables = world_tables(world, 20_000, seed=3)
    lines, contacts, campaigns = (tables[table].to_pandas() for table in ("transactions", "contacts", "campaigns"))
    profit = (lines.amount - lines.cost_of_goods).groupby(lines.customer_id.astype(str)).sum()
    for costs in (contacts, campaigns):
        profit = profit.sub(costs.cost.groupby(costs.customer_id.astype(str)).sum(), fill_value=0)
    ranked = profit.sort_values(ascending=False)
    assert len(ranked) == 20_000
    assert ranked.head(4_000).sum() / ranked.sum() == pytest.approx(share, rel=0.01)


def test_default_curve_has_the_shape_of_a_whale():
    """The middle 70 % about break even, the last 10 % destroy 50 to 200 % of the profit."""
    tables = world_tables(named_world("retailer"), 20_000, seed=0)
    profit = np.sort(tables["truth"]["past_profit"].to_numpy())[::-1]
    shares = np.array([part.sum() for part in np.split(profit, [4_000, 18_000])]) / profit.sum()
    assert shares[0] == pytest.approx(2.0, rel=0.01)
    assert -0.5 < shares[1] < 0.7
    assert -2.0 < shares[2] < -0.5


def test_without_a_wish_costs_stay_as_they_are():
    assert contact_cost_factor(replace(named_world("retailer"), whale=None), 0) == 1.0


@pytest.mark.parametrize("share", [0.5, 5000.0])
def test_a_curve_out_of_reach_is_refused(share):
    world = replace(named_world("retailer"), whale=Whale(0.2, share))
    with pytest.raises(ConfigError, match=r"best 20% .* cannot earn .* without any cost of contacts they earn \d+%"):
        contact_cost_factor(world, 0)


def test_share_of_the_best_counts_whole_customers():
    assert share_of_best(np.array([-10.0, 60.0, 30.0, 20.0, 0.0]), 0.4) == 0.9
