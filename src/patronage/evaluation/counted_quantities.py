"""Metrics of predicted amounts (purchases, money), ready for resamples; see `counted_metrics`."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from patronage.evaluation.counted_metrics import Counted, Metric
from patronage.runtime.histories import FloatArray


def total_error(actual: FloatArray, predicted: FloatArray) -> Counted:
    """Predicted over actual total, less 1; NaN where nothing came."""

    def of(counts: FloatArray) -> float:
        total = float(counts @ actual)
        return float(counts @ predicted) / total - 1 if total else float("nan")

    return of


def mean_absolute_error(actual: FloatArray, predicted: FloatArray) -> Counted:
    """Mean absolute error by customer."""
    apart = np.abs(predicted - actual)
    return lambda counts: float(counts @ apart / counts.sum())


def root_mean_squared_error(actual: FloatArray, predicted: FloatArray) -> Counted:
    """Root of the mean squared error by customer."""
    squared = (predicted - actual) ** 2
    return lambda counts: float(np.sqrt(counts @ squared / counts.sum()))


def correlation(actual: FloatArray, predicted: FloatArray) -> Counted:
    """Pearson's correlation; NaN where one of the two does not vary."""

    def of(counts: FloatArray) -> float:
        weight = counts / counts.sum()
        y, f = actual - weight @ actual, predicted - weight @ predicted
        spread = (weight @ y**2) * (weight @ f**2)
        return float(weight @ (y * f) / np.sqrt(spread)) if spread > 0 else float("nan")

    return of


def normalised_gini(actual: FloatArray, predicted: FloatArray) -> Counted:
    """Gini coefficient in the order of the predictions over that in the order of the amounts themselves."""
    by_prediction, by_amount = _gini(actual, predicted), _gini(actual, actual)

    def of(counts: FloatArray) -> float:
        own = by_amount(counts)
        return by_prediction(counts) / own if own > 0 else float("nan")

    return of


def _gini(values: FloatArray, order_by: FloatArray) -> Counted:
    """Twice the area between the concentration curve, the highest `order_by` first, and the diagonal.

    Rows of one `order_by` lie on a straight piece of the curve, so the trapezoids are exact.
    """
    _, group = np.unique(-order_by, return_inverse=True)
    n_groups = int(group.max()) + 1

    def of(counts: FloatArray) -> float:
        size = np.bincount(group, counts, n_groups)
        held = np.bincount(group, counts * values, n_groups)
        total = held.sum()
        if total == 0:
            return float("nan")
        reached = np.cumsum(held)
        return float(size @ (reached - held / 2) / (size.sum() * total) - 0.5)

    return of


QUANTITY_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "total_error": total_error,
        "mae": mean_absolute_error,
        "rmse": root_mean_squared_error,
        "correlation": correlation,
        "normalised_gini": normalised_gini,
    }
)
"""The metrics of predicted amounts, as `metrics.quantity_metrics` gives them without resamples."""
