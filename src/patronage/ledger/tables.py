"""The tables of a ledger that fit the contract, side by side: what summary, features and value are computed from."""

from dataclasses import dataclass
from typing import Any

import ibis

from patronage.schema import BUSINESS_DAYS, LEDGER_TABLES


@dataclass(frozen=True)
class LedgerTables:
    """Facts about customers, all behind one engine.

    Attributes
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    customers, contacts, campaigns : ibis.Table or None
        As described in `schema.CUSTOMERS`, `schema.CONTACTS` and `schema.CAMPAIGNS`; None where the business has none.
        Of the optional columns each table has those that its source knows.
    """

    transactions: Any
    customers: Any | None = None
    contacts: Any | None = None
    campaigns: Any | None = None

    @property
    def present(self) -> dict[str, Any]:
        """The tables that are there, by name, in the order of `schema.LEDGER_TABLES`."""
        tables = {name: getattr(self, name) for name in LEDGER_TABLES}
        return {name: table for name, table in tables.items() if table is not None}


def business_day(facts: Any, moment: str = "timestamp") -> Any:
    """The day of every fact: its business day if the table has one, else the day of its timestamp.

    Parameters
    ----------
    facts : ibis.Table
        Of a ledger.
    moment : {"timestamp", "acquired_at", "closed_at", "responded_at"}
        Which of its moments.

    Returns
    -------
    ibis.expr.types.DateValue
        A column of `facts`.
    """
    day = BUSINESS_DAYS[moment]
    return facts[day] if day in facts.columns else facts[moment].date()


def campaign_cost(campaigns: Any) -> Any:
    """What each row of campaigns cost: a control was left alone, so that a cost on its row does not count.

    Parameters
    ----------
    campaigns : ibis.Table
        As described in `schema.CAMPAIGNS`, with a column `cost`.

    Returns
    -------
    ibis.expr.types.NumericValue
        Money; missing for a control, and where it is not known.
    """
    return ibis.ifelse(campaigns.treated == 1, campaigns.cost, None)
