"""From transactions to purchase days: the one place that says what a purchase is.

As in the literature, all that a customer buys on one day is one purchase. A day counts if at least one of its rows is
not a refund; the refunds of that day are netted against it. A refund on a day without a purchase is no purchase and
changes no other day's value.
"""

from datetime import date
from typing import Any

import ibis
from ibis import _

MONEY = "decimal(18, 6)"
"""Amounts are summed as decimals: sums of floats depend on their order, which engines that work in parallel vary."""


def lone_refunds(transactions: Any) -> Any:
    """Refunds on days on which their customer bought nothing, which no purchase day is netted with.

    Returns
    -------
    ibis.Table
        One row: refunds (long, number of rows) and amount (double, money, their sum, negative or 0).
    """
    rows = transactions.select("customer_id", "amount", day=transactions.timestamp.date())
    by_day = rows.group_by("customer_id", "day").aggregate(
        refunds=_.count(), amount=_.amount.cast(MONEY).sum(), largest=_.amount.max()
    )
    alone = by_day.filter(_.largest < 0)
    return alone.aggregate(refunds=_.refunds.sum().fill_null(0), amount=_.amount.sum().cast("float64").fill_null(0.0))


def purchase_days(transactions: Any, after: date | None = None, until: date | None = None) -> Any:
    """One row for every customer and day of purchase.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    after : date, optional
        Only days later than this one.
    until : date, optional
        Only days up to this one, itself included. Nothing after it is read.

    Returns
    -------
    ibis.Table
        customer_id (string), day (date), spend (decimal, money, net of the refunds of the day).
    """
    rows = transactions.select("customer_id", "amount", day=transactions.timestamp.date())
    if after is not None:
        rows = rows.filter(_.day > ibis.date(after.isoformat()))
    if until is not None:
        rows = rows.filter(_.day <= ibis.date(until.isoformat()))
    rows = rows.mutate(amount=_.amount.cast(MONEY))
    days = rows.group_by("customer_id", "day").aggregate(spend=_.amount.sum(), largest=_.amount.max())
    return days.filter(_.largest >= 0).drop("largest")
