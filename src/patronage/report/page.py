"""The report as one HTML file: figures, charts with a sentence each, tables; it needs no network."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import vl_convert
from markupsafe import Markup

from patronage import schema
from patronage.errors import ContractError
from patronage.evaluation.verdict import verdicts
from patronage.files import written_whole
from patronage.report import charts as drawing

DASH = "—"

_SCHEMAS = {
    "tracking": schema.TRACKING_CURVE,
    "frequency": schema.FREQUENCY_HISTOGRAM,
    "churn_calibration": schema.CHURN_CALIBRATION,
    "churn_gain": schema.CHURN_GAIN,
    "purchase_deciles": schema.DECILES,
    "value_deciles": schema.DECILES,
    "metrics": schema.METRICS,
    "scores": schema.SCORES,
}


@dataclass(frozen=True, slots=True, eq=False)
class ReportTables:
    """All that a report shows; any table may have no rows, and its part of the page then says so.

    Attributes
    ----------
    tracking, frequency : DataFrame
        `TRACKING_CURVE` and `FREQUENCY_HISTOGRAM` of the purchase model.
    churn_calibration, churn_gain : DataFrame
        `CHURN_CALIBRATION` and `CHURN_GAIN`; the first model named is the classifier, the rest its baselines.
    purchase_deciles, value_deciles : DataFrame
        `DECILES` of purchase days and of money.
    metrics : DataFrame
        `METRICS`, the model before its baselines within each task.
    scores : DataFrame
        `SCORES`, one row a customer.
    facts : mapping of str to str
        What the model is, in the order to be shown: ledger, dates, version, engine. If there is a fact named
        ``currency``, it is the unit of all money.

    Raises
    ------
    ContractError
        If a table lacks a column of its schema.
    """

    tracking: pd.DataFrame
    frequency: pd.DataFrame
    churn_calibration: pd.DataFrame
    churn_gain: pd.DataFrame
    purchase_deciles: pd.DataFrame
    value_deciles: pd.DataFrame
    metrics: pd.DataFrame
    scores: pd.DataFrame
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, table in _SCHEMAS.items():
            missing = [column for column in table.names if column not in getattr(self, name).columns]
            if missing:
                message = f"The table {name} lacks the columns {', '.join(missing)} of its schema."
                raise ContractError(message, counts=dict.fromkeys(missing, 1))

    @property
    def money(self) -> str:
        """The unit of money."""
        return self.facts.get("currency", "money")


def charts(tables: ReportTables) -> dict[str, drawing.AnyChart]:
    """Draw every chart whose table has rows.

    Returns
    -------
    dict of str to altair chart
        Keyed by file stem, in the order of the page.
    """
    days = partial(drawing.deciles_chart, title="Purchases by decile: actual and model", unit="purchase days")
    value = partial(drawing.deciles_chart, title="Value by decile: actual and model", unit=tables.money)
    plan: dict[str, tuple[Callable[[pd.DataFrame], drawing.AnyChart], pd.DataFrame]] = {
        "tracking": (drawing.tracking_chart, tables.tracking),
        "frequency": (drawing.frequency_chart, tables.frequency),
        "purchase_deciles": (days, tables.purchase_deciles),
        "value_deciles": (value, tables.value_deciles),
        "churn_calibration": (drawing.churn_calibration_chart, tables.churn_calibration),
        "churn_gain": (drawing.gain_chart, tables.churn_gain),
        "clv_deciles": (drawing.clv_decile_chart, tables.scores),
    }
    return {stem: draw(table) for stem, (draw, table) in plan.items() if len(table)}


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
    source = files("patronage.report").joinpath("page.html.j2").read_text("utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the default
    valuable, at_risk = _most(tables.scores)
    html = template.render(
        facts=tables.facts,
        headlines=headline_figures(tables),
        figures=[_figure(stem, chart, tables) for stem, chart in charts(tables).items()],
        empty=[name for name in _SCHEMAS if len(getattr(tables, name)) == 0],
        metrics=metric_tables(tables.metrics),
        valuable=valuable,
        at_risk=at_risk,
        money=tables.money,
        glossary=schema.SCORES.columns,
        bundle=Markup(bundle.replace("</script", "<\\/script")),
    )
    with written_whole(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def headline_figures(tables: ReportTables) -> list[tuple[str, str]]:
    """Give the five figures at the top of the page as (label, value)."""
    scores = tables.scores
    count = len(scores)
    horizon = f" in {scores['horizon_days'].iloc[0]} days" if count else ""
    leaving = float(scores["churn_probability"].sum())
    share = f" ({percent(leaving / count)} of customers)" if count else ""
    return [
        ("Customers scored", f"{count:,}"),
        (f"Expected purchase days{horizon}", f"{scores['expected_purchases'].sum():,.0f}"),
        (f"Total CLV ({tables.money}){horizon}", f"{scores['clv'].sum():,.0f}"),
        ("Share of CLV in the top 20 %", percent(top_share(scores))),
        (f"Expected to churn{share}", f"{leaving:,.0f}"),
    ]


def metric_tables(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Arrange the metrics in one table a task: its columns ``models``, its ``rows`` (metric, values), a ``verdict``."""
    tables, sentences = [], verdicts(metrics)
    for task, part in metrics.groupby("task", sort=False):
        cells = part.drop_duplicates(["metric", "model"]).set_index(["metric", "model"])["value"].astype(float)
        models = part["model"].unique().tolist()
        rows = [
            (metric, [figure(float(cells.get((metric, model), math.nan))) for model in models])
            for metric in part["metric"].unique()
        ]
        tables.append({"task": str(task), "models": models, "rows": rows, "verdict": sentences[str(task)]})
    return tables


