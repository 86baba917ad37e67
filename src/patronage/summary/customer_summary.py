"""frequency, recency, T and monetary_value of every customer, as of a date that is always stated.

All four follow Fader, Hardie and Lee (2005): purchases of one day are one purchase, the first purchase starts the clock
and is counted neither in frequency nor in monetary value. Beside them stands what tells regular from random purchasing,
the sum of the logarithms of the times between purchases.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import pandas as pd
from ibis import _

from patronage.ledger.purchases import purchase_days
from patronage.runtime.time_unit import TimeUnit

LOGARITHM = "decimal(38, 12)"
"""Logarithms are summed as decimals: sums of floats depend on their order, which engines that work in parallel vary."""


@dataclass(frozen=True)
class CustomerSummary:
    """A summary and what it depends on.

    Attributes
    ----------
    table : ibis.Table
        As described in `schema.SUMMARY`, one row for every customer with a purchase up to `as_of`; without
        log_intervals, if these were not asked for.
    as_of : date
        The last day whose facts are in it.
    time_unit : TimeUnit
        Unit of recency and T.
    """

    table: Any
    as_of: date
    time_unit: TimeUnit

    def to_pandas(self) -> pd.DataFrame:
        """The table, indexed by customer_id in ascending order, with ``attrs`` as_of and time_unit."""
        frame: pd.DataFrame = self.table.order_by("customer_id").execute().set_index("customer_id")
        frame.attrs = {"as_of": self.as_of.isoformat(), "time_unit": self.time_unit.value}
        return frame

    def histories(self, by: Sequence[str] = ()) -> pd.DataFrame:
        """Distinct histories with their number of customers: all that a purchase model needs.

        Parameters
        ----------
        by : sequence of str
            Further columns of the table that tell histories apart, such as covariates.

        Returns
        -------
        DataFrame
            frequency, recency, T, the columns of `by`, n_customers, and the mean log_intervals of these customers, if
            the table has them; ordered by all but the last two.
        """
        keys = ("frequency", "recency", "T", *by)
        counts = {"n_customers": _.count()}
        if "log_intervals" in self.table.columns:
            counts["log_intervals"] = _.log_intervals.cast(LOGARITHM).sum().cast("float64") / _.count()
        counted = self.table.group_by(*keys).aggregate(**counts)
        frame: pd.DataFrame = counted.order_by(*keys).execute()
        return frame


def summarise(
    transactions: Any, as_of: date, time_unit: TimeUnit | str = TimeUnit.WEEK, *, log_intervals: bool = True
) -> CustomerSummary:
    """Summarise the purchases of every customer up to a date.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    as_of : date
        The last day whose facts count. Customers whose first purchase lies later are not in the result.
    time_unit : {"day", "week", "year"}
        Unit of recency and T, which stay fractions: 10 days are 1.43 weeks.
    log_intervals : bool
        Whether to add the column that models of regularity are fitted to, which costs a sort of each customer's days:
        about half as much again as all other columns.

    Returns
    -------
    CustomerSummary

    Examples
    --------
    >>> from datetime import date
    >>> from patronage import CdnowSource, open_ledger, summarise
    >>> ledger = open_ledger(CdnowSource())
    >>> summarise(ledger.transactions, as_of=date(1997, 9, 30)).to_pandas().iloc[1].round(2).to_dict()
    {'frequency': 0.0, 'recency': 0.0, 'T': 37.29, 'monetary_value': 0.0, 'log_intervals': 0.0}
    """
    unit = TimeUnit(time_unit)
    days = purchase_days(transactions, until=as_of)
    by_day: dict[str, Any] = {
        "frequency": _.count() - 1,
        "first_day": _.day.min(),
        "last_day": _.day.max(),
        "repeat_spend": _.spend.sum() - _.spend.argmin(_.day),
    }
    if log_intervals:
        days = days.mutate(previous_day=_.day.lag().over(ibis.window(group_by="customer_id", order_by="day")))
        days = days.mutate(log_gap=_.day.delta(_.previous_day, unit="day").cast("float64").ln().cast(LOGARITHM))
        by_day["log_gaps"] = _.log_gap.sum().cast("float64").fill_null(0.0)
    by_customer = days.group_by("customer_id").aggregate(**by_day)
    by_customer = by_customer.mutate(as_of=ibis.date(as_of.isoformat()))
    columns: dict[str, Any] = {
        "frequency": _.frequency.cast("int64"),
        "recency": _.last_day.delta(_.first_day, unit="day").cast("float64") / unit.days,
        "T": _.as_of.delta(_.first_day, unit="day").cast("float64") / unit.days,
        "monetary_value": ibis.ifelse(_.frequency > 0, _.repeat_spend.cast("float64") / _.frequency, 0.0),
    }
    if log_intervals:
        columns["log_intervals"] = _.log_gaps - _.frequency * math.log(unit.days)
    return CustomerSummary(table=by_customer.select("customer_id", **columns), as_of=as_of, time_unit=unit)
