"""The statement of value: its tables hang together, rest on the ledger, and say what they rest on."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import ibis
import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError
from patronage.ledger.tables import LedgerTables
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.schema.value_tables import VALUE_TABLES
from patronage.scoring.profit import ScoreProfit
from patronage.value.activity_costs import activity_costs, named_costs
from patronage.value.basis import money_basis
from patronage.value.lifetime_profit import fit_profit
from patronage.value.periods import Period
from patronage.value.priced_tables import priced_tables
from patronage.value.profit import customer_profit
from patronage.value.profit_facts import profit_facts
from patronage.value.segments import named_rules
from patronage.value.statement.change import _widened
from patronage.value.statement.statement import value_statement
from patronage.value.statement.strangers import strangers
from patronage.value.statement.terms import Firm, StatementTerms
from patronage.value.valuation import AcquisitionForecast
from value_bundle import bundle_of
from value_ledgers import by_hand, retailer

pytestmark = pytest.mark.long

SMALL = {"futures": 40, "ages": 6, "clusters": False}


def quiet(_title):
    return nullcontext()


def stated(tables, costs, first_day, terms, bundle=None):
    bundle = bundle or bundle_of(tables, terms.as_of)
    return value_statement(tables, costs, bundle, named_rules("rfm"), first_day, terms, quiet)


@pytest.fixture(scope="module")
def shop():
    """A retailer with all tables, and its statement."""
    world, ledger, drawn = retailer(500, 3)
    as_of = world.observed_until
    forecast = AcquisitionForecast.of([30, 30], 12.0)
    terms = StatementTerms(as_of, as_of - timedelta(days=300), **SMALL, firm=Firm(forecast))
    return ledger, drawn, stated(ledger, named_costs("observed"), world.start, terms)


def test_every_table_has_the_columns_of_its_schema(shop):
    tables = shop[2].tables
    assert set(tables) <= set(VALUE_TABLES)
    assert set(VALUE_TABLES) - set(tables) == {"cluster_choice", "capacity_use"}
    for name, table in tables.items():
        schema = VALUE_TABLES[name]
        assert set(schema.required) <= set(table.columns) <= set(schema.names), name
        for column in schema.columns:
            if not column.nullable and column.name in table:
                assert table[column.name].notna().all(), (name, column.name)


def test_money_of_the_past_is_that_of_the_ledger(shop):
    """Plain sums of the simulated tables."""
    _, drawn, statement = shop
    sold, contacts, campaigns, customers = (
        drawn[name].to_pandas() for name in ("transactions", "contacts", "campaigns", "customers")
    )
    margin = (sold["amount"] - sold["cost_of_goods"]).sum()
    cost = contacts["cost"].sum() + campaigns["cost"].sum() + customers["acquisition_cost"].sum()
    assert statement.figures["past_profit"] == pytest.approx(margin - cost, abs=0.005)
    assert statement.figures["past_revenue"] == pytest.approx(sold["amount"].sum(), abs=0.005)
    assert (statement.tables["reconciliation"]["difference"] == 0).all()


def test_future_is_the_same_in_every_table(shop):
    tables = shop[2].tables
    equity = tables["customer_equity"]
    total = tables["future_profit"]["future_profit"].sum()
    assert tables["customer_value"]["future_profit"].sum() == pytest.approx(total)
    assert equity["equity"].iloc[0] == pytest.approx(total)
    for by, part in equity[equity["by"] != ""].groupby("by"):
        assert part["equity"].sum() == pytest.approx(total), by
    assert tables["equity_bridge"]["closing"].iloc[0] == pytest.approx(total)
    whale = tables["whale_shares"].query("view == 'future, expected values' and by == ''")
    assert whale["total"].iloc[0] == pytest.approx(total)


def test_valuation_and_equity_say_the_same_of_todays_customers(shop):
    tables = shop[2].tables
    equity, item = tables["customer_equity"].iloc[0], tables["valuation"].set_index("item").loc["customers of today"]
    told = equity[["equity", "equity_low", "equity_high"]].to_list()
    assert item[["expected", "low", "high"]].to_list() == pytest.approx(told)


def test_scores_hold_the_profit_of_the_statement():
    """Of the same horizon and discount rate, campaigns that go on included; the past of it too, whenever it was."""
    world, ledger, drawn = retailer(300, 4)
    as_of, costs = world.observed_until, named_costs("observed")
    bundle = bundle_of(ledger, as_of)
    campaigns = drawn["campaigns"].to_pandas()
    campaigns.loc[:9, "timestamp"] -= pd.Timedelta(days=900)
    early = replace(ledger, campaigns=ibis.memtable(campaigns))
    terms = StatementTerms(as_of, horizon_days=float(bundle.horizon_days), **SMALL)
    statement = stated(early, costs, world.start, terms, bundle)
    value = statement.tables["customer_value"].set_index("customer_id")
    scored = ScoreProfit(early, costs, bundle, as_of).of(value.index, np.full(len(value), 0.5))
    assert scored["expected_profit"] == pytest.approx(value["future_profit"].to_numpy(), rel=1e-9)
    assert scored["past_profit"] == pytest.approx(value["past_profit"].to_numpy(), abs=1e-6)
    assert (statement.tables["reconciliation"]["outside_periods"] == 0).all()
    assert statement.tables["tiers"]["period"].min() < f"{world.start.year}"


def test_costs_that_nobody_knows_are_counted_and_said(shop):
    ledger, drawn, _ = shop
    contacts = drawn["contacts"].to_pandas()
    contacts.loc[contacts.index % 2 == 0, "cost"] = None
    lacking = int(contacts["cost"].isna().sum())
    tables = replace(ledger, contacts=ibis.memtable(contacts))
    periods = [Period("all", date.min, date(2100, 1, 1))]
    basis = money_basis(customer_profit(tables, named_costs("observed"), periods))
    assert basis.short == f"costs known, none of {lacking / len(contacts):.1%} of contacts"
    said = f"Of {len(contacts):,} contacts {lacking:,} have no cost, no rate fits them, and they cost nothing here."
    assert said in basis.sentences
    rated = activity_costs({"orders": {"order": 1.5}})
    basis = money_basis(customer_profit(ledger, rated, periods))
    lines = len(drawn["transactions"])
    assert basis.short == "costs known, order lines by rates"
    assert f"Of {lines:,} order lines {lines:,} cost what the rates say." in basis.sentences


ALL_TIME = [Period("all", date.min, date(2100, 1, 1))]


@pytest.mark.parametrize(
    ("costs", "noun", "short"),
    [
        (
            {"margin_rate": None},
            "revenue less the cost of 50.0% of contacts, campaigns, 75.0% of acquisitions",
            "{noun}, none of 50.0% of contacts, none of 25.0% of acquisitions",
        ),
        (
            {"margin_rate": None, "orders": {"order": 1.5}, "contacts": {"any": {"cost": 2}}},
            "revenue less the cost of contacts, campaigns, 75.0% of acquisitions and costs at the rates stated",
            "{noun}, none of 25.0% of acquisitions, contacts by rates, order lines by rates",
        ),
        (
            {"margin_rate": 0.3},
            "profit (assumed margin 30 %)",
            "assumed margin 30 %, none of 50.0% of contacts, none of 25.0% of acquisitions",
        ),
    ],
)
def test_gaps_in_costs_are_said_where_goods_are_not_known_either(costs, noun, short):
    """Of four contacts two have no cost, of four customers one; the one campaign has."""
    at = pd.Timestamp("2024-01-10")
    who = list("abcd")
    sold = pd.DataFrame({"customer_id": who, "timestamp": at, "amount": 10.0})
    customers = pd.DataFrame({"customer_id": who, "acquired_at": at, "acquisition_cost": [1.0, 2.0, 3.0, None]})
    contacts = pd.DataFrame({"customer_id": who, "timestamp": at, "channel": "call", "kind": "service",
                             "cost": [1.0, None, 2.0, None]})  # fmt: skip
    campaigns = pd.DataFrame({"customer_id": ["a", "b"], "timestamp": at, "action": "letter", "treated": [1, 0],
                              "cost": [0.5, None]})  # fmt: skip
    tables = LedgerTables(*map(ibis.memtable, (sold, customers, contacts, campaigns)))
    profit = customer_profit(tables, activity_costs(costs), ALL_TIME)
    basis = money_basis(profit)
    assert (basis.noun, basis.short) == (noun, short.format(noun=noun))
    assert "Of 4 acquisitions 1 have no cost, no rate fits them, and they cost nothing here." in basis.sentences
    rows = profit.to_pandas().set_index("customer_id")
    without = 0 if "contacts" in costs else 1
    assert rows["facts_without_cost"].to_dict() == {"a": 0, "b": without, "c": 0, "d": without}
    goods = "assumed margin 30 %" if costs["margin_rate"] else "revenue less costs"
    assert rows.loc["a", "basis"] == goods
    if without:
        assert rows.loc["b", "basis"].endswith(", some contacts or campaigns without")


def test_a_cost_of_a_purchase_makes_revenue_less():
    sold = pd.DataFrame({"customer_id": ["a"], "timestamp": pd.Timestamp("2024-01-10"), "amount": 10.0})
    for costs, stated, noun in (
        ({}, False, "revenue"),
        ({}, True, "revenue less costs at the rates stated"),
        ({"orders": {"returned_line": 3}}, False, "revenue less costs at the rates stated"),
        ({"pools": {"rent": {"cost": 9, "first_day": "2024-01-01", "last_day": "2024-02-01", "by": "orders"}}}, False,
         "revenue less costs at the rates stated"),
    ):  # fmt: skip
        profit = customer_profit(
            LedgerTables(ibis.memtable(sold)), activity_costs({"margin_rate": None, **costs}), ALL_TIME
        )
        assert money_basis(profit, stated).noun == noun


def test_bridge_leaves_nothing_over_and_takes_the_profit_of_the_ledger(shop):
    _, drawn, statement = shop
    bridge = statement.tables["equity_bridge"]
    assert (bridge["residual"].abs() <= 1e-9 * bridge["opening"].abs().max()).all()
    since = pd.Timestamp(statement.terms.since + timedelta(days=1))

    def later(name, moment="timestamp"):
        table = drawn[name].to_pandas()
        return table[table[moment] >= since]

    sold, cost = later("transactions"), later("contacts")["cost"].sum() + later("campaigns")["cost"].sum()
    won = later("customers", "acquired_at")["acquisition_cost"].sum()
    brought = (sold["amount"] - sold["cost_of_goods"]).sum() - cost - won
    assert -bridge["realised_profit"].iloc[0] == pytest.approx(brought, abs=0.01)


def test_intervals_hold_their_expectation(shop):
    customers = shop[2].tables["customer_value"]
    total = shop[2].tables["customer_equity"].iloc[0]
    assert total["equity_low"] < total["equity"] < total["equity_high"]
    assert (customers["future_profit_low"] <= customers["future_profit_high"]).all()
    assert customers["loss_probability"].between(0, 1).all()


def test_known_costs_are_called_profit_and_nothing_is_assumed(shop):
    statement = shop[2]
    assert statement.basis.short == "costs known"
    assert statement.basis.noun == "profit"
    assert not any("assumed margin" in note for note in statement.notes)


@pytest.mark.parametrize(
    ("margin_rate", "cost", "noun"),
    [
        (None, 0.0, "revenue"),
        (None, 2.0, "revenue less costs at the rates stated"),
        (0.3, 0.0, "profit (assumed margin 30 %)"),
    ],
    ids=["revenue", "less costs", "assumed"],
)
def test_transactions_alone_are_enough_and_say_what_they_are(margin_rate, cost, noun):
    world, ledger, _ = retailer(300, 5)
    sold = ledger.transactions.select("customer_id", "timestamp", "amount")
    since = world.observed_until - timedelta(days=300)
    terms = StatementTerms(world.observed_until, since, cost_per_purchase=cost, **SMALL)
    costs = activity_costs({"margin_rate": margin_rate})
    statement = stated(LedgerTables(sold), costs, world.start, terms)
    assert statement.basis.noun == noun
    for name, table in statement.tables.items():
        if "basis" in VALUE_TABLES[name].names and name not in ("cost_to_serve", "customer_profit"):
            assert set(table["basis"]) == {statement.basis.short}, name
    assert not {"contact_channels", "channel_shift", "sales_channels", "satisfaction_loyalty"} & set(statement.tables)
    revenue = float(sold.amount.sum().execute())
    expected = revenue if margin_rate is None else revenue * margin_rate
    assert statement.figures["past_profit"] == pytest.approx(expected, rel=1e-9)
    assert any("Acquisition cost is not known" in note for note in statement.notes)


def test_people_who_never_bought_are_counted_and_the_sums_explained():
    """Two ids of contacts without a purchase: the headline has their cost, customer_value has not, the note both."""
    world, ledger, drawn = retailer(200, 7)
    calls = drawn["contacts"].to_pandas()
    calls.loc[calls.index[:3], "customer_id"] = ["nobody", "nobody", "no one"]
    tables = replace(ledger, contacts=ibis.memtable(calls))
    statement = stated(tables, named_costs("observed"), world.start, StatementTerms(world.observed_until, **SMALL))
    cost = calls["cost"].iloc[:3].sum()
    (note,) = [one for one in statement.notes if "no purchase by" in one]
    assert note.startswith("2 ids with a fact")
    assert f"brought {-cost:,.2f}" in note
    headline, shown = statement.figures["past_profit"], statement.tables["customer_value"]["past_profit"].sum()
    assert headline == pytest.approx(shown - cost)
    assert f"{headline:,.2f}" in note
    assert f"{shown:,.2f}" in note
    whale = statement.tables["whale_shares"].query("view == 'past' and by == ''")
    assert whale["total"].iloc[0] == pytest.approx(headline)
    assert not any("the same key" in one for one in statement.notes)


@pytest.mark.parametrize("wrong", ["contacts", "campaigns", "customers"])
def test_a_wrong_key_is_noticed(wrong):
    _, ledger, drawn = retailer(60, 7)
    table = drawn[wrong].to_pandas()
    renamed = ibis.memtable(table.assign(customer_id="web-" + table["customer_id"]))
    sold = ledger.transactions.select("customer_id").distinct().execute()["customer_id"]
    past = pd.DataFrame({"contribution": 0.0}, index=sold)
    told = strangers(replace(ledger, **{wrong: renamed}), past, pd.Index(sold), date(2030, 1, 1))
    assert len(told) == 1
    assert told[0].startswith("Only 0 of ")
    assert f"ids of {wrong}" in told[0]
    assert "the same key" in told[0]
    assert strangers(ledger, past, pd.Index(sold), date(2030, 1, 1)) == []


def test_a_segment_that_came_later_is_priced_like_the_mean_customer():
    """Three customers by web, one by shop: means of 10 and 30 are 15 together, not the first by name."""
    frame = pd.DataFrame(
        {
            "frequency": [3, 2, 1, 4], "recency": [20.0, 10.0, 5.0, 30.0], "T": 40.0, "purchase_days": [4, 3, 2, 5],
            "margin_mean": [10.0, 10.0, 10.0, 30.0], "margin_scatter": [9.0, 8.0, 2.0, 9.0], "margin_lowest": -1.0,
            "contacts": [2.0, 1.0, 0.0, 5.0], "contact_cost_mean": [4.0, 4.0, 0.0, 4.0], "contact_cost_scatter": 0.0,
            "last_contact": [9.0, 3.0, 0.0, 30.0], "channel": ["web", "web", "web", "shop"],
        }
    )  # fmt: skip
    purchase = ParetoNBD.from_params(ParetoParams(0.55, 10.6, 0.6, 11.7))
    model = fit_profit(purchase, frame, "week", "channel")
    known = SimpleNamespace(frame=frame)
    later = _widened(model, known, frame.assign(channel=["web", "shop", "kiosk", None]))
    assert later.segments == ("shop", "web", "kiosk", "unknown")
    for old, new in ((model.margins, later.margins), (model.contacts, later.contacts),
                     (model.contact_costs, later.contact_costs)):  # fmt: skip
        shop, web = old.model.mean
        assert new.model.mean == pytest.approx([shop, web, (shop + 3 * web) / 4, (shop + 3 * web) / 4])
    assert _widened(model, known, frame) is model


def test_contacts_and_campaigns_are_said_to_overlap_only_where_such_contacts_are():
    _, ledger, drawn = retailer(60, 7)
    calls = drawn["contacts"].to_pandas()
    costs = named_costs("observed")

    def overlap(kind):
        tables = replace(ledger, contacts=ibis.memtable(calls.assign(kind=kind)))
        basis = customer_profit(tables, costs, [Period("all", date.min, date.max)]).basis
        return any("both count as retention cost" in one for one in basis)

    assert overlap("retention")
    assert not overlap("service")


def test_losses_of_a_firm_are_said_to_be_deducted():
    world, ledger, _ = retailer(200, 7)
    firm = Firm(AcquisitionForecast.of([1.0], 1e6), tax_rate=0.25)
    terms = StatementTerms(world.observed_until, **SMALL, firm=firm)
    statement = stated(ledger, named_costs("observed"), world.start, terms)
    assert statement.tables["valuation"].set_index("item").loc["taxes", "expected"] > 0
    assert any("can be deducted" in note for note in statement.notes)


def test_without_a_second_date_there_is_no_bridge():
    world, ledger, _ = retailer(200, 7)
    statement = stated(ledger, named_costs("observed"), world.start, StatementTerms(world.observed_until, **SMALL))
    assert not {"equity_bridge", "equity_waterfall", "satisfaction_loyalty", "valuation"} & set(statement.tables)


@pytest.mark.parametrize("rates", ["observed", "rates"])
def test_past_and_future_rest_on_the_same_money(rates):
    """What models learn from adds up to the contribution of the past, customer by customer: order costs included."""
    world, ledger, _ = retailer(300, 11)
    costs = named_costs(rates)
    frame = profit_facts(priced_tables(ledger, costs), world.observed_until, "week").frame
    learned = frame["purchase_days"] * frame["margin_mean"] - frame["contacts"] * frame["contact_cost_mean"]
    learned -= frame["campaign_cost"]
    table = customer_profit(ledger, costs, [Period("all", date.min, world.observed_until)]).to_pandas()
    table = table.set_index("customer_id").reindex(frame.index)
    told = (table["contribution"] + table["acquisition_cost"]).astype(float)
    assert np.abs(learned - told).max() < 1e-6
    assert table["order_cost"].gt(0).any() == (rates == "rates")


def test_priced_lines_of_the_ledger_written_by_hand():
    """A's first day: 120 less goods 65, two lines at 0.4 and one order at 1.5, no delivery in an unknown channel."""
    costs = activity_costs({"orders": {"order": 1.5, "order_line": 0.4, "returned_line": 3.0}})
    lines = priced_tables(by_hand(contacts=False), costs).transactions.execute()
    first = lines[(lines["customer_id"] == "A") & (lines["timestamp"].dt.day == 1)]
    assert float(first["margin"].sum()) == pytest.approx(120 - 65 - 2 * 0.4 - 1.5)
    back = lines[lines["amount"] < 0]
    assert float(back["margin"].sum()) == pytest.approx(-50 + 15 - 3.0)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"since": date(2024, 12, 31)}, "since must lie before as_of"),
        ({"futures": 10}, "futures must be 20 or more"),
        ({"every": "week"}, "every must be one of month, quarter, year"),
        ({"cohort": "day"}, "cohort must be one of"),
        ({"discount_rate_yearly": 10.0}, r"1,000 % a year; write 0.1 for 10 %"),
        ({"ages": 1}, "ages must be 2 months or more"),
        ({"horizon_days": None, "discount_rate_yearly": 0.0}, "discount_rate_yearly must be above 0"),
    ],
)
def test_terms_that_make_no_sense_are_refused(changes, named):
    with pytest.raises(ConfigError, match=named):
        StatementTerms(date(2024, 12, 31), **changes)


