"""Diagnostics of purchase and spend models against published figures, exact sums, and simulated worlds."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import lifetimes
import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_donations
from scipy import integrate, special, stats

from patronage import schema
from patronage.errors import InputError
from patronage.evaluation import diagnostics, paths, tables
from patronage.evaluation.model_choice import log_score
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.kinds import MODELS, model_of
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.covariates import CategoricalCovariate, Coefficient, Design, Effects
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.kinds import KINDS
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.daily_counts import daily_counts
from patronage.summary.split import calibration_holdout

CUTOFF, END = date(1997, 9, 30), date(1998, 6, 30)
SHOWN = [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD]
BG, MBG = BetaGeoParams(0.243, 4.414, 0.793, 2.426), ModifiedBetaGeoParams(0.525, 6.183, 0.891, 1.614)
PARETO = ParetoParams(0.553, 10.578, 0.606, 11.669)


@pytest.fixture(scope="module")
def sample(cdnow):
    """The transactions of the customers of the 1/10 sample."""
    path = Path(lifetimes.__file__).parent / "datasets" / "CDNOW_sample.txt"
    ids = sorted({line.split()[0] for line in path.read_text().splitlines()})
    return cdnow.transactions.filter(cdnow.transactions.customer_id.isin(ids))


@pytest.fixture(scope="module")
def holdout(sample):
    return calibration_holdout(sample, CUTOFF, 273).to_pandas()


@pytest.fixture(scope="module")
def daily(sample):
    return daily_counts(sample, CUTOFF, END)


@pytest.fixture(scope="module")
def fitted(holdout):
    return {model: model().fit(holdout) for model in SHOWN}


def has_columns(table, described):
    return list(table.columns[: len(described.names)]) == list(described.names)


# Published figures of the 1/10 sample of CDNOW at each model's own estimates, and what really came.

ACTUAL_MEANS = [0.2367, 0.6970, 1.3925, 1.5600, 2.5323, 2.9474, 3.8621, 6.3594]
EXPECTED_MEANS = {
    ParetoNBD: [0.1384, 0.5995, 1.1958, 1.7138, 2.3983, 2.9072, 3.8186, 6.4031],
    BetaGeoNBD: [0.2251, 0.5231, 1.0441, 1.5203, 2.1639, 2.6538, 3.5040, 6.1572],
}


@pytest.mark.parametrize("model", EXPECTED_MEANS)
def test_conditional_expectations_of_the_sample(fitted, holdout, model):
    table = diagnostics.conditional_expectation(fitted[model], holdout, 39.0)
    assert tuple(table.columns) == schema.CONDITIONAL_EXPECTATION.names
    assert table["frequency"].tolist() == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert table["n_customers"].tolist() == [1411, 439, 214, 100, 62, 38, 29, 64]
    assert table["actual_mean"].to_numpy() == pytest.approx(ACTUAL_MEANS, abs=5.1e-5)
    assert table["expected_mean"].to_numpy() == pytest.approx(EXPECTED_MEANS[model], abs=1.01e-4)


@pytest.mark.parametrize(
    ("model", "published"),
    [
        (BetaGeoNBD, [1407.68, 460.32, 192.46, 101.16, 59.85, 38.12, 25.55]),
        (ParetoNBD, [1434.04, 396.88, 193.49, 111.81, 69.99, 45.86, 30.93]),
    ],
)
def test_frequencies_of_the_sample(fitted, holdout, model, published):
    table = tables.frequency_histogram(fitted[model], holdout)
    assert table["expected"][:7].to_numpy() == pytest.approx(published, abs=0.0101)


@pytest.mark.parametrize(
    ("model", "week_39", "week_78"),
    [(ParetoNBD, 2524.9, 4270.0), (BetaGeoNBD, 2494.0, 4160.6), (ModifiedBetaGeoNBD, 2475.6, 4050.0)],
)
def test_cumulative_repeats_of_the_sample(fitted, daily, model, week_39, week_78):
    curve = tables.tracking_curve(fitted[model], daily, CUTOFF, END, TimeUnit.WEEK).set_index("period_end")
    assert tuple(curve.reset_index().columns) == schema.TRACKING_CURVE.names
    assert curve.loc[CUTOFF, "expected_cumulative"] == pytest.approx(week_39, abs=0.06)
    assert curve.loc[END, "expected_cumulative"] == pytest.approx(week_78, abs=0.06)
    assert curve.loc[[CUTOFF, END], "actual_cumulative"].tolist() == [2457, 4339]


# Intervals.


@pytest.mark.parametrize("params", [BG, MBG, PARETO], ids=lambda params: params.kind)
def test_simulated_paths_follow_the_model(params):
    size, ages = 20_000, np.array([1.0, 10.0, 40.0])
    counts = paths.simulated_paths(params, 40, 1.0, size, np.random.default_rng(3))
    reached = counts.cumsum(axis=1)[:, [0, 9, 39]]
    probability = params.purchase_probabilities_new(400, ages)
    n = np.arange(401)
    mean, square = probability @ n, probability @ n**2
    variance = square - mean**2
    assert (np.abs(reached.mean(axis=0) - mean) < 4 * np.sqrt(variance / size)).all()
    fourth = ((n - mean[:, None]) ** 4 * probability).sum(axis=1)
    assert (np.abs(reached.var(axis=0) - variance) < 4 * np.sqrt((fourth - variance**2) / size)).all()
    for k in range(3):
        observed = (reached == k).mean(axis=0)
        error = np.sqrt(probability[:, k] * (1 - probability[:, k]) / size)
        assert (np.abs(observed - probability[:, k]) < 4 * error).all()


@pytest.mark.parametrize("params", [BG, PARETO], ids=lambda params: params.kind)
def test_tracking_intervals_hold_what_comes_in_simulated_worlds(params):
    """Customers acquired week by week, 300 worlds: each week's count lies in its interval as often as promised."""
    weeks, worlds, each = 40, 300, 40
    starts = np.arange(12)
    day_0 = pd.Timestamp("2024-01-01")
    first = day_0 + pd.to_timedelta(7 * starts, "D")
    daily = pd.DataFrame({"day": first, "new_customers": each, "repeat_purchases": 0})
    cutoff, until = ((day_0 + pd.Timedelta(weeks=n)).date() for n in (20, weeks))
    rng = np.random.default_rng(0)
    curve = tables.tracking_curve(model_of(params), daily, cutoff, until, TimeUnit.WEEK, rng=rng)
    counts = paths.simulated_paths(params, weeks, 1.0, worlds * len(starts) * each, np.random.default_rng(11))
    by_start = counts.reshape(worlds, len(starts), each, weeks).sum(axis=2)
    by_week = np.zeros((worlds, weeks))
    for start in starts:
        by_week[:, start:] += by_start[:, start, : weeks - start]
    table = curve[-weeks:].reset_index(drop=True)
    for name, came in (("incremental", by_week), ("cumulative", by_week.cumsum(axis=1))):
        low, high = table[f"{name}_low"].to_numpy(), table[f"{name}_high"].to_numpy()
        # Half a count each way, because counts are whole and the interval is not.
        covered = ((came >= low - 0.5) & (came <= high + 0.5)).mean(axis=0)[4:]
        assert 0.86 < covered.mean() < 0.95
        assert covered.min() > 0.82


