"""Gamma-Gamma estimates against the literature, an independent package, and simulated truth."""

from datetime import date
from pathlib import Path

import lifetimes
import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value
from scipy import stats
from scipy.optimize import check_grad

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.models import GammaGamma
from patronage.models.spend.gamma_gamma import GammaGammaLikelihood, _MeanObserved
from patronage.models.spend.independence import independence
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

ENGINES = ("native", "lifetimes")


@pytest.fixture(scope="module")
def sample():
    return load_cdnow_summary_data_with_monetary_value()


@pytest.fixture(scope="module")
def exact_sample():
    """The 1/10 sample of CDNOW up to 1997-09-30 from its log, to the cent: all purchase days, and repeat ones."""
    log = pd.read_csv(
        Path(lifetimes.__file__).parent / "datasets" / "CDNOW_sample.txt",
        sep=r"\s+", header=None, names=["master_id", "customer_id", "day", "units", "amount"],
    )  # fmt: skip
    days = log[log["day"] <= 19970930].groupby(["customer_id", "day"], as_index=False)["amount"].sum()
    first = days["day"] == days.groupby("customer_id")["day"].transform("min")
    everything = days.groupby("customer_id")["amount"].agg(purchase_days="size", spend_per_purchase_day="mean")
    repeat = days[~first].groupby("customer_id")["amount"].agg(frequency="size", monetary_value="mean")
    return everything.join(repeat).fillna(0.0)


def simulated(params, frequency, rng):
    rate = rng.gamma(params.q, 1 / params.v, len(frequency))
    mean = rng.gamma(params.p * frequency) / rate / frequency
    return pd.DataFrame({"frequency": frequency, "monetary_value": mean, "own_mean": params.p / rate})


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
    frequency = [1, -1, 2, 1.5, np.inf, np.nan]
    frame = pd.DataFrame({"frequency": frequency, "monetary_value": [1.0, 1.0, np.nan, 2.0, 3.0, 3.0]})
    fitted = GammaGamma.from_params(GammaGammaParams(2.0, 3.0, 20.0))
    for ask in (GammaGamma().fit, fitted.expected_spend, fitted.spend_interval):
        with pytest.raises(InputError) as caught:
            ask(frame)
        assert caught.value.counts == {
            "frequency missing or not finite": 2,
            "frequency negative or not whole": 2,
            "monetary_value missing or not finite": 1,
        }


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a", "b"], "monetary_value must hold numbers"),
        (pd.to_timedelta([1, 2], "D"), "monetary_value holds dates or durations"),
        ([1.0, 2.0 + 1j], "monetary_value must hold real numbers"),
    ],
)
def test_amounts_that_are_no_numbers(values, said):
    with pytest.raises(InputError, match=said):
        GammaGamma().fit(pd.DataFrame({"frequency": [1, 2], "monetary_value": values}))


@pytest.mark.parametrize("params", [BetaGeoParams(1.0, 2.0, 3.0, 4.0), GammaGammaParams(1.0, np.nan, 2.0), None])
def test_parameters_of_another_model_are_refused(params):
    with pytest.raises(ModelError, match="GammaGamma needs parameters of Gamma-Gamma, finite and above 0"):
        GammaGamma.from_params(params)


def test_published_figures_to_the_cent(exact_sample):
    # p 6.24935, q 3.74426, v 15.44431 and -4055.9177, found again by several implementations.
    model = GammaGamma().fit(exact_sample)
    assert model.params_ == pytest.approx({"p": 6.24935, "q": 3.74426, "v": 15.44431}, rel=1e-4)
    assert model.log_likelihood_ == pytest.approx(-4055.9177, abs=5e-5)
    assert model.standard_errors_ == pytest.approx({"p": 1.190, "q": 0.2901, "v": 4.160}, rel=3e-4)
    spend = model.expected_spend(exact_sample)
    assert spend.sum() == pytest.approx(83_089.8, abs=0.5)
    first_ten = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert spend.head(10).tolist() == pytest.approx(first_ten, abs=0.006)
    assert model.frequency_correlation_ == pytest.approx(0.1139, abs=5e-5)


