"""A ledger whose facts carry what they cost, so that the future is estimated of the same money as the past is told in.

Lines get a margin after goods and after what the order, its lines and its delivery cost by the rates; contacts and
campaigns get their own cost, or that of the rate that fits. Bills that are spread over customers (pools) belong to
their span of days and are in the profit of the past only.
"""

from dataclasses import replace
from typing import Any

import ibis
from ibis import _

from patronage.ledger.purchases import SUMMED
from patronage.ledger.tables import LedgerTables, business_day
from patronage.value import activities as done
from patronage.value.activity_costs import ActivityCosts
from patronage.value.priced_facts import campaign_costs, goods_cost


def priced_tables(tables: LedgerTables, costs: ActivityCosts) -> LedgerTables:
    """The same facts, with margin on every line and cost on every contact and campaign.

    Parameters
    ----------
    tables : LedgerTables
    costs : ActivityCosts
        Margins that are assumed, and rates.

    Returns
    -------
    LedgerTables
        Transactions with margin (decimal), without cost_of_goods; contacts and campaigns with cost (decimal). Only
        what models of future profit read is kept.
    """
    contacts = None if tables.contacts is None else done.contact_activities(tables.contacts, costs)
    if contacts is not None:
        contacts = contacts.select("customer_id", "day", "channel", "kind", "cost", timestamp=_.day.cast("timestamp"))
    campaigns = campaign_costs(tables, costs)
    if campaigns is not None:
        campaigns = campaigns.select("customer_id", "day", "treated", "cost", timestamp=_.day.cast("timestamp"))
    return replace(tables, transactions=_lines(tables.transactions, costs), contacts=contacts, campaigns=campaigns)


def _lines(transactions: Any, costs: ActivityCosts) -> Any:
    """Lines with the margin that is left of them."""
    netted = {"netted_day": transactions.netted_day} if "netted_day" in transactions.columns else {}
    cost, _told = goods_cost(transactions, costs)
    lines = transactions.select(
        "customer_id", "amount", "timestamp", day=business_day(transactions), **netted,
        margin=transactions.amount.cast(SUMMED) - cost,
    )  # fmt: skip
    rates = costs.orders
    if rates.order_line or rates.returned_line:
        each = ibis.cases((lines.amount >= 0, rates.order_line), else_=rates.returned_line)
        lines = lines.mutate(margin=(lines.margin - each.cast(SUMMED)).cast(SUMMED))
    return _less_orders(lines, transactions, costs) if rates.order or rates.delivery is not None else lines


def _less_orders(lines: Any, transactions: Any, costs: ActivityCosts) -> Any:
    """Take what the orders of a day cost off one of the lines that were bought on it; margins are summed by day."""
    delivery = 0.0 if costs.orders.delivery is None else costs.orders.delivery.cost
    orders = done.order_facts(transactions, costs)
    cost = done.at_rate(_.count(), costs.orders.order) + done.at_rate(_.count(where=_.is_delivered), delivery)
    days = orders.group_by("customer_id", "day").aggregate(order_cost=cost).select(
        of_customer="customer_id", of_day="day", order_cost="order_cost"
    )  # fmt: skip
    bought = ibis.ifelse(lines.amount >= 0, 1, 0).cast("int64")
    window = ibis.window(group_by=["customer_id", "day", "bought"], order_by="amount")
    ranked = lines.mutate(bought=bought)
    ranked = ranked.mutate(place=ibis.row_number().over(window))
    charged = ranked.left_join(
        days,
        [
            ranked.customer_id == days.of_customer,
            ranked.day == days.of_day,
            (ranked.place == 0) & (ranked.bought == 1),
        ],
    )
    nothing = ibis.literal(0).cast(SUMMED)
    charged = charged.mutate(margin=(_.margin - ibis.coalesce(_.order_cost.cast(SUMMED), nothing)).cast(SUMMED))
    return charged.select(*lines.columns)