def test_intervals_of_conditional_expectations_hold_what_comes():
    rng = np.random.default_rng(5)
    x = np.repeat([0.0, 1, 2, 5, 9], 60)
    frame = pd.DataFrame({"frequency": x, "recency": np.where(x > 0, 25.0, 0.0), "T": 38.0, "frequency_holdout": 0})
    table = diagnostics.conditional_expectation(model_of(PARETO), frame, 39.0, level=0.8, rng=rng)
    assert has_columns(table, schema.CONDITIONAL_EXPECTATION)
    assert table["level"].unique().tolist() == [0.8]
    futures = PARETO.draw(Histories(x, frame["recency"].to_numpy(), frame["T"].to_numpy()), 39.0, 2000, rng)
    means = futures.reshape(2000, 5, 60).mean(axis=2)
    covered = ((means >= table["expected_low"].to_numpy()) & (means <= table["expected_high"].to_numpy())).mean(axis=0)
    assert covered == pytest.approx(np.full(5, 0.8), abs=0.07)


def test_intervals_are_wider_where_parameters_are_uncertain(fitted, holdout, daily):
    model = fitted[BetaGeoNBD]
    known = model_of(model.to_params())
    for make in (
        lambda m: tables.tracking_curve(m, daily, CUTOFF, END, TimeUnit.WEEK, rng=np.random.default_rng(1)).assign(
            low=lambda t: t["cumulative_low"], high=lambda t: t["cumulative_high"]
        ),
        lambda m: diagnostics.conditional_expectation(m, holdout, 39.0, rng=np.random.default_rng(1)).rename(
            columns={"expected_low": "low", "expected_high": "high"}
        ),
    ):
        uncertain, certain = make(model), make(known)
        widths = [(table["high"] - table["low"]).iloc[1:] for table in (uncertain, certain)]
        assert (widths[0] > widths[1]).all()


