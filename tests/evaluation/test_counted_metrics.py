"""Counted metrics against scikit-learn on rows repeated as often as they were drawn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from patronage.evaluation import counted_metrics, metrics
from patronage.evaluation.calibration_metrics import expected_calibration_error

PAIRS = {
    "roc_auc": sklearn_metrics.roc_auc_score,
    "average_precision": sklearn_metrics.average_precision_score,
    "brier": sklearn_metrics.brier_score_loss,
    "log_loss": lambda y, p: sklearn_metrics.log_loss(y, np.clip(p, 1e-6, 1 - 1e-6), labels=[0, 1]),
}

rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 6).map(lambda sixths: sixths / 6), st.integers(0, 3)), min_size=4
).filter(lambda drawn: {0, 1} <= {happened for happened, _, count in drawn if count})


@pytest.mark.parametrize("name", PAIRS)
@given(drawn=rows)
def test_as_scikit_learn_has_it(name, drawn):
    y, p, counts = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    repeated = np.repeat(np.arange(len(y)), counts.astype(int))
    found = counted_metrics.CHURN_METRICS[name](y, p)(counts)
    assert found == pytest.approx(PAIRS[name](y[repeated], p[repeated]), abs=1e-12)


@given(drawn=rows)
def test_any_function_is_a_metric(drawn):
    y, p, counts = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    ready = counted_metrics.resampled(sklearn_metrics.roc_auc_score)(y, p)
    assert ready(counts) == pytest.approx(counted_metrics.roc_auc(y, p)(counts), abs=1e-12)


def test_on_the_data_themselves_they_are_the_metrics_of_the_report():
    rng = np.random.default_rng(0)
    p = np.round(rng.random(2000), 2)
    y = (rng.random(2000) < p).astype(float)
    told = metrics.probability_metrics(y, p)
    for name in ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error"):
        assert counted_metrics.CHURN_METRICS[name](y, p)(np.ones(2000)) == pytest.approx(told[name], rel=1e-12)
    assert expected_calibration_error(y, p) == pytest.approx(told["calibration_error"], rel=1e-12)


def test_gain_and_lift_by_hand():
    y, p, ones = np.array([1.0, 0, 1, 0, 0]), np.array([0.9, 0.8, 0.7, 0.2, 0.1]), np.ones(5)
    assert counted_metrics.gain(0.2)(y, p)(ones) == pytest.approx(0.5)
    assert counted_metrics.lift(0.6)(y, p)(ones) == pytest.approx(1 / 0.6)
    # Ties share: half of two customers of whom one left is a half of one who left, of two.
    assert counted_metrics.gain(0.2)(y, np.array([0.9, 0.9, 0.7, 0.2, 0.1]))(ones) == pytest.approx(0.25)


def test_one_class_has_no_ranking():
    y, p = np.array([1.0, 0.0]), np.array([0.2, 0.3])
    for name in ("roc_auc", "lift_5"):
        assert np.isnan(counted_metrics.CHURN_METRICS[name](y, p)(np.array([0.0, 2.0])))


def test_names_of_lift_and_gain():
    assert {"lift_1", "lift_5", "lift_10", "lift_20", "gain_1", "gain_20"} <= set(counted_metrics.CHURN_METRICS)
