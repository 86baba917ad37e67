"""Profit and retention by age: what groups of customers brought in each period after they were won, and will bring.

A customer's age begins with the first purchase and is cut into periods of equal length (30.4375 days by default). Up to
the as-of date the ledger says what happened; from there on the model goes on, customer by customer, so that at every
age all customers of a group count: those who have reached it by what they did, the others by what is expected of them.
In the period that a customer is in, both parts are added.

Customers are gathered in `BLOCKS` blocks, whose weights the Bayesian bootstrap draws: what the group would have looked
like with other customers. The interval takes the model for certain.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.models.base import required_columns
from patronage.models.contract.seen import tenures_of
from patronage.models.uncertainty import checked_rng, checked_size, quantiles_of
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.value.age_path import expected_buyers, expected_by_age, expected_payers
from patronage.value.calendar import DAYS_PER_MONTH
from patronage.value.contract_profit import ContractProfitModel
from patronage.value.futures import group_codes
from patronage.value.lifetime_profit import ProfitModel
from patronage.value.profit_terms import ProfitTerms

ROUNDING = 1e-9

BLOCKS = 100
"""Blocks of customers in a group that the bootstrap draws."""


@dataclass(frozen=True)
class AgeFlows:
    """Sums by group, block of customers, and age.

    Attributes
    ----------
    groups : tuple of str
        g of them.
    period_days : float
        Length of an age period.
    customers, cost, at_once : ndarray of float64, shape (g, blocks)
        Customers, what it cost to win them, and their profit up to the day of the first purchase.
    observed : ndarray of float64, shape (g, blocks, k)
        Customers who were observed for all of the age period.
    profit, bought : ndarray of float64, shape (g, blocks, k)
        Profit, and customers who bought, up to the as-of date.
    profit_of_observed, bought_of_observed : ndarray of float64, shape (g, blocks, k)
        The same of those customers only who were observed for all of the period.
    profit_to_come, buyers_to_come : ndarray of float64, shape (g, blocks, k)
        Expected after the as-of date; buyers are those who had not bought in the period before it.
    """

    groups: tuple[str, ...]
    period_days: float
    customers: FloatArray
    cost: FloatArray
    at_once: FloatArray
    observed: FloatArray
    profit: FloatArray
    bought: FloatArray
    profit_of_observed: FloatArray
    bought_of_observed: FloatArray
    profit_to_come: FloatArray
    buyers_to_come: FloatArray

    @property
    def ages(self) -> FloatArray:
        """Ends of the age periods, in days."""
        ends: FloatArray = self.period_days * np.arange(1.0, self.profit.shape[2] + 1)
        return ends

    def draw_weights(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Random weights of the blocks, with a mean of 1, shape (size, g, blocks); empty blocks weigh nothing."""
        there = self.customers > 0
        weights = rng.standard_exponential((size, *there.shape)) * there
        return np.asarray(weights * there.sum(axis=1)[:, None] / weights.sum(axis=2, keepdims=True), dtype=np.float64)

    def cumulative(self, weights: FloatArray | None = None) -> FloatArray:
        """Cumulative profit per customer to the end of each age period, what came and what is to come together.

        Parameters
        ----------
        weights : ndarray, shape (size, g, blocks), optional
            Of blocks.

        Returns
        -------
        ndarray of float64, shape (g, k), or (size, g, k)
        """
        both = np.cumsum(self.profit + self.profit_to_come, axis=2)
        if weights is None:
            return np.asarray(both.sum(axis=1) / self.customers.sum(axis=1)[:, None], dtype=np.float64)
        counts = np.einsum("sgb,gb->sg", weights, self.customers)
        return np.asarray(np.einsum("sgb,gbk->sgk", weights, both) / counts[:, :, None], dtype=np.float64)


