"""Figures that compare predictions with what came."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.evaluation.calibration_metrics import expected_calibration_error
from patronage.runtime.histories import FloatArray
from patronage.schema import METRICS

SMALLEST_PROBABILITY = 1e-6
"""Probabilities are kept this far from 0 and 1 for the log loss, which is infinite for a certainty that fails."""


def quantity_metrics(actual: ArrayLike, predicted: ArrayLike) -> dict[str, float]:
    """Compare predicted with actual quantities (purchases, money), customer by customer and in total.

    Parameters
    ----------
    actual, predicted : array-like, shape (n,)

    Returns
    -------
    dict of str to float
        total_actual and total_predicted; total_error, their difference over the actual total (0.1: predicted 10 % too
        much); mae, rmse; correlation (Pearson); normalised_gini (see `normalised_gini`). NaN where undefined.
    """
    y, f = np.asarray(actual, np.float64), np.asarray(predicted, np.float64)
    total = y.sum()
    varied = y.std() > 0 and f.std() > 0
    return {
        "total_actual": float(total),
        "total_predicted": float(f.sum()),
        "total_error": float(f.sum() / total - 1) if total else float("nan"),
        "mae": float(np.abs(f - y).mean()),
        "rmse": float(np.sqrt(((f - y) ** 2).mean())),
        "correlation": float(np.corrcoef(y, f)[0, 1]) if varied else float("nan"),
        "normalised_gini": normalised_gini(y, f),
    }


def normalised_gini(actual: FloatArray, predicted: FloatArray) -> float:
    """Gini coefficient of the actual values in the order of the predictions, over that in their own order.

    1 means that the predictions rank customers perfectly, 0 that they rank them at random. Customers with equal
    predictions share their actual values, so the order of rows does not matter. Wang, Liu, Miao (2019), A deep
    probabilistic model for customer lifetime value prediction, section 5.

    Parameters
    ----------
    actual, predicted : ndarray of float64, shape (n,)

    Returns
    -------
    float
        NaN if all actual values are equal.
    """
    own = _gini(actual, actual)
    return _gini(actual, predicted) / own if own > 0 else float("nan")


def _gini(values: FloatArray, order_by: FloatArray) -> float:
    _, group, size = np.unique(-order_by, return_inverse=True, return_counts=True)
    shared = (np.bincount(group, values) / size)[group]
    ranked = shared[np.argsort(-order_by, kind="stable")]
    total = ranked.sum()
    if total == 0:
        return float("nan")
    n = len(ranked)
    return float((np.cumsum(ranked).sum() / total - (n + 1) / 2) / n)


def probability_metrics(happened: ArrayLike, probability: ArrayLike) -> dict[str, float]:
    """Compare predicted probabilities with what happened.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 if it did, 0 if not.
    probability : array-like, shape (n,)
        Between 0 and 1; the log loss sees them at least 1e-6 away from both.

    Returns
    -------
    dict of str to float
        roc_auc and average_precision (ranking; NaN if only one class came), log_loss, brier, calibration_error (mean
        absolute gap between predicted and observed over ten bins of equal size), mean_predicted, mean_observed.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

    y, p = np.asarray(happened, np.int8), np.asarray(probability, np.float64)
    both = 0 < y.sum() < len(y)
    kept_inside = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return {
        "roc_auc": float(roc_auc_score(y, p)) if both else float("nan"),
        "average_precision": float(average_precision_score(y, p)) if y.any() else float("nan"),
        "log_loss": float(log_loss(y, kept_inside, labels=[0, 1])),
        "brier": float(brier_score_loss(y, p, labels=[0, 1])),
        "calibration_error": expected_calibration_error(y, p),
        "mean_predicted": float(p.mean()),
        "mean_observed": float(y.mean()),
    }


def metrics_table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> pd.DataFrame:
    """Flatten task -> model -> metric -> value to the long table of `schema.METRICS`, without intervals."""
    rows = [
        (task, model, metric, value)
        for task, models in results.items()
        for model, figures in models.items()
        for metric, value in figures.items()
    ]
    return pd.DataFrame(rows, columns=list(METRICS.required))


TOTALS: Mapping[str, Callable[[FloatArray, FloatArray], float]] = MappingProxyType(
    {"total_actual": lambda actual, _: float(actual.sum()), "total_predicted": lambda _, told: float(told.sum())}
)
"""Figures of predicted amounts that have no better end."""

MEANS: Mapping[str, Callable[[FloatArray, FloatArray], float]] = MappingProxyType(
    {"mean_predicted": lambda _, told: float(told.mean()), "mean_observed": lambda actual, _: float(actual.mean())}
)
"""Figures of predicted probabilities that have no better end."""