def test_same_seed_same_intervals(fitted, daily):
    one, two = (
        tables.tracking_curve(fitted[BetaGeoNBD], daily, CUTOFF, END, TimeUnit.WEEK, rng=np.random.default_rng(7))
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one, two)


def test_parameter_variance_is_that_of_refitted_worlds(fitted):
    """The expected purchases of a newcomer, at parameters drawn from their estimated distribution."""
    model = fitted[BetaGeoNBD]
    values, rng = np.array(list(model.params_.values())), np.random.default_rng(2)
    spread = model.covariance_ / np.outer(values, values)
    drawn = values * np.exp(rng.multivariate_normal(np.zeros(4), spread, 4000))
    horizon = np.array([10.0, 39.0])
    simulated = np.array([BetaGeoParams(*row).expected_purchases_new(horizon) for row in drawn]).var(axis=0)
    variance = paths.parameter_variance(model, lambda params: params.expected_purchases_new(horizon))
    assert variance == pytest.approx(simulated, rel=0.15)
    assert paths.parameter_variance(model_of(BG), lambda p: p.expected_purchases_new(horizon)).tolist() == [0.0, 0.0]


def test_total_interval_is_near_that_of_poisson_and_normal():
    mean = np.array([0.0, 4.0, 10_000.0])
    low, high = paths.total_interval(mean, mean, 0.9)
    assert (low[0], high[0]) == (0.0, 0.0)
    assert (low[1], high[1]) == pytest.approx(stats.poisson.interval(0.9, 4), abs=0.9)
    assert (low[2], high[2]) == pytest.approx(stats.norm.interval(0.9, 1e4, 100), rel=1e-3)
    with pytest.raises(InputError, match="level must lie between 0 and 1"):
        paths.total_interval(mean, mean, 1.0)


# Heat maps.


@pytest.mark.parametrize("model", SHOWN)
def test_map_is_what_the_model_predicts_for_each_cell(fitted, holdout, model):
    table = diagnostics.frequency_recency_map(fitted[model], holdout, 39.0, TimeUnit.WEEK)
    assert tuple(table.columns) == schema.FREQUENCY_RECENCY.names
    one = table[(table["frequency"] == 3) & (table["recency_low"] <= 30) & (table["recency_high"] > 30)].iloc[0]
    middle = (one["recency_low"] + one["recency_high"]) / 2
    frame = pd.DataFrame({"frequency": [3.0], "recency": [middle], "T": [holdout["T"].max()]})
    assert one["expected_purchases"] == pytest.approx(fitted[model].expected_purchases(frame, 39.0)[0])
    assert one["probability_alive"] == pytest.approx(fitted[model].probability_alive(frame)[0])
    never = table[table["frequency"] == 0]
    assert len(never) == 1
    assert (table["frequency"] <= 7 * table["recency_high"])[1:].all()
    # Of equal frequency, whoever bought last later is likelier to be there and to buy more.
    for _, row in table[table["frequency"] > 0].groupby("frequency"):
        assert row.sort_values("recency_low")["probability_alive"].is_monotonic_increasing
        assert row.sort_values("recency_low")["expected_purchases"].is_monotonic_increasing


# Mixing distributions.

