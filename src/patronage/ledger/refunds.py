"""Refunds: which day's purchases they are netted with, and those that no purchase is netted with."""

from typing import Any

import ibis
from ibis import _

from patronage.ledger.purchases import MONEY, netting_day


def lone_refunds(transactions: Any) -> Any:
    """Refunds whose customer bought nothing on the day they are netted with, so that they change no purchase.

    Returns
    -------
    ibis.Table
        One row: refunds (long, number of rows) and amount (double, money, their sum, negative or 0).
    """
    rows = transactions.select("customer_id", "amount", day=netting_day(transactions))
    refunds = (
        rows.filter(_.amount < 0)
        .group_by("customer_id", "day")
        .aggregate(refunds=_.count(), amount=_.amount.cast(MONEY).sum())
    )
    # The few days of refunds are looked up among the many of purchases, not the other way round.
    bought = (
        rows.filter(_.amount >= 0).semi_join(refunds, ["customer_id", "day"]).select("customer_id", "day").distinct()
    )
    alone = refunds.anti_join(bought.select("customer_id", "day"), ["customer_id", "day"])
    return alone.aggregate(refunds=_.refunds.sum().fill_null(0), amount=_.amount.sum().cast("float64").fill_null(0.0))


def with_netted_day(transactions: Any) -> Any:
    """Transactions with `netted_day` (date): for a refund the first day on which its order was bought, else its day.

    The refund stays a fact of its own day: who looks at an earlier date does not know of it. Orders are told apart by
    customer and order_id; a refund without an order_id, or of an order without a purchase on or before its day, stays
    on its own day.
    """
    orders = (
        transactions.filter((_.amount >= 0) & _.order_id.notnull())
        .group_by("customer_id", "order_id")
        .aggregate(order_day=_.day.min())
    )
    joined = transactions.left_join(orders, ["customer_id", "order_id"])
    moved = (joined.amount < 0) & joined.order_day.notnull() & (joined.order_day <= joined.day)
    return joined.select(*transactions.columns, netted_day=ibis.ifelse(moved, joined.order_day, joined.day))
