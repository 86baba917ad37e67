"""The report is one file that opens offline, draws every chart, and treats names as text."""

import dataclasses
import html
import itertools
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patronage import schema
from patronage.errors import ContractError, OutputError
from patronage.report import page
from patronage.report.churn_tables import difference_table

CHROMIUM = next(
    (path for path in ["/usr/bin/chromium", shutil.which("chromium")] if path and Path(path).exists()), None
)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
WIDTHS = pytest.mark.parametrize("width", [1200, 390])

EVIL = "</script><script>window.attacked = 1</script>"
EVIL_IMAGE = "<img src=x onerror='window.attacked = 1'>"


def written(tables, folder):
    target = folder / "report.html"
    page.write_report(tables, target)
    return target


def text_of(tables, folder):
    return html.unescape(written(tables, folder).read_text("utf-8"))


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def visit(browser, target, width=1200):
    """Open the file, wait until every chart is drawn; return the tab, its complaints and its requests."""
    tab = browser.new_page(viewport={"width": width, "height": 900})
    complaints, requests = [], []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: requests.append(request.url))
    tab.goto(target.as_uri())
    tab.wait_for_function(
        "() => [...document.querySelectorAll('.chart')].every(c => c.querySelector('svg.marks, canvas'))",
        timeout=20_000,
    )
    return tab, complaints, requests


@pytest.mark.browser
@needs_chromium
@WIDTHS
def test_every_chart_is_drawn_without_complaint_or_network(browser, tables, tmp_path, width):
    target = written(tables, tmp_path)
    tab, complaints, requests = visit(browser, target, width)
    sizes = tab.evaluate(
        "[...document.querySelectorAll('.chart')].map(chart => {"
        "  const box = chart.querySelector('svg.marks, canvas').getBoundingClientRect();"
        "  return [chart.id, box.width, box.height, box.right]; })"
    )
    assert [stem for stem, *_ in sizes] == list(page.charts(tables))
    assert all(chart_width > 150 and height > 100 for _, chart_width, height, _ in sizes)
    assert all(right <= width for *_, right in sizes)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    assert requests == [target.as_uri()]
    tab.close()


@pytest.mark.browser
@needs_chromium
def test_charts_can_be_saved_and_the_file_names_them(browser, tables, tmp_path):
    tab, complaints, _ = visit(browser, written(tables, tmp_path))
    tab.click("#frequency summary")
    choices = tab.locator("#frequency .vega-actions a")
    assert choices.all_inner_texts() == ["Save as SVG", "Save as PNG"]
    with tab.expect_download() as download:
        choices.nth(1).click()
    assert download.value.suggested_filename == "frequency.png"
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
    assert complaints == []
    tab.close()


@pytest.mark.browser
@needs_chromium
def test_names_from_outside_stay_text(browser, tables, tmp_path):
    scores = tables.scores.copy()
    scores.loc[scores["clv"].idxmax(), "customer_id"] = EVIL
    scores.loc[scores["clv"].nlargest(2).index[1], "customer_id"] = EVIL_IMAGE
    hostile = dataclasses.replace(
        tables,
        scores=scores,
        facts={EVIL: EVIL_IMAGE, "currency": EVIL},
        metrics=tables.metrics.replace("bg_nbd", EVIL),
        churn_calibration=tables.churn_calibration.replace("classifier", EVIL),
        churn_gain=tables.churn_gain.replace("classifier", EVIL_IMAGE),
    )
    tab, complaints, requests = visit(browser, written(hostile, tmp_path))
    assert tab.evaluate("window.attacked") is None
    assert tab.locator("main img").count() == 0
    assert tab.locator("tbody th", has_text=EVIL).count() >= 1
    assert tab.locator("tbody th", has_text=EVIL_IMAGE).count() >= 1
    assert EVIL in tab.inner_text("#churn_calibration")
    assert complaints == []
    assert len(requests) == 1
    tab.close()


@pytest.mark.browser
@needs_chromium
def test_headings_tables_and_charts_are_named_for_screen_readers(browser, tables, tmp_path):
    tab, *_ = visit(browser, written(tables, tmp_path))
    levels = tab.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert tab.evaluate("[...document.querySelectorAll('th')].every(th => th.scope)")
    assert tab.evaluate("[...document.querySelectorAll('table')].every(t => t.caption)")
    labels = tab.evaluate("[...document.querySelectorAll('.chart-wrapper')].map(c => c.ariaLabel)")
    assert "Over the holdout the model expected" in labels[0]
    assert len(set(labels)) == len(labels)
    tab.close()


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize("customers", [0, 1, 3])
def test_few_customers(browser, make_tables, tmp_path, customers):
    tab, complaints, _ = visit(browser, written(make_tables(customers), tmp_path))
    assert tab.locator(".chart").count() == (7 if customers else 6)
    assert complaints == []
    tab.close()


