"""Customer tables are judged on rows that had no part in the fit: no group straddles, no day looks ahead."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from customer_tables import simulated
from patronage.errors import ConfigError, DateError
from patronage.evaluation.churn_money import CampaignTerms
from patronage.evaluation.duplicates import straddling_groups
from patronage.evaluation.judging import Resamples
from patronage.evaluation.out_of_fold import BASE_RATE, Split, out_of_fold
from patronage.evaluation.table_splits import day_splits, fold_splits, kept_together
from patronage.evaluation.table_verdict import judge_table
from patronage.models.churn.logistic import LogisticRegressionClassifier

FEATURES = ("tenure", "price", "plan", "noise")
TERMS = CampaignTerms(offer_cost=60.0, contact_cost=1.0, acceptance=0.3, acceptance_spread=0.1)


def model():
    return LogisticRegressionClassifier(30, features=FEATURES)


def panel_of(frame, left, groups):
    return frame.assign(customer_id=groups, cutoff=0, churned=left.astype(int))


@pytest.fixture(scope="module")
def judged():
    frame, probability = simulated(500, seed=3)
    left = (frame["left"] == "Yes").to_numpy(float)
    groups = kept_together(frame[list(FEATURES)], frame["customer"].tolist(), None, True)
    splits = fold_splits(left, groups, 2, 3, np.random.default_rng(0))
    found = out_of_fold(panel_of(frame, left, groups), splits, {"model": model})
    judgement = judge_table(
        found, groups, np.full(500, 200.0), TERMS, Resamples(100), rng=np.random.default_rng(0), slices=frame[["plan"]]
    )
    return found, judgement, probability, left, splits


def test_planted_copies_customers_and_households_do_not_straddle():
    frame = simulated(200)[0]
    copies = pd.concat([frame, frame.iloc[:30].assign(customer=[f"x{n}" for n in range(30)])], ignore_index=True)
    copies.loc[40:59, "customer"] = "one customer"
    household = [None] * 230
    household[100], household[101] = "home", "home"
    groups = kept_together(copies[list(FEATURES)], copies["customer"].tolist(), household, True)
    assert groups[0] == groups[200]
    assert groups[29] == groups[229]
    assert len(set(groups[40:60])) == 1
    assert groups[100] == groups[101]
    assert len(set(groups)) == 230 - 30 - 19 - 1
    left = (copies["left"] == "Yes").to_numpy(float)
    for split in fold_splits(left, groups, 2, 5, np.random.default_rng(1)):
        assert not len(straddling_groups(groups, split.train, split.test))
        assert sorted([*split.train, *split.test]) == list(range(230))


def test_copies_may_be_parted_on_demand():
    frame = pd.DataFrame({"a": [1, 1, 2]})
    assert len(set(kept_together(frame, ["x", "y", "z"], None, duplicates=False))) == 3


def test_later_days_are_foretold_by_those_whose_label_was_known():
    day = pd.Series(pd.to_datetime(np.repeat(["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"], 4)))
    left = np.tile([0.0, 1.0], 8)
    splits = day_splits(day, left, 45)
    assert [split.name for split in splits] == ["2024-03-01", "2024-04-01"]
    for split in splits:
        assert day[split.train].max() + timedelta(days=45) <= day[split.test].min()
    with pytest.raises(ConfigError, match=r"dates\.horizon_days has to say"):
        day_splits(day, left, None)
    with pytest.raises(DateError):
        day_splits(day, left, 200)
    assert day_splits(day, np.zeros(16), 45) == []


def test_predictions_are_those_of_a_model_that_had_not_seen_the_row(judged):
    found, *_, left, splits = judged
    frame = simulated(500, seed=3)[0]
    first = splits[0]
    panel = panel_of(frame, left, np.arange(500))
    by_hand = model().fit(panel.iloc[first.train]).churn_probability(panel.iloc[first.test])
    assert np.array_equal(found.probabilities["model"][found.split == 0], by_hand)
    assert np.array_equal(found.row[found.split == 0], first.test)
    assert found.probabilities[BASE_RATE][0] == left[first.train].mean()
    area = roc_auc_score(left[first.test], by_hand)
    assert found.by_split.query("model == 'model'")["roc_auc"].iloc[0] == pytest.approx(area)


def test_every_row_is_foretold_once_a_repeat(judged):
    found = judged[0]
    assert np.bincount(found.row).tolist() == [3] * 500


def test_pooled_metrics_are_those_of_scikit_learn_and_near_the_truth(judged):
    found, judgement, probability, left, _ = judged
    metrics = judgement.metrics.set_index(["model", "metric"])
    pooled = roc_auc_score(found.left, found.probabilities["model"])
    assert metrics.loc[("model", "roc_auc"), "value"] == pytest.approx(pooled)
    assert metrics.loc[("model", "roc_auc"), "low"] < roc_auc_score(left, probability) + 0.02
    assert metrics.loc[("base_rate", "roc_auc"), "high"] < metrics.loc[("model", "roc_auc"), "low"]
    assert judgement.differences.query("metric == 'roc_auc'")["verdict"].tolist() == ["better"]


def test_lists_and_money_count_every_customer_once(judged):
    judgement = judged[1]
    assert judgement.tables["churn_lift"]["n_contacted"].tolist() == [5, 25, 50, 100]
    assert judgement.tables["profit_curve"]["n_contacted"].max() == 500
    assert judgement.tables["churn_slices"]["n_customers"].max() <= 1500
    assert len(judgement.tables["folds"]) == 12


def test_intervals_of_the_calibration_do_not_take_repeats_for_evidence(judged):
    judgement = judged[1]
    table = judgement.tables["churn_calibration"].query("model == 'model'")
    middle = table[table["observed"].between(0.2, 0.8)].iloc[0]
    rows = middle["observed_high"] - middle["observed_low"]
    share, n = middle["observed"], middle["n_customers"]
    independent = 2 * 1.96 * np.sqrt(share * (1 - share) / n)
    assert rows > 1.3 * independent


def test_shuffled_labels_are_foretold_no_better_than_by_lot():
    frame, rng = simulated(400, seed=4)[0], np.random.default_rng(9)
    groups, held, areas = np.arange(400), 0, []
    for _ in range(10):
        left = rng.permutation((frame["left"] == "Yes").to_numpy(float))
        found = out_of_fold(panel_of(frame, left, groups), fold_splits(left, groups, 2, 1, rng), {"model": model})
        metrics = judge_table(found, groups, np.full(400, 200.0), TERMS, Resamples(60), rng=rng).metrics
        row = metrics.query("model == 'model' and metric == 'roc_auc'").iloc[0]
        held += row["low"] < 0.5 < row["high"]
        areas.append(row["value"])
    assert held >= 8
    assert abs(np.mean(areas) - 0.5) < 0.03


def test_without_resamples_there_are_figures_and_no_intervals(judged):
    found, *_ = judged
    groups = np.arange(500)
    judgement = judge_table(found, groups, np.full(500, 200.0), TERMS, Resamples(0), rng=np.random.default_rng(0))
    assert judgement.metrics["low"].isna().all()
    assert judgement.tables["churn_lift"]["lift_low"].isna().all()


def test_a_split_by_day_is_judged_like_folds():
    frame, _ = simulated(400, seed=6)
    left = (frame["left"] == "Yes").to_numpy(float)
    splits = [Split("2024-02-01", np.arange(200), np.arange(200, 400))]
    found = out_of_fold(panel_of(frame, left, np.arange(400)), splits, {"model": model})
    assert found.row.tolist() == list(range(200, 400))
