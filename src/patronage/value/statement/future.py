"""The future of a statement: expected profit of every customer, futures drawn of it, and what both say together."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from patronage.ledger.tables import LedgerTables
from patronage.runtime.histories import FloatArray
from patronage.value.activity_costs import ActivityCosts
from patronage.value.calendar import cohort_of
from patronage.value.drawn import DrawnFutures, number_of_futures
from patronage.value.lifetime_profit import ProfitModel, ProfitTerms, future_profit
from patronage.value.priced_facts import campaign_costs
from patronage.value.profit_draws import profit_futures
from patronage.value.statement.knowledge import Bundled, Knowledge
from patronage.value.statement.past import Past
from patronage.value.statement.terms import StatementTerms
from patronage.value.whale import whale_curve, whale_curve_of_draws, whale_shares, whale_shares_of_draws

YEAR_DAYS = 365
"""Days of the past that retention cost is taken from."""


@dataclass(frozen=True)
class Future:
    """Profit of the future.

    Attributes
    ----------
    known : Knowledge
    model : ProfitModel
    terms : ProfitTerms
    expected : DataFrame
        As described in `schema.FUTURE_PROFIT`, indexed by customer_id.
    drawn : DrawnFutures
        Of the same customers.
    """

    known: Knowledge
    model: ProfitModel
    terms: ProfitTerms
    expected: pd.DataFrame
    drawn: DrawnFutures

    @property
    def profit(self) -> FloatArray:
        """Expected profit of each customer, shape (n,)."""
        return self.expected["future_profit"].to_numpy(np.float64)

    @property
    def size(self) -> int:
        """Number of futures."""
        return len(self.drawn.profit)

    def cohorts(self, terms: StatementTerms) -> pd.Series:
        """Cohort of every customer, by the first purchase."""
        first = pd.to_datetime(self.known.frame["first_day"])
        labels = {day: cohort_of(day.date(), terms.cohort) for day in first.unique()}
        return first.map(labels).astype("str").rename("cohort")


def future_of(
    tables: LedgerTables, costs: ActivityCosts, known: Knowledge, bundled: Bundled, terms: StatementTerms
) -> Future:
    """Estimate the future of every customer who has bought by the as-of date."""
    own = profit_terms(tables, costs, known, terms)
    model = known.fitted(bundled.purchase)
    expected = future_profit(model, known.frame, own, bundled.spend)
    rng = np.random.default_rng([terms.seed, 1])
    size = number_of_futures(terms.futures, len(known.frame))
    futures = profit_futures(model, known.frame, own, size, rng, parameter_uncertainty=bundled.uncertain)
    return Future(known, model, own, expected, DrawnFutures.of(futures))


def profit_terms(tables: LedgerTables, costs: ActivityCosts, known: Knowledge, terms: StatementTerms) -> ProfitTerms:
    """The terms of future profit; retention cost as in the last year where none is stated."""
    retention = terms.retention_cost_yearly
    if retention is None:
        retention = last_retention_cost(tables, costs, known)
    return ProfitTerms(terms.horizon_days, terms.discount_rate_yearly, terms.cost_per_purchase, retention)


def last_retention_cost(tables: LedgerTables, costs: ActivityCosts, known: Knowledge) -> float:
    """What campaigns cost in the last year, for each customer who is expected to be there at the end of it."""
    facts = campaign_costs(tables, costs)
    if facts is None:
        return 0.0
    last = known.facts.as_of
    rows = facts.filter(facts.day <= last, facts.day > last - timedelta(days=YEAR_DAYS))
    spent = rows.aggregate(cost=rows.cost.sum().cast("float64")).to_pyarrow().to_pylist()[0]["cost"] or 0.0
    there = float(known.scores["probability_alive"].sum())
    return float(spent) / there if there > 0 else 0.0


def whale_tables(past: Past, future: Future, level: float) -> dict[str, pd.DataFrame]:
    """Whale curves of the past, the future and both, and the shares of tiers in them."""
    index = future.expected.index
    before = past.customers["contribution"].reindex(index).fillna(0.0).to_numpy(np.float64)
    last = past.customers["contribution_last"].dropna().to_numpy(np.float64)
    views = {
        "past": past.customers["contribution"].to_numpy(np.float64),
        "last period": last,
        "future, expected values": future.profit,
        "past and expected future": before + future.profit,
    }
    views = {name: values for name, values in views.items() if len(values)}
    curves = [whale_curve(values).assign(view=name) for name, values in views.items()]
    everyone = {"by": "", "group": "all customers"}
    shares = [{"view": name, **everyone, **whale_shares(values)} for name, values in views.items()]
    drawn = future.drawn.profit.astype(np.float64)
    return {
        "whale_curves": pd.concat(curves, ignore_index=True),
        "whale_shares": pd.concat([pd.DataFrame(shares), past.shares_by_line()], ignore_index=True),
        "whale_futures": whale_curve_of_draws(drawn, future.profit, level=level),
        "whale_shares_of_futures": whale_shares_of_draws(drawn, future.profit, level=level),
    }


def whale_shares_of_groups(past: Past, future: Future, groups: dict[str, pd.Series]) -> pd.DataFrame:
    """Shares of tiers within groups of customers, of the past and of the expected future."""
    index = future.expected.index
    before = past.customers["contribution"].reindex(index).fillna(0.0).to_numpy(np.float64)
    rows = []
    for view, values in (("past", before), ("future, expected values", future.profit)):
        for by, labels in groups.items():
            for group, places in pd.Series(np.arange(len(index))).groupby(labels.to_numpy(dtype=object)):
                rows.append({"view": view, "by": by, "group": str(group), **whale_shares(values[places.to_numpy()])})
    return pd.DataFrame(rows)
