"""The pictures of the purchase and spend models, and the parts of the page that show them."""

import dataclasses
import html
import itertools
import shutil
from datetime import date
from pathlib import Path

import altair as alt
import numpy as np
import pandas as pd
import pytest

from patronage.errors import ContractError
from patronage.evaluation import diagnostics as evaluated
from patronage.models.purchase.kinds import model_of
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.report import charts, diagnostics, page
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.time_unit import TimeUnit

CHROMIUM = next(
    (path for path in ["/usr/bin/chromium", shutil.which("chromium")] if path and Path(path).exists()), None
)
BG = model_of(BetaGeoParams(0.243, 4.414, 0.793, 2.426))
MBG = model_of(ModifiedBetaGeoParams(0.525, 6.183, 0.891, 1.614))
GG = GammaGamma.from_params(GammaGammaParams(6.25, 3.74, 15.44))
OPTIONAL = {
    "conditional_expectation",
    "spend_fit",
    "frequency_recency",
    "mixing",
}
CERTIFICATE = {
    "purchase": {
        "model": "BG/NBD",
        "passed": False,
        "checks": [
            {"name": "gradient", "passed": True, "value": 1e-9, "words": "largest derivative 1e-09."},
            {"name": "boundary", "passed": False, "value": None, "words": "a towards 0: <b>nobody</b> leaves."},
        ],
    },
    "spend": {
        "model": "Gamma-Gamma",
        "passed": True,
        "checks": [{"name": "finite mean", "passed": True, "value": 3.74, "words": "q is 3.740."}],
    },
}


@pytest.fixture(scope="module")
def customers():
    rng = np.random.default_rng(8)
    x = rng.geometric(0.5, 300) - 1.0
    return pd.DataFrame(
        {
            "frequency": x,
            "recency": np.where(x > 0, rng.uniform(5, 38, 300), 0.0),
            "T": 38.857,
            "monetary_value": np.where(x > 0, rng.lognormal(3.3, 0.6, 300), 0.0),
            "frequency_holdout": rng.poisson(0.6 * x + 0.2),
        }
    )


@pytest.fixture(scope="module")
def diagnosed(customers):
    """Every optional table of a report."""
    return {
        "conditional_expectation": evaluated.conditional_expectation(BG, customers, 39.0, rng=np.random.default_rng(1)),
        "spend_fit": evaluated.spend_fit(GG, customers),
        "frequency_recency": evaluated.frequency_recency_map(BG, customers, 39.0, TimeUnit.WEEK),
        "mixing": evaluated.mixing_distributions(BG, TimeUnit.WEEK),
        "parameters": pd.DataFrame(
            [("BG/NBD", "r", 0.2426, 0.0126, 0.2192, 0.2685), ("BG/NBD", "alpha", 4.41, np.nan, np.nan, np.nan)],
            columns=["model", "parameter", "estimate", "standard_error", "lower", "upper"],
        ),
        "model_choice": pd.DataFrame(
            {
                "model": ["MBG/NBD", "BG/NBD"],
                "n_parameters": 4,
                "log_likelihood": [-9582.1357, -9582.4292],
                "aic": [19172.27, 19172.86],
                "bic": [19195.33, 19195.92],
                "certificate_passed": [1, 0],
                "holdout_total_error": [-0.1622, -0.1215],
                "holdout_mae": [0.7648, 0.7855],
                "holdout_correlation": [0.6273, 0.6256],
                "holdout_log_score": [-0.8, -0.9],
            }
        ),
    }


@pytest.fixture
def full_tables(tables, diagnosed):
    low, high = (tables.tracking["expected_incremental"] * share for share in (0.8, 1.2))
    cumulative = tables.tracking["expected_cumulative"]
    tracking = tables.tracking.assign(
        incremental_low=low, incremental_high=high, cumulative_low=cumulative * 0.9, cumulative_high=cumulative * 1.1,
        level=0.9,
    )  # fmt: skip
    return dataclasses.replace(tables, tracking=tracking, certificate=CERTIFICATE, **diagnosed)


