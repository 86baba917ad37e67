"""The statement of value as one HTML page: figures, charts with a sentence each, tables; it needs no network."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from patronage.files import written_whole
from patronage.report.charts import AnyChart
from patronage.report.readings import figure, percent
from patronage.report.value_readings import VALUE_READINGS
from patronage.schema.value_tables import VALUE_TABLES

SHOWN_ROWS = 15
"""Rows of a table that the page shows; the file has all."""

PAGE_TABLES = {
    "Who earns what": ("whale_shares", ("view", "by", "group", "customers", "unprofitable", "total", "top_share",
                                        "middle_share", "last_share")),
    "Customers with the most value at risk": ("value_at_risk", ("customer_id", "churn_probability", "future_profit",
                                                                "value_at_risk", "rank_by_risk")),
    "Customer equity": ("customer_equity", ("by", "group", "n_customers", "equity", "equity_low", "equity_high",
                                            "equity_per_customer")),
    "The bridge by group": ("equity_bridge", ("by", "group", "n_customers", "opening", "acquisition", "development",
                                              "retention", "recovery", "loss", "realised_profit", "model_change",
                                              "closing")),
    "Winning customers": ("acquisition", ("by", "group", "n_customers", "cost_per_customer",
                                          "lifetime_value_per_customer", "ltv_to_cac", "never_breaks_even",
                                          "payback_days", "payback_days_low", "payback_days_high")),
    "What segments look for": ("propositions", ("scheme", "segment", "product", "price", "service", "experience")),
    "What a shift of contacts would save": ("channel_shift", ("period", "segment", "dear", "cheap", "contacts_moved",
                                                              "cost_dear", "cost_cheap", "saving")),
    "Value of the firm's customers": ("valuation", ("item", "expected", "low", "median", "high")),
    "Nothing lost: totals against the ledger": ("reconciliation", ("component", "in_ledger", "outside_periods",
                                                                   "in_result", "difference", "assumed_facts")),
}  # fmt: skip
"""Tables of the page: title, name and columns."""

SHARES = ("share", "probability")
"""Units that are written as percentages."""


def write_value_page(
    tables: Mapping[str, pd.DataFrame],
    charts: Mapping[str, AnyChart],
    facts: Mapping[str, str],
    headlines: Sequence[tuple[str, str]],
    notes: Sequence[str],
    money: str,
    path: Path | str,
) -> None:
    """Write the page as one file that opens without a network, whole or not at all.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As described in `schema.VALUE_TABLES`.
    charts : mapping of str to altair chart
        As `value_charts.value_charts` draws them.
    facts : mapping of str to str
        Model, ledger, dates.
    headlines : sequence of (label, value)
    notes : sequence of str
        What is lacking and what is assumed.
    money : str
        What the money is called.
    path : path

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    source = files("patronage.report").joinpath("value_page.html.j2").read_text("utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    bundle = vl_convert.javascript_bundle()  # type: ignore[call-arg]  # its stub forgets the default
    html = template.render(
        facts=facts,
        headlines=headlines,
        notes=notes,
        money=money,
        figures=[_figure(stem, chart, tables, money) for stem, chart in charts.items()],
        tables=[_shown(title, tables[name], name, columns) for title, (name, columns) in PAGE_TABLES.items()
                if name in tables and len(tables[name])],
        left_out=[name.replace("_", " ") for name in VALUE_TABLES if name not in tables],
        bundle=Markup(bundle.replace("</script", "<\\/script")),
    )  # fmt: skip
    with written_whole(path) as unfinished:
        unfinished.write_text(html, encoding="utf-8")


def _figure(stem: str, chart: AnyChart, tables: Mapping[str, pd.DataFrame], money: str) -> dict[str, Any]:
    specification = chart.to_dict()
    title = specification.pop("title")["text"]  # the page has it as a heading, which wraps on a narrow screen
    reading = VALUE_READINGS[stem](tables, money)
    specification["description"] = f"{title}. {reading}"
    return {"stem": stem, "title": title, "reading": reading, "specification": specification}


def _shown(title: str, table: pd.DataFrame, name: str, columns: Sequence[str]) -> dict[str, Any]:
    """The first rows of a table, written for people."""
    units = {column.name: (column.unit, column.type) for column in VALUE_TABLES[name].columns}
    if name in ("whale_shares", "customer_equity", "equity_bridge"):
        table = table[table["by"].isin(["", "rules", "acquisition channel", "value and risk"])]
    there = [column for column in columns if column in table]
    rows = [
        [_cell(row[column], *units[column]) for column in there] for row in table.head(SHOWN_ROWS).to_dict("records")
    ]
    numbers = [units[column][1] in ("double", "long") for column in there]
    heads = [column.replace("_", " ") for column in there]
    rest = len(table) - len(rows)
    return {"title": title, "heads": heads, "numbers": numbers, "rows": rows, "rest": rest, "file": f"{name}.parquet"}


def _cell(value: Any, unit: str, kind: str) -> str:
    if value is None or (kind in ("double", "long") and pd.isna(value)) or value is pd.NaT:
        return "—"
    if kind == "string":
        return "all customers" if value == "" else str(value)
    if kind == "date":
        return str(value)[:10]
    return percent(float(value)) if unit in SHARES else f"{value:,}" if kind == "long" else figure(float(value))
