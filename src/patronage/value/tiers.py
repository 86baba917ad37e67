"""Tiers of customers by profit within each period, and who went from which tier to which."""

from typing import Any

import ibis
import pandas as pd
from ibis import _

from patronage.errors import ConfigError
from patronage.schema import TIERS
from patronage.value.whale import LAST, TOP, checked_tiers

TIER_NAMES = ("top", "middle", "last")

NOT_THERE = "not there"
"""Tier of a customer without any fact in a period."""


def tiers(profit: Any, value: str = "contribution", top: float = TOP, last: float = LAST) -> Any:
    """Rank customers within each period.

    Parameters
    ----------
    profit : ibis.Table
        customer_id, period and the profit, one row a customer and period, such as `CustomerProfit.table`.
    value : str
        The column to rank by.
    top, last : float
        Shares of customers, 0 to 1, in the first and the last tier; whole customers, halves rounded up.

    Returns
    -------
    ibis.Table
        As described in `schema.TIERS`. Equal ones are ranked by customer_id.
    """
    within = ibis.window(group_by="period")
    ordered = ibis.window(group_by="period", order_by=[ibis.desc(profit[value]), profit.customer_id])
    rows = profit.select(
        "customer_id",
        "period",
        contribution=profit[value].cast("float64"),
        rank=(ibis.row_number().over(ordered) + 1).cast("int64"),
        customers=profit.customer_id.count().over(within),
    )
    n_top, n_last = ((_.customers * share + 0.5).floor().cast("int64") for share in checked_tiers(top, last))
    tier = ibis.cases((_.rank <= n_top, "top"), (_.rank > _.customers - n_last, "last"), else_="middle")
    return rows.mutate(tier=tier).select(*TIERS.names)


def tier_migration(ranked: Any, before: str, after: str) -> pd.DataFrame:
    """How customers went from tier to tier between two periods.

    Parameters
    ----------
    ranked : ibis.Table
        As `tiers` gives it.
    before, after : str
        Names of two periods.

    Returns
    -------
    DataFrame
        As described in `schema.TIER_MIGRATION`: one row a pair of tiers that occurs, from the top down. Customers
        without any fact in one of the periods are not there in it.

    Raises
    ------
    ConfigError
        If no customer has a tier in one of the periods.
    """
    sides = []
    for period, name, other in ((before, "before", "after"), (after, "after", "before")):
        rows = ranked.filter(ranked.period == period)
        zero = ibis.literal(0.0)
        sides.append(
            rows.select(
                "customer_id",
                before=rows.tier if name == "before" else ibis.null("string"),
                after=rows.tier if name == "after" else ibis.null("string"),
                contribution_before=rows.contribution if other == "after" else zero,
                contribution_after=rows.contribution if other == "before" else zero,
            )
        )
    moneys = ("contribution_before", "contribution_after")
    both = ibis.union(*sides, distinct=False)
    customers = both.group_by("customer_id").aggregate(
        before=_.before.max().fill_null(NOT_THERE),
        after=_.after.max().fill_null(NOT_THERE),
        **{name: both[name].sum() for name in moneys},
    )
    pairs = customers.group_by("before", "after").aggregate(
        customers=_.count(), **{name: customers[name].cast("decimal(38, 6)").sum().cast("float64") for name in moneys}
    )
    found: pd.DataFrame = pairs.execute()
    for name, period in (("before", before), ("after", after)):
        if not (found[name] != NOT_THERE).any():
            message = f"No customer has a tier in the period {period!r}."
            raise ConfigError(message)
    order = {tier: number for number, tier in enumerate((*TIER_NAMES, NOT_THERE))}
    found = found.sort_values(["before", "after"], key=lambda tier: tier.map(order), ignore_index=True)
    found["share"] = found["customers"] / found.groupby("before")["customers"].transform("sum")
    return found[["before", "after", "customers", "share", *moneys]]
