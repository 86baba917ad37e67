"""Metrics by group against metrics of the group alone, and stability against simulated worlds."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from patronage.errors import InputError
from patronage.evaluation.counted_metrics import roc_auc
from patronage.evaluation.slices import metrics_by_group, stability

AUC = {"roc_auc": roc_auc}


def test_each_group_by_itself():
    rng = np.random.default_rng(0)
    y = (rng.random(900) < 0.3).astype(float)
    p, group = rng.normal(y, 1.0), np.tile(["b", "a", "c"], 300)
    table = metrics_by_group(y, p, group, AUC, rng=rng, replicates=50)
    assert table["group"].tolist() == ["a", "b", "c"]
    for row in table.itertuples():
        own = group == row.group
        assert row.value == pytest.approx(roc_auc_score(y[own], p[own]))
        assert (row.n_rows, row.n_left) == (300, y[own].sum())
        assert row.mean_observed == pytest.approx(y[own].mean())
        assert row.low < row.value < row.high


def test_small_groups_have_no_figures():
    rng = np.random.default_rng(1)
    y = np.r_[np.tile([0.0, 1.0], 100), np.ones(9), np.zeros(50)]
    group = np.r_[np.zeros(200), np.ones(59)]
    table = metrics_by_group(y, rng.random(259), group, AUC, rng=rng, replicates=20)
    assert np.isfinite(table.loc[0, "value"])
    assert table.loc[1, ["value", "low", "high"]].isna().all()
    assert table.loc[1, "n_left"] == 9


def test_missing_is_a_group():
    rng = np.random.default_rng(2)
    y = np.tile([0.0, 1.0], 60)
    group = np.array(["x", None] * 60, dtype=object)[rng.permutation(120)]
    table = metrics_by_group(y, rng.random(120), group, AUC, rng=rng, replicates=5)
    assert table["n_rows"].tolist() == [60, 60]
    assert table["group"].isna().sum() == 1


def cut_offs(strengths, seed, n=400):
    rng = np.random.default_rng(seed)
    y = (rng.random(n * len(strengths)) < 0.3).astype(float)
    p = rng.normal(y * np.repeat(strengths, n), 1.0)
    return metrics_by_group(y, p, np.repeat(np.arange(len(strengths)), n), AUC, rng=rng, replicates=100)


def test_cut_offs_that_differ_by_chance_only():
    p_values = [stability(cut_offs([1, 1, 1, 1], seed))["p_value"][0] for seed in range(24)]
    assert np.mean(np.array(p_values) < 0.05) < 0.25
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.2)


def test_a_model_that_wears_out():
    table = cut_offs([1.5, 1.0, 0.6, 0.2], 0)
    row = stability(table).iloc[0]
    assert row["p_value"] < 1e-4
    assert row["lowest"] == table["value"].min()
    assert "by more than chance would" in row["words"]
    assert row["spread"] > 2 * row["spread_by_chance"]


def test_cochrans_q_by_hand():
    table = pd.DataFrame({"metric": "m", "value": [1.0, 2.0, 4.0], "standard_error": [1.0, 1.0, 1.0]})
    row = stability(table).iloc[0]
    # Mean 7 / 3, Q = 14 / 3 on two degrees of freedom: exp(-Q / 2).
    assert (row["mean"], row["p_value"]) == pytest.approx((7 / 3, np.exp(-7 / 3)))


def test_one_cut_off_is_not_compared():
    row = stability(cut_offs([1.0], 0)).iloc[0]
    assert np.isnan(row["p_value"])
    assert "Fewer than two" in row["words"]


def test_lengths_must_agree():
    with pytest.raises(InputError, match="each of 2 rows"):
        metrics_by_group([1, 0], [0.1, 0.2], ["a"], rng=np.random.default_rng(0))
