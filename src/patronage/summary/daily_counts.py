"""How many customers came and how many came back, day by day."""

from datetime import date
from typing import Any

import pandas as pd
from ibis import _

from patronage.ledger.purchases import purchase_days


def daily_counts(transactions: Any, acquired_until: date, until: date) -> pd.DataFrame:
    """Count first and repeat purchases of each day.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    acquired_until : date
        Only customers whose first purchase is not later than this.
    until : date
        Last day to count.

    Returns
    -------
    DataFrame
        day (datetime64), new_customers, repeat_purchases; only days with any of them, in order.
    """
    days = purchase_days(transactions, until=until)
    days = days.mutate(first_day=_.day.min().over(group_by="customer_id"))
    days = days.filter(_.first_day <= acquired_until)
    counts = days.group_by("day").aggregate(
        new_customers=(_.day == _.first_day).sum(), repeat_purchases=(_.day > _.first_day).sum()
    )
    frame: pd.DataFrame = counts.order_by("day").execute()
    return frame.assign(day=pd.to_datetime(frame["day"]))