def text_of(tables, folder):
    page.write_report(tables, folder / "report.html")
    return html.unescape((folder / "report.html").read_text("utf-8"))


def data_of(chart, *fields):
    sets = [pd.DataFrame(rows) for rows in chart.to_dict()["datasets"].values()]
    return next(data for data in sets if set(fields) <= set(data.columns))


def test_every_table_has_its_chart_with_a_title_of_its_own(full_tables, tmp_path):
    drawn = page.charts(full_tables)
    assert set(drawn) >= OPTIONAL
    titles = [chart.to_dict()["title"] for chart in drawn.values()]
    assert len(set(titles)) == len(drawn)
    for file in page.write_pngs({stem: drawn[stem] for stem in OPTIONAL | {"tracking"}}, tmp_path):
        assert file.read_bytes().startswith(b"\x89PNG")


def test_a_run_without_the_new_tables_still_has_its_report(tables, tmp_path):
    assert not OPTIONAL & set(page.charts(tables))
    text = text_of(tables, tmp_path)
    for heading in ("Which purchase model", "Can the estimates be trusted?", "Parameters</h3>"):
        assert heading not in text
    assert "Not shown" not in text


def test_tables_come_back_from_csv_as_they_went(full_tables, tmp_path):
    for name in [*OPTIONAL, "tracking", "parameters", "model_choice"]:
        getattr(full_tables, name).to_csv(tmp_path / f"{name}.csv", index=False)
    read = {path.stem: pd.read_csv(path) for path in tmp_path.glob("*.csv")}
    again = dataclasses.replace(full_tables, **read)
    assert set(page.charts(again)) == set(page.charts(full_tables))
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    assert (
        text_of(again, tmp_path / "one").split("<script>")[0]
        == text_of(full_tables, tmp_path / "two").split("<script>")[0]
    )


def test_a_new_table_that_lacks_a_column_is_refused(full_tables):
    with pytest.raises(ContractError, match="The table mixing lacks the columns density"):
        dataclasses.replace(full_tables, mixing=full_tables.mixing.drop(columns="density"))


def test_tracking_intervals_are_drawn_and_named(full_tables):
    chart = charts.tracking_chart(full_tables.tracking)
    assert chart.to_dict()["title"].endswith("with 90 % intervals")
    band = data_of(chart, "incremental_low", "incremental_high")
    np.testing.assert_allclose(band["incremental_high"], full_tables.tracking["incremental_high"])


def test_joined_periods_have_no_intervals(full_tables):
    many = pd.concat([full_tables.tracking] * 20, ignore_index=True)
    many["period_end"] = pd.date_range("1990-01-01", periods=len(many), freq="7D")
    chart = charts.tracking_chart(many.assign(is_holdout=0))
    assert "interval" not in chart.to_dict()["title"]
    assert not any("incremental_low" in rows[0] for rows in chart.to_dict()["datasets"].values())


def test_conditional_expectation_shows_means_and_their_ratio(full_tables):
    table = full_tables.conditional_expectation
    chart = diagnostics.conditional_expectation_chart(table)
    means = data_of(chart, "series", "value").pivot(index="frequency", columns="series", values="value")
    np.testing.assert_allclose(means["Actual"][table["frequency"]], table["actual_mean"])
    ratio = data_of(chart, "value", "Actual", "Model")
    np.testing.assert_allclose(ratio["value"], table["actual_mean"] / table["expected_mean"])
    plain = table[["frequency", "n_customers", "actual_mean", "expected_mean"]]
    assert "interval" not in diagnostics.conditional_expectation_chart(plain).to_dict()["title"]


