"""A backtest as one HTML page: who leads and whether it can be told, charts, tables; it needs no network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patronage.evaluation.candidates import TASKS
from patronage.evaluation.verdict import metric_title
from patronage.report.backtest_charts import backtest_charts as backtest_charts
from patronage.report.charts import AnyChart
from patronage.report.html import figure_of, write_page

READINGS = {
    "differences": "Left of the dashed line the best candidate is better; an interval that crosses the line leaves "
    "open whether there is a difference.",
    "churn_log_loss": "The smaller the better. Intervals of single candidates overlap more than their differences "
    "warrant, because all are judged by the same customers: the pairs above decide.",
    "churn_roc_auc": "The larger the better: whether those who left were ranked before those who stayed.",
    "churn_calibration": "The smaller the better: how far told and observed shares lie apart.",
    "value_total": "Nearest to 0 is best: by what share the total of all customers was missed.",
    "value_ranking": "The larger the better: whether customers were ranked by what they went on to spend.",
    "purchases_total": "Nearest to 0 is best: by what share the total of all purchases was missed.",
    "origins": "A candidate that is best at one origin alone was lucky there.",
}
"""How each chart is read, by the beginning of its stem."""


def write_backtest_page(
    tables: Mapping[str, pd.DataFrame],
    charts: Mapping[str, AnyChart],
    facts: Mapping[str, str],
    words: Sequence[str],
    notes: Sequence[str],
    path: Path | str,
) -> None:
    """Write the page as one file that opens without a network, whole or not at all.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        As described in `schema.backtest.BACKTEST_TABLES`.
    charts : mapping of str to altair chart
    facts : mapping of str to str
        Ledger, origins, candidates.
    words : sequence of str
        Who leads, the first sentence overall.
    notes : sequence of str
        Candidates and origins that were left out, and why.
    path : path

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    write_page(
        path,
        "told.html.j2",
        title="Backtest of candidates",
        heading="Which model foretells best",
        lead="Each candidate was fitted to what was known on past days and judged by what came afterwards.",
        headlines=[],
        words=words,
        notes=notes,
        facts=facts,
        figures=[figure_of(stem, chart, _reading(stem)) for stem, chart in charts.items()],
        tables=[_board(tables["leaderboard"]), *(_metrics(tables, task) for task in TASKS)],
        closing="",
    )


def _reading(stem: str) -> str:
    return READINGS[stem if stem in READINGS else stem.partition("_")[0]]


def _board(board: pd.DataFrame) -> dict[str, Any]:
    measure = board["measure"].iloc[0]
    rows = [
        [
            f"{row['place']}",
            row["candidate"],
            _with_interval(row["value"], row["low"], row["high"]),
            _with_interval(row["difference"], row["difference_low"], row["difference_high"]),
            "—" if pd.isna(row["told_apart"]) else row["told_apart"],
        ]
        for row in board.to_dict("records")
    ]
    heads = ["place", "candidate", measure, "the best less this one", "told apart"]
    return _table("Leaderboard", heads, rows, "leaderboard.parquet")


def _metrics(tables: Mapping[str, pd.DataFrame], task: str) -> dict[str, Any]:
    """Every measure of a task over all origins, a column a candidate."""
    order = tables["leaderboard"]["candidate"].tolist()
    pooled = tables["metrics"]
    pooled = pooled[pooled["cutoff"].isna() & (pooled["task"] == task)].set_index(["metric", "candidate"])
    rows = []
    for metric in TASKS[task]:
        cells = [pooled.loc[(metric, name)] for name in order]
        rows.append([metric_title(metric), *(_with_interval(one["value"], one["low"], one["high"]) for one in cells)])
    title = f"{task.capitalize()}, all origins together"
    return _table(title, ["measure", *order], rows, "metrics.parquet")


def _table(title: str, heads: list[str], rows: list[list[str]], file: str) -> dict[str, Any]:
    where = f"The same, and every origin, is in {file}."
    return {"title": title, "heads": heads, "numbers": [False] * len(heads), "rows": rows, "where": where}


def _with_interval(value: float, low: float, high: float) -> str:
    if value is None or not np.isfinite(value):
        return "—"
    told = f"{value:.4g}"
    return (told if not np.isfinite(low) else f"{told} ({low:.4g} to {high:.4g})").replace("-", "−")