SOME_OF_KIND = {
    "bg_nbd": {"r": 0.25, "alpha": 4.4, "a": 0.8, "b": 2.4},
    "mbg_nbd": {"r": 0.5, "alpha": 6.2, "a": 0.9, "b": 1.6},
    "pareto_nbd": {"r": 0.55, "alpha": 10.6, "s": 0.6, "beta": 11.7},
    "ggom_nbd": {"r": 0.55, "alpha": 10.6, "b": 0.01, "s": 0.6, "beta": 0.2},
    "bg_cnbd_k": {"r": 0.5, "alpha": 4.4, "a": 0.8, "b": 2.4, "k": 3},
    "mbg_cnbd_k": {"r": 0.5, "alpha": 4.4, "a": 0.8, "b": 2.4, "k": 2},
    "bg_bb": {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.78},
}


@pytest.mark.parametrize("kind", KINDS)
def test_mixing_distributions_of_every_kind(kind):
    model = MODELS[kind].from_params(KINDS[kind](**SOME_OF_KIND[kind]))
    table = diagnostics.mixing_distributions(model, TimeUnit.WEEK)
    assert tuple(table.columns) == schema.MIXING_DISTRIBUTIONS.names
    assert table["quantity"].nunique() == 2
    for _, part in table.groupby("quantity"):
        assert (part["density"] >= 0).all()
        assert part["cumulative"].is_monotonic_increasing
        assert part["cumulative"].iloc[-1] == pytest.approx(0.999)
        width = np.log(part["value"].iloc[1] / part["value"].iloc[0])
        assert width * part["density"][1:].sum() == pytest.approx(0.999 - part["cumulative"].iloc[0])


def test_mixing_distributions_are_those_of_the_literature():
    """Gamma(r, alpha) and Beta(a, b) by their densities, integrated; means r / alpha and a / (a + b)."""
    r, alpha, a, b = 0.7, 4.0, 0.8, 2.5
    table = diagnostics.mixing_distributions(BetaGeoNBD.from_params(BetaGeoParams(r, alpha, a, b)), TimeUnit.WEEK)
    rate, leaving = (part.reset_index(drop=True) for _, part in table.groupby("quantity", sort=False))
    assert rate["mean"][0] == pytest.approx(r / alpha)
    assert leaving["mean"][0] == pytest.approx(a / (a + b))
    for part, density in (
        (rate, lambda u: alpha**r * u ** (r - 1) * np.exp(-alpha * u) / special.gamma(r)),
        (leaving, lambda u: u ** (a - 1) * (1 - u) ** (b - 1) / special.beta(a, b)),
    ):
        half = (part["value"][1] / part["value"][0]) ** 0.5
        for k in (30, 70, 110):
            low, high = part["value"][k] / half, part["value"][k] * half
            share = integrate.quad(density, low, high)[0]
            assert part["density"][k] * np.log(high / low) == pytest.approx(share, rel=1e-6)


def test_a_stage_of_k_is_one_kth_of_a_purchase():
    model = MODELS["bg_cnbd_k"].from_params(KINDS["bg_cnbd_k"](**SOME_OF_KIND["bg_cnbd_k"]))
    assert diagnostics.mixing_distributions(model, TimeUnit.WEEK)["mean"][0] == pytest.approx(0.5 / 4.4 / 3)


def test_unknown_kinds_are_refused():
    class Other(BetaGeoParams):
        kind, title = "other", "Other"

    class OtherModel(BetaGeoNBD):
        params_class = Other

    with pytest.raises(InputError, match="The mixing distributions of Other are not known"):
        diagnostics.mixing_distributions(OtherModel.from_params(Other(1.0, 1.0, 1.0, 1.0)), TimeUnit.WEEK)


# One customer's P(alive).


