"""Purchases and spend follow the models that the worlds claim to follow: closed forms of the runtime, and moments."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.ledger.worlds.activity import activity_of, daily_activity
from patronage.ledger.worlds.block import draw_block, scene_of
from patronage.ledger.worlds.parts import Acquisition, Season, TextAttribute
from patronage.ledger.worlds.purchasing import with_first_and_last
from patronage.ledger.worlds.settings import named_world
from patronage.runtime.histories import checked_histories

PLAIN = ("pareto", "bg")


@pytest.fixture(scope="module", params=PLAIN)
def plain(request):
    """A world that is exactly a model, all customers won on the first day or later, and 40,000 of them."""
    scene = scene_of(named_world(request.param), 5)
    return scene, draw_block(scene, 0, 0, 40_000)


def newcomers(n):
    return checked_histories(np.zeros(n), np.zeros(n), np.zeros(n))


def test_repeat_purchases_are_those_of_the_closed_form(plain, z_score):
    scene, block = plain
    end = float(scene.world.observed_days)
    seen = np.bincount(block.order_owner[block.order_time < end], minlength=len(block.customers)) - 1
    living = scene.world.purchasing.params.living(newcomers(len(seen)))
    expected = living.expected_purchases(end - block.customers.won)
    assert abs(z_score(seen - expected)) < 3
    for half in (block.customers.won < end / 2, block.customers.won >= end / 2):
        assert abs(z_score((seen - expected)[half])) < 3


def test_survival_is_that_of_the_closed_form(plain, z_score):
    scene, block = plain
    end = float(scene.world.observed_days)
    living = scene.world.purchasing.params.living(newcomers(len(block.customers)))
    alive = (block.leaving > end) - living.survival(end - block.customers.won)
    assert abs(z_score(alive)) < 3


def test_number_of_purchases_has_the_distribution_of_the_model(plain):
    scene, _ = plain
    world = replace(scene.world, acquisition=Acquisition(growth_yearly=0, follows_season=False, channels={}))
    params = world.purchasing.params
    block = draw_block(scene_of(world, 6), 0, 0, 40_000)
    within = block.order_time - block.customers.won[block.order_owner] < 200
    counts = np.bincount(np.bincount(block.order_owner[within], minlength=40_000) - 1, minlength=30)
    probabilities = params.living(newcomers(1)).purchase_probabilities(12, np.array([200.0]))[0]
    observed = np.append(counts[:13], counts[13:].sum())
    expected = 40_000 * np.append(probabilities, 1 - probabilities.sum())
    assert stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue > 0.001


def test_predictions_from_histories_hold_in_the_future(plain, z_score):
    scene, block = plain
    end, last, n = float(scene.world.observed_days), float(scene.world.all_days), len(block.customers)
    past = block.order_time < end
    frequency = np.bincount(block.order_owner[past], minlength=n) - 1.0
    latest = np.zeros(n)
    np.maximum.at(latest, block.order_owner[past], block.order_time[past])
    histories = checked_histories(frequency, latest - block.customers.won, end - block.customers.won)
    expected = scene.world.purchasing.params.expected_purchases(histories, last - end)
    future = np.bincount(block.order_owner[~past], minlength=n)
    assert abs(z_score(future - expected)) < 3


def test_orders_come_in_order_and_not_after_leaving(plain):
    _, block = plain
    same = block.order_owner[1:] == block.order_owner[:-1]
    assert (np.diff(block.order_owner) >= 0).all()
    assert (np.diff(block.order_time)[same] >= 0).all()
    assert (block.order_time <= block.leaving[block.order_owner]).all()
    first = np.append(True, ~same)
    assert (block.order_time[first] == block.customers.won).all()


def test_beta_geometric_customers_leave_at_a_repeat_purchase():
    scene = scene_of(named_world("bg"), 5)
    block = draw_block(scene, 0, 0, 5_000)
    last = block.order_time[np.append(block.order_owner[1:] != block.order_owner[:-1], True)]
    gone = np.isfinite(block.leaving)
    assert (last[gone] == block.leaving[gone]).all()
    assert (np.bincount(block.order_owner)[gone] >= 2).all()


def test_mean_order_value_is_that_of_gamma_gamma(plain, z_score):
    scene, block = plain
    spend = scene.world.spend
    n = len(block.customers)
    first = np.append(True, block.order_owner[1:] != block.order_owner[:-1])
    value = block.lines.amount[first] / 100
    assert abs(z_score(value - spend.p * spend.v / (spend.q - 1))) < 3
    # Z = p v / q-gamma: the variance between customers, and within them, is known as well.
    mean = np.bincount(block.order_owner, block.lines.amount / 100, n) / np.bincount(block.order_owner)
    assert stats.spearmanr(mean, block.customers.order_value).statistic > 0.8
    ratio = value / block.customers.order_value[block.order_owner[first]]
    assert ratio.mean() == pytest.approx(1, abs=4 / np.sqrt(n * spend.p))
    assert ratio.var() == pytest.approx(1 / spend.p, rel=0.06)
    assert stats.kstest(spend.p * spend.v / block.customers.order_value, stats.gamma(spend.q).cdf).pvalue > 0.001


def test_attributes_move_rate_and_dropout_by_their_effects():
    level = TextAttribute(shares={"a": 0.5, "b": 0.5}, log_rate={"b": 0.7}, log_dropout={"b": -0.9})
    world = replace(named_world("pareto"), attributes={"group": level})
    block = draw_block(scene_of(world, 3), 0, 0, 50_000)
    group, customers = block.customers.attributes["group"] == 1, block.customers
    for values, effect in ((customers.rate, 0.7), (customers.hazard, -0.9)):
        first, second = values[~group], values[group]
        difference = np.log(second.mean() / first.mean()) - effect
        error = np.hypot(*(part.std() / part.mean() / np.sqrt(len(part)) for part in (first, second)))
        assert abs(difference) < 3 * error


SEASON = Season(yearly_amplitude=0.5, peak_day_of_year=350, weekdays=(1.0, 1.0, 1.0, 1.0, 2.0, 3.0, 0.2))


def test_purchases_follow_season_and_weekday():
    world = replace(named_world("pareto"), season=SEASON, observed_days=730, future_days=1)
    scene = scene_of(world, 3)
    block = draw_block(scene, 0, 0, 40_000)
    repeat = np.append(False, block.order_owner[1:] == block.order_owner[:-1])
    day = np.floor(block.order_time[repeat]).astype(int)
    # What one day can expect: its activity times the rates of those who are there.
    there = np.zeros(world.all_days)
    for at in range(world.all_days):
        alive = (block.customers.won <= at) & (block.leaving > at)
        there[at] = block.customers.rate[alive].sum()
    expected = there * daily_activity(world)
    weekday = np.array([(world.start + timedelta(days=at)).weekday() for at in range(world.all_days)])
    month = np.array([(world.start + timedelta(days=at)).month for at in range(world.all_days)])
    for by in (weekday, month):
        share = pd.Series(np.bincount(day, minlength=len(by))).groupby(by).sum()
        theory = pd.Series(expected).groupby(by).sum()
        # Customers arrive during days, which the sum over whole days does not see; a per cent is allowed for it.
        np.testing.assert_allclose(share / share.sum(), theory / theory.sum(), rtol=0.03)


def test_activity_is_the_formula_and_its_inverse():
    world = replace(named_world("pareto"), season=SEASON, start=date(2024, 2, 28))
    daily = daily_activity(world)
    friday = (date(2024, 12, 13) - date(2024, 2, 28)).days
    assert daily[friday] == pytest.approx((1 + 0.5 * np.cos(2 * np.pi * (348 - 350) / 365.25)) * 2 / (9.2 / 7))
    activity = activity_of(world)
    times = np.linspace(0, world.all_days, 1001)
    np.testing.assert_allclose(activity.when(activity.at(times)), times, atol=1e-9)


def test_first_and_last_events_are_put_in_their_places():
    owner, time = with_first_and_last(
        np.array([0.0, 10.0, 20.0]),
        np.array([0, 0, 2]), np.array([1.0, 2.0, 21.0]),
        np.array([1, 2]), np.array([11.0, 22.0]),
    )  # fmt: skip
    assert owner.tolist() == [0, 0, 0, 1, 1, 2, 2, 2]
    assert time.tolist() == [0, 1, 2, 10, 11, 20, 21, 22]
