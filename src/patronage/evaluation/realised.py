r"""Realised against predicted, once the future has come: totals, calibration and ranking, with control limits.

Every test asks how surprising what came would be if the model were right:

- how many left, of customers with churn probabilities :math:`p_i`: a Poisson-binomial law, exact up to
  `MOST_EXACT` customers, normal beyond, with limits that follow its skewness;
- totals of purchases and of value: the sum of residuals against its own spread, with Johnson's correction for
  skewness [1]_, because money is skewed and the groups are small;
- calibration of churn probabilities: :math:`\sum_b (O_b - E_b)^2 / V_b` over tenths of customers by probability, with
  :math:`V_b = \sum p_i (1 - p_i)`, by the chi-square law; nothing was fitted to these customers, so no degree is lost;
- ranking: the area under the ROC curve against the area that the probabilities themselves promise. Their promise
  follows the mix of customers, so that a batch that is harder to rank is no alarm.

As in `drift` an alarm needs a size that matters beside the level. The uncertainty of the model's own parameters is not
in the limits: it is why totals may miss by `RealisedSizes.total` before anybody is woken.

References
----------
.. [1] Johnson (1978), Modified t tests and confidence intervals for asymmetrical populations. JASA 73(363), 536-544.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from patronage.errors import ConfigError
from patronage.runtime.histories import FloatArray
from patronage.schema.monitoring import REALISED

MOST_EXACT = 2_000
"""Customers up to whom the law of a count is computed exactly: a millisecond or so; beyond, the normal law has it."""

FEWEST_CUSTOMERS = 50
"""Customers below which a group is reported and not judged."""

N_TENTHS = 10
"""Groups of the calibration test."""

N_DRAWS = 200
"""Draws of outcomes behind the promise of a ranking; its spread is then known to 5 %."""


@dataclass(frozen=True)
class RealisedSizes:
    """What size matters in practice.

    Attributes
    ----------
    total : float
        Share by which a total of purchases or value may miss, either way.
    churn_share : float
        How far the share that left may lie from what was foretold, either way.
    calibration : float
        Mean gap between told and observed, over tenths of customers.
    ranking : float
        How far the area under the ROC curve may fall short of its promise.
    """

    total: float
    churn_share: float
    calibration: float
    ranking: float

    def __post_init__(self) -> None:
        for name in ("total", "churn_share", "calibration", "ranking"):
            value = getattr(self, name)
            if not 0 <= value < np.inf:
                message = f"The limit {name} must be 0 or more, got {value}."
                raise ConfigError(message)


def realised(
    came: Mapping[str, FloatArray],
    told: Mapping[str, FloatArray],
    groups: pd.DataFrame,
    sizes: RealisedSizes,
    level: float,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Hold what came against what was foretold, of everybody and of each group.

    Parameters
    ----------
    came, told : mapping of str to ndarray of float64, shape (n,)
        By purchases, value and churn, as `candidates.what_came` and `candidates.what_was_told` give them.
    groups : DataFrame, n rows
        What customers are told apart by, a column each.
    sizes : RealisedSizes
    level : float
        Of the control limits that are shown, for each test alone.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        `schema.monitoring.REALISED`; p_adjusted and alarm are for `alarms.decide` to fill, but for small groups.
    """
    rows = []
    for grouping, group, there in _groups(groups, len(came["churn"])):
        named = {"grouping": grouping, "group": group, "n_customers": int(there.sum()), "p_adjusted": np.nan}
        rows += [
            named | _total(task, came[task][there], told[task][there], sizes.total, level)
            for task in ("purchases", "value")
        ]
        rows.append(named | _count(came["churn"][there], told["churn"][there], sizes.churn_share, level))
        if grouping == "all":
            rows.append(named | _calibration(came["churn"], told["churn"], sizes.calibration))
            rows += [named | one for one in _ranking(came["churn"], told["churn"], sizes.ranking, level, rng)]
    table = pd.DataFrame(rows)
    small = table["n_customers"] < FEWEST_CUSTOMERS
    table["alarm"] = np.where(small, "small", "")
    table.loc[small, "p_value"] = np.nan
    return table[list(REALISED.names)]


def count_law(probabilities: FloatArray) -> FloatArray:
    """The exact law of how many of independent events come true (Poisson-binomial).

    Parameters
    ----------
    probabilities : ndarray of float64, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n + 1,)
        Probability of 0, 1, ..., n.
    """
    parts = [np.array([1 - one, one]) for one in probabilities] or [np.ones(1)]
    while len(parts) > 1:
        parts = [
            np.convolve(parts[at], parts[at + 1]) if at + 1 < len(parts) else parts[at]
            for at in range(0, len(parts), 2)
        ]
    return np.asarray(parts[0] / parts[0].sum())


def count_tails(probabilities: FloatArray, count: float, level: float) -> tuple[float, float, float]:
    """Two-sided p-value of a count, and the limits that hold it with at least a level.

    Returns
    -------
    p_value, low, high : float
    """
    beyond = (1 - level) / 2
    if len(probabilities) <= MOST_EXACT:
        law = np.cumsum(count_law(probabilities))
        below, above = law[int(count)], 1 - (law[int(count) - 1] if count >= 1 else 0.0)
        low, high = int(np.searchsorted(law, beyond, side="right")), int(np.searchsorted(law, 1 - beyond))
        return min(1.0, 2 * float(min(below, above))), float(low), float(min(high, len(probabilities)))
    variance = probabilities * (1 - probabilities)
    mean, spread = float(probabilities.sum()), float(np.sqrt(variance.sum()))
    skewness = float((variance * (1 - 2 * probabilities)).sum()) / spread**3 if spread else 0.0
    off = max(abs(count - mean) - 0.5, 0.0)
    z = off / spread if spread else (np.inf if off else 0.0)
    quantile = stats.norm.isf(beyond)
    shift = skewness * (quantile**2 - 1) / 6
    return (min(1.0, 2 * float(stats.norm.sf(z))), mean + spread * (shift - quantile),
            mean + spread * (shift + quantile))  # fmt: skip


