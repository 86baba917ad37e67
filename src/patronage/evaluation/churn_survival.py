"""Survival curves under judgement: order, squared gap and calibration, with intervals by customer.

Curves are told for whole periods after a day. A customer who is still there when observation ends stayed through the
last period that was over; whoever left did so in one of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.errors import InputError
from patronage.evaluation.bootstrap import Replicates, Resampler
from patronage.evaluation.judging import Judged, Resamples, judged_replicates
from patronage.evaluation.survival_metrics import (
    Staying,
    brier_contributions,
    censoring,
    kaplan_meier,
    uno_concordance,
    uno_pairs,
)
from patronage.runtime.histories import FloatArray
from patronage.schema import SURVIVAL_CALIBRATION

TASK = "time_to_churn"
CONCORDANCE, BRIER = "concordance", "integrated_brier"

MOST_COMPARED = 2000
"""Customers of whom every pair is compared in every resample; of more, a sample of so many stands for them."""

GROUPS = 10
"""Groups of equal size by the predicted chance, in which it is held against what came."""

FEWEST_LEFT = 10
"""Customers who have to be seen leaving before curves are judged."""

NORMAL_95 = 1.96
"""Standard errors on either side of a 95 % interval."""

STILL_THERE = 0.5
"""Who is still there after k periods is seen a little longer than k: longer than those who left in the k-th."""


@dataclass(frozen=True)
class Foretold:
    """What was foretold of customers who had no part in it, and what came; n rows, m periods.

    Attributes
    ----------
    customers : ndarray, shape (n,)
        Ids; a customer may have several rows.
    duration : ndarray of float64, shape (n,)
        Whole periods that each was seen: the one in which the customer left, or the last that was over.
    churned : ndarray of float64, shape (n,)
        1 for those who left in it.
    curves : dict of str to ndarray of float64, shape (n, m)
        Chance of staying through 1, ..., m periods, by the model first, then by its rivals.
    risks : dict of str to ndarray of float64, shape (n,)
        Of rivals that tell an order and no curve: higher for those who should leave earlier.
    """

    customers: np.ndarray
    duration: FloatArray
    churned: FloatArray
    curves: Mapping[str, FloatArray]
    risks: Mapping[str, FloatArray]

    @property
    def seen(self) -> FloatArray:
        """The durations, as the measures take them."""
        return np.asarray(self.duration + STILL_THERE * (1 - self.churned))

    @property
    def n_periods(self) -> int:
        """Periods of the curves."""
        return int(next(iter(self.curves.values())).shape[1])


def same_curve(duration: FloatArray, churned: FloatArray, n_periods: int) -> FloatArray:
    """The curve of Kaplan and Meier of customers learnt from, which any model has to beat; shape (n_periods,)."""
    seen = duration + STILL_THERE * (1 - churned)
    return kaplan_meier(seen, churned).after(np.arange(1.0, n_periods + 1))


def judge_survival(foretold: Foretold, resamples: Resamples, *, rng: np.random.Generator) -> Judged:
    """Judge curves: Uno's concordance, and the integrated Brier score by the mean over the periods.

    Parameters
    ----------
    foretold : Foretold
    resamples : Resamples
    rng : numpy.random.Generator

    Returns
    -------
    Judged
        Of the task `TASK`. Rivals without a curve have no Brier score.

    Raises
    ------
    InputError
        If fewer than `FEWEST_LEFT` customers were seen leaving.
    """
    left = int(foretold.churned.sum())
    if left < FEWEST_LEFT:
        message = (
            f"Only {left:,} of {len(foretold.churned):,} customers were seen leaving within {foretold.n_periods} "
            f"periods; curves are judged by {FEWEST_LEFT} and more. Give earlier cut-offs, or more and longer periods."
        )
        raise InputError(message, counts={"left": left})
    observed = censoring(foretold.seen, foretold.churned)
    orders = {name: -curve.sum(axis=1) for name, curve in foretold.curves.items()} | dict(foretold.risks)
    gaps = {name: _gaps(foretold, curve, observed) for name, curve in foretold.curves.items()}
    until = float(foretold.n_periods + 1)
    figures = np.full((len(orders), 2), np.nan)
    for place, (name, order) in enumerate(orders.items()):
        figures[place, 0] = uno_concordance(foretold.seen, foretold.churned, order, observed, until)
        figures[place, 1] = gaps[name].mean() if name in gaps else np.nan
    drawn = np.full((max(2, resamples.replicates), *figures.shape), np.nan)
    if resamples.replicates:
        drawn[:, :, 1] = _drawn_gaps(foretold, gaps, list(orders), resamples.replicates, rng)
        drawn[:, :, 0] = _drawn_concordance(foretold, orders, observed, until, figures[:, 0], resamples.replicates, rng)
    found = judged_replicates(TASK, Replicates(tuple(orders), (CONCORDANCE, BRIER), figures, drawn), resamples.level)
    differences = found.differences if resamples.replicates else found.differences.iloc[:0]
    return Judged(found.metrics, differences)


def survival_calibration(foretold: Foretold, period_days: int, first_day: int) -> pd.DataFrame:
    """Hold the model's curve against Kaplan and Meier's, in groups of customers of like prediction.

    Parameters
    ----------
    foretold : Foretold
    period_days : int
    first_day : int
        Days ahead that the first period of the curves is told of.

    Returns
    -------
    DataFrame
        `schema.SURVIVAL_CALIBRATION`: everybody in every period, groups in the first, the middle and the last.
    """
    model, curve = next(iter(foretold.curves.items()))
    grouped = {1, -(-foretold.n_periods // 2), foretold.n_periods}
    rows = []
    for period in range(1, foretold.n_periods + 1):
        predicted = curve[:, period - 1]
        groups = {0: np.ones(len(predicted), dtype=bool)}
        if period in grouped:
            numbers = pd.qcut(pd.Series(predicted).rank(method="first"), GROUPS, labels=False).to_numpy()
            groups |= {int(number) + 1: numbers == number for number in np.unique(numbers)}
        for group, inside in groups.items():
            came, error = _stayed(foretold.seen[inside], foretold.churned[inside], period)
            rows.append(
                {
                    "model": model,
                    "days": first_day + (period - 1) * period_days,
                    "group": group,
                    "n_customers": int(inside.sum()),
                    "predicted": float(predicted[inside].mean()),
                    "observed": came,
                    "observed_low": max(0.0, came - NORMAL_95 * error),
                    "observed_high": min(1.0, came + NORMAL_95 * error),
                }
            )
    return pd.DataFrame(rows)[list(SURVIVAL_CALIBRATION.names)]


def _stayed(seen: FloatArray, churned: FloatArray, period: int) -> tuple[float, float]:
    """Kaplan and Meier's share that stayed through a period, and its standard error by Greenwood (1926)."""
    stayed, variance = 1.0, 0.0
    for one in range(1, period + 1):
        at_risk, left = float((seen >= one).sum()), float(((seen == one) & (churned == 1)).sum())
        if not at_risk:
            return float("nan"), float("nan")
        stayed *= 1 - left / at_risk
        variance += left / (at_risk * (at_risk - left)) if left < at_risk else 0.0
    return stayed, stayed * variance**0.5