def test_readings_are_computed_from_the_tables(tables, tmp_path):
    tracking = tables.tracking.copy()
    holdout = tracking["is_holdout"] == 1
    tracking.loc[holdout, "expected_incremental"] = 3104 / holdout.sum()
    tracking.loc[holdout, "actual_incremental"] = 3310 / holdout.sum()
    text = text_of(dataclasses.replace(tables, tracking=tracking), tmp_path)
    assert (
        "Over the holdout the model expected 3,104 repeat purchases, knowing of each customer only the day of the first"
        in text
    )
    assert "one; 3,310 came (−6.2\u00a0%)." in text
    assert "The model expected 1,389 customers not to come back up to the cut-off; 1,411 did not" in text
    assert "by chance, 20 %" in text


def test_gain_reading_interpolates(tmp_path):
    gain = pd.DataFrame({"model": "m", "share_contacted": [0.1, 0.3, 1.0], "share_of_churners": [0.2, 0.5, 1.0]})
    tables = dataclasses.replace(empty_tables(), churn_gain=gain)
    sentence = "Of all churners, the riskiest 20 % of customers hold: 35.0\u00a0% by m; by chance, 20 %."
    assert sentence in text_of(tables, tmp_path)


def test_calibration_reading_is_weighted_by_customers(tmp_path):
    rows = [
        ("m", 1, 300, 0.2, 0.3, 0.25, 0.35),
        ("m", 2, 100, 0.6, 0.5, 0.4, 0.6),
        ("b", 1, 9, 0.9, 0.1, 0.0, 0.2),
    ]
    table = pd.DataFrame(rows, columns=schema.CHURN_CALIBRATION.names)
    text = text_of(dataclasses.replace(empty_tables(), churn_calibration=table), tmp_path)
    assert "By m, 30.0\u00a0% of 400 customers were to churn; 35.0\u00a0% did. In 1 of 2 bins" in text


def test_headline_figures(tables):
    figures = dict(page.headline_figures(tables))
    scores = tables.scores
    top = scores["clv"].nlargest(40).sum() / scores["clv"].sum()
    leaving = scores["churn_probability"].sum()
    assert figures["Customers scored"] == "200"
    assert figures["Expected purchase days in 91 days"] == f"{scores['expected_purchases'].sum():,.0f}"
    assert figures["Total CLV (money) in 91 days"] == f"{scores['clv'].sum():,.0f}"
    assert figures["Share of CLV in the top 20 %"] == f"{100 * top:.1f}\u00a0%"
    assert figures[f"Expected to churn ({100 * leaving / 200:.1f}\u00a0% of customers)"] == f"{leaving:,.0f}"


def test_metrics_stand_side_by_side_with_a_dash_for_the_undefined(tables):
    by_task = {part["task"]: part for part in page.metric_tables(tables.metrics)}
    assert list(by_task) == ["purchases", "value", "churn"]
    assert by_task["churn"]["models"] == ["classifier", "days since last purchase"]
    assert by_task["churn"]["rows"] == [
        ("ROC AUC", [("0.7811", ""), ("0.7714", "")]),
        ("log loss", [("0.4872", ""), ("—", "")]),
    ]
    assert dict(by_task["purchases"]["rows"])["expected total"] == [("1,728", ""), ("2,930", "")]


def test_a_measure_that_a_baseline_lacks_is_a_dash():
    metrics = pd.DataFrame(
        [("churn", "a", "auc", 0.5), ("churn", "b", "lift", None)], columns=schema.METRICS.required, dtype=object
    )
    (table,) = page.metric_tables(metrics)
    assert table["rows"] == [("auc", [("0.5", ""), ("—", "")]), ("lift", [("—", ""), ("—", "")])]


