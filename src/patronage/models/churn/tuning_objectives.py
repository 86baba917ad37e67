"""What settings are judged by: the mean of a measure over splits of a panel."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.models.churn.calibration import log_losses
from patronage.models.churn.candidate import Candidate
from patronage.models.churn.folds import Split, customer_folds, later_splits
from patronage.models.churn.panel_rows import panel_rows
from patronage.runtime.histories import FloatArray

Report = Callable[[int, float], None]
"""Called with the number of a step and the value so far; it ends a trial that is hopeless by raising."""

Objective = Callable[[pd.DataFrame, Mapping[str, Any], Report], float]
"""From a panel, settings and `Report` to a value."""

Splits = Callable[[pd.DataFrame, Sequence[str]], list[Split]]
"""From a panel and the names of features to rows to learn from and rows to judge by, several times."""

Measure = Callable[[NDArray[np.int8], FloatArray], float]
"""From what happened (1: left) and its probability to a figure."""


def validated(build: Callable[[Mapping[str, Any]], Candidate], measure: Measure, splits: Splits) -> Objective:
    """Judge settings by the mean of a measure over splits, reporting the mean so far after each.

    Parameters
    ----------
    build : callable
        From settings to a candidate that is not yet fitted.
    measure : callable
    splits : callable
        Such as `later_customers` makes; the same for all trials.
    """

    def judge(panel: pd.DataFrame, settings: Mapping[str, Any], report: Report) -> float:
        values: list[float] = []
        for step, (inside, outside) in enumerate(splits(panel, build(settings).features)):
            later = panel.iloc[outside]
            probability = build(settings).fit(panel.iloc[inside]).churn_probability(later).to_numpy()
            values.append(measure(later["churned"].to_numpy(np.int8), probability))
            report(step, float(np.mean(values)))
        return float(np.mean(values))

    return judge


def later_customers(n_folds: int = 5, seed: int = 0) -> Splits:
    """Split by `later_splits`: other customers, at a later cut-off if there is one."""

    def split(panel: pd.DataFrame, features: Sequence[str]) -> list[Split]:
        rows = panel_rows(panel, features, n_folds)
        return later_splits(rows, customer_folds(rows, n_folds, seed))

    return split


def mean_log_loss(churned: NDArray[np.int8], probability: FloatArray) -> float:
    """Mean negative logarithm of the probability of what came."""
    return float(log_losses(churned, probability).mean())


def later_log_loss(build: Callable[[Mapping[str, Any]], Candidate], n_folds: int = 5, seed: int = 0) -> Objective:
    """Judge settings by the mean log loss over `later_customers`."""
    return validated(build, mean_log_loss, later_customers(n_folds, seed))
