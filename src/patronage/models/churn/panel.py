"""The panel that a churn classifier learns from: customers at several cut-offs, with what came after each."""

from collections.abc import Sequence
from datetime import date

import pandas as pd
from ibis import _

from patronage.errors import DateError
from patronage.features.labels import labels
from patronage.features.model_input import input_schema, model_input
from patronage.ledger.tables import LedgerTables
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import TableSchema


def churn_panel(
    tables: LedgerTables,
    cutoffs: Sequence[date],
    horizon_days: int,
    time_unit: TimeUnit | str = TimeUnit.WEEK,
    inputs: TableSchema | None = None,
) -> pd.DataFrame:
    """Features and labels of every customer at several cut-offs, in one pass over the ledger.

    Parameters
    ----------
    tables : LedgerTables
        The facts; complete until `horizon_days` after the latest cut-off.
    cutoffs : sequence of date
        Where the customers are looked at. For an honest evaluation at a later day, each should lie at least
        `horizon_days` before it.
    horizon_days : int
        Churn means: no purchase within so many days after the cut-off.
    time_unit : {"day", "week", "year"}
        Unit of recency and T.
    inputs : TableSchema, optional
        Columns to look at; all that the ledger offers (`input_schema`) if not given.

    Returns
    -------
    DataFrame
        One row for every customer and cut-off: customer_id, the columns of `inputs` as of the cut-off, churned (0 or
        1), cutoff (datetime64); the latest cut-off first, then by customer_id.

    Raises
    ------
    DateError
        If no customer is known at one of the cut-offs.
    """
    rows = model_input(tables, cutoffs, time_unit, inputs or input_schema(tables))
    came = labels(tables, cutoffs, horizon_days).select("customer_id", "as_of", "churned")
    panel = rows.inner_join(came, ["customer_id", "as_of"]).rename(cutoff="as_of")
    frame: pd.DataFrame = panel.order_by(_.cutoff.desc(), "customer_id").execute()
    frame["cutoff"] = pd.to_datetime(frame["cutoff"])
    known = set(frame["cutoff"].dt.date)
    empty = sorted(day for day in cutoffs if day not in known)
    if empty:
        message = (
            f"No customer is known at {empty[0]}, a cut-off of the churn panel. Choose later cut-offs: fewer of them "
            "(panel.n_cutoffs), closer together (panel.step_days), or a shorter horizon."
        )
        raise DateError(message)
    return frame
