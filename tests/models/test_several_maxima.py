"""Likelihoods with several maxima: the highest one is found, and certificates say what was seen."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from patronage.errors import FitError
from patronage.models import BetaGeoBetaBinomial, BetaGeoNBD, GammaGamma, ModifiedBetaGeoNBD, ParetoNBD
from patronage.models.likelihood import climb


def leave_at_purchases(n, r, alpha, a, b, T, rng):
    """The story of MBG/NBD told purchase by purchase."""
    rate, life = rng.gamma(r, 1 / alpha, n), rng.geometric(np.clip(rng.beta(a, b, n), 1e-15, 1))
    frequency, recency, now = np.zeros(n), np.zeros(n), np.zeros(n)
    here = life > 1
    while here.any():
        after = now + rng.exponential(1 / rate)
        bought = here & (after <= T)
        frequency[bought] += 1
        recency[bought] = now[bought] = after[bought]
        here = bought & (frequency + 1 < life)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T})


def die_at_any_time(n, r, alpha, s, beta, T, rng):
    """The story of Pareto/NBD."""
    rate, death = rng.gamma(r, 1 / alpha, n), rng.gamma(s, 1 / beta, n)
    life = np.minimum(rng.exponential(1 / death), T)
    frequency = rng.poisson(rate * life).astype(float)
    recency = np.where(frequency > 0, life * rng.beta(np.maximum(frequency, 1), 1), 0.0)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T})


@pytest.mark.parametrize("seed", [31, 57, 80])
def test_a_world_where_many_leave_at_once(seed):
    """78 % never come back, the others buy fast; a second maximum, 3 to 4 lower, says that hardly anybody left."""
    rng = np.random.default_rng(seed)
    world = leave_at_purchases(4000, 0.23, 2.5, 0.11, 0.12, rng.uniform(20, 40, 4000), rng)
    native, peer = ModifiedBetaGeoNBD().fit(world), ModifiedBetaGeoNBD("lifetimes").fit(world)
    assert native.log_likelihood_ >= peer.log_likelihood_ - 1e-6 * abs(peer.log_likelihood_)
    true = ModifiedBetaGeoNBD.from_params(type(native.to_params())(0.23, 2.5, 0.11, 0.12))
    assert native.probability_alive(world).mean() == pytest.approx(true.probability_alive(world).mean(), abs=0.2)


@pytest.mark.parametrize("seed", [103, 185])
def test_small_tables_of_mbg_nbd(seed):
    """Three starts agree on a maximum that is not the highest one."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(40, 300))
    params = np.exp(rng.normal([-0.5, 1.5, -1, 0], 1.2))
    world = leave_at_purchases(n, *params, rng.uniform(5, 60) * rng.uniform(0.5, 1, n), rng)
    model = ModifiedBetaGeoNBD().fit(world)
    objective = model._objective(*model.fitted_data_)
    starts = np.exp(rng.normal([-0.3, 1.5, -1, 0], [1, 1.3, 1.5, 2.5], (25, 4)))
    climbs = [climb(objective, start)[0] for start in starts]
    highest = max(one.mean_log_likelihood for one in climbs if one.gradient_norm < 1e-7) * n
    assert model.log_likelihood_ == pytest.approx(highest, abs=1e-4)


@pytest.mark.parametrize("seed", [7, 83])
def test_small_tables_of_pareto_nbd(seed):
    rng, n = np.random.default_rng(seed), 200
    r, alpha, s, beta = np.exp(rng.normal([-0.5, 2, -0.5, 2], 1.0))
    world = die_at_any_time(n, r, alpha, s, beta, rng.uniform(5, 60) * rng.uniform(0.5, 1, n), rng)
    model = ParetoNBD().fit(world)
    objective = model._objective(*model.fitted_data_)

    def below(theta):
        mean = objective.mean(objective.natural(theta))
        return -mean.value, -mean.gradient

    highest = -np.inf
    for _ in range(12):
        start = rng.normal([0.0, 3.0, -1.0, -2.0], [1.0, 1.0, 1.0, 4.0])
        with np.errstate(all="ignore"):
            highest = max(highest, -minimize(below, start, jac=True, method="L-BFGS-B").fun * n)
    assert model.log_likelihood_ > highest - 1e-3


