"""The past of a statement: profit by customer and period, what it is made of, and that nothing was lost."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import ibis
import numpy as np
import pandas as pd

from patronage.ledger.tables import LedgerTables, business_day
from patronage.value.activity_costs import ActivityCosts
from patronage.value.periods import calendar_periods
from patronage.value.priced_facts import LINE_DIMENSIONS, acquisition_costs, campaign_costs
from patronage.value.profit import CustomerProfit, customer_profit
from patronage.value.reconciliation import reconciliation
from patronage.value.statement.terms import StatementTerms
from patronage.value.tiers import tier_migration, tiers
from patronage.value.whale import whale_shares


@dataclass(frozen=True)
class Past:
    """Profit of the past.

    Attributes
    ----------
    profit : CustomerProfit
    table : DataFrame
        As described in `schema.CUSTOMER_PROFIT`.
    ranked : DataFrame
        As described in `schema.TIERS`.
    customers : DataFrame
        Indexed by customer_id: net_revenue and contribution of all periods, contribution_last (of the last period,
        missing without a fact in it) and tier (of the last period, missing likewise).
    """

    profit: CustomerProfit
    table: pd.DataFrame
    ranked: pd.DataFrame
    customers: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables of the past, by name."""
        found = {
            "customer_profit": self.table,
            "cost_to_serve": self.profit.cost_to_serve().order_by("customer_id", "period", "activity").execute(),
            "reconciliation": reconciliation(self.profit),
            "tiers": self.ranked.sort_values(["period", "rank"], ignore_index=True),
        }
        names = [period.name for period in self.profit.periods]
        there = set(self.ranked["period"])
        pairs = [pair for pair in pairwise(names) if set(pair) <= there]
        ranked = ibis.memtable(self.ranked)
        parts = [
            tier_migration(ranked, before, after).assign(period_before=before, period_after=after)
            for before, after in pairs
        ]
        if parts:
            found["tier_migration"] = pd.concat(parts, ignore_index=True)
        return found

    def shares_by_line(self) -> pd.DataFrame:
        """Who earns what of each product category and sales channel: by margin, which is all that lines tell."""
        rows = []
        for dimension in LINE_DIMENSIONS:
            # Products are too many for a table that is read; categories stand for them.
            if dimension == "product" or dimension not in self.profit.tables.transactions.columns:
                continue
            margins = self.profit.margin_by(dimension)
            table = margins.group_by("customer_id", dimension).aggregate(
                margin=margins.gross_margin.sum().cast("float64")
            )
            frame: pd.DataFrame = table.execute()
            for group, part in frame.groupby(dimension, dropna=False, sort=True):
                name = "unknown" if pd.isna(group) else str(group)
                rows.append({"view": "past margin", "by": dimension.replace("_", " "), "group": name,
                             **whale_shares(part["margin"].to_numpy(np.float64))})  # fmt: skip
        return pd.DataFrame(rows)


def past_of(tables: LedgerTables, costs: ActivityCosts, first_day: date, terms: StatementTerms) -> Past:
    """Sum up the past up to the as-of date.

    Parameters
    ----------
    tables : LedgerTables
    costs : ActivityCosts
    first_day : date
        Of the first transaction. The first period begins there, or with the first cost, if that is earlier.
    terms : StatementTerms
    """
    periods = calendar_periods(min((first_day, *_first_costs(tables, costs))), terms.as_of, terms.every)
    profit = customer_profit(tables, costs, periods)
    table = profit.to_pandas()
    ranked: pd.DataFrame = tiers(ibis.memtable(table[["customer_id", "period", "contribution"]])).execute()
    customers = table.groupby("customer_id")[["net_revenue", "contribution"]].sum()
    last = ranked[ranked["period"] == periods[-1].name].set_index("customer_id")
    customers["contribution_last"] = last["contribution"].reindex(customers.index)
    customers["tier"] = last["tier"].reindex(customers.index)
    return Past(profit, table, ranked, customers)


def _first_costs(tables: LedgerTables, costs: ActivityCosts) -> list[date]:
    """The first day of contacts, of campaigns, and of the winning of customers."""
    facts = [acquisition_costs(tables), campaign_costs(tables, costs)]
    if tables.contacts is not None:
        facts.append(tables.contacts.select(day=business_day(tables.contacts)))
    days = [one.day.min().to_pyarrow().as_py() for one in facts if one is not None]
    return [day for day in days if day is not None]
