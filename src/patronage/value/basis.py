"""What money rests on, said with every figure: known costs, an assumed margin, or revenue in the place of profit."""

from dataclasses import dataclass
from typing import Any

from ibis import _

from patronage.ledger.tables import LedgerTables
from patronage.value.profit import CustomerProfit, percent


@dataclass(frozen=True)
class Basis:
    """On what all money of a statement rests.

    Attributes
    ----------
    short : str
        For a column: "costs known", "assumed margin 30 %", "revenue", or shares of lines of both kinds.
    noun : str
        What to call the money in titles and sentences: "profit", "profit (assumed margin 30 %)" or "revenue".
    sentences : tuple of str
        What the ledger lacks and what stands in its place.
    """

    short: str
    noun: str
    sentences: tuple[str, ...] = ()


def money_basis(profit: CustomerProfit) -> Basis:
    """Say what the money of a profit, and of all that is estimated from the same facts, rests on."""
    tables, costs = profit.tables, profit.costs
    lines = profit.lines
    counted = lines.aggregate(lines=_.count(), assumed=_.assumed.sum()).to_pyarrow().to_pylist()[0]
    number, assumed = int(counted["lines"] or 0), int(counted["assumed"] or 0)
    otherwise = "revenue" if costs.margin_rate is None else f"assumed margin {percent(costs.margin_rate)}"
    if assumed == 0:
        # The first sentence is of lines without a cost, of which there is none.
        return Basis("costs known", "profit", profit.basis[1:])
    if assumed < number:
        share = f"{assumed / number:.1%} of lines"
        return Basis(f"costs known, {otherwise} of {share}", f"profit ({otherwise} of {share})", profit.basis)
    if costs.margin_rate is not None:
        return Basis(otherwise, f"profit ({otherwise})", profit.basis)
    known = costs_known(tables)
    short = f"revenue less {known}" if known else "revenue"
    return Basis(short, short, profit.basis)


def costs_known(tables: LedgerTables) -> str:
    """Which costs other than goods a ledger knows, in words; empty if none."""
    known: dict[str, Any] = {
        "contacts": tables.contacts, "campaigns": tables.campaigns, "acquisition": tables.customers,
    }  # fmt: skip
    column = {"contacts": "cost", "campaigns": "cost", "acquisition": "acquisition_cost"}
    named = [name for name, table in known.items() if table is not None and column[name] in table.columns]
    return f"the cost of {', '.join(named)}" if named else ""