def test_first_purchases_included(exact_sample):
    # p 9.8812, q 3.3987, v 7.9286 and -9898.451 on all 2,349 customers who ever paid.
    model = GammaGamma(include_first=True).fit(exact_sample)
    assert model.params_ == pytest.approx({"p": 9.8812, "q": 3.3987, "v": 7.9286}, rel=1e-4)
    assert model.log_likelihood_ == pytest.approx(-9898.451, abs=6e-4)
    assert (model.n_customers_, model.n_left_out_) == (2349, 8)
    one_time = exact_sample[(exact_sample["frequency"] == 0) & (exact_sample["spend_per_purchase_day"] > 0)]
    assert model.expected_spend(one_time).nunique() > 100
    back = GammaGamma.from_params(model.to_params())
    pd.testing.assert_series_equal(back.expected_spend(exact_sample), model.expected_spend(exact_sample))
    with pytest.raises(InputError, match="purchase_days"):
        model.expected_spend(exact_sample[["frequency", "monetary_value"]])


def test_priors_are_weighed_against_the_data(sample):
    free = GammaGamma().fit(sample)
    weak = GammaGamma(priors={"q": (2.0, 100.0)}).fit(sample)
    strong = GammaGamma(priors={"q": (2.0, 1e-3)}).fit(sample)
    assert weak.params_ == pytest.approx(free.params_, rel=1e-3)
    assert strong.params_["q"] == pytest.approx(2.0, rel=1e-3)
    assert free.log_likelihood_ > strong.log_likelihood_
    assert strong.is_penalised
    assert not free.is_penalised


@pytest.mark.parametrize(
    "options",
    [
        {"finite_mean": "perhaps"},
        {"priors": {"r": (1.0, 1.0)}},
        {"engine": "lifetimes", "priors": {"q": (2.0, 1.0)}},
        {"engine": "lifetimes", "finite_mean": "constrain"},
    ],
)
def test_options_that_do_not_fit(options):
    with pytest.raises(ConfigError):
        GammaGamma(**options)


@pytest.fixture(scope="module")
def heavy():
    """A world without a mean: q is 0.8."""
    rng = np.random.default_rng(8)
    return simulated(GammaGammaParams(3.0, 0.8, 10.0), rng.integers(1, 6, 20_000), rng)


NEVER_RETURNED = pd.DataFrame({"frequency": [0.0], "monetary_value": [0.0]})


def test_no_finite_mean_is_refused_with_what_to_do(heavy):
    with pytest.raises(FitError, match=r"no finite mean: q is 0\.[78].*monetary_value.*finite_mean=constrain"):
        GammaGamma().fit(heavy)


def test_no_finite_mean_is_declared(heavy):
    model = GammaGamma(finite_mean="declare").fit(heavy)
    assert not model.has_finite_mean_
    assert not model.constrained_
    for name, truth in (("p", 3.0), ("q", 0.8), ("v", 10.0)):
        assert abs(model.params_[name] - truth) < 3 * model.standard_errors_[name]
    spend = model.expected_spend(heavy)
    assert (np.isfinite(spend) & (spend > 0)).all()
    with pytest.raises(InputError, match="1 of 1 customers have no finite expected spend"):
        model.expected_spend(NEVER_RETURNED)
    interval = model.spend_interval(NEVER_RETURNED)
    assert (np.isfinite(interval) & (interval > 0)).all(axis=None)


def test_no_finite_mean_is_constrained(heavy):
    free = GammaGamma(finite_mean="declare").fit(heavy)
    model = GammaGamma(finite_mean="constrain").fit(heavy)
    assert model.constrained_
    assert model.is_penalised
    assert model.params_["q"] > 1
    assert model.log_likelihood_ < free.log_likelihood_
    assert (np.linalg.eigvalsh(model.covariance_) > 0).all()
    observed = heavy["monetary_value"]
    error = observed.std() / np.sqrt(len(observed)) / observed.mean()
    assert abs(np.log(model.expected_spend(NEVER_RETURNED)[0] / observed.mean())) < 6 * error


