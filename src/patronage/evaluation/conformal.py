r"""Intervals corrected by how far off earlier predictions were.

A model's own interval is right if the model is. A conformal one needs no model, only that the errors of the last origin
are like those of earlier ones.

**Customers.** How extreme a count was in its predicted distribution is told by its randomised probability integral
transform u (see `patronage.evaluation.coverage`), as :math:`s = |2u - 1|` [1]_: a central interval of level s just
reaches it. Of n earlier scores the :math:`\lceil (n + 1)\,\mathrm{level} \rceil`-th smallest is the level that the
model should be asked for, above the promised one where its intervals are too narrow, below where they are too wide. It
is learnt in each class of frequency by itself, because models err differently on frequent buyers [2]_. Unlike a margin
in purchases, which must be whole, such a level can be moved a little, and it carries over to customers of every rate.

With exchangeable customers the interval then covers at least the level, and above it, because counts are whole. The
customers of several origins are partly the same people, and seasons differ, so in life that is an approximation; what
holds is measured on the last holdout.

**The total.** There is one total an origin, so a few origins give a few errors. The interval is the prediction times
the extremes of the earlier ratios of actual to expected totals; k of them support a level of at most
:math:`(k - 1) / (k + 1)`: 3 origins 50 %, 19 origins 90 %. The level that an interval has is stated with it.

References
----------
.. [1] Chernozhukov, Wüthrich, Zhu (2021), Distributional conformal prediction. Proceedings of the National Academy of
   Sciences 118(48).
.. [2] Vovk, Gammerman, Shafer (2005), Algorithmic learning in a random world. Springer. (Mondrian conformal
   predictors.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.backtest import Backtest, Origin
from patronage.evaluation.coverage import interval_coverage
from patronage.models.base import checked_level
from patronage.models.purchase.model import PurchaseModel
from patronage.models.uncertainty import PARAMETER_DRAWS
from patronage.runtime.histories import FloatArray, IndexArray, as_numbers

CLASS_STARTS = (0, 1, 2, 3, 5, 8, 13, 21)
"""First frequency of each class, before classes with too few customers are joined to the one below."""

LEAST_CUSTOMERS = 100
"""Customers below which a class is joined to the one below."""

HIGHEST_LEVEL = 1 - 1e-9
"""Highest level that a model is asked for: what it holds for impossible cannot be reached by asking for more."""


@dataclass(frozen=True)
class CustomerCorrection:
    """The level to ask a model for, so that its intervals cover another.

    Attributes
    ----------
    level : float
        Coverage that is wanted.
    starts : ndarray, shape (g,)
        First frequency of each class, ascending from 0.
    levels : ndarray, shape (g,)
        Levels to ask for.
    n_customers : ndarray, shape (g,)
        Earlier predictions behind each.
    """

    level: float
    starts: FloatArray
    levels: FloatArray
    n_customers: FloatArray

    def interval(
        self,
        model: PurchaseModel,
        frame: pd.DataFrame,
        horizon: float,
        size: int = PARAMETER_DRAWS,
        *,
        rng: np.random.Generator,
    ) -> pd.DataFrame:
        """Corrected interval of each customer; parameters and result are those of `PurchaseModel.predictive_interval`.

        The horizon should be as long as that of the origins that the correction was learnt from.
        """
        belongs = _class_of(frame["frequency"], self.starts)
        parts = [
            model.predictive_interval(frame[belongs == one], horizon, float(self.levels[one]), size, rng=rng)
            for one in (np.unique(belongs) if len(belongs) else [0])
        ]
        place = np.argsort(belongs, kind="stable").argsort(kind="stable")
        return pd.concat(parts).iloc[place]

    def table(self) -> pd.DataFrame:
        """One row a class: frequency_from, level_asked_for, n_customers."""
        columns = {"frequency_from": self.starts, "level_asked_for": self.levels, "n_customers": self.n_customers}
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class TotalCorrection:
    """Ratios of actual to expected totals at earlier origins.

    Attributes
    ----------
    ratios : ndarray, shape (k,)
        Ascending.
    """

    ratios: FloatArray

    @property
    def supported_level(self) -> float:
        """Highest level that so few ratios support."""
        k = len(self.ratios)
        return (k - 1) / (k + 1)

    def interval(self, expected: float, level: float) -> pd.Series:
        """Interval of a total.

        Parameters
        ----------
        expected : float
            The model's expected total.
        level : float
            Coverage that is asked for.

        Returns
        -------
        Series
            low, high, and the level that this interval has, which is below the one asked for if the ratios do not
            support it.
        """
        k = len(self.ratios)
        # Beyond each end lie (rank - 1) of k ratios: as many as the level allows, none if it allows less than that.
        rank = max(int(np.floor((k + 1) * (1 - checked_level(level)) / 2 + 1e-9)), 1)
        low, high = self.ratios[rank - 1] * expected, self.ratios[k - rank] * expected
        return pd.Series({"low": low, "high": high, "level": (k + 1 - 2 * rank) / (k + 1)})


def learn_customer_correction(
    origins: Sequence[Origin], level: float, least_customers: int = LEAST_CUSTOMERS
) -> CustomerCorrection:
    """Learn from earlier origins which level to ask a model for.

    Parameters
    ----------
    origins : sequence of Origin
    level : float
        Coverage that is wanted, between 0 and 1.
    least_customers : int
        Classes of frequency with fewer are joined to the one below.

    Raises
    ------
    ConfigError
        If there are no origins, or their customers are too few for the level.
    """
    checked_level(level)
    if not origins:
        raise _no_origins()
    needed = int(np.ceil(level / (1 - level) - 1e-9))
    frequency, pit = (np.concatenate([one.customers[name] for one in origins]) for name in ("frequency", "pit"))
    if len(pit) < needed:
        message = (
            f"The {len(pit)} customers of earlier origins are too few to correct an interval of level {level}: "
            f"{needed} are needed. Add origins, or lower the level."
        )
        raise ConfigError(message)
    starts = _joined_classes(frequency, max(least_customers, needed))
    belongs, scores = _class_of(frequency, starts), np.abs(2 * pit - 1)
    levels, sizes = np.zeros((2, len(starts)))
    for one in range(len(starts)):
        own = np.sort(scores[belongs == one])
        rank = int(np.ceil((len(own) + 1) * level - 1e-9))
        levels[one], sizes[one] = min(own[rank - 1], HIGHEST_LEVEL), len(own)
    return CustomerCorrection(level, starts, levels, sizes)


def learn_total_correction(origins: Sequence[Origin]) -> TotalCorrection:
    """Learn from earlier origins by what ratio totals differed from what was expected."""
    if not origins:
        raise _no_origins()
    return TotalCorrection(np.sort([origin.total["actual"] / origin.total["expected"] for origin in origins]))


def conformal_report(backtest: Backtest, *, rng: np.random.Generator) -> pd.DataFrame:
    """The model's own intervals and the conformal ones, side by side at the last origin.

    The correction is learnt from the origins whose holdout was over at the last cut-off: others were not known then.

    Returns
    -------
    DataFrame
        Four rows: what (customers, total), interval (model, conformal), level, coverage (share of customers covered;
        1 or 0 for the total), low and high (of the total; missing for customers), mean_width, n_origins learnt from.

    Raises
    ------
    ConfigError
        If no earlier holdout was over at the last cut-off.
    """
    last = backtest.origins[-1]
    earlier = [one for one in backtest.origins if one.known_on <= last.cutoff]
    customers, total = last.customers, last.total
    correction = learn_customer_correction(earlier, last.level)
    corrected = correction.interval(last.model, customers, last.horizon, rng=rng)
    by_ratio = learn_total_correction(earlier).interval(total["expected"], last.level)
    rows = [
        _customers_row("model", customers["actual"], customers, last.level, 0),
        _customers_row("conformal", customers["actual"], corrected, last.level, len(earlier)),
        _total_row("model", total["actual"], total, last.level, 0),
        _total_row("conformal", total["actual"], by_ratio, by_ratio["level"], len(earlier)),
    ]
    return pd.DataFrame(rows)


def _customers_row(
    interval: str, actual: pd.Series, ends: pd.DataFrame, level: float, n_origins: int
) -> dict[str, Any]:
    return {
        "what": "customers",
        "interval": interval,
        "level": level,
        "coverage": interval_coverage(actual, ends["low"], ends["high"]),
        "low": np.nan,
        "high": np.nan,
        "mean_width": float((ends["high"] - ends["low"]).mean()),
        "n_origins": n_origins,
    }


def _total_row(interval: str, actual: float, ends: pd.Series, level: float, n_origins: int) -> dict[str, Any]:
    return {
        "what": "total",
        "interval": interval,
        "level": level,
        "coverage": float(ends["low"] <= actual <= ends["high"]),
        "low": ends["low"],
        "high": ends["high"],
        "mean_width": ends["high"] - ends["low"],
        "n_origins": n_origins,
    }


def _joined_classes(frequency: FloatArray, least: int) -> FloatArray:
    """First frequencies of classes that have enough customers, from the top down."""
    found, above = list[float](), np.inf
    for start in sorted(CLASS_STARTS[1:], reverse=True):
        if ((frequency >= start) & (frequency < above)).sum() >= least:
            found.append(float(start))
            above = start
    if found and (frequency < found[-1]).sum() < least:
        found.pop()
    return np.array([0.0, *found[::-1]])


def _class_of(frequency: ArrayLike, starts: FloatArray) -> IndexArray:
    return np.searchsorted(starts, as_numbers("frequency", frequency), side="right") - 1


def _no_origins() -> ConfigError:
    return ConfigError(
        "No earlier holdout was over at the cut-off, so there are no errors to learn from. Add cut-offs a horizon "
        "before it, or shorten the horizon."
    )
