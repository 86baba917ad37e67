"""BG/CNBD-k and MBG/CNBD-k estimates against the literature, the models they contain, and simulated truth."""

import math
from datetime import date

import mpmath
import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary

from patronage.errors import ConfigError, InputError, ModelError
from patronage.models.base import histories_of
from patronage.models.comparison import likelihood_ratio_test
from patronage.models.purchase.bg_cnbd_k import BetaGeoCNBD, ModifiedBetaGeoCNBD, regular_rows
from patronage.models.purchase.bg_nbd import BetaGeoNBD, beta_geometric_rows
from patronage.models.purchase.kinds import model_of
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_cnbd_k import BetaGeoCNBDParams, ModifiedBetaGeoCNBDParams
from patronage.summary.customer_summary import summarise

MODELS = (BetaGeoCNBD, ModifiedBetaGeoCNBD)


@pytest.fixture(scope="module")
def sample():
    """The 1/10 sample of CDNOW, as the package lifetimes ships it: rounded to two decimals of a week."""
    return load_cdnow_summary()


def regular_world(params, n_customers, horizon, rng):
    """Customers who behave exactly as the model says, observed for 20 to 80 weeks and then for the horizon."""
    T = rng.uniform(20, 80, n_customers)
    rate, leaving = rng.gamma(params.r, 1 / params.alpha, n_customers), rng.beta(params.a, params.b, n_customers)
    frequency, recency, log_intervals, future, clock = np.zeros((5, n_customers))
    alive = np.ones(n_customers, dtype=bool)
    if params.chances_at_start:
        alive = rng.random(n_customers) >= leaving
    buying = np.flatnonzero(alive)
    while buying.size:
        gap = rng.gamma(params.k, 1 / rate[buying])
        within = clock[buying] + gap <= T[buying] + horizon
        buying, gap = buying[within], gap[within]
        clock[buying] += gap
        seen = clock[buying] <= T[buying]
        frequency[buying[seen]] += 1
        recency[buying[seen]] = clock[buying[seen]]
        log_intervals[buying[seen]] += np.log(gap[seen])
        future[buying[~seen]] += 1
        leaves = rng.random(buying.size) < leaving[buying]
        alive[buying[leaves & seen]] = False
        buying = buying[~leaves]
    columns = {"frequency": frequency, "recency": recency, "T": T, "log_intervals": log_intervals}
    return pd.DataFrame({**columns, "alive": alive, "frequency_holdout": future})


@pytest.fixture(
    scope="module", params=[BetaGeoCNBDParams(0.8, 2.0, 0.7, 3.0, 2), ModifiedBetaGeoCNBDParams(1.5, 2.0, 0.9, 4.0, 3)]
)
def world(request):
    """The truth, 15,000 customers who follow it, and the model fitted to them."""
    truth = request.param
    customers = regular_world(truth, 15_000, 40.0, np.random.default_rng(3))
    return truth, customers, MODELS[truth.chances_at_start]().fit(customers)


def test_k_is_found_and_truth_is_recovered(world):
    truth, _, model = world
    assert model.k_ == truth.k
    assert max(model.k_log_likelihoods_, key=model.k_log_likelihoods_.get) == truth.k
    assert model.k_log_likelihoods_[truth.k] == model.log_likelihood_ == model.comparable_log_likelihood_
    for name, error in model.standard_errors_.items():
        assert abs(model.params_[name] - getattr(truth, name)) < 3 * error


def test_the_future_of_the_simulated_customers_is_foreseen(world):
    truth, customers, _ = world
    histories = histories_of(customers)
    bought, expected = customers["frequency_holdout"], truth.expected_purchases(histories, 40.0)
    assert abs((bought - expected).sum()) < 4 * np.sqrt(((bought - expected) ** 2).sum())
    alive = truth.probability_alive(histories)
    assert abs((customers["alive"] - alive).sum()) < 4 * np.sqrt((alive * (1 - alive)).sum())
    table = truth.purchase_probabilities(histories, 5, 40.0)
    for n in range(6):
        error = np.sqrt((table[:, n] * (1 - table[:, n])).sum())
        assert abs((bought == n).sum() - table[:, n].sum()) < 4 * error
    # Who is likely to come back does: calibration by fifths of the probability to be active.
    active = truth.probability_active(histories, 40.0)
    for fifth in np.array_split(np.argsort(active), 5):
        error = np.sqrt((active[fifth] * (1 - active[fifth])).sum())
        assert abs((bought.to_numpy()[fifth] > 0).sum() - active[fifth].sum()) < 4 * error


