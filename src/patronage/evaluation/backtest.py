"""Rolling-origin backtest: fit at several past dates, predict, and compare with what had come a while later.

Every origin is a cut-off. The model sees what was known on that day, predicts the days that follow, and is judged by
them. What several origins show together is how far off such predictions are, by facts instead of assumptions; see
`patronage.evaluation.conformal` for what follows from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.evaluation.coverage import interval_coverage, randomised_coverage, randomised_pit
from patronage.ledger.tables import business_day
from patronage.models.base import checked_level
from patronage.models.purchase.model import PurchaseModel
from patronage.models.uncertainty import PARAMETER_DRAWS, checked_size, count_distribution
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.split import calibration_holdout


@dataclass(frozen=True)
class Origin:
    """One cut-off: the model as of that day, and its predictions beside what came.

    Attributes
    ----------
    cutoff : date
        The last day that the model knew.
    horizon_days : int
        Length of the holdout that follows.
    horizon : float
        The same in the time unit of the model.
    model : PurchaseModel
        Fitted.
    level : float
        Of the intervals.
    customers : DataFrame
        Indexed by customer_id: frequency, recency, T and monetary_value as of the cut-off; actual, expected, low and
        high: purchases within the holdout; pit: see `patronage.evaluation.coverage`.
    total : Series
        actual, expected, low, median, high: purchases of all of them.
    """

    cutoff: date
    horizon_days: int
    horizon: float
    model: PurchaseModel
    level: float
    customers: pd.DataFrame
    total: pd.Series

    @property
    def known_on(self) -> date:
        """The day on which the whole holdout is known."""
        return self.cutoff + timedelta(days=self.horizon_days)


@dataclass(frozen=True)
class Backtest:
    """Several origins, in order of time.

    Attributes
    ----------
    origins : tuple of Origin
    """

    origins: tuple[Origin, ...]

    def table(self) -> pd.DataFrame:
        """One row an origin.

        Returns
        -------
        DataFrame
            cutoff, n_customers; actual and expected purchases and their ratio; total_low and total_high, whether the
            actual total lies within; customer_coverage, the share of customers within their own interval (above the
            level, because counts are whole), and randomised_coverage, which should equal the level.
        """
        return pd.DataFrame([_row(origin) for origin in self.origins])


def rolling_backtest(
    transactions: Any,
    new_model: Callable[[], PurchaseModel],
    cutoffs: Sequence[date],
    horizon_days: int,
    time_unit: TimeUnit | str = TimeUnit.WEEK,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    observed_until: date | None = None,
    covariates: Callable[[date], pd.DataFrame] | None = None,
) -> Backtest:
    """Fit and judge a purchase model at several cut-offs.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    new_model : callable
        Makes the model to fit, such as a class, or a lambda with options. It must be one of frequency, recency and T,
        and of `covariates`.
    cutoffs : sequence of date
    horizon_days : int
        The holdout is the so many days after each cut-off.
    time_unit : {"day", "week", "year"}
        Unit of the model.
    level : float
        Coverage of the intervals, between 0 and 1.
    size : int
        Futures drawn for the interval of the total; at least 2 / (1 - level).
    rng : numpy.random.Generator
        The same state gives the same numbers.
    observed_until : date, optional
        Last day of which the ledger is known to be complete, though nothing may have been bought on it; that of the
        last transaction if not given.
    covariates : callable, optional
        What is known of every customer on a day, indexed by customer_id: columns that the model reads too.

    Returns
    -------
    Backtest
        Origins in order of time.

    Raises
    ------
    ConfigError
        If there are no cut-offs, one occurs twice, or a holdout ends after `observed_until`.
    """
    unit, level, size = TimeUnit(time_unit), checked_level(level), checked_size(size, level)
    _refuse_cutoffs(cutoffs, horizon_days, observed_until or last_day(transactions))
    horizon = unit.from_days(float(horizon_days))
    origins = []
    for cutoff in sorted(cutoffs):
        customers = calibration_holdout(transactions, cutoff, horizon_days, unit).to_pandas()
        if covariates is not None:
            customers = customers.join(covariates(cutoff))
        model = new_model().fit(customers)
        intervals = model.predictive_interval(customers, horizon, level, rng=rng)
        actual = customers.pop("frequency_holdout").to_numpy(np.float64)
        judged = count_distribution(model.outlook(customers, horizon), horizon, actual, PARAMETER_DRAWS, rng)
        customers = customers.drop(columns="spend_holdout").assign(actual=actual).join(intervals)
        customers["pit"] = randomised_pit(actual, rng, distribution=judged)
        total = model.total_interval(customers, horizon, level, size, rng=rng)
        total = pd.concat([pd.Series({"actual": actual.sum()}), total])
        origins.append(Origin(cutoff, horizon_days, horizon, model, level, customers, total))
    return Backtest(tuple(origins))


def last_day(transactions: Any) -> date:
    """The last business day with a transaction."""
    last: date = business_day(transactions).max().to_pyarrow().as_py()
    return last


def _refuse_cutoffs(cutoffs: Sequence[date], horizon_days: int, last: date) -> None:
    if not cutoffs or len(set(cutoffs)) < len(cutoffs):
        message = "cutoffs must be one or more dates, each of them once; "
        message += f"got {', '.join(map(str, cutoffs)) or 'none'}."
        raise ConfigError(message)
    if horizon_days < 1:
        message = f"horizon_days must be 1 or more; got {horizon_days}."
        raise ConfigError(message)
    late = [one for one in sorted(cutoffs) if one + timedelta(days=horizon_days) > last]
    if late:
        message = (
            f"The ledger ends on {last}, so what came in the {horizon_days} days after {', '.join(map(str, late))} is "
            f"not known yet. Take cut-offs up to {last - timedelta(days=horizon_days)}, or a shorter horizon."
        )
        raise ConfigError(message)


def _row(origin: Origin) -> dict[str, Any]:
    customers, total = origin.customers, origin.total
    return {
        "cutoff": origin.cutoff,
        "n_customers": len(customers),
        "actual": total["actual"],
        "expected": total["expected"],
        "ratio": total["actual"] / total["expected"],
        "total_low": total["low"],
        "total_high": total["high"],
        "total_inside": bool(total["low"] <= total["actual"] <= total["high"]),
        "customer_coverage": interval_coverage(customers["actual"], customers["low"], customers["high"]),
        "randomised_coverage": randomised_coverage(customers["pit"], origin.level),
    }
