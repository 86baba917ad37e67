"""The customers of a holdout: what was known of each on the cut-off, what came, and the groups they are told by."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.features.model_input import model_input
from patronage.ledger.opening import Ledger
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import TableSchema
from patronage.summary.split import calibration_holdout

MOST_COHORTS = 12
"""Cohorts that a table of figures shows: customers of a month, of a quarter or of a year, whatever keeps to it."""

SEGMENTS = {1: "1 purchase day", 2: "2 purchase days", 5: "3 to 5", np.inf: "6 and more"}
"""Segments of customers by the purchase days up to the cut-off, by the most that each has."""


def holdout_table(
    ledger: Ledger, cutoff: date, horizon_days: int, time_unit: TimeUnit, inputs: TableSchema
) -> pd.DataFrame:
    """One row a customer: customer_id, the inputs as of the cut-off, frequency_holdout, spend_holdout; by customer_id.

    Parameters
    ----------
    ledger : Ledger
    cutoff : date
    horizon_days : int
    time_unit : TimeUnit
    inputs : TableSchema
        Columns that the models read.
    """
    split = calibration_holdout(ledger.transactions, cutoff, horizon_days, time_unit)
    future = split.table.select("customer_id", "frequency_holdout", "spend_holdout")
    known = model_input(ledger.tables, cutoff, time_unit, inputs)
    frame: pd.DataFrame = known.inner_join(future, "customer_id").order_by("customer_id").execute()
    return frame


def refuse_slices(ledger: Ledger, names: Sequence[str]) -> None:
    """Refuse attributes that the customers of the ledger do not have.

    Raises
    ------
    ConfigError
        Naming those that there are.
    """
    offered = _attributes(ledger)
    unknown = [name for name in names if name not in offered]
    if unknown:
        there = ", ".join(offered) or "no attributes of customers"
        message = f"evaluation.slices: the ledger has no {', '.join(unknown)}; it has {there}."
        raise ConfigError(message)


def customer_groups(
    ledger: Ledger, holdout: pd.DataFrame, cutoff: date, time_unit: TimeUnit, names: Sequence[str]
) -> pd.DataFrame:
    """What the customers of a holdout are told apart by.

    Returns
    -------
    DataFrame, rows as `holdout`
        segment (by purchase days), cohort (when they first bought), and the attributes that were named.
    """
    days = holdout["frequency"].to_numpy(np.float64) + 1
    segment = np.select([days <= most for most in SEGMENTS], list(SEGMENTS.values()), default="")
    first = pd.Timestamp(cutoff) - pd.to_timedelta((holdout["T"] * time_unit.days).round(), unit="D")
    groups = pd.DataFrame({"segment": segment, "cohort": _cohorts(first)}, index=holdout.index)
    customers = ledger.tables.customers
    if not names or customers is None:
        return groups
    known = customers.select("customer_id", *names).execute().set_index("customer_id")
    named = known.reindex(holdout["customer_id"]).set_axis(holdout.index)
    return groups.join(named)


def _cohorts(first: "pd.Series[pd.Timestamp]") -> "pd.Series[str]":
    for frequency in ("M", "Q", "Y"):
        names = first.dt.to_period(frequency).astype(str)
        if names.nunique() <= MOST_COHORTS:
            return names
    return names


def _attributes(ledger: Ledger) -> list[str]:
    customers = ledger.tables.customers
    return [] if customers is None else [name for name in customers.columns if name != "customer_id"]
