"""Profit of campaigns by hand, against a plain loop, and against MPC where all customers are worth the same."""

import numpy as np
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation.campaign_profit import (
    Campaign,
    break_even_probability,
    contact_profit,
    expected_contact_profit,
    profit_curve,
)
from patronage.evaluation.maximum_profit import maximum_profit

CAMPAIGN = Campaign(offer_cost=10, contact_cost=1, acceptance=0.3)


def test_profit_of_a_contact_by_hand():
    # One who would leave: 0.3 (200 - 10) - 1; one who would stay takes the offer: -10 - 1; half of them: -5 - 1.
    assert contact_profit([1, 0], [200, 200], CAMPAIGN).tolist() == [56.0, -11.0]
    some = Campaign(10, 1, 0.3, loyal_acceptance=0.5)
    assert contact_profit([1, 0], [200, 200], some).tolist() == [56.0, -6.0]


def test_each_customer_may_have_costs_of_its_own():
    campaign = Campaign([10, 20], 1, [0.3, 0.5])
    assert contact_profit([1, 1], [200, 100], campaign).tolist() == [56.0, 39.0]


def test_break_even_is_where_the_expected_profit_is_zero():
    value = np.array([40.0, 200.0, 5.0])
    probability = break_even_probability(value, CAMPAIGN)
    # 11 / (0.3 * 190 + 10), by hand.
    assert probability[1] == pytest.approx(11 / 67)
    assert expected_contact_profit(probability[:2], value[:2], CAMPAIGN) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert probability[2] == np.inf


def test_curve_by_a_plain_loop():
    rng = np.random.default_rng(0)
    y, p = (rng.random(80) < 0.4).astype(float), np.round(rng.random(80), 1)
    value = rng.gamma(2, 60, 80)
    curve = profit_curve(y, p, value, CAMPAIGN, rng=rng, replicates=10)
    for row in curve.table.itertuples():
        listed = p >= row.threshold
        profit = sum(0.3 * (v - 10) - 1 if left else -11 for left, v in zip(y[listed], value[listed], strict=True))
        assert row.profit == pytest.approx(profit)
        assert row.n_contacted == listed.sum()
    everything = [contact_profit(y, value, CAMPAIGN)[p >= one].sum() for one in [np.inf, *np.unique(p)]]
    assert curve.profit == pytest.approx(max(everything))
    assert (p >= curve.threshold).mean() == pytest.approx(curve.share)
    assert curve.n_contacted == (p >= curve.threshold).sum()


def test_with_one_value_for_all_it_is_the_maximum_profit():
    rng = np.random.default_rng(2)
    y = (rng.random(500) < 0.2).astype(float)
    p = rng.normal(y, 1.0)
    curve = profit_curve(y, p, 200.0, CAMPAIGN, rng=rng, replicates=10)
    found = maximum_profit(y, p)
    assert curve.profit / 500 == pytest.approx(found.profit)
    assert (curve.share, curve.threshold) == pytest.approx((found.share, found.threshold))


def test_ranking_by_money_earns_more_than_ranking_by_risk():
    rng = np.random.default_rng(4)
    probability, value = rng.beta(2, 5, 5000), rng.gamma(1, 100, 5000)
    y = (rng.random(5000) < probability).astype(float)
    by_risk = profit_curve(y, probability, value, CAMPAIGN, rng=rng, replicates=10)
    money = expected_contact_profit(probability, value, CAMPAIGN)
    by_money = profit_curve(y, money, value, CAMPAIGN, rng=rng, replicates=10)
    assert by_money.profit > 1.2 * by_risk.profit
    # For calibrated probabilities the best threshold of the expected profit is near 0.
    assert abs(by_money.threshold) < 5


def test_intervals_cover_and_hindsight_is_taken_off():
    rng = np.random.default_rng(6)
    everybody = (rng.random(200_000) < 0.3).astype(float)
    their_score = rng.normal(0.5 * everybody, 1.0)
    their_profit = contact_profit(everybody, 60.0, CAMPAIGN) * 300 / 200_000
    inside, best_inside, apparent, corrected, true = [], [], [], [], []
    for _ in range(150):
        y = (rng.random(300) < 0.3).astype(float)
        curve = profit_curve(y, rng.normal(0.5 * y, 1.0), 60.0, CAMPAIGN, rng=rng, replicates=80, level=0.9)
        half = curve.table.iloc[50]
        inside.append(half["profit_low"] <= their_profit[their_score >= half["threshold"]].sum() <= half["profit_high"])
        apparent.append(curve.profit)
        corrected.append(curve.profit_corrected)
        true.append(their_profit[their_score >= curve.threshold].sum())
        best_inside.append(curve.profit_low <= true[-1] <= curve.profit_high)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)
    # Choosing with hindsight overstates the profit; the correction takes most of that away.
    assert np.mean(apparent) - np.mean(true) > 10
    assert 0.5 < (np.mean(apparent) - np.mean(corrected)) / (np.mean(apparent) - np.mean(true)) < 0.9
    # Of the threshold that was chosen with hindsight the interval promises more than it keeps.
    assert 0.7 < np.mean(best_inside) < 0.9


