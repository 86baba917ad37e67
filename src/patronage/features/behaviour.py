"""Behavioural features as of a date: a function of the ledger up to that day, and of nothing after it."""

from datetime import date, timedelta
from typing import Any

import ibis
from ibis import _

from patronage.ledger.purchases import purchase_days
from patronage.schema import FEATURES

WINDOWS_DAYS = (30, 90, 180)


def behaviour_features(transactions: Any, as_of: date) -> Any:
    """Compute the behavioural features of every customer.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    as_of : date
        The last day whose facts count. A window of 30 days is the as-of date and the 29 days before it.

    Returns
    -------
    ibis.Table
        customer_id and the columns of `schema.FEATURES`, one row for every customer with a purchase up to `as_of`.
    """
    days = purchase_days(transactions, until=as_of)
    customer = ibis.window(group_by="customer_id", order_by="day")
    days = days.mutate(as_of=ibis.date(as_of.isoformat()), previous_day=_.day.lag().over(customer))
    days = days.mutate(
        age_days=_.as_of.delta(_.day, unit="day"),
        gap_days=_.day.delta(_.previous_day, unit="day"),
    )
    windows: dict[str, Any] = {}
    for length in WINDOWS_DAYS:
        within = _.age_days < length
        windows[f"purchase_days_{length}d"] = within.sum().cast("float64")
        windows[f"spend_{length}d"] = _.spend.sum(where=within).cast("float64").fill_null(0.0)
    by_customer = days.group_by("customer_id").aggregate(
        days_since_last_purchase=_.age_days.min().cast("float64"),
        tenure_days=_.age_days.max().cast("float64"),
        purchase_days=_.count().cast("float64"),
        spend_total=_.spend.sum().cast("float64"),
        spend_first_purchase_day=_.spend.sum(where=_.previous_day.isnull()).cast("float64"),
        gaps=_.gap_days.count(),
        gap_sum=_.gap_days.sum(),
        gap_squares=(_.gap_days * _.gap_days).sum(),
        purchase_trend_90d=((_.age_days < 90).sum() - _.age_days.between(90, 179).sum()).cast("float64"),
        **windows,
    )
    # From whole numbers, so that the result does not depend on the order of the rows.
    spread = (_.gaps * _.gap_squares - _.gap_sum * _.gap_sum).cast("float64") / (_.gaps * (_.gaps - 1)).nullif(0)
    table = by_customer.mutate(
        spend_per_purchase_day=_.spend_total / _.purchase_days,
        gap_days_mean=_.gap_sum.cast("float64") / _.gaps.nullif(0),
        gap_days_std=spread.sqrt(),
    )
    table = table.mutate(recency_over_mean_gap=_.days_since_last_purchase / _.gap_days_mean)
    return table.select("customer_id", *FEATURES.names)


def churn_labels(transactions: Any, as_of: date, horizon_days: int) -> Any:
    """Who did not come back: the label that belongs to `behaviour_features` of the same date.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    as_of : date
        The last day whose facts are known; the label looks at the `horizon_days` days that follow.
    horizon_days : int
        Length of the look ahead, in days.

    Returns
    -------
    ibis.Table
        customer_id, churned (int8: 1 if there is no purchase within the horizon), one row for every customer with a
        purchase up to `as_of`.
    """
    known = purchase_days(transactions, until=as_of).select("customer_id").distinct()
    after = purchase_days(transactions, after=as_of, until=as_of + timedelta(days=horizon_days))
    returned = after.select("customer_id").distinct().mutate(returned=True)
    joined = known.left_join(returned, "customer_id")
    return joined.select("customer_id", churned=joined.returned.isnull().cast("int8"))
