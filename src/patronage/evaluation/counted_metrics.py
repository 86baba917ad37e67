"""Metrics of yes/no predictions, made ready once and then evaluated for any number of resamples.

A resample of customers is the same table with a count for each row: how often it was drawn. Whatever depends on the
order of the scores is sorted when the metric is made ready, so that each resample costs one pass over the rows.

A `Metric` takes outcomes and scores and returns a `Counted`: a function of the counts. `resampled` makes one of any
function of outcomes and scores.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from patronage.evaluation.bins import CALIBRATION_BINS, bin_numbers
from patronage.evaluation.metrics import SMALLEST_PROBABILITY
from patronage.runtime.histories import FloatArray

Counted = Callable[[FloatArray], float]
Metric = Callable[[FloatArray, FloatArray], Counted]

CONTACTED_SHARES = (0.01, 0.05, 0.1, 0.2)
"""Shares of customers for which lift and gain are told: what campaigns mostly reach."""


class Ranked:
    """Rows from the highest score down, where rows of the same score are one group.

    Attributes
    ----------
    scores : ndarray of float64, shape (n_groups,)
        Falling.
    """

    def __init__(self, happened: FloatArray, score: FloatArray) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
        self._tied = len(self._starts) < len(ranked)
        self._happened = happened[self._order]
        self.scores = ranked[self._starts]

    def groups(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Customers, and those of them who left, in each group."""
        drawn = counts[self._order]
        left = drawn * self._happened
        if not self._tied:
            return drawn, left
        return np.add.reduceat(drawn, self._starts), np.add.reduceat(left, self._starts)


def roc_auc(happened: FloatArray, score: FloatArray) -> Counted:
    """Area under the ROC curve: the chance that one who left scores above one who stayed, ties counting half.

    NaN where only one class was drawn.
    """
    ranked = Ranked(happened, score)

    def of(counts: FloatArray) -> float:
        drawn, left = ranked.groups(counts)
        stayed = drawn - left
        n_left, n_stayed = left.sum(), stayed.sum()
        if n_left == 0 or n_stayed == 0:
            return float("nan")
        below = n_stayed - np.cumsum(stayed)
        return float(left @ (below + stayed / 2) / (n_left * n_stayed))

    return of


def average_precision(happened: FloatArray, score: FloatArray) -> Counted:
    """Mean precision over the recalls, without interpolation, as scikit-learn has it; NaN where nobody left."""
    ranked = Ranked(happened, score)

    def of(counts: FloatArray) -> float:
        drawn, left = ranked.groups(counts)
        total = left.sum()
        reached = np.cumsum(drawn)
        share = np.divide(np.cumsum(left), reached, out=np.zeros_like(reached), where=reached > 0)
        return float(left @ share / total) if total else float("nan")

    return of


def log_loss(happened: FloatArray, probability: FloatArray) -> Counted:
    """Mean negative log probability of what came; probabilities are kept 1e-6 away from 0 and 1."""
    p = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return _mean_of(-np.where(happened == 1, np.log(p), np.log1p(-p)))


def brier(happened: FloatArray, probability: FloatArray) -> Counted:
    """Mean squared difference between probability and outcome."""
    return _mean_of((probability - happened) ** 2)


def calibration_error(n_bins: int = CALIBRATION_BINS) -> Metric:
    """Mean absolute gap between predicted and observed over bins of equal size, which stay those of the data.

    Noise alone makes it larger than 0, and a resample adds its own noise to that of the data: its bootstrap interval
    lies too high by about as much as `calibration_metrics.error_by_chance` says of the data.
    """

    def ready(happened: FloatArray, probability: FloatArray) -> Counted:
        number = bin_numbers(probability, n_bins)
        gap = probability - happened

        def of(counts: FloatArray) -> float:
            return float(np.abs(np.bincount(number, counts * gap)).sum() / counts.sum())

        return of

    return ready


def gain(share: float) -> Metric:
    """Share of all who left that is found among the highest scores; NaN where nobody left.

    Customers with the same score share what came of them, as if their order were drawn by lot.

    Parameters
    ----------
    share : float
        Of customers, the highest scores first; above 0, at most 1.
    """

    def ready(happened: FloatArray, score: FloatArray) -> Counted:
        ranked = Ranked(happened, score)

        def of(counts: FloatArray) -> float:
            drawn, left = ranked.groups(counts)
            reached, found = np.r_[0.0, np.cumsum(drawn)], np.r_[0.0, np.cumsum(left)]
            if not found[-1]:
                return float("nan")
            return float(np.interp(share * reached[-1], reached, found) / found[-1])

        return of

    return ready


def lift(share: float) -> Metric:
    """How many times more of the highest scores left than of all customers: `gain` over the share."""
    of_share = gain(share)

    def ready(happened: FloatArray, score: FloatArray) -> Counted:
        counted = of_share(happened, score)
        return lambda counts: counted(counts) / share

    return ready


def resampled(metric: Callable[[FloatArray, FloatArray], float]) -> Metric:
    """Make a metric of any function of outcomes and scores, which then sees each row as often as it was drawn.

    Examples
    --------
    >>> from sklearn.metrics import roc_auc_score
    >>> happened, score = np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.9])
    >>> counts = np.array([2.0, 1.0, 1.0])
    >>> round(resampled(roc_auc_score)(happened, score)(counts), 6), round(roc_auc(happened, score)(counts), 6)
    (0.666667, 0.666667)
    """

    def ready(happened: FloatArray, score: FloatArray) -> Counted:
        rows: NDArray[np.intp] = np.arange(len(happened))

        def of(counts: FloatArray) -> float:
            drawn = np.repeat(rows, counts.astype(np.intp))
            return float(metric(happened[drawn], score[drawn]))

        return of

    return ready


def _mean_of(values: FloatArray) -> Counted:
    return lambda counts: float(counts @ values / counts.sum())


CHURN_METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "roc_auc": roc_auc,
        "average_precision": average_precision,
        "log_loss": log_loss,
        "brier": brier,
        "calibration_error": calibration_error(),
        **{f"lift_{share:.0%}".rstrip("%"): lift(share) for share in CONTACTED_SHARES},
        **{f"gain_{share:.0%}".rstrip("%"): gain(share) for share in CONTACTED_SHARES},
    }
)
"""The metrics of a churn model; lift_5 is the lift among the highest 5 % of scores, gain_5 the gain there."""
