"""Channels: what serving customers by each costs, what selling by each earns, and what moving contacts would save."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _

from patronage.errors import ConfigError
from patronage.ledger.purchases import SUMMED
from patronage.schema import CAPACITY_USE, CONTACT_CHANNELS, SALES_CHANNELS
from patronage.value import activities as done
from patronage.value.periods import period_of
from patronage.value.profit import CustomerProfit, percent


def contact_channels(profit: CustomerProfit, segments: Any | None = None) -> pd.DataFrame:
    """Cost to serve by channel of contact, period and segment.

    Parameters
    ----------
    profit : CustomerProfit
    segments : ibis.Table or DataFrame, optional
        customer_id and segment, one row a customer. Customers without a row have no segment.

    Returns
    -------
    DataFrame
        As described in `schema.CONTACT_CHANNELS`, by period, segment and falling cost; empty without contacts.
    """
    if profit.tables.contacts is None:
        return pd.DataFrame(columns=list(CONTACT_CHANNELS.names))
    facts = done.contact_activities(profit.tables.contacts, profit.costs)
    rows = _in_segments(_in_periods(facts, profit), segments)
    keys = ["period", "segment", "channel"]
    found: pd.DataFrame = (
        rows.group_by(keys)
        .aggregate(
            customers=_.customer_id.nunique(),
            contacts=_.count(),
            minutes=_.minutes.sum().cast("float64"),
            cost=_.cost.sum().cast("float64"),
            assumed_contacts=_.count(where=_.basis != done.FROM_LEDGER),
        )
        .execute()
    )
    found = found.sort_values(["period", "segment", "cost", "channel"], ascending=[True, True, False, True])
    found["cost_per_contact"] = found["cost"] / found["contacts"]
    whole = found.groupby(["period", "segment"], dropna=False)[["contacts", "cost"]].transform("sum")
    found["contact_share"] = found["contacts"] / whole["contacts"]
    found["cost_share"] = found["cost"] / whole["cost"].where(whole["cost"] > 0)
    return found[list(CONTACT_CHANNELS.names)].reset_index(drop=True)


def sales_channels(profit: CustomerProfit, segments: Any | None = None) -> pd.DataFrame:
    """Margin by sales channel, period and segment, before and after what orders cost.

    Parameters
    ----------
    profit, segments
        As in `contact_channels`.

    Returns
    -------
    DataFrame
        As described in `schema.SALES_CHANNELS`, by period, segment and falling margin. The cost of an order counts
        with the channel of the order, that of a returned line with its own.
    """
    zero = ibis.literal(0).cast(SUMMED)
    lines = profit.lines
    channel = lines.sales_channel.lower() if "sales_channel" in lines.columns else ibis.null("string")
    sold = lines.select(
        "customer_id",
        "day",
        channel=channel,
        amount=_.amount.cast(SUMMED),
        goods=_.cost,
        order_cost=zero,
        assumed=_.assumed,
        is_line=ibis.literal(True),
    )
    orders = profit.activities.filter(~_.activity.isin(done.DRIVERS["contacts"]))
    served = orders.select(
        "customer_id",
        "day",
        "channel",
        amount=zero,
        goods=zero,
        order_cost=_.cost,
        assumed=ibis.literal(0, "int64"),
        is_line=ibis.literal(False),
    )
    rows = _in_segments(_in_periods(sold.union(served), profit), segments)
    found: pd.DataFrame = (
        rows.group_by("period", "segment", "channel")
        .aggregate(
            customers=_.customer_id.nunique(where=_.is_line),
            net_revenue=_.amount.sum().cast("float64"),
            cost_of_goods=_.goods.sum().cast("float64"),
            gross_margin=(_.amount.sum() - _.goods.sum()).cast("float64"),
            order_cost=_.order_cost.sum().cast("float64"),
            margin_after_orders=(_.amount.sum() - _.goods.sum() - _.order_cost.sum()).cast("float64"),
            assumed_lines=_.assumed.sum(),
        )
        .execute()
    )
    found["margin_rate"] = found["gross_margin"] / found["net_revenue"].where(found["net_revenue"] != 0)
    order = ["period", "segment", "margin_after_orders", "channel"]
    found = found.sort_values(order, ascending=[True, True, False, True], ignore_index=True)
    return found[list(SALES_CHANNELS.names)]


def saving_of_shift(
    channels: pd.DataFrame,
    dear: str,
    cheap: str,
    share: float,
    repeat_share: float = 0.0,
    saved_share: float = 1.0,
) -> pd.DataFrame:
    """What it would save to have a share of the contacts by a cheaper channel.

    Parameters
    ----------
    channels : DataFrame
        As `contact_channels` gives it.
    dear, cheap : str
        Channels, in lower case, that contacts move from and to.
    share : float
        Of the contacts of the dear channel that move, 0 to 1.
    repeat_share : float
        Of those that move, who come back to the dear channel with the same matter, 0 to 1.
    saved_share : float
        Of the cost of a contact of the dear channel that falls away without it, 0 to 1: fixed costs stay.

    Returns
    -------
    DataFrame
        period, segment, contacts_moved, cost_dear, cost_cheap (money a contact), saving (money; below 0 where moving
        costs), with ``attrs["assumptions"]``, in sentences.

    Raises
    ------
    ConfigError
        If a share does not lie between 0 and 1, or there is no contact by one of the channels.
    """
    shares = {"share": share, "repeat_share": repeat_share, "saved_share": saved_share}
    problems = [
        f"{name} must lie between 0 and 1, got {value}" for name, value in shares.items() if not 0 <= value <= 1
    ]
    there = set(channels["channel"].dropna())
    problems += [f"there is no contact by {name!r}" for name in (dear, cheap) if name not in there]
    if problems:
        message = f"{'; '.join(problems)}. There are contacts by {', '.join(sorted(there))}."
        raise ConfigError(message)
    from_here = channels[channels["channel"] == dear]
    other = channels[channels["channel"] == cheap].groupby("period")[["cost", "contacts"]].sum()
    cost_cheap = from_here["period"].map(other["cost"] / other["contacts"])
    moved = share * from_here["contacts"]
    kept = saved_share * (1 - repeat_share) * from_here["cost_per_contact"]
    found = pd.DataFrame(
        {
            "period": from_here["period"],
            "segment": from_here["segment"],
            "contacts_moved": moved,
            "cost_dear": from_here["cost_per_contact"],
            "cost_cheap": cost_cheap,
            "saving": moved * (kept - cost_cheap),
        }
    ).reset_index(drop=True)
    found.attrs["assumptions"] = [
        f"{percent(share)} of the contacts by {dear} move to {cheap}, chosen without regard to what they are about.",
        f"A moved contact costs what one by {cheap} costs on average of all customers of the period; if contacts that "
        "move are harder than those that are there, it costs more.",
        f"{percent(repeat_share)} of those that move come back to {dear} with the same matter.",
        f"{percent(saved_share)} of the cost of a contact by {dear} falls away without it: capacity saves money only "
        "when it is given up or used for something else.",
        "Customers stay and buy as before: what moving does to satisfaction and churn is not in it.",
    ]
    return found


def capacity_use(profit: CustomerProfit) -> pd.DataFrame:
    """How much of what channels can supply was used, where their capacity is known.

    Parameters
    ----------
    profit : CustomerProfit

    Returns
    -------
    DataFrame
        As described in `schema.CAPACITY_USE`, one row a period and rate with a capacity. Minutes of contacts whose
        cost the ledger tells are used as well.
    """
    rates = {name: rate for name, rate in profit.costs.contacts.items() if rate.capacity is not None}
    used = pd.Series(dtype=np.float64)
    if rates and profit.tables.contacts is not None:
        facts = _in_periods(done.contact_activities(profit.tables.contacts, profit.costs), profit)
        sums = facts.group_by("period", "rate").aggregate(minutes=_.minutes.sum().cast("float64")).execute()
        used = sums.set_index(["period", "rate"])["minutes"]
    rows = []
    for period in profit.periods:
        for name, rate in rates.items():
            assert rate.capacity is not None
            part, minutes = period.days / rate.capacity.days, float(used.get((period.name, name), 0.0))
            supplied, cost = part * rate.capacity.minutes, part * rate.capacity.cost
            values = (period.name, name, supplied, minutes, cost, minutes * rate.minute, cost - minutes * rate.minute)
            rows.append(dict(zip(CAPACITY_USE.names, values, strict=True)))
    return pd.DataFrame(rows, columns=list(CAPACITY_USE.names))


def _in_periods(facts: Any, profit: CustomerProfit) -> Any:
    rows = facts.mutate(period=period_of(facts.day, profit.periods))
    return rows.filter(rows.period.notnull())


def _in_segments(rows: Any, segments: Any | None) -> Any:
    if segments is None:
        return rows.mutate(segment=ibis.null("string"))
    if isinstance(segments, pd.DataFrame):
        segments = ibis.memtable(segments[["customer_id", "segment"]])
    return rows.left_join(segments.select("customer_id", "segment"), "customer_id").drop("customer_id_right")
