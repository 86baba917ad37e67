"""The tables of a ledger that fit the contract, side by side: what summary, features and value are computed from."""

from dataclasses import dataclass
from typing import Any

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
