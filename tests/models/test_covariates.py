"""Covariates in purchase models: derivatives, simulated truth, independent likelihoods, and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from lifetimes import BetaGeoFitter, ParetoNBDFitter
from scipy.optimize import check_grad, minimize

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD, GammaGamma, ModifiedBetaGeoNBD, ParetoNBD
from patronage.models.base import histories_of
from patronage.models.covariates import CovariateLikelihood, CovariatePlan, Loadings, Ridge
from patronage.models.design import Wanted, learned_design, wanted
from patronage.models.purchase.bg_bb import BetaGeoBetaBinomial
from patronage.models.purchase.bg_cnbd_k import BetaGeoCNBD
from patronage.models.purchase.ggom_nbd import GammaGompertzNBD
from patronage.runtime.covariates import CategoricalCovariate, Design, NumericCovariate
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.kinds import KINDS
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.model import newcomers
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.value.lifetime import customer_lifetime_value

MODELS = (BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD)
POINTS = {
    BetaGeoNBD: [0.7, 5.0, 0.9, 2.0],
    ModifiedBetaGeoNBD: [0.7, 5.0, 0.9, 2.0],
    ParetoNBD: [0.7, 5.0, 0.9, 20.0],
    GammaGompertzNBD: [0.7, 5.0, 0.05, 0.9, 2.0],
    BetaGeoBetaBinomial: [0.7, 5.0, 0.9, 2.0],
    BetaGeoCNBD: [0.7, 5.0, 0.9, 2.0],
}
BOTH = {"purchase_covariates": ["age", "channel"], "dropout_covariates": ["age", "channel"]}


def people(n, rng):
    """Ages that are not round, channels of which shop is the most frequent, and a switch."""
    return pd.DataFrame(
        {
            "age": rng.normal(40, 12, n),
            "channel": rng.choice(["shop", "web", "app"], n, p=[0.5, 0.3, 0.2]),
            "member": rng.random(n) < 0.4,
        }
    )


def world_of(model, n, rng):
    """Customers whose purchases and dropout depend on age (in years from 40) and on coming by the web."""
    known = people(n, rng)
    years, web = known["age"].to_numpy() - 40, (known["channel"] == "web").to_numpy()
    alpha = 6.0 * np.exp(-(0.02 * years + 0.5 * web))
    if model is ParetoNBD:
        params = ParetoParams(0.8, alpha, 0.7, 12.0 * np.exp(-(-0.03 * years + 0.6 * web)))
        truth = {"dropout.age": -0.03, "dropout.channel[web]": 0.6, "dropout.channel[app]": 0.0, "r": 0.8, "s": 0.7}
    else:
        kind = {BetaGeoNBD: BetaGeoParams, ModifiedBetaGeoNBD: ModifiedBetaGeoParams}[model]
        params = kind(0.8, alpha, 0.8 * np.exp(0.6 * web), 2.5 * np.exp(0.02 * years))
        truth = {"dropout_a.age": 0.0, "dropout_a.channel[web]": 0.6, "dropout_b.age": 0.02, "r": 0.8}
    truth |= {"purchase.age": 0.02, "purchase.channel[web]": 0.5, "purchase.channel[app]": 0.0}
    world = simulate_purchases(params, n, 546, 0, "week", rng, whole_days=False)
    return pd.concat([world, known], axis=1), truth


@pytest.fixture(scope="module")
def small():
    """A BG/NBD world of 900 customers."""
    return world_of(BetaGeoNBD, 900, np.random.default_rng(3))[0]


@pytest.fixture(scope="module")
def fitted(small):
    return BetaGeoNBD(**BOTH).fit(small)


def new(model, **options):
    return model(k=2, **options) if model is BetaGeoCNBD else model(**options)


def in_periods(world):
    """The same customers, known by whole periods of six weeks."""
    recency, n = np.ceil(world["recency"] / 6), np.ceil(world["T"] / 6)
    return world.assign(frequency=np.minimum(world["frequency"], recency), recency=recency, n_periods=n)


@pytest.mark.parametrize("model", POINTS)
@pytest.mark.parametrize("dropout_effect", ["separate", "opposite"])
def test_gradient_and_hessian_by_differences(model, dropout_effect, small):
    some = in_periods(small.iloc[:60]) if model is BetaGeoBetaBinomial else small.iloc[:60]
    asked = {"purchase": ["age", "member"], "dropout": ["age", "channel"]}
    slots = model.covariate_slots
    if dropout_effect == "opposite" and len(slots["dropout"]) > 1:
        slots = {**slots, "dropout": dict(zip(slots["dropout"], (1.0, -1.0), strict=True))}
    equal = () if dropout_effect == "separate" else ("age",)
    plan = CovariatePlan.checked(asked, slots, dropout_effect == "separate", equal)
    design = plan.design(some, np.ones(len(some)))
    loadings = Loadings.of(plan.coefficients(design), design, model.parameter_names)
    rng = np.random.default_rng(5)
    likelihood = CovariateLikelihood(
        new(model)._rows,
        new(model)._histories(some),
        rng.integers(1, 4, len(some)) * 1.0,
        design.encode(some),
        loadings.array,
    )
    values = np.append(POINTS[model], rng.normal(0, 0.4, len(loadings.names)))
    error = check_grad(lambda v: likelihood(v).value, lambda v: likelihood(v).gradient, values, epsilon=1e-6)
    assert error < 1e-4 * np.abs(likelihood(values).gradient).max()
    for row in range(len(values)):
        error = check_grad(
            lambda v, row=row: likelihood(v).gradient[row],
            lambda v, row=row: likelihood(v).hessian[row],
            values,
            epsilon=1e-6,
        )
        assert error < 1e-4 * np.abs(likelihood(values).hessian[row]).max()


def test_blocks_of_rows_add_up(small, monkeypatch):
    model = ParetoNBD(**BOTH)
    histories, counts, encoded = model._counted(small, None)
    values = np.append([0.7, 5.0, 0.9, 2.0], np.full(len(model._loadings.names), 0.3))
    arguments = (model._rows, histories, counts, encoded, model._loadings.array)
    whole = CovariateLikelihood(*arguments)(values)
    monkeypatch.setattr("patronage.models.covariates.ROWS_AT_ONCE", 100)
    parts = CovariateLikelihood(*arguments)(values)
    for one, other in zip(whole, parts, strict=True):
        assert np.allclose(one, other, rtol=1e-11)


@pytest.mark.parametrize("model", POINTS)
def test_without_effects_the_likelihood_is_that_of_the_model(model, small):
    fitted = new(model, **BOTH)
    frame = in_periods(small) if model is BetaGeoBetaBinomial else small
    histories, counts, encoded = fitted._counted(frame, None)
    values = np.array(POINTS[model])
    with_none = CovariateLikelihood(fitted._rows, histories, counts, encoded, fitted._loadings.array)(
        np.append(values, np.zeros(len(fitted._loadings.names)))
    )
    plain = new(model)._likelihood(histories, counts)(values)
    assert with_none.value == pytest.approx(plain.value, rel=1e-12)
    assert np.allclose(with_none.gradient[: len(values)], plain.gradient, rtol=1e-9)
    assert np.allclose(with_none.hessian[: len(values), : len(values)], plain.hessian, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("model", "n"), [(BetaGeoNBD, 20_000), (ModifiedBetaGeoNBD, 20_000), (ParetoNBD, 10_000)])
def test_truth_is_recovered(model, n):
    world, truth = world_of(model, n, np.random.default_rng(8))
    found = model(**BOTH).fit(world)
    for name, value in truth.items():
        assert abs(found.params_[name] - value) < 3 * found.standard_errors_[name], name
    # The base parameter is that of a customer of average age, not of age 40.
    shifted = 6.0 * np.exp(-0.02 * (world["age"].mean() - 40))
    assert abs(found.params_["alpha"] - shifted) < 3 * found.standard_errors_["alpha"]
    # The strong effects stand out.
    assert found.params_["purchase.channel[web]"] > 5 * found.standard_errors_["purchase.channel[web]"]
    assert found.log_likelihood_ > model().fit(world).log_likelihood_ + 50


@pytest.mark.parametrize(
    ("model", "fitter", "moved"), [(ParetoNBD, ParetoNBDFitter, (3,)), (BetaGeoNBD, BetaGeoFitter, (2, 3))]
)
def test_a_switch_is_two_groups_with_shared_parameters(model, fitter, moved, small):
    # The likelihood of lifetimes, of the two groups, maximised by a method without derivatives of ours.
    switch = small["member"].to_numpy()
    columns = [small[name].to_numpy() for name in ("frequency", "recency", "T")]
    groups = [[column[switch == on] for column in columns] for on in (False, True)]
    sign = -1.0 if model is ParetoNBD else 1.0

    def loss(theta):
        values, purchase, dropout = theta[:4], theta[4], theta[5:]
        on = values.copy()
        on[1] -= purchase
        on[list(moved)] += sign * dropout
        total = 0.0
        for point, group in zip((values, on), groups, strict=True):
            n = len(group[0])
            if model is ParetoNBD:
                total -= fitter._conditional_log_likelihood(np.exp(point), *group).sum()
            else:
                total += n * fitter._negative_log_likelihood(point, *group, np.ones(n), 0.0)
        return total

    found = model(purchase_covariates=["member"], dropout_covariates=["member"]).fit(small)
    values = np.array(list(found.params_.values()))
    own = np.append(np.log(values[:4]), values[4:])
    assert found.log_likelihood_ == pytest.approx(-loss(own), rel=1e-9)
    start = own + np.random.default_rng(0).normal(0, 0.15, len(own))
    peer = minimize(loss, start, method="BFGS", options={"gtol": 1e-4})
    assert found.log_likelihood_ == pytest.approx(-peer.fun, abs=1e-5)
    assert own == pytest.approx(peer.x, abs=2e-3)


@pytest.mark.parametrize("model", MODELS)
def test_covariates_never_fit_worse(model, small):
    noise = small.assign(noise=np.random.default_rng(1).normal(size=len(small)))
    plain = model().fit(noise)
    with_noise = model(purchase_covariates=["noise"], dropout_covariates=["noise"]).fit(noise)
    assert plain.log_likelihood_ <= with_noise.log_likelihood_ < plain.log_likelihood_ + 8


@pytest.mark.parametrize(("factor", "shift"), [(365.25, 0.0), (1e-4, 0.0), (1.0, 1000.0)])
def test_units_of_a_covariate_do_not_matter(fitted, small, factor, shift):
    other_unit = small.assign(age=small["age"] * factor + shift)
    again = BetaGeoNBD(**BOTH).fit(other_unit)
    expected, errors = dict(fitted.params_), dict(fitted.standard_errors_)
    for name in expected:
        if name.endswith(".age"):
            expected[name] /= factor
            errors[name] /= factor
    assert again.params_ == pytest.approx(expected, rel=2e-4)
    assert again.standard_errors_ == pytest.approx(errors, rel=2e-4)
    assert again.log_likelihood_ == pytest.approx(fitted.log_likelihood_, abs=1e-6)
    here, there = fitted.expected_purchases(small, 52.0), again.expected_purchases(other_unit, 52.0)
    assert np.allclose(here, there, rtol=1e-5)


def test_covariance_is_per_unit_of_the_column(fitted, small):
    # Standard errors by differences of the log-likelihood in the column's own unit.
    model = BetaGeoNBD(**BOTH)
    histories, counts, encoded = model._counted(small, None)
    likelihood = CovariateLikelihood(model._rows, histories, counts, encoded, model._loadings.array)
    unit = np.append(np.ones(4), model._loadings.scales)
    information = -likelihood(fitted.estimate_.values * unit).hessian * np.outer(unit, unit)
    assert np.allclose(np.linalg.inv(information), fitted.covariance_, rtol=1e-3)
    assert model._loadings.scales[0] == pytest.approx(small["age"].std(ddof=0))


def test_weights_are_repetitions(small):
    twice = pd.concat([small, small.iloc[:300]])
    weights = np.where(np.arange(len(small)) < 300, 2.0, 1.0)
    once = ParetoNBD(purchase_covariates="~ channel").fit(small, weights=weights)
    many = ParetoNBD(purchase_covariates="~ channel").fit(twice)
    assert once.params_ == pytest.approx(many.params_, rel=1e-5)
    assert len(many.fitted_data_[1]) == len(small)


def test_equal_cases_are_counted_once(small):
    rounded = small.assign(recency=np.ceil(small["recency"] / 10), T=np.ceil(small["T"] / 10))
    model = BetaGeoNBD(purchase_covariates=["channel"]).fit(rounded)
    cases = rounded.groupby(["frequency", "recency", "T", "channel"]).ngroups
    assert len(model.fitted_data_[1]) == cases < len(small) / 2
    assert len(model.fitted_params_.alpha) == cases


def test_predictions_are_those_of_each_row_s_parameters(fitted, small):
    rows = small.iloc[:40]
    found = fitted.params_
    design = fitted.to_params().effects.design
    assert design.names == ("age", "channel[app]", "channel[web]")
    years = rows["age"].to_numpy() - small["age"].mean()

    def factor(process):
        effect = found[f"{process}.age"] * years
        for channel in ("app", "web"):
            effect = effect + found[f"{process}.channel[{channel}]"] * (rows["channel"] == channel).to_numpy()
        return np.exp(effect)

    alpha = found["alpha"] / factor("purchase")
    a, b = found["a"] * factor("dropout_a"), found["b"] * factor("dropout_b")
    histories = histories_of(rows)
    expected, alive, quantile = [], [], []
    for row in range(len(rows)):
        one, customer = BetaGeoParams(found["r"], alpha[row], a[row], b[row]), histories.take(np.array([row]))
        expected.append(one.expected_purchases(customer, 26.0)[0])
        alive.append(one.probability_alive(customer)[0])
        quantile.append(one.next_purchase_quantiles(customer, 0.2)[0])
    assert np.allclose(fitted.expected_purchases(rows, 26.0), expected, rtol=1e-10)
    assert np.allclose(fitted.probability_alive(rows), alive, rtol=1e-10)
    assert np.allclose(fitted.next_purchase_quantiles(rows, 0.2)[0.2], quantile, rtol=1e-10)
    new = [
        BetaGeoParams(found["r"], *own).expected_purchases_new(np.array([26.0]))[0]
        for own in zip(alpha, a, b, strict=True)
    ]
    assert np.allclose(fitted.expected_purchases_new(26.0, rows), new, rtol=1e-10)
    table = fitted.purchase_probabilities_new(3, 26.0, rows)
    assert table.shape == (40, 4)
    assert list(fitted.posterior(rows).index) == list(rows.index)
    assert fitted.survival(rows, [1.0, 50.0]).shape == (40, 2)


def test_future_draws_follow_the_covariates(fitted, small):
    total = fitted.total_interval(small, 26.0, size=200, rng=np.random.default_rng(2))
    assert total["expected"] == pytest.approx(fitted.expected_purchases(small, 26.0).sum(), rel=1e-9)
    assert total["low"] < total["expected"] < total["high"]
    futures = fitted.draw(small, 26.0, 200, np.random.default_rng(2), parameter_uncertainty=False)
    web = (small["channel"] == "web").to_numpy()
    expected = fitted.expected_purchases(small, 26.0)
    for group in (web, ~web):
        assert futures[group].to_numpy().mean() == pytest.approx(expected[group].mean(), rel=0.05)


def test_stored_parameters_predict_the_same(fitted, small):
    params = fitted.to_params()
    text = json.dumps(params.as_json(), allow_nan=False)
    again = CovariateParams.from_json(json.loads(text), KINDS)
    assert again == params
    assert (again.kind, again.title) == ("bg_nbd", "BG/NBD with covariates")
    model = BetaGeoNBD.from_params(again)
    assert model.params_ == pytest.approx(fitted.params_, rel=1e-14)
    assert np.array_equal(model.expected_purchases(small, 10.0), fitted.expected_purchases(small, 10.0))
    assert BetaGeoNBD.from_params(params.base).to_params() == params.base
    assert params.base.at_rows(small) is params.base
    with pytest.raises(ConfigError, match="make a new one"):
        model.fit(small)


def test_fits_with_covariates_have_certificates(fitted, small):
    certificate = fitted.certificate_
    totals = next(check for check in certificate.checks if check.name == "totals")
    expected = fitted.expected_purchases_new(small["T"], small).sum()
    assert totals.value == pytest.approx(expected / small["frequency"].sum() - 1)
    assert all(
        check.passed for check in certificate.checks if check.name in {"gradient", "curvature", "starts", "boundary"}
    )


def test_value_is_that_of_each_row_s_parameters(fitted, small):
    spend = GammaGamma.from_params(GammaGammaParams(6.0, 4.0, 15.0))
    frame = small.assign(monetary_value=np.where(small["frequency"] > 0, 20.0, 0.0)).iloc[:5]
    value = customer_lifetime_value(fitted, spend, frame, 365, "week")
    params = fitted.to_params().at_rows(frame)
    for row in range(len(frame)):
        own = BetaGeoNBD.from_params(BetaGeoParams(params.r, params.alpha[row], params.a[row], params.b[row]))
        alone = customer_lifetime_value(own, spend, frame.iloc[[row]], 365, "week")
        assert value.iloc[row] == pytest.approx(alone.iloc[0], rel=1e-10)


def test_predictions_without_the_covariates_are_refused(fitted, small):
    with pytest.raises(InputError, match="lacks the covariates channel"):
        fitted.expected_purchases(small.drop(columns="channel"), 26.0)
    with pytest.raises(InputError, match="covariates age, channel of new customers"):
        fitted.expected_purchases_new(26.0)
    with pytest.raises(InputError, match="at_rows"):
        fitted.to_params().expected_purchases(newcomers(2), 26.0)


def test_summary_has_intervals_of_both_kinds(fitted):
    table = fitted.summary()
    assert list(table.index) == list(fitted.params_)
    row = table.loc["purchase.age"]
    assert row["upper"] - row["estimate"] == pytest.approx(row["estimate"] - row["lower"])
    assert row["z"] == pytest.approx(row["estimate"] / row["standard_error"])
    assert row["p_value"] < 1e-3
    assert table.loc["alpha", ["z", "p_value"]].isna().all()
    alpha = table.loc["alpha"]
    assert alpha["upper"] / alpha["estimate"] == pytest.approx(alpha["estimate"] / alpha["lower"])
    assert list(BetaGeoNBD.from_params(BetaGeoParams(1, 1, 1, 1)).summary().columns) == list(table.columns[:4])


def test_ridge_shrinks_coefficients_only(fitted, small):
    norms = []
    scales = fitted._loadings.scales
    for l2 in (1.0, 100.0, 1e6):
        shrunk = BetaGeoNBD(**BOTH, l2=l2).fit(small)
        assert shrunk.log_likelihood_ < fitted.log_likelihood_
        norms.append(np.linalg.norm(shrunk.estimate_.values[4:] * scales))
    assert np.linalg.norm(fitted.estimate_.values[4:] * scales) > norms[0] > norms[1] > norms[2]
    plain = BetaGeoNBD().fit(small)
    assert list(shrunk.params_.values())[:4] == pytest.approx(list(plain.params_.values()), rel=1e-3)
    assert shrunk.log_likelihood_ == pytest.approx(plain.log_likelihood_, abs=0.1)


def test_ridge_is_half_the_sum_of_squares():
    value, gradient, hessian = Ridge(3.0, 2)(np.array([5.0, 7.0, -2.0, 1.0]))
    assert value == 7.5
    assert gradient.tolist() == [0, 0, -6, 3]
    assert np.diag(hessian).tolist() == [0, 0, 3, 3]


def test_priors_and_covariates_together(small):
    tight = BetaGeoNBD(priors={"alpha": (20.0, 0.001)}, purchase_covariates=["age"], l2=1.0).fit(small)
    assert tight.params_["alpha"] == pytest.approx(20.0, rel=0.02)
    assert tight.is_penalised


def test_equal_effects_on_both_processes(small):
    model = ParetoNBD(**BOTH, equal=["age"]).fit(small)
    assert list(model.params_)[4:] == [
        "purchase.channel[app]",
        "purchase.channel[web]",
        "dropout.channel[app]",
        "dropout.channel[web]",
        "both.age",
    ]
    free = ParetoNBD(**BOTH).fit(small)
    assert model.log_likelihood_ <= free.log_likelihood_
    params = model.to_params().at_rows(small)
    shop = (small["channel"] == "shop").to_numpy()
    own = (params.alpha / model.params_["alpha"])[shop]
    assert np.allclose(own, (params.beta / model.params_["beta"])[shop], rtol=1e-12)
    assert np.ptp(own) > 0.1


def test_one_dropout_coefficient_on_both_parameters(small):
    same = BetaGeoNBD(dropout_covariates=["age"], dropout_effect="same").fit(small)
    params = same.to_params().at_rows(small)
    assert list(same.params_)[4:] == ["dropout.age"]
    assert np.allclose(params.a / params.b, same.params_["a"] / same.params_["b"], rtol=1e-12)
    opposite = BetaGeoNBD(dropout_covariates=["age"], dropout_effect="opposite").fit(small)
    params = opposite.to_params().at_rows(small)
    assert np.allclose(params.a * params.b, opposite.params_["a"] * opposite.params_["b"], rtol=1e-12)
    separate = BetaGeoNBD(dropout_covariates=["age"]).fit(small)
    assert separate.log_likelihood_ >= max(same.log_likelihood_, opposite.log_likelihood_)


def test_a_level_of_customers_who_never_came_back_runs_away(small):
    level = np.where((small["frequency"] == 0) & (np.arange(len(small)) % 9 == 0), "trial", "usual")
    lost = small.assign(level=level)
    with pytest.raises(FitError, match=r"purchase\.level\[trial\].*l2"):
        BetaGeoNBD(purchase_covariates=["level"]).fit(lost)
    held = BetaGeoNBD(purchase_covariates=["level"], l2=1.0).fit(lost)
    assert -10 < held.params_["purchase.level[trial]"] < -2


def test_a_fit_that_fails_leaves_no_model(small):
    model = BetaGeoNBD(purchase_covariates=["channel"]).fit(small)
    with pytest.raises(FitError, match="No customer has a repeat purchase"):
        model.fit(small[small["frequency"] == 0])
    with pytest.raises(ModelError, match="not fitted yet"):
        model.to_params()


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("~ age + C(region)", [("age", False), ("region", True)]),
        ("age", [("age", False)]),
        ("", []),
        (["age", "C(region)", "a column + more"], [("age", False), ("region", True), ("a column + more", False)]),
    ],
)
def test_formulas(formula, expected):
    assert [tuple(one) for one in wanted(formula)] == expected


@pytest.mark.parametrize(
    "formula", ["~ age * channel", "~ age:channel", "~ log(age)", "~ age - 1", "~ 1 + age", "~ age +"]
)
def test_formulas_know_no_interactions(formula):
    with pytest.raises(ConfigError, match="joined by \\+"):
        BetaGeoNBD(purchase_covariates=formula)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"purchase_covariates": ["age", "age"]}, "age twice"),
        ({"purchase_covariates": ["T"]}, "T cannot be covariates"),
        ({"purchase_covariates": ["age"], "dropout_covariates": ["C(age)"]}, "in all processes or in none"),
        ({"purchase_covariates": ["age"], "l2": -1.0}, "l2 must be"),
        ({"purchase_covariates": ["age"], "equal": ["age"]}, "among the covariates of all processes"),
        ({**BOTH, "equal": ["age"]}, "set dropout_effect"),
        ({**BOTH, "equal": "age"}, "must be a list"),
        ({**BOTH, "dropout_effect": "mixed"}, "separate, same, opposite"),
        ({**BOTH, "engine": "lifetimes"}, "no priors or covariates"),
    ],
)
def test_bad_options(options, words):
    with pytest.raises(ConfigError, match=words):
        BetaGeoNBD(**options)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([40.0, np.nan, np.inf] + [30.0] * 897, r"age missing or not finite \(2 rows, first: c1, c2\)"),
        ([30.0] * 900, "age is 30.0 for all customers"),
        ([str(i) for i in range(900)], "900 levels"),
        ([None] * 900, "age missing or not finite"),
        (pd.date_range("2020-01-01", periods=900), "turn it into numbers"),
        ([[1], [2]] * 450, "must be one column|holds a list"),
        (pd.array([1, None] + [2] * 898, dtype="Int64"), r"age missing or not finite \(1 row, first: c1\)"),
        (pd.array([True, None] + [False] * 898, dtype="boolean"), r"age missing or not finite \(1 row, first: c1\)"),
    ],
)
def test_unusable_columns(small, column, words):
    frame = small.assign(age=column).set_axis([f"c{i}" for i in range(900)])
    with pytest.raises(InputError, match=words):
        BetaGeoNBD(purchase_covariates=["age"]).fit(frame)


def test_columns_that_depend_on_one_another(small):
    frame = small.assign(months=small["age"] * 12 + 3, shop=small["channel"] == "shop")
    with pytest.raises(InputError, match="can be computed from the others"):
        BetaGeoNBD(purchase_covariates=["age", "months"]).fit(frame)
    with pytest.raises(InputError, match="can be computed from the others"):
        BetaGeoNBD(dropout_covariates=["channel", "shop"]).fit(frame)
    assert BetaGeoNBD(purchase_covariates=["age", "months"], l2=1.0).fit(frame).log_likelihood_ < 0


def test_a_missing_category_is_a_level_of_its_own(small):
    """As if it had been called "unknown", in the fit and in predictions."""
    missing = small["channel"].where(np.arange(len(small)) % 5 > 0)
    found = BetaGeoNBD(purchase_covariates=["channel"]).fit(small.assign(channel=missing))
    named = BetaGeoNBD(purchase_covariates=["channel"]).fit(small.assign(channel=missing.fillna("unknown")))
    assert found.params_ == named.params_
    assert "purchase.channel[unknown]" in found.params_
    two = small.head(2)
    expected = named.expected_purchases(two.assign(channel=["unknown", "web"]), 26.0)
    pd.testing.assert_series_equal(found.expected_purchases(two.assign(channel=[None, "web"]), 26.0), expected)


def test_options_fit_a_model_again_that_was_brought_back(fitted, small):
    params = fitted.to_params()
    back = type(fitted).from_params(params)
    assert back.covariates == fitted.covariates
    again = back.with_options(**json.loads(json.dumps(fitted.options))).unfitted().fit(small)
    assert again.params_ == fitted.params_
    with pytest.raises(ConfigError, match="brought back from stored parameters"):
        back.unfitted().fit(small)


def test_unknown_levels_and_missing_values_are_refused_at_once(fitted, small):
    frame = small.head(6).assign(channel=["web", "fax", "shop", "post", None, "app"], age=[30, 40, np.inf, 20, 30, 30])
    with pytest.raises(InputError) as caught:
        fitted.expected_purchases(frame, 26.0)
    message = str(caught.value)
    assert "channel of an unknown level ('fax', 'post') (2 rows, first: 1, 3)" in message
    assert "channel missing (1 row, first: 4)" in message
    assert "age missing or not finite (1 row, first: 2)" in message
    assert message.startswith("4 of 6 rows of covariates")
    with pytest.raises(InputError, match=r"multiply alpha beyond exp\(50\)"):
        fitted.expected_purchases(small.head(2).assign(age=[40.0, 1e6]), 26.0)


def test_a_design_is_learned_and_stored():
    frame = {
        "size": np.array([1, 2, 3, 4]),
        "vip": np.array([True, False, True, True]),
        "region": np.array([10.0, 20.0, 20.0, 30.0]),
        "colour": pd.Series(["red", "blue", "red", "blue"], dtype="category"),
    }
    asked = wanted(["size", "vip", "C(region)", "colour"])
    design = learned_design(frame, asked, np.array([1.0, 1.0, 1.0, 3.0]))
    assert design.names == ("size", "vip", "region[10]", "region[20]", "colour[red]")
    size, vip, region, colour = design.covariates
    assert size == NumericCovariate("size", 3.0, pytest.approx(np.sqrt(8 / 6)))
    assert vip == NumericCovariate("vip", 0.0, 1.0)
    assert region == CategoricalCovariate("region", ("30", "10", "20"))
    # Blue is more frequent by weight; among equally frequent levels the alphabet decides.
    assert colour.levels == ("blue", "red")
    again = Design.from_json(json.loads(json.dumps(design.as_json())))
    assert again == design
    assert again.encode(frame).tolist()[1] == pytest.approx([-1 / np.sqrt(8 / 6), 0, 0, 1, 0])
    # Whole numbers name the same level whatever their type.
    assert again.encode({**frame, "region": np.array(["10", 20, 20.0, np.int32(30)], dtype=object)})[
        :, 2:4
    ].tolist() == (again.encode(frame)[:, 2:4].tolist())
    assert learned_design(frame, (Wanted("colour", False),), np.ones(4)).covariates[0].levels == ("blue", "red")


def test_models_of_periods_take_covariates(small):
    frame = in_periods(small)
    plain = BetaGeoBetaBinomial().fit(frame)
    found = BetaGeoBetaBinomial(purchase_covariates=["channel"], dropout_covariates=["member"]).fit(frame)
    assert found.log_likelihood_ >= plain.log_likelihood_
    assert found.params_["purchase.channel[web]"] > 2 * found.standard_errors_["purchase.channel[web]"]
    expected = found.expected_purchases(frame, 4.0)
    for row in range(5):
        assert found.expected_purchases(frame.iloc[[row]], 4.0).iloc[0] == pytest.approx(expected.iloc[row], rel=1e-10)
