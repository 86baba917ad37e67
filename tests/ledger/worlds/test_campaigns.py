"""Campaigns are randomised, and do to the treated what the truth says, and nothing to controls."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from patronage.ledger.worlds.block import draw_block, scene_of
from patronage.ledger.worlds.campaigns import waves
from patronage.ledger.worlds.parts import Action, TextAttribute
from patronage.ledger.worlds.settings import named_world

DAYS = 60
OFFER = Action(
    cost=2.0, first_day=400, every_days=300, reach=0.5, treated_share=0.4, effect_days=DAYS,
    log_rate=0.4, log_rate_spread=0.3,
)  # fmt: skip


@pytest.fixture(scope="module")
def offered():
    """A Pareto/NBD world with an offer that does more with readers, and the orders while its effect lasts."""
    reader = TextAttribute(shares={"no": 0.5, "yes": 0.5}, log_effect={"yes": 0.3})
    world = replace(named_world("pareto"), campaigns={"offer": OFFER}, attributes={"reader": reader})
    scene = scene_of(world, 2)
    block = draw_block(scene, 0, 0, 50_000)
    log = block.campaigns
    key = block.order_owner * 10_000.0 + block.order_time
    begin, end = (np.searchsorted(key, log.owner * 10_000.0 + log.time + plus) for plus in (0, DAYS))
    facts = pd.DataFrame({"owner": log.owner, "treated": log.treated, "orders": end - begin, "time": log.time})
    facts["alive"] = block.leaving[log.owner] > log.time
    facts["rate"] = block.customers.rate[log.owner]
    facts["effect"] = block.customers.rate_effect["offer"][log.owner]
    facts["reader"] = block.customers.attributes["reader"][log.owner] == 1
    facts["there"] = np.clip(block.leaving[log.owner] - log.time, 0, DAYS)
    return world, facts


def test_waves_are_over_when_the_observed_time_ends():
    assert waves(named_world("retailer"), OFFER).tolist() == [400 + 9 / 24, 700 + 9 / 24, 1000 + 9 / 24]
    assert waves(named_world("pareto"), OFFER).tolist() == [400 + 9 / 24]


def test_choice_and_treatment_are_random(offered, z_score):
    _, facts = offered
    n = len(facts)
    assert facts.treated.mean() == pytest.approx(0.4, abs=3 * np.sqrt(0.24 / n))
    assert facts.owner.is_unique
    for column in ("rate", "effect", "reader", "alive"):
        values = facts[column].astype(float).groupby(facts.treated)
        difference = values.mean()[True] - values.mean()[False]
        assert abs(difference) < 3 * np.sqrt((values.var() / values.size()).sum())


def test_difference_of_treated_and_controls_is_the_known_effect(offered):
    """Orders given rate and time there are Poisson with the mean rate times effect times time, in each group."""
    _, facts = offered
    for group in (facts.reader, ~facts.reader, facts.effect > facts.effect.median(), facts.effect < 0.2):
        part = facts[group]
        known = (part.rate * part.there * np.expm1(part.effect))[part.treated].mean()
        controls, treated = part[~part.treated].orders, part[part.treated].orders
        found = treated.mean() - controls.mean()
        error = np.sqrt(treated.var() / len(treated) + controls.var() / len(controls))
        assert abs(found - known) < 3 * error
    assert known < 0.5


def test_each_group_buys_as_its_own_rate_says(offered, z_score):
    _, facts = offered
    expected = facts.rate * facts.there * np.exp(np.where(facts.treated, facts.effect, 0))
    for group in (facts.treated, ~facts.treated):
        assert abs(z_score((facts.orders - expected)[group])) < 3


def test_effects_vary_as_the_settings_say(offered):
    _, facts = offered
    by_reader = facts.effect.groupby(facts.reader)
    assert by_reader.mean()[True] == pytest.approx(0.7, abs=0.02)
    assert by_reader.mean()[False] == pytest.approx(0.4, abs=0.02)
    assert by_reader.std().tolist() == pytest.approx([0.3, 0.3], abs=0.01)


def test_rows_of_campaigns_tell_cost_and_response(frames):
    tables = frames("retailer")
    campaigns, orders = tables["campaigns"], tables["transactions"]
    cost = campaigns.action.astype(str).map({"voucher": 1.5, "care_call": 6.0})
    assert (campaigns.cost == cost * campaigns.treated).all()
    assert (campaigns.response == campaigns.responded_at.notna()).all()
    some = campaigns.sample(400, random_state=1)
    orders = orders[(orders.amount > 0) & orders.customer_id.isin(some.customer_id)].sort_values("timestamp")
    dates = {who: group.timestamp.to_numpy() for who, group in orders.groupby("customer_id", observed=True)}
    for row in some.itertuples():
        later = dates[row.customer_id][dates[row.customer_id] > np.datetime64(row.timestamp)]
        days = {"voucher": 42, "care_call": 90}[row.action]
        within = later[later < np.datetime64(row.timestamp) + np.timedelta64(days, "D")]
        assert row.response == (len(within) > 0)
        if len(within):
            assert np.datetime64(row.responded_at) == within[0]


def test_nobody_is_chosen_before_being_won(frames):
    tables = frames("retailer")
    won = tables["customers"].set_index("customer_id").acquired_at
    assert (tables["campaigns"].timestamp >= tables["campaigns"].customer_id.map(won)).all()
