"""Right retention in a statement: value at risk, and what satisfaction told of those who left and stayed."""

import numpy as np
import pandas as pd

from patronage.ledger.purchases import purchase_days
from patronage.ledger.tables import LedgerTables
from patronage.runtime.histories import FloatArray
from patronage.value.retention import MOST_LEVELS, satisfaction_loyalty, value_at_risk
from patronage.value.statement.change import Change
from patronage.value.statement.future import Future
from patronage.value.statement.terms import StatementTerms


def at_risk(future: Future) -> pd.DataFrame:
    """Customers in order of the profit that is at risk; see `schema.VALUE_AT_RISK`."""
    frame = future.expected[["future_profit"]].join(future.known.scores["churn_probability"])
    return value_at_risk(frame)


def satisfaction_table(tables: LedgerTables, change: Change, terms: StatementTerms) -> pd.DataFrame | None:
    """Who left between the two dates, and what customers brought, by how satisfied they had been before.

    Returns
    -------
    DataFrame or None
        As described in `schema.SATISFACTION_LOYALTY`; None where no score was given before the first date.
    """
    frame = change.opening.known.frame
    if "satisfaction_last" not in frame or not frame["satisfaction_last"].notna().any():
        return None
    assert terms.since is not None
    bought = purchase_days(tables.transactions, after=terms.since, until=terms.as_of)
    stayed = set(bought.select("customer_id").distinct().execute()["customer_id"])
    left = ~frame.index.isin(stayed)
    brought = change.realised.reindex(frame.index).fillna(0.0)
    moved = frame.get("satisfaction_slope")
    return satisfaction_loyalty(
        _whole(frame["satisfaction_last"].to_numpy(np.float64)),
        left.astype(np.float64),
        brought,
        moved,
        rng=np.random.default_rng([terms.seed, 5]),
    )


def _whole(scores: FloatArray) -> FloatArray:
    """Scores of short scales as whole ones: several of a day are a mean, which is no level of its own."""
    known = scores[np.isfinite(scores)]
    return np.floor(scores + 0.5) if np.ptp(known) < MOST_LEVELS else scores
