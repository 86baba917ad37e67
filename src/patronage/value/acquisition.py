r"""Right customers: what it cost to win them against what they bring, by channel, campaign or cohort.

*Payback*: the age at which the mean profit that customers have brought by then reaches the mean cost of winning one,
actual as far as it goes and continued by the model (`cohorts`): 0 where the day of the first purchase brings as much,
linear from there to the end of the first age period, and within every later one. Its interval is that of a Bayesian
bootstrap over customers; an end that is missing lies beyond the last age looked at.

Whatever is held against the cost of winning customers is told of those alone whose cost is known.

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
from numpy.typing import NDArray
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

NEVER = 1e300
"""Days from which on a payback stands for none."""

MARGINAL = ("elasticity", "marginal_return", "marginal_return_low", "marginal_return_high", "marginal_return_missing")
"""What `marginal_return` tells."""


def payback_days(cumulative: FloatArray, cost: FloatArray, at_once: FloatArray, period_days: float) -> FloatArray:
    """Age at which cumulative profit reaches the cost; infinite where it does not.

    Parameters
    ----------
    cumulative : ndarray, shape (..., k)
        At the ends of k age periods.
    cost : ndarray, shape (...)
    at_once : ndarray, shape (...)
        Profit on the day of the first purchase, part of the first period.
    period_days : float

    Returns
    -------
    ndarray, shape (...)
        In days; 0 where the first day brings the cost, or there was none.

    Examples
    --------
    >>> payback_days(np.array([5.0, 9.0, 13.0]), np.array(11.0), np.array(4.0), 30.0).tolist()
    75.0
    >>> payback_days(np.array([5.0, 9.0, 13.0]), np.array(4.5), np.array(4.0), 30.0).tolist()
    15.0
    """
    start = np.concatenate([at_once[..., None], cumulative], axis=-1)
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
    flows: AgeFlows | None,
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
    flows : AgeFlows or None
        Of those of the customers whose acquisition cost is known, by the same groups; None if there is nobody.
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
    needed = ("first_day", "acquisition_cost", "realised_profit", "future_profit", "never_breaks_even")
    required_columns(customers, needed)
    paid = customers["acquisition_cost"].to_numpy(np.float64)
    realised, future, never = (customers[name].to_numpy(np.float64) for name in needed[2:])
    known = ~np.isnan(paid)
    everyone = np.bincount(code, minlength=len(names))
    told = np.bincount(code[known], minlength=len(names))
    _refuse_other_groups(flows, tuple(name for name, number in zip(names, told, strict=True) if number))

    def mean(values: FloatArray, of: NDArray[np.bool_]) -> FloatArray:
        number = np.bincount(code[of], minlength=len(names))
        total = np.bincount(code[of], values[of], minlength=len(names))
        return np.asarray(np.divide(total, number, out=np.full(len(names), np.nan), where=number > 0), dtype=np.float64)

    all_of_them = np.ones(len(customers), dtype=bool)
    cost, value = mean(paid, known), mean(realised + future, known)
    first = pd.to_datetime(customers["first_day"])
    began = first[known].groupby(code[known]).mean().dt.normalize().reindex(range(len(names)))
    payback = np.full((3, len(names)), np.nan)
    if flows is not None:
        payback[:, told > 0] = _paybacks(flows, level, checked_size(size, level), checked_rng(rng))
    table = pd.DataFrame(
        {
            "group": names,
            "n_customers": everyone,
            "cost_unknown": everyone - told,
            "acquisition_cost": np.where(told > 0, cost * told, np.nan),
            "cost_per_customer": cost,
            "realised_per_customer": mean(realised, all_of_them),
            "future_per_customer": mean(future, all_of_them),
            "lifetime_value_per_customer": mean(realised + future, all_of_them),
            "realised_where_cost_known": mean(realised, known),
            "future_where_cost_known": mean(future, known),
            "lifetime_value_where_cost_known": value,
            "value_created_per_customer": value - cost,
            "ltv_to_cac": np.divide(value, cost, out=np.full(len(names), np.nan), where=cost > 0),
            "never_breaks_even": mean(never, known),
            "payback_days": payback[0],
            "payback_days_low": payback[1],
            "payback_days_high": payback[2],
            "break_even_day": [
                start + pd.Timedelta(days=float(np.floor(after))) if np.isfinite(after) else pd.NaT
                for start, after in zip(began, payback[0], strict=True)
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
    customers = customers[customers["acquisition_cost"].notna()]
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


def _refuse_other_groups(flows: AgeFlows | None, names: tuple[str, ...]) -> None:
    found = flows.groups if flows is not None else ()
    if found != names:
        message = (
            f"The flows are of the groups {', '.join(found) or 'nobody'}; customers with a known acquisition cost are "
            f"of {', '.join(names) or 'no group'}."
        )
        raise InputError(message)


def _paybacks(flows: AgeFlows, level: float, size: int, rng: np.random.Generator) -> FloatArray:
    """Payback of each group, and the ends of its interval, shape (3, g); missing beyond the last age."""
    count = flows.customers.sum(axis=1)
    cost, at_once = flows.cost.sum(axis=1) / count, flows.at_once.sum(axis=1) / count
    days = payback_days(flows.cumulative(), cost, at_once, flows.period_days)
    weights = flows.draw_weights(size, rng)
    counts = np.einsum("sgb,gb->sg", weights, flows.customers)
    cost, at_once = (np.einsum("sgb,gb->sg", weights, one) / counts for one in (flows.cost, flows.at_once))
    drawn = payback_days(flows.cumulative(weights), cost, at_once, flows.period_days)
    # The largest float stands for never, so that quantiles need not average with infinity.
    low, _median, high = quantiles_of(np.minimum(drawn, np.finfo(np.float64).max), level)
    found = np.array([days, low, high])
    return np.where(found < NEVER, found, np.nan)
