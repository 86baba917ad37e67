"""Which campaign won a customer: what the ledger says, or the last one that reached them before they first bought."""

import ibis
import numpy as np
import pandas as pd
from ibis import _
from numpy.typing import NDArray

from patronage.ledger.tables import LedgerTables, business_day

COLUMN = "acquisition_campaign"
"""Attribute of customers that names the campaign, where the source knows it."""

WINDOW_DAYS = 90
"""Days before the first purchase, that day up to the purchase included, in which a campaign may have won someone."""

NO_CAMPAIGN = "none"
"""Name of the group of customers whom no campaign reached in that time."""


def winning_campaign(tables: LedgerTables, first_day: pd.Series, time_zone: str = "UTC") -> pd.Series | None:
    """The campaign that won each customer.

    Parameters
    ----------
    tables : LedgerTables
        With customers who have the attribute `acquisition_campaign`; without it, with campaigns that reached people
        before they bought.
    first_day : Series
        Day of the first purchase, by customer_id.
    time_zone : str
        Of the ledger: purchases that are all at midnight there, or in UTC, have no time of day.

    Returns
    -------
    Series of str, or None
        By customer_id: the attribute ("unknown" where it is missing), or the action of the last campaign within
        `WINDOW_DAYS` before the first purchase by which the customer was treated ("none" without one). Of campaigns of
        the same day those after the purchase do not count, unless purchases have no time of day. Nothing tells which of
        campaigns of the same moment came last: the last by alphabet stands for them, so that results repeat. None where
        the ledger tells neither: to be reached last is no proof of having been won by it, but it is what is known.
    """
    if tables.customers is not None and COLUMN in tables.customers.columns:
        told = tables.customers.select("customer_id", COLUMN).execute().set_index("customer_id")[COLUMN]
        named = told.reindex(first_day.index).astype("object")
        return named.where(named.notna(), "unknown").astype("str") if named.notna().any() else None
    if tables.campaigns is None:
        return None
    days = pd.DataFrame({"of_customer": first_day.index.astype(str), "first_day": pd.to_datetime(first_day.to_numpy())})
    reached = tables.campaigns.filter(tables.campaigns.treated == 1)
    reached = reached.select("customer_id", "action", reached_on=business_day(reached), reached_at=reached.timestamp)
    first = ibis.memtable(days).mutate(first_day=_.first_day.cast("date"))
    before = reached.inner_join(first, reached.customer_id == first.of_customer)
    before = before.filter(
        before.reached_on <= before.first_day,
        before.reached_on > (before.first_day - ibis.interval(days=WINDOW_DAYS)).cast("date"),
    )
    rows: pd.DataFrame = before.select("customer_id", "action", "reached_at", "first_day", "reached_on").execute()
    rows = rows[_had_not_bought(tables, rows, time_zone)]
    if rows.empty:
        return None
    last = rows.sort_values(["customer_id", "reached_at", "action"]).groupby("customer_id")["action"].last()
    named = last.reindex(first_day.index).astype("object")
    return named.where(named.notna(), NO_CAMPAIGN).astype("str")


def _had_not_bought(tables: LedgerTables, rows: pd.DataFrame, time_zone: str) -> NDArray[np.bool_]:
    """Whether each campaign came before the purchase, if it is of the same day and purchases have a time of day."""
    same_day = pd.to_datetime(rows["reached_on"]) == pd.to_datetime(rows["first_day"])
    bought = tables.transactions.filter(tables.transactions.amount >= 0)
    earliest = bought.group_by("customer_id").aggregate(first_at=bought.timestamp.min()).execute()
    first_at = pd.to_datetime(earliest.set_index("customer_id")["first_at"])
    if _at_midnight(first_at, time_zone) or _at_midnight(first_at, "UTC"):
        return np.ones(len(rows), dtype=bool)
    at = first_at.reindex(rows["customer_id"]).to_numpy()
    later: NDArray[np.bool_] = pd.to_datetime(rows["reached_at"]).to_numpy() > at
    return ~(same_day.to_numpy(dtype=bool) & later)


def _at_midnight(moments: pd.Series, time_zone: str) -> bool:
    """Whether all moments, in UTC, begin a day of the time zone, which summer time may move by an hour."""
    local = moments.dt.tz_localize("UTC").dt.tz_convert(time_zone)
    # Where clocks change at midnight, a day begins at one.
    begins = (
        local.dt.tz_localize(None).dt.normalize().dt.tz_localize(time_zone, ambiguous=True, nonexistent="shift_forward")
    )
    return bool((local == begins).all())
