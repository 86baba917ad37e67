"""The panel that a churn classifier learns from: customers at several cut-offs, with what came after each."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from patronage.errors import DateError
from patronage.features.behaviour import churn_labels
from patronage.features.model_input import model_input
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.customer_summary import summarise


def churn_panel(
    transactions: Any, cutoffs: Sequence[date], horizon_days: int, time_unit: TimeUnit | str = TimeUnit.WEEK
) -> pd.DataFrame:
    """Features and labels of every customer at several cut-offs.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`; complete until `horizon_days` after the latest cut-off.
    cutoffs : sequence of date
        Where the customers are looked at. For an honest evaluation at a later day, each should lie at least
        `horizon_days` before it.
    horizon_days : int
        Churn means: no purchase within so many days after the cut-off.
    time_unit : {"day", "week", "year"}
        Unit of recency and T.

    Returns
    -------
    DataFrame
        One row for every customer and cut-off: customer_id, the columns of `schema.MODEL_INPUT` as of the cut-off,
        churned (0 or 1), cutoff (datetime64); ordered by cut-off as given, then customer_id.

    Raises
    ------
    DateError
        If no customer is known at one of the cut-offs.
    """
    parts: list[pd.DataFrame] = []
    for cutoff in cutoffs:
        summary = summarise(transactions, as_of=cutoff, time_unit=time_unit)
        rows = model_input(transactions, summary.table, cutoff)
        labels = churn_labels(transactions, cutoff, horizon_days)
        part = rows.inner_join(labels, "customer_id").order_by("customer_id").execute()
        if part.empty:
            message = (
                f"No customer is known at {cutoff}, a cut-off of the churn panel. Choose later cut-offs: fewer of them "
                "(panel.n_cutoffs), closer together (panel.step_days), or a shorter horizon."
            )
            raise DateError(message)
        parts.append(part.assign(cutoff=pd.Timestamp(cutoff)))
    return pd.concat(parts, ignore_index=True)
