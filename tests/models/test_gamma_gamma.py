"""Gamma-Gamma estimates against the literature, an independent package, and simulated truth."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value
from scipy.optimize import check_grad

from patronage.errors import FitError, InputError
from patronage.models import GammaGamma
from patronage.models.spend.gamma_gamma import GammaGammaLikelihood

ENGINES = ("native", "lifetimes")


@pytest.fixture(scope="module")
def sample():
    return load_cdnow_summary_data_with_monetary_value()


@pytest.mark.parametrize("engine", ENGINES)
def test_published_estimates(sample, engine):
    # Fader and Hardie (2013), note 025: p = 6.25, q = 3.74, v = 15.44 on 946 customers with repeat purchases.
    model = GammaGamma(engine).fit(sample)
    assert model.params_ == pytest.approx({"p": 6.25, "q": 3.74, "v": 15.45}, abs=0.006)
    assert model.n_customers_ == 946
    assert model.n_left_out_ == 2357 - 946
    assert model.log_likelihood_ == pytest.approx(-4055.92, abs=0.01)


def test_engines_agree(sample):
    native, peer = (GammaGamma(engine).fit(sample) for engine in ENGINES)
    assert native.params_ == pytest.approx(peer.params_, rel=1e-4)
    assert native.log_likelihood_ >= peer.log_likelihood_ - 1e-6


def test_population_mean_and_correlation(sample):
    model = GammaGamma().fit(sample)
    never_returned = pd.DataFrame({"frequency": [0], "monetary_value": [0.0]})
    assert model.expected_spend(never_returned)[0] == pytest.approx(35.17, abs=0.02)
    repeaters = sample[sample["frequency"] > 0]
    assert model.frequency_correlation_ == pytest.approx(repeaters["frequency"].corr(repeaters["monetary_value"]))


def test_gradient_and_hessian_by_differences(sample):
    used = sample[sample["frequency"] > 0].astype(float)
    likelihood = GammaGammaLikelihood(
        used["frequency"].to_numpy(), used["monetary_value"].to_numpy(), np.ones(len(used))
    )
    values = np.array([5.0, 4.0, 14.0])
    assert check_grad(lambda v: likelihood(v).value, lambda v: likelihood(v).gradient, values) < 1e-3
    for row in range(3):
        error = check_grad(
            lambda v, row=row: likelihood(v).gradient[row], lambda v, row=row: likelihood(v).hessian[row], values
        )
        assert error < 1e-3


def test_truth_is_recovered():
    rng = np.random.default_rng(4)
    p, q, v = 3.0, 4.0, 30.0
    frequency = rng.integers(1, 8, 40_000)
    rate = rng.gamma(q, 1 / v, len(frequency))
    monetary_value = rng.gamma(p * frequency) / rate / frequency
    model = GammaGamma().fit(pd.DataFrame({"frequency": frequency, "monetary_value": monetary_value}))
    for name, truth in (("p", p), ("q", q), ("v", v)):
        assert abs(model.params_[name] - truth) < 4 * model.standard_errors_[name]


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_the_unit_of_money_scales_v_alone(sample, scale):
    params = GammaGamma().fit(sample.assign(monetary_value=sample["monetary_value"] * scale)).params_
    params["v"] /= scale
    assert params == pytest.approx(GammaGamma().fit(sample).params_, rel=1e-4)


def test_the_full_log_has_customers_with_nothing_but_free_purchases(cdnow):
    from patronage import summarise

    frame = summarise(cdnow.transactions, date(1997, 9, 30)).to_pandas()
    free = (frame["frequency"] > 0) & (frame["monetary_value"] <= 0)
    model = GammaGamma().fit(frame)
    assert model.n_left_out_ == (frame["frequency"] == 0).sum() + free.sum()


def test_no_finite_mean_is_said():
    rng = np.random.default_rng(0)
    heavy = rng.pareto(0.5, 3000) + 1
    frame = pd.DataFrame({"frequency": np.ones(3000), "monetary_value": heavy})
    with pytest.raises(FitError, match="no finite mean"):
        GammaGamma().fit(frame)


def test_too_few_customers():
    with pytest.raises(FitError, match="at least two"):
        GammaGamma().fit(pd.DataFrame({"frequency": [0, 1], "monetary_value": [0.0, 5.0]}))


def test_bad_values_are_counted():
    frame = pd.DataFrame({"frequency": [1, -1, 2, 1.5], "monetary_value": [1.0, 1.0, np.nan, 2.0]})
    with pytest.raises(InputError) as caught:
        GammaGamma().fit(frame)
    assert caught.value.counts == {
        "frequency missing, negative or not whole": 2,
        "monetary_value missing or not finite": 1,
    }
