"""Charts and page of a statement of value: every chart says what its money is, and the page needs no network."""

import re
from contextlib import nullcontext
from datetime import timedelta

import pandas as pd
import pytest

from patronage.ledger.tables import LedgerTables
from patronage.report.readings import percent
from patronage.report.value_charts import value_charts, waterfall_chart
from patronage.report.value_page import write_value_page
from patronage.report.value_readings import VALUE_READINGS
from patronage.report.value_winning import payback_chart, value_of_channels_chart
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
        assert "rofit" not in titles(chart), stem
        assert "profit taken" not in chart.to_json(), stem
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
    assert '"revenue taken"' in waterfall_chart(steps_of(), "revenue").to_json()
    less = waterfall_chart(steps_of(), "revenue less the cost of contacts").to_json()
    assert '"revenue less costs taken"' in less
    assert '"revenue taken"' not in less
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
                          "payback_days_high": 50.0, "cost_per_customer": 9.0})  # fmt: skip
    title = payback_chart(table).to_dict()["title"]
    assert title["text"] == "Payback by acquisition channel, with intervals"
    assert all(name in " ".join(title["subtitle"]) for name in names)
    assert max(map(len, title["subtitle"])) <= 90


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (
            {"search": 0.0, "store": 0.0},
            "On average customers of every channel pay back on the day of their first purchase.",
        ),
        (
            {"search": 0.0, "store": 0.0, "web": 9.0},
            "customers by search, store pay back first, on the day of their first",
        ),
        ({"search": 12.0, "store": 9.0}, "On average customers by store pay back first, after 9 days."),
        ({"search": float("nan")}, "No channel pays back within the ages looked at."),
    ],
)
def test_channels_that_pay_back_on_the_same_day_are_named_together(days, words):
    won = pd.DataFrame({"by": "acquisition channel", "group": list(days), "payback_days": list(days.values()),
                        "payback_days_low": 0.0, "payback_days_high": 0.0, "never_breaks_even": 0.25, "ltv_to_cac": 2.0,
                        "cost_per_customer": 9.0, "n_customers": 5, "cost_unknown": 0})  # fmt: skip
    assert words in VALUE_READINGS["payback"]({"acquisition": won}, "profit")
    drawn = payback_chart(won).to_dict()["layer"][1]["encoding"]["x"]["scale"]["domain"]
    assert drawn == [0, 30]


def channels_of(**changed):
    """Three channels that pay back, one that does not within the ages looked at, and one whose cost is not known."""
    nan = float("nan")
    table = pd.DataFrame(
        {
            "by": "acquisition channel",
            "group": ["search", "store", "web", "fair", "friends"],
            "n_customers": [10, 20, 30, 40, 50],
            "cost_unknown": [4, 0, 0, 0, 50],
            "cost_per_customer": [8.0, 9.0, 3.0, 50.0, nan],
            "realised_per_customer": [1.0, 9.0, 9.0, 9.0, 100.0],
            "future_per_customer": [1.0, 4.0, 4.0, 4.0, 100.0],
            "realised_where_cost_known": [11.0, 9.0, 9.0, 9.0, nan],
            "future_where_cost_known": [6.0, 4.0, 4.0, 4.0, nan],
            "value_created_per_customer": [9.0, 4.0, 10.0, -37.0, nan],
            "ltv_to_cac": [17 / 8, 13 / 9, 13 / 3, 13 / 50, nan],
            "never_breaks_even": [0.2, 0.3, 0.1, 0.9, nan],
            "payback_days": [60.0, 200.0, 10.0, nan, nan],
            "payback_days_low": [40.0, 90.0, 5.0, nan, nan],
            "payback_days_high": [80.0, nan, 20.0, nan, nan],
        }
    )
    return table.assign(**changed)


def test_an_open_interval_of_payback_reaches_the_end_of_the_axis():
    """That of store has no upper end; the largest of the others, 80 days, lies below its point, 200."""
    drawn = payback_chart(channels_of())
    rule = drawn.layer[0].data.set_index("group")
    end = drawn.to_dict()["layer"][1]["encoding"]["x"]["scale"]["domain"][1]
    assert rule["reach"].to_dict() == {"search": 80.0, "store": end, "web": 20.0}
    assert end > 200
    said = drawn.to_dict()["title"]["subtitle"]
    assert "Not within the ages looked at: fair" in said
    assert "Open intervals, whose upper end lies beyond the ages looked at: store" in said
    assert "Cost of winning not known: friends" in said
    closed = payback_chart(channels_of(payback_days_high=300.0)).to_dict()
    assert closed["layer"][1]["encoding"]["x"]["scale"]["domain"] == [0, 300]
    assert not any("Open" in line for line in closed["title"]["subtitle"])


def test_channels_that_fall_below_their_cost_again_are_named():
    of_store = channels_of(ltv_to_cac=[2.0, 0.4, 3.0, 0.3, float("nan")])
    assert "In the end they bring less than they cost by store." in VALUE_READINGS["payback"](
        {"acquisition": of_store}, "profit"
    )
    assert "In the end" not in VALUE_READINGS["payback"]({"acquisition": channels_of()}, "profit")


def test_channels_whose_cost_is_not_known_are_no_answer():
    read = {stem: VALUE_READINGS[stem]({"acquisition": channels_of()}, "profit") for stem in ("payback", "ltv_to_cac")}
    assert f"{percent(0.9)} of those by fair will never bring" in read["payback"]
    assert "Not within the ages looked at: fair. It may take longer than was looked at by store." in read["payback"]
    assert read["ltv_to_cac"].startswith("A customer by web brings 10 of profit more than it cost to win them, one by")
    for said in read.values():
        assert said.endswith("leaves out 54 of 150 customers, whose cost is not known, among them all by friends.")
        assert "—" not in said
    one = channels_of().query("group in ('web', 'friends')")
    assert "one by" not in VALUE_READINGS["ltv_to_cac"]({"acquisition": one}, "profit")


def test_bars_of_channels_are_of_customers_whose_cost_is_known():
    drawn = value_of_channels_chart(channels_of(), "profit")
    bars = drawn.layer[0].data.pivot(index="group", columns="what", values="value")
    assert sorted(bars.index) == ["fair", "search", "store", "web"]
    created = channels_of().set_index("group")["value_created_per_customer"].reindex(bars.index)
    assert (bars["so far"] + bars["to come"] - bars["cost to win"]).to_dict() == created.to_dict()
    said = drawn.to_dict()["title"]["subtitle"]
    assert said == ["Without 54 of 150 customers whose cost is not known", "Cost of winning not known: friends"]


LONG = "revenue less the cost of 33.3% of contacts, campaigns, acquisition and costs at the rates stated"


def test_long_names_of_money_are_wrapped_in_titles(shop, tmp_path):
    """A title is cut at the width of a chart and a bit; its lines of letters of 15 points have to fit."""
    assert LONG in "".join(titles_whole(value_charts(shop.tables, LONG)["cohorts"]))
    for chart in value_charts(shop.tables, LONG).values():
        text = chart.to_dict()["title"]["text"]
        assert max(map(len, [text] if isinstance(text, str) else text)) <= 84
    charts = {"cohorts": value_charts(shop.tables, LONG)["cohorts"]}
    write_value_page(shop.tables, charts, {}, [], (), LONG, tmp_path / "value.html")
    assert f"Cumulative {LONG} by cohort" in (tmp_path / "value.html").read_text()


def titles_whole(chart):
    text = chart.to_dict()["title"]["text"]
    return text if isinstance(text, str) else " ".join(text)
