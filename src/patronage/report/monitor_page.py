"""A monitoring run as one HTML page: what to do, why, pictures, every test; it needs no network."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from patronage.evaluation.alarms import Verdict
from patronage.files import written_whole
from patronage.report.charts import AnyChart
from patronage.report.monitor_charts import monitor_charts

TITLES = {
    "keep": "The model still fits its customers",
    "watch": "Customers have changed: watch the model",
    "check the data": "Check the data first",
    "retrain": "Train the model again",
}
"""Headline by advice."""

READINGS = {
    "psi": "Right of the dashed line a shift is large enough to matter; it is an alarm only if chance does not explain "
    "it, and if the column does not move by nature as customers age.",
    "realised": "The grey bar holds what comes if the model is right; 1 is exactly what was foretold. Outside the bar "
    "is an alarm only if the miss is large enough to matter, and beyond chance over all tests of the run.",
}
"""How each chart is read, by the beginning of its stem."""

ORDER = {"yes": 0, "no": 1, "small": 2, "ageing": 3}
"""Alarms come first in a table."""


def write_monitor_page(
    tables: Mapping[str, pd.DataFrame], facts: Mapping[str, str], verdict: Verdict, path: Path | str
) -> None:
    """Write the page as one file that opens without a network, whole or not at all.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As described in `schema.monitoring.MONITORING_TABLES`, decided.
    facts : mapping of str to str
        Model, batch, reference.
    verdict : Verdict
    path : path

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    source = files("patronage.report").joinpath("monitor_page.html.j2").read_text("utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the default
    html = template.render(
        title=TITLES[verdict.advice],
        words=verdict.words,
        facts=facts,
        figures=[_figure(stem, chart) for stem, chart in monitor_charts(tables).items()],
        tables=[_drift(tables["drift"]), *([_realised(tables["realised"])] if "realised" in tables else [])],
        bundle=Markup(bundle.replace("</script", "<\\/script")),
    )
    with written_whole(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def _figure(stem: str, chart: AnyChart) -> dict[str, Any]:
    specification = chart.to_dict()
    title = specification.pop("title")
    title = title if isinstance(title, str) else title["text"]
    reading = READINGS[stem.partition("_")[0]]
    specification["description"] = f"{title}. {reading}"
    return {"stem": stem, "title": title, "reading": reading, "specification": specification}


def _drift(table: pd.DataFrame) -> dict[str, Any]:
    rows = [
        [f"{row['name']}", row["test"], row["alarm"], _number(row["size"]), _number(row["limit"]),
         _probability(row["p_value"]), _probability(row["p_adjusted"]), row["words"]]
        for row in _alarms_first(table)
    ]  # fmt: skip
    heads = ["column", "test", "alarm", "size", "matters beyond", "p", "p over all tests", "what was seen"]
    return {"title": "Inputs and scores", "heads": heads, "rows": rows, "file": "drift.parquet and drift.csv"}


def _realised(table: pd.DataFrame) -> dict[str, Any]:
    rows = [
        ["all" if row["grouping"] == "all" else f"{row['grouping']}: {row['group']}", row["quantity"], row["test"],
         row["alarm"], f"{row['n_customers']:,}", _number(row["predicted"]), _number(row["realised"]),
         f"{_number(row['low'])} to {_number(row['high'])}" if pd.notna(row["low"]) else "—",
         _probability(row["p_adjusted"]), row["words"]]
        for row in _alarms_first(table)
    ]  # fmt: skip
    heads = ["customers", "of what", "test", "alarm", "number", "foretold", "came", "control limits",
             "p over all tests", "what was seen"]  # fmt: skip
    return {"title": "What came", "heads": heads, "rows": rows, "file": "realised.parquet and realised.csv"}


def _alarms_first(table: pd.DataFrame) -> list[dict[str, Any]]:
    ranked = table.assign(rank=table["alarm"].map(ORDER)).sort_values("rank", kind="stable")
    return [{str(key): value for key, value in row.items()} for row in ranked.to_dict("records")]


def _number(value: float) -> str:
    if pd.isna(value):
        return "—"
    told = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return told.replace("-", "−")


def _probability(value: float) -> str:
    if pd.isna(value):
        return "—"
    return "below 0.0001" if value < 1e-4 else f"{value:.4f}"