def test_heat_map_holds_every_cell_and_labels_some(full_tables):
    table = full_tables.frequency_recency
    chart = diagnostics.frequency_recency_chart(table)
    cells = data_of(chart, "expected_purchases", "probability_alive")
    assert len(cells) == len(table)
    specification = chart.to_dict()
    labels = [
        layer for panel in specification["vconcat"] for layer in panel["layer"] if layer["mark"]["type"] == "text"
    ]
    shown = {name for layer in labels for name in [layer["encoding"]["text"]["field"]]}
    assert shown == {"expected_purchases", "probability_alive"}
    assert specification["vconcat"][0]["title"]["text"] == "Expected purchase days in the next 39 weeks"
    schemes = [panel["layer"][0]["encoding"]["color"]["scale"]["scheme"] for panel in specification["vconcat"]]
    assert schemes == ["blues", "blues"]


def test_mixing_names_mean_and_median(full_tables):
    labels = [
        rows[0]["label"]
        for rows in diagnostics.mixing_chart(full_tables.mixing).to_dict()["datasets"].values()
        if "label" in rows[0]
    ]
    assert [label.split()[0] for label in labels] == ["mean", "median"] * 2
    # Means of Gamma(.243, 4.414) and Beta(.793, 2.426).
    assert {"mean 0.0551", "mean 0.246"} <= set(labels)


def test_a_median_below_the_axis_is_not_drawn():
    table = evaluated.mixing_distributions(model_of(BetaGeoParams(0.02, 4.4, 0.8, 2.4)), TimeUnit.WEEK)
    chart = diagnostics.mixing_chart(table[table["quantity"].str.startswith("Purchases")])
    labels = [rows[0]["label"] for rows in chart.to_dict()["datasets"].values() if "label" in rows[0]]
    assert [label.split()[0] for label in labels] == ["mean"]


def test_axes_have_ticks_however_narrow():
    for low, high in [(0.9, 1.1), (1e-5, 0.9), (3.0, 300.0), (0.0301, 0.0302)]:
        ticks = diagnostics._round_ticks(low, high, decades_only=True)
        assert 2 <= len(ticks) <= 10
        assert low <= min(ticks) < max(ticks) <= high


def test_alive_history_tells_models_apart(tmp_path):
    days = [date(1997, 1, 5), date(1997, 3, 1)]
    tables = [
        evaluated.alive_history(model, days, date(1997, 12, 31), TimeUnit.WEEK).assign(model=model.params_class.title)
        for model in (BG, MBG)
    ]
    chart = diagnostics.alive_history_chart(pd.concat(tables))
    lines = chart.to_dict()["layer"][1]["encoding"]["color"]["scale"]
    assert lines["domain"] == ["BG/NBD", "MBG/NBD"]
    assert "2 purchase days" in chart.to_dict()["title"]
    alone = diagnostics.alive_history_chart(tables[0].drop(columns="model"))
    assert alone.to_dict()["layer"][1]["encoding"]["color"]["legend"] is None
    for one in (chart, alone):
        one.save(str(tmp_path / "alive.png"))


def test_spend_fit_is_drawn_from_nothing_upwards(full_tables):
    specification = diagnostics.spend_fit_chart(full_tables.spend_fit, unit="GBP").to_dict()
    bars = specification["layer"][0]["encoding"]
    assert bars["y2"] == {"datum": 0}
    assert "GBP" in bars["x"]["title"]


def test_readings_are_computed_from_the_tables(full_tables, tmp_path):
    table = full_tables.conditional_expectation
    text = text_of(full_tables, tmp_path)
    expected, actual = ((table[f"{name}_mean"] * table["n_customers"]).sum() for name in ("expected", "actual"))
    assert f"the model expected {expected:,.0f} purchases in the holdout; {actual:,.0f} came" in text
    within = table["actual_mean"].between(table["expected_low"], table["expected_high"]).sum()
    assert f"In {within} of {len(table)} classes the mean lies within its 90\u00a0% interval." in text
    weeks = full_tables.tracking[full_tables.tracking["is_holdout"] == 1]
    inside = weeks["actual_incremental"].between(weeks["incremental_low"], weeks["incremental_high"]).sum()
    assert f"{inside} of its {len(weeks)} periods lie within their 90\u00a0% intervals" in text
    never = full_tables.frequency_recency.query("frequency == 0").iloc[0]
    assert f"With no repeat it is {never['expected_purchases']:.2f}, with a probability of 100.0\u00a0%" in text
    assert "Purchases a week while a customer: mean 0.055" in text