def top_share(scores: pd.DataFrame) -> float:
    """Give the share of the total CLV held by the most valuable fifth; nan if the total is zero."""
    clv = np.sort(scores["clv"].to_numpy(dtype=float))[::-1]
    total = clv.sum()
    return float(clv[: -(-len(clv) // 5)].sum() / total) if total > 0 else math.nan


def percent(share: float, *, signed: bool = False) -> str:
    """Write a share as a percentage with one decimal, a dash if it is undefined."""
    if not math.isfinite(share):
        return DASH
    return f"{100 * share:{'+' if signed else ''}.1f}\u00a0%".replace("-", "−")


def figure(value: float) -> str:
    """Write a figure with four significant digits, or as a whole number from 1,000; a dash if undefined."""
    if not math.isfinite(value):
        return DASH
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")


def _figure(stem: str, chart: drawing.AnyChart, tables: ReportTables) -> dict[str, Any]:
    specification = chart.to_dict()
    title = specification.pop("title")  # the page has it as a heading, which wraps on a narrow screen
    reading = _READINGS[stem](tables)
    specification["description"] = f"{title}. {reading}"
    return {"stem": stem, "title": title, "reading": reading, "specification": specification}


def _most(scores: pd.DataFrame) -> tuple[list[Any], list[Any]]:
    at_stake = scores.assign(value_at_risk=scores["churn_probability"] * scores["clv"])
    orders = (at_stake.sort_values(name, ascending=False, kind="stable") for name in ("clv", "value_at_risk"))
    valuable, at_risk = (list(order.head(10).itertuples()) for order in orders)
    return valuable, at_risk


def _off(expected: float, actual: float) -> str:
    return f" ({percent(expected / actual - 1, signed=True)})" if actual else ""


def _read_tracking(tables: ReportTables) -> str:
    holdout = tables.tracking[tables.tracking["is_holdout"] == 1]
    expected, actual = holdout["expected_incremental"].sum(), holdout["actual_incremental"].sum()
    if holdout.empty:
        return "There is no holdout: the curve shows how the model follows the purchases it was fitted to."
    came = f"{actual:,.0f} came{_off(expected, actual)}"
    return (
        f"Over the holdout the model expected {expected:,.0f} repeat purchases, knowing of each customer only the day "
        f"of the first one; {came}."
    )


def _read_frequency(tables: ReportTables) -> str:
    never = tables.frequency[tables.frequency["frequency"].astype(str) == "0"]
    expected, actual = never["expected"].sum(), never["actual"].sum()
    stayed_away = f"{actual:,.0f} did not{_off(expected, actual)}"
    return f"The model expected {expected:,.0f} customers not to come back up to the cut-off; {stayed_away}."


def _read_deciles(table: pd.DataFrame, unit: str) -> str:
    top = table.sort_values("decile").iloc[0]
    expected, actual = top["predicted_mean"], top["actual_mean"]
    all_expected, all_actual = table["predicted_total"].sum(), table["actual_total"].sum()
    return (
        f"In the top decile the model expected {expected:,.2f} ({unit}) per customer; "
        f"{actual:,.2f} came{_off(expected, actual)}. Over all deciles it expected {all_expected:,.0f}; "
        f"{all_actual:,.0f} came{_off(all_expected, all_actual)}."
    )


def _read_calibration(tables: ReportTables) -> str:
    table = tables.churn_calibration
    name, bins = table["model"].iloc[0], table[table["model"] == table["model"].iloc[0]]
    count = bins["n_customers"].sum()
    predicted, observed = ((bins[column] * bins["n_customers"]).sum() / count for column in ("predicted", "observed"))
    within = bins["predicted"].between(bins["observed_low"], bins["observed_high"]).sum()
    return (
        f"By {name}, {percent(predicted)} of {count:,} customers were to churn; {percent(observed)} did. "
        f"In {within} of {len(bins)} bins the prediction lies within the 95 % interval of what came."
    )


def _read_gain(tables: ReportTables) -> str:
    found = []
    for name, curve in tables.churn_gain.groupby("model", sort=False):
        curve = curve.sort_values("share_contacted")
        at = np.interp(0.2, [0.0, *curve["share_contacted"]], [0.0, *curve["share_of_churners"]])
        found.append(f"{percent(float(at))} by {name}")
    return f"Of all churners, the riskiest 20 % of customers hold: {', '.join(found)}; by chance, 20 %."


def _read_clv(tables: ReportTables) -> str:
    share = top_share(tables.scores)
    if not math.isfinite(share):
        return "The total CLV is zero, so no customer holds a share of it."
    return f"The most valuable 20 % of customers hold {percent(share)} of the total CLV."


_READINGS: dict[str, Callable[[ReportTables], str]] = {
    "tracking": _read_tracking,
    "frequency": _read_frequency,
    "purchase_deciles": lambda tables: _read_deciles(tables.purchase_deciles, "purchase days"),
    "value_deciles": lambda tables: _read_deciles(tables.value_deciles, tables.money),
    "churn_calibration": _read_calibration,
    "churn_gain": _read_gain,
    "clv_deciles": _read_clv,
}
