"""A monitoring run as one HTML page: what to do, why, pictures, every test; it needs no network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from patronage.evaluation.alarms import Verdict
from patronage.report.html import figure_of, write_page
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

SHOWN_ROWS = 25
"""Tests that a table of the page shows besides the alarms, which it shows all."""

ORDER = {"yes": 0, "no": 1, "small": 2, "ageing": 3}
"""Alarms come first in a table; within each, what moved furthest for its limit."""


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
    charts = monitor_charts(tables)
    write_page(
        path,
        "told.html.j2",
        title=TITLES[verdict.advice],
        heading=TITLES[verdict.advice],
        lead="Customers of a day against those the model knows, and what came against what it foretold.",
        headlines=[],
        words=verdict.words,
        notes=[],
        facts=facts,
        figures=[figure_of(stem, chart, READINGS[stem.partition("_")[0]]) for stem, chart in charts.items()],
        tables=[_drift(tables["drift"]), *([_realised(tables["realised"])] if "realised" in tables else [])],
        closing="",
    )


def _drift(table: pd.DataFrame) -> dict[str, Any]:
    rows = [
        [f"{row['name']}", row["test"], row["alarm"], _number(row["size"]), _number(row["limit"]),
         _probability(row["p_value"]), _probability(row["p_adjusted"]), row["words"]]
        for row in _alarms_first(table)
    ]  # fmt: skip
    heads = ["column", "test", "alarm", "size", "matters beyond", "p", "p over all tests", "what was seen"]
    return _table("Inputs and scores", heads, rows, "drift", len(table))


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
    return _table("What came", heads, rows, "realised", len(table))


def _table(title: str, heads: list[str], rows: list[list[str]], stem: str, number: int) -> dict[str, Any]:
    rest = number - len(rows)
    files = f"{stem}.parquet and {stem}.csv"
    where = f"{rest:,} more tests without an alarm are in {files}." if rest else f"The same is in {files}."
    return {"title": title, "heads": heads, "numbers": [False] * len(heads), "rows": rows, "where": where}


def _alarms_first(table: pd.DataFrame) -> list[dict[str, Any]]:
    ranked = table.assign(rank=table["alarm"].map(ORDER), moved=-(table["size"].abs() / table["limit"]).fillna(0.0))
    ranked = ranked.sort_values(["rank", "moved"], kind="stable")
    shown = ranked.head(SHOWN_ROWS + int((ranked["rank"] == ORDER["yes"]).sum()))
    return [{str(key): value for key, value in row.items()} for row in shown.to_dict("records")]


def _number(value: float) -> str:
    if pd.isna(value):
        return "—"
    told = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return told.replace("-", "−")


def _probability(value: float) -> str:
    if pd.isna(value):
        return "—"
    return "below 0.0001" if value < 1e-4 else f"{value:.4f}"
