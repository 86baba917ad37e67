"""Intervals of purchases: by their definition, brute force, the delta method, and the truth of simulated worlds."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary

from patronage.errors import InputError, ModelError
from patronage.evaluation.coverage import interval_coverage, randomised_coverage, randomised_pit
from patronage.ledger.simulated import simulate_purchases
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.models.uncertainty import MOST_COUNTED, count_distribution, draw_totals
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

HORIZON = 39.0
KINDS = [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD]


@pytest.fixture(scope="module")
def sample():
    return load_cdnow_summary()


@pytest.fixture(scope="module")
def model(sample):
    return BetaGeoNBD().fit(sample)


def rng(seed=1):
    return np.random.default_rng(seed)


def test_a_future_is_a_column_and_the_seed_decides_it(model, sample):
    some = sample.iloc[:200]
    futures = model.draw(some, HORIZON, 7, rng())
    assert futures.shape == (200, 7)
    assert futures.index.equals(some.index)
    assert list(futures.columns) == list(range(7))
    assert (futures.dtypes == np.int64).all()
    assert (futures >= 0).all(axis=None)
    pd.testing.assert_frame_equal(futures, model.draw(some, HORIZON, 7, rng()))
    assert not futures.equals(model.draw(some, HORIZON, 7, rng(2)))


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_intervals(kind, sample):
    some = sample.iloc[::10]
    fitted = kind().fit(some)
    pd.testing.assert_frame_equal(*(fitted.predictive_interval(some, HORIZON, size=5, rng=rng()) for _ in range(2)))
    pd.testing.assert_series_equal(*(fitted.total_interval(some, HORIZON, size=40, rng=rng()) for _ in range(2)))


@pytest.mark.parametrize("kind", KINDS)
def test_of_known_parameters_the_interval_is_that_of_the_exact_distribution(kind, sample):
    some = sample.iloc[::25]
    fitted = kind().fit(sample)
    for level in (0.5, 0.9, 0.99):
        found = fitted.predictive_interval(some, HORIZON, level, size=1, rng=rng(), parameter_uncertainty=False)
        upto = fitted.purchase_probabilities(some, 80, HORIZON).cumsum(axis=1).to_numpy()
        tail = (1 - level) / 2
        # By its definition: the largest low and the smallest high that leave out at most half of the rest each.
        low = [max([n for n in range(1, 81) if row[n - 1] <= tail], default=0) for row in upto]
        high = [min(n for n in range(81) if 1 - row[n] <= tail + 1e-12) for row in upto]
        assert found["low"].to_list() == low
        assert found["high"].to_list() == high
        assert found["expected"].to_numpy() == pytest.approx(fitted.expected_purchases(some, HORIZON).to_numpy())


def test_unknown_parameters_widen_intervals_as_brute_force_says(sample):
    # Few customers, so that the parameters are poorly known.
    some = sample.iloc[::20]
    fitted = BetaGeoNBD().fit(some)
    outlook = fitted.outlook(some, HORIZON)
    futures = fitted.draw(some, HORIZON, 3_000, rng(3)).to_numpy()
    counts = np.arange(len(some)) % 4
    below, upto = count_distribution(outlook, HORIZON, counts.astype(float), 500, rng(4))
    assert upto == pytest.approx((futures <= counts[:, None]).mean(axis=1), abs=0.03)
    assert below == pytest.approx((futures < counts[:, None]).mean(axis=1), abs=0.03)
    known = count_distribution(
        fitted.outlook(some, HORIZON, parameter_uncertainty=False), HORIZON, counts.astype(float), 1, rng()
    )[1]
    assert np.abs(upto - known).max() > 0.02


def test_the_total_is_the_sum_of_the_futures(model, sample):
    some = sample.iloc[::5]
    totals = model.draw(some, HORIZON, 200, rng(8)).sum().to_numpy()
    interval = model.total_interval(some, HORIZON, 0.9, 200, rng=rng(8))
    assert list(interval.index) == ["expected", "low", "median", "high"]
    assert interval["low"] == np.quantile(totals, 0.05, method="lower")
    assert interval["high"] == np.quantile(totals, 0.95, method="higher")
    assert interval["expected"] == pytest.approx(model.expected_purchases(some, HORIZON).sum())


def test_the_variance_of_the_total_is_that_of_the_process_and_that_of_the_parameters(model, sample):
    """The second by the delta method, from the covariance of the estimates and differences of the expectation."""
    values = np.array(list(model.params_.values()))

    def expected(at):
        params = BetaGeoParams(*at)
        return BetaGeoNBD.from_params(params).expected_purchases(sample, HORIZON).sum()

    steps = np.diag(values * 1e-5)
    slope = np.array([(expected(values + step) - expected(values - step)) / (2 * step.sum()) for step in steps])
    by_parameters = slope @ model.covariance_ @ slope
    process = draw_totals(model.outlook(sample, HORIZON, False), HORIZON, 2_000, rng(1)).var()
    both = draw_totals(model.outlook(sample, HORIZON), HORIZON, 2_000, rng(2)).var()
    assert by_parameters > 0.5 * process
    assert both == pytest.approx(process + by_parameters, rel=0.1)


def test_customers_who_buy_more_often_than_is_counted_are_simulated(model):
    heavy = pd.DataFrame({"frequency": [600.0, 0.0], "recency": [19.9, 0.0], "T": [20.0, 5.0]})
    interval = model.predictive_interval(heavy, 30.0, 0.9, rng=rng())
    assert interval["high"].iloc[0] > MOST_COUNTED
    futures = model.draw(heavy, 30.0, 6_000, rng(2)).to_numpy()
    low, high = np.quantile(futures[0], (0.05, 0.95))
    assert interval["high"].iloc[0] == pytest.approx(high, rel=0.05)
    assert interval["low"].iloc[0] == pytest.approx(low, abs=0.05 * high)
    counts = np.array([high, 0.0])
    below, upto = count_distribution(model.outlook(heavy, 30.0), 30.0, counts, 50, rng(3))
    assert upto[0] == pytest.approx(0.95, abs=0.02)
    assert below[0] <= upto[0]


def test_covariates_are_part_of_what_is_drawn():
    frames = []
    for seed, alpha in enumerate((4.0, 12.0)):
        world = BetaGeoParams(0.6, alpha, 0.8, 2.5)
        frame = simulate_purchases(world, 800, 273, 273, "week", rng(seed), whole_days=False)
        frames.append(frame.assign(web=float(seed)))
    customers = pd.concat(frames, ignore_index=True)
    fitted = BetaGeoNBD(purchase_covariates=["web"]).fit(customers)
    interval = fitted.predictive_interval(customers, HORIZON, rng=rng())
    expected = fitted.expected_purchases(customers, HORIZON)
    assert interval["expected"].to_numpy() == pytest.approx(expected.to_numpy())
    futures = fitted.draw(customers, HORIZON, 400, rng())
    for web in (0.0, 1.0):
        own = customers["web"] == web
        totals = futures[own].sum()
        assert abs(totals.mean() - expected[own].sum()) < 0.5 * totals.std()
        assert totals.quantile(0.01) <= customers.loc[own, "frequency_holdout"].sum() <= totals.quantile(0.99)


def test_memory_does_not_grow_with_the_number_of_futures():
    customers = simulate_purchases(BetaGeoParams(0.25, 4.5, 0.8, 2.5), 40_000, 364, 0, "week", rng())
    fitted = BetaGeoNBD().fit(customers)
    futures_at_once = 40_000 * 100 * 8
    tracemalloc.start()
    fitted.total_interval(customers, HORIZON, 0.9, 100, rng=rng())
    total_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    fitted.predictive_interval(customers, HORIZON, 0.9, 3, rng=rng())
    interval_peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total_peak < futures_at_once / 1.5
    assert interval_peak < futures_at_once


@pytest.mark.parametrize("level", [0.0, 1.0, -0.1, 90, float("nan")])
def test_a_level_that_is_no_share_is_refused(model, sample, level):
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        model.predictive_interval(sample, HORIZON, level, rng=rng())
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        model.total_interval(sample, HORIZON, level, rng=rng())


@pytest.mark.parametrize("size", [0, -1, 2.5, True, None])
def test_a_size_that_is_no_number_of_draws_is_refused(model, sample, size):
    with pytest.raises(InputError, match="size must be a whole number of draws"):
        model.draw(sample, HORIZON, size, rng())
    with pytest.raises(InputError, match="size must be a whole number of draws"):
        model.predictive_interval(sample, HORIZON, size=size, rng=rng())


def test_an_interval_needs_draws_beyond_its_ends(model, sample):
    with pytest.raises(InputError, match="20 or more"):
        model.total_interval(sample, HORIZON, 0.9, 19, rng=rng())
    assert np.isfinite(model.total_interval(sample.iloc[:9], HORIZON, 0.9, 20, rng=rng())).all()


@pytest.mark.parametrize("horizon", [-1.0, float("inf"), float("nan")])
def test_a_horizon_that_is_none_is_refused(model, sample, horizon):
    with pytest.raises(InputError, match="horizon"):
        model.total_interval(sample, horizon, rng=rng())


def test_nobody_buys_within_no_time_and_no_customers_buy_nothing(model, sample):
    interval = model.predictive_interval(sample, 0.0, rng=rng())
    assert (interval == 0).all(axis=None)
    assert model.total_interval(sample.iloc[:0], HORIZON, rng=rng()).to_list() == [0.0] * 4
    assert model.predictive_interval(sample.iloc[:0], HORIZON, rng=rng()).empty


def test_stored_parameters_have_no_uncertainty_to_draw_from(model, sample):
    stored = BetaGeoNBD.from_params(model.to_params())
    with pytest.raises(ModelError, match="parameter_uncertainty=False"):
        stored.draw(sample, HORIZON, 5, rng())
    with pytest.raises(ModelError, match="parameter_uncertainty=False"):
        stored.predictive_interval(sample, HORIZON, rng=rng())
    certain = stored.total_interval(sample, HORIZON, rng=rng(), parameter_uncertainty=False)
    uncertain = model.total_interval(sample, HORIZON, rng=rng())
    assert certain["high"] - certain["low"] < uncertain["high"] - uncertain["low"]


def test_on_a_ridge_a_total_can_still_be_predicted():
    """In this world the death rates look alike, so that s and beta run away together and have no covariance."""
    world = ParetoParams(0.55, 10.5, 0.6, 11.5)
    customers = simulate_purchases(world, 1_500, 273, 273, "week", rng([4, 99]), whole_days=False)
    fitted = ParetoNBD().fit(customers)
    assert fitted.params_["s"] > 1e4
    fitted._set_estimate(replace(fitted.estimate_, covariance=np.full((4, 4), np.nan)), fitted.n_customers_)
    total = fitted.total_interval(customers, HORIZON, size=200, rng=rng())
    certain = fitted.total_interval(customers, HORIZON, size=200, rng=rng(), parameter_uncertainty=False)
    assert np.isfinite(total).all()
    assert total["low"] < certain["low"]
    assert total["high"] > certain["expected"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "world"),
    [
        (BetaGeoNBD, BetaGeoParams(0.25, 4.5, 0.8, 2.5)),
        (ModifiedBetaGeoNBD, ModifiedBetaGeoParams(0.5, 6.0, 0.9, 2.0)),
        (ParetoNBD, ParetoParams(0.55, 10.5, 0.6, 11.5)),
    ],
)
def test_intervals_cover_what_comes_in_simulated_worlds(kind, world):
    pits, held, inside = [], [], 0
    for seed in range(12):
        own = rng([seed, 99])
        customers = simulate_purchases(world, 1_000, 273, 273, "week", own, whole_days=False)
        actual = customers["frequency_holdout"].to_numpy()
        fitted = kind().fit(customers)
        judged = count_distribution(fitted.outlook(customers, HORIZON), HORIZON, actual, 10, own)
        pits.append(randomised_pit(actual, own, distribution=judged))
        interval = fitted.predictive_interval(customers, HORIZON, size=3, rng=own)
        held.append(interval_coverage(actual, interval["low"], interval["high"]))
        total = fitted.total_interval(customers, HORIZON, 0.9, 100, rng=own)
        inside += total["low"] <= actual.sum() <= total["high"]
    assert 0.88 <= randomised_coverage(np.concatenate(pits), 0.9) <= 0.92
    assert np.mean(held) >= 0.9
    # Of 12 right intervals fewer than 8 cover in one case of 200.
    assert inside >= 8
