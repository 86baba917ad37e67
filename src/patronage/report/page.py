"""The report as one HTML file: figures, charts with a sentence each, tables; it needs no network."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from patronage import schema
from patronage.evaluation.trust import trust_in_words
from patronage.evaluation.verdict import metric_title, model_title, verdicts
from patronage.files import written_whole
from patronage.report import charts as drawing
from patronage.report import churn_charts as judging
from patronage.report import churn_tables as churn
from patronage.report import diagnostics as diagnosing
from patronage.report.html import figure_of, write_page
from patronage.report.readings import DASH, READINGS, figure, percent, read_model_choice, top_share
from patronage.report.tables import SCHEMAS
from patronage.report.tables import ReportTables as ReportTables

_OF_CUSTOMERS = ("clv_deciles", "frequency_recency", "mixing")
"""Charts of what the model says, where nothing came to hold it against."""


_DRIVERS = (
    "Mean absolute contribution to the log odds of churn, with intervals by resampling customers. What the model goes "
    "by is not what makes customers leave: that takes an experiment."
)
_WIN_LOSS = (
    "Effects run from -1 to 1. Cliff's delta of a number: the chance that one who left has more than one who stayed, "
    "less that of the reverse. Of text: the difference of the shares."
)
_LIFT = "Lift 1 is chance; the last column is the share of all who left that a list holds. Intervals by customer."
_MONEY = (
    "The best share of customers to contact in each order, with the costs of evaluation.campaign and each customer's "
    "own value if kept. The last column takes off what choosing the share with hindsight adds."
)
_SAVINGS = (
    "Each model contacts those of whom it expects that to cost less than not to: no threshold is chosen with "
    "hindsight. Savings are of the cheaper of contacting nobody and everybody (Bahnsen)."
)
_FOLDS = "Of each split by itself, in which the model was fitted to the other customers or to earlier days."
_SLICES = (
    "A dash where fewer than ten of a group left or stayed. A group whose predicted and actual shares lie apart is "
    "misjudged."
)
_BRIER = (
    "Reliability (0 is best) is what calibration loses, resolution (more is better) what telling customers apart wins; "
    "uncertainty is the same for all."
)


def charts(tables: ReportTables) -> dict[str, drawing.AnyChart]:
    """Draw every chart whose table is there and has rows.

    Returns
    -------
    dict of str to altair chart
        Keyed by file stem, in the order of the page.
    """
    days = partial(drawing.deciles_chart, title="Purchases by decile: actual and model", unit="purchase days")
    value = partial(drawing.deciles_chart, title="Value by decile: actual and model", unit=tables.money)
    spend = partial(diagnosing.spend_fit_chart, unit=tables.money)
    profit = partial(judging.profit_chart, unit=tables.money)
    plan: dict[str, tuple[Callable[[pd.DataFrame], drawing.AnyChart], pd.DataFrame | None]] = {
        "tracking": (drawing.tracking_chart, tables.tracking),
        "frequency": (drawing.frequency_chart, tables.frequency),
        "conditional_expectation": (diagnosing.conditional_expectation_chart, tables.conditional_expectation),
        "purchase_deciles": (days, tables.purchase_deciles),
        "value_deciles": (value, tables.value_deciles),
        "churn_calibration": (drawing.churn_calibration_chart, tables.churn_calibration),
        "churn_gain": (drawing.gain_chart, tables.churn_gain),
        "churn_lift": (judging.lift_chart, tables.churn_lift),
        "profit_curve": (profit, tables.profit_curve),
        "churn_stability": (judging.stability_chart, tables.churn_stability),
        "survival_curve": (judging.survival_curve_chart, tables.survival_calibration),
        "survival_calibration": (judging.survival_calibration_chart, tables.survival_calibration),
        "spend_fit": (spend, tables.spend_fit),
        "clv_deciles": (drawing.clv_decile_chart, tables.scores if tables.tells_value else None),
        "frequency_recency": (diagnosing.frequency_recency_chart, tables.frequency_recency),
        "mixing": (diagnosing.mixing_chart, tables.mixing),
    }
    return {stem: draw(table) for stem, (draw, table) in plan.items() if table is not None and len(table)}


def write_pngs(charts: Mapping[str, drawing.AnyChart], folder: Path | str) -> list[Path]:
    """Write each chart as ``<stem>.png`` into `folder`, at twice its nominal size.

    Returns
    -------
    list of Path
        The files, in the order of `charts`.

    Raises
    ------
    OutputError
        If the folder cannot be created or written.
    """
    targets = {stem: Path(folder) / f"{stem}.png" for stem in charts}
    for stem, chart in charts.items():
        with written_whole(targets[stem]) as unfinished:
            chart.save(str(unfinished), format="png", scale_factor=2)
    return list(targets.values())


def write_report(tables: ReportTables, path: Path | str) -> None:
    """Write the whole report as one HTML file that opens without a network.

    Parameters
    ----------
    tables : ReportTables
        What to show.
    path : path
        The file to write; it appears whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    valuable, at_risk = _most(tables.scores) if tables.tells_value else ([], [])
    drawn = [figure_of(stem, chart, READINGS[stem](tables)) for stem, chart in charts(tables).items()]
    write_page(
        path,
        "report.html.j2",
        facts=tables.facts,
        headlines=headline_figures(tables),
        held=[figure for figure in drawn if figure["stem"] not in _OF_CUSTOMERS],
        told=[figure for figure in drawn if figure["stem"] in _OF_CUSTOMERS],
        empty=_without_rows(tables),
        certificates=certificate_tables(tables.certificate),
        choice=choice_table(tables.model_choice),
        intervals=interval_rows(tables.intervals, tables.backtest),
        parameters=parameter_rows(tables.parameters),
        metrics=metric_tables(tables.metrics, tables.differences, tables.level),
        churn=churn_sections(tables),
        rules=churn.rules_beside(tables.metrics),
        level=f"{100 * tables.level:g}\u00a0%",
        leaks=None if tables.leaks is None else tables.leaks.to_dict("records"),
        valuable=valuable,
        at_risk=at_risk,
        likely=None if tables.tells_value else churn.likely_table(tables.scores),
        tells_value=tables.tells_value,
        money=tables.money,
        glossary=(schema.SCORES if tables.tells_value else schema.TABLE_SCORES).columns,
    )


