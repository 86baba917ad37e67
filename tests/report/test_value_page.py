"""Charts and page of a statement of value: every chart says what its money is, and the page needs no network."""

import re
from contextlib import nullcontext
from datetime import timedelta

import pandas as pd
import pytest

from patronage.ledger.tables import LedgerTables
from patronage.report.value_charts import payback_chart, value_charts, waterfall_chart
from patronage.report.value_page import write_value_page
from patronage.report.value_readings import VALUE_READINGS
from patronage.value.activity_costs import activity_costs, named_costs
from patronage.value.segments import named_rules
from patronage.value.statement.statement import value_statement
from patronage.value.statement.terms import StatementTerms
from value_bundle import bundle_of
from value_ledgers import retailer


def stated(world, tables, costs):
    as_of = world.observed_until
    terms = StatementTerms(as_of, as_of - timedelta(days=300), futures=40, ages=6, clusters=False)
    bundle, rules = bundle_of(tables, as_of), named_rules("rfm")
    return value_statement(tables, costs, bundle, rules, world.start, terms, lambda _title: nullcontext())


@pytest.fixture(scope="module")
def shop():
    world, ledger, _ = retailer(300, 5)
    return stated(world, ledger, named_costs("observed"))


@pytest.fixture(scope="module")
def bare():
    """The same customers, of whom only revenue is known."""
    world, ledger, _ = retailer(300, 5)
    sold = LedgerTables(ledger.transactions.select("customer_id", "timestamp", "amount"))
    return stated(world, sold, activity_costs({"margin_rate": None}))


def test_charts_are_drawn_as_far_as_the_ledger_tells(shop, bare):
    every = set(VALUE_READINGS) - {"value_curves_behaviour"}
    assert set(value_charts(shop.tables, shop.basis.noun)) == every
    assert set(value_charts(bare.tables, bare.basis.noun)) == every - {"payback", "ltv_to_cac", "satisfaction"}


def titles(chart):
    """Every text on a chart."""
    return " ".join(re.findall(r'"(?:title|text)": "([^"]*)"', chart.to_json()))


def test_charts_of_revenue_never_say_profit(bare):
    for stem, chart in value_charts(bare.tables, bare.basis.noun).items():
        said = titles(chart).replace("profit taken", "")
        assert "rofit" not in said, stem
    assert "revenue" in titles(value_charts(bare.tables, "revenue")["cohorts"])


@pytest.mark.parametrize("statement", ["shop", "bare"])
def test_every_chart_has_a_sentence(statement, request):
    found = request.getfixturevalue(statement)
    for stem in value_charts(found.tables, found.basis.noun):
        reading = VALUE_READINGS[stem](found.tables, found.basis.noun)
        assert reading.endswith(".")
        assert "nan" not in reading.split()
    assert "usually" not in VALUE_READINGS["whale_curve"](found.tables, "revenue")


def test_page_is_whole_and_offline(shop, tmp_path):
    charts = value_charts(shop.tables, shop.basis.noun)
    path = tmp_path / "value.html"
    notes = ("<b>A note</b>",)
    write_value_page(shop.tables, charts, {"ledger": "test"}, [("Customers", "1")], notes, "profit", path)
    html = path.read_text()
    assert html.rstrip().endswith("</html>")
    assert "&lt;b&gt;A note" in html
    body = html[: html.rindex("<script>", 0, html.rindex("use strict"))]
    assert not re.findall(r'(?:src|href)="https?:', body)
    for stem in charts:
        assert f'id="{stem}-specification"' in html
    assert "cluster choice" in html


def test_waterfall_ends_where_it_must(shop):
    steps = shop.tables["equity_waterfall"].set_index("step")
    assert steps.loc["closing", "value"] == pytest.approx(steps.loc["model_change", "end"])


def steps_of(**changed):
    """A waterfall with some of its steps set."""
    values = {"opening": 100.0, "acquisition": 20.0, "development": 5.0, "retention": -5.0, "recovery": 2.0,
              "loss": -9.0, "realised_profit": -10.0, "model_change": 1.0} | changed  # fmt: skip
    rows, level = [("opening", values["opening"], 0.0)], values.pop("opening")
    for step, value in values.items():
        rows.append((step, value, level))
        level += value
    table = pd.DataFrame([*rows, ("closing", level, 0.0)], columns=["step", "value", "begin"])
    return table.assign(end=table["begin"] + table["value"], kind="created")


def test_the_bridge_finds_other_words_where_signs_turn():
    usual, turned = (
        waterfall_chart(steps, "profit").to_json()
        for steps in (steps_of(), steps_of(acquisition=-20.0, recovery=-2.0, realised_profit=10.0))
    )
    assert all(word in usual for word in ('"won"', '"won back"', '"profit taken"'))
    assert all(word in turned for word in ('"won at a loss"', '"back at a loss"', '"loss paid in"'))
    assert '"profit taken"' not in turned
    read = VALUE_READINGS["equity_bridge"]({"equity_waterfall": steps_of(acquisition=-20.0, realised_profit=10.0)}, "x")
    assert "customers took 20" in read
    assert "10 of expected losses were made" in read
    assert "came in as" not in read
    assert "10 came in as x" in VALUE_READINGS["equity_bridge"]({"equity_waterfall": steps_of()}, "x")


def test_labels_of_bars_below_zero_stand_beneath_them():
    marks = {
        layer["encoding"]["y"]["field"]: layer["mark"]["dy"]
        for layer in waterfall_chart(steps_of(opening=-100.0), "profit").to_dict()["layer"]
        if layer["mark"]["type"] == "text"
    }
    assert marks == {"bottom": 9}
    both = waterfall_chart(steps_of(opening=6.0, loss=-40.0), "profit").to_dict()["layer"]
    assert sorted(layer["mark"]["dy"] for layer in both if layer["mark"]["type"] == "text") == [-8, 9]


def test_the_payback_chart_names_every_channel_that_does_not_pay_back():
    names = [f"a rather long name of channel {at}" for at in range(8)]
    table = pd.DataFrame({"group": ["quick", *names], "payback_days": [30.0] + [None] * 8, "payback_days_low": 20.0,
                          "payback_days_high": 50.0})  # fmt: skip
    title = payback_chart(table).to_dict()["title"]
    assert title["text"] == "Payback by acquisition channel, with intervals"
    assert all(name in " ".join(title["subtitle"]) for name in names)
    assert max(map(len, title["subtitle"])) <= 90
