"""What is expected of customers by age: profit, and who buys, in each period of age after the as-of date."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.models.uncertainty import checked_rng
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.time_unit import DAYS_PER_YEAR
from patronage.value.contract_profit import ContractProfitModel, contract_profit
from patronage.value.lifetime_profit import ProfitModel, parts_of
from patronage.value.profit_draws import ProfitOutlook
from patronage.value.profit_terms import ProfitTerms

RETENTION_FUTURES = 20
"""Futures that expected retention is the mean of."""

Spread = Callable[[IndexArray, IndexArray, FloatArray], FloatArray]
"""Rows, ages and values of cells to sums by group and age."""


def profit_path(
    model: ProfitModel | ContractProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    ends_days: FloatArray,
    column: str = "future_profit",
) -> FloatArray:
    """A column of future profit within each of several horizons, shape (n, m), undiscounted."""
    own = [replace(terms, horizon_days=float(end), discount_rate_yearly=0.0) for end in ends_days]
    if isinstance(model, ContractProfitModel):
        return np.column_stack([contract_profit(model, frame, one)[column] for one in own])
    seen = model.seen(frame)
    present = model.presence(frame, seen)
    return np.column_stack([parts_of(model, frame, one, seen, present)[column] for one in own])


def expected_by_age(
    model: ProfitModel | ContractProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    age: FloatArray,
    n_periods: int,
    period_days: float,
    column: str = "future_profit",
) -> FloatArray:
    """What is expected after the as-of date in each age period, shape (n, n_periods).

    Parameters
    ----------
    model : ProfitModel or ContractProfitModel
    frame : DataFrame
        n customers.
    terms : ProfitTerms
    age : ndarray, shape (n,)
        In periods.
    n_periods : int
    period_days : float
    column : str
        Of `schema.FUTURE_PROFIT`.
    """
    ahead = int(np.ceil(n_periods - age.min(initial=n_periods))) + 1
    path = profit_path(model, frame, terms, period_days * np.arange(max(ahead, 1) + 1.0), column)
    until = np.zeros((len(frame), n_periods + 1))
    rows = np.arange(len(frame))
    for k in range(n_periods + 1):
        place = np.clip(k - age, 0.0, path.shape[1] - 1.0)
        below = np.minimum(np.floor(place).astype(np.intp), path.shape[1] - 2)
        until[:, k] = path[rows, below] + (place - below) * (path[rows, below + 1] - path[rows, below])
    return np.diff(until, axis=1)


def expected_payers(
    model: ContractProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    age: FloatArray,
    paid_now: NDArray[np.bool_],
    n_periods: int,
    period_days: float,
    spread: Spread,
) -> FloatArray:
    """Customers under contract who are expected to pay in each age period, and had not paid in it before."""
    payments = expected_by_age(model, frame, terms, age, n_periods, period_days, "discounted_purchases")
    pays = np.minimum(payments, 1.0)
    rows = np.flatnonzero(paid_now & (age < n_periods))
    pays[rows, np.floor(age[rows]).astype(np.intp)] = 0.0
    every, ages = np.divmod(np.arange(pays.size), n_periods)
    return spread(every, ages, pays.ravel())


def expected_buyers(
    model: ProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    age: FloatArray,
    bought_now: NDArray[np.bool_],
    n_periods: int,
    period_days: float,
    spread: Spread,
    rng: np.random.Generator,
) -> FloatArray:
    """Customers who are expected to buy in each age period, and had not bought in it before: a mean of futures."""
    horizon = max(n_periods - float(age.min(initial=n_periods)), 0.0) * period_days
    years = max(horizon, period_days) / DAYS_PER_YEAR
    own = replace(terms, horizon_days=years * DAYS_PER_YEAR, discount_rate_yearly=0.0)
    outlook = ProfitOutlook.of(model, frame, own, parameter_uncertainty=False)
    total: FloatArray | float = 0.0
    for drawn in outlook.draw_parameters(RETENTION_FUTURES, checked_rng(rng)):
        owner, time = outlook.draw_lives(drawn, rng).times(rng)
        at = np.floor(age[owner] + time * model.time_unit.days / period_days).astype(np.intp)
        kept = ~(bought_now[owner] & (at == np.floor(age[owner]))) & (at < n_periods)
        cells = np.unique(owner[kept] * n_periods + at[kept])
        total = total + spread(cells // n_periods, cells % n_periods, np.ones(len(cells)))
    return np.asarray(total / RETENTION_FUTURES, dtype=np.float64)
