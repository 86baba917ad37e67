"""Profit of customers by age: what every customer brought in each period after the first purchase."""

from datetime import date
from typing import Any

import ibis
import pandas as pd
from ibis import _

from patronage.ledger.purchases import MONEY, SUMMED, netting_day
from patronage.ledger.tables import LedgerTables, business_day, campaign_cost
from patronage.value.calendar import DAYS_PER_MONTH
from patronage.value.profit_facts import line_margin


def profit_cells(tables: LedgerTables, as_of: date, period_days: float = DAYS_PER_MONTH, **margin: Any) -> pd.DataFrame:
    """Profit of every customer in every age period up to a date; only cells in which anything happened.

    Parameters
    ----------
    tables : LedgerTables
    as_of : date
    period_days : float
    **margin
        assumed_margin_rate and cost_by_channel, as for `profit_facts`.

    Returns
    -------
    DataFrame
        customer_id, age (period, 0 and above), profit (margin less contacts and campaigns, in money), profit_at_once
        (the part of it up to the day of the first purchase) and bought (whether there was a purchase). What happened
        before the first purchase is of age 0.
    """
    until = ibis.date(as_of.isoformat())
    sold = tables.transactions.filter(business_day(tables.transactions) <= until)
    lines = sold.select(
        "customer_id",
        day=netting_day(sold),
        amount=sold.amount.cast(MONEY),
        profit=line_margin(sold, margin.get("assumed_margin_rate"), {}),
    )
    days = lines.group_by("customer_id", "day").aggregate(profit=_.profit.sum(), largest=_.amount.max())
    days = days.mutate(bought=ibis.ifelse(_.largest >= 0, 1, 0).cast("int64")).drop("largest")
    first = days.filter(_.bought == 1).group_by("customer_id").aggregate(first_day=_.day.min())
    parts = [days, *_costs(tables, until, margin.get("cost_by_channel") or {})]
    flows = (
        ibis.union(*(part.select("customer_id", "day", "profit", "bought") for part in parts)) if parts[1:] else days
    )
    dated = flows.inner_join(first, "customer_id")
    length = float(period_days)
    at_once = ibis.ifelse(_.day <= _.first_day, _.profit, _.profit - _.profit)
    dated = dated.mutate(profit_at_once=at_once)
    dated = dated.mutate(age=(_.day.delta(_.first_day, unit="day").cast("float64") / length).floor().cast("int64"))
    cells = dated.mutate(age=ibis.greatest(_.age, 0)).group_by("customer_id", "age")
    table = cells.aggregate(
        profit=_.profit.sum().cast("float64"),
        profit_at_once=_.profit_at_once.sum().cast("float64"),
        bought=_.bought.max(),
    )
    frame: pd.DataFrame = table.order_by("customer_id", "age").execute()
    return frame


def _costs(tables: LedgerTables, until: Any, by_channel: dict[str, float]) -> list[Any]:
    """Costs of contacts and campaigns by customer and day, as negative profit."""
    parts = []
    for name in ("contacts", "campaigns"):
        facts = getattr(tables, name)
        if facts is None:
            continue
        rows = facts.filter(business_day(facts) <= until)
        if "cost" in facts.columns:
            known = campaign_cost(rows) if name == "campaigns" else rows.cost
            cost = known.cast(SUMMED).fill_null(ibis.literal("0").cast(SUMMED))
        elif name == "contacts" and by_channel:
            rated = [(rows.channel == one, ibis.literal(str(each)).cast(MONEY)) for one, each in by_channel.items()]
            cost = ibis.cases(*rated, else_=ibis.literal("0").cast(MONEY))
        else:
            continue
        zero = ibis.literal(0, type="int64")
        each = rows.select("customer_id", day=business_day(rows), profit=-cost)
        parts.append(each.group_by("customer_id", "day").aggregate(profit=_.profit.sum()).mutate(bought=zero))
    return parts
