"""Pareto/NBD estimates against the literature, an independent package, and simulated truth."""

import numpy as np
import pandas as pd
import pytest
from lifetimes import ParetoNBDFitter

from patronage.errors import FitError
from patronage.ledger.simulated import simulate_purchases
from patronage.models.base import histories_of
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.purchase.pareto_nbd import ParetoParams

AT_39_WEEKS, AT_78_WEEKS = "1997-09-30", "1998-06-30"


@pytest.fixture(scope="module")
def sample(cdnow_sample):
    return cdnow_sample(AT_39_WEEKS)


@pytest.fixture(scope="module")
def model(sample):
    return ParetoNBD().fit(sample)


def test_published_estimates(model):
    # Fader, Hardie, Lee (2005), table 2: .553, 10.578, .606, 11.669; log-likelihood -9595.0. More digits: CLVTools.
    published = {"r": 0.553277, "alpha": 10.577684, "s": 0.606240, "beta": 11.668737}
    assert model.params_ == pytest.approx(published, rel=1e-6)
    assert model.log_likelihood_ == pytest.approx(-9594.9762, abs=5e-5)
    assert model.estimate_.gradient_norm < 1e-7


def test_standard_errors_and_criteria(model):
    # CLVTools; ranges are those of different numerical Hessians.
    errors = model.standard_errors_
    assert errors["r"] == pytest.approx(0.0476, abs=5e-5)
    assert errors["alpha"] == pytest.approx(0.8427, abs=5e-5)
    assert 0.18705 < errors["s"] < 0.18735
    assert 6.2035 < errors["beta"] < 6.2115
    assert model.aic_ == pytest.approx(19197.952, abs=1e-3)
    assert model.bic_ == pytest.approx(19221.013, abs=1e-3)


def test_sample_at_78_weeks(cdnow_sample):
    # Fader, Hardie, Lee (2005), RFM and CLV; the R package BTYD.
    model = ParetoNBD().fit(cdnow_sample(AT_78_WEEKS))
    published = {"r": 0.5629966, "alpha": 12.5590370, "s": 0.4081095, "beta": 10.5148}
    assert model.params_ == pytest.approx(published, rel=3e-5)
    assert model.log_likelihood_ == pytest.approx(-17135.836, abs=5e-4)


@pytest.mark.parametrize(
    ("as_of", "estimates", "log_likelihood"),
    [
        (AT_39_WEEKS, (0.59742, 11.58566, 0.52219, 8.82776), -95415.119),
        (AT_78_WEEKS, (0.61099, 13.61419, 0.31258, 6.14856), -173327.996),
    ],
)
def test_full_log(cdnow, as_of, estimates, log_likelihood):
    # Two independent programs.
    from datetime import date

    from patronage import summarise

    histories = summarise(cdnow.transactions, date.fromisoformat(as_of), "week").histories()
    model = ParetoNBD().fit(histories, weights=histories["n_customers"])
    assert list(model.params_.values()) == pytest.approx(estimates, abs=6e-6)
    assert model.log_likelihood_ == pytest.approx(log_likelihood, abs=6e-4)


def test_holdout_of_the_sample(model, sample):
    # 1,882 purchases came; the correlation is the .630 of the paper.
    expected, actual = model.expected_purchases(sample, 39.0), sample["frequency_holdout"]
    assert expected.sum() == pytest.approx(1665.5, abs=0.05)
    assert np.corrcoef(expected, actual)[0, 1] == pytest.approx(0.6302, abs=5e-5)
    assert (expected - actual).abs().mean() == pytest.approx(0.7545, abs=5e-5)
    assert np.sqrt(((expected - actual) ** 2).mean()) == pytest.approx(1.6028, abs=6e-5)
    assert model.probability_alive(sample).mean() == pytest.approx(0.4463, abs=5e-5)
    by_frequency = expected.groupby(sample["frequency"].clip(upper=7)).mean()
    published = [0.1384, 0.5995, 1.1958, 1.7138, 2.3983, 2.9072, 3.8186, 6.4031]
    assert list(by_frequency) == pytest.approx(published, abs=6e-5)


def test_sums_over_new_customers(model, sample):
    cohorts = sample["T"].value_counts()
    weeks, customers = cohorts.index.to_numpy(), cohorts.to_numpy()
    assert customers @ model.expected_purchases_new(weeks) == pytest.approx(2524.9, abs=0.05)
    assert customers @ model.expected_purchases_new(weeks + 39) == pytest.approx(4270.0, abs=0.06)
    published = [1434.04, 396.88, 193.49, 111.81, 69.99, 45.86, 30.93]
    assert customers @ model.purchase_probabilities_new(6, weeks) == pytest.approx(published, abs=0.01)


