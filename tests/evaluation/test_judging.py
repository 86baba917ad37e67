"""Measures with intervals and paired differences: against plain formulas, DeLong and simulated truth."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation import judging
from patronage.evaluation.churn_judging import groups_of, judge_churn
from patronage.evaluation.churn_money import BY_PROFIT, CampaignTerms, campaign_words
from patronage.evaluation.counted_metrics import brier, log_loss, roc_auc
from patronage.evaluation.counted_quantities import QUANTITY_METRICS
from patronage.evaluation.judging import Resamples, judged
from patronage.evaluation.maximum_profit import expected_maximum_profit, maximum_profit
from patronage.evaluation.metrics import TOTALS, quantity_metrics
from patronage.evaluation.outcomes import quantities
from patronage.evaluation.roc_variance import delong
from patronage.schema import (
    BRIER_PARTS,
    CAMPAIGN_PROFIT,
    CAMPAIGN_SAVINGS,
    CHURN_CALIBRATION,
    CHURN_GAIN,
    CHURN_LIFT,
    CHURN_SLICES,
    DIFFERENCES,
    LEAKS,
    METRICS,
    PROFIT_CURVE,
)  # fmt: skip

TERMS = CampaignTerms(offer_cost=10.0, contact_cost=1.0, acceptance=0.3, acceptance_spread=0.1)


def world(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(2, 3, n)
    y = (rng.random(n) < p).astype(float)
    noisy = np.clip(p + rng.normal(0, 0.25, n), 0.01, 0.99)
    return y, {"model": p, "rule": noisy}, rng


def test_counted_quantities_equal_the_plain_ones():
    rng = np.random.default_rng(1)
    actual, predicted = rng.poisson(1.0, 400).astype(float), np.round(rng.gamma(2, 0.5, 400), 1)
    plain = quantity_metrics(actual, predicted)
    for name, metric in QUANTITY_METRICS.items():
        assert metric(actual, predicted)(np.ones(400)) == pytest.approx(plain[name], rel=1e-9), name


def test_counted_quantities_of_a_resample_are_those_of_its_rows():
    rng = np.random.default_rng(2)
    actual, predicted = rng.poisson(1.0, 200).astype(float), np.round(rng.gamma(2, 0.5, 200), 1)
    counts = np.bincount(rng.integers(0, 200, 200), minlength=200).astype(float)
    rows = np.repeat(np.arange(200), counts.astype(int))
    plain = quantity_metrics(actual[rows], predicted[rows])
    for name, metric in QUANTITY_METRICS.items():
        assert metric(actual, predicted)(counts) == pytest.approx(plain[name], rel=1e-9), name


def test_quantities_undefined_where_nothing_came():
    zeros, ones = np.zeros(5), np.ones(5)
    figures = {name: metric(zeros, ones)(ones) for name, metric in QUANTITY_METRICS.items()}
    assert np.isnan([figures["total_error"], figures["correlation"], figures["normalised_gini"]]).all()
    assert figures["mae"] == 1.0


def test_intervals_and_differences_of_the_auc_are_those_of_delong():
    y, scores, rng = world()
    found = judged("churn", y, scores, {"roc_auc": roc_auc}, Resamples(1500), rng=rng)
    exact = delong(y, scores)
    np.testing.assert_allclose(found.metrics[["low", "high"]], exact.intervals()[["low", "high"]], atol=0.004)
    ours, theirs = found.differences.iloc[0], exact.differences("rule").iloc[0]
    assert ours["difference"] == pytest.approx(theirs["difference"])
    assert (ours["low"], ours["high"]) == pytest.approx((theirs["low"], theirs["high"]), abs=0.004)
    assert ours["verdict"] == "better"
    assert (list(found.metrics), list(found.differences)) == (list(METRICS.names), list(DIFFERENCES.names))


def test_equal_predictions_show_no_difference():
    y, scores, rng = world()
    found = judged(
        "churn", y, {"model": scores["model"], "same": scores["model"]}, {"brier": brier}, Resamples(50), rng=rng
    )
    row = found.differences.iloc[0]
    assert (row["difference"], row["low"], row["high"], row["verdict"]) == (0, 0, 0, "unclear")


def test_errors_of_totals_are_compared_by_size():
    rng = np.random.default_rng(5)
    actual = rng.poisson(5.0, 2000).astype(float)
    found = judged(
        "purchases", actual, {"model": np.full(2000, 4.8), "rule": np.full(2000, 6.0)}, QUANTITY_METRICS,
        Resamples(200), rng=rng, checked=quantities, plain=TOTALS,
    )  # fmt: skip
    row = found.differences.set_index("metric").loc["total_error"]
    # 4 % too little against 20 % too much.
    assert row["difference"] == pytest.approx(abs(4.8 * 2000 / actual.sum() - 1) - (12_000 / actual.sum() - 1))
    assert row["verdict"] == "better"
    totals = found.metrics.query("metric == 'total_predicted'").set_index("model")["value"]
    assert totals.to_dict() == pytest.approx({"model": 9600, "rule": 12_000})


def test_many_customers_are_sampled_and_the_spread_is_narrowed(monkeypatch):
    y, scores, _ = world(20_000, 7)
    metrics = {"log_loss": log_loss, "roc_auc": roc_auc}
    whole = judged("churn", y, scores, metrics, Resamples(400), rng=np.random.default_rng(0))
    monkeypatch.setattr(judging, "MOST_RESAMPLED", 4000)
    part = judged("churn", y, scores, metrics, Resamples(400), rng=np.random.default_rng(0))
    np.testing.assert_allclose(part.metrics["value"], whole.metrics["value"])
    width = (part.metrics["high"] - part.metrics["low"]) / (whole.metrics["high"] - whole.metrics["low"])
    np.testing.assert_allclose(width, 1, atol=0.2)


def test_without_resamples_there_are_figures_and_no_intervals():
    y, scores, rng = world(200)
    found = judged("churn", y, scores, {"brier": brier}, Resamples(0), rng=rng)
    assert found.metrics["low"].isna().all()
    assert found.differences.empty
    assert found.metrics["value"].tolist() == pytest.approx([np.mean((p - y) ** 2) for p in scores.values()])


@pytest.mark.parametrize("bad", [{"replicates": 1}, {"replicates": -1}, {"level": 1.0}])
def test_resamples_that_mean_nothing_are_refused(bad):
    with pytest.raises((ConfigError, InputError)):
        Resamples(**bad)


SCHEMAS = {
    "churn_calibration": CHURN_CALIBRATION, "churn_gain": CHURN_GAIN, "churn_lift": CHURN_LIFT,
    "brier_parts": BRIER_PARTS, "churn_slices": CHURN_SLICES, "profit_curve": PROFIT_CURVE,
    "campaign_profit": CAMPAIGN_PROFIT, "campaign_savings": CAMPAIGN_SAVINGS, "leaks": LEAKS,
}  # fmt: skip


@pytest.fixture(scope="module")
def judgement():
    y, scores, rng = world(1200, 9)
    slices = pd.DataFrame({"region": np.where(np.arange(1200) % 3, "north", None), "age": rng.normal(40, 9, 1200)})
    features = pd.DataFrame({"honest": rng.normal(size=1200), "left_on": np.where(y == 1, 5.0, np.nan)})
    value = rng.gamma(4, 50, 1200)
    found = judge_churn(
        y, {**scores, "base_rate": np.full(1200, 0.4)}, Resamples(100), rng=rng, slices=slices, value=value,
        campaign=TERMS, features=features,
    )  # fmt: skip
    return y, scores, value, found


def test_tables_are_those_of_the_schema(judgement):
    found = judgement[-1]
    assert {name: list(found.tables[name]) for name in found.tables} == {
        name: list(schema.names) for name, schema in SCHEMAS.items()
    }


def test_a_planted_leak_is_named(judgement):
    found = judgement[-1]
    assert found.tables["leaks"]["column"].tolist() == ["left_on"]
    assert any(note.startswith("left_on may give the answer away") for note in found.notes)


def test_profit_metrics_are_those_of_one_value_for_all(judgement):
    y, scores, value, found = judgement
    own = found.metrics.query("model == 'model'").set_index("metric")["value"]
    mean = value.mean()
    given = {"lifetime_value": mean, "offer_cost": 10.0, "contact_cost": 1.0}
    assert own["mpc"] == pytest.approx(maximum_profit(y, scores["model"], **given, acceptance=0.3).profit)
    alpha, beta = TERMS.acceptance_beta
    assert alpha / (alpha + beta) == pytest.approx(0.3)
    assert alpha * beta / (alpha + beta) ** 2 / (alpha + beta + 1) == pytest.approx(0.1**2)
    expected = expected_maximum_profit(y, scores["model"], **given, alpha=alpha, beta=beta).profit
    assert own["empc"] == pytest.approx(expected)


def test_knowing_the_value_makes_more_than_knowing_the_risk(judgement):
    found = judgement[-1]
    profit = found.tables["campaign_profit"].set_index("ranking")["profit"]
    assert profit[BY_PROFIT] > profit["model"] > profit["rule"] > 0
    assert "highest expected profit would have made" in campaign_words(found.tables["campaign_profit"])


def test_lift_is_gain_over_the_share_and_has_its_interval(judgement):
    y, scores, _, found = judgement
    row = found.tables["churn_lift"].query("model == 'model' and share == 0.1").iloc[0]
    top = np.argsort(-scores["model"])[:120]
    assert row["churn_rate"] == pytest.approx(y[top].mean())
    assert row["lift"] == pytest.approx(y[top].mean() / y.mean())
    metric = found.metrics.query("model == 'model' and metric == 'lift_10'").iloc[0]
    assert (metric["value"], metric["low"], metric["high"]) == (row["lift"], row["lift_low"], row["lift_high"])


def test_slices_hold_every_customer_once_and_name_the_missing(judgement):
    table = judgement[-1].tables["churn_slices"].drop_duplicates(["kind", "group"])
    assert table.groupby("kind")["n_customers"].sum().to_dict() == {"age": 1200, "region": 1200}
    assert set(table.query("kind == 'region'")["group"]) == {"north", "missing"}
    assert (table.query("kind == 'age'")["n_customers"] == 300).all()


def test_brier_parts_add_up(judgement):
    parts = judgement[-1].tables["brier_parts"]
    total = parts["reliability"] - parts["resolution"] + parts["uncertainty"]
    total += parts["within_bin_variance"] - parts["within_bin_covariance"]
    np.testing.assert_allclose(total, parts["brier"])


def test_shuffled_labels_give_an_auc_of_one_half_within_its_interval():
    y, scores, rng = world(3000, 11)
    found = judge_churn(rng.permutation(y), {"model": scores["model"]}, Resamples(200), rng=rng)
    row = found.metrics.query("metric == 'roc_auc'").iloc[0]
    assert row["low"] <= 0.5 <= row["high"]


def test_groups_of_few_numbers_are_the_numbers():
    assert groups_of(pd.Series([1.0, 2.0, np.nan])).tolist() == ["1", "2", "missing"]
    assert groups_of(pd.Series([True, False])).tolist() == ["True", "False"]


def test_an_offer_dearer_than_customers_leaves_profit_out_and_says_so():
    y, scores, rng = world(300)
    found = judge_churn(y, scores, Resamples(0), rng=rng, value=np.full(300, 5.0), campaign=TERMS)
    assert "mpc" not in set(found.metrics["metric"])
    assert any("MPC and EMPC were left out" in note for note in found.notes)
    assert campaign_words(found.tables["campaign_profit"]).startswith("No contacted share makes a profit")


@pytest.mark.parametrize(
    "bad",
    [
        {"acceptance": 0.0}, {"acceptance": 1.0}, {"acceptance_spread": 0.5}, {"offer_cost": -1.0},
        {"loyal_acceptance": 2.0}, {"contact_cost": float("nan")},
    ],
)  # fmt: skip
def test_terms_that_cannot_be_are_refused(bad):
    given = {"offer_cost": 1.0, "contact_cost": 1.0, "acceptance": 0.3, "acceptance_spread": 0.1} | bad
    with pytest.raises(ConfigError):
        CampaignTerms(**given)


def test_what_is_missing_is_refused():
    with pytest.raises(InputError, match="predictions are missing"):
        judged("value", [1.0, 2.0], {"model": [np.nan, 1.0]}, QUANTITY_METRICS, Resamples(0),
               rng=np.random.default_rng(0), checked=quantities)  # fmt: skip
