"""What came after a date: the labels that belong to the features of the same date."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import ibis
from ibis import _

from patronage.features.build import KEYS
from patronage.features.group import unmet
from patronage.features.point_in_time import Known, joined
from patronage.features.transaction_days import moved_refunds, moves_refunds, transaction_days
from patronage.ledger.purchases import MONEY
from patronage.ledger.tables import LedgerTables, campaign_cost
from patronage.schema import Column, TableSchema

LABELS = TableSchema(
    "labels",
    (
        *KEYS,
        Column("purchased", "long", "0 or 1", False, "1 if there is a purchase day within the horizon."),
        Column("churned", "long", "0 or 1", False, "1 if there is none."),
        Column("purchases", "long", "purchase days", False, "Purchase days within the horizon."),
        Column("spend", "double", "money", False, "Spend of these days; 0 without any."),
        Column(
            "profit", "double", "money", False,
            "Margin of all lines within the horizon, refunds included, less the cost of contacts and campaigns, as far "
            "as these are known; a control costs nothing. Not there if the ledger knows no margin.", optional=True,
        ),
    ),
)  # fmt: skip

KNOWS_MARGIN = ("transactions.margin|transactions.cost_of_goods",)


def labels(tables: LedgerTables, as_of: date | Sequence[date], horizon_days: int) -> Any:
    """Look ahead of a date, or of each of several dates in one pass.

    Parameters
    ----------
    tables : LedgerTables
        The facts; they should be complete until `horizon_days` after the latest date.
    as_of : date or sequence of date
        The last day whose facts are known.
    horizon_days : int
        The look ahead is the so many days that follow.

    Returns
    -------
    ibis.Table
        As described in `LABELS`, one row for every customer with a purchase day up to the as-of date: the rows of
        `build.customer_features`.

    Raises
    ------
    DateError
        If `as_of` is empty.
    """
    known = Known.on(tables, as_of)
    keys = list(known.keys)
    days = transaction_days(tables)
    first = days.filter(_.is_purchase).group_by("customer_id").aggregate(day=_.day.min())
    knows_margin = not unmet(KNOWS_MARGIN, tables)
    margin = {"margin": _.margin.sum()} if knows_margin else {}
    later = known.ahead(days, horizon_days).group_by(*keys).aggregate(
        purchases=_.count(where=_.is_purchase), spend=_.spend.sum(where=_.is_purchase), **margin
    )  # fmt: skip
    parts = [(later, keys)]
    spend = _.spend.fill_null(0)
    if moves_refunds(tables):
        refunds = known.ahead(moved_refunds(tables), horizon_days).filter(_.netted_day > _.as_of)
        parts.append((refunds.group_by(*keys).aggregate(given_back=_.money.sum()), keys))
        spend = spend + _.given_back.fill_null(0)
    profit = _.margin.fill_null(0) if knows_margin else None
    for name in ("contacts", "campaigns"):
        if knows_margin and not unmet([f"{name}.cost"], tables):
            facts = known.facts(name)
            cost = campaign_cost(facts) if name == "campaigns" else facts.cost
            costs = known.ahead(facts.select("customer_id", "day", cost=cost.cast(MONEY)), horizon_days)
            parts.append((costs.group_by(*keys).aggregate(**{f"{name}_cost": _.cost.sum()}), keys))
            profit = profit - _[f"{name}_cost"].fill_null(0)
    table = joined(known.up_to(first).select("customer_id", "as_of"), parts)
    table = table.mutate(purchases=_.purchases.fill_null(0).cast("int64"))
    return table.select(
        "customer_id", "as_of",
        purchased=ibis.ifelse(_.purchases > 0, 1, 0).cast("int64"),
        churned=ibis.ifelse(_.purchases > 0, 0, 1).cast("int64"),
        purchases=_.purchases,
        spend=spend.cast("float64"),
        **({} if profit is None else {"profit": profit.cast("float64")}),
    )  # fmt: skip