def test_intervals_and_differences_stand_beside_the_figures(tables, tmp_path):
    metrics = tables.metrics.query("task == 'churn' and metric == 'roc_auc'").assign(low=0.77, high=0.79)
    differences = pd.DataFrame(
        [("churn", "classifier", "recency", "roc_auc", 0.0097, 0.002, 0.017, 0.01, "better")],
        columns=list(schema.DIFFERENCES.names),
    )
    (part,) = page.metric_tables(metrics, differences)
    assert part["rows"] == [("ROC AUC", [("0.7811", "0.77 to 0.79"), ("0.7714", "0.77 to 0.79")])]
    assert part["verdict"] == (
        "Against days since the last purchase: ROC AUC better by 0.010 (95 % interval 0.002 to 0.017)."
    )
    shown = text_of(dataclasses.replace(tables, metrics=metrics, differences=differences), tmp_path)
    assert "0.77 to 0.79" in shown
    assert "better by 0.010" in shown


def judged_tables(tables):
    """The same with the tables of a judgement, of two models and without intervals for the second."""
    lift = pd.DataFrame(
        [(model, share, 10, 0.7, 0.6, 3.0, 2.5 if model == "model" else np.nan, 3.5 if model == "model" else np.nan,
          3 * share, np.nan, np.nan) for model in ("model", "recency") for share in (0.01, 0.2)],
        columns=list(schema.CHURN_LIFT.names),
    )  # fmt: skip
    curve = pd.DataFrame(
        [("expected profit", share, round(200 * share), 0.5, 100 * share - 60 * share**2, 5.0, 60.0)
         for share in (0.0, 0.5, 1.0)], columns=list(schema.PROFIT_CURVE.names),
    )  # fmt: skip
    best = pd.DataFrame(
        [("expected profit", 1.0, 0.8, 1.0, 200, 0.2, 40.0, 30.0, 50.0, 39.0)],
        columns=list(schema.CAMPAIGN_PROFIT.names),
    )
    stability = pd.DataFrame(
        [(day, model, 200, 90, metric, 0.8, 0.75, 0.85) for day in ("2023-03-31", "2023-06-30")
         for model in ("model", "recency") for metric in ("roc_auc", "log_loss")],
        columns=list(schema.CHURN_STABILITY.names),
    )  # fmt: skip
    leaks = pd.DataFrame([("reason", "decides", 1.0, 200, "It is the <label>.")], columns=list(schema.LEAKS.names))
    given = {"churn_lift": lift, "profit_curve": curve, "campaign_profit": best, "churn_stability": stability}
    return dataclasses.replace(tables, **given, leaks=leaks)


def test_a_judgement_is_drawn_and_told(tables, tmp_path):
    judged = judged_tables(tables)
    drawn = page.charts(judged)
    assert {"churn_lift", "profit_curve", "churn_stability"} <= set(drawn)
    page.write_pngs({stem: drawn[stem] for stem in ("churn_lift", "profit_curve", "churn_stability")}, tmp_path / "png")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (tmp_path / "png").iterdir())
    shown = text_of(judged, tmp_path)
    assert "Contacting the 100.0 % with the highest expected profit would have made 40" in shown
    assert "fitted and judged at 2 cut-offs: the ROC AUC of the model was 0.800 to 0.800" in shown
    assert "It is the <label>." in shown
    assert "reason" in shown


