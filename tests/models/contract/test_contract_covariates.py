"""Covariates of contractual models: truth recovered, units that do not matter, and one value a cohort."""

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special

from patronage.errors import ConfigError, FitError, InputError
from patronage.models.contract.bdw import BetaDiscreteWeibull
from patronage.models.contract.sbg import ShiftedBetaGeometric
from patronage.models.covariates import CovariateLikelihood
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams
from patronage.runtime.contract.tenures import Tenures, checked_tenures
from patronage.runtime.contract.with_covariates import ContractCovariateParams

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(0)
    n = 12_000
    age, due = rng.integers(20, 70, n), rng.integers(1, 16, n)
    channel = rng.choice(["web", "shop", "phone"], n, p=[0.5, 0.3, 0.2])
    alpha = 0.8 * np.exp(0.02 * (age - 45) + 0.5 * (channel == "phone"))
    beta = 3.0 * np.exp(-0.01 * (age - 45) + 0.3 * (channel == "shop"))
    new = Tenures(np.zeros(n), np.zeros(n, dtype=bool))
    made = ShiftedBetaGeometricParams(alpha, beta).draw(new, 15, 1, rng)[0]
    columns = {"tenure": np.minimum(made + 1, due), "churned": made < due, "age": age, "channel": channel}
    return pd.DataFrame(columns, index=[f"c{i}" for i in range(n)])


@pytest.fixture(scope="module")
def fitted(customers):
    return ShiftedBetaGeometric(covariates="~ age + channel").fit(customers)


def test_truth_is_recovered(fitted):
    truth = {
        "churn_alpha.age": 0.02,
        "churn_alpha.channel[phone]": 0.5,
        "churn_alpha.channel[shop]": 0.0,
        "churn_beta.age": -0.01,
        "churn_beta.channel[phone]": 0.0,
        "churn_beta.channel[shop]": 0.3,
    }
    assert list(fitted.params_) == ["alpha", "beta", *truth]
    for name, value in truth.items():
        assert abs(fitted.params_[name] - value) < 3.5 * fitted.standard_errors_[name]
    table = fitted.summary()
    assert table.loc["churn_alpha.age", "p_value"] < 1e-6
    assert (table["lower"] < table["estimate"]).all()


def test_covariates_raise_the_likelihood(fitted, customers):
    plain = ShiftedBetaGeometric().fit(customers)
    assert fitted.log_likelihood_ > plain.log_likelihood_ + 20
    richer = BetaDiscreteWeibull(covariates=["age"]).fit(customers.iloc[:3000])
    poorer = ShiftedBetaGeometric(covariates=["age"]).fit(customers.iloc[:3000])
    assert richer.log_likelihood_ >= poorer.log_likelihood_


def test_predictions_are_those_of_each_row(fitted, customers):
    some = customers[~customers["churned"]].head(4)
    mean_age = customers["age"].mean()
    p = fitted.params_
    for name, row in some.iterrows():
        shift = row["age"] - mean_age
        level = {one: p.get(f"{one}.channel[{row['channel']}]", 0.0) for one in ("churn_alpha", "churn_beta")}
        own = ShiftedBetaGeometricParams(
            p["alpha"] * np.exp(p["churn_alpha.age"] * shift + level["churn_alpha"]),
            p["beta"] * np.exp(p["churn_beta.age"] * shift + level["churn_beta"]),
        )
        seen = checked_tenures([row["tenure"]])
        assert fitted.probability_alive(some, 4)[name] == pytest.approx(own.probability_alive(seen, 4)[0], rel=1e-10)
        worth = own.discounted_lifetime(seen, 0.1)[0]
        assert fitted.discounted_expected_residual_lifetime(some, 0.1)[name] == pytest.approx(worth, rel=1e-10)
        assert fitted.posterior(some).loc[name, "churn_propensity"] == pytest.approx(own.propensity(seen).mean[0])
        assert fitted.survival([3], some).loc[name, 3] == pytest.approx(own.survival(3), rel=1e-10)
        value = fitted.lifetime_value(5.0, 0.1, frame=some)[name]
        assert value == pytest.approx(5 * own.discounted_lifetime_new(0.1)[0], rel=1e-10)
    drawn = fitted.draw(some, 5, 4000, np.random.default_rng(1))
    assert drawn.mean(axis=1).to_numpy() == pytest.approx(
        fitted.expected_residual_lifetime(some, 5).to_numpy(), rel=0.1
    )


