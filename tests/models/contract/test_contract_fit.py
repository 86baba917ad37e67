"""Contractual estimates against the literature, brute force, and simulated truth."""

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

from patronage.errors import FitError, InputError, ModelError
from patronage.models.comparison import likelihood_ratio_test
from patronage.models.contract.bdw import BetaDiscreteWeibull, beta_discrete_weibull_rows
from patronage.models.contract.sbg import ShiftedBetaGeometric, shifted_beta_geometric_rows
from patronage.runtime.contract.bdw import BetaDiscreteWeibullParams
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams
from patronage.runtime.contract.tenures import Tenures, checked_tenures
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

# Fader and Hardie (2007), table 1: survivors of 1,000 customers, fitted to years 0 to 7.
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
MODELS = (ShiftedBetaGeometric, BetaDiscreteWeibull)


def cohort(survivors, years=8):
    return pd.DataFrame({"period": range(years), "survivors": survivors[:years]})


def simulated(params, n, rng, longest=12):
    """Customers acquired in any of the last periods, observed until now."""
    due = rng.integers(1, longest + 1, n)
    made = params.draw(Tenures(np.zeros(n), np.zeros(n, dtype=bool)), longest, 1, rng)[0]
    return pd.DataFrame({"tenure": np.minimum(made + 1, due), "churned": made < due})


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "log_likelihood", "s12", "retention"),
    [
        (HIGH_END, 0.668088, 3.806096, -1611.1581, 0.378, [0.851, 0.878, 0.897, 0.911]),
        (REGULAR, 0.704077, 1.182043, -1680.2652, 0.170, [0.627, 0.756, 0.819, 0.856]),
    ],
    ids=["high end", "regular"],
)
def test_published_estimates(survivors, alpha, beta, log_likelihood, s12, retention):
    # Fader and Hardie (2007): alpha = .668, beta = 3.806 and alpha = .704, beta = 1.182; both reproduced to six digits.
    model = ShiftedBetaGeometric().fit(cohort(survivors))
    assert model.params_ == pytest.approx({"alpha": alpha, "beta": beta}, abs=2e-6)
    assert model.log_likelihood_ == pytest.approx(log_likelihood, abs=1e-4)
    assert model.n_customers_ == 1000
    assert model.survival(12) == pytest.approx(s12, abs=5e-4)
    assert model.retention_rate([1, 2, 3, 4]).round(3).tolist() == retention


@pytest.mark.parametrize("survivors", [HIGH_END, REGULAR])
def test_bdw_contains_sbg(survivors):
    sbg, bdw = (model().fit(cohort(survivors)) for model in MODELS)
    assert bdw.log_likelihood_ >= sbg.log_likelihood_
    assert bdw.aic_ == pytest.approx(6 - 2 * bdw.log_likelihood_)
    tenures = checked_tenures([1, 3, 7, 7, 5], [True, True, True, False, False])
    values = [*sbg.params_.values()]
    one, other = (
        shifted_beta_geometric_rows(values, tenures),
        beta_discrete_weibull_rows([*values, 1.0], tenures),
    )
    assert other.value == pytest.approx(one.value, rel=1e-13)
    assert other.gradient[:2] == pytest.approx(one.gradient, rel=1e-11)
    assert other.hessian[:2, :2] == pytest.approx(one.hessian, rel=1e-10)


def test_bdw_projects_the_high_end_better():
    sbg, bdw = (model().fit(cohort(HIGH_END)) for model in MODELS)
    later, actual = np.arange(8, 13), np.array(HIGH_END[8:]) / 1000
    assert np.abs(bdw.survival(later) - actual).max() < np.abs(sbg.survival(later) - actual).max()


@pytest.mark.parametrize("survivors", [HIGH_END, REGULAR])
def test_bdw_by_brute_force(survivors):
    def loss(theta):
        a, b, c = np.exp(theta)
        age = np.arange(8.0) ** c
        s = np.exp(special.betaln(a, b + age) - special.betaln(a, b))
        n = np.array(survivors[:8])
        return -((n[:-1] - n[1:]) @ np.log(s[:-1] - s[1:]) + n[-1] * np.log(s[-1]))

    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 20_000}
    found = optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options=options)
    model = BetaDiscreteWeibull().fit(cohort(survivors))
    assert list(model.params_.values()) == pytest.approx(np.exp(found.x), rel=1e-4)
    assert model.log_likelihood_ == pytest.approx(-found.fun, abs=1e-8)


@pytest.mark.parametrize("model", MODELS)
def test_a_cohort_is_the_same_as_its_customers(model):
    table = cohort(REGULAR)
    left = -np.diff(table["survivors"])
    customers = pd.DataFrame({"tenure": [*range(1, 8), 7], "churned": [True] * 7 + [False]})
    weighted = model().fit(customers, weights=[*left, 241])
    assert weighted.params_ == pytest.approx(model().fit(table).params_, rel=1e-8)
    each = customers.loc[np.repeat(customers.index, [*left, 241])]
    assert model().fit(each).log_likelihood_ == pytest.approx(weighted.log_likelihood_, rel=1e-12)


