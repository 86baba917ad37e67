"""Several models judged by the same customers: what came, what each foretold, every measure, the best against the rest.

Customers may stand in several rows, one for each origin: they are then drawn with all their rows, so that the same
customer met at three origins counts as one piece of evidence, not as three.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.bootstrap import Check
from patronage.evaluation.counted_metrics import CHURN_METRICS, Metric
from patronage.evaluation.counted_quantities import QUANTITY_METRICS
from patronage.evaluation.judging import Judged, Resamples, judged
from patronage.evaluation.outcomes import outcomes, quantities
from patronage.evaluation.verdict import LARGER_IS_BETTER, NEAREST_TO_ZERO
from patronage.runtime.histories import FloatArray

Amounts = Mapping[str, FloatArray]
"""By task, one number a customer."""

CHURN_JUDGED = ("log_loss", "brier", "roc_auc", "average_precision", "calibration_error", "lift_10")
"""Measures of churn that candidates are compared by: probabilities by three rules, order by three."""

TASKS: Mapping[str, Mapping[str, Metric]] = MappingProxyType(
    {
        "purchases": QUANTITY_METRICS,
        "value": QUANTITY_METRICS,
        "churn": MappingProxyType({name: CHURN_METRICS[name] for name in CHURN_JUDGED}),
    }
)
"""What is foretold, and its measures."""

LEADING: Mapping[str, str] = MappingProxyType({"purchases": "rmse", "value": "rmse", "churn": "log_loss"})
"""The measure that says who is best at a task: least for the true expectation.

The mean absolute error is not: most customers buy nothing, and a model that foretells nothing of anybody would win."""

CHECKS: Mapping[str, Check] = MappingProxyType({"purchases": quantities, "value": quantities, "churn": outcomes})


@dataclass(frozen=True)
class Comparison:
    """Candidates on the same customers.

    Attributes
    ----------
    metrics : DataFrame
        `schema.METRICS`: every candidate by every measure.
    differences : DataFrame
        `schema.DIFFERENCES`: for each task the leader against every other candidate.
    leaders : dict of str to str
        The best candidate by task, by the measure of `LEADING`.
    """

    metrics: pd.DataFrame
    differences: pd.DataFrame
    leaders: dict[str, str]


def what_came(holdout: pd.DataFrame) -> dict[str, FloatArray]:
    """By task what came of each customer of a holdout: purchase days, money, and whether nothing was bought."""
    purchases = holdout["frequency_holdout"].to_numpy(np.float64)
    value = holdout["spend_holdout"].to_numpy(np.float64)
    return {"purchases": purchases, "value": value, "churn": (purchases == 0).astype(np.float64)}


def what_was_told(scores: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """By task what a scorer foretold of each customer."""
    return {
        "purchases": scores["expected_purchases"],
        "value": scores["expected_purchases"] * scores["expected_spend"],
        "churn": scores["churn_probability"],
    }


def measure_named(name: str) -> tuple[str, str]:
    """Task and measure of a name such as ``churn.log_loss``.

    Raises
    ------
    ConfigError
        If there is no such measure.
    """
    task, _, metric = name.partition(".")
    if metric not in TASKS.get(task, {}):
        known = ", ".join(f"{one}.{other}" for one, metrics in TASKS.items() for other in metrics)
        message = f"There is no measure {name!r}; there are {known}."
        raise ConfigError(message)
    return task, metric


def cost_of(metric: str, value: float) -> float:
    """A measure turned so that less is better."""
    if metric in NEAREST_TO_ZERO:
        return abs(value)
    return -value if metric in LARGER_IS_BETTER else value


def side_by_side(
    came: Amounts,
    told: Mapping[str, Amounts],
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
) -> Comparison:
    """Measure every candidate by every task, and hold the leader of each task against the others.

    Picking the best of k candidates and then testing it against the others is k - 1 looks at the same customers, so
    the differences stand at the level 1 - (1 - level) / (k - 1) (Bonferroni).

    Parameters
    ----------
    came : mapping of str to ndarray of float64, shape (n,)
        By task.
    told : mapping of str to mapping
        By candidate and task.
    resamples : Resamples
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer has several rows.
    """
    stricter = resamples.level if len(told) < 3 else 1 - (1 - resamples.level) / (len(told) - 1)
    strict = replace(resamples, level=stricter)
    parts, leaders = [], {}
    for task in TASKS:
        found = measured(task, came, told, resamples, rng=rng, customers=customers)
        figures = found.metrics[found.metrics["metric"] == LEADING[task]].set_index("model")["value"]
        leader = leaders[task] = str(figures.idxmin())
        if len(told) > 1 and resamples.replicates:
            ordered = {name: told[name] for name in (leader, *(name for name in told if name != leader))}
            apart = measured(task, came, ordered, strict, rng=rng, customers=customers).differences
            found = replace(found, differences=apart)
        parts.append(found)
    return Comparison(_joined([one.metrics for one in parts]), _joined([one.differences for one in parts]), leaders)


def measured(
    task: str,
    came: Amounts,
    told: Mapping[str, Amounts],
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
) -> Judged:
    """Measure candidates at one task, the first of them against each other; see `judging.judged`."""
    predictions = {name: one[task] for name, one in told.items()}
    return judged(
        task, came[task], predictions, TASKS[task], resamples, rng=rng, customers=customers, checked=CHECKS[task]
    )


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