@pytest.mark.parametrize("seed", range(20))
def test_without_hindsight_there_is_never_more(seed):
    """Few resamples, whose chance is larger than what hindsight adds; customers with several rows are drawn whole."""
    rng = np.random.default_rng(seed)
    y = (rng.random(400) < 0.5).astype(float)
    curve = profit_curve(y, rng.normal(2 * y, 1.0), 300.0, CAMPAIGN, rng=rng, replicates=3,
                         customers=rng.integers(0, 40, 400) if seed % 2 else None)  # fmt: skip
    assert curve.profit_corrected <= curve.profit


def test_what_hindsight_adds_is_foretold_and_without_the_noise_of_resamples():
    """A score that says nothing, and contacts that earn nothing on average: all of the profit is hindsight.

    The truth is by hand: every threshold makes 0 on other customers.
    """
    fair = Campaign(offer_cost=0.0, contact_cost=1.0, acceptance=1.0)
    rng = np.random.default_rng(12)
    apparent, corrected, inside = [], [], []
    for _ in range(120):
        y = (rng.random(200) < 0.5).astype(float)
        # Who would leave brings 2 - 1, who would stay costs 1.
        curve = profit_curve(y, rng.random(200), 2.0, fair, rng=rng, replicates=60)
        apparent.append(curve.profit)
        corrected.append(curve.profit_corrected)
        inside.append(curve.profit_low <= 0 <= curve.profit_high)
    # The mean of the highest point of a random walk of 200 steps is sqrt(2 * 200 / pi) = 11.3.
    assert np.mean(apparent) == pytest.approx(np.sqrt(400 / np.pi), abs=2)
    # By 60 resamples the correction has half to nine tenths of it, and the interval promises more than it keeps.
    assert 0.5 < 1 - np.mean(corrected) / np.mean(apparent) < 0.9
    assert 0.75 < np.mean(inside) < 0.93
    # One data set, judged with other resamples: the correction hardly moves.
    y, score = (rng.random(200) < 0.5).astype(float), rng.random(200)
    again = [profit_curve(y, score, 2.0, fair, rng=rng, replicates=60).profit_corrected for _ in range(40)]
    assert np.std(again) < 1.0


def test_customers_with_several_rows_widen_the_interval():
    rng = np.random.default_rng(8)
    y = (rng.random(200) < 0.3).astype(float)
    p = rng.normal(y, 1.0)
    many, ids = np.repeat(y, 10), np.repeat(np.arange(200), 10)
    by_row = profit_curve(many, np.repeat(p, 10), 200.0, CAMPAIGN, rng=rng, replicates=200)
    by_customer = profit_curve(many, np.repeat(p, 10), 200.0, CAMPAIGN, rng=rng, customers=ids, replicates=200)
    ratio = (by_customer.profit_high - by_customer.profit_low) / (by_row.profit_high - by_row.profit_low)
    assert ratio == pytest.approx(np.sqrt(10), rel=0.3)


def test_nobody_where_nobody_is_worth_it():
    curve = profit_curve([1, 0, 1], [0.9, 0.5, 0.1], 1.0, CAMPAIGN, rng=np.random.default_rng(0), replicates=10)
    assert (curve.share, curve.n_contacted, curve.profit, curve.threshold) == (0.0, 0, 0.0, np.inf)


@pytest.mark.parametrize(
    "wrong",
    [
        {"offer_cost": -1},
        {"contact_cost": np.nan},
        {"acceptance": 1.5},
        {"acceptance": "half"},
        {"loyal_acceptance": [[1.0]]},
    ],
)
def test_campaigns_out_of_range(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Campaign(**{"offer_cost": 10, "contact_cost": 1, "acceptance": 0.3} | wrong)


def test_values_that_are_missing_or_too_few():
    with pytest.raises(InputError, match="value is missing or infinite for 1 of 2"):
        contact_profit([1, 0], [np.nan, 2.0], CAMPAIGN)
    with pytest.raises(InputError, match="each of 2 customers"):
        contact_profit([1, 0], [1.0, 2.0, 3.0], CAMPAIGN)
    with pytest.raises(InputError, match="value must be a number for each of 2 customers, or one for all; got 'a'"):
        profit_curve([1, 0], [0.5, 0.1], "a", CAMPAIGN, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="acceptance for each of 2"):
        contact_profit([1, 0], 5.0, Campaign(1, 1, [0.1, 0.2, 0.3]))