def test_checks_of_the_fit_are_shown_in_words_and_as_text(full_tables, tmp_path):
    page.write_report(full_tables, tmp_path / "report.html")
    raw = (tmp_path / "report.html").read_text("utf-8")
    assert "1 of 2 checks failed." in raw
    assert raw.count("All checks passed.") == 1
    assert "a towards 0: &lt;b&gt;nobody&lt;/b&gt; leaves." in raw
    assert raw.count("<b>failed</b>") == 1


def test_comparison_of_the_models_is_shown(full_tables, tmp_path):
    text = text_of(full_tables, tmp_path)
    assert "MBG/NBD was chosen among 2. The lowest AIC has MBG/NBD, the lowest BIC MBG/NBD." in text
    assert "the total is closest under BG/NBD (−12.2\u00a0%)." in text or "(−12.1\u00a0%)." in text
    assert "Not every check of the fit passed for BG/NBD." in text
    choice = page.choice_table(full_tables.model_choice)
    assert choice["rows"][0][1][:3] == ["4", "−9,582.1", "19,172.3"]
    without = full_tables.model_choice.assign(holdout_log_score=np.nan, holdout_total_error=np.nan)
    assert "holdout" not in page.choice_table(without)["words"]


def test_a_model_that_came_out_as_the_chosen_one_leads_in_nothing(full_tables):
    twin = full_tables.model_choice.iloc[[0]].assign(
        model="MBG/CNBD-1", bic=19195.33 - 1e-8, aic=19172.27 - 1e-8, holdout_log_score=-0.8 + 1e-12
    )
    words = page.choice_table(pd.concat([full_tables.model_choice, twin], ignore_index=True))["words"]
    assert "The lowest AIC has MBG/NBD, the lowest BIC MBG/NBD." in words
    assert "most probable under MBG/NBD;" in words


def test_unknown_standard_errors_are_dashes(full_tables):
    rows = page.parameter_rows(full_tables.parameters)
    assert rows[1] == ("BG/NBD", "alpha", ["4.41", "—", "—", "—"])


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize("width", [1200, 390])
def test_every_chart_is_drawn_without_complaint(full_tables, tmp_path, width):
    from playwright.sync_api import sync_playwright

    page.write_report(full_tables, tmp_path / "report.html")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": width, "height": 900})
        complaints = []
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto((tmp_path / "report.html").as_uri())
        tab.wait_for_function(
            "() => [...document.querySelectorAll('.chart')].every(c => c.querySelector('svg.marks'))", timeout=30_000
        )
        stems = tab.evaluate("[...document.querySelectorAll('.chart')].map(c => c.id)")
        rights = tab.evaluate(
            "[...document.querySelectorAll('.chart svg.marks')].map(c => c.getBoundingClientRect().right)"
        )
        levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
        overflow = tab.evaluate("document.documentElement.scrollWidth")
        browser.close()
    assert stems == list(page.charts(full_tables))
    assert max(rights) <= width
    assert overflow <= width
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert complaints == []


def test_charts_do_not_change_their_tables(full_tables):
    names = [*OPTIONAL, "tracking"]
    before = {name: getattr(full_tables, name).copy() for name in names}
    assert isinstance(page.charts(full_tables)["mixing"], alt.VConcatChart)
    for name in names:
        pd.testing.assert_frame_equal(getattr(full_tables, name), before[name])
