"""Intervals of metrics, and of differences between candidates, by resampling customers.

A resample draws as many customers as there are, with replacement; a customer comes with all its rows, so that several
cut-offs or repeated folds of one customer are not taken for several customers [1]_. Every candidate and every metric
sees the same resamples, so differences between candidates are paired: what a draw does to both of them cancels.

Intervals are percentiles of the resampled values. Of a measure that chance itself raises, such as the calibration
error, a resample is farther off than the data by as much as the data are from the truth: there the percentiles are
moved by the mean of that excess [2]_, section 10.

References
----------
.. [1] Field, Welsh (2007), Bootstrapping clustered data. Journal of the Royal Statistical Society B 69(3), 369-390.
.. [2] Efron, Tibshirani (1993), An introduction to the bootstrap. Chapman and Hall.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from patronage.errors import ConfigError, InputError
from patronage.evaluation.counted_metrics import CHURN_METRICS, Metric
from patronage.evaluation.outcomes import outcomes
from patronage.models.base import checked_level
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray

REPLICATES = 1000
"""Resamples; the ends of a 95 % interval are then steady to about a tenth of its half width."""

FEWEST_DEFINED = 0.5
"""Share of resamples in which a metric must be defined for its interval to be told."""

RAISED_BY_CHANCE = ("calibration_error",)
"""Metrics, 0 and above, that are above 0 by chance alone."""


Check = Callable[[ArrayLike, ArrayLike], tuple[FloatArray, FloatArray]]


class Resampler:
    """Draws customers with replacement and says how often each row came.

    Parameters
    ----------
    n_rows : int
    customers : array-like, shape (n_rows,), optional
        Ids; every row is a customer of its own where left out.
    strata : array-like, shape (n_rows,), optional
        Groups within which customers are drawn, such as the segment or the outcome, so that each keeps its number of
        customers in every resample. Mind that the size of a stratum is then taken as known: with the outcome as
        strata, intervals of the Brier score, log loss and lift leave out that the share of those who leave is itself
        a matter of chance and come out too narrow, while those of the AUC do not depend on it.

    Raises
    ------
    InputError
        If lengths differ, or a customer lies in several strata.
    """

    def __init__(self, n_rows: int, customers: ArrayLike | None = None, strata: ArrayLike | None = None) -> None:
        self._cluster: NDArray[np.intp] | None = None
        n_customers = n_rows
        if customers is not None:
            codes, ids = _codes(customers, n_rows, "customer id")
            n_customers = len(ids)
            self._cluster = codes if n_customers < n_rows else None
        self.n_customers = n_customers
        self._members = [np.arange(n_customers)]
        if strata is not None:
            groups, names = _codes(strata, n_rows, "stratum")
            of_customer = groups
            if customers is not None:
                of_customer = np.zeros(n_customers, np.intp)
                of_customer[codes] = groups
                _refuse_straddling(of_customer[codes] != groups, np.asarray(customers))
            self._members = [np.flatnonzero(of_customer == one) for one in range(len(names))]

    def draw(self, rng: np.random.Generator) -> FloatArray:
        """How often each row came in one resample; shape (n_rows,)."""
        counts = np.zeros(self.n_customers)
        for members in self._members:
            drawn = rng.integers(0, len(members), len(members))
            counts[members] = np.bincount(drawn, minlength=len(members))
        return counts if self._cluster is None else counts[self._cluster]


@dataclass(frozen=True)
class Replicates:
    """Metrics of candidates on the data and on each resample.

    Attributes
    ----------
    candidates, metrics : tuple of str
    observed : ndarray of float64, shape (n_candidates, n_metrics)
        On the data as they are.
    values : ndarray of float64, shape (replicates, n_candidates, n_metrics)
        On each resample; NaN where a metric is not defined, such as an AUC where only one class was drawn.
    """

    candidates: tuple[str, ...]
    metrics: tuple[str, ...]
    observed: FloatArray
    values: FloatArray

    def intervals(self, level: float = 0.95) -> pd.DataFrame:
        """One row a candidate and metric.

        Parameters
        ----------
        level : float
            Coverage, between 0 and 1.

        Returns
        -------
        DataFrame
            candidate, metric, value, low, high, standard_error, n_undefined: resamples left out because the metric is
            not defined in them. No interval where they are more than half.
        """
        tail = (1 - checked_level(level)) / 2
        rows = [
            {"candidate": candidate, "metric": metric, "value": self.observed[i, j]}
            | _interval(self.values[:, i, j], tail, self._raised(metric, self.observed[i, j]))
            for i, candidate in enumerate(self.candidates)
            for j, metric in enumerate(self.metrics)
        ]
        return pd.DataFrame(rows)

    def _raised(self, metric: str, observed: float) -> float | None:
        return observed if metric in RAISED_BY_CHANCE else None

    def differences(self, reference: str, level: float = 0.95) -> pd.DataFrame:
        """Every other candidate less the reference, resample by resample.

        Parameters
        ----------
        reference : str
            One of the candidates.
        level : float
            Coverage, between 0 and 1.

        Returns
        -------
        DataFrame
            candidate, reference, metric, difference, low, high, standard_error, n_undefined; p_value: two-sided, from
            the share of resamples on the other side of 0; decided: whether the interval leaves out 0.

        Raises
        ------
        ConfigError
            If the reference is no candidate.
        """
        if reference not in self.candidates:
            message = f"There is no candidate {reference!r}; there are {', '.join(self.candidates)}."
            raise ConfigError(message)
        tail, at = (1 - checked_level(level)) / 2, self.candidates.index(reference)
        rows = []
        for i, candidate in enumerate(self.candidates):
            if i == at:
                continue
            for j, metric in enumerate(self.metrics):
                apart = self.values[:, i, j] - self.values[:, at, j]
                found = _interval(apart, tail)
                rows.append(
                    {"candidate": candidate, "reference": reference, "metric": metric}
                    | {"difference": self.observed[i, j] - self.observed[at, j]}
                    | found
                    | {"p_value": _p_value(apart), "decided": bool(found["low"] > 0 or found["high"] < 0)}
                )
        return pd.DataFrame(rows)


def bootstrap(
    happened: ArrayLike,
    scores: Mapping[str, ArrayLike],
    metrics: Mapping[str, Metric] = CHURN_METRICS,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    replicates: int = REPLICATES,
    checked: Check = outcomes,
) -> Replicates:
    """Evaluate candidates on resamples of the same customers.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    scores : mapping of str to array-like, shape (n,)
        Probabilities, or other scores where no metric needs probabilities, by candidate.
    metrics : mapping of str to Metric
        See `patronage.evaluation.counted_metrics`.
    rng : numpy.random.Generator
        The same state gives the same numbers.
    customers, strata : array-like, shape (n,), optional
        See `Resampler`.
    replicates : int
        2 and above.
    checked : callable
        Checks what came and a score and returns them as numbers: `outcomes`, or `quantities` where amounts were
        predicted rather than who leaves.

    Returns
    -------
    Replicates

    Raises
    ------
    InputError, ConfigError

    Examples
    --------
    >>> from patronage.evaluation.counted_metrics import roc_auc
    >>> happened = np.tile([0.0, 0.0, 1.0], 60)
    >>> scores = {"model": happened * 0.1 + np.arange(180) % 7, "rule": np.arange(180) % 5}
    >>> found = bootstrap(happened, scores, {"roc_auc": roc_auc}, rng=np.random.default_rng(1), replicates=200)
    >>> found.intervals().round(2)[["candidate", "value", "low", "high"]].values.tolist()
    [['model', 0.58, 0.49, 0.67], ['rule', 0.5, 0.41, 0.59]]
    """
    if replicates < 2 or not scores or not metrics:
        message = (
            "Expected at least two replicates, one candidate and one metric; "
            f"got {replicates}, {len(scores)} and {len(metrics)}."
        )
        raise ConfigError(message)
    pairs = [checked(happened, score) for score in scores.values()]
    ready = [[metric(y, p) for metric in metrics.values()] for y, p in pairs]
    n = len(pairs[0][0])
    resampler = Resampler(n, customers, strata)
    values = np.empty((replicates, len(ready), len(metrics)))
    for b in range(replicates):
        counts = resampler.draw(rng)
        values[b] = [[of(counts) for of in row] for row in ready]
    observed = np.array([[of(np.ones(n)) for of in row] for row in ready])
    return Replicates(tuple(scores), tuple(metrics), observed, values)


def _interval(values: FloatArray, tail: float, raised: float | None = None) -> dict[str, float]:
    """Percentiles and standard error; of a metric raised by chance, with its observed value, less the mean excess."""
    defined = values[np.isfinite(values)]
    found = {"low": np.nan, "high": np.nan, "standard_error": np.nan}
    if len(defined) > 1 and len(defined) >= FEWEST_DEFINED * len(values):
        low, high = np.quantile(defined, (tail, 1 - tail))
        if raised is not None:
            excess = defined.mean() - raised
            low, high = max(0.0, low - excess), max(0.0, high - excess)
        found = {"low": float(low), "high": float(high), "standard_error": float(defined.std(ddof=1))}
    return found | {"n_undefined": len(values) - len(defined)}


def _p_value(apart: FloatArray) -> float:
    defined = apart[np.isfinite(apart)]
    if not len(defined):
        return float("nan")
    fewer = min((defined <= 0).sum(), (defined >= 0).sum())
    return float(min(1.0, 2 * (fewer + 1) / (len(defined) + 1)))


def _codes(labels: ArrayLike, n_rows: int, what: str) -> tuple[NDArray[np.intp], NDArray[np.generic]]:
    values = np.asarray(labels)
    if values.shape != (n_rows,):
        message = f"Expected one {what} for each of {n_rows:,} rows; got shape {values.shape}."
        raise InputError(message)
    codes, found = pd.factorize(values, use_na_sentinel=False)
    return codes, np.asarray(found)


def _refuse_straddling(bad: NDArray[np.bool_], customers: NDArray[np.generic]) -> None:
    if not bad.any():
        return
    ids = pd.unique(customers[bad])
    first = tuple(str(one) for one in ids[:FIRST_EXAMPLES])
    message = (
        f"{len(ids):,} customers lie in several strata ({', '.join(first)}). A customer is drawn with all its rows: "
        "give strata that do not change within a customer, or none."
    )
    raise InputError(message, counts={"several strata": len(ids)}, first_ids=first)
