"""What was done for customers, and what each activity cost: contacts, orders, lines, returns, deliveries, pools.

All are rows of one shape, so that costs by customer, by channel and by kind are sums of the same facts.
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

import ibis
from ibis import _

from patronage.ledger.purchases import MONEY, SUMMED
from patronage.ledger.tables import LedgerTables, business_day
from patronage.value.activity_costs import ActivityCosts, ContactRate, Pool
from patronage.value.periods import Period, period_of

CONTACT, RETENTION, ORDER, ORDER_LINE = "contact", "retention contact", "order", "order line"
RETURNED_LINE, DELIVERY, SPREAD = "returned line", "delivery", "spread"

DECIMALS = 6
"""Of `ledger.purchases.MONEY`."""

FROM_LEDGER, BY_RATE, NO_COST = "ledger", "rate", "no cost known"
"""Where a cost comes from."""

DRIVERS = {
    "contacts": (CONTACT, RETENTION),
    "minutes": (CONTACT, RETENTION),
    "orders": (ORDER,),
    "order_lines": (ORDER_LINE,),
    "returns": (RETURNED_LINE,),
}
"""The activities that a pool is spread by."""


def activities(tables: LedgerTables, costs: ActivityCosts) -> Any:
    """What was done for customers, by day.

    Returns
    -------
    ibis.Table
        customer_id, day (date), activity, channel (lower case, missing if not told; the sales channel of orders), kind
        (lower case, of contacts), rate (name of the rate that fits a contact, missing where none does), units (long),
        minutes (decimal), cost (decimal, money), basis (string).
    """
    parts = _of_orders(tables, costs)
    if tables.contacts is not None:
        parts.append(contact_activities(tables.contacts, costs))
    return ibis.union(*parts, distinct=False)


def contact_activities(contacts: Any, costs: ActivityCosts) -> Any:
    """One row a contact, in the columns of `activities`: the ledger's own cost, else that of the rate that fits."""
    rows = contacts.select(
        "customer_id",
        day=business_day(contacts),
        channel=contacts.channel.lower(),
        kind=contacts.kind.lower(),
        told=contacts.cost.cast(MONEY) if "cost" in contacts.columns and costs.observed else ibis.null(MONEY),
        took=contacts.duration_minutes.cast("float64")
        if "duration_minutes" in contacts.columns
        else ibis.null("float64"),
    )
    rows = rows.mutate(
        rate=_of_rate(rows, costs, lambda name, _rate: name, "string"),
        by_contact=_of_rate(rows, costs, lambda _name, rate: rate.cost, "float64"),
        by_minute=_of_rate(rows, costs, lambda _name, rate: rate.minute, "float64"),
        usual=_of_rate(rows, costs, lambda _name, rate: rate.minutes, "float64"),
    )
    rows = rows.mutate(minutes=ibis.coalesce(_.took, _.usual, 0.0))
    rated = (_.by_contact + _.by_minute * _.minutes).cast(SUMMED)
    retention = [kind.lower() for kind in costs.retention_kinds]
    return rows.select(
        "customer_id",
        "day",
        activity=ibis.cases((_.kind.isin(retention), RETENTION), else_=CONTACT) if retention else ibis.literal(CONTACT),
        channel=_.channel,
        kind=_.kind,
        rate=_.rate,
        units=ibis.literal(1, "int64"),
        minutes=_.minutes.cast(MONEY),
        cost=ibis.coalesce(_.told, rated, ibis.literal(0).cast(SUMMED)).cast(SUMMED),
        basis=ibis.cases((_.told.notnull(), FROM_LEDGER), (_.by_contact.notnull(), BY_RATE), else_=NO_COST),
    )


def order_facts(transactions: Any, costs: ActivityCosts) -> Any:
    """One row an order: what a customer bought under one order_id or, without one, on one day.

    Returns
    -------
    ibis.Table
        customer_id, day (date, the first of its lines), channel (lower case sales channel, the first by name if there
        are several; missing if not told), is_delivered (boolean). Refunds alone are no order.
    """
    rows = transactions.filter(transactions.amount >= 0)
    day = business_day(rows)
    order = rows.order_id if "order_id" in rows.columns else ibis.null("string")
    rows = rows.select("customer_id", day=day, order=order, channel=_sales_channel(rows))
    rows = rows.mutate(loose_day=ibis.ifelse(_.order.isnull(), _.day, None))
    orders = rows.group_by("customer_id", "order", "loose_day").aggregate(day=_.day.min(), channel=_.channel.min())
    delivery = costs.orders.delivery
    if delivery is None or delivery.sales_channels is None:
        return orders.select("customer_id", "day", "channel", is_delivered=ibis.literal(delivery is not None))
    brought = orders.channel.isin([channel.lower() for channel in delivery.sales_channels])
    return orders.select("customer_id", "day", "channel", is_delivered=brought.fill_null(False))


