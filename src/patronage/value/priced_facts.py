"""Facts of the ledger with what they cost: lines with their goods, campaigns, and the winning of customers."""

from typing import Any

import ibis
from ibis import _

from patronage.ledger.purchases import MONEY, SUMMED
from patronage.ledger.tables import LedgerTables, business_day, campaign_cost
from patronage.value import activities as done
from patronage.value.activity_costs import ActivityCosts

LINE_DIMENSIONS = ("product", "category", "sales_channel")
"""Columns of a line that margins can be split by."""


def priced_lines(transactions: Any, costs: ActivityCosts) -> Any:
    """Lines of transactions with what their goods cost.

    Returns
    -------
    ibis.Table
        customer_id, day, amount, cost, discount (decimal, money), assumed (long, 1 where the cost is not known but
        follows from the assumed margin rate, or is left out), and of `LINE_DIMENSIONS` those that are told.
    """
    amount = transactions.amount.cast(MONEY)
    cost, told = goods_cost(transactions, costs)
    nothing = ibis.literal(0).cast(MONEY)
    return transactions.select(
        "customer_id",
        *(name for name in LINE_DIMENSIONS if name in transactions.columns),
        day=business_day(transactions),
        amount=amount,
        cost=cost,
        assumed=ibis.ifelse(told, 0, 1).cast("int64"),
        discount=ibis.coalesce(transactions.discount.cast(MONEY), nothing)
        if "discount" in transactions.columns
        else nothing,
    )


def goods_cost(transactions: Any, costs: ActivityCosts) -> tuple[Any, Any]:
    """What the goods of each line cost, and whether the ledger tells it.

    Returns
    -------
    cost : ibis.expr.types.DecimalValue
        From cost_of_goods, or margin, or the assumed margin rate.
    told : ibis.expr.types.BooleanValue
    """
    amount = transactions.amount.cast(MONEY)
    known = []
    if "cost_of_goods" in transactions.columns:
        known.append(transactions.cost_of_goods.cast(MONEY))
    if "margin" in transactions.columns:
        known.append(amount.cast(SUMMED) - transactions.margin.cast(MONEY))
    told = ibis.coalesce(*known) if known else ibis.null(MONEY)
    share = 0.0 if costs.margin_rate is None else 1 - costs.margin_rate
    return ibis.coalesce(told, (amount.cast("float64") * share).cast(SUMMED)).cast(SUMMED), told.notnull()


def campaign_costs(tables: LedgerTables, costs: ActivityCosts) -> Any | None:
    """customer_id, treated, day, cost (decimal, 0 of controls), basis of every row of campaigns; None without them."""
    rows = tables.campaigns
    if rows is None:
        return None
    told = campaign_cost(rows).cast(MONEY) if "cost" in rows.columns and costs.observed else ibis.null(MONEY)
    rated = [
        ((rows.action == action) & (rows.treated == 1), ibis.literal(float(cost)).cast(MONEY))
        for action, cost in costs.campaigns.items()
    ]
    rate = ibis.cases(*rated, else_=ibis.null(MONEY)) if rated else ibis.null(MONEY)
    return rows.select(
        "customer_id",
        "treated",
        day=business_day(rows),
        cost=ibis.coalesce(told, rate, ibis.literal(0).cast(MONEY)).cast(MONEY),
        basis=ibis.cases(
            (told.notnull(), done.FROM_LEDGER),
            (rate.notnull(), done.BY_RATE),
            (rows.treated == 0, done.FROM_LEDGER),
            else_=done.NO_COST,
        ),
    )


def acquisition_costs(tables: LedgerTables) -> Any | None:
    """What it cost to win each customer, on the day of it.

    That is acquired_at or, where it is not known, the first purchase, or else the start of the contract.

    Returns
    -------
    ibis.Table or None
        customer_id, day (missing where none of them is known), cost (decimal), basis; None where no cost is known.
    """
    customers = tables.customers
    if customers is None or "acquisition_cost" not in customers.columns:
        return None
    lines = tables.transactions
    first = lines.select("customer_id", bought=business_day(lines)).group_by("customer_id").aggregate(
        first_bought=_.bought.min()
    )  # fmt: skip
    rows = customers.filter(customers.acquisition_cost.notnull()).left_join(first, "customer_id")
    days = []
    if "acquired_day" in customers.columns:
        days.append(rows.acquired_day)
    elif "acquired_at" in customers.columns:
        days.append(rows.acquired_at.date())
    days.append(rows.first_bought)
    if "contract_start" in customers.columns:
        days.append(rows.contract_start)
    return rows.select(
        "customer_id",
        day=ibis.coalesce(*days),
        cost=rows.acquisition_cost.cast(SUMMED),
        basis=ibis.literal(done.FROM_LEDGER),
    )