def test_the_constraint_is_idle_where_there_is_a_mean(sample):
    free, model = GammaGamma().fit(sample), GammaGamma(finite_mean="constrain").fit(sample)
    assert model.params_ == free.params_
    assert not model.constrained_
    assert model.has_finite_mean_


def test_derivatives_of_the_constraint():
    from patronage.models.priors import LogNormalPriors

    priors = LogNormalPriors.checked({"q": (2.0, 0.5), "v": (9.0, 1.0)}, ("p", "q", "v"))
    penalty, point, step = _MeanObserved(np.log(30.0), 0.1, priors), np.array([2.0, 0.3, 7.0]), 1e-6
    at = penalty(point)
    for k in range(3):
        ahead, behind = (penalty(point + sign * step * np.eye(3)[k]) for sign in (1, -1))
        assert at.gradient[k] == pytest.approx((ahead.value - behind.value) / (2 * step), rel=1e-7)
        assert at.hessian[k] == pytest.approx((ahead.gradient - behind.gradient) / (2 * step), rel=1e-6)


def test_interval_of_the_own_mean_covers_it():
    rng = np.random.default_rng(12)
    params = GammaGammaParams(2.0, 3.0, 20.0)
    customers = simulated(params, rng.integers(1, 9, 40_000), rng)
    model = GammaGamma.from_params(params)
    for level in (0.5, 0.9):
        interval = model.spend_interval(customers, level)
        inside = (interval["low"] <= customers["own_mean"]) & (customers["own_mean"] <= interval["high"])
        by_frequency = inside.groupby(customers["frequency"]).mean()
        assert by_frequency.to_numpy() == pytest.approx(level, abs=0.03)
        assert inside.mean() == pytest.approx(level, abs=0.01)
        assert (interval["low"] < interval["median"]).all()
    with pytest.raises(InputError, match="level"):
        model.spend_interval(customers, 1.0)


def test_interval_is_the_quantile_of_an_inverse_gamma():
    model = GammaGamma.from_params(GammaGammaParams(6.25, 3.74, 15.44))
    frame = pd.DataFrame({"frequency": [0, 3], "monetary_value": [0.0, 22.35]}, index=["x", "y"])
    own = stats.invgamma([3.74, 3 * 6.25 + 3.74], scale=6.25 * np.array([15.44, 15.44 + 3 * 22.35]))
    interval = model.spend_interval(frame, 0.8)
    assert interval["low"].to_numpy() == pytest.approx(own.ppf(0.1), rel=1e-10)
    assert interval["median"].to_numpy() == pytest.approx(own.ppf(0.5), rel=1e-10)
    assert interval["high"].to_numpy() == pytest.approx(own.ppf(0.9), rel=1e-10)
    assert list(interval.index) == ["x", "y"]


def test_drawn_spend_has_the_distribution_of_the_model():
    # The total of n purchases over (v + x m + total) is Beta(p n, p x + q).
    params, size = GammaGammaParams(2.0, 3.0, 20.0), 20_000
    frame = pd.DataFrame({"frequency": [0, 2, 5], "monetary_value": [0.0, 12.0, 80.0]}, index=list("abc"))
    purchases = np.tile([[3], [0], [1]], size)
    drawn = GammaGamma.from_params(params).draw_spend(frame, purchases, np.random.default_rng(1))
    assert drawn.shape == (3, size)
    assert (drawn.loc["b"] == 0).all()
    for name, n, x, m in (("a", 3, 0, 0.0), ("c", 1, 5, 80.0)):
        share = drawn.loc[name] / (drawn.loc[name] + params.v + x * m)
        assert stats.kstest(share, stats.beta(params.p * n, params.p * x + params.q).cdf).pvalue > 1e-3
    again = GammaGamma.from_params(params).draw_spend(frame, purchases, np.random.default_rng(1))
    pd.testing.assert_frame_equal(drawn, again)


