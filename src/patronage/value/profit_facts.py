"""What models of profit learn from: margins of purchases, contacts and costs of every customer, as of a date.

A purchase is a day on which the customer bought, as everywhere (`ledger.purchases`). Its margin is amount less cost of
goods of its lines, less those of the refunds until the next purchase. Where no cost of goods is known a stated margin
rate is assumed, or revenue stands in the place of profit; `ProfitFacts.basis` says so in words, and whoever shows a
figure shows these words with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import ibis
import pandas as pd
from ibis import _

from patronage.errors import ConfigError
from patronage.ledger.purchases import MONEY, SUMMED, netting_day
from patronage.ledger.tables import LedgerTables, business_day, campaign_cost
from patronage.runtime.time_unit import TimeUnit
from patronage.summary.customer_summary import summarise

SQUARES = "decimal(38, 6)"
"""Squares of money are summed as decimals too, so that sums do not depend on the order of the rows."""


@dataclass(frozen=True)
class ProfitFacts:
    """One row a customer, and on what it rests.

    Attributes
    ----------
    frame : DataFrame
        Indexed by customer_id, ascending: the columns of `schema.SUMMARY`, then purchase_days, margin_mean and
        margin_scatter (mean margin of a purchase day, sum of squared deviations from it), margin_lowest (of a
        purchase), contacts, contact_cost_mean and contact_cost_scatter, last_contact (time from the first purchase, 0
        and above; 0 without a contact), campaign_cost, acquisition_cost and acquisition_channel (missing where
        unknown), and first_day.
    as_of : date
    time_unit : TimeUnit
        Unit of recency and T.
    basis : dict of str to str
        What margin, cost to serve and acquisition cost rest on, in words.
    """

    frame: pd.DataFrame
    as_of: date
    time_unit: TimeUnit
    basis: dict[str, str]

    @property
    def words(self) -> str:
        """The basis in one line."""
        return "; ".join(f"{what}: {how}" for what, how in self.basis.items())


def profit_facts(
    tables: LedgerTables,
    as_of: date,
    time_unit: TimeUnit | str = TimeUnit.WEEK,
    assumed_margin_rate: float | None = None,
    cost_by_channel: Mapping[str, float] | None = None,
) -> ProfitFacts:
    """Gather the facts of a ledger that future profit is estimated of.

    Parameters
    ----------
    tables : LedgerTables
    as_of : date
        The last day whose facts count.
    time_unit : {"day", "week", "year"}
    assumed_margin_rate : float, optional
        Margin as a share of spend, 0 to 1, where the ledger knows neither margin nor cost of goods; without it
        revenue stands in the place of margin.
    cost_by_channel : mapping of str to float, optional
        Cost of a contact by its channel, where the ledger knows no cost of contacts.

    Raises
    ------
    ConfigError
        If the assumed margin rate is not between 0 and 1.
    """
    if assumed_margin_rate is not None and not 0 <= assumed_margin_rate <= 1:
        message = f"assumed_margin_rate must be between 0 and 1 (0.3 is 30 %); got {assumed_margin_rate}."
        raise ConfigError(message)
    summary = summarise(tables.transactions, as_of, time_unit)
    basis: dict[str, str] = {}
    parts = [
        _margins(tables.transactions, as_of, assumed_margin_rate, basis),
        _contacts(tables.contacts, as_of, cost_by_channel or {}, basis),
        _campaigns(tables.campaigns, as_of),
        _customers(tables.customers, as_of, basis),
    ]
    table = summary.table
    for number, part in enumerate(part for part in parts if part is not None):
        table = table.left_join(part, "customer_id", rname=f"{{name}}_{number}")
    frame = table.order_by("customer_id").execute().set_index("customer_id")
    return ProfitFacts(_completed(frame, summary.time_unit), as_of, summary.time_unit, basis)


def _completed(frame: pd.DataFrame, time_unit: TimeUnit) -> pd.DataFrame:
    """Only the columns promised, zeros where there is nothing and missing where nothing is known."""
    nothing = ("contacts", "contact_cost_mean", "contact_cost_scatter", "campaign_cost")
    for name in nothing:
        frame[name] = frame[name].fillna(0.0).astype("float64") if name in frame else 0.0
    for name, missing in (("acquisition_cost", float("nan")), ("acquisition_channel", None)):
        if name not in frame:
            frame[name] = missing
    frame["acquisition_cost"] = frame["acquisition_cost"].astype("float64")
    frame["last_contact"] = 0.0
    if "last_contact_day" in frame:
        after = (pd.to_datetime(frame["last_contact_day"]) - pd.to_datetime(frame["first_day"])).dt.days
        frame["last_contact"] = after.fillna(0.0).clip(lower=0.0).astype("float64") / time_unit.days
    columns = [
        "frequency", "recency", "T", "monetary_value", "log_intervals", "purchase_days", "margin_mean",
        "margin_scatter", "margin_lowest", *nothing, "last_contact", "acquisition_cost",
        "acquisition_channel", "first_day",
    ]  # fmt: skip
    return frame[columns]


def _margins(transactions: Any, as_of: date, assumed: float | None, basis: dict[str, str]) -> Any:
    """Margin of each purchase, refunds until the next one included, summed up by customer."""
    rows = transactions.filter(business_day(transactions) <= ibis.date(as_of.isoformat()))
    rows = rows.select(
        "customer_id", day=netting_day(rows), amount=rows.amount.cast(MONEY), margin=line_margin(rows, assumed, basis)
    )
    days = rows.group_by("customer_id", "day").aggregate(margin=_.margin.sum(), largest=_.amount.max())
    so_far = ibis.window(group_by="customer_id", order_by="day", preceding=None, following=0)
    days = days.mutate(bought=ibis.ifelse(_.largest >= 0, 1, 0).cast("int64"))
    days = days.mutate(purchase=_.bought.sum().over(so_far))
    # What is paid back before the first purchase of the ledger belongs to that one: the clock starts there.
    days = days.mutate(purchase=ibis.greatest(_.purchase, 1))
    purchases = days.group_by("customer_id", "purchase").aggregate(
        margin=_.margin.sum(), day=_.day.min(where=_.bought == 1)
    )
    purchases = purchases.filter(_.day.notnull())
    purchases = purchases.mutate(mean=_.margin.cast("float64").mean().over(group_by="customer_id"))
    return purchases.group_by("customer_id").aggregate(
        purchase_days=_.count(),
        margin_mean=_.margin.sum().cast("float64") / _.count(),
        margin_scatter=((_.margin.cast("float64") - _.mean) ** 2).cast(SQUARES).sum().cast("float64"),
        margin_lowest=_.margin.min().cast("float64"),
        first_day=_.day.min(),
    )


def line_margin(rows: Any, assumed: float | None, basis: dict[str, str]) -> Any:
    """The margin of each line, or what stands in its place."""
    amount = rows.amount.cast(MONEY)
    if "margin" in rows.columns:
        known = rows.margin.cast(SUMMED)
    elif "cost_of_goods" in rows.columns:
        known = amount.cast(SUMMED) - rows.cost_of_goods.cast(MONEY)
    else:
        rate = 1.0 if assumed is None else assumed
        basis["margin"] = "revenue, no costs are known" if assumed is None else f"assumed margin {assumed:.0%}"
        return (amount * ibis.literal(str(rate)).cast("decimal(9, 6)")).cast(SUMMED)
    seen = rows.mutate(known=known, amount=amount).aggregate(
        lines=_.count(),
        unknown=_.known.isnull().sum(),
        margin=_.known.sum(),
        sales=_.amount.sum(where=_.known.notnull()),
    )
    lines, unknown, margin, sales = seen.execute().iloc[0]
    basis["margin"] = "margin of the ledger"
    if not unknown:
        return known
    rate = float(margin) / float(sales) if sales else 0.0
    basis["margin"] = (
        f"margin of the ledger; {unknown:,.0f} of {lines:,.0f} lines without one at the rate of the others, {rate:.1%}"
    )
    return ibis.coalesce(known, (amount * ibis.literal(f"{rate:.6f}").cast("decimal(9, 6)")).cast(SUMMED))


def _contacts(contacts: Any | None, as_of: date, costs: Mapping[str, float], basis: dict[str, str]) -> Any | None:
    """Number of contacts, mean and scatter of their costs, and the day of the last one."""
    if contacts is None:
        basis["cost to serve"] = "none, the ledger has no contacts"
        return None
    rows = contacts.filter(business_day(contacts) <= ibis.date(as_of.isoformat()))
    if "cost" in rows.columns:
        cost = rows.cost.cast(SUMMED).fill_null(ibis.literal("0").cast(SUMMED))
        basis["cost to serve"] = "cost of contacts of the ledger"
    else:
        known = [(rows.channel == name, ibis.literal(str(value)).cast(MONEY)) for name, value in costs.items()]
        cost = ibis.cases(*known, else_=ibis.literal("0").cast(MONEY)) if known else ibis.literal("0").cast(MONEY)
        stated = ", ".join(f"{name} {value:g}" for name, value in costs.items())
        basis["cost to serve"] = f"stated cost of a contact: {stated}" if costs else "none, contacts have no cost"
    rows = rows.select("customer_id", day=business_day(rows), cost=cost)
    rows = rows.mutate(mean=_.cost.cast("float64").mean().over(group_by="customer_id"))
    return rows.group_by("customer_id").aggregate(
        contacts=_.count(),
        contact_cost_mean=_.cost.sum().cast("float64") / _.count(),
        contact_cost_scatter=((_.cost.cast("float64") - _.mean) ** 2).cast(SQUARES).sum().cast("float64"),
        last_contact_day=_.day.max(),
    )


def _campaigns(campaigns: Any | None, as_of: date) -> Any | None:
    """What campaigns cost on each customer; controls cost nothing."""
    if campaigns is None or "cost" not in campaigns.columns:
        return None
    rows = campaigns.filter(business_day(campaigns) <= ibis.date(as_of.isoformat()))
    cost = campaign_cost(rows).cast(MONEY).sum().cast("float64")
    return rows.group_by("customer_id").aggregate(campaign_cost=cost)


def _customers(customers: Any | None, as_of: date, basis: dict[str, str]) -> Any | None:
    """How customers were won, and at what cost."""
    named = [] if customers is None else [
        name for name in ("acquisition_channel", "acquisition_cost") if name in customers.columns
    ]  # fmt: skip
    known = "acquisition_cost" in named
    basis["acquisition"] = "acquisition cost of the ledger" if known else "none, no acquisition cost is known"
    if customers is None or not named:
        return None
    if "acquired_at" in customers.columns:
        day = business_day(customers, "acquired_at")
        won = day.isnull() | (day <= ibis.date(as_of.isoformat()))
        customers = customers.filter(won)
    return customers.select("customer_id", *named)
