"""The statement of a ledger with contracts: tenures by hand, totals of a simulated business, what is refused."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta

import ibis
import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, ContractError, DateError
from patronage.ledger.tables import LedgerTables
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import world_tables
from patronage.value.activity_costs import named_costs
from patronage.value.segments import named_rules
from patronage.value.statement.contracts import contract_frame, contract_future
from patronage.value.statement.statement import value_statement
from patronage.value.statement.terms import Firm, StatementTerms
from patronage.value.valuation import AcquisitionForecast
from value_ledgers import by_hand

SMALL = {"futures": 40, "ages": 12, "clusters": False, "horizon_days": 365.0}


def stated(ledger, first_day, terms):
    return value_statement(
        ledger, named_costs("observed"), None, named_rules("rfm"), first_day, terms, lambda _title: nullcontext()
    )


@pytest.fixture(scope="module")
def business():
    """A simulated subscription business without campaigns, its truth, and its statement."""
    world = replace(named_world("subscription"), whale=None, campaigns={})
    drawn = {name: table.to_pandas() for name, table in world_tables(world, 800, 4).items()}
    names = ("transactions", "customers", "contacts")
    con = ibis.duckdb.connect(threads=1)
    tables = {}
    for name in names:
        texts = dict.fromkeys(drawn[name].select_dtypes("category"), "str")
        tables[name] = con.create_table(name, drawn[name].astype(texts))
    ledger, as_of = LedgerTables(**tables), world.observed_until
    terms = StatementTerms(as_of, as_of - timedelta(days=300), discount_rate_yearly=0.0, **SMALL)
    return world, ledger, drawn["truth"], stated(ledger, world.start, terms)


def contracts(rows):
    names = ("customer_id", "contract_start", "contract_end", "plan")
    table = pd.DataFrame(rows, columns=names)
    for name in ("contract_start", "contract_end"):
        table[name] = pd.to_datetime(table[name])
    return replace(by_hand(campaigns=False), customers=ibis.memtable(table), contacts=None)


def test_tenures_by_hand():
    """Periods of 30 days up to 31 March: 91 days are 3 periods and a day, 30 days are one whole one."""
    ledger = contracts(
        [
            ("a", "2024-01-01", None, "basic"),
            ("b", "2024-03-02", None, None),
            ("c", "2024-01-01", "2024-02-29", "basic"),
            ("d", "2024-01-01", "2024-04-30", "basic"),
            ("e", "2024-04-01", None, "basic"),
            ("f", None, None, "basic"),
        ]
    )
    found = contract_frame(ledger, date(2024, 3, 31), 30.0)
    assert found.index.tolist() == ["a", "b", "c", "d"]
    assert found["tenure"].tolist() == [3, 1, 2, 3]
    assert found["churned"].tolist() == [False, False, True, False]
    assert found["next_renewal_in"].tolist() == pytest.approx([29 / 30, 1.0, 0.0, 29 / 30])


def test_contracts_that_end_before_they_begin_are_refused():
    with pytest.raises(ContractError, match="1 contracts ended before they began, first: a"):
        contract_frame(contracts([("a", "2024-02-01", "2024-01-01", "basic")]), date(2024, 3, 31), 30.0)
    with pytest.raises(ContractError, match="needs a table customers"):
        contract_frame(replace(by_hand(campaigns=False), customers=None), date(2024, 3, 31), 30.0)


def test_who_never_paid_has_no_future():
    ledger = contracts([("nobody", "2024-01-01", None, "basic")])
    with pytest.raises(DateError, match="Nobody had a contract and paid for it by 2024-03-31: 1 contracts had begun"):
        contract_future(ledger, named_costs("observed"), StatementTerms(date(2024, 3, 31), **SMALL))


@pytest.mark.long
def test_equity_of_a_simulated_business_is_near_the_truth(business):
    _, _, truth, statement = business
    figures = statement.figures
    assert figures["equity"] == pytest.approx(truth["expected_profit"].sum(), rel=0.12)
    assert figures["equity_low"] < truth["future_profit"].sum() < figures["equity_high"]
    customers = statement.tables["customer_value"].set_index("customer_id")
    true = truth.set_index("customer_id").reindex(customers.index)
    assert customers["future_profit"].corr(true["expected_profit"], method="spearman") > 0.75
    assert (customers["probability_alive"] == true["alive"]).all()
    assert customers.loc[true["alive"] == 0, "future_profit"].eq(0).all()
    stays = true["expected_alive"][true["alive"] == 1].mean()
    assert 1 - customers["churn_probability"][true["alive"] == 1].mean() == pytest.approx(stays, abs=0.04)


@pytest.mark.long
def test_tables_hang_together_and_plans_are_told_apart(business):
    world, _, _, statement = business
    tables, total = statement.tables, statement.figures["equity"]
    assert {"future_profit", "equity_bridge", "cohort_curves", "acquisition", "whale_futures"} <= set(tables)
    assert "valuation" not in tables
    plans = tables["customer_equity"].query("by == 'plan'")
    assert plans["group"].tolist() == ["basic", "premium", "standard"]
    assert plans["equity"].sum() == pytest.approx(total)
    bridge = tables["equity_bridge"].iloc[0]
    assert bridge["closing"] == pytest.approx(total)
    assert abs(bridge["residual"]) <= 1e-9 * abs(total)
    curves = tables["cohort_curves"].query("by == 'acquisition channel'")
    assert curves["retention"].between(0, 1).all()
    # Everyone is under contract in the first month, and from there on fewer and fewer are.
    for _, curve in curves.groupby("group"):
        assert curve["retention"].iloc[0] == 1
        assert (np.diff(curve["retention"]) < 1e-9).all()
        assert curve["retention"].iloc[-1] == pytest.approx(curve["retention_actual"].iloc[-1], abs=0.08)
    said = " ".join(statement.notes)
    assert "beta-discrete-Weibull model with the plan and contacts in a period" in said
    assert "no value of the next customer" in said
    assert "renewal_days" not in said
    assert world.observed_until == statement.terms.as_of


@pytest.mark.long
def test_contracts_that_are_paid_otherwise_are_said_and_valuations_refused(business):
    world, ledger, _, _ = business
    terms = StatementTerms(world.observed_until, **SMALL, renewal_days=91.3125)
    future = contract_future(ledger, named_costs("observed"), terms)
    assert any("times in each period of 91.3125 days" in note for note in future.notes)
    firm = replace(terms, renewal_days=30.4375, firm=Firm(AcquisitionForecast.of([10.0], 5.0)))
    with pytest.raises(ConfigError, match="forecast=null"):
        stated(ledger, world.start, firm)
