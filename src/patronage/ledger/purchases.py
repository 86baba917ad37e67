"""From transactions to purchase days: the one place that says what a purchase is.

As in the literature, all that a customer buys on one day is one purchase. A day counts if at least one of its rows is
not a refund; the refunds of that day are netted against it. A refund on a day without a purchase is no purchase and
changes no other day's value, unless the ledger was opened with refunds netted by order: then it is netted with the day
of its order, from its own day on.
"""

from datetime import date
from typing import Any

import ibis
from ibis import _

from patronage.ledger.tables import business_day

MONEY = "decimal(18, 6)"
"""Amounts are summed as decimals: sums of floats depend on their order, which engines that work in parallel vary."""

SUMMED = "decimal(38, 6)"
"""Sums and differences of amounts: `MONEY` holds any single amount that the contract takes, but not two of them.

Not every engine widens a difference by itself, so that one of its terms is cast to this before it is taken."""


def netting_day(transactions: Any) -> Any:
    """The day whose purchases a row is netted with: that of its order where this is known, else its own."""
    return transactions.netted_day if "netted_day" in transactions.columns else business_day(transactions)


def purchase_days(transactions: Any, after: date | None = None, until: date | None = None) -> Any:
    """One row for every customer and day of purchase.

    Parameters
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    after : date, optional
        Only days later than this one.
    until : date, optional
        Only days up to this one, itself included. Nothing after it is read, a later refund of such a day included.

    Returns
    -------
    ibis.Table
        customer_id (string), day (date), spend (decimal, money, net of the refunds of the day).
    """
    rows = transactions
    if until is not None:
        rows = rows.filter(business_day(rows) <= ibis.date(until.isoformat()))
    if after is not None:
        rows = rows.filter(netting_day(rows) > ibis.date(after.isoformat()))
    rows = rows.select("customer_id", day=netting_day(rows), amount=rows.amount.cast(MONEY))
    days = rows.group_by("customer_id", "day").aggregate(spend=_.amount.sum(), largest=_.amount.max())
    return days.filter(_.largest >= 0).drop("largest")
