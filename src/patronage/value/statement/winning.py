"""Right customers in a statement: cohorts and channels by age, payback, and what the next customer is worth."""

from typing import Any

import numpy as np
import pandas as pd

from patronage.ledger.tables import LedgerTables
from patronage.value.acquisition import acquisition_table, never_breaks_even
from patronage.value.activity_costs import ActivityCosts
from patronage.value.cohorts import AgeFlows, age_flows, cohort_curves
from patronage.value.contract_profit import ContractProfitModel
from patronage.value.newcomers import newcomer_value
from patronage.value.priced_tables import priced_tables
from patronage.value.profit_cells import profit_cells
from patronage.value.statement.future import Future
from patronage.value.statement.groups import Groups
from patronage.value.statement.knowledge import SEGMENT
from patronage.value.statement.terms import StatementTerms

BY = ("cohort", "acquisition channel", "acquisition campaign")
"""Groups whose curves by age are drawn."""

MOST_GROUPS = 60
"""Beyond so many cohorts or channels the smallest are "others"; a chart or a table of more is not read."""


def winning_tables(
    tables: LedgerTables, costs: ActivityCosts, future: Future, groups: Groups, terms: StatementTerms
) -> dict[str, pd.DataFrame]:
    """Cohort curves, and cost to acquire against lifetime value.

    Parameters
    ----------
    tables : LedgerTables
    costs : ActivityCosts
    future : Future
    groups : Groups
    terms : StatementTerms

    Returns
    -------
    dict of str to DataFrame
        cohort_curves and acquisition, each with a column by.
    """
    rng = np.random.default_rng([terms.seed, 3])
    frame = future.known.frame
    cells = profit_cells(priced_tables(tables, costs), terms.as_of)
    customers = _customers(frame, cells, future, rng)
    known = frame["acquisition_cost"].notna().to_numpy()
    curves, winning = [], []
    for by in BY:
        if by not in groups.labels:
            continue
        labels = _few(groups.labels[by])
        flows = age_flows(cells, future.model, frame, labels, terms.ages, terms=future.terms, rng=rng)
        curves.append(cohort_curves(flows, terms.level, rng=rng).assign(by=by))
        newcomers = _newcomers(by, future, terms, rng)
        paid: AgeFlows | None = flows
        if not known.all():
            some = (frame[known], labels[known], terms.ages)
            paid = age_flows(cells, future.model, *some, terms=future.terms, rng=rng) if known.any() else None
        table = acquisition_table(paid, customers, labels, newcomers, terms.level, rng=rng)
        winning.append(table.assign(by=by))
    return {
        "cohort_curves": pd.concat(curves, ignore_index=True),
        "acquisition": pd.concat(winning, ignore_index=True),
    }


def _customers(frame: pd.DataFrame, cells: pd.DataFrame, future: Future, rng: np.random.Generator) -> pd.DataFrame:
    """What the table of acquisition reads of each customer."""
    realised = cells.groupby("customer_id")["profit"].sum().reindex(frame.index).fillna(0.0)
    cost = frame["acquisition_cost"].fillna(0.0).to_numpy(np.float64)
    never = never_breaks_even(future.drawn, realised.to_numpy(np.float64), cost, future.size, rng=rng)
    return pd.DataFrame(
        {
            "first_day": frame["first_day"],
            "acquisition_cost": frame["acquisition_cost"],
            "realised_profit": realised,
            "future_profit": future.profit,
            "never_breaks_even": never,
        }
    )


def _newcomers(by: str, future: Future, terms: StatementTerms, rng: np.random.Generator) -> Any:
    """What the next customer of each channel is worth, where the models tell channels apart and need nothing else."""
    if isinstance(future.model, ContractProfitModel):
        return None
    if by != "acquisition channel" or future.model.segment_column != SEGMENT:
        return None
    if set(future.model.purchase.covariates) - {SEGMENT}:
        return None
    return newcomer_value(future.model, future.terms, level=terms.level, rng=rng)


def _few(labels: pd.Series) -> pd.Series:
    counts = labels.value_counts()
    if len(counts) <= MOST_GROUPS:
        return labels
    return labels.where(labels.isin(counts.index[:MOST_GROUPS]), "others")