def test_the_unit_of_a_covariate_moves_its_coefficient_alone(customers):
    some = customers.iloc[:3000]
    years, months = (ShiftedBetaGeometric(covariates=["age"]).fit(some.assign(age=some["age"] * k)) for k in (1, 12))
    assert months.params_["churn_alpha.age"] == pytest.approx(years.params_["churn_alpha.age"] / 12, rel=1e-6)
    errors = [one.standard_errors_["churn_alpha.age"] for one in (years, months)]
    assert errors[1] == pytest.approx(errors[0] / 12, rel=1e-5)
    assert months.log_likelihood_ == pytest.approx(years.log_likelihood_, abs=1e-8)


def test_ridge_and_opposite_effects(customers):
    some = customers.iloc[:3000]
    opposite = ShiftedBetaGeometric(covariates=["age"], churn_effect="opposite").fit(some)
    assert list(opposite.params_) == ["alpha", "beta", "churn.age"]
    assert opposite.params_["churn.age"] > 0
    separate = ShiftedBetaGeometric(covariates=["age"]).fit(some)
    assert opposite.log_likelihood_ <= separate.log_likelihood_ + 1e-9
    held = ShiftedBetaGeometric(covariates=["age"], churn_effect="opposite", l2=1e4).fit(some)
    assert 0 < held.params_["churn.age"] < 0.5 * opposite.params_["churn.age"]
    assert held.log_likelihood_ < opposite.log_likelihood_


def test_two_cohorts_with_a_switch_are_two_fits():
    table = pd.DataFrame(
        {
            "cohort": ["h"] * 8 + ["r"] * 8,
            "period": [*range(8)] * 2,
            "survivors": HIGH_END + REGULAR,
            "regular": [0] * 8 + [1] * 8,
        }
    )
    both = ShiftedBetaGeometric(covariates=["regular"]).fit(table)
    apart = [ShiftedBetaGeometric().fit(part) for _, part in table.groupby("cohort")]
    assert both.log_likelihood_ == pytest.approx(sum(one.log_likelihood_ for one in apart), abs=1e-7)
    for name in ("alpha", "beta"):
        assert both.params_[name] == pytest.approx(apart[0].params_[name], rel=1e-5)
        ratio = np.log(apart[1].params_[name] / apart[0].params_[name])
        assert both.params_[f"churn_{name}.regular"] == pytest.approx(ratio, abs=1e-5)
    projected = both.project_survivors(table, 5, np.random.default_rng(0))
    expected = [
        survivors[7] * one.survival(np.arange(8, 13)) / one.survival(7)
        for one, survivors in zip(apart, (HIGH_END, REGULAR), strict=True)
    ]
    assert projected["expected"].to_numpy() == pytest.approx(np.concatenate(expected), rel=1e-5)


def test_brute_force_agrees():
    churned = [True] * 5 + [False] * 2 + [True] * 3 + [False] * 2
    tenure = [1, 2, 3, 4, 5, 6, 6, 1, 2, 3, 6, 6]
    seen = pd.DataFrame({"tenure": tenure, "churned": churned, "z": [0] * 7 + [1] * 5})
    weights = np.array([50, 30, 20, 15, 10, 90, 5, 20, 15, 10, 100, 5.0])

    def loss(theta):
        a = np.exp(theta[0] + theta[2] * seen["z"])
        b = np.exp(theta[1] - theta[2] * seen["z"])
        n = seen["tenure"] - seen["churned"]
        log = special.betaln(a, b + n) - special.betaln(a, b) + seen["churned"] * np.log(a / (a + b + n))
        return -(weights @ log)

    options = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 10_000}
    found = optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options=options)
    model = ShiftedBetaGeometric(covariates=["z"], churn_effect="opposite").fit(seen, weights)
    assert model.params_["alpha"] == pytest.approx(np.exp(found.x[0]), rel=1e-4)
    assert model.params_["churn.z"] == pytest.approx(found.x[2], abs=1e-5)
    assert model.log_likelihood_ == pytest.approx(-found.fun, abs=1e-8)