def test_alive_history_by_hand():
    days = [date(2024, 1, 1), date(2024, 1, 15), date(2024, 1, 15), date(2024, 3, 1), date(2024, 5, 1)]
    table = diagnostics.alive_history(model_of(PARETO), days, date(2024, 3, 31), TimeUnit.WEEK)
    assert tuple(table.columns) == schema.ALIVE_HISTORY.names
    assert table["day"].iloc[[0, -1]].tolist() == [date(2024, 1, 1), date(2024, 3, 31)]
    assert table["is_purchase"].sum() == 3
    assert table["frequency"].iloc[[0, 13, 14, 59, 60, -1]].tolist() == [0, 0, 1, 1, 2, 2]
    by_day = table.set_index("day")["probability_alive"]
    history = Histories(np.array([2.0]), np.array([60 / 7]), np.array([74 / 7]))
    assert by_day[date(2024, 3, 15)] == pytest.approx(PARETO.probability_alive(history)[0])
    assert by_day[[date(2024, 1, 1), date(2024, 1, 15), date(2024, 3, 1)]].tolist() == pytest.approx([1.0] * 3)
    silent = by_day[date(2024, 1, 15) : date(2024, 2, 29)]
    assert silent.is_monotonic_decreasing


def test_one_time_buyers_stay_alive_under_bg_alone():
    one_day = [date(2024, 1, 1)]
    bg, mbg = (
        diagnostics.alive_history(model_of(p), one_day, date(2024, 12, 31), TimeUnit.WEEK)["probability_alive"]
        for p in (BG, MBG)
    )
    assert (bg == 1).all()
    assert mbg.iloc[-1] < 0.5


def test_a_customer_without_purchases_is_refused():
    with pytest.raises(InputError, match="no purchase up to 2023-12-31"):
        diagnostics.alive_history(model_of(BG), [date(2024, 1, 1)], date(2023, 12, 31), TimeUnit.WEEK)


# Spend.


def test_spend_fit_counts_every_customer_with_repeats(holdout):
    table = diagnostics.spend_fit(GammaGamma().fit(holdout), holdout)
    assert tuple(table.columns) == schema.SPEND_FIT.names
    used = holdout[(holdout["frequency"] > 0) & (holdout["monetary_value"] > 0)]
    assert table["actual"].sum() == len(used) == 946
    assert table["expected"].sum() == pytest.approx(946, rel=0.005)
    assert (table["spend_low"].to_numpy()[1:] == table["spend_high"].to_numpy()[:-1]).all()


def test_expected_spends_are_the_integral_of_the_likelihood():
    """Equation (1a) of Fader and Hardie (2013) for customers with 1 and 4 purchases."""
    p, q, v = 6.25, 3.74, 15.44

    def density(m, x):
        log = special.gammaln(p * x + q) - special.gammaln(p * x) - special.gammaln(q) + q * np.log(v)
        return np.exp(log + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(x * m + v))

    frame = pd.DataFrame({"frequency": [1, 1, 4], "monetary_value": [5.0, 200.0, 30.0]})
    table = diagnostics.spend_fit(GammaGamma.from_params(GammaGammaParams(p, q, v)), frame)
    for k in (5, 20, 30):
        low, high = table["spend_low"][k], table["spend_high"][k]
        expected = 2 * integrate.quad(density, low, high, (1,))[0] + integrate.quad(density, low, high, (4,))[0]
        assert table["expected"][k] == pytest.approx(expected, rel=1e-8)


def test_spend_of_nobody_is_refused():
    frame = pd.DataFrame({"frequency": [0], "monetary_value": [0.0]})
    with pytest.raises(InputError, match="None of 1 customers"):
        diagnostics.spend_fit(GammaGamma.from_params(GammaGammaParams(6.25, 3.74, 15.44)), frame)


def test_parameters_of_both_models_in_one_table(fitted, holdout):
    spend = GammaGamma().fit(holdout)
    table = diagnostics.parameter_table(fitted[ParetoNBD], spend)
    assert tuple(table.columns) == schema.PARAMETERS.names
    assert table["model"].tolist() == ["Pareto/NBD"] * 4 + ["Gamma-Gamma"] * 3
    assert table["parameter"].tolist() == ["r", "alpha", "s", "beta", "p", "q", "v"]
    # Fader, Hardie and Lee (2005), table 2, and the standard errors of the R package CLVTools.
    assert table["estimate"][:4].to_numpy() == pytest.approx([0.553, 10.578, 0.606, 11.669], abs=6e-4)
    assert table["standard_error"][:4].to_numpy() == pytest.approx([0.0476, 0.8427, 0.1872, 6.21], rel=1e-3)


# Discrete time.


