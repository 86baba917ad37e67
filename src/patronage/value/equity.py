"""Customer equity: what all customers of today will bring, by group, with the interval of each sum.

The equity of a customer is the future profit of `lifetime_profit`, or of `contract_profit` under contract. Intervals
are those of sums over one and the same future, so groups add up and what customers have in common is in them. Customers
who are still to be won are a matter of a stated forecast: `valuation`.
"""

from typing import Any

import pandas as pd

from patronage.runtime.histories import FloatArray
from patronage.value.futures import Futures, group_intervals


def customer_equity(
    futures: Futures,
    expected: FloatArray,
    groups: Any = None,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: Any,
    basis: str = "",
) -> pd.DataFrame:
    """Sum future profit over groups of customers.

    Parameters
    ----------
    futures : Futures
        Of n customers: `ProfitOutlook.of(...)` or `ContractOutlook.of(...)`.
    expected : ndarray of float64, shape (n,)
        Their expected future profit.
    groups : array-like, shape (n,), optional
        Name of each customer's group.
    level : float
        Coverage of the intervals.
    size : int
        Futures; at least 2 / (1 - level).
    rng : numpy.random.Generator
    basis : str
        What profit rests on, in words (`ProfitFacts.words`): goes with every figure.

    Returns
    -------
    DataFrame
        As described in `schema.equity.CUSTOMER_EQUITY`, one row a group and, last, one of all customers.
    """
    table = group_intervals(futures, expected, groups, level, size, rng)
    table = table.rename(columns={"expected": "equity", "low": "equity_low", "median": "equity_median"})
    table = table.rename(columns={"high": "equity_high"})
    table["equity_per_customer"] = table["equity"] / table["n_customers"]
    table["basis"] = basis
    return table.reset_index()
