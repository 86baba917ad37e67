"""Intervals of value: against brute force, the closed-form expectation, and what simulated customers then spent."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value

from patronage.errors import ConfigError, InputError, ModelError
from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD, GammaGamma
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.value import interval
from patronage.value.interval import total_value_interval, value_interval
from patronage.value.lifetime import customer_lifetime_value

DAYS = 273


@pytest.fixture(scope="module")
def sample():
    return load_cdnow_summary_data_with_monetary_value()


@pytest.fixture(scope="module")
def models(sample):
    return BetaGeoNBD().fit(sample), GammaGamma().fit(sample)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_the_expectation_is_that_of_the_lifetime_value(sample, models):
    terms = (DAYS, "week", 0.3, 0.15)
    expected = customer_lifetime_value(*models, sample, *terms)
    own = value_interval(*models, sample, *terms, size=20, rng=rng())
    assert own["expected"].to_numpy() == pytest.approx(expected.to_numpy())
    assert own.index.equals(sample.index)
    assert (own["low"] <= own["high"]).all()
    total = total_value_interval(*models, sample, *terms, size=400, rng=rng(), parameter_uncertainty=False)
    assert total["expected"] == pytest.approx(expected.sum())
    # The middle of the futures lies at the expectation, up to the skewness of a sum of 2,357.
    assert total["median"] == pytest.approx(expected.sum(), rel=0.02)
    assert total["low"] < total["expected"] < total["high"]


def test_of_known_parameters_the_interval_is_that_of_brute_force(sample, models):
    """One customer with a known history: purchases by their exact distribution, spend purchase by purchase."""
    one = sample[(sample["frequency"] > 4) & (sample["recency"] > 30)].iloc[:1]
    purchase, spend = models
    p, q, v = spend.params_.values()
    x, mean = one[["frequency", "monetary_value"]].to_numpy()[0]
    own, size = rng(7), 100_000
    pmf = purchase.purchase_probabilities(one, 60, 39.0).to_numpy()[0]
    bought = own.choice(61, size=size, p=pmf / pmf.sum())
    rates = own.gamma(p * x + q, 1 / (v + x * mean), size)
    amounts = own.gamma(p, 1 / rates[:, None], (size, 60)) * (np.arange(60) < bought[:, None])
    by_hand = amounts.sum(axis=1)
    found = value_interval(
        purchase, spend, one, DAYS, "week", 1.0, 0.0, size=20_000, rng=rng(), parameter_uncertainty=False
    ).iloc[0]
    assert found["high"] == pytest.approx(np.quantile(by_hand, 0.95), rel=0.03)
    assert found["low"] == pytest.approx(np.quantile(by_hand, 0.05), abs=0.02 * by_hand.mean())
    assert found["expected"] == pytest.approx(by_hand.mean(), rel=0.02)


def test_margin_scales_and_discounting_lowers_all_of_it(sample, models):
    some = sample.iloc[::20]
    whole, part, later = (
        value_interval(*models, some, 365.25, "week", margin, rate, size=40, rng=rng())
        for margin, rate in ((1.0, 0.0), (0.25, 0.0), (0.25, 0.15))
    )
    pd.testing.assert_frame_equal(part, whole * 0.25)
    buying = later["high"] > 0
    ratio = (later["high"] / part["high"])[buying]
    assert ((ratio > 1 / 1.15) & (ratio < 1)).all()


def test_parameters_of_both_models_widen_the_total(sample, models):
    width = {}
    for uncertain in (True, False):
        total = total_value_interval(
            *models, sample, DAYS, "week", size=300, rng=rng(), parameter_uncertainty=uncertain
        )
        width[uncertain] = total["high"] - total["low"]
    assert width[True] > 1.15 * width[False]
    purchase, spend = models
    stored = GammaGamma.from_params(spend.to_params())
    with pytest.raises(ModelError, match="parameter_uncertainty=False"):
        total_value_interval(purchase, stored, sample, DAYS, "week", rng=rng())


def test_equal_seeds_give_equal_intervals(sample, models):
    some = sample.iloc[::10]
    for function in (value_interval, total_value_interval):
        first, again, other = (function(*models, some, DAYS, "week", size=40, rng=rng(seed)) for seed in (3, 3, 4))
        assert np.array_equal(first.to_numpy(), again.to_numpy())
        assert not np.array_equal(first.to_numpy(), other.to_numpy())


def test_memory_does_not_grow_with_the_number_of_futures(models, monkeypatch):
    monkeypatch.setattr(interval, "_CELLS", 100_000)
    customers = simulate_purchases(BetaGeoParams(0.25, 4.5, 0.8, 2.5), 8_000, 273, 0, "week", rng())
    customers["monetary_value"] = np.where(customers["frequency"] > 0, 30.0, 0.0)
    tracemalloc.start()
    value_interval(*models, customers, DAYS, "week", size=400, rng=rng())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000 * 400 * 8 / 1.5


def test_what_cannot_be_simulated_is_refused(sample, models):
    with pytest.raises(InputError, match="20 or more"):
        value_interval(*models, sample, DAYS, "week", size=19, rng=rng())
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        total_value_interval(*models, sample, DAYS, "week", level=90, rng=rng())
    with pytest.raises(ConfigError, match="margin_rate"):
        total_value_interval(*models, sample, DAYS, "week", margin_rate=30, rng=rng())


@pytest.mark.slow
def test_intervals_cover_what_simulated_customers_spend():
    truth, (p, q, v) = BetaGeoParams(0.25, 4.5, 0.8, 2.5), (6.25, 3.75, 15.5)
    covered, inside = [], 0
    for seed in range(10):
        own = rng([seed, 5])
        customers = simulate_purchases(truth, 1_000, DAYS, DAYS, "week", own, whole_days=False)
        x, y = customers["frequency"].to_numpy(), customers["frequency_holdout"].to_numpy()
        scale = v / own.gamma(q, size=len(x))
        customers["monetary_value"] = np.where(x > 0, own.gamma(p * x) * scale / np.maximum(x, 1), 0.0)
        spent = own.gamma(p * y) * scale
        models = BetaGeoNBD().fit(customers), GammaGamma().fit(customers)
        terms = (DAYS, "week", 1.0, 0.0, 7.0, 0.9, 200)
        own_interval = value_interval(*models, customers, *terms, rng=own)
        covered.append(((own_interval["low"] <= spent) & (spent <= own_interval["high"])).mean())
        total = total_value_interval(*models, customers, *terms, rng=own)
        inside += total["low"] <= spent.sum() <= total["high"]
    # Most customers buy nothing, which the low end of every interval holds: above 90 %, and not by making them wide.
    assert 0.9 <= np.mean(covered) <= 0.97
    assert inside >= 7
