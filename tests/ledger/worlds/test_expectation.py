"""Expectations given the truth are right: against matrix exponentials, closed forms, and what then came."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg

from patronage.ledger.worlds import expectation
from patronage.ledger.worlds.activity import activity_of
from patronage.ledger.worlds.expectation import Moods, Standing, Treatment, expected_future
from patronage.ledger.worlds.settings import named_world

MONEY = ("orders", "revenue", "margin", "contact_cost", "profit")


def standing(n, **given):
    rng = np.random.default_rng(5)
    values = {
        "rate": rng.gamma(1.0, 1 / 60, n),
        "hazard": rng.gamma(1.2, 1 / 300, n),
        "contact_rate": rng.gamma(0.5, 1 / 40, n),
        "score": rng.integers(1, 6, n),
        "is_open": rng.random(n) < 0.3,
        "renewals": rng.integers(0, 30, n),
        "next_renewal": rng.uniform(0, 30.4, n),
    }
    return Standing(**{**values, **given})


def generator(contacts, kappa):
    """Rates of moves between (open or not, score), written down state by state."""
    kinds = list(contacts.kinds.values())
    total = sum(kind.share for kind in kinds)
    rates = np.zeros((10, 10))
    for is_open in (0, 1):
        for score in range(5):
            here = 5 * is_open + score
            for kind in kinds:
                for to, weight in enumerate(kind.scores):
                    after = 5 * (1 if kind.open_days else is_open) + to
                    rates[here, after] += kappa * kind.share / total * weight / sum(kind.scores)
                if kind.open_days and is_open:
                    rates[here, score] += 1 / kind.open_days
    np.fill_diagonal(rates, rates.diagonal() - rates.sum(axis=1))
    return rates


@pytest.mark.parametrize("days", [0.5, 7.0, 200.0])
def test_moves_between_states_are_the_matrix_exponential(retailer, days):
    now = standing(30)
    moods = Moods(retailer.contacts, now)
    for row in range(30):
        before = moods.mass[:, :, row].reshape(10)
        exact = before @ linalg.expm(generator(retailer.contacts, now.contact_rate[row]) * days)
        one = Moods(retailer.contacts, standing(30))
        one.move(days)
        np.testing.assert_allclose(one.mass[:, :, row].reshape(10), exact, atol=1e-12)


def test_pareto_with_satisfaction_is_the_matrix_exponential(retailer):
    """Without season the killed chain has a closed form: the integral of its exponential."""
    world = replace(retailer, season=None, refunds=None)
    now = standing(40)
    future = expected_future(world, activity_of(world), now)
    contacts = retailer.contacts
    levels = np.concatenate([0.5 * (3 - np.arange(1, 6)), 0.5 * (3 - np.arange(1, 6)) + 1.2])
    for row in range(40):
        killed = generator(contacts, now.contact_rate[row]) - np.diag(now.hazard[row] * np.exp(levels))
        start = np.zeros(10)
        start[5 * now.is_open[row] + now.score[row] - 1] = 1
        end = start @ linalg.expm(killed * 365)
        days = (linalg.solve(killed.T, end - start)).sum()
        assert future.days[row] == pytest.approx(days, rel=1e-2)
        assert future.alive[row] == pytest.approx(end.sum(), rel=2e-2, abs=1e-6)
        assert future.orders[row] == pytest.approx(now.rate[row] * days, rel=1e-2)


def test_plain_worlds_are_exponential():
    n = 50
    world = named_world("pareto")
    now = standing(n)
    future = expected_future(world, activity_of(world), now)
    mu, horizon = now.hazard, world.future_days
    np.testing.assert_allclose(future.orders, now.rate * -np.expm1(-mu * horizon) / mu, rtol=1e-9)
    np.testing.assert_allclose(future.alive, np.exp(-mu * horizon), rtol=1e-9)
    # In BG/NBD every order is the last one with the probability p: p times the orders is the share that left.
    world = named_world("bg")
    future = expected_future(world, activity_of(world), now)
    p = -np.expm1(-now.hazard)
    np.testing.assert_allclose(p * future.orders, 1 - future.alive, rtol=1e-9)
    np.testing.assert_allclose(future.alive, np.exp(-now.rate * p * horizon), rtol=1e-9)


def test_treatment_adds_its_effect_while_it_lasts():
    n, days = 50, 45.0
    world = named_world("pareto")
    now = standing(n)
    effect = np.linspace(-0.5, 0.8, n)
    usual = expected_future(world, activity_of(world), now)
    treated = expected_future(world, activity_of(world), now, Treatment(effect, np.zeros(n), days))
    gain = now.rate * np.expm1(effect) * -np.expm1(-now.hazard * days) / now.hazard
    np.testing.assert_allclose(treated.orders - usual.orders, gain, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(treated.alive, usual.alive, rtol=1e-12)
    kept = expected_future(world, activity_of(world), now, Treatment(np.zeros(n), np.full(n, -0.7), days))
    mu = now.hazard
    np.testing.assert_allclose(kept.alive, np.exp(-mu * (world.future_days - days) - mu * np.exp(-0.7) * days))


def test_contracts_without_contacts_are_products_of_renewals(subscription):
    world = replace(subscription, contacts=None)
    now = standing(20, hazard=np.linspace(-5, -1, 20))
    future = expected_future(world, activity_of(world), now)
    for row in range(20):
        alive, payments, days, before = 1.0, 0.0, 0.0, 0.0
        at, month = now.next_renewal[row], now.renewals[row] + 1
        while at < 365:
            days += alive * (at - before)
            odds = now.hazard[row] - 0.35 * np.log(month)
            alive *= 1 - 1 / (1 + np.exp(-odds))
            payments += alive
            before, at, month = at, at + 365.25 / 12, month + 1
        days += alive * (365 - before)
        got = (future.alive[row], future.orders[row], future.days[row])
        assert got == pytest.approx((alive, payments, days), rel=1e-12)


def test_shorter_steps_change_next_to_nothing(retailer, monkeypatch):
    now = standing(2_000)
    world = retailer
    usual = expected_future(world, activity_of(world), now)
    monkeypatch.setattr(expectation, "STEP_DAYS", 1)
    fine = expected_future(world, activity_of(world), now)
    for name in ("orders", "refundable", "days"):
        assert getattr(usual, name).sum() == pytest.approx(getattr(fine, name).sum(), rel=1e-3)


@pytest.mark.parametrize("name", ["pareto", "bg", "retailer", "subscription"])
def test_what_came_is_what_was_expected(name, frames, z_score):
    truth = frames(name)["truth"]
    for what in MONEY:
        gap = truth[f"future_{what}"] - truth[f"expected_{what}"]
        assert gap.std() == 0 or abs(z_score(gap)) < 3
    later = truth.left_at.isna() - truth.expected_alive
    assert abs(z_score(later)) < 3


@pytest.mark.parametrize("name", ["retailer", "subscription"])
def test_what_came_is_what_was_expected_of_every_kind_of_customer(name, frames, z_score):
    truth = frames(name)["truth"]
    alive = truth[truth.alive == 1]
    gap = alive.future_orders - alive.expected_orders
    tenth = alive.expected_orders.rank(method="first") * 10 // (len(alive) + 1)
    groups = [tenth == k for k in range(10)]
    groups += [alive.score == k for k in range(1, 6)]
    groups += [alive.matter_open == 1, alive.refund_rate > 0.2, alive.contact_rate > alive.contact_rate.quantile(0.9)]
    for group in groups:
        assert not group.any() or abs(z_score(gap[group])) < 3.5
    cost = alive.future_contact_cost - alive.expected_contact_cost
    assert abs(z_score(cost[alive.contact_rate > alive.contact_rate.median()])) < 3


def test_those_who_left_can_only_send_back(frames, z_score):
    truth = frames("retailer")["truth"]
    gone = truth[truth.alive == 0]
    assert (gone.expected_orders == 0).all()
    assert (gone.future_orders == 0).all()
    assert (gone.expected_revenue <= 0).all()
    assert (gone.expected_revenue < 0).sum() > 50
    assert abs(z_score(gone.future_revenue - gone.expected_revenue)) < 3