def table_page():
    """What is known of the model of a customer table, in which nothing is told of purchases and value."""
    rng = np.random.default_rng(3)
    bins = [(model, number + 1, 60, 0.1 * number + 0.05, 0.1 * number + 0.04, 0.1 * number, 0.1 * number + 0.1)
            for model in ("model", "base_rate") for number in range(5)]  # fmt: skip
    gain = pd.DataFrame({"model": "model", "share_contacted": [0.1, 0.3, 1.0], "share_of_churners": [0.2, 0.5, 1.0]})
    metrics = pd.DataFrame(
        [("churn", "model", "roc_auc", 0.8478, 0.84, 0.86), ("churn", "model", "calibration_error", 0.009, 0.004, 0.02),
         ("churn", "base_rate", "roc_auc", 0.5, 0.49, 0.51), ("time_to_churn", "model", "concordance", 0.6, 0.5, 0.7)],
        columns=list(schema.METRICS.names),
    )  # fmt: skip
    scores = pd.DataFrame(
        {
            "customer_id": [EVIL, *(f"c{number:02d}" for number in range(29))],
            "as_of": None,
            "horizon_days": None,
            "churn_probability": [0.99, *rng.uniform(0, 0.9, 29)],
            "model_version": "telco/1",
            "reason_1": ["two open complaints", None, *["tenure 1, below the usual 29"] * 28],
        }
    )
    savings = pd.DataFrame(
        [("model", 20, 900.0, 1200.0, 1000.0, 0.1, 0.05, 0.15, np.nan, np.nan, np.nan),
         ("logistic", 25, 950.0, 1200.0, 1000.0, 0.05, 0.0, 0.1, 0.05, 0.01, 0.09)],
        columns=list(schema.CAMPAIGN_SAVINGS.names),
    )  # fmt: skip
    staying = pd.DataFrame(
        [("model", 30 * period, group, 30, 0.9**period, 0.9**period + 0.01, 0.8**period, 0.99)
         for period in (1, 2, 3) for group in (0, 1, 2)],
        columns=list(schema.SURVIVAL_CALIBRATION.names),
    )  # fmt: skip
    folds = pd.DataFrame({"split": ["a", "b"] * 2, "model": ["model", "model", "base_rate", "base_rate"],
                          "roc_auc": [0.84, 0.86, 0.5, 0.5]})  # fmt: skip
    return page.ReportTables(
        churn_calibration=pd.DataFrame(bins, columns=list(schema.CHURN_CALIBRATION.names)),
        churn_gain=gain, metrics=metrics, scores=scores, campaign_savings=savings, survival_calibration=staying,
        folds=folds, facts={"learnt from": "telco, 30 rows"}, tells_value=False,
    )  # fmt: skip


def test_a_model_that_tells_churn_alone_has_the_same_page_without_purchases_and_value(tmp_path):
    tables = table_page()
    assert list(page.charts(tables)) == ["churn_calibration", "churn_gain", "survival_curve", "survival_calibration"]
    figures = dict(page.headline_figures(tables))
    assert figures["Customers scored"] == "30"
    assert figures["ROC AUC"] == "0.8478"
    leaving = tables.scores["churn_probability"].sum()
    assert figures[f"Expected to leave ({100 * leaving / 30:.1f}\u00a0% of customers)"] == f"{leaving:,.0f}"
    shown = text_of(tables, tmp_path)
    for word in ("CLV", "purchase", "The most valuable", "these tables have no rows", "nan", "None<"):
        assert word not in shown.split("<script>")[0], word
    assert "two open complaints" in shown
    assert "<b>the base rate</b>, everybody churns as often" in shown
    assert "By the model, 25.0\u00a0% of 300 rows that were foretold were to churn" in shown
    assert "After 90 days 72.9\u00a0% of 30 customers were to be still there; 73.9\u00a0% were." in shown
    assert "by logistic" in shown
    assert "5.0\u00a0% (1.0\u00a0% to 9.0\u00a0%)" in shown
    assert "Split by split" in shown
    assert "0.8500" in shown  # the median of the splits
    assert "Time to churn" in shown


def test_a_task_without_a_measure_to_compare_by_has_no_table_of_rivals(tmp_path):
    columns = {"rival": "same_curve", "difference": 0.02, "low": 0.01, "high": 0.03, "p_value": 0.001}
    told = {"model": "model", "verdict": "better", **columns}
    differences = pd.DataFrame(
        [{"task": "time_to_churn", "metric": "concordance", **told}, {"task": "churn", "metric": "brier", **told}]
    )
    assert difference_table(differences, "time_to_churn", 0.95) is None
    assert len(difference_table(differences, "churn", 0.95)["rows"]) == 1
    metrics = table_page().metrics.iloc[:1]
    both = pd.concat([metrics.assign(task="time_to_churn", metric="concordance"), metrics])
    shown = text_of(dataclasses.replace(table_page(), metrics=both, differences=differences), tmp_path)
    assert "<caption>Measures of the task “time to churn”</caption>" in shown
    assert "Differences: churn" in shown
    assert "Differences: time to churn" not in shown


@pytest.mark.browser
@needs_chromium
def test_the_page_of_such_a_model_draws_and_runs_nothing_from_outside(browser, tmp_path):
    tab, complaints, requests = visit(browser, written(table_page(), tmp_path))
    assert tab.evaluate("window.attacked") is None
    assert tab.locator("tbody th", has_text=EVIL).count() == 1
    assert tab.locator(".chart").count() == 4
    assert complaints == []
    assert len(requests) == 1
    tab.close()