def test_a_discrete_model_has_its_tables_too():
    """Donors of the 1995 cohort: published histogram of repeats at 0 and 6 of 6, Fader, Hardie and Shang (2010)."""
    model = MODELS["bg_bb"].from_params(KINDS["bg_bb"](1.203522, 0.749716, 0.656718, 2.783442))
    donors = load_donations()
    frame = donors.rename(columns={"periods": "n_periods"})
    frame = frame.loc[frame.index.repeat(frame["weights"]), ["frequency", "recency", "n_periods"]].reset_index(
        drop=True
    )
    histogram = tables.frequency_histogram(model, frame).set_index("frequency")["expected"]
    assert len(frame) == 11_104
    assert histogram[["0", "6"]].tolist() == pytest.approx([3454.9, 1253.1], abs=0.06)
    cells = diagnostics.frequency_recency_map(model, frame, 5, TimeUnit.YEAR).set_index(["frequency", "recency_low"])
    assert len(cells) == 1 + sum(range(1, 7))
    # Published: E[Y(5) | 0, 0] = .0729, E[Y(5) | 6, 6] = 3.7525.
    assert cells["expected_purchases"][[(0, 0.5), (6, 5.5)]].tolist() == pytest.approx([0.0729, 3.7525], abs=6e-5)
    came = frame.assign(frequency_holdout=0)
    table = diagnostics.conditional_expectation(model, came, 5, rng=np.random.default_rng(0))
    total = table["expected_mean"] @ table["n_customers"]
    assert total == pytest.approx(12_884.16, abs=0.05)


@pytest.mark.parametrize(("a", "b"), [(1e-12, 1e-9), (1e-9, 1e8), (5e-324, 1.0)], ids=["tiny", "edge", "least"])
def test_where_customers_do_not_differ_there_is_no_distribution(a, b):
    """A ledger without any dropout leads to the edge of the parameters, where only purchase rates are left to tell."""
    model = BetaGeoNBD.from_params(BetaGeoParams(0.5, 4.0, a, b))
    table = diagnostics.mixing_distributions(model, TimeUnit.WEEK)
    assert table["quantity"].nunique() == 1
    assert np.isfinite(table[["value", "density", "cumulative", "mean"]].to_numpy(float)).all()


# Covariates: a model that has them is the models of its groups, side by side.

EFFECT = Coefficient("purchase.channel[web]", "channel[web]", (("alpha", -1.0),), 0.6)
WITH_CHANNEL = CovariateParams(PARETO, Effects(Design((CategoricalCovariate("channel", ("shop", "web")),)), (EFFECT,)))
BY_CHANNEL = {"shop": model_of(PARETO), "web": model_of(replace(PARETO, alpha=PARETO.alpha * np.exp(-0.6)))}


@pytest.fixture(scope="module")
def by_channel(holdout):
    channel = np.where(np.arange(len(holdout)) % 3, "shop", "web")
    return holdout.assign(channel=channel)


def test_tables_of_a_model_with_covariates_are_sums_over_groups(by_channel):
    model, groups = model_of(WITH_CHANNEL), dict(iter(by_channel.groupby("channel")))
    histogram = tables.frequency_histogram(model, by_channel)["expected"]
    parts = [tables.frequency_histogram(BY_CHANNEL[name], part)["expected"] for name, part in groups.items()]
    assert histogram.to_numpy() == pytest.approx(sum(parts).to_numpy(), rel=1e-9)
    means = diagnostics.conditional_expectation(model, by_channel, 39.0)
    expected = pd.concat([BY_CHANNEL[name].expected_purchases(part, 39.0) for name, part in groups.items()])
    group = np.minimum(by_channel["frequency"], diagnostics.OPEN_FREQUENCY)
    assert means["expected_mean"].to_numpy() == pytest.approx(expected.groupby(group).mean().to_numpy(), rel=1e-9)
    came = by_channel["frequency_holdout"].to_numpy(float)
    scores = {
        name: log_score(BY_CHANNEL[name], part, part["frequency_holdout"].to_numpy(float), 39.0) * len(part)
        for name, part in groups.items()
    }
    assert log_score(model, by_channel, came, 39.0) == pytest.approx(sum(scores.values()) / len(came), rel=1e-9)
    own = diagnostics.frequency_recency_map(model, by_channel, 39.0, TimeUnit.WEEK)
    shop = diagnostics.frequency_recency_map(BY_CHANNEL["shop"], by_channel, 39.0, TimeUnit.WEEK)
    pd.testing.assert_frame_equal(own, shop)


