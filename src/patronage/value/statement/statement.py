"""The statement of value of a ledger as of a date: every table that is written, and what is to be said beside them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.ledger.tables import LedgerTables
from patronage.runtime.bundle import Bundle
from patronage.schema.value_tables import VALUE_TABLES
from patronage.value.activity_costs import ActivityCosts
from patronage.value.basis import Basis, money_basis
from patronage.value.channels import capacity_use, contact_channels, sales_channels
from patronage.value.contract_profit import ContractProfitModel
from patronage.value.segments import SegmentRules
from patronage.value.statement.change import Change, change_of, equity_tables, opening_of
from patronage.value.statement.contracts import contract_future, contract_opening
from patronage.value.statement.future import Future, future_of, whale_shares_of_groups, whale_tables
from patronage.value.statement.groups import Groups, groups_of
from patronage.value.statement.keeping import at_risk, satisfaction_table
from patronage.value.statement.knowledge import Bundled, known_on
from patronage.value.statement.past import Past, past_of
from patronage.value.statement.shifting import shift_table
from patronage.value.statement.strangers import strangers
from patronage.value.statement.terms import StatementTerms
from patronage.value.statement.winning import winning_tables
from patronage.value.statement.winning_campaign import winning_campaign
from patronage.value.valuation import customer_based_valuation

Told = Callable[[str], Any]
"""What is told the name of each step; gives a context that lasts as long as the step."""


@dataclass(frozen=True)
class ValueStatement:
    """A statement of value.

    Attributes
    ----------
    tables : dict of str to DataFrame
        By name, as described in `schema.VALUE_TABLES`; those that the ledger lacks the facts for are not there.
    basis : Basis
    notes : tuple of str
        What is lacking, assumed or worth a word, in sentences.
    terms : StatementTerms
    figures : dict of str to float
        What a manager asks first, and what is tracked.
    """

    tables: dict[str, pd.DataFrame]
    basis: Basis
    notes: tuple[str, ...]
    terms: StatementTerms
    figures: dict[str, float]


def value_statement(
    tables: LedgerTables,
    costs: ActivityCosts,
    bundle: Bundle | None,
    rules: SegmentRules,
    first_day: date,
    terms: StatementTerms,
    step: Told,
    time_zone: str = "UTC",
) -> ValueStatement:
    """Make all tables of value.

    Parameters
    ----------
    tables : LedgerTables
        Only transactions have to be there; what else is not is left out, or assumed, and said.
    costs : ActivityCosts
    bundle : Bundle or None
        None for customers under contract, whose models are estimated here.
    rules : SegmentRules
    first_day : date
        Of the first transaction.
    terms : StatementTerms
    step : callable
        Given the title of each step, a context manager that lasts as long as it.
    time_zone : str
        Of the ledger, in which days are cut.

    Returns
    -------
    ValueStatement
    """
    with step(f"Sum up the past by {terms.every}"):
        past = past_of(tables, costs, first_day, terms)
        basis = money_basis(past.profit, terms.cost_per_purchase > 0 or (terms.retention_cost_yearly or 0) > 0)
        found = past.tables()
    with step("Foretell the profit of every customer"):
        bundled = None if bundle is None else Bundled.of(bundle)
        if bundled is None:
            future = contract_future(tables, costs, terms)
        else:
            known = known_on(tables, costs, terms.as_of, bundled)
            future = future_of(tables, costs, known, bundled, terms)
    with step("Tell customers apart"):
        won_by = winning_campaign(tables, future.known.frame["first_day"], time_zone)
        groups = groups_of(future, rules, terms, won_by)
        found |= groups.tables(future, terms)
        found |= whale_tables(past, future, terms.level)
        within = whale_shares_of_groups(past, future, groups.labels)
        found["whale_shares"] = pd.concat([found["whale_shares"], within], ignore_index=True)
        found |= _channels(past, groups, terms)
    with step("Hold what customers cost against what they bring"):
        found |= winning_tables(tables, costs, future, groups, terms)
        found["customer_equity"] = equity_tables(future, groups, terms, basis.short)
        found["value_at_risk"] = at_risk(future)
    change = None
    if terms.since is not None:
        with step(f"Explain the change since {terms.since}"):
            if bundled is None:
                opening = contract_opening(tables, costs, terms)
            else:
                opening = opening_of(tables, costs, bundled, terms)
            change = change_of(tables, costs, future, opening, groups, terms)
            found |= change.tables(groups)
            if (satisfied := satisfaction_table(tables, change, terms)) is not None:
                found["satisfaction_loyalty"] = satisfied
    if terms.firm is not None:
        with step("Value the firm's customers"):
            found["valuation"] = _valuation(future, terms)
    found["future_profit"] = future.expected.reset_index()
    found["customer_value"] = customer_value(past, future, groups, found["value_at_risk"], terms)
    finished = {name: _finished(name, found[name], basis) for name in VALUE_TABLES if name in found}
    unknown = strangers(tables, past.customers, future.expected.index, terms.as_of)
    further = _notes(future, change, terms, found.get("valuation"))
    notes = (*unknown, *basis.sentences, *further, *groups.notes)
    return ValueStatement(finished, basis, notes, terms, _figures(finished, past, future))


def customer_value(
    past: Past, future: Future, groups: Groups, risk: pd.DataFrame, terms: StatementTerms
) -> pd.DataFrame:
    """One row a customer: what came, what is to come, and what is at risk; see `schema.CUSTOMER_VALUE`."""
    index = future.expected.index
    low, high, loss = future.drawn.quantiles(terms.level)
    before = past.customers.reindex(index)
    ranked = risk.set_index("customer_id").reindex(index)
    table = pd.DataFrame(
        {
            "as_of": terms.as_of,
            "past_revenue": before["net_revenue"].fillna(0.0),
            "past_profit": before["contribution"].fillna(0.0),
            "last_period_profit": before["contribution_last"],
            "tier": before["tier"],
            "future_profit": future.profit,
            "future_profit_low": low,
            "future_profit_high": high,
            "loss_probability": loss,
            "total_profit": before["contribution"].fillna(0.0) + future.profit,
            "revenue_clv": future.expected["revenue_clv"],
            "probability_alive": future.expected["probability_alive"],
            "churn_probability": ranked["churn_probability"],
            "value_at_risk": ranked["value_at_risk"],
            "rank_at_risk": ranked["rank"],
            "segment": groups.schemes["rules"],
            "value_risk": groups.schemes["value and risk"],
            "behaviour": groups.schemes.get("behaviour", pd.Series(None, index=index, dtype="object")),
            "cohort": groups.labels["cohort"],
            "acquisition_channel": groups.labels.get(
                "acquisition channel", pd.Series(None, index=index, dtype="object")
            ),
        },
        index=index,
    )
    return table.rename_axis("customer_id").reset_index()


def _channels(past: Past, groups: Groups, terms: StatementTerms) -> dict[str, pd.DataFrame]:
    """Channels of contacts and sales, by the segments of the rules, as far as the ledger tells them."""
    segments = groups.schemes["rules"].rename_axis("customer_id").reset_index()
    found = {}
    contacts = contact_channels(past.profit, segments)
    if len(contacts):
        found["contact_channels"] = contacts
        shifts = shift_table(contacts, terms)
        if shifts is not None:
            found["channel_shift"] = shifts
    if "sales_channel" in past.profit.tables.transactions.columns:
        found["sales_channels"] = sales_channels(past.profit, segments)
    if len(used := capacity_use(past.profit)):
        found["capacity_use"] = used
    return found


def _valuation(future: Future, terms: StatementTerms) -> pd.DataFrame:
    firm = terms.firm
    assert firm is not None
    if isinstance(future.model, ContractProfitModel):
        message = (
            "A valuation with customers yet to be won is made of purchases; of contracts there is none. Set "
            "forecast=null."
        )
        raise ConfigError(message)
    return customer_based_valuation(
        future.model,
        future.known.frame,
        future.terms,
        firm.forecast,
        fixed_costs=firm.fixed_costs,
        tax_rate=firm.tax_rate,
        net_debt=firm.net_debt,
        level=terms.level,
        size=future.size,
        # That of the drawn futures of today, so that both say the same of today's customers.
        rng=np.random.default_rng([terms.seed, 1]),
    )


def _notes(future: Future, change: Change | None, terms: StatementTerms, valuation: pd.DataFrame | None) -> list[str]:
    """What is worth a word of the future and of the way between two dates."""
    notes = list(future.notes)
    facts = future.known.frame
    if future.size < terms.futures:
        notes.append(f"{future.size} futures are drawn instead of {terms.futures}, to stay within memory.")
    notes += future.campaigning.sentences
    if terms.cost_per_purchase > 0:
        notes.append(
            f"cost_per_purchase={terms.cost_per_purchase:g} is taken off purchases to come alone; what costs.orders "
            "says is taken off those of the past and the future."
        )
    unknown = int(facts["acquisition_cost"].isna().sum())
    if unknown == len(facts):
        notes.append("Without acquisition cost there is no payback and no ratio of lifetime value to it.")
    elif unknown:
        notes.append(
            f"What it cost to win them is not known of {unknown:,} of {len(facts):,} customers: payback, LTV:CAC and "
            "what is created are told of the others alone, and past profit has no such cost for them."
        )
    if valuation is not None and (valuation.loc[valuation["item"] == "taxes", "expected"] > 0).any():
        notes.append(
            "Before taxes the firm's customers are worth less than nothing; taxes count as paid back, which holds only "
            "where the loss can be deducted from other profit."
        )
    if change is None:
        return notes
    how = "fitted again to what was known then" if change.opening.refitted else "of the bundle"
    notes.append(f"The opening of the bridge, on {terms.since}, is by a model {how}.")
    if abs(change.outside) >= 0.005:
        notes.append(
            f"{change.outside:,.2f} of realised profit belongs to people who never bought; it is not in the bridge."
        )
    return notes


def _finished(name: str, table: pd.DataFrame, basis: Basis) -> pd.DataFrame:
    """The columns of the schema, in their order; the basis beside the money."""
    schema = VALUE_TABLES[name]
    if "basis" in schema.names and "basis" not in table:
        table = table.assign(basis=basis.short)
    return table[[column for column in schema.names if column in table or column in schema.required]]


def _figures(tables: dict[str, pd.DataFrame], past: Past, future: Future) -> dict[str, float]:
    """Metrics of the statement."""
    shares = tables["whale_shares"]
    figures = {
        "customers": float(len(future.expected)),
        "past_profit": float(past.customers["contribution"].sum()),
        "past_revenue": float(past.customers["net_revenue"].sum()),
        "value_at_risk": float(tables["value_at_risk"]["value_at_risk"].clip(lower=0).sum()),
    }
    total = tables["customer_equity"].iloc[0]
    figures |= {name: float(total[name]) for name in ("equity", "equity_low", "equity_high")}
    for view, prefix in (("past", "past"), ("future, expected values", "future")):
        row = shares[(shares["view"] == view) & (shares["by"] == "")].iloc[0]
        figures |= {
            f"{prefix}_{name}": float(row[name])
            for name in ("top_share", "middle_share", "last_share", "gini_normalised")
        }
        figures[f"{prefix}_unprofitable_share"] = float(row["unprofitable"]) / float(row["customers"])
    if "equity_bridge" in tables:
        whole = tables["equity_bridge"].iloc[0]
        figures |= {f"bridge_{name}": float(whole[name]) for name in BRIDGE_FIGURES}
    return {name: value for name, value in figures.items() if np.isfinite(value)}


BRIDGE_FIGURES = (
    "opening", "acquisition", "development", "retention", "recovery", "loss", "realised_profit", "model_change",
    "closing", "residual",
)  # fmt: skip