def _groups(groups: pd.DataFrame, n: int) -> Iterator[tuple[str, str, Any]]:
    yield "all", "all", np.ones(n, dtype=bool)
    for name in groups:
        labels = groups[name].astype(object).where(groups[name].notna(), "missing").astype(str).to_numpy()
        if len(set(labels)) > 1:
            for label in sorted(set(labels)):
                yield str(name), label, labels == label


def _total(task: str, came: FloatArray, told: FloatArray, limit: float, level: float) -> dict[str, Any]:
    n, predicted, total = len(came), float(told.sum()), float(came.sum())
    residuals = came - told
    mean, spread = float(residuals.mean()), float(residuals.std(ddof=1)) if n > 1 else 0.0
    p_value = 1.0 if mean == 0 else 0.0
    half = 0.0
    if spread > 0:
        third = float(((residuals - mean) ** 3).mean())
        corrected = mean + third / (6 * spread**2 * n) + third * mean**2 / (3 * spread**4)
        p_value = 2 * float(stats.t.sf(abs(corrected) / (spread / np.sqrt(n)), n - 1))
        half = float(stats.t.isf((1 - level) / 2, n - 1)) * spread * np.sqrt(n)
    size = abs(total - predicted) / abs(predicted) if predicted else np.nan
    return _row(task, "total", predicted, total, (predicted - half, predicted + half), size, limit, p_value,
                f"{total:,.0f} came, {predicted:,.0f} foretold ({_signed(total, predicted)})")  # fmt: skip


def _count(left: FloatArray, told: FloatArray, limit: float, level: float) -> dict[str, Any]:
    count, expected = float(left.sum()), float(told.sum())
    p_value, low, high = count_tails(told, count, level)
    return _row("churn", "total", expected, count, (low, high), abs(count - expected) / len(left), limit, p_value,
                f"{count:,.0f} left, {expected:,.0f} foretold of {len(left):,}")  # fmt: skip


def _calibration(left: FloatArray, told: FloatArray, limit: float) -> dict[str, Any]:
    order = np.argsort(told, kind="stable")
    tenths = np.array_split(order, min(N_TENTHS, len(order)))
    observed = np.array([left[one].sum() for one in tenths])
    expected = np.array([told[one].sum() for one in tenths])
    variance = np.array([(told[one] * (1 - told[one])).sum() for one in tenths])
    # A tenth of certainties has no spread: the least one keeps a single miss from being infinite.
    statistic = float(((observed - expected) ** 2 / np.maximum(variance, 0.25)).sum())
    gap = float(np.abs(observed - expected).sum() / len(left))
    return _row("churn", "calibration", float(told.mean()), float(left.mean()), (np.nan, np.nan), gap, limit,
                float(stats.chi2.sf(statistic, len(tenths))),
                f"mean gap of {gap:.1%} between told and observed, over tenths of customers")  # fmt: skip


def _ranking(
    left: FloatArray, told: FloatArray, limit: float, level: float, rng: np.random.Generator
) -> list[dict[str, Any]]:
    if not 0 < left.sum() < len(left):
        return []
    ranks = stats.rankdata(told)
    area = _area(ranks, left)
    drawn = [_area(ranks, (rng.random(len(told)) < told).astype(np.float64)) for _ in range(N_DRAWS)]
    known = np.array([one for one in drawn if np.isfinite(one)])
    if len(known) < N_DRAWS // 2 or not known.std():
        return []
    promised, spread = float(known.mean()), float(known.std(ddof=1))
    half = float(stats.norm.isf((1 - level) / 2)) * spread
    # Only falling short is a fault.
    p_value = float(stats.norm.cdf((area - promised) / spread))
    return [_row("churn", "ranking", promised, area, (promised - half, promised + half), max(0.0, promised - area),
                 limit, p_value, f"area under the ROC curve {area:.3f}, promised {promised:.3f}")]  # fmt: skip


def _area(ranks: FloatArray, left: FloatArray) -> float:
    gone = float(left.sum())
    stayed = len(left) - gone
    if not gone or not stayed:
        return float("nan")
    return (float(ranks[left > 0].sum()) - gone * (gone + 1) / 2) / (gone * stayed)


def _row(
    quantity: str, test: str, predicted: float, came: float, limits: tuple[float, float], size: float, limit: float,
    p_value: float, words: str,
) -> dict[str, Any]:  # fmt: skip
    return {"quantity": quantity, "test": test, "predicted": predicted, "realised": came, "low": limits[0],
            "high": limits[1], "size": size, "limit": limit, "p_value": min(1.0, p_value), "words": words}  # fmt: skip


def _signed(came: float, predicted: float) -> str:
    return f"{came / predicted - 1:+.1%}".replace("-", "−") if predicted else "nothing foretold"