def test_tracking_with_covariates_is_a_sum_over_groups(by_channel, daily):
    rng = np.random.default_rng(4)
    curve = tables.tracking_curve(
        model_of(WITH_CHANNEL), daily, CUTOFF, END, TimeUnit.WEEK, rng=rng, customers=by_channel
    )
    total, variance = 0.0, 0.0
    for name, part in by_channel.groupby("channel"):
        won = pd.Timestamp(CUTOFF) - pd.to_timedelta((part["T"] * 7).round(), unit="D")
        own = daily.assign(new_customers=daily["day"].map(won.value_counts()).fillna(0).to_numpy())
        one = tables.tracking_curve(BY_CHANNEL[name], own, CUTOFF, END, TimeUnit.WEEK, rng=np.random.default_rng(1))
        total = total + one["expected_cumulative"].to_numpy()
        variance = variance + ((one["cumulative_high"] - one["cumulative_low"]) / 2).to_numpy() ** 2
    assert curve["expected_cumulative"].to_numpy() == pytest.approx(total, rel=1e-9)
    width = ((curve["cumulative_high"] - curve["cumulative_low"]) / 2).to_numpy()
    # Both are simulated; what tells the groups apart adds to the variance of one customer, not of the known mixture.
    assert width[10:] == pytest.approx(np.sqrt(variance)[10:], rel=0.1)
    with pytest.raises(InputError, match="customers= must hold them"):
        tables.tracking_curve(model_of(WITH_CHANNEL), daily, CUTOFF, END, TimeUnit.WEEK)


def test_of_many_customers_with_covariates_some_stand_for_all(by_channel, daily, monkeypatch):
    arguments = (model_of(WITH_CHANNEL), daily, CUTOFF, END, TimeUnit.WEEK)
    every = tables.tracking_curve(*arguments, customers=by_channel)["expected_cumulative"]
    monkeypatch.setattr(tables, "MOST_TRACKED", 500)
    some = tables.tracking_curve(*arguments, customers=by_channel)["expected_cumulative"]
    assert some.iloc[-1] != every.iloc[-1]
    assert some.iloc[10:].to_numpy() == pytest.approx(every.iloc[10:].to_numpy(), rel=0.05)


def test_variance_of_predictions_by_uncertain_coefficients(by_channel):
    """Against the predictions of random parameters from the covariance of the fit."""
    model = ParetoNBD(purchase_covariates=["channel"]).fit(by_channel)
    few = by_channel.head(200)

    def quantity(params):
        expected = type(model).from_params(params).expected_purchases(few, 39.0).to_numpy()
        return np.array([expected.sum(), expected[few["channel"] == "web"].sum()])

    found = paths.parameter_variance(model, quantity)
    values, rng = np.array(list(model.params_.values())), np.random.default_rng(2)
    scales = np.append(values[:-1], 1.0)
    drawn = []
    for step in rng.multivariate_normal(np.zeros(5), model.covariance_ / np.outer(scales, scales), 400):
        own = values * np.exp(step)
        effects = replace(model.to_params().effects, coefficients=(replace(EFFECT, value=values[-1] + step[-1]),))
        params = CovariateParams(ParetoParams(*own[:-1]), effects)
        drawn.append(quantity(params))
    assert np.sqrt(found) == pytest.approx(np.std(drawn, axis=0), rel=0.15)


def test_one_customer_s_history_with_a_covariate():
    days = [date(1997, 1, 3), date(1997, 3, 1), date(1997, 3, 20)]
    found = diagnostics.alive_history(model_of(WITH_CHANNEL), days, END, TimeUnit.WEEK, {"channel": "web"})
    expected = diagnostics.alive_history(BY_CHANNEL["web"], days, END, TimeUnit.WEEK)
    pd.testing.assert_frame_equal(found, expected)