def at_rate(units: Any, rate: float) -> Any:
    """So many units at a rate, which is taken to the last decimal of money."""
    return (units.cast("float64") * round(rate, DECIMALS)).cast(SUMMED)


def spread(pools: dict[str, Pool], facts: Any, periods: Sequence[Period]) -> Any | None:
    """Every pool, spread by what was done in its span of days.

    The parts of a pool add up to it exactly: customers in order of their id take the difference of the rounded
    cumulative sums. A pool in whose span nothing was done stays unspread.

    Parameters
    ----------
    pools : dict of str to Pool
    facts : ibis.Table
        As `activities` gives them.
    periods : sequence of Period

    Returns
    -------
    ibis.Table or None
        customer_id, period (missing for what was done outside of all of them), pool, cost (decimal); None without
        pools.
    """
    parts = []
    for name, pool in pools.items():
        rows = facts.filter(
            facts.activity.isin(DRIVERS[pool.by]),
            facts.day >= _literal(pool.first_day),
            facts.day <= _literal(pool.last_day),
        )
        if pool.channels is not None:
            rows = rows.filter(rows.channel.isin([channel.lower() for channel in pool.channels]))
        weight = rows.minutes if pool.by == "minutes" else rows.units.cast(MONEY)
        rows = rows.select("customer_id", period=period_of(rows.day, periods), weight=weight)
        weights = rows.group_by("customer_id", "period").aggregate(weight=_.weight.sum().cast(SUMMED))
        up_to_here = ibis.window(order_by=["customer_id", "period"], preceding=None, following=0)
        weights = weights.filter(weights.weight > 0)
        weights = weights.mutate(before=_.weight.sum().over(up_to_here) - _.weight, total=_.weight.sum().over())
        begin = _share(pool.cost, _.before, _.total)
        end = _share(pool.cost, _.before + _.weight, _.total)
        parts.append(weights.select("customer_id", "period", pool=ibis.literal(name), cost=(end - begin).cast(SUMMED)))
    return ibis.union(*parts, distinct=False) if parts else None


def _of_orders(tables: LedgerTables, costs: ActivityCosts) -> list[Any]:
    """Orders, deliveries, lines and returned lines, each counted by customer, day and sales channel."""
    rates, transactions = costs.orders, tables.transactions
    orders = _counted(order_facts(transactions, costs))
    lines = transactions.select(
        "customer_id", day=business_day(transactions), amount=transactions.amount, channel=_sales_channel(transactions)
    )
    parts = [
        _rated(orders, ORDER, rates.order),
        _rated(_counted(lines.filter(lines.amount >= 0)), ORDER_LINE, rates.order_line),
        _rated(_counted(lines.filter(lines.amount < 0)), RETURNED_LINE, rates.returned_line),
    ]
    if rates.delivery is not None:
        brought = order_facts(transactions, costs).filter(_.is_delivered)
        parts.append(_rated(_counted(brought), DELIVERY, rates.delivery.cost))
    return parts


def _counted(rows: Any) -> Any:
    return rows.group_by("customer_id", "day", "channel").aggregate(units=_.count().cast("int64"))


def _rated(counted: Any, activity: str, rate: float) -> Any:
    return counted.select(
        "customer_id",
        "day",
        activity=ibis.literal(activity),
        channel=_.channel,
        kind=ibis.null("string"),
        rate=ibis.null("string"),
        units=_.units,
        minutes=ibis.literal(0).cast(MONEY),
        cost=at_rate(_.units, rate),
        basis=ibis.literal(BY_RATE if rate else NO_COST),
    )


def _sales_channel(transactions: Any) -> Any:
    return transactions.sales_channel.lower() if "sales_channel" in transactions.columns else ibis.null("string")


def _of_rate(rows: Any, costs: ActivityCosts, value: Callable[[str, ContactRate], Any], kind: str) -> Any:
    """A value of the first rate that fits each contact; missing where none does."""
    branches = [(_fits(rows, rate), ibis.literal(value(name, rate), kind)) for name, rate in costs.contacts.items()]
    return ibis.cases(*branches, else_=ibis.null(kind)) if branches else ibis.null(kind)


def _fits(rows: Any, rate: ContactRate) -> Any:
    fits = ibis.literal(True)
    if rate.channels is not None:
        fits = fits & rows.channel.isin([channel.lower() for channel in rate.channels])
    if rate.kinds is not None:
        fits = fits & rows.kind.isin([kind.lower() for kind in rate.kinds])
    return fits


def _share(cost: float, part: Any, total: Any) -> Any:
    return (part.cast("float64") / total.cast("float64") * cost).cast(SUMMED)


def _literal(day: date) -> Any:
    return ibis.date(day.isoformat())