def _without_rows(tables: ReportTables) -> list[str]:
    """Names of the tables that are there and have nothing to show; that there are no leaks is told by itself."""
    by_itself = ("leaks", "differences") if tables.tells_value else ("leaks", "differences", "scores")
    given = {name: getattr(tables, name) for name in SCHEMAS if name not in by_itself}
    return [name for name, table in given.items() if table is not None and len(table) == 0]


def headline_figures(tables: ReportTables) -> list[tuple[str, str]]:
    """Give the few figures at the top of the page as (label, value)."""
    scores = tables.scores
    count = len(scores)
    ahead = scores["horizon_days"].iloc[0] if count else math.nan
    horizon = "" if pd.isna(ahead) else f" in {ahead:.0f} days"
    leaving = float(scores["churn_probability"].sum())
    share = f" ({percent(leaving / count)} of customers)" if count else ""
    if not tables.tells_value:
        own = tables.metrics[tables.metrics["task"] == "churn"].drop_duplicates("metric").set_index("metric")["value"]
        told = [("ROC AUC", "roc_auc"), ("Calibration error", "calibration_error"), ("Lift, riskiest 10 %", "lift_10")]
        return [
            ("Customers scored", f"{count:,}"),
            (f"Expected to leave{horizon}{share}", f"{leaving:,.0f}"),
            *((title, figure(float(own.get(name, math.nan)))) for title, name in told),
        ]
    return [
        ("Customers scored", f"{count:,}"),
        (f"Expected purchase days{horizon}", f"{scores['expected_purchases'].sum():,.0f}"),
        (f"Total CLV ({tables.money}){horizon}", f"{scores['clv'].sum():,.0f}"),
        ("Share of CLV in the top 20 %", percent(top_share(scores))),
        (f"Expected to churn{share}", f"{leaving:,.0f}"),
    ]


def metric_tables(
    metrics: pd.DataFrame, differences: pd.DataFrame | None = None, level: float = 0.95
) -> list[dict[str, Any]]:
    """Arrange the metrics in one table a task.

    Returns
    -------
    list of dict
        task; models, the columns; rows, each a metric and (value, interval) for every model; verdict, in words; and
        compared, a table of how far the model and each rival are apart, or None.
    """
    tables, sentences = [], verdicts(metrics, differences, level)
    for task, part in metrics.groupby("task", sort=False):
        told = part.drop_duplicates(["metric", "model"]).to_dict("records")
        cells = {(row["metric"], row["model"]): churn.value_cell(row) for row in told}
        models = part["model"].unique().tolist()
        rows = [
            (metric_title(metric), [cells.get((metric, model), (DASH, "")) for model in models])
            for metric in part["metric"].unique()
        ]
        table = {"task": str(task).replace("_", " "), "models": [model_title(model) for model in models], "rows": rows}
        compared = churn.difference_table(differences, str(task), level)
        tables.append({**table, "verdict": sentences[str(task)], "compared": compared})
    return tables


