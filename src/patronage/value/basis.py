"""What money rests on, said with every figure: known costs, an assumed margin, or revenue in the place of profit."""

from dataclasses import dataclass
from typing import Any

from ibis import _

from patronage.ledger.tables import LedgerTables
from patronage.value.activities import BY_RATE, NO_COST, contact_activities
from patronage.value.priced_facts import campaign_costs
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
    gaps = cost_gaps(profit)
    if assumed == 0:
        # The first sentence is of lines without a cost, of which there is none.
        named = [f"none of {gap.missing / gap.facts:.1%} of {gap.name}" for gap in gaps if gap.missing]
        named += [f"{gap.name} by rates" for gap in gaps if gap.rated]
        short = ", ".join(["costs known", *named])
        return Basis(short, "profit", (*profit.basis[1:], *(gap.sentence for gap in gaps)))
    if assumed < number:
        share = f"{assumed / number:.1%} of lines"
        return Basis(f"costs known, {otherwise} of {share}", f"profit ({otherwise} of {share})", profit.basis)
    if costs.margin_rate is not None:
        return Basis(otherwise, f"profit ({otherwise})", profit.basis)
    known = costs_known(tables)
    short = f"revenue less {known}" if known else "revenue"
    return Basis(short, short, profit.basis)


@dataclass(frozen=True)
class CostGap:
    """Facts of a table whose cost the ledger does not tell.

    Attributes
    ----------
    name : str
        What they are.
    facts, rated, missing : int
        All of them, those that cost what a rate says, and those that cost nothing here because no rate fits.
    """

    name: str
    facts: int
    rated: int
    missing: int

    @property
    def sentence(self) -> str:
        """The same in words."""
        parts = [f"{self.rated:,} cost what the rates say"] * bool(self.rated)
        parts += [f"{self.missing:,} have no cost, no rate fits them, and they cost nothing here"] * bool(self.missing)
        return f"Of {self.facts:,} {self.name} {'; '.join(parts)}."


def cost_gaps(profit: CustomerProfit) -> list[CostGap]:
    """What is not the ledger's own cost, of contacts, campaigns and orders; only what has such facts."""
    tables, costs, rates = profit.tables, profit.costs, profit.costs.orders
    priced = {
        "contacts": None if tables.contacts is None else contact_activities(tables.contacts, costs),
        "campaign contacts": campaign_costs(tables, costs),
    }
    gaps = []
    for name, facts in priced.items():
        if facts is None:
            continue
        found = facts.group_by("basis").aggregate(n=_.count()).to_pyarrow().to_pylist()
        number = {row["basis"]: int(row["n"]) for row in found}
        gaps.append(CostGap(name, sum(number.values()), number.get(BY_RATE, 0), number.get(NO_COST, 0)))
    if rates.order or rates.order_line or rates.returned_line or rates.delivery is not None:
        lines = int(profit.lines.count().to_pyarrow().as_py())
        gaps.append(CostGap("order lines", lines, lines, 0))
    return [gap for gap in gaps if gap.rated or gap.missing]


def costs_known(tables: LedgerTables) -> str:
    """Which costs other than goods a ledger knows, in words; empty if none."""
    known: dict[str, Any] = {
        "contacts": tables.contacts, "campaigns": tables.campaigns, "acquisition": tables.customers,
    }  # fmt: skip
    column = {"contacts": "cost", "campaigns": "cost", "acquisition": "acquisition_cost"}
    named = [name for name, table in known.items() if table is not None and column[name] in table.columns]
    return f"the cost of {', '.join(named)}" if named else ""
