"""GGom/NBD estimates against the literature and simulated truth, and on the ridge towards Pareto/NBD."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError
from patronage.ledger.simulated import simulate_purchases
from patronage.models.base import histories_of
from patronage.models.purchase.ggom_nbd import GammaGompertzNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.purchase.ggom_nbd import GammaGompertzParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams


@pytest.fixture(scope="module")
def sample(cdnow_sample):
    return cdnow_sample("1997-09-30")


@pytest.fixture(scope="module")
def model(sample):
    return GammaGompertzNBD().fit(sample)


def ageing_world(params, n, observed, rng):
    """Customers drawn from the story of the model: a Gompertz lifetime, Poisson purchases."""
    rate, level = rng.gamma(params.r, 1 / params.alpha, n), rng.gamma(params.s, 1 / params.beta, n)
    lifetime = np.log1p(rng.exponential(size=n) / level) / params.b
    T = rng.uniform(0, observed, n)
    seen = np.minimum(T, lifetime)
    frequency = rng.poisson(rate * seen).astype(float)
    recency = np.where(frequency > 0, seen * rng.random(n) ** (1 / np.maximum(frequency, 1)), 0.0)
    return pd.DataFrame({"frequency": frequency, "recency": recency, "T": T})


def test_published_estimates(model):
    # Bemmaor, Glady (2012): .553, 10.578, .0002, .603, .0026; log-likelihood -9594.98. The likelihood is flat along
    # b / beta, of which the last two digits of .0002 and .0026 say little: Pareto/NBD has 1 / 11.669 = .0857.
    found = model.params_
    assert found["r"] == pytest.approx(0.553, abs=5e-4)
    assert found["alpha"] == pytest.approx(10.578, abs=1.5e-3)
    assert found["s"] == pytest.approx(0.603, abs=4e-3)
    assert found["b"] / found["beta"] == pytest.approx(0.0857, abs=1e-4)
    assert model.log_likelihood_ == pytest.approx(-9594.976, abs=5e-4)


def test_likelihood_at_the_published_estimates(sample):
    # b is printed with one digit; .00022 is the one within its rounding that fits beta.
    likelihood = GammaGompertzNBD()._likelihood(histories_of(sample), np.ones(len(sample)))
    published = np.array([0.553, 10.578, 0.000224, 0.603, 0.0026])
    assert likelihood(published).value == pytest.approx(-9594.98, abs=0.01)


def test_holdout_of_the_sample(model, sample):
    expected = model.expected_purchases(sample, 39.0)
    assert expected.sum() == pytest.approx(1665.5, abs=0.05)
    assert np.corrcoef(expected, sample["frequency_holdout"])[0, 1] == pytest.approx(0.6302, abs=5e-5)
    assert model.probability_alive(sample).mean() == pytest.approx(0.4463, abs=5e-5)


def test_the_ridge_is_seen_in_the_curvature(model, sample):
    pareto = ParetoNBD().fit(sample)
    assert model.log_likelihood_ >= pareto.log_likelihood_ * (1 + 1e-9)
    assert model.estimate_.gradient_norm < 1e-7
    assert abs(model.estimate_.curvature[0]) < 1e-6
    # b and beta together, their ratio fixed.
    assert np.abs(model.estimate_.flattest) == pytest.approx([0, 0, 0.5**0.5, 0, 0.5**0.5], abs=1e-3)
    # The other parameters are those of Pareto/NBD, as well known.
    for name in ("r", "alpha"):
        assert model.params_[name] == pytest.approx(pareto.params_[name], rel=1e-6)
        assert model.standard_errors_[name] == pytest.approx(pareto.standard_errors_[name], rel=1e-3)


def test_never_below_pareto_in_its_own_world():
    truth = ParetoParams(0.55, 10.6, 0.6, 11.7)
    for seed in (1, 2):
        world = simulate_purchases(truth, 3_000, 728, 0, "week", np.random.default_rng(seed))
        pareto, model = ParetoNBD().fit(world), GammaGompertzNBD().fit(world)
        assert model.log_likelihood_ >= pareto.log_likelihood_ * (1 + 1e-9)


@pytest.mark.parametrize(
    "point", [[0.7, 8.0, 0.05, 0.9, 3.0], [0.7, 8.0, 2.0, 0.3, 0.3], [2.0, 3.0, 1e-4, 0.5, 1e-3], [0.5, 9, 5, 0.1, 50]]
)
def test_gradient_and_hessian_by_differences(sample, point):
    likelihood = GammaGompertzNBD()._likelihood(histories_of(sample), np.ones(len(sample)))
    values = np.array(point)
    here = likelihood(values)
    for place, value in enumerate(values):
        step = np.zeros(5)
        step[place] = 1e-5 * value
        above, below = likelihood(values + step), likelihood(values - step)
        assert here.gradient[place] == pytest.approx((above.value - below.value) / (2e-5 * value), rel=1e-5)
        by_difference = (above.gradient - below.gradient) / (2e-5 * value)
        scale = np.sqrt(np.abs(np.diag(here.hessian)[place] * np.diag(here.hessian)))
        assert (np.abs(here.hessian[place] - by_difference) <= 1e-5 * scale).all()


def test_sum_is_that_of_the_rows(sample):
    model, histories = GammaGompertzNBD(), histories_of(sample)
    counts, values = np.arange(len(sample)) % 3 + 1.0, [0.7, 8.0, 0.05, 0.9, 3.0]
    summed = model._likelihood(histories, counts)(np.array(values))
    rows = model._rows(values, histories)
    assert rows.value @ counts == pytest.approx(summed.value, rel=1e-13)
    assert rows.gradient @ counts == pytest.approx(summed.gradient, rel=1e-11)
    assert rows.hessian @ counts == pytest.approx(summed.hessian, rel=1e-10)


@pytest.mark.parametrize(
    "truth", [GammaGompertzParams(0.8, 6.0, 0.08, 1.2, 9.0), GammaGompertzParams(1.5, 4.0, 0.03, 0.5, 0.4)]
)
def test_truth_is_recovered(truth):
    world = ageing_world(truth, 15_000, 104.0, np.random.default_rng(5))
    model = GammaGompertzNBD().fit(world)
    for name, error in model.standard_errors_.items():
        assert abs(model.params_[name] - getattr(truth, name)) < 3 * error
    assert model.log_likelihood_ > ParetoNBD().fit(world).log_likelihood_ + 2


def test_params_go_out_and_come_back(sample, model):
    back = GammaGompertzNBD.from_params(model.to_params())
    assert back.expected_purchases(sample, 39.0).equals(model.expected_purchases(sample, 39.0))


def test_lifetimes_has_no_such_model(sample):
    with pytest.raises(ConfigError, match="lifetimes has no GGom/NBD"):
        GammaGompertzNBD("lifetimes").fit(sample)
