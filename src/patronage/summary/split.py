"""Calibration and holdout: what was known on a date, beside what came after it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from ibis import _

from patronage.ledger.purchases import purchase_days
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.customer_summary import CustomerSummary, summarise


@dataclass(frozen=True)
class CalibrationHoldout:
    """A summary as of the cut-off, and the purchases of the days after it.

    Attributes
    ----------
    calibration : CustomerSummary
        As of the cut-off.
    table : ibis.Table
        The columns of `schema.SUMMARY`, then frequency_holdout (purchase days within the holdout) and spend_holdout
        (their spend, in money); both 0 for customers who did not come back.
    horizon_days : int
        Length of the holdout, in days.
    """

    calibration: CustomerSummary
    table: Any
    horizon_days: int

    @property
    def holdout_end(self) -> date:
        """Last day of the holdout."""
        return self.calibration.as_of + timedelta(days=self.horizon_days)

    def to_pandas(self) -> pd.DataFrame:
        """The table, indexed by customer_id in ascending order."""
        frame: pd.DataFrame = self.table.order_by("customer_id").execute().set_index("customer_id")
        return frame


def calibration_holdout(
    transactions: Any, cutoff: date, horizon_days: int, time_unit: TimeUnit | str = TimeUnit.WEEK
) -> CalibrationHoldout:
    """Split a ledger at a date.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    cutoff : date
        Last day of the calibration period.
    horizon_days : int
        The holdout is the so many days that follow.
    time_unit : {"day", "week", "year"}
        Unit of recency and T.

    Returns
    -------
    CalibrationHoldout
    """
    calibration = summarise(transactions, as_of=cutoff, time_unit=time_unit)
    after = purchase_days(transactions, after=cutoff, until=cutoff + timedelta(days=horizon_days))
    future = after.group_by("customer_id").aggregate(
        frequency_holdout=_.count(), spend_holdout=_.spend.sum().cast("float64")
    )
    joined = calibration.table.left_join(future, "customer_id").drop("customer_id_right")
    table = joined.mutate(
        frequency_holdout=joined.frequency_holdout.fill_null(0),
        spend_holdout=joined.spend_holdout.fill_null(0.0),
    )
    return CalibrationHoldout(calibration=calibration, table=table, horizon_days=horizon_days)
