"""Contracts end with the stated monthly odds, and are paid until then."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from patronage.ledger.worlds.block import draw_block, scene_of
from patronage.ledger.worlds.parts import Contract, Plan
from patronage.ledger.worlds.settings import named_world

MONTH = 365.25 / 12


@pytest.fixture(scope="module")
def simple():
    """Two plans and tenure, nothing else: the hazard is a table."""
    plans = {"a": Plan(0.5, 10.0, 0.5), "b": Plan(0.5, 20.0, 0.5, log_odds=0.6)}
    contract = Contract(plans=plans, log_odds=-2.5, spread=0.0, log_odds_per_log_month=-0.4)
    world = replace(
        named_world("subscription"), contract=contract, contacts=None, campaigns={}, attributes={}, whale=None,
        acquisition=replace(named_world("subscription").acquisition, channels={}),
    )  # fmt: skip
    return world, draw_block(scene_of(world, 1), 0, 0, 60_000)


def test_hazard_is_that_of_the_settings(simple):
    world, block = simple
    renewals = np.floor((world.all_days - block.customers.won - 1e-9) / MONTH)
    left_at = np.rint((block.leaving - block.customers.won) / MONTH)
    for plan, effect in ((0, 0.0), (1, 0.6)):
        for month in (1, 2, 3, 6, 12, 24):
            at_risk = (block.customers.plan == plan) & (renewals >= month) & (left_at >= month)
            hazard = special.expit(-2.5 + effect - 0.4 * np.log(month))
            left = (left_at[at_risk] == month).mean()
            assert left == pytest.approx(hazard, abs=3 * np.sqrt(hazard * (1 - hazard) / at_risk.sum()))


def test_payments_are_monthly_until_the_customer_leaves(simple):
    world, block = simple
    end = np.minimum(block.leaving, world.all_days)
    expected = np.ceil((end - block.customers.won) / MONTH - 1e-9)
    assert (np.bincount(block.order_owner) == expected).all()
    first = np.append(True, block.order_owner[1:] != block.order_owner[:-1])
    np.testing.assert_allclose(np.diff(block.order_time)[~first[1:]], MONTH)
    assert (block.lines.amount == np.array([1000, 2000])[block.customers.plan[block.lines.owner]]).all()


def test_leaving_follows_known_causes(blocks):
    """Leavers less the probabilities that the settings state have the mean 0, in every state of satisfaction."""
    scene, block = blocks("subscription")
    world, customers = scene.world, block.customers
    rng = np.random.default_rng(0)
    some = rng.choice(len(customers), 6_000, replace=False)
    contacts = [[] for _ in range(len(customers))]
    log = block.contacts
    for owner, time, score, closed in zip(log.owner, log.time, log.score, log.closed, strict=True):
        contacts[owner].append((time, score, closed))
    treated = [[] for _ in range(len(customers))]
    for owner, time, was in zip(block.campaigns.owner, block.campaigns.time, block.campaigns.treated, strict=True):
        if was:
            treated[owner].append(time)
    effect = customers.dropout_effect["retention_call"]
    rows = []
    for i in some:
        month = 1
        while customers.won[i] + month * MONTH < min(world.all_days, block.leaving[i] + 1e-6):
            now = customers.won[i] + month * MONTH
            known = [contact for contact in contacts[i] if contact[0] < now]
            score = known[-1][1] if known else 3
            is_open = any(closed > now for _, _, closed in known)
            kept = sum(effect[i] for time in treated[i] if time < now <= time + 100)
            odds = customers.hazard[i] - 0.35 * np.log(month) + 0.7 * (3 - score) + 1.5 * is_open + kept
            rows.append((abs(block.leaving[i] - now) < 1e-6, special.expit(odds), score, is_open, kept != 0))
            month += 1
    left, hazard, score, is_open, kept = np.array(rows, dtype=float).T
    assert left.sum() == np.isfinite(block.leaving[some]).sum()
    for state in (*(score == k for k in (1, 2, 3, 4, 5)), is_open == 1, kept == 1, kept == 0):
        error = np.sqrt((hazard * (1 - hazard))[state].sum())
        assert abs((left - hazard)[state].sum()) < 3 * error


def test_log_odds_of_customers_add_up(blocks):
    scene, block = blocks("subscription")
    customers, contract = block.customers, scene.world.contract
    age = (customers.attributes["age"] - 46) / 14
    odds = contract.log_odds + np.array([0.4, 0, -0.5])[customers.plan] - 0.25 * age
    odds += np.array([0, 0.6, -0.4])[customers.acquisition_channel]
    odds += np.array([0.3, 0, -0.4])[customers.attributes["household"]]
    odds += np.array([0.2, 0.0])[customers.attributes["paperless"]]
    own = customers.hazard - odds
    assert own.mean() == pytest.approx(0, abs=3 * 0.3 / np.sqrt(len(own)))
    assert own.std() == pytest.approx(0.3, rel=0.03)


def test_table_of_customers_knows_only_the_past(frames):
    tables = frames("subscription")
    known, later = tables["customers"], tables["future/customers"]
    end = np.datetime64("2025-01-01")
    assert (known.contract_end.dropna().astype("datetime64[ns]") < end).all()
    assert known.contract_end.notna().sum() < later.contract_end.notna().sum()
    gone = known.contract_end.notna()
    assert (known.contract_end[gone] == later.contract_end[gone]).all()
    truth = tables["truth"]
    assert (gone == (truth.alive == 0)).all()
    assert (known.contract_start == known.acquired_at.dt.date).all()
    ended = later.contract_end.notna()
    assert (later.contract_end[ended] == truth.left_at[ended].dt.date).all()
    assert (later.price == later["plan"].astype(str).map({"basic": 14.9, "standard": 29.9, "premium": 59.9})).all()
