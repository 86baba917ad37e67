"""Campaigns of the past in a future: what they cost, and the purchases that they caused, as far as they go on."""

from dataclasses import dataclass
from datetime import timedelta

from patronage.ledger.tables import LedgerTables
from patronage.value.activity_costs import ActivityCosts
from patronage.value.campaign_uplift import CampaignUplift, campaign_uplift, without_campaigns
from patronage.value.priced_facts import campaign_costs
from patronage.value.profit_terms import ProfitTerms
from patronage.value.statement.knowledge import Knowledge
from patronage.value.statement.terms import StatementTerms

YEAR_DAYS = 365
"""Days of the past that retention cost is taken from."""


@dataclass(frozen=True)
class Campaigning:
    """Campaigns in the future, beside those of the past.

    Attributes
    ----------
    last_cost : float
        What campaigns cost in the last year, for each customer who was there at the end of it.
    planned_cost : float
        What is spent in a year of the future.
    stated : bool
        Whether the latter is stated, and not taken from the past.
    uplift : CampaignUplift or None
        What campaigns caused of purchases; None where the ledger has no campaigns.
    """

    last_cost: float
    planned_cost: float
    stated: bool
    uplift: CampaignUplift | None

    @classmethod
    def of(cls, tables: LedgerTables, costs: ActivityCosts, known: Knowledge, terms: StatementTerms) -> "Campaigning":
        """Read the past, and what is stated of the future."""
        last = last_retention_cost(tables, costs, known)
        uplift = None if tables.campaigns is None else campaign_uplift(tables, known.facts.as_of)
        planned = terms.retention_cost_yearly
        return cls(last, last if planned is None else planned, planned is not None, uplift)

    @property
    def ending(self) -> float:
        """Share of the campaigns of the past that the future has not, by what they cost, 0 to 1."""
        if not self.stated:
            return 0.0
        if self.last_cost > 0:
            return max(1 - self.planned_cost / self.last_cost, 0.0)
        return float(self.planned_cost == 0)

    def told(self, terms: ProfitTerms) -> ProfitTerms:
        """Terms of future profit with the cost of campaigns, less the purchases of those that end."""
        if self.uplift is None or not self.uplift.waves:
            return terms
        return without_campaigns(terms, self.uplift, self.ending)

    @property
    def sentences(self) -> list[str]:
        """What is assumed of campaigns to come, in words."""
        said = []
        if self.planned_cost and not self.stated:
            said.append(
                f"Retention cost of the future is that of the last year, {self.planned_cost:,.2f} for each customer "
                "who is there; set retention_cost_yearly to plan another, 0 for none."
            )
        if self.uplift is None:
            return said
        if not self.uplift.waves:
            return [
                *said,
                "No wave of campaigns has both treated customers and a control, so what campaigns add to purchases "
                "cannot be told; the future has it as the past had.",
            ]
        share, error = (100 * one for one in (self.uplift.share, self.uplift.standard_error))
        caused = (
            f"Campaigns caused {share:.1f} % of purchases after the first (standard error {error:.1f}), by treated "
            f"against control of {self.uplift.waves} waves"
        )
        if not self.ending:
            return [*said, f"{caused}; as they go on, the future has it as the past had."]
        return [
            *said,
            f"{caused}; as {100 * self.ending:.0f} % of them end, {self.ending * share:.1f} % of purchases are taken "
            "off the future.",
        ]


def last_retention_cost(tables: LedgerTables, costs: ActivityCosts, known: Knowledge) -> float:
    """What campaigns cost in the last year, for each customer who is expected to be there at the end of it."""
    facts = campaign_costs(tables, costs)
    if facts is None:
        return 0.0
    last = known.facts.as_of
    rows = facts.filter(facts.day <= last, facts.day > last - timedelta(days=YEAR_DAYS))
    spent = rows.aggregate(cost=rows.cost.sum().cast("float64")).to_pyarrow().to_pylist()[0]["cost"] or 0.0
    there = float(known.scores["probability_alive"].sum())
    return float(spent) / there if there > 0 else 0.0
