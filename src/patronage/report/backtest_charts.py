"""The pictures of a backtest: candidates over all origins, in pairs with the best, and origin by origin."""

from collections.abc import Mapping

import altair as alt
import pandas as pd

from patronage.evaluation.candidates import LEADING
from patronage.evaluation.verdict import metric_title
from patronage.report.charts import ACTUAL_COLOUR, BASELINE_COLOURS, MODEL_COLOUR, WIDTH, AnyChart, theme

ROW = 34
"""Height of a candidate, in pixels."""

FIGURES = {
    "churn_log_loss": ("churn", "log_loss"), "churn_roc_auc": ("churn", "roc_auc"),
    "churn_calibration": ("churn", "calibration_error"), "value_total": ("value", "total_error"),
    "value_ranking": ("value", "normalised_gini"), "purchases_total": ("purchases", "total_error"),
}  # fmt: skip
"""Measures that have a picture of their own, by file stem."""


def backtest_charts(tables: Mapping[str, pd.DataFrame]) -> dict[str, AnyChart]:
    """Draw the backtest.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As described in `schema.backtest.BACKTEST_TABLES`.

    Returns
    -------
    dict of str to altair chart
        Keyed by file stem, in the order of the page.
    """
    order = tables["leaderboard"]["candidate"].tolist()
    pooled = tables["metrics"][tables["metrics"]["cutoff"].isna()]
    single = tables["metrics"][tables["metrics"]["cutoff"].notna()]
    drawn: dict[str, AnyChart] = {}
    for task, metric in LEADING.items():
        apart = _of(tables["differences"], task, metric)
        # Candidates that differ in another task foretell the same here: there is nothing to draw.
        if len(apart) and apart["difference"].any():
            drawn[f"differences_{task}"] = difference_chart(apart, task, metric)
    for stem, (task, metric) in FIGURES.items():
        drawn[stem] = interval_chart(_of(pooled, task, metric), task, metric, order)
    if single["cutoff"].nunique() > 1:
        drawn["origins"] = origin_chart(_of(single, "churn", "log_loss"), "churn", "log_loss", order)
    return drawn


def interval_chart(rows: pd.DataFrame, task: str, metric: str, order: list[str]) -> AnyChart:
    """One dot a candidate, with its interval."""
    title = f"{task}: {metric_title(metric)}"
    base = alt.Chart(rows[["candidate", "value", "low", "high"]]).encode(
        y=alt.Y("candidate:N", sort=order, title=None, axis=alt.Axis(labelLimit=220))
    )
    line = base.mark_rule(strokeWidth=2, color=MODEL_COLOUR).encode(
        x=alt.X("low:Q", title=title, scale=alt.Scale(zero=False)), x2="high:Q"
    )
    dot = base.mark_circle(size=90, color=MODEL_COLOUR, opacity=1).encode(
        x=alt.X("value:Q", scale=alt.Scale(zero=False)),
        tooltip=[_told(name) for name in ("candidate", "value", "low", "high")],
    )
    return _layered([line, dot], f"{title}, over all origins", ROW * len(order))


def difference_chart(rows: pd.DataFrame, task: str, metric: str) -> AnyChart:
    """The best less each other candidate, with the interval of the difference; 0 is no difference."""
    leader = str(rows["model"].iloc[0])
    title = f"{metric_title(metric)} of {leader} less that of the other"
    base = alt.Chart(rows[["rival", "difference", "low", "high"]]).encode(
        y=alt.Y("rival:N", title=None, axis=alt.Axis(labelLimit=220))
    )
    nothing = alt.Chart(pd.DataFrame({"at": [0.0]})).mark_rule(color=ACTUAL_COLOUR, strokeDash=[4, 3]).encode(x="at:Q")
    line = base.mark_rule(strokeWidth=2, color=MODEL_COLOUR).encode(x=alt.X("low:Q", title=title), x2="high:Q")
    dot = base.mark_circle(size=90, color=MODEL_COLOUR, opacity=1).encode(
        x="difference:Q", tooltip=[_told(name) for name in ("rival", "difference", "low", "high")]
    )
    return _layered([nothing, line, dot], f"{task}: {leader}, the best, against the others", ROW * len(rows))


def origin_chart(rows: pd.DataFrame, task: str, metric: str, order: list[str]) -> AnyChart:
    """Each candidate from origin to origin."""
    shown = rows[["candidate", "cutoff", "value"]].assign(cutoff=pd.to_datetime(rows["cutoff"]).dt.strftime("%Y-%m-%d"))
    colours = [MODEL_COLOUR, *BASELINE_COLOURS][: max(1, len(order))]
    chart = alt.Chart(shown)
    title = f"{task}: {metric_title(metric)}, origin by origin"
    lines: alt.Chart = chart.mark_line(point=True, strokeWidth=2).encode(
        x=alt.X("cutoff:O", title="origin", axis=alt.Axis(labelAngle=0)),
        y=alt.Y("value:Q", title=metric_title(metric), scale=alt.Scale(zero=False)),
        color=alt.Color("candidate:N", sort=order, scale=alt.Scale(domain=order, range=colours)),
        tooltip=[_told(name) for name in ("candidate", "cutoff", "value")],
    )
    return alt.LayerChart(layer=[lines], title=title, width=WIDTH, height=240, config=theme())


def _of(table: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    return table[(table["task"] == task) & (table["metric"] == metric)]


def _told(name: str) -> alt.Tooltip:
    return (
        alt.Tooltip(name, title=name, format=".4g")
        if name not in ("candidate", "rival", "cutoff")
        else alt.Tooltip(name)
    )


def _layered(layers: list[alt.Chart], title: str, height: int) -> alt.LayerChart:
    return alt.LayerChart(layer=layers, title=title, width=WIDTH, height=height, config=theme())
