"""Profit of the past: what each customer brought and cost in each period.

    contribution = gross revenue - refunds - cost of goods - cost to serve - retention cost - acquisition cost

Every fact counts on its own business day: a refund reduces the period in which it was paid back. Where the ledger lacks
a table or a column, the part is left out or assumed, and the result says so.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import ibis
import pandas as pd
from ibis import _

from patronage.errors import ConfigError
from patronage.ledger.purchases import MONEY, SUMMED
from patronage.ledger.tables import LedgerTables
from patronage.schema.value import CUSTOMER_PROFIT
from patronage.value import activities as done
from patronage.value.activity_costs import ActivityCosts
from patronage.value.periods import Period, checked_periods, period_of
from patronage.value.priced_facts import LINE_DIMENSIONS, acquisition_costs, campaign_costs, priced_lines

KEYS = ("customer_id", "period")

COUNTS = ("orders", "order_lines", "returned_lines", "contacts", "assumed_lines", "facts_without_cost")
MONEYS = (
    "gross_revenue", "refunds", "discounts", "cost_of_goods", "contact_cost", "order_cost", "return_cost",
    "spread_cost", "campaign_cost", "retention_contact_cost", "acquisition_cost",
)  # fmt: skip
"""What is summed from the ledger; all other money follows from these."""


@dataclass(frozen=True)
class CustomerProfit:
    """What customers brought and cost, and what it rests on.

    Attributes
    ----------
    tables : LedgerTables
    costs : ActivityCosts
    periods : tuple of Period
    """

    tables: LedgerTables
    costs: ActivityCosts
    periods: tuple[Period, ...]

    @cached_property
    def exact(self) -> Any:
        """`table` with money as decimals, as an expression."""
        return _finished(ibis.union(*self._parts(), distinct=False), self.costs)

    @property
    def table(self) -> Any:
        """An expression as described in `schema.CUSTOMER_PROFIT`: one row a customer and period with any fact."""
        exact, types = self.exact, {"double": "float64", "long": "int64", "string": "string"}
        return exact.select(
            *(exact[column.name].cast(types[column.type]).name(column.name) for column in CUSTOMER_PROFIT.columns)
        )

    @cached_property
    def activities(self) -> Any:
        """What was done for customers, whatever the day; see `patronage.value.activities.activities`."""
        return done.activities(self.tables, self.costs)

    @cached_property
    def lines(self) -> Any:
        """Lines of transactions with their cost, whatever the day; see `priced_lines`."""
        return priced_lines(self.tables.transactions, self.costs)

    @property
    def basis(self) -> tuple[str, ...]:
        """What the ledger lacks and what is assumed in its place, in sentences."""
        return tuple(_basis(self.tables, self.costs))

    def to_pandas(self) -> pd.DataFrame:
        """The table, by customer_id and period, with ``attrs["basis"]``."""
        frame: pd.DataFrame = self.table.order_by(*KEYS).execute()
        frame.attrs = {"basis": list(self.basis)}
        return frame

    def cost_to_serve(self) -> Any:
        """Cost of what was done for each customer by channel and kind; see `schema.COST_TO_SERVE`."""
        facts = self.activities.mutate(period=period_of(self.activities.day, self.periods))
        facts = facts.filter(facts.period.notnull()).drop("day")
        spread = done.spread(self.costs.pools, self.activities, self.periods)
        if spread is not None:
            facts = facts.union(_as_activity(spread).select(*facts.columns))
        grouped = facts.group_by(*KEYS, "activity", "channel", "kind", "basis").aggregate(
            units=_.units.sum().cast("int64"),
            minutes=_.minutes.sum().cast("float64"),
            cost=_.cost.sum().cast("float64"),
        )
        return grouped.select(*KEYS, "activity", "channel", "kind", "units", "minutes", "cost", "basis")

    def margin_by(self, dimension: str) -> Any:
        """Margin of each customer's lines by product, category or sales channel.

        What serving a customer costs belongs to no single product, so that margin is all that can be split so.

        Returns
        -------
        ibis.Table
            customer_id, period, the dimension (missing where not told), net_revenue, cost_of_goods, gross_margin
            (decimal, money), assumed_lines.

        Raises
        ------
        ConfigError
            If the transactions do not tell the dimension.
        """
        if dimension not in LINE_DIMENSIONS or dimension not in self.tables.transactions.columns:
            known = [name for name in LINE_DIMENSIONS if name in self.tables.transactions.columns]
            message = (
                f"Margins cannot be split by {dimension!r}: the transactions tell {', '.join(known) or 'nothing'}."
            )
            raise ConfigError(message)
        rows = self.lines.mutate(period=period_of(self.lines.day, self.periods))
        summed = (
            rows.filter(rows.period.notnull())
            .group_by(*KEYS, dimension)
            .aggregate(
                net_revenue=_.amount.sum(), cost_of_goods=_.cost.sum(), assumed_lines=_.assumed.sum().cast("int64")
            )
        )
        return summed.mutate(gross_margin=_.net_revenue - _.cost_of_goods)

    def _parts(self) -> Iterable[Any]:
        """Every kind of fact, summed by customer and period, with 0 for what it does not tell."""
        rates = self.costs.orders
        yield self._summed(
            self.lines,
            gross_revenue=_.amount.sum(where=_.amount >= 0),
            refunds=(-_.amount).sum(where=_.amount < 0),
            discounts=_.discount.sum(where=_.amount >= 0),
            cost_of_goods=_.cost.sum(),
            assumed_lines=_.assumed.sum(),
            order_lines=_.count(where=_.amount >= 0),
            returned_lines=_.count(where=_.amount < 0),
            order_cost=done.at_rate(_.count(where=_.amount >= 0), rates.order_line),
            return_cost=done.at_rate(_.count(where=_.amount < 0), rates.returned_line),
        )
        delivery = 0.0 if rates.delivery is None else rates.delivery.cost
        yield self._summed(
            done.order_facts(self.tables.transactions, self.costs),
            orders=_.count(),
            order_cost=done.at_rate(_.count(), rates.order) + done.at_rate(_.count(where=_.is_delivered), delivery),
        )
        if self.tables.contacts is not None:
            yield self._summed(
                done.contact_activities(self.tables.contacts, self.costs),
                contacts=_.count(),
                contact_cost=_.cost.sum(where=_.activity == done.CONTACT),
                retention_contact_cost=_.cost.sum(where=_.activity == done.RETENTION),
                facts_without_cost=_.count(where=_.basis == done.NO_COST),
            )
        spread = done.spread(self.costs.pools, self.activities, self.periods)
        if spread is not None:
            rows = spread.filter(spread.period.notnull()).group_by(*KEYS).aggregate(spread_cost=_.cost.sum())
            yield _all_columns(rows, ("spread_cost",))
        campaigns, won = campaign_costs(self.tables, self.costs), acquisition_costs(self.tables)
        if campaigns is not None:
            without = _.count(where=_.basis == done.NO_COST)
            yield self._summed(campaigns, campaign_cost=_.cost.sum(), facts_without_cost=without)
        if won is not None:
            yield self._summed(won, acquisition_cost=_.cost.sum())

    def _summed(self, facts: Any, **sums: Any) -> Any:
        rows = facts.mutate(period=period_of(facts.day, self.periods))
        summed = rows.filter(rows.period.notnull()).group_by(*KEYS).aggregate(**sums)
        return _all_columns(summed, tuple(sums))


def customer_profit(tables: LedgerTables, costs: ActivityCosts, periods: Sequence[Period]) -> CustomerProfit:
    """What every customer brought and cost in each period.

    Parameters
    ----------
    tables : LedgerTables
        Only transactions have to be there. A customer that appears in any of the tables counts, known to the others
        or not.
    costs : ActivityCosts
    periods : sequence of Period
        They share no day; facts outside all of them do not count.

    Returns
    -------
    CustomerProfit
        Expressions; nothing is computed yet.

    Raises
    ------
    ConfigError
        If the periods overlap.
    """
    return CustomerProfit(tables, costs, checked_periods(periods))


def percent(share: float) -> str:
    """A share in percent, without needless digits.

    Examples
    --------
    >>> percent(0.3), percent(0.125)
    ('30 %', '12.5 %')
    """
    return f"{round(100 * share, 6):g} %"


def _all_columns(summed: Any, told: tuple[str, ...]) -> Any:
    """The sums, and 0 for all other counts and money."""
    counts = {name: summed[name] if name in told else ibis.literal(0) for name in COUNTS}
    money = {name: summed[name] if name in told else ibis.literal(0) for name in MONEYS}
    return summed.select(
        *KEYS,
        **{name: ibis.coalesce(value, 0).cast("int64") for name, value in counts.items()},
        **{name: ibis.coalesce(value, ibis.literal(0)).cast(SUMMED) for name, value in money.items()},
    )


def _finished(parts: Any, costs: ActivityCosts) -> Any:
    """One row a customer and period, with all that follows from the sums."""
    summed = parts.group_by(*KEYS).aggregate(
        **{name: parts[name].sum().cast("int64") for name in COUNTS},
        **{name: parts[name].sum().cast(SUMMED) for name in MONEYS},
    )
    margin = None if costs.margin_rate is None else f"assumed margin {percent(costs.margin_rate)}"
    finished = summed.mutate(
        net_revenue=_.gross_revenue - _.refunds,
        cost_to_serve=_.contact_cost + _.order_cost + _.return_cost + _.spread_cost,
        retention_cost=_.campaign_cost + _.retention_contact_cost,
    )
    finished = finished.mutate(gross_margin=_.net_revenue - _.cost_of_goods)
    finished = finished.mutate(contribution=_.gross_margin - _.cost_to_serve - _.retention_cost - _.acquisition_cost)
    deducted = finished.cost_to_serve + finished.retention_cost + finished.acquisition_cost
    goods = ibis.cases(
        (finished.assumed_lines == 0, "costs known"),
        (ibis.literal(margin is not None), margin or ""),
        (deducted == 0, "revenue"),
        else_="revenue less costs",
    )
    lacking = ibis.ifelse(finished.facts_without_cost > 0, ", some contacts or campaigns without", "")
    return finished.mutate(basis=goods + lacking).select(*CUSTOMER_PROFIT.names)


def _as_activity(spread: Any) -> Any:
    spread = spread.filter(spread.period.notnull())
    return spread.select(
        *KEYS,
        activity=ibis.literal(done.SPREAD),
        channel=spread.pool,
        kind=ibis.null("string"),
        rate=ibis.null("string"),
        units=ibis.literal(0, "int64"),
        minutes=ibis.literal(0).cast(MONEY),
        cost=spread.cost,
        basis=ibis.literal(done.SPREAD),
    )


def _tells_kinds(contacts: Any | None, costs: ActivityCosts) -> bool:
    """Whether any contact is of a kind that counts as retention cost."""
    if contacts is None or not costs.retention_kinds or "kind" not in contacts.columns:
        return False
    return bool(contacts.filter(contacts.kind.isin(list(costs.retention_kinds))).count().to_pyarrow().as_py())


def _basis(tables: LedgerTables, costs: ActivityCosts) -> Iterable[str]:
    lines, contacts = tables.transactions, tables.contacts
    goods = {"cost_of_goods", "margin"} & set(lines.columns)
    if costs.margin_rate is None:
        rest = "Lines without cost of goods are charged none" if goods else "No cost of goods is known"
        yield f"{rest}: what is called margin there is revenue."
    else:
        rest = "Lines without cost of goods have" if goods else "No cost of goods is known: all lines have"
        yield f"{rest} an assumed margin of {percent(costs.margin_rate)} of their amount."
    if "discount" not in lines.columns:
        yield "Discounts are not known; amounts are what was paid."
    if "order_id" not in lines.columns:
        yield "Orders are not told apart: all that a customer buys on a day is one order."
    if contacts is None:
        yield "There is no table of contacts: cost to serve is that of orders and of pools spread by orders."
    elif not costs.contacts and ("cost" not in contacts.columns or not costs.observed):
        yield "Contacts have neither a cost of their own nor rates: they cost nothing here."
    if tables.campaigns is None:
        yield "There is no table of campaigns: retention cost is that of contacts to keep customers alone."
    elif _tells_kinds(contacts, costs):
        yield (
            f"Contacts of kind {', '.join(costs.retention_kinds)} and campaigns both count as retention cost: "
            "where both tell of the same action, set retention_kinds or the costs so that one of them costs nothing."
        )
    if tables.customers is None or "acquisition_cost" not in tables.customers.columns:
        yield "Acquisition cost is not known and left out."