def test_several_cohorts_of_different_age():
    young = cohort(HIGH_END, 4).assign(cohort="2024")
    old = cohort(HIGH_END, 8).assign(cohort="2020")
    mixed = pd.concat([young, old]).sort_values(["period", "cohort"])
    model = ShiftedBetaGeometric().fit(mixed)
    assert model.n_customers_ == 2000
    a, b = model.params_.values()
    left = np.append(-np.diff(HIGH_END[:8]), -np.diff(HIGH_END[:4]))
    t = np.array([*range(1, 8), *range(1, 4)])
    log = left @ (np.log(a / (a + b + t - 1)) + special.betaln(a, b + t - 1) - special.betaln(a, b))
    log += HIGH_END[7] * (special.betaln(a, b + 7) - special.betaln(a, b))
    log += HIGH_END[3] * (special.betaln(a, b + 3) - special.betaln(a, b))
    assert model.log_likelihood_ == pytest.approx(log, rel=1e-12)


@pytest.mark.parametrize("rows", [shifted_beta_geometric_rows, beta_discrete_weibull_rows])
def test_gradient_and_hessian_by_differences(rows):
    tenures = checked_tenures([0, 1, 1, 2, 5, 5, 40, 40], [False, True, False, True, True, False, True, False])
    at = np.array([0.7, 2.1, 1.6])[: 2 if rows is shifted_beta_geometric_rows else 3]
    for j, value in enumerate(at):
        step = 1e-5 * value
        low, high = at.copy(), at.copy()
        low[j], high[j] = value - step, value + step
        one, other = rows(list(low), tenures), rows(list(high), tenures)
        here = rows(list(at), tenures)
        assert (other.value - one.value) / (2 * step) == pytest.approx(here.gradient[j], rel=1e-6, abs=1e-8)
        assert (other.gradient - one.gradient) / (2 * step) == pytest.approx(here.hessian[j], rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("rows", [shifted_beta_geometric_rows, beta_discrete_weibull_rows])
def test_derivatives_are_finite_everywhere(rows):
    rng = np.random.default_rng(0)
    tenures = checked_tenures([1, 1, 30, 30, 10_000, 10_000], [True, False] * 3)
    for _ in range(100):
        at = [*10 ** rng.uniform(-3, 3, 2), 10 ** rng.uniform(-3, 3)]
        found = rows(at[: 2 if rows is shifted_beta_geometric_rows else 3], tenures)
        assert all(np.isfinite(part).all() for part in found)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("values", "renewed", "churned"),
    [
        ((0.05, 2.0, 62.0), 10, True),
        ((0.05, 2.0, 62.0), 10_000, False),
        ((0.3, 40.0, 200.0), 1, True),
        ((0.01, 2.0, 1000.0), 1, True),
        ((0.01, 2.0, 1000.0), 1, False),
        ((0.002, 900.0, 1000.0), 3000, True),
        ((2.5, 0.5, 33.0), 1000, True),
    ],
)
def test_derivatives_for_large_c_are_those_of_mpmath(values, renewed, churned):
    def log_survival(a, b, c, t):
        q, lg = mpmath.mpf(t) ** c, mpmath.loggamma
        x = b + q
        ratio = -a * mpmath.log(x) - a * (a - 1) / (2 * x) if q > 1e30 else lg(x) - lg(a + x)  # DLMF 5.11.12
        return ratio - lg(b) + lg(a + b)

    def log_likelihood(*at):
        now, then = (log_survival(*at, t) for t in (renewed, renewed + 1))
        return now + mpmath.log(1 - mpmath.exp(then - now)) if churned else now

    found = beta_discrete_weibull_rows(values, Tenures(np.array([renewed + 1.0 * churned]), np.array([churned])))
    unit = np.eye(3, dtype=int)
    with mpmath.workdps(60):
        assert found.value[0] == pytest.approx(float(log_likelihood(*map(mpmath.mpf, values))), rel=1e-11)
        for j in range(3):
            slope = mpmath.diff(log_likelihood, values, tuple(map(int, unit[j])))
            assert found.gradient[j, 0] == pytest.approx(float(slope), rel=1e-9, abs=1e-12)
            for k in range(3):
                curve = mpmath.diff(log_likelihood, values, tuple(map(int, unit[j] + unit[k])))
                assert found.hessian[j, k, 0] == pytest.approx(float(curve), rel=1e-9, abs=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("c", [30.0, 100.0])
def test_a_large_c_can_be_fitted(c):
    truth = BetaDiscreteWeibullParams(0.05, 2.0, c)
    survivors = np.round(1e6 * truth.survival(np.arange(200)))
    model = BetaDiscreteWeibull().fit({"period": range(200), "survivors": survivors})
    assert model.params_["alpha"] * model.params_["c"] == pytest.approx(0.05 * c, rel=1e-3)
    assert model.survival([1, 10, 199]).to_numpy() == pytest.approx(truth.survival([1, 10, 199]), rel=1e-2)


@pytest.mark.parametrize(
    ("model", "truth"),
    [
        (ShiftedBetaGeometric, ShiftedBetaGeometricParams(0.8, 2.5)),
        (BetaDiscreteWeibull, BetaDiscreteWeibullParams(0.5, 2.5, 1.4)),
        (BetaDiscreteWeibull, BetaDiscreteWeibullParams(1.5, 4.0, 0.7)),
    ],
)
def test_truth_is_recovered_from_censored_tenures(model, truth):
    fitted = model().fit(simulated(truth, 40_000, np.random.default_rng(7)))
    for name, value in fitted.params_.items():
        assert abs(value - getattr(truth, name)) < 3.5 * fitted.standard_errors_[name]


def test_customers_who_are_all_alike():
    """Retention that does not rise leaves alpha and beta without a maximum; the forecast is geometric."""
    survivors = [10_000, 9000, 8000, 7000, 6000, 5000]
    model = ShiftedBetaGeometric().fit({"period": range(6), "survivors": survivors})
    assert model.params_["alpha"] > 1e4
    assert "do not identify" in str(model.certificate_)
    rate = (10_000 - 5000) / sum(survivors[:-1])
    assert model.survival([1, 5, 10]).to_numpy() == pytest.approx((1 - rate) ** np.array([1, 5, 10]), rel=1e-3)


def test_priors_hold_what_runs_away():
    survivors = [1000, 900, 800, 700, 600, 500]
    table = {"period": range(6), "survivors": survivors}
    model = ShiftedBetaGeometric(priors={"alpha": (2.0, 0.5), "beta": (10.0, 1.0)}).fit(table)
    assert 1 < model.params_["alpha"] < 20
    assert np.isfinite(list(model.standard_errors_.values())).all()
    free = ShiftedBetaGeometric().fit(table)
    assert model.log_likelihood_ < free.log_likelihood_


def test_summary_and_criteria():
    model = ShiftedBetaGeometric().fit(cohort(REGULAR))
    table = model.summary(0.9)
    spread = np.exp(stats.norm.ppf(0.95) * model.standard_errors_["beta"] / model.params_["beta"])
    assert table.loc["beta", "upper"] == pytest.approx(model.params_["beta"] * spread)
    assert model.bic_ == pytest.approx(2 * np.log(1000) - 2 * model.log_likelihood_)
    assert "alpha=0.7041, beta=1.182; 1,000 customers" in repr(model)


@pytest.mark.parametrize("model", MODELS)
def test_round_trip_of_parameters(model):
    fitted = model().fit(cohort(HIGH_END))
    again = model.from_params(fitted.to_params())
    frame = pd.DataFrame({"tenure": [0, 3, 9]}, index=["a", "b", "c"])
    pd.testing.assert_series_equal(again.probability_alive(frame, 4), fitted.probability_alive(frame, 4))
    with pytest.raises(ModelError, match="uncertainty of the parameters is unknown"):
        again.draw(frame, 3, 5, np.random.default_rng(0))


@pytest.mark.parametrize("model", MODELS)
def test_parameters_of_another_model_are_refused(model):
    (other,) = [one for one in MODELS if one is not model]
    frame = simulated(ShiftedBetaGeometricParams(0.8, 2.5), 500, np.random.default_rng(9))
    with_covariate = other(covariates=["z"]).fit(frame.assign(z=np.arange(500) % 2))
    for params in (
        BetaGeoParams(1.0, 2.0, 3.0, 4.0),
        other().fit(cohort(HIGH_END)).to_params(),
        with_covariate.to_params(),
        model.params_class(*[-1.0] * len(model.parameter_names)),
        model.params_class(*["x"] * len(model.parameter_names)),
        model.params_class(*[[1.0]] * len(model.parameter_names)),
    ):
        with pytest.raises(
            ModelError, match=f"{model.__name__} needs parameters of {model.params_class.title}, finite"
        ):
            model.from_params(params)


def test_likelihood_ratio_of_the_duration_dependence():
    """The exponent of time is worth 2 x 5.84 in the High End, and less than chance may do in the other segment."""
    p_values = []
    for survivors in (HIGH_END, REGULAR):
        sbg, bdw = (model().fit(cohort(survivors)) for model in MODELS)
        assert bdw.certificate_.passed
        p_values.append(likelihood_ratio_test(sbg, bdw).p_value)
        with pytest.raises(ModelError, match="no special case"):
            likelihood_ratio_test(bdw, sbg)
    assert p_values[0] < 0.001
    assert p_values[1] > 0.2
    with pytest.raises(ModelError, match="different data"):
        likelihood_ratio_test(ShiftedBetaGeometric().fit(cohort(HIGH_END)), BetaDiscreteWeibull().fit(cohort(REGULAR)))


def test_likelihood_ratio_with_covariates():
    rng = np.random.default_rng(9)
    frame = simulated(ShiftedBetaGeometricParams(0.8, 2.5), 2000, rng).assign(z=rng.random(2000))
    plain, with_z = ShiftedBetaGeometric().fit(frame), ShiftedBetaGeometric(covariates=["z"]).fit(frame)
    assert likelihood_ratio_test(plain, with_z).degrees_of_freedom == 2
    full = BetaDiscreteWeibull(covariates=["z"]).fit(frame)
    assert likelihood_ratio_test(with_z, full).degrees_of_freedom == 1
    assert likelihood_ratio_test(plain, full).degrees_of_freedom == 3
    with pytest.raises(ModelError, match="no special case"):
        likelihood_ratio_test(with_z, BetaDiscreteWeibull().fit(frame))
    # The same values in other rows have the same mean, so only the customers tell them apart.
    shuffled = frame.assign(z=np.random.default_rng(4).permutation(frame["z"]))
    with pytest.raises(ModelError, match=r"different data.* their values of z"):
        likelihood_ratio_test(with_z, BetaDiscreteWeibull(covariates=["z"]).fit(shuffled))


def test_nothing_before_the_fit():
    with pytest.raises(ModelError, match="not fitted yet"):
        ShiftedBetaGeometric().survival(3)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"tenure": [], "churned": []}, "There are no customers"),
        ({"period": [0, 1], "survivors": [0, 0]}, "There are no customers"),
        ({"tenure": [1, 2], "churned": [False, False]}, "nobody left"),
        ({"tenure": [1, 1], "churned": [True, True]}, "nobody renewed"),
        ({"tenure": [0, 0], "churned": [False, False]}, "no renewal fell due"),
        ({"period": [0, 1, 2], "survivors": [9, 5, 3]}, "takes? 3 renewals"),
    ],
)
def test_too_little_to_learn_from(frame, words):
    with pytest.raises(FitError, match=words):
        BetaDiscreteWeibull().fit(frame)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ({"period": [0], "survivors": [1], "tenure": [1], "churned": [True]}, "has both period and survivors"),
        ({"period": [0], "churned": [True]}, "it has period, churned"),
        ({}, "it has none"),
        ({"period": [0, 1], "survivors": [[1], [2]]}, "columns of one length"),
        (None, "Expected a DataFrame or a mapping of columns, got NoneType"),
        (3, "Expected a DataFrame or a mapping of columns, got int"),
        ({"tenure": 3, "churned": True}, "columns of one length"),
        ({"tenure": ["a", "b"], "churned": [True, False]}, "tenure must hold numbers"),
        ({"cohort": "a", "period": [0, 1], "survivors": [9, 5]}, r"one name for each of 2 rows; got shape \(\)"),
        ({"cohort": [[1], [1, 2]], "period": [0, 1], "survivors": [9, 5]}, "cohort must be a column of names"),
        (
            pd.DataFrame({"cohort": [[1], [1]], "period": [0, 1], "survivors": [9, 5]}),
            "cohort must be a column of names",
        ),
    ],
)
def test_frames_that_are_neither_kind(frame, words):
    with pytest.raises(InputError, match=words):
        ShiftedBetaGeometric().fit(frame)


def test_bad_cohorts_are_counted():
    frame = pd.DataFrame(
        {
            "cohort": ["a", "a", "a", "b", "b", "b", None],
            "period": [0, 1, 3, 1, 2, np.nan, 0],
            "survivors": [10, 11, 9, 5, -1, 3, 2],
        }
    )
    with pytest.raises(InputError) as caught:
        ShiftedBetaGeometric().fit(frame)
    assert caught.value.counts == {
        "cohort missing": 1,
        "period missing or not finite": 1,
        "period not 0 at the start of a cohort, or not 1 more than in the row before": 2,
        "survivors missing, negative or not finite": 1,
        "survivors above those of the period before": 2,
    }


def test_a_cohort_takes_no_weights():
    with pytest.raises(InputError, match="takes no weights"):
        ShiftedBetaGeometric().fit(cohort(REGULAR), weights=np.ones(8))


def test_survivors_as_text_are_refused():
    with pytest.raises(InputError, match="survivors must hold numbers"):
        ShiftedBetaGeometric().fit(pd.DataFrame({"period": [0, 1], "survivors": ["many", "few"]}))