def test_scores_of_such_a_model_lack_nothing_of_their_own_schema(tables):
    with pytest.raises(ContractError, match="The table scores lacks the columns churn_probability"):
        dataclasses.replace(table_page(), scores=table_page().scores.drop(columns="churn_probability"))


def test_charts_call_models_what_they_are_called_elsewhere(tables):
    named = dataclasses.replace(tables, churn_gain=tables.churn_gain.replace("logistic_rfm", "not_active"))
    drawn = str(page.charts(named)["churn_gain"].to_dict())
    assert "1 − probability active" in drawn
    assert "not_active" not in drawn


def test_no_leak_is_told_as_such_and_not_as_a_missing_table(tables, tmp_path):
    none = dataclasses.replace(tables, leaks=pd.DataFrame(columns=list(schema.LEAKS.names)))
    shown = text_of(none, tmp_path)
    assert "None was found among the features." in shown
    assert "these tables have no rows" not in shown


def test_lists_hold_the_ten_highest(tables, tmp_path):
    valuable, at_risk = (part.split("</table>")[0] for part in text_of(tables, tmp_path).split("<tbody>")[4:6])
    scores = tables.scores.assign(risk=tables.scores["clv"] * tables.scores["churn_probability"])
    for listed, column in [(valuable, "clv"), (at_risk, "risk")]:
        ids = [row.split("<")[0] for row in listed.split('<th scope="row">')[1:]]
        assert ids == scores.nlargest(10, column)["customer_id"].tolist()


def test_glossary_is_the_schema(tables, tmp_path):
    text = text_of(tables, tmp_path)
    for column in schema.SCORES.columns:
        assert column.name in text
        assert column.meaning in text
    assert "Under BG/NBD it is 1 for every customer without a repeat purchase" in text


def test_zero_total_value(tables, tmp_path):
    worthless = dataclasses.replace(tables, scores=tables.scores.assign(clv=0.0))
    text = text_of(worthless, tmp_path)
    assert "The total CLV is zero, so no customer holds a share of it." in text
    assert dict(page.headline_figures(worthless))["Share of CLV in the top 20 %"] == "—"


def empty_tables():
    names = {
        "tracking": schema.TRACKING_CURVE,
        "frequency": schema.FREQUENCY_HISTOGRAM,
        "churn_calibration": schema.CHURN_CALIBRATION,
        "churn_gain": schema.CHURN_GAIN,
        "purchase_deciles": schema.DECILES,
        "value_deciles": schema.DECILES,
        "metrics": schema.METRICS,
        "scores": schema.SCORES,
    }
    return page.ReportTables(**{name: pd.DataFrame(columns=list(table.names)) for name, table in names.items()})


def test_tables_without_rows_are_named(tmp_path):
    tables = empty_tables()
    assert page.charts(tables) == {}
    text = text_of(tables, tmp_path)
    assert "these tables have no rows: tracking, frequency, churn calibration, churn gain" in text
    assert "No measures were taken." in text
    assert "Nothing is recorded about the model." in text


def test_a_missing_column_is_refused(tables):
    with pytest.raises(ContractError, match=r"The table scores lacks the columns clv of its schema"):
        dataclasses.replace(tables, scores=tables.scores.drop(columns="clv"))


def test_undefined_figures_are_dashes():
    assert page.figure(np.nan) == page.percent(np.inf) == "—"
    assert page.figure(-1234.5) == "−1,234"
    assert page.percent(-0.0616, signed=True) == "−6.2\u00a0%"
    assert page.percent(-0.0001) == "0.0\u00a0%"


def test_the_page_holds_no_address_to_load_from(tables, tmp_path):
    text = written(tables, tmp_path).read_text("utf-8")
    for reference in ["<link", "src=", "@import", "url("]:
        assert reference not in text.split("<script>")[0]
    assert "default-src 'none'" in text
    assert text.count("vegaEmbed(place") == 1


def test_pictures_are_written_under_their_stems(tables, tmp_path):
    charts = page.charts(tables)
    files = page.write_pngs(charts, tmp_path / "pictures")
    assert [file.stem for file in files] == list(charts)
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    assert sorted((tmp_path / "pictures").iterdir()) == sorted(files)


def test_an_unwritable_place_is_an_output_error(tables, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError):
        page.write_report(tables, tmp_path / "file" / "report.html")
    with pytest.raises(OutputError):
        page.write_pngs(page.charts(tables), tmp_path / "file" / "pictures")
