r"""Right customers: what it cost to win them against what they bring, by channel, campaign or cohort.

*Payback*: the age at which the mean profit that customers have brought by then reaches the mean cost of winning one,
actual as far as it goes and continued by the model (`cohorts`); linear within an age period. Its interval is that of a
Bayesian bootstrap over customers; an end that is missing lies beyond the last age looked at.

*Never breaks even*: the mean, over customers, of the probability that what came and what is to come within the horizon
stay below what it cost to win them. It differs from payback, which is one of means: a few good customers pay for many.

*Marginal return*: what one unit of money more would bring. From one month to the next, lifetime value won moves with
the money spent, :math:`V = c + b A`; one more unit brings b, which is negative where a channel destroys value. Months
are weighted by 1 / A, because the variance of a sum over customers grows with their number. The elasticity
:math:`b A / V` of the months together says whether returns diminish (below 1: the next customer costs more than the
last). It is an association over time: what else moved with the budget, as seasons do, is in it.
"""

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from patronage.errors import InputError
from patronage.models.base import checked_level, required_columns
from patronage.models.uncertainty import checked_rng, checked_size, quantiles_of
from patronage.runtime.histories import FloatArray
from patronage.value.cohorts import AgeFlows
from patronage.value.futures import Futures, group_codes

LEAST_PERIODS = 6
"""Months from which on a marginal return is estimated."""

LEAST_CHANGE = 1e-9
"""Spending that differs by less than this share of its mean is one amount, and rounding."""

MARGINAL = ("elasticity", "marginal_return", "marginal_return_low", "marginal_return_high", "marginal_return_missing")
"""What `marginal_return` tells."""


def payback_days(cumulative: FloatArray, cost: FloatArray, period_days: float) -> FloatArray:
    """Age at which cumulative profit reaches the cost; infinite where it does not.

    Parameters
    ----------
    cumulative : ndarray, shape (..., k)
        At the ends of k age periods.
    cost : ndarray, shape (...)
    period_days : float

    Returns
    -------
    ndarray, shape (...)
        In days; 0 where there was no cost.

    Examples
    --------
    >>> payback_days(np.array([5.0, 9.0, 13.0]), np.array(11.0), 30.0).tolist()
    75.0
    """
    start = np.concatenate([np.zeros((*cumulative.shape[:-1], 1)), cumulative], axis=-1)
    reached = start >= cost[..., None]
    at = np.argmax(reached, axis=-1)
    below = np.take_along_axis(start, np.maximum(at - 1, 0)[..., None], axis=-1)[..., 0]
    above = np.take_along_axis(start, at[..., None], axis=-1)[..., 0]
    share = np.divide(cost - below, above - below, out=np.zeros(cost.shape), where=(at > 0) & (above > below))
    days = period_days * (np.maximum(at - 1, 0) + share)
    return np.where(reached.any(axis=-1), np.where(at == 0, 0.0, days), np.inf)


def never_breaks_even(
    futures: Futures, realised: FloatArray, cost: FloatArray, size: int = 200, *, rng: np.random.Generator
) -> FloatArray:
    """Probability of each customer that what came and what is to come stay below what it cost to win them, shape (n,).

    Parameters
    ----------
    futures : Futures
        Of n customers, such as a `ProfitOutlook`; its horizon says what is to come.
    realised, cost : ndarray of float64, shape (n,)
        Profit so far, acquisition cost not deducted, and that cost, in money.
    size : int
        Futures.
    rng : numpy.random.Generator
    """
    count = np.zeros(len(futures))
    for drawn in futures.draw_parameters(checked_size(size), checked_rng(rng)):
        count += realised + futures.draw(drawn, rng) < cost
    return count / size