def _gaps(foretold: Foretold, curve: FloatArray, observed: Staying) -> FloatArray:
    """Mean squared gap of each customer over the periods."""
    times = np.arange(1.0, foretold.n_periods + 1)
    return np.asarray(brier_contributions(foretold.seen, foretold.churned, curve, times, observed).mean(axis=1))


def _drawn_gaps(
    foretold: Foretold, gaps: Mapping[str, FloatArray], names: list[str], replicates: int, rng: np.random.Generator
) -> FloatArray:
    """Brier scores on resamples of customers, by prediction; shape (replicates, number of names)."""
    resampler = Resampler(len(foretold.churned), foretold.customers)
    every = np.array([gaps.get(name, np.full(len(foretold.churned), np.nan)) for name in names])
    drawn = np.empty((replicates, len(names)))
    for replicate in drawn:
        counts = resampler.draw(rng)
        replicate[:] = every @ counts / counts.sum()
    return drawn


def _drawn_concordance(
    foretold: Foretold,
    orders: Mapping[str, FloatArray],
    observed: Staying,
    until: float,
    figures: FloatArray,
    replicates: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Concordance on resamples of the customers, of whom a sample stands for all where there are many."""
    n = len(foretold.churned)
    rows = np.sort(rng.choice(n, min(n, MOST_COMPARED), replace=False))
    seen, churned = foretold.seen[rows], foretold.churned[rows]
    pairs = [uno_pairs(seen, churned, order[rows], observed, until) for order in orders.values()]
    resampler = Resampler(len(rows), np.asarray(foretold.customers)[rows])
    drawn = np.empty((replicates, len(pairs)))
    for replicate in drawn:
        counts = resampler.draw(rng).astype(np.float32)
        replicate[:] = [(counts @ agreed @ counts) / (counts @ counted @ counts) for agreed, counted in pairs]
    own = np.ones(len(rows), np.float32)
    of_sample = np.array([(own @ agreed @ own) / (own @ counted @ own) for agreed, counted in pairs])
    return np.asarray(figures + (drawn - of_sample) * np.sqrt(len(rows) / n))