@pytest.mark.parametrize("purchases", [[1, 2], [1, -1, 0], [0.5, 1, 1], [1, np.nan, 1], np.ones((3, 2, 2))])
def test_purchases_that_cannot_be_are_refused(purchases):
    frame = pd.DataFrame({"frequency": [0, 2, 5], "monetary_value": [0.0, 12.0, 80.0]})
    model = GammaGamma.from_params(GammaGammaParams(2.0, 3.0, 20.0))
    with pytest.raises(InputError, match="purchases must be whole"):
        model.draw_spend(frame, purchases, np.random.default_rng(1))
    with pytest.raises(InputError, match="purchases must hold numbers"):
        model.draw_spend(frame, ["one", "two", "three"], np.random.default_rng(1))


def test_the_assumption_is_reported(exact_sample):
    found = GammaGamma().fit(exact_sample).assumption_
    used = exact_sample[exact_sample["monetary_value"] > 0]
    peer = stats.pearsonr(used["frequency"], used["monetary_value"])
    assert found.pearson == pytest.approx(peer.statistic, rel=1e-12)
    assert [found.low, found.high] == pytest.approx(list(peer.confidence_interval(0.95)), rel=1e-9)
    assert not found.is_strong
    assert "weak but not chance" in found.words


def test_rank_correlation_against_scipy():
    rng = np.random.default_rng(3)
    params, x = GammaGammaParams(2.0, 3.0, 20.0), rng.integers(1, 5, 300).astype(float)
    m = np.round(simulated(params, x, rng)["monetary_value"].to_numpy() * (1 + x))
    place = stats.beta(params.p * x, params.q).cdf(x * m / (x * m + params.v))
    peer, found = stats.spearmanr(x, place), independence(params, x, m, np.ones(300))
    assert found.spearman == pytest.approx(peer.statistic, rel=1e-10)
    assert found.p_value == pytest.approx(peer.pvalue, rel=1e-6)
    assert found.is_strong
    assert "more on a purchase" in found.words
    twice = independence(params, np.append(x, x), np.append(m, m), np.ones(600))
    assert twice.spearman == pytest.approx(independence(params, x, m, np.full(300, 2.0)).spearman, rel=1e-12)


def test_the_assumption_is_rejected_as_often_as_promised_where_it_holds():
    """Skewed amounts, whose raw ranks rise with the number of purchases; the test is not taken in."""
    rng = np.random.default_rng(5)
    params, x = GammaGammaParams(1.0, 4.0, 30.0), rng.geometric(0.35, 500).astype(float)
    found, raw = [], []
    for _ in range(300):
        m = simulated(params, x, rng)["monetary_value"].to_numpy()
        found.append(independence(params, x, m, np.ones(500)))
        raw.append(stats.spearmanr(x, m).pvalue)
    by_rank = np.mean([one.p_value < 0.05 for one in found])
    by_interval = np.mean([not one.low <= 0 <= one.high for one in found])
    assert by_rank == pytest.approx(0.05, abs=0.035)
    assert by_interval == pytest.approx(0.05, abs=0.035)
    assert np.mean(np.array(raw) < 0.05) > 0.3


def test_no_test_without_variation():
    frame = pd.DataFrame({"frequency": [1, 1, 1, 1], "monetary_value": [3.0, 5.0, 8.0, 4.0]})
    model = GammaGamma(priors={"p": (3.0, 1.0), "q": (3.0, 1.0)}).fit(frame)
    assert np.isnan(model.frequency_correlation_)
    assert "cannot be tested" in model.assumption_.words


def test_where_there_is_no_maximum_the_error_names_the_model():
    """Nobody differs from anybody: p and q grow together without end."""
    frame = pd.DataFrame({"frequency": [5] * 30, "monetary_value": [10.0] * 30})
    with pytest.raises(FitError, match=r"The likelihood of Gamma-Gamma has no maximum.* q ran towards infinity"):
        GammaGamma().fit(frame)
