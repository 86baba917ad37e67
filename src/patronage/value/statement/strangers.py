"""People of a ledger who never bought: their costs are in some sums and not in others, and many hint at a wrong key."""

from datetime import date
from typing import Any

import ibis
import numpy as np
import pandas as pd
from ibis import _

from patronage.ledger.tables import LedgerTables, business_day

FEWEST_SHARED = 0.05
"""Share of the ids of a table, and of the customers, below which the two seem to name people differently."""


def strangers(tables: LedgerTables, past: pd.DataFrame, buyers: pd.Index, as_of: date) -> list[str]:
    """Say what people who never bought cost, and which tables hardly share an id with the transactions.

    Parameters
    ----------
    tables : LedgerTables
    past : DataFrame
        Indexed by customer_id: contribution of everyone in any table, in money.
    buyers : Index
        Who has bought by the as-of date.
    as_of : date

    Returns
    -------
    list of str
        Sentences; none where every id has bought and every table shares ids with the transactions.
    """
    notes = [
        note for name in ("contacts", "campaigns", "customers") if (note := _unshared(tables, name, buyers, as_of))
    ]
    contribution = past["contribution"].astype(np.float64)
    never = contribution[~past.index.isin(buyers)]
    total, outside = contribution.sum(), never.sum()
    if len(never):
        first = ", ".join(str(one) for one in never.index[:3])
        notes.append(
            f"{len(never):,} ids with a fact have no purchase by {as_of} (first: {first}); together they brought "
            f"{outside:,.2f}. That is in the past of the headline, of customer_profit and of the whale curve, "
            f"{total:,.2f}; customer_value holds those who bought, {total - outside:,.2f}."
        )
    return notes


def _unshared(tables: LedgerTables, name: str, buyers: pd.Index, as_of: date) -> str | None:
    """A warning where (nearly) no id of a table has bought."""
    table = getattr(tables, name)
    if table is None:
        return None
    ids = _ids(table, name, as_of)
    shared = int(ids.isin(buyers).sum())
    if not len(ids) or shared >= FEWEST_SHARED * min(len(ids), max(len(buyers), 1)):
        return None
    mine, theirs = ", ".join(map(str, ids[:3])), ", ".join(map(str, buyers[:3]))
    return (
        f"Only {shared:,} of {len(ids):,} ids of {name} are those of the {len(buyers):,} customers who bought: is "
        f"customer_id the same key in both? {name} has {mine}; transactions have {theirs}. As it is, what {name} say "
        "belongs to hardly any customer."
    )


def _ids(table: Any, name: str, as_of: date) -> pd.Index:
    """Ids of a table with a fact by the as-of date, ascending."""
    if name != "customers":
        table = table.filter(business_day(table) <= ibis.date(as_of.isoformat()))
    found: pd.DataFrame = table.select("customer_id").distinct().filter(_.customer_id.notnull()).execute()
    ids: pd.Index[Any] = pd.Index(sorted(found["customer_id"]), dtype="object")
    return ids
