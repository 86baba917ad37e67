"""Measures of several predictions of the same customers: each with its interval, and the model against each rival.

Every prediction sees the same resamples of customers, so that what a draw does to two of them cancels in their
difference. Of very many customers a sample is resampled, and what it shows is narrowed to the size of the whole: the
spread of a mean, and of what is nearly one, falls with the root of the number of customers (Bickel, Götze, van Zwet
1997, Resampling fewer than n observations, section 2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.bootstrap import Check, Replicates, bootstrap
from patronage.evaluation.counted_metrics import Metric
from patronage.evaluation.outcomes import outcomes
from patronage.evaluation.verdict import NEAREST_TO_ZERO, verdict_of
from patronage.models.base import checked_level
from patronage.runtime.histories import FloatArray
from patronage.schema import DIFFERENCES, METRICS

Figure = Callable[[FloatArray, FloatArray], float]

MOST_RESAMPLED = 50_000
"""Customers of whom resamples are drawn; of more, a sample of so many stands for them."""


@dataclass(frozen=True)
class Resamples:
    """How intervals are made.

    Attributes
    ----------
    replicates : int
        Resamples of customers, 2 and above; 0 makes no intervals.
    level : float
        Coverage of the intervals, between 0 and 1.
    """

    replicates: int = 200
    level: float = 0.95

    def __post_init__(self) -> None:
        checked_level(self.level)
        if self.replicates < 0 or self.replicates == 1:
            message = f"evaluation.replicates must be 0, for no intervals, or 2 and above; got {self.replicates}."
            raise ConfigError(message)


@dataclass(frozen=True)
class Judged:
    """Measures of one task.

    Attributes
    ----------
    metrics : DataFrame
        `schema.METRICS`, the model first.
    differences : DataFrame
        `schema.DIFFERENCES`, the model against each other prediction; empty without resamples.
    """

    metrics: pd.DataFrame
    differences: pd.DataFrame


def judged(
    task: str,
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    metrics: Mapping[str, Metric],
    resamples: Resamples,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    checked: Check = outcomes,
    plain: Mapping[str, Figure] = MappingProxyType({}),
) -> Judged:
    """Measure predictions of the same customers.

    Parameters
    ----------
    task : str
        What is predicted, such as ``churn``.
    actual : array-like, shape (n,)
        What came.
    predictions : mapping of str to array-like, shape (n,)
        The model first.
    metrics : mapping of str to Metric
    resamples : Resamples
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    checked : callable
        `outcomes.outcomes` or `outcomes.quantities`.
    plain : mapping of str to callable
        Further figures, of what came and a prediction, that have no interval: totals and means.

    Returns
    -------
    Judged

    Raises
    ------
    InputError, ConfigError
    """
    observed = _observed(actual, predictions, metrics, checked)
    further = _plain_rows(task, actual, predictions, plain)
    if not resamples.replicates:
        rows = _metric_rows(task, tuple(predictions), tuple(metrics), observed, None)
        return Judged(_joined(rows, further), pd.DataFrame(columns=list(DIFFERENCES.names)))
    found = _replicates(actual, predictions, metrics, resamples, rng, customers, checked, observed)
    drawn = judged_replicates(task, found, resamples.level)
    return Judged(_joined(drawn.metrics, further), drawn.differences)


def judged_replicates(task: str, found: Replicates, level: float) -> Judged:
    """Measures that were taken on resamples elsewhere: their intervals, and the first candidate against each other.

    Parameters
    ----------
    task : str
    found : Replicates
        The model first.
    level : float
        Coverage of the intervals.
    """
    rows = _metric_rows(task, found.candidates, found.metrics, found.observed, found.intervals(level))
    return Judged(rows, _differences(task, found, level))


def _plain_rows(
    task: str, actual: ArrayLike, predictions: Mapping[str, ArrayLike], plain: Mapping[str, Figure]
) -> pd.DataFrame:
    y = np.asarray(actual, dtype=np.float64)
    rows = [
        (task, name, figure, of(y, np.asarray(values, dtype=np.float64)), np.nan, np.nan)
        for name, values in predictions.items()
        for figure, of in plain.items()
    ]
    return pd.DataFrame(rows, columns=list(METRICS.names))


def _joined(rows: pd.DataFrame, further: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([rows, further], ignore_index=True) if len(further) else rows


def _replicates(
    actual: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    metrics: Mapping[str, Metric],
    resamples: Resamples,
    rng: np.random.Generator,
    customers: ArrayLike | None,
    checked: Check,
    observed: FloatArray,
) -> Replicates:
    y = np.asarray(actual)
    if len(y) <= MOST_RESAMPLED:
        return bootstrap(
            y, predictions, metrics, rng=rng, customers=customers, replicates=resamples.replicates, checked=checked
        )
    ids = np.arange(len(y)) if customers is None else pd.factorize(np.asarray(customers), use_na_sentinel=False)[0]
    n_customers = int(ids.max()) + 1
    share = min(1.0, MOST_RESAMPLED / len(y))
    chosen = np.zeros(n_customers, dtype=bool)
    chosen[rng.choice(n_customers, max(2, round(share * n_customers)), replace=False)] = True
    rows = chosen[ids]
    found = bootstrap(
        y[rows],
        {name: np.asarray(values)[rows] for name, values in predictions.items()},
        metrics,
        rng=rng,
        customers=None if customers is None else ids[rows],
        replicates=resamples.replicates,
        checked=checked,
    )
    narrowed = observed + (found.values - found.observed) * np.sqrt(rows.mean())
    return replace(found, observed=observed, values=narrowed)


def _observed(
    actual: ArrayLike, predictions: Mapping[str, ArrayLike], metrics: Mapping[str, Metric], checked: Check
) -> FloatArray:
    rows = []
    for values in predictions.values():
        y, p = checked(actual, values)
        rows.append([metric(y, p)(np.ones(len(y))) for metric in metrics.values()])
    return np.array(rows, dtype=np.float64)


def _metric_rows(
    task: str, names: tuple[str, ...], metrics: tuple[str, ...], observed: FloatArray, table: pd.DataFrame | None
) -> pd.DataFrame:
    rows = pd.DataFrame(
        [(task, name, metric, observed[i, j]) for i, name in enumerate(names) for j, metric in enumerate(metrics)],
        columns=list(METRICS.required),
    )
    ends = {"low": np.nan, "high": np.nan} if table is None else {end: table[end] for end in ("low", "high")}
    return rows.assign(**ends)


def _differences(task: str, found: Replicates, level: float) -> pd.DataFrame:
    """The first candidate against each other; of a figure that is best at 0, of its size."""
    sizes = np.isin(found.metrics, NEAREST_TO_ZERO)
    compared = replace(
        found,
        observed=np.where(sizes, np.abs(found.observed), found.observed),
        values=np.where(sizes, np.abs(found.values), found.values),
    )
    model, *rivals = found.candidates
    tables = [pd.DataFrame(columns=list(DIFFERENCES.names))]
    for rival in rivals:
        table = compared.differences(rival, level)
        table = table[table["candidate"] == model]
        verdicts = [verdict_of(*row) for row in table[["metric", "low", "high"]].itertuples(index=False)]
        tables.append(table.assign(task=task, model=model, rival=rival, verdict=verdicts)[list(DIFFERENCES.names)])
    return pd.concat([table for table in tables if len(table)] or tables, ignore_index=True)