def test_a_season_and_the_end_of_campaigns_are_told_and_said():
    world, ledger, _ = retailer(300, 8)
    terms = StatementTerms(world.observed_until, **SMALL, season=1, retention_cost_yearly=0.0)
    statement = stated(ledger, named_costs("observed"), world.start, terms)
    said = " ".join(statement.notes)
    assert "fitted again to what is known by 2024-12-31, with a season" in said
    assert "as 100 % of them end" in said
    assert "contacts cannot tell who is still there" in said
    assert (statement.tables["future_profit"]["future_retention_cost"] == 0).all()


def test_customers_are_told_apart_by_the_campaign_that_won_them():
    world, ledger, _ = retailer(120, 8)
    spring = ledger.customers.mutate(acquisition_campaign=ibis.ifelse(ledger.customers.age > 44, "spring", "autumn"))
    terms = StatementTerms(world.observed_until, **SMALL)
    statement = stated(replace(ledger, customers=spring), named_costs("observed"), world.start, terms)
    won = statement.tables["acquisition"].query("by == 'acquisition campaign'")
    assert sorted(won["group"]) == ["autumn", "spring"]
    assert won["n_customers"].sum() == 120
    assert won["payback_days"].notna().any()
    assert "acquisition campaign" in set(statement.tables["cohort_curves"]["by"])
