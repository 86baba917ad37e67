"""Metrics against scikit-learn, hand-worked cases, and published figures."""

import numpy as np
import pytest
from scipy import stats

from patronage.evaluation import metrics
from patronage.evaluation.bins import wilson_interval
from patronage.evaluation.calibration_metrics import reliability_table


def test_quantities_by_hand():
    result = metrics.quantity_metrics([0, 1, 3], [1.0, 1.0, 1.0])
    assert result["total_error"] == pytest.approx(-0.25)
    assert result["mae"] == pytest.approx(1.0)
    assert result["rmse"] == pytest.approx(np.sqrt(5 / 3))
    assert np.isnan(result["correlation"])
    assert result["normalised_gini"] == pytest.approx(0.0)


def test_gini_of_the_right_the_wrong_and_no_order():
    actual = np.array([0.0, 0.0, 1.0, 5.0])
    assert metrics.normalised_gini(actual, actual) == pytest.approx(1.0)
    assert metrics.normalised_gini(actual, -actual) == pytest.approx(-1.0)
    assert metrics.normalised_gini(actual, np.ones(4)) == pytest.approx(0.0)
    assert np.isnan(metrics.normalised_gini(np.ones(4), actual))


def test_gini_of_two_classes_is_twice_the_auc_less_one():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    happened, score = rng.integers(0, 2, 500), np.round(rng.normal(size=500), 1)
    expected = 2 * roc_auc_score(happened, score) - 1
    assert metrics.normalised_gini(happened.astype(float), score) == pytest.approx(expected)


def test_gini_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(1)
    actual, score = rng.poisson(1, 300).astype(float), rng.integers(0, 5, 300).astype(float)
    shuffle = rng.permutation(300)
    assert metrics.normalised_gini(actual, score) == pytest.approx(
        metrics.normalised_gini(actual[shuffle], score[shuffle])
    )


def test_probabilities_by_hand():
    result = metrics.probability_metrics([1, 0], [0.8, 0.4])
    assert result["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    assert result["brier"] == pytest.approx((0.04 + 0.16) / 2)
    assert result["roc_auc"] == 1.0


def test_a_certainty_that_fails_costs_much_but_not_everything():
    assert metrics.probability_metrics([1, 0], [0.0, 0.0])["log_loss"] == pytest.approx(-np.log(1e-6) / 2, rel=1e-6)


def test_one_class_only():
    result = metrics.probability_metrics([1, 1], [0.5, 0.7])
    assert np.isnan(result["roc_auc"])
    assert np.isfinite(result["log_loss"])


def test_calibration_error_of_the_truth_and_of_a_bias():
    rng = np.random.default_rng(2)
    probability = rng.random(200_000)
    happened = rng.random(200_000) < probability
    assert metrics.probability_metrics(happened, probability)["calibration_error"] < 0.005
    assert metrics.probability_metrics(happened, probability * 0.5)["calibration_error"] == pytest.approx(
        0.25, abs=0.01
    )


def test_ties_fall_into_one_bin():
    bins = reliability_table([0, 1, 0, 1], [0.5] * 4)
    assert bins["n_rows"].tolist() == [4]
    assert bins["observed"].tolist() == [0.5]


def test_wilson_interval_is_that_of_scipy():
    share, n = np.array([0.0, 0.1, 0.5, 1.0]), np.array([10, 50, 80, 7])
    low, high = wilson_interval(share, n)
    for position in range(4):
        exact = stats.binomtest(round(share[position] * n[position]), n[position]).proportion_ci(method="wilson")
        assert (low[position], high[position]) == pytest.approx((exact.low, exact.high), abs=1e-6)