def churn_sections(tables: ReportTables) -> list[dict[str, Any]]:
    """Arrange the further tables of the churn model, as far as they are there: title, words, columns and rows."""
    plan = [
        ("What moves the scores", _DRIVERS, churn.driver_table(tables.drivers)),
        ("What separates those who left from those who stayed", _WIN_LOSS, churn.win_loss_table(tables.win_loss)),
        ("Lists of the riskiest", _LIFT, churn.lift_table(tables.churn_lift)),
        ("By money", _MONEY, churn.campaign_table(tables.campaign_profit)),
        ("By what is saved", _SAVINGS, churn.savings_table(tables.campaign_savings)),
        ("In parts of the customers", _SLICES, churn.slice_table(tables.churn_slices)),
        ("The Brier score taken apart", _BRIER, churn.brier_table(tables.brier_parts)),
        ("Split by split", _FOLDS, churn.folds_table(tables.folds)),
    ]
    return [{"title": title, "words": words, **table} for title, words, table in plan if table]


def certificate_tables(certificate: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Arrange the checks of each fit: ``model``, ``verdict`` in words, ``rows`` (name, passed, words)."""
    tables = []
    for part in certificate.values():
        rows = [(str(check["name"]), bool(check["passed"]), str(check["words"])) for check in part["checks"]]
        failed = sum(not passed for _, passed, _ in rows)
        verdict = f"{failed} of {len(rows)} checks failed." if failed else "All checks passed."
        tables.append({"model": str(part["model"]), "verdict": verdict, "rows": rows})
    return tables


def interval_rows(intervals: pd.DataFrame | None, backtest: pd.DataFrame | None) -> dict[str, Any] | None:
    """Arrange how the intervals fared: ``words``, ``rows`` and ``origins``; nothing if they were not judged."""
    if intervals is None or intervals.empty or backtest is None or backtest.empty:
        return None
    rows = [
        (
            f"{row['what']}, {'own' if row['interval'] == 'model' else 'corrected'}",
            percent(row["level"]),
            percent(row["coverage"]) if row["what"] == "customers" else ("held" if row["coverage"] else "missed"),
            DASH if pd.isna(row["low"]) else f"{figure(row['low'])} to {figure(row['high'])}",
            figure(row["mean_width"]),
        )
        for row in intervals.to_dict("records")
    ]
    origins = [
        (
            str(row["cutoff"]),
            figure(row["actual"]),
            figure(row["expected"]),
            f"{figure(row['total_low'])} to {figure(row['total_high'])}",
            "held" if row["total_inside"] else "missed",
            percent(row["randomised_coverage"]),
        )
        for row in backtest.to_dict("records")
    ]
    return {"words": trust_in_words(intervals, backtest["ratio"].iloc[:-1]), "rows": rows, "origins": origins}


def choice_table(choice: pd.DataFrame | None) -> dict[str, Any] | None:
    """Arrange the comparison of the models: its ``words`` and ``rows``; nothing if there was no choice."""
    if choice is None or choice.empty:
        return None
    names = [name for name in schema.MODEL_CHOICE.names if name not in ("model", "certificate_passed")]
    rows = []
    for model, part in choice.groupby("model", sort=False):
        row = part.iloc[0]
        cells = [_precise(name, float(row[name])) for name in names]
        rows.append((str(model), cells, bool(row["certificate_passed"])))
    columns = [name.replace("_", " ").replace("holdout ", "") for name in names]
    columns = [name.upper() if name in ("aic", "bic") else name for name in columns]
    return {"columns": columns, "rows": rows, "words": read_model_choice(choice)}


def parameter_rows(parameters: pd.DataFrame | None) -> list[tuple[str, str, list[str]]]:
    """Arrange the estimates: model, parameter, and the figures written."""
    if parameters is None:
        return []
    names = schema.PARAMETERS.names[2:]
    return [
        (str(row["model"]), str(row["parameter"]), [figure(float(row[name])) for name in names])
        for _, row in parameters.iterrows()
    ]


def _precise(name: str, value: float) -> str:
    if name in ("log_likelihood", "aic", "bic") and math.isfinite(value):
        return f"{value:,.1f}".replace("-", "−")
    return percent(value, signed=True) if name == "holdout_total_error" else figure(value)


def _most(scores: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    at_stake = scores.assign(value_at_risk=scores["churn_probability"] * scores["clv"])
    orders = (at_stake.sort_values(name, ascending=False, kind="stable") for name in ("clv", "value_at_risk"))
    valuable, at_risk = (list(order.head(10).itertuples()) for order in orders)
    return valuable, at_risk
