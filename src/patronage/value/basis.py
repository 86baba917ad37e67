"""What money rests on, said with every figure: known costs, an assumed margin, or revenue in the place of profit."""

from dataclasses import dataclass, replace
from typing import Any

from ibis import _

from patronage.value.activities import BY_RATE, FROM_LEDGER, NO_COST, contact_activities
from patronage.value.priced_facts import campaign_costs
from patronage.value.profit import CustomerProfit, percent


@dataclass(frozen=True)
class Basis:
    """On what all money of a statement rests.

    Attributes
    ----------
    short : str
        For a column: "costs known", "assumed margin 30 %", "revenue" or "revenue less ...", or shares of lines of both
        kinds; then what of other costs nobody knows or rates tell: ", none of 66.7% of contacts, order lines by rates".
    noun : str
        What to call the money in titles and sentences: "profit", "profit (assumed margin 30 %)", "revenue", or
        "revenue less the cost of contacts and costs at the rates stated".
    sentences : tuple of str
        What the ledger lacks and what stands in its place.
    """

    short: str
    noun: str
    sentences: tuple[str, ...] = ()


def money_basis(profit: CustomerProfit, stated: bool = False) -> Basis:
    """Say what the money of a profit, and of all that is estimated from the same facts, rests on.

    Parameters
    ----------
    profit : CustomerProfit
    stated : bool
        Whether a cost beside those of the profit's own rates is deducted: of a purchase, or of keeping a customer.
    """
    costs, lines = profit.costs, profit.lines
    counted = lines.aggregate(lines=_.count(), assumed=_.assumed.sum()).to_pyarrow().to_pylist()[0]
    number, assumed = int(counted["lines"] or 0), int(counted["assumed"] or 0)
    sources = cost_sources(profit)
    gaps = [source for source in sources if source.rated or source.missing]
    # The first sentence is of lines without a cost: not where there is none.
    sentences = (*profit.basis[1 if assumed == 0 else 0 :], *(gap.sentence for gap in gaps))
    otherwise = "revenue" if costs.margin_rate is None else f"assumed margin {percent(costs.margin_rate)}"
    if assumed == 0:
        short, noun = "costs known", "profit"
    elif assumed < number:
        share = f"{assumed / number:.1%} of lines"
        short, noun = f"costs known, {otherwise} of {share}", f"profit ({otherwise} of {share})"
    elif costs.margin_rate is not None:
        short, noun = otherwise, f"profit ({otherwise})"
    else:
        short = noun = _revenue(sources, bool(costs.pools) or stated)
    named = [f"none of {gap.missing / gap.facts:.1%} of {gap.name}" for gap in gaps if gap.missing]
    named += [f"{gap.name} by rates" for gap in gaps if gap.rated]
    return Basis(", ".join([short, *named]), noun, sentences)


@dataclass(frozen=True)
class CostSource:
    """Where the cost of the facts of a table comes from.

    Attributes
    ----------
    name : str
        What the facts are.
    facts, rated, missing : int
        All of them, those that cost what a rate says, and those that cost nothing here because no rate fits. What the
        others cost the ledger tells.
    """

    name: str
    facts: int
    rated: int
    missing: int

    @property
    def told(self) -> int:
        """Facts whose cost the ledger tells."""
        return self.facts - self.rated - self.missing

    @property
    def sentence(self) -> str:
        """What the ledger does not tell, in words."""
        parts = [f"{self.rated:,} cost what the rates say"] * bool(self.rated)
        parts += [f"{self.missing:,} have no cost, no rate fits them, and they cost nothing here"] * bool(self.missing)
        return f"Of {self.facts:,} {self.name} {'; '.join(parts)}."


def cost_sources(profit: CustomerProfit) -> list[CostSource]:
    """Where costs other than goods come from: of contacts, campaigns, orders and acquisition; only what has facts."""
    tables, costs, rates = profit.tables, profit.costs, profit.costs.orders
    sources = []
    if tables.contacts is not None:
        sources.append(_source("contacts", contact_activities(tables.contacts, costs)))
    if tables.campaigns is not None:
        # Who was held back costs nothing, whatever is known.
        treated = replace(tables, campaigns=tables.campaigns.filter(tables.campaigns.treated == 1))
        sources.append(_source("campaign contacts", campaign_costs(treated, costs)))
    if rates.order or rates.order_line or rates.returned_line or rates.delivery is not None:
        lines = int(profit.lines.count().to_pyarrow().as_py())
        sources.append(CostSource("order lines", lines, lines, 0))
    if tables.customers is not None and "acquisition_cost" in tables.customers.columns:
        known = tables.customers.acquisition_cost.notnull()
        sources.append(_source("acquisitions", known.ifelse(FROM_LEDGER, NO_COST).name("basis").as_table()))
    return [source for source in sources if source.facts]


def _source(name: str, facts: Any) -> CostSource:
    found = facts.group_by("basis").aggregate(n=_.count()).to_pyarrow().to_pylist()
    number = {row["basis"]: int(row["n"]) for row in found}
    return CostSource(name, sum(number.values()), number.get(BY_RATE, 0), number.get(NO_COST, 0))


def _revenue(sources: list[CostSource], stated: bool) -> str:
    """Revenue less what is deducted of it: costs that the ledger tells, of which share of the facts, and rates."""
    words = {"campaign contacts": "campaigns", "acquisitions": "acquisition"}
    named = [
        f"{1 - source.missing / source.facts:.1%} of {source.name}"
        if source.missing
        else words.get(source.name, source.name)
        for source in sources
        if source.told
    ]
    parts = [f"the cost of {', '.join(named)}"] * bool(named)
    parts += ["costs at the rates stated"] * (stated or any(source.rated for source in sources))
    return f"revenue less {' and '.join(parts)}" if parts else "revenue"