def test_regularity_is_worth_knowing(world):
    _, customers, model = world
    random = (BetaGeoNBD, ModifiedBetaGeoNBD)[model.params_class.chances_at_start]().fit(customers)
    assert model.comparable_log_likelihood_ > random.comparable_log_likelihood_ + 1000
    bought = customers["frequency_holdout"]
    errors = [((one.expected_purchases(customers, 40.0) - bought) ** 2).mean() for one in (model, random)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize(("regular", "random"), [(BetaGeoCNBD, BetaGeoNBD), (ModifiedBetaGeoCNBD, ModifiedBetaGeoNBD)])
def test_one_stage_is_random_purchasing(sample, regular, random):
    ours, theirs = regular(k=1).fit(sample), random().fit(sample)
    assert ours.params_ == pytest.approx(theirs.params_, rel=1e-7)
    assert ours.standard_errors_ == pytest.approx(theirs.standard_errors_, rel=1e-6)
    assert ours.log_likelihood_ == pytest.approx(theirs.log_likelihood_, abs=1e-8)
    assert ours.comparable_log_likelihood_ == ours.log_likelihood_


@pytest.mark.parametrize("chances_at_start", [0, 1])
def test_rows_of_one_stage_are_those_of_random_purchasing(sample, chances_at_start):
    histories, point = histories_of(sample), [0.3, 5.0, 0.9, 2.0]
    ours = regular_rows(point, histories, 1, chances_at_start)
    theirs = beta_geometric_rows(point, histories, chances_at_start)
    for found, expected in zip(ours, theirs, strict=True):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(
    ("model", "by_39_weeks", "by_78_weeks"),
    [(BetaGeoCNBD, -95368.444, -173425.916), (ModifiedBetaGeoCNBD, -95336.958, -173294.442)],
)
def test_nothing_is_regular_in_cdnow(cdnow, model, by_39_weeks, by_78_weeks):
    # The demo of BTYDplus on CDNOW finds k = 1 too; the log-likelihoods are those of BG/NBD and MBG/NBD.
    for as_of, log_likelihood in ((date(1997, 9, 30), by_39_weeks), (date(1998, 6, 30), by_78_weeks)):
        histories = summarise(cdnow.transactions, as_of, "week").histories()
        fitted = model().fit(histories, weights=histories["n_customers"])
        assert fitted.k_ == 1
        assert list(fitted.k_log_likelihoods_) == [1, 2, 3]
        assert "beyond k = 1" not in {check.name for check in fitted.certificate_.checks}
        assert fitted.log_likelihood_ == pytest.approx(log_likelihood, abs=1e-3)


@pytest.mark.parametrize("chances_at_start", [0, 1])
@pytest.mark.parametrize("k", [2, 5, 12])
def test_gradient_and_hessian_by_differences(k, chances_at_start):
    x = np.array([0.0, 0.0, 1.0, 2.0, 30.0, 3.0])
    t_x = np.array([0.0, 0.0, 3.0, 30.43, 36.0, 39.0])
    histories = Histories(x, t_x, np.array([0.5, 38.86, 38.86, 38.86, 39.0, 39.0]))
    for point in ([0.3, 5.0 / k, 0.9, 2.0], [2.0, 0.7, 0.05, 30.0]):
        values = np.array(point)
        rows = regular_rows(values, histories, k, chances_at_start)
        for place in range(4):
            step = np.zeros(4)
            step[place] = 1e-5 * values[place]
            above, below = (regular_rows(values + sign * step, histories, k, chances_at_start) for sign in (1, -1))
            by_value = (above.value - below.value) / (2 * step[place])
            by_gradient = (above.gradient - below.gradient) / (2 * step[place])
            assert rows.gradient[place] == pytest.approx(by_value, rel=1e-6, abs=1e-6)
            assert rows.hessian[place] == pytest.approx(by_gradient, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("k", "x", "intervals", "T"), [(2, 2, (3.0, 5.5), 10.0), (4, 1, (6.0,), 6.5), (3, 0, (), 8.0)])
@pytest.mark.parametrize("model", MODELS)
def test_likelihood_by_integration_over_customers(model, k, x, intervals, T):
    """The product of Erlang densities and of what came after the last purchase, integrated over rate and dropout."""
    mpmath.mp.dps = 25
    r, alpha, a, b = map(mpmath.mpf, ("0.8", "2.1", "0.7", "2.9"))
    m, t_x = model.params_class.chances_at_start, sum(intervals)

    def of_rate(rate, alive):
        density = mpmath.exp(-alpha * rate) * alpha**r * rate ** (r - 1) / mpmath.gamma(r)
        for interval in intervals:
            density *= (
                rate**k * mpmath.mpf(interval) ** (k - 1) * mpmath.exp(-rate * interval) / mpmath.factorial(k - 1)
            )
        silence = rate * (mpmath.mpf(T) - t_x)
        return density * mpmath.gammainc(k, silence, regularized=True) if alive else density

    points = [0, 0.1, 0.5, 2, 6, 30]
    alive, dead = (
        mpmath.quad(lambda rate, is_alive=is_alive: of_rate(rate, is_alive), points) for is_alive in (True, False)
    )
    stays = mpmath.beta(a, b + x + m) / mpmath.beta(a, b)
    leaves = mpmath.beta(a + 1, b + x + m - 1) / mpmath.beta(a, b) if x + m else 0
    exact = mpmath.log(stays * alive + leaves * dead)

    frame = {"frequency": [float(x)], "recency": [t_x], "T": [T]}
    log_intervals = sum(map(math.log, intervals))
    value = regular_rows([0.8, 2.1, 0.7, 2.9], histories_of(frame), k, m).value[0]
    value += (k - 1) * log_intervals - x * math.lgamma(k)
    assert value == pytest.approx(float(exact), rel=1e-9)


def test_log_intervals_of_mixed_histories_add_up(world):
    """Counted histories with their mean log_intervals give the fit of single customers."""
    truth, customers, model = world
    rounded = customers.assign(recency=np.ceil(customers["recency"]), T=np.ceil(customers["T"])).head(3000)
    rounded["log_intervals"] = np.minimum(
        rounded["log_intervals"],
        rounded["frequency"] * np.log(np.maximum(rounded["recency"], 1) / np.maximum(rounded["frequency"], 1)),
    )
    grouped = rounded.groupby(["frequency", "recency", "T"])["log_intervals"]
    counted = grouped.agg(["mean", "size"]).rename(columns={"mean": "log_intervals"}).reset_index()
    alone, together = type(model)(k=truth.k).fit(rounded), type(model)(k=truth.k).fit(counted, weights=counted["size"])
    assert together.log_likelihood_ == pytest.approx(alone.log_likelihood_, rel=1e-10)
    assert together.params_ == pytest.approx(alone.params_, rel=1e-6)


def test_k_may_be_stated_without_log_intervals(world):
    truth, customers, model = world
    without = type(model)(k=truth.k).fit(customers.drop(columns="log_intervals"))
    assert without.params_ == pytest.approx(model.params_, rel=1e-6)
    assert without.k_ == truth.k
    assert without.k_log_likelihoods_ == {}
    assert math.isnan(without.comparable_log_likelihood_)
    for criterion in ("aic_", "bic_"):
        with pytest.raises(ModelError, match=f"{criterion} of .*CNBD-{truth.k} is not known.*lacked .* log_intervals"):
            getattr(without, criterion)
    # Of one stage the likelihood is that of random purchasing, whatever the intervals; of stored parameters, unknown.
    one = type(model)(k=1).fit(customers.drop(columns="log_intervals"))
    assert one.aic_ == pytest.approx(8 - 2 * one.log_likelihood_)
    assert math.isnan(type(model).from_params(without.to_params()).bic_)


def test_likelihoods_with_and_without_log_intervals_are_of_different_data(world):
    truth, customers, model = world
    kind = type(model)
    seen = customers.assign(size=np.arange(len(customers)) % 2)
    full = kind(k=truth.k, purchase_covariates=["size"]).fit(seen)
    assert likelihood_ratio_test(kind(k=truth.k).fit(seen), full).degrees_of_freedom == 1
    with pytest.raises(ModelError, match="different data"):
        likelihood_ratio_test(kind(k=truth.k).fit(seen.drop(columns="log_intervals")), full)


def test_the_unit_of_time_scales_alpha_alone(world):
    truth, customers, model = world
    scaled = customers.assign(recency=customers["recency"] * 7, T=customers["T"] * 7)
    scaled["log_intervals"] += customers["frequency"] * np.log(7)
    daily = type(model)(k=truth.k).fit(scaled)
    assert daily.params_["alpha"] / 7 == pytest.approx(model.params_["alpha"], rel=1e-6)
    # Densities of x times are per day instead of per week.
    expected = model.log_likelihood_ - customers["frequency"].sum() * np.log(7)
    assert daily.log_likelihood_ == pytest.approx(expected, rel=1e-10)


def test_covariates_at_the_chosen_k(world):
    truth, customers, model = world
    rng = np.random.default_rng(1)
    some = customers.head(4000).assign(web=rng.integers(0, 2, 4000))
    plain = type(model)(k=truth.k).fit(some)
    fitted = type(model)(purchase_covariates=["web"]).fit(some)
    assert fitted.k_ == truth.k
    # A column without an effect: nearly the same likelihood, a coefficient near 0, and parameters that keep k.
    assert 0 <= fitted.log_likelihood_ - plain.log_likelihood_ < 6
    assert abs(fitted.params_["purchase.web"]) < 3 * fitted.standard_errors_["purchase.web"]
    again = model_of(fitted.to_params())
    assert again.k_ == truth.k
    expected = fitted.expected_purchases(some, 20.0)
    assert again.expected_purchases(some, 20.0).to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_params_go_out_and_come_back(sample, model):
    fitted = model(k=2).fit(sample)
    assert fitted.to_params().k == 2
    back = model_of(fitted.to_params())
    assert isinstance(back, model)
    assert back.k_ == 2
    assert back.expected_purchases(sample, 39.0).equals(fitted.expected_purchases(sample, 39.0))


def test_parameters_of_another_kind_are_refused():
    with pytest.raises(ModelError, match="ModifiedBetaGeoCNBD needs parameters of MBG/CNBD-k; got BetaGeoCNBDParams"):
        ModifiedBetaGeoCNBD.from_params(BetaGeoCNBDParams(1.0, 1.0, 1.0, 1.0, 2))


def test_k_cannot_be_chosen_without_log_intervals(sample):
    with pytest.raises(InputError, match="To choose k the frame must have the column log_intervals"):
        BetaGeoCNBD().fit(sample)


@pytest.mark.parametrize("k", [0, 13, 2.5])
def test_impossible_k_is_refused(k):
    with pytest.raises(ConfigError, match="k must be a whole number of stages, 1 to 12"):
        BetaGeoCNBD(k=k)


@pytest.mark.parametrize(
    ("log_intervals", "reason"),
    [
        ([np.nan, 0.5, 0.0], "missing or not finite"),
        ([0.5, 0.5, 1.0], "other than 0 where frequency is 0"),
        ([3.0, 0.5, 0.0], "of another time unit"),
    ],
)
def test_bad_log_intervals_are_named(log_intervals, reason):
    frame = pd.DataFrame(
        {"frequency": [2, 1, 0], "recency": [4.0, 2.0, 0.0], "T": [9.0, 9.0, 9.0]}, index=["p", "q", "s"]
    )
    with pytest.raises(InputError, match=reason) as caught:
        BetaGeoCNBD(k=2).fit(frame.assign(log_intervals=log_intervals))
    assert len(caught.value.first_ids) == 1


def test_k_is_not_known_before_the_fit():
    with pytest.raises(ModelError, match="not fitted"):
        _ = BetaGeoCNBD(k=2).k_