@pytest.mark.parametrize(
    ("rate", "published"),
    [(np.log(1.1), 490.886), (np.log(1.1) / 52, 9012.30), (np.log(1.15) / 52, 7207.84)],
)
def test_discounted_purchases_of_the_sample(model, sample, rate, published):
    # CLVTools, whose estimates differ in the fifth digit.
    assert model.discounted_expected_purchases(sample, rate).sum() == pytest.approx(published, rel=5e-4)


def test_gradient_and_hessian_by_differences(sample):
    histories = histories_of(sample)
    likelihood = ParetoNBD()._likelihood(histories, np.ones(len(sample)))
    for point in ([0.7, 8.0, 0.9, 5.0], [3.0, 0.5, 0.05, 300.0]):
        assert_derivatives(likelihood, np.array(point))


def assert_derivatives(likelihood, values):
    here = likelihood(values)
    for place, value in enumerate(values):
        step = np.zeros(len(values))
        step[place] = 1e-5 * value
        above, below = likelihood(values + step), likelihood(values - step)
        assert here.gradient[place] == pytest.approx((above.value - below.value) / (2e-5 * value), rel=1e-5)
        assert here.hessian[place] == pytest.approx((above.gradient - below.gradient) / (2e-5 * value), rel=1e-5)


def test_sum_is_that_of_the_rows(sample):
    model, histories = ParetoNBD(), histories_of(sample)
    counts = np.arange(len(sample)) % 3 + 1.0
    summed = model._likelihood(histories, counts)(np.array([0.7, 8.0, 0.9, 5.0]))
    rows = model._rows([0.7, 8.0, np.full(len(sample), 0.9), 5.0], histories)
    assert rows.value @ counts == pytest.approx(summed.value, rel=1e-13)
    assert rows.gradient @ counts == pytest.approx(summed.gradient, rel=1e-11)
    assert rows.hessian @ counts == pytest.approx(summed.hessian, rel=1e-11)


def test_value_of_the_likelihood_is_that_of_lifetimes(sample):
    values = np.array([0.6, 9.0, 0.7, 12.0])
    columns = [sample[name].to_numpy() for name in ("frequency", "recency", "T")]
    theirs = ParetoNBDFitter._conditional_log_likelihood(values, *columns).sum()
    ours = ParetoNBD()._likelihood(histories_of(sample), np.ones(len(sample)))(values).value
    assert ours == pytest.approx(theirs, rel=1e-12)


def test_engines_agree(sample, model):
    peer = ParetoNBD("lifetimes").fit(sample)
    assert model.params_ == pytest.approx(peer.params_, rel=2e-3)
    assert model.log_likelihood_ >= peer.log_likelihood_ - 1e-6


@pytest.mark.parametrize("scale", [1 / 7, 7, 365])
def test_the_unit_of_time_scales_alpha_and_beta_alone(sample, model, scale):
    scaled = sample.assign(recency=sample["recency"] * scale, T=sample["T"] * scale)
    params = ParetoNBD().fit(scaled).params_
    params["alpha"] /= scale
    params["beta"] /= scale
    assert params == pytest.approx(model.params_, rel=1e-6)


@pytest.mark.parametrize("truth", [ParetoParams(0.55, 10.6, 0.6, 11.7), ParetoParams(1.5, 5.0, 2.0, 60.0)])
def test_truth_is_recovered(truth):
    world = simulate_purchases(truth, 60_000, 728, 0, "week", np.random.default_rng(11), whole_days=False)
    model = ParetoNBD().fit(world)
    for name, error in model.standard_errors_.items():
        assert abs(model.params_[name] - getattr(truth, name)) < 3 * error


def test_a_large_fit_started_from_a_sample_is_the_same_maximum():
    truth = ParetoParams(0.55, 10.6, 0.6, 11.7)
    world = simulate_purchases(truth, 80_000, 728, 0, "week", np.random.default_rng(2))
    model = ParetoNBD().fit(world)
    assert model.estimate_.gradient_norm < 1e-7
    assert min(climb.n_histories for climb in model.estimate_.climbs) < 2_000
    assert ParetoNBD().fit(world.sample(frac=1, random_state=0)).params_ == pytest.approx(model.params_, rel=1e-6)


def test_a_heavy_buyer_does_not_break_the_fit(sample):
    # Textbook implementations overflow at x = 5000.
    heavy = pd.DataFrame({"frequency": [5000.0], "recency": [30.0], "T": [38.0]})
    model = ParetoNBD().fit(pd.concat([sample, heavy], ignore_index=True))
    assert np.isfinite(list(model.standard_errors_.values())).all()


def test_nobody_came_back():
    frame = pd.DataFrame({"frequency": [0, 0], "recency": [0.0, 0.0], "T": [5.0, 6.0]})
    with pytest.raises(FitError, match="No customer has a repeat purchase"):
        ParetoNBD().fit(frame)
