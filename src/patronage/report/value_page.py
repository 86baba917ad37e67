"""The statement of value as one HTML page: figures, charts with a sentence each, tables; it needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from patronage.report.charts import AnyChart
from patronage.report.html import figure_of, write_page
from patronage.report.readings import figure, percent
from patronage.report.value_money import in_money
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
    "Winning customers": ("acquisition", ("by", "group", "n_customers", "lifetime_value_per_customer", "cost_unknown",
                                          "lifetime_value_where_cost_known", "cost_per_customer", "ltv_to_cac",
                                          "never_breaks_even", "payback_days", "payback_days_low",
                                          "payback_days_high")),
    "What segments look for": ("propositions", ("scheme", "segment", "product", "price", "service", "experience")),
    "What a shift of contacts would save": ("channel_shift", ("period", "segment", "dear", "cheap", "contacts_moved",
                                                              "cost_dear", "cost_cheap", "saving")),
    "Value of the firm's customers": ("valuation", ("item", "expected", "low", "median", "high")),
    "Nothing lost: totals against the ledger": ("reconciliation", ("component", "in_ledger", "outside_periods",
                                                                   "in_result", "difference", "assumed_facts")),
}  # fmt: skip
"""Tables of the page: title, name and columns."""

LEFT_OUT = "Not there, because the ledger does not tell them or they were not asked for"
"""What stands before the names of the tables that the page lacks."""

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
    left_out = [name.replace("_", " ") for name in VALUE_TABLES if name not in tables]
    write_page(
        path,
        "told.html.j2",
        title=f"Customer value: {money}",
        heading="What customers are worth",
        lead="Right customers, right relationships, right retention. "
        f"All money on this page is {money} unless it says otherwise.",
        headlines=headlines,
        words=[],
        notes=notes,
        facts=facts,
        figures=[figure_of(stem, chart, VALUE_READINGS[stem](tables, money)) for stem, chart in charts.items()],
        tables=[
            _shown(title, tables[name], name, columns, money)
            for title, (name, columns) in PAGE_TABLES.items()
            if name in tables and len(tables[name])
        ],
        closing=f"{LEFT_OUT}: {', '.join(left_out)}." if left_out else "",
    )


def _shown(title: str, table: pd.DataFrame, name: str, columns: Sequence[str], money: str) -> dict[str, Any]:
    """The first rows of a table, written for people."""
    units = {column.name: (column.unit, column.type) for column in VALUE_TABLES[name].columns}
    if name in ("whale_shares", "customer_equity", "equity_bridge"):
        table = table[table["by"].isin(["", "rules", "acquisition channel", "value and risk"])]
    if name == "acquisition":
        table = table.sort_values("by", kind="stable")
    there = [column for column in columns if column in table]
    rows = [
        [_cell(row[column], *units[column]) for column in there] for row in table.head(SHOWN_ROWS).to_dict("records")
    ]
    numbers = [units[column][1] in ("double", "long") for column in there]
    heads = [in_money(column.removeprefix("n_").replace("_", " "), money) for column in there]
    rest = len(table) - len(rows)
    where = f"{rest:,} more rows are in {name}.parquet." if rest else f"The same is in {name}.parquet."
    return {"title": title, "heads": heads, "numbers": numbers, "rows": rows, "where": where}


def _cell(value: Any, unit: str, kind: str) -> str:
    if value is None or (kind in ("double", "long") and pd.isna(value)) or value is pd.NaT:
        return "—"
    if kind == "string":
        return "all customers" if value == "" else str(value)
    if kind == "date":
        return str(value)[:10]
    return percent(float(value)) if unit in SHARES else f"{value:,}" if kind == "long" else figure(float(value))