@pytest.mark.parametrize("n", [150, 1000, 20_000])
def test_whole_periods_where_half_leave_at_once(n):
    rng = np.random.default_rng(0)
    buys, leaves = rng.beta(1, 1, n), np.where(rng.random(n) < 0.5, 0.99, 0.02)
    frequency, recency, here = np.zeros(n), np.zeros(n), np.ones(n, dtype=bool)
    for period in range(1, 13):
        here &= rng.random(n) >= leaves
        bought = here & (rng.random(n) < buys)
        frequency += bought
        recency[bought] = period
    world = pd.DataFrame({"frequency": frequency, "recency": recency, "n_periods": 12.0})
    native, peer = BetaGeoBetaBinomial().fit(world), BetaGeoBetaBinomial("lifetimes").fit(world)
    assert native.log_likelihood_ >= peer.log_likelihood_ - 1e-6 * abs(peer.log_likelihood_)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_two_classes_of_spenders_have_no_finite_mean(seed):
    """Whatever the seed: a lower maximum, where all spend alike, would look finite."""
    rng, n = np.random.default_rng(seed), 4000
    frequency = rng.geometric(0.4, n).astype(float)
    spend = np.where(rng.random(n) < 0.5, 10, 1000) * rng.gamma(5 * frequency, 0.2) / frequency
    with pytest.raises(FitError, match=r"no finite mean: q is 0\.(38|39|40)"):
        GammaGamma().fit(pd.DataFrame({"frequency": frequency, "monetary_value": spend}))


def test_a_large_table_with_several_maxima():
    """More distinct histories than are climbed at first: whatever maxima the sample has are tried on all of them."""
    rng, n = np.random.default_rng(3), 150_000
    world = leave_at_purchases(n, 0.23, 2.5, 0.11, 0.12, rng.uniform(20, 40, n), rng)
    model = ModifiedBetaGeoNBD().fit(world)
    errors = model.standard_errors_
    for name, true in {"r": 0.23, "alpha": 2.5, "a": 0.11, "b": 0.12}.items():
        assert abs(model.params_[name] - true) < 3 * errors[name]


def test_busy_customers_are_not_at_an_edge():
    """Alpha is measured by the time between purchases, not that of observation: here are 1,500 purchases a customer."""
    rng, n = np.random.default_rng(5), 3000
    world = die_at_any_time(n, 0.6, 0.0026, 0.4, 30.0, np.full(n, 52.0), rng)
    for kind in (ParetoNBD, BetaGeoNBD):
        model = kind().fit(world)
        (boundary,) = [check for check in model.certificate_.checks if check.name == "boundary"]
        assert boundary.passed, boundary.words
    assert ParetoNBD().fit(world).params_["alpha"] == pytest.approx(0.0026, rel=0.2)


def test_an_edge_is_told_in_units_of_the_data():
    """Nobody ever leaves, so lifetimes run away."""
    rng, n = np.random.default_rng(8), 2000
    frequency = rng.poisson(rng.gamma(1.5, 1 / 10, n) * 40.0).astype(float)
    recency = np.where(frequency > 0, 40.0 * rng.beta(np.maximum(frequency, 1), 1), 0.0)
    model = ParetoNBD().fit(pd.DataFrame({"frequency": frequency, "recency": recency, "T": 40.0}))
    (boundary,) = [check for check in model.certificate_.checks if check.name == "boundary"]
    assert not boundary.passed
    assert "times the mean length of observation, 40)" in boundary.words


def test_a_higher_climb_that_did_not_arrive_fails_the_certificate():
    """Two of five never come back, which Pareto/NBD can tell only at its edge; its own maximum is NBD, and is lower."""
    rng, n = np.random.default_rng(6), 160
    world = die_at_any_time(n, 0.6, 5.0, 50.0, 50_000.0, rng.uniform(20, 60, n), rng)
    world.loc[rng.random(n) < 0.4, ["frequency", "recency"]] = 0.0
    model = ParetoNBD().fit(world)
    assert ModifiedBetaGeoNBD().fit(world).log_likelihood_ > model.log_likelihood_ + 5
    failed = {check.name: check for check in model.certificate_.failed}
    assert failed["starts"].value * n == pytest.approx(6.09, abs=0.01)
    assert "no maximum" in failed["starts"].words
    assert "use that instead" not in failed["beyond NBD"].words
