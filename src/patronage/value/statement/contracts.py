"""The future of customers under contract in a statement: their contracts, models of renewals and margins, and profit.

No model is read: how long contracts last is estimated here, from the contracts of the ledger up to the as-of date.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from patronage.errors import ContractError, DateError, FitError, ModelError
from patronage.features.contracts import customers_with_contracts
from patronage.features.model_input import input_schema, model_input
from patronage.ledger.tables import LedgerTables
from patronage.models.contract.bdw import BetaDiscreteWeibull
from patronage.models.contract.model import ContractModel
from patronage.models.contract.seen import tenures_of
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray
from patronage.runtime.time_unit import DAYS_PER_YEAR
from patronage.schema import TableSchema
from patronage.value.activity_costs import ActivityCosts
from patronage.value.calendar import DAYS_PER_MONTH
from patronage.value.contract_profit import ContractProfitModel, contract_profit, fit_contract_profit
from patronage.value.drawn import DrawnFutures, number_of_futures
from patronage.value.priced_tables import priced_tables
from patronage.value.profit_facts import profit_facts
from patronage.value.profit_intervals import profit_futures
from patronage.value.profit_terms import ProfitTerms
from patronage.value.statement.campaigning import Campaigning, last_retention_cost
from patronage.value.statement.change import Opening
from patronage.value.statement.future import Future
from patronage.value.statement.knowledge import SEGMENT, Knowledge
from patronage.value.statement.terms import StatementTerms
from patronage.value.value_curve import DIMENSIONS

PLAN, IN_TOUCH = "plan", "in_touch"
"""Columns that contracts are told apart by: the plan, and the logarithm of contacts in a period."""

NOT_OF_CONTRACTS = (
    "Of contracts there is no season, no value of the next customer and no valuation; who is under contract is known, "
    "so the bridge has no retention and no recovery, and that renewals are likelier or less likely is development."
)
"""What a statement of contracts lacks, in words."""

PAID_ONCE = (0.8, 1.25)
"""Payments a period within which contracts are taken to be paid once each period."""


@dataclass(frozen=True)
class Contracts:
    """What is known of contracts on a day, and the models of them."""

    known: Knowledge
    model: ContractProfitModel
    notes: tuple[str, ...]


def contract_future(tables: LedgerTables, costs: ActivityCosts, terms: StatementTerms) -> Future:
    """Estimate the future of every customer with a contract who has paid by the as-of date.

    Raises
    ------
    ContractError
        If the ledger knows no contracts, or not when they ended.
    DateError
        If nobody had paid for a contract by the as-of date.
    """
    contracts = _contracts_on(tables, costs, terms.as_of, terms)
    known, model = contracts.known, contracts.model
    own, campaigning = _terms_of(tables, costs, known, terms)
    rng = np.random.default_rng([terms.seed, 1])
    size = number_of_futures(terms.futures, len(known.frame))
    notes = list(contracts.notes)
    try:
        drawn = DrawnFutures.of(profit_futures(model, known.frame, own, size, rng))
    except ModelError:
        notes.append(
            f"The contracts of {len(known.frame):,} customers do not tell the parameters of renewals apart: intervals "
            "hold chance, not what the fit left open."
        )
        drawn = DrawnFutures.of(profit_futures(model, known.frame, own, size, rng, parameter_uncertainty=False))
    expected = _with_revenue(contract_profit(model, known.frame, own), known.frame, terms)
    return Future(known, model, own, expected, drawn, campaigning, tuple(notes))


def contract_opening(tables: LedgerTables, costs: ActivityCosts, terms: StatementTerms) -> Opening:
    """What models of contracts, fitted to what was known then, said on the first date of a bridge.

    Raises
    ------
    ContractError, DateError
        As `contract_future`.
    """
    assert terms.since is not None
    contracts = _contracts_on(tables, costs, terms.since, terms)
    own, _ = _terms_of(tables, costs, contracts.known, terms)
    expected = contract_profit(contracts.model, contracts.known.frame, own)
    return Opening(contracts.known, contracts.model, own, expected, refitted=True)


def _terms_of(
    tables: LedgerTables, costs: ActivityCosts, known: Knowledge, terms: StatementTerms
) -> tuple[ProfitTerms, Campaigning]:
    """Terms of future profit; what campaigns caused of purchases has no meaning for contracts."""
    last, planned = last_retention_cost(tables, costs, known), terms.retention_cost_yearly
    campaigning = Campaigning(last, last if planned is None else planned, planned is not None, None)
    cost = campaigning.planned_cost
    return ProfitTerms(terms.horizon_days, terms.discount_rate_yearly, terms.cost_per_purchase, cost), campaigning


def _contracts_on(tables: LedgerTables, costs: ActivityCosts, as_of: date, terms: StatementTerms) -> Contracts:
    facts = profit_facts(priced_tables(tables, costs), as_of)
    contracts = contract_frame(tables, as_of, terms.renewal_days)
    paid = contracts.index.intersection(facts.frame.index)
    if not len(paid):
        message = (
            f"Nobody had a contract and paid for it by {as_of}: {len(contracts):,} contracts had begun, "
            f"{len(facts.frame):,} customers had paid. Choose a later date, or check that customer_id is the same."
        )
        raise DateError(message)
    frame = facts.frame.loc[paid].join(contracts.loc[paid])
    frame["payments"] = frame["purchase_days"]
    offered = {column.name: column for column in input_schema(tables).columns}
    compared = {one.column for one in DIMENSIONS} | {"satisfaction_last", "satisfaction_slope"}
    inputs = TableSchema("compared", tuple(offered[name] for name in offered if name in compared))
    told: pd.DataFrame = model_input(tables, as_of, facts.time_unit, inputs).drop("as_of").execute()
    told = told.set_index("customer_id").reindex(frame.index)
    frame = frame.join(told[[name for name in told.columns if name not in frame.columns]])
    renewals, words = _fitted_renewals(frame)
    segment = next((name for name in (PLAN, SEGMENT) if name in frame and frame[name].notna().any()), None)
    model = fit_contract_profit(renewals, frame, terms.renewal_days, segment)
    known = Knowledge(facts, frame, _scores(renewals, frame, terms))
    notes = [words, NOT_OF_CONTRACTS, *_left_out(contracts.index, facts.frame.index)]
    notes += _paid_otherwise(frame, terms.renewal_days)
    return Contracts(known, model, tuple(notes))


def contract_frame(tables: LedgerTables, as_of: date, renewal_days: float) -> pd.DataFrame:
    """Tenures of the contracts that had begun by a date, as known then.

    Returns
    -------
    DataFrame
        Indexed by customer_id, ascending: tenure, churned, next_renewal_in (see `fit_contract_profit`); plan and price
        where the ledger has them.

    Raises
    ------
    ContractError
        If the ledger knows no contracts, or a contract ended before it began.
    """
    customers = customers_with_contracts(tables)
    further = [name for name in (PLAN, "price") if name in customers.columns]
    start, end = (customers[name].cast("date") for name in ("contract_start", "contract_end"))
    rows = customers.select("customer_id", *further, start=start, end=end).filter(start.notnull(), start <= as_of)
    table: pd.DataFrame = rows.order_by("customer_id").execute().set_index("customer_id")
    start, end = pd.to_datetime(table["start"]), pd.to_datetime(table["end"])
    ended = (end <= pd.Timestamp(as_of)).fillna(False).to_numpy(bool)
    wrong = table.index[ended & (end < start).to_numpy(bool)]
    if len(wrong):
        message = (
            f"{len(wrong):,} contracts ended before they began, first: {', '.join(map(str, wrong[:FIRST_EXAMPLES]))}. "
            "Correct contract_start and contract_end of these customers."
        )
        raise ContractError(message)
    until = end.where(ended, pd.Timestamp(as_of))
    periods = ((until - start).dt.days.to_numpy(np.float64) + 1) / renewal_days
    table["churned"] = ended
    table["tenure"] = np.where(ended, np.maximum(np.rint(periods), 1.0), np.floor(periods))
    table["next_renewal_in"] = np.where(ended, 0.0, np.clip(table["tenure"] + 1 - periods, 0.0, 1.0))
    return table.drop(columns=["start", "end"])


def _fitted_renewals(frame: pd.DataFrame) -> tuple[ContractModel, str]:
    """A model of renewals by plan and contacts, as far as these tell contracts apart; and which one it is."""
    frame[IN_TOUCH] = np.log1p(frame["contacts"] / (frame["tenure"] + 1))
    told = [PLAN] if PLAN in frame and frame[PLAN].nunique() > 1 and frame[PLAN].notna().all() else []
    told += [IN_TOUCH] if frame["contacts"].gt(0).any() else []
    words = "How long contracts last is estimated here, by a beta-discrete-Weibull model"
    try:
        by = " and ".join({PLAN: "the plan", IN_TOUCH: "contacts in a period"}[name] for name in told)
        return BetaDiscreteWeibull(covariates=told).fit(frame), f"{words}{' with ' + by if by else ''}."
    except FitError:
        if not told:
            raise
        fitted = BetaDiscreteWeibull().fit(frame)
        return fitted, f"{words}; by {by} no estimate was reached, so all contracts renew alike."


def _scores(renewals: ContractModel, frame: pd.DataFrame, terms: StatementTerms) -> pd.DataFrame:
    """Who is under contract, and how likely contracts end within the horizon, or within a year without one."""
    tenures = tenures_of(frame)
    days = DAYS_PER_YEAR if terms.horizon_days is None else terms.horizon_days
    due = np.maximum(np.ceil(days / terms.renewal_days - frame["next_renewal_in"].to_numpy(np.float64)), 0.0)
    stays = renewals.to_params().at_rows(frame).probability_alive(tenures, due)
    there = np.where(tenures.churned, 0.0, 1.0)
    revenue = _price(frame, terms)
    return pd.DataFrame(
        {"probability_alive": there, "churn_probability": 1 - stays, "clv": np.nan_to_num(stays * revenue)},
        index=frame.index,
    )


def _with_revenue(expected: pd.DataFrame, frame: pd.DataFrame, terms: StatementTerms) -> pd.DataFrame:
    return expected.assign(revenue_clv=expected["discounted_purchases"] * _price(frame, terms))


def _price(frame: pd.DataFrame, terms: StatementTerms) -> FloatArray:
    """Price of a period, missing where it is not known, shape (n,)."""
    if "price" not in frame:
        return np.full(len(frame), np.nan)
    return np.asarray(frame["price"].to_numpy(np.float64) * terms.renewal_days / DAYS_PER_MONTH, dtype=np.float64)


def _left_out(contracts: pd.Index, payers: pd.Index) -> list[str]:
    """Who has a contract and never paid, or paid without a contract."""
    notes = []
    for who, ids in (
        ("contracts had begun of customers who have not paid yet", contracts.difference(payers)),
        ("customers paid without a contract that had begun", payers.difference(contracts)),
    ):
        if len(ids):
            first = ", ".join(map(str, ids[:FIRST_EXAMPLES]))
            notes.append(f"{len(ids):,} {who} (first: {first}): they have no future here.")
    return notes


def _paid_otherwise(frame: pd.DataFrame, renewal_days: float) -> list[str]:
    """A word where contracts are not paid once a period."""
    each = frame["payments"].sum() / (frame["tenure"] + ~frame["churned"]).sum()
    if PAID_ONCE[0] <= each <= PAID_ONCE[1]:
        return []
    return [
        f"Customers paid {each:.2f} times in each period of {renewal_days:g} days; future profit counts one payment a "
        "period, so set renewal_days to the time from one payment to the next."
    ]
