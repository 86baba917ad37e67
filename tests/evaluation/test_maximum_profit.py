"""MPC and EMPC against published implementations, and against numerical integration from the definition."""

import numpy as np
import pytest
from scipy import integrate, stats

from patronage.errors import ConfigError, InputError
from patronage.evaluation.bootstrap import bootstrap
from patronage.evaluation.maximum_profit import (
    expected_maximum_profit,
    expected_maximum_profit_metric,
    maximum_profit,
    maximum_profit_metric,
)

EIGHT = [0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]
TEN = (
    [1, 1, 0, 0, 0, 1, 1, 1, 1, 0],
    [0.6125478, 0.364271, 0.4321361, 0.1402911, 0.3848959, 0.2444155, 0.9706413, 0.8901728, 0.7817814, 0.8687518],
)
OTHER_COSTS = {"lifetime_value": 120.0, "offer_cost": 25.0, "contact_cost": 2.0}


def test_published_values_of_empulse():
    # Documentation of empc_score and mpc_score, empulse 0.13.1.
    assert expected_maximum_profit(*EIGHT).profit == pytest.approx(23.875593418348124, rel=1e-12)
    assert maximum_profit(*EIGHT).profit == pytest.approx(23.874999999999996, rel=1e-12)


def test_shares_of_the_reference_implementation():
    # EMPfrac and MPfrac of EMP-Py 2.0.4, a translation of the R package by its authors; so are the profits below.
    assert expected_maximum_profit(*EIGHT).share == pytest.approx(0.8743700763487141, rel=1e-12)
    assert maximum_profit(*EIGHT).share == pytest.approx(0.875)
    expected = expected_maximum_profit(*EIGHT, **OTHER_COSTS, alpha=2.0, beta=5.0)
    assert (expected.profit, expected.share) == pytest.approx((5.161290017070298, 0.4308698901321456), rel=1e-12)
    certain = maximum_profit(*EIGHT, **OTHER_COSTS, acceptance=2 / 7)
    assert (certain.profit, certain.share) == pytest.approx((3.1428571428571423, 0.125), rel=1e-12)


@pytest.mark.parametrize(
    ("happened", "score", "empc"),
    [
        (*TEN, 30.3003222629848),
        (TEN[0], [0.287577520124614, *TEN[1][1:]], 30.3001182343737),
        (TEN[0], [0.287577520124614, *TEN[1][1:6], 0.113703411305323, *TEN[1][7:]], 29.2002764792561),
        ([0, 1], [0, 1], 28.0000000000391),
        ([0, 1], [1, 0], 22.5007912244511),
        ([1, 0], [0.5, 0.5], 22.5007912244511),
    ],
)
def test_published_values_of_proflogit(happened, score, empc):
    # The tests of proflogit-python, the code of Stripling and others (2018), which quote the R package EMP.
    assert expected_maximum_profit(happened, score).profit == pytest.approx(empc, abs=1e-10)


def by_definition(y, p, acceptance, value, offer, contact):
    """The best profit a customer over all thresholds, and the share contacted there, for each acceptance."""
    profits, shares = [], []
    for threshold in [np.inf, *sorted(set(p), reverse=True)]:
        listed = p >= threshold
        left, stayed = (listed & (y == 1)).sum(), (listed & (y == 0)).sum()
        profits.append((left * (acceptance * (value - offer) - contact) - stayed * (offer + contact)) / len(y))
        shares.append(listed.mean())
    best = np.argmax(profits, axis=0)
    return np.max(profits, axis=0), np.array(shares)[best]


@pytest.mark.parametrize(
    ("value", "offer", "contact", "alpha", "beta"),
    [(200, 10, 1, 6, 14), (120, 25, 2, 2, 5), (50, 10, 0.5, 1, 1), (300, 50, 25, 10, 7)],
)
def test_expected_profit_is_the_integral_over_acceptance(value, offer, contact, alpha, beta):
    rng = np.random.default_rng(3)
    y = (rng.random(40) < 0.3).astype(float)
    p = np.round(rng.normal(y, 1.0), 1)
    found = expected_maximum_profit(
        y, p, lifetime_value=value, offer_cost=offer, contact_cost=contact, alpha=alpha, beta=beta
    )
    acceptance = np.linspace(0, 1, 200_001)
    profit, share = by_definition(y, p, acceptance, value, offer, contact)
    density = stats.beta(alpha, beta).pdf(acceptance)
    assert found.profit == pytest.approx(integrate.trapezoid(profit * density, acceptance), rel=1e-7)
    assert found.share == pytest.approx(integrate.trapezoid(share * density, acceptance), abs=1e-5)


@pytest.mark.parametrize("acceptance", [0.0, 0.06, 0.3, 0.9])
def test_maximum_profit_is_the_best_threshold(acceptance):
    rng = np.random.default_rng(5)
    y = (rng.random(200) < 0.2).astype(float)
    p = np.round(rng.normal(y, 1.0), 1)
    found = maximum_profit(y, p, acceptance=acceptance)
    profit, share = by_definition(y, p, np.array([acceptance]), 200, 10, 1)
    assert (found.profit, found.share) == pytest.approx((profit[0], share[0]))
    assert (p >= found.threshold).mean() == pytest.approx(share[0])


def test_contacting_nobody_where_it_never_pays():
    found = maximum_profit(*EIGHT, acceptance=0.0)
    assert (found.profit, found.share, found.threshold) == (0.0, 0.0, np.inf)


def test_only_the_order_of_scores_matters():
    happened, score = TEN
    assert expected_maximum_profit(happened, np.exp(10 * np.array(score))).profit == pytest.approx(30.3003222629848)


def test_as_a_metric_it_sees_rows_as_often_as_they_were_drawn():
    rng = np.random.default_rng(0)
    y, p = (rng.random(60) < 0.3).astype(float), np.round(rng.random(60), 1)
    counts = rng.integers(0, 4, 60).astype(float)
    rows = np.repeat(np.arange(60), counts.astype(int))
    for metric, plain in (
        (expected_maximum_profit_metric(alpha=2.0), lambda *args: expected_maximum_profit(*args, alpha=2.0)),
        (maximum_profit_metric(acceptance=0.2), lambda *args: maximum_profit(*args, acceptance=0.2)),
    ):
        assert metric(y, p)(counts) == pytest.approx(plain(y[rows], p[rows]).profit, rel=1e-12)
        assert np.isnan(metric(y, p)(1 - y))


def test_interval_of_the_expected_profit():
    rng = np.random.default_rng(1)
    y = (rng.random(2000) < 0.3).astype(float)
    p = rng.normal(y, 1.0)
    row = (
        bootstrap(y, {"m": p}, {"empc": expected_maximum_profit_metric()}, rng=rng, replicates=200).intervals().iloc[0]
    )
    assert row.low < expected_maximum_profit(y, p).profit < row.high


@pytest.mark.parametrize(
    "wrong",
    [{"offer_cost": 200.0}, {"contact_cost": -1.0}, {"alpha": 0.0}, {"beta": np.inf}, {"lifetime_value": np.nan}],
)
def test_costs_out_of_range(wrong):
    with pytest.raises(ConfigError, match="got"):
        expected_maximum_profit(*EIGHT, **wrong)


def test_acceptance_out_of_range():
    with pytest.raises(ConfigError, match=r"got 1\.2"):
        maximum_profit(*EIGHT, acceptance=1.2)


def test_one_class_only():
    with pytest.raises(InputError, match="Of 2 customers 2 left"):
        expected_maximum_profit([1, 1], [0.1, 0.2])