def acquisition_table(
    flows: AgeFlows,
    customers: pd.DataFrame,
    groups: Any,
    newcomers: pd.DataFrame | None = None,
    level: float = 0.9,
    size: int = 400,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Cost to acquire against lifetime value, one row a group.

    Parameters
    ----------
    flows : AgeFlows
        Of the same customers and groups.
    customers : DataFrame
        One row a customer: first_day, acquisition_cost, realised_profit (cost of winning them not deducted),
        future_profit and never_breaks_even.
    groups : array-like, shape (n,)
        Name of each customer's group.
    newcomers : DataFrame, optional
        From `newcomers.newcomer_value`, indexed by group: what the next customer is worth.
    level : float
    size : int
        Bootstrap draws.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        As described in `schema.equity.ACQUISITION`.

    Raises
    ------
    InputError
        If the groups are not those of the flows.
    """
    names, code = group_codes(groups, len(customers))
    if tuple(names) != flows.groups:
        message = f"The flows are of the groups {', '.join(flows.groups)}; got {', '.join(names)}."
        raise InputError(message)
    needed = ("first_day", "acquisition_cost", "realised_profit", "future_profit", "never_breaks_even")
    required_columns(customers, needed)
    paid = customers["acquisition_cost"].to_numpy(np.float64)
    realised, future, never = (customers[name].to_numpy(np.float64) for name in needed[2:])
    count = np.bincount(code, minlength=len(names)).astype(np.float64)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(code, values, minlength=len(names)) / count, dtype=np.float64)

    cost, value = mean(np.nan_to_num(paid)), mean(realised + future)
    first = pd.to_datetime(customers["first_day"])
    began = first.groupby(code).mean().dt.normalize()
    days = payback_days(flows.cumulative(), cost, flows.period_days)
    low, high = _payback_interval(flows, level, checked_size(size, level), checked_rng(rng))
    table = pd.DataFrame(
        {
            "group": names,
            "n_customers": count.astype(np.int64),
            "cost_unknown": np.bincount(code, np.isnan(paid), minlength=len(names)).astype(np.int64),
            "acquisition_cost": cost * count,
            "cost_per_customer": cost,
            "realised_per_customer": mean(realised),
            "future_per_customer": mean(future),
            "lifetime_value_per_customer": value,
            "value_created_per_customer": value - cost,
            "ltv_to_cac": np.divide(value, cost, out=np.full(len(names), np.nan), where=cost > 0),
            "never_breaks_even": mean(never),
            "payback_days": _or_missing(days),
            "payback_days_low": _or_missing(low),
            "payback_days_high": _or_missing(high),
            "break_even_day": [
                start + pd.Timedelta(days=float(np.floor(after))) if np.isfinite(after) else pd.NaT
                for start, after in zip(began, days, strict=True)
            ],
        }
    )
    margins = [marginal_return(customers[code == place], level) for place in range(len(names))]
    for column in MARGINAL:
        table[column] = [one[column] for one in margins]
    if newcomers is not None:
        for column in ("expected", "low", "high"):
            table[f"next_customer_{column}"] = newcomers[column].reindex(names).to_numpy()
    return table


def marginal_return(customers: pd.DataFrame, level: float = 0.9) -> dict[str, Any]:
    """What one more unit of money spent on winning customers would bring, from how value moved with spending.

    Parameters
    ----------
    customers : DataFrame
        One row a customer of a group: first_day, acquisition_cost, realised_profit, future_profit.
    level : float
        Of the interval, by Student's distribution.

    Returns
    -------
    dict
        `MARGINAL`: elasticity (NaN where the value of all is not above 0), marginal_return and the ends of its
        interval, in money per money; marginal_return_missing says why these are NaN, or is None.
    """
    month = pd.to_datetime(customers["first_day"]).dt.strftime("%Y-%m")
    value = customers["realised_profit"] + customers["future_profit"]
    sums = pd.DataFrame({"cost": customers["acquisition_cost"], "value": value}).groupby(month.to_numpy()).sum()
    paid = sums[sums["cost"] > 0]
    cost, won = paid["cost"].to_numpy(np.float64), paid["value"].to_numpy(np.float64)
    reason = None
    if len(paid) < LEAST_PERIODS:
        reason = f"{len(paid)} months with acquisition cost; {LEAST_PERIODS} are needed"
    elif np.ptp(cost) < LEAST_CHANGE * cost.mean():
        reason = "spending was the same in every month"
    if reason is not None:
        return dict(zip(MARGINAL, (np.nan,) * 4 + (reason,), strict=True))
    slope, error = _weighted_slope(cost, won, 1 / cost)
    reach = float(special.stdtrit(len(paid) - 2, 0.5 + checked_level(level) / 2)) * error
    elasticity = slope * cost.sum() / won.sum() if won.sum() > 0 else np.nan
    return dict(zip(MARGINAL, (elasticity, slope, slope - reach, slope + reach, None), strict=True))


def _weighted_slope(x: FloatArray, y: FloatArray, weight: FloatArray) -> tuple[float, float]:
    """Slope of a line by weighted least squares, and its standard error."""
    across = x - np.average(x, weights=weight)
    up = y - np.average(y, weights=weight)
    spread = float(weight @ across**2)
    slope = float(weight @ (across * up)) / spread
    scatter = float(weight @ (up - slope * across) ** 2) / (len(x) - 2)
    return slope, float(np.sqrt(scatter / spread))


def _payback_interval(
    flows: AgeFlows, level: float, size: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    weights = flows.draw_weights(size, rng)
    cost = np.einsum("sgb,gb->sg", weights, flows.cost) / np.einsum("sgb,gb->sg", weights, flows.customers)
    drawn = payback_days(flows.cumulative(weights), cost, flows.period_days)
    # The largest float stands for never, so that quantiles need not average with infinity.
    low, _median, high = quantiles_of(np.minimum(drawn, np.finfo(np.float64).max), level)
    return (np.where(low < 1e300, low, np.inf), np.where(high < 1e300, high, np.inf))


def _or_missing(days: FloatArray) -> FloatArray:
    return np.where(np.isfinite(days), days, np.nan)
