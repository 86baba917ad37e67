"""Days with transactions, one row for every customer and day: what most features are computed from.

What a purchase is, is said in `patronage.ledger.purchases`; here, days with refunds alone are kept beside them.
"""

from typing import Any

import ibis
from ibis import _

from patronage.features.group import LOGARITHM, RECENT_DAYS
from patronage.features.point_in_time import Known, is_last_known, joined
from patronage.ledger.purchases import MONEY, SUMMED, netting_day
from patronage.ledger.tables import LedgerTables, business_day


def transaction_days(tables: LedgerTables) -> Any:
    """Days with transactions of every customer, whatever the date.

    Returns
    -------
    ibis.Table
        customer_id, day, is_purchase (boolean), spend (decimal, money, net of the refunds of the day that are not
        moved to another), sales (money, without refunds), refunds (lines), refunded (money, 0 or more), and, as far as
        the ledger knows them, margin, margin_sales (the amount of the lines whose margin is known) and discount (of
        lines that are no refunds).
    """
    table = tables.transactions
    money = table.amount.cast(MONEY)
    parts = _parts(tables, money)
    lines = table.select("customer_id", day=business_day(table), money=money, is_refund=money < 0, **parts)
    days = lines.group_by("customer_id", "day").aggregate(
        largest=_.money.max(),
        refunds=ibis.ifelse(_.is_refund, 1, 0).sum().cast("int64"),
        **{name: _[name].sum().cast(SUMMED) for name in parts},
    )
    return days.mutate(is_purchase=_.largest >= 0).drop("largest")


def purchase_history(known: Known) -> Any:
    """Days with transactions, once for every as-of date on which they are known.

    Returns
    -------
    ibis.Table
        The columns of `transaction_days`, as_of and age_days; of purchase days alone, and missing on days with refunds
        only: purchase_age (days), spend, previous_day, gap_days, log_gap; is_last (boolean) of the last known one.
    """
    days = known.until_last(transaction_days(known.tables))
    # Purchase days are a partition of their own, so that refunds between them do not part them.
    same_kind = ibis.window(group_by=["customer_id", "is_purchase"], order_by="day")
    days = days.mutate(previous_day=_.day.lag().over(same_kind), next_day=_.day.lead().over(same_kind))
    days = days.mutate(previous_day=_if_purchase(_.previous_day))
    days = days.mutate(gap_days=_.day.delta(_.previous_day, unit="day").cast("int64"))
    days = days.mutate(log_gap=_.gap_days.cast("float64").ln().cast(LOGARITHM))
    days = known.up_to(days).mutate(is_last=is_last_known(_.is_purchase))
    return _as_known(known, days)


def recent_days(known: Known) -> Any:
    """Days with transactions that are younger than `RECENT_DAYS`, once for every as-of date on which they are so.

    Sums over windows look at these alone: there are far fewer of them, and they need not know of one another.

    Returns
    -------
    ibis.Table
        The columns of `transaction_days`, as_of and age_days; of purchase days alone, and missing on days with refunds
        only: purchase_age (days), spend.
    """
    return _as_known(known, known.lately(transaction_days(known.tables), RECENT_DAYS))


def _as_known(known: Known, days: Any) -> Any:
    """The spend of purchase days, and of no others, as it was known on the as-of date."""
    days = days.mutate(purchase_age=_if_purchase(_.age_days), spend=_if_purchase(_.spend))
    if not moves_refunds(known.tables):
        return days
    # How much of a purchase day was given back by later refunds differs between as-of dates.
    given_back = known.up_to(moved_refunds(known.tables)).group_by(*known.keys, "netted_day").aggregate(
        given_back=_.money.sum()
    )  # fmt: skip
    keys: list[str | tuple[str, str]] = [*known.keys, ("day", "netted_day")]
    days = joined(days, [(given_back, keys)])
    return days.mutate(spend=_.spend + _.given_back.fill_null(0))


def moves_refunds(tables: LedgerTables) -> bool:
    """Whether refunds are netted with the day of their order, which may be earlier than their own."""
    return "netted_day" in tables.transactions.columns


def moved_refunds(tables: LedgerTables) -> Any:
    """The refunds that are netted with an earlier day than their own, from which on they are known.

    Returns
    -------
    ibis.Table
        customer_id, day, netted_day (both date), money (decimal, negative).
    """
    table = tables.transactions
    lines = table.select(
        "customer_id", day=business_day(table), netted_day=netting_day(table), money=table.amount.cast(MONEY)
    )
    return lines.filter(_.netted_day < _.day)


def _if_purchase(value: Any) -> Any:
    return ibis.ifelse(_.is_purchase, value, None)


def _parts(tables: LedgerTables, money: Any) -> dict[str, Any]:
    """What of each line belongs to the sums of its day, as decimals, as far as the ledger knows it."""
    table = tables.transactions
    nothing = ibis.literal(0, MONEY)
    is_moved = netting_day(table) < business_day(table)
    parts = {
        "spend": ibis.ifelse(is_moved, nothing, money) if moves_refunds(tables) else money,
        "sales": ibis.ifelse(money < 0, nothing, money),
        "refunded": ibis.ifelse(money < 0, -money, nothing),
    }
    margin = [table.margin.cast(MONEY)] if "margin" in table.columns else []
    if "cost_of_goods" in table.columns:
        margin.append(money.cast(SUMMED) - table.cost_of_goods.cast(MONEY))
    if margin:
        parts["margin"] = ibis.coalesce(*margin)
        parts["margin_sales"] = ibis.ifelse(parts["margin"].notnull(), money, None)
    if "discount" in table.columns:
        parts["discount"] = ibis.ifelse(money >= 0, table.discount.cast(MONEY), None)
    return parts