@pytest.mark.parametrize("model", [ShiftedBetaGeometric, BetaDiscreteWeibull])
def test_gradient_and_hessian_by_differences(model, customers):
    some = customers.iloc[:300]
    fitted = model(covariates=["age", "channel"], l2=1.0).fit(some)
    tenures = checked_tenures(some["tenure"], some["churned"])
    encoded = fitted._design.encode(some)
    likelihood = CovariateLikelihood(fitted._rows, tenures, np.ones(300), encoded, fitted._loadings.array)
    at = np.full(len(fitted.params_), 0.2)
    at[: len(model.parameter_names)] = [0.9, 2.0, 1.3][: len(model.parameter_names)]
    here = likelihood(at)
    for j in range(len(at)):
        low, high = at.copy(), at.copy()
        low[j], high[j] = at[j] - 1e-5, at[j] + 1e-5
        one, other = likelihood(low), likelihood(high)
        assert (other.value - one.value) / 2e-5 == pytest.approx(here.gradient[j], rel=1e-6, abs=1e-5)
        assert (other.gradient - one.gradient) / 2e-5 == pytest.approx(here.hessian[j], rel=1e-5, abs=1e-4)


def test_round_trip_through_json(fitted, customers):
    params = fitted.to_params()
    again = ContractCovariateParams.from_json(params.as_json(), {"sbg": ShiftedBetaGeometricParams})
    model = ShiftedBetaGeometric.from_params(again)
    assert model.params_ == pytest.approx(fitted.params_)
    pd.testing.assert_series_equal(model.probability_alive(customers, 3), fitted.probability_alive(customers, 3))


def test_what_is_refused(fitted, customers):
    with pytest.raises(InputError, match=r"unknown level \('fax'\) \(1 row, first: c1\)"):
        fitted.probability_alive(customers.head(3).assign(channel=["web", "fax", "shop"]), 2)
    with pytest.raises(InputError, match="covariates age, channel of new customers"):
        fitted.survival(3)
    with pytest.raises(InputError, match="lacks the covariates age"):
        ShiftedBetaGeometric(covariates=["age"]).fit({"period": range(8), "survivors": REGULAR})
    with pytest.raises(ConfigError, match="tenure cannot be covariates"):
        ShiftedBetaGeometric(covariates=["tenure"])
    with pytest.raises(ConfigError, match="brought back from stored parameters"):
        ShiftedBetaGeometric.from_params(fitted.to_params()).fit(customers)
    with pytest.raises(ConfigError, match="churn_effect must be one of"):
        ShiftedBetaGeometric(churn_effect="both")
    changing = {"cohort": [1, 1, 2, 2], "period": [0, 1, 0, 1], "survivors": [9, 5, 9, 4], "price": [1, 2, 3, 3]}
    with pytest.raises(InputError, match="price not the same in all rows of the cohort"):
        ShiftedBetaGeometric(covariates=["price"]).fit(changing)


def test_an_effect_that_runs_away(customers):
    some = customers.iloc[:2000]
    never = some.assign(vip=(np.arange(2000) % 10 == 0) & ~some["churned"])
    with pytest.raises(FitError, match="runs away"):
        ShiftedBetaGeometric(covariates=["vip"], churn_effect="opposite").fit(never)
    assert ShiftedBetaGeometric(covariates=["vip"], churn_effect="opposite", l2=1.0).fit(never).params_["churn.vip"] < 0