def age_flows(
    cells: pd.DataFrame,
    model: ProfitModel | ContractProfitModel,
    frame: pd.DataFrame,
    groups: Any,
    n_periods: int,
    period_days: float = DAYS_PER_MONTH,
    terms: ProfitTerms | None = None,
    *,
    rng: np.random.Generator,
) -> AgeFlows:
    """Gather what groups brought by age, and what is expected of them up to the last age.

    Parameters
    ----------
    cells : DataFrame
        From `profit_cells`, with the same period.
    model : ProfitModel or ContractProfitModel
    frame : DataFrame
        The customers, as for `future_profit` or `contract_profit`, with T and acquisition_cost.
    groups : array-like, shape (n,)
        Name of each customer's group: cohort, channel, campaign.
    n_periods : int
        Ages that are asked for.
    period_days : float
    terms : ProfitTerms, optional
        Costs that no table holds. Neither its horizon nor its discount rate counts: money is that of its day.
    rng : numpy.random.Generator
        Of the futures that expected retention is the mean of.

    Raises
    ------
    ConfigError
        If there are no periods, or their length is not above 0.
    """
    if n_periods < 1 or not 0 < period_days < np.inf:
        message = f"Ages need 1 or more periods of a length above 0 days; got {n_periods} of {period_days}."
        raise ConfigError(message)
    names, code = group_codes(groups, len(frame))
    place = code * BLOCKS + np.arange(len(frame)) % BLOCKS
    (T,) = required_columns(frame, ("T_calendar" if "T_calendar" in frame else "T",))
    age = np.asarray(T, dtype=np.float64) * model.time_unit.days / period_days
    shape = (len(names), BLOCKS)

    def spread(rows: IndexArray, ages: IndexArray, values: FloatArray) -> FloatArray:
        inside = ages < n_periods
        where = place[rows[inside]] * n_periods + ages[inside]
        table = np.bincount(where, values[inside], minlength=shape[0] * BLOCKS * n_periods)
        return np.asarray(table, dtype=np.float64).reshape(*shape, n_periods)

    row = frame.index.get_indexer(pd.Index(cells["customer_id"]))
    known = row >= 0
    row, at = row[known], cells["age"].to_numpy(np.int64)[known]
    profit = cells["profit"].to_numpy(np.float64)[known]
    whole = at < np.floor(age)[row]
    if isinstance(model, ContractProfitModel):
        buyer, bought_at = _under_contract(model, frame, age, period_days)
    else:
        some = cells["bought"].to_numpy(np.float64)[known] > 0
        buyer, bought_at = row[some], at[some]
    bought, earlier = np.ones(len(buyer)), bought_at < np.floor(age)[buyer]
    everyone = np.arange(len(frame))
    reached = [spread(everyone, np.full(len(frame), k), (np.floor(age) > k).astype(float)) for k in range(n_periods)]
    cost = frame["acquisition_cost"].fillna(0.0).to_numpy(np.float64)
    now = np.zeros(len(frame), dtype=bool)
    now[buyer[bought_at == np.floor(age)[buyer]]] = True
    own = ProfitTerms(0.0, 0.0) if terms is None else terms
    to_come = expected_by_age(model, frame, own, age, n_periods, period_days)
    asked = (frame, own, age, now, n_periods, period_days, spread)
    if isinstance(model, ContractProfitModel):
        buyers = expected_payers(model, *asked)
    else:
        buyers = expected_buyers(model, *asked, rng)
    ages, blocks = np.arange(n_periods), shape[0] * BLOCKS
    at_once = cells["profit_at_once"].to_numpy(np.float64)[known]
    return AgeFlows(
        groups=tuple(names),
        period_days=float(period_days),
        customers=np.bincount(place, minlength=blocks).astype(np.float64).reshape(shape),
        cost=np.bincount(place, cost, minlength=blocks).astype(np.float64).reshape(shape),
        at_once=np.bincount(place[row], at_once, minlength=blocks).astype(np.float64).reshape(shape),
        observed=np.sum(reached, axis=0),
        profit=spread(row, at, profit),
        bought=spread(buyer, bought_at, bought),
        profit_of_observed=spread(row[whole], at[whole], profit[whole]),
        bought_of_observed=spread(buyer[earlier], bought_at[earlier], bought[earlier]),
        profit_to_come=np.sum([spread(everyone, np.full(len(frame), k), to_come[:, k]) for k in ages], axis=0),
        buyers_to_come=buyers,
    )


def _under_contract(
    model: ContractProfitModel, frame: pd.DataFrame, age: FloatArray, period_days: float
) -> tuple[IndexArray, IndexArray]:
    """Customers and age periods up to now in which they were under contract, whenever in these they paid."""
    tenures = tenures_of(frame)
    lasted = (tenures.tenure + ~tenures.churned) * model.period_days / period_days
    periods = np.minimum(np.ceil(lasted - ROUNDING), np.floor(age) + 1).astype(np.intp)
    buyer = np.repeat(np.arange(len(frame)), periods)
    first = np.cumsum(periods) - periods
    return buyer, np.arange(len(buyer)) - first[buyer]


def cohort_curves(flows: AgeFlows, level: float = 0.9, size: int = 400, *, rng: np.random.Generator) -> pd.DataFrame:
    """Retention and cumulative profit per customer by age.

    Parameters
    ----------
    flows : AgeFlows
    level : float
        Of the bootstrap interval of cumulative profit.
    size : int
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        As described in `schema.equity.COHORT_CURVES`, one row for each group and age.
    """
    drawn = flows.cumulative(flows.draw_weights(checked_size(size, level), checked_rng(rng)))
    low, _median, high = quantiles_of(drawn, level)
    count = flows.customers.sum(axis=1)[:, None]
    observed = flows.observed.sum(axis=1)
    some = observed > 0
    nothing = np.full(observed.shape, np.nan)
    actual = np.divide(flows.profit_of_observed.sum(axis=1), observed, out=nothing.copy(), where=some)
    table = {
        "group": np.repeat(flows.groups, flows.profit.shape[2]),
        "age": np.tile(np.arange(flows.profit.shape[2]), len(flows.groups)),
        "age_days": np.tile(flows.ages, len(flows.groups)),
        "n_customers": np.repeat(flows.customers.sum(axis=1).astype(np.int64), flows.profit.shape[2]),
        "observed_share": observed / count,
        "retention_actual": np.divide(flows.bought_of_observed.sum(axis=1), observed, out=nothing.copy(), where=some),
        "retention": (flows.bought + flows.buyers_to_come).sum(axis=1) / count,
        "cumulative_actual": np.cumsum(actual, axis=1),
        "cumulative_profit": flows.cumulative(),
        "cumulative_low": low,
        "cumulative_high": high,
    }
    return pd.DataFrame({name: np.ravel(values) for name, values in table.items()})
