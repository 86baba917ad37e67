"""The model card: what a registered model is, what it was learnt from, how it was judged and where it ends.

A card is made of blocks (headings, paragraphs, lists, facts and tables), which are written twice: as Markdown for the
registry and for reviews, and as one HTML page that needs no network. What it warns of follows from facts, not from
what somebody thought of when the model was new; see `card_limits.limits`.

Mitchell et al. (2019), Model cards for model reporting, is the plan: details, intended use, factors, metrics, data,
analyses, caveats.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd

from patronage.evaluation.churn_savings import savings_words
from patronage.evaluation.verdict import metric_title, model_title, verdicts
from patronage.files import written_whole
from patronage.report.card_blocks import Block, Picture, html_block, html_page, markdown_block
from patronage.report.charts import churn_calibration_chart
from patronage.report.churn_tables import driver_table
from patronage.report.readings import figure, interval, percent

MARKDOWN, HTML = "model_card.md", "model_card.html"
"""Names of the two files."""

CALIBRATION = "model_card_calibration.png"
"""The picture beside them."""

MOST_ROWS = 40
"""Rows of a table that a card shows; the whole table is among the artifacts of the run."""


@dataclass(frozen=True, slots=True, eq=False)
class ModelCard:
    """What the card of a model tells.

    Attributes
    ----------
    name : str
        Of the registered model.
    title : str
        What it is, such as ``boosted trees, without contracts``.
    details : mapping of str to str
        Version of the package, engine, kind of each part, commit, run.
    data : mapping of str to str
        Ledger or table, its SHA-256, span, customers, rows used and set aside.
    label : str
        The definition of churn, in a sentence.
    training : mapping of str to str
        Dates, cut-offs and rows learnt from, features, calibration.
    metrics : DataFrame
        `schema.METRICS`, the model before its baselines; intervals are shown where they are.
    evaluation : str
        On which days, or in which folds, the figures were taken.
    limits : sequence of str
        Warnings; see `card_limits.limits`.
    use : sequence of str
        How to use the model, and what not to use it for.
    differences : DataFrame, optional
        `schema.DIFFERENCES`.
    calibration : DataFrame, optional
        `schema.CHURN_CALIBRATION`; of several models the first is shown.
    drivers : DataFrame, optional
        `schema.DRIVERS`.
    slices : DataFrame, optional
        `schema.CHURN_SLICES`.
    leaks : DataFrame, optional
        `schema.LEAKS`.
    savings : DataFrame, optional
        `schema.CAMPAIGN_SAVINGS`.
    level : float
        Coverage of the intervals.
    """

    name: str
    title: str
    details: Mapping[str, str]
    data: Mapping[str, str]
    label: str
    training: Mapping[str, str]
    metrics: pd.DataFrame
    evaluation: str
    limits: Sequence[str]
    use: Sequence[str]
    differences: pd.DataFrame | None = None
    calibration: pd.DataFrame | None = None
    drivers: pd.DataFrame | None = None
    slices: pd.DataFrame | None = None
    leaks: pd.DataFrame | None = None
    savings: pd.DataFrame | None = None
    level: float = 0.95


def write_card(card: ModelCard, folder: Path | str) -> tuple[Path, Path]:
    """Write a card as Markdown and as HTML.

    Parameters
    ----------
    card : ModelCard
    folder : path

    Returns
    -------
    (Path, Path)
        ``model_card.md`` and ``model_card.html`` in the folder; the pictures of the former lie beside it.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    blocks = _blocks(card)
    for picture in (content for kind, content in blocks if kind == "picture"):
        with written_whole(Path(folder) / picture.file) as unfinished:
            picture.chart.save(str(unfinished), format="png", scale_factor=2)
    for name, text in {MARKDOWN: _markdown(blocks), HTML: _html(card, blocks)}.items():
        with written_whole(Path(folder) / name) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    return Path(folder) / MARKDOWN, Path(folder) / HTML


def card_summary(card: ModelCard) -> str:
    """A few lines for the registry: what it is, how it did, what to mind."""
    first = str(card.metrics["model"].iloc[0]) if len(card.metrics) else ""
    own = card.metrics[(card.metrics["task"] == "churn") & (card.metrics["model"] == first)]
    told = [
        f"{metric_title(row['metric'])} {_cell(row)}"
        for row in own.to_dict("records")
        if row["metric"] in ("roc_auc", "log_loss", "calibration_error")
    ]
    parts = [f"{card.title}. {card.label}", f"{card.evaluation} {'; '.join(told)}." if told else card.evaluation]
    parts.append(f"Mind: {card.limits[0]}" if card.limits else "")
    parts.append(f"The whole card is the artifact {HTML} of the run.")
    return "\n\n".join(part for part in parts if part)


def card_markdown(card: ModelCard) -> str:
    """The card as Markdown."""
    return _markdown(_blocks(card))


def card_html(card: ModelCard) -> str:
    """The card as one HTML page without scripts."""
    return _html(card, _blocks(card))


def _markdown(blocks: list[Block]) -> str:
    return "\n\n".join(markdown_block(kind, content) for kind, content in blocks) + "\n"


def _html(card: ModelCard, blocks: list[Block]) -> str:
    body = "\n".join(html_block(kind, content) for kind, content in blocks)
    return html_page(f"Model card: {card.name}", body)


def _blocks(card: ModelCard) -> list[Block]:
    blocks: list[Block] = [("title", f"Model card: {card.name}"), ("text", f"{card.title}.")]
    blocks += [("heading", "What it is"), ("facts", card.details)]
    blocks += [("heading", "What churn means here"), ("text", card.label)]
    blocks += [("heading", "Data"), ("facts", card.data)]
    blocks += [("heading", "What it learnt from"), ("facts", card.training)]
    blocks += [("heading", "How it was judged"), ("text", card.evaluation)]
    for task, words in verdicts(card.metrics, card.differences, card.level).items():
        blocks += [
            ("subheading", task.capitalize().replace("_", " ")),
            ("text", words),
            ("table", _metrics(card.metrics, task)),
        ]
    if card.calibration is not None and len(card.calibration):
        own = card.calibration[card.calibration["model"] == card.calibration["model"].iloc[0]]
        words = _calibration_words(own)
        blocks += [("heading", "Calibration"), ("text", words)]
        picture = Picture(CALIBRATION, churn_calibration_chart(own), f"Share that left by predicted share. {words}")
        blocks += [("picture", picture), ("table", _calibration_rows(own))]
    if card.savings is not None and len(card.savings):
        blocks += [("heading", "What its decisions save"), ("text", savings_words(card.savings, card.level))]
        blocks.append(("table", _savings(card.savings)))
    if (drivers := driver_table(card.drivers)) is not None:
        rows = [[driver, *cells] for driver, cells in drivers["rows"]]
        blocks += [("heading", "What moves its scores"), ("table", (drivers["columns"], rows))]
    if card.slices is not None and len(card.slices):
        blocks += [("heading", "In parts of the customers"), ("text", _slices_words(card.level))]
        blocks.append(("table", _slices(card.slices)))
    blocks += [("heading", "Columns that look as if they gave the answer away"), *_leak_blocks(card.leaks)]
    blocks += [("heading", "Limits"), ("list", card.limits)]
    blocks += [("heading", "How to use it"), ("list", card.use)]
    return blocks


def _metrics(metrics: pd.DataFrame, task: str) -> tuple[list[str], list[list[str]]]:
    part = metrics[metrics["task"] == task].drop_duplicates(["metric", "model"])
    cells = {(row["metric"], row["model"]): _cell(row) for row in part.to_dict("records")}
    models = part["model"].unique().tolist()
    rows = [
        [metric_title(metric), *(cells.get((metric, model), "—") for model in models)]
        for metric in part["metric"].unique()
    ]
    return ["Measure", *(model_title(model) for model in models)], rows


def _cell(row: Mapping[Any, Any]) -> str:
    told = interval(row.get("low", math.nan), row.get("high", math.nan))
    return f"{figure(float(row['value']))} ({told})" if told else figure(float(row["value"]))


def _calibration_rows(own: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            f"{row['n_customers']:,}",
            percent(row["predicted"]),
            percent(row["observed"]),
            f"{percent(row['observed_low'])} to {percent(row['observed_high'])}",
        ]
        for row in own.to_dict("records")
    ]
    return ["Customers", "Predicted", "Left", "95 % interval"], rows


def _calibration_words(own: pd.DataFrame) -> str:
    inside = int(own["predicted"].between(own["observed_low"], own["observed_high"]).sum())
    return f"In {inside} of {len(own)} bins the mean prediction lies within the interval of the share that left."


def _savings(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    rows = [
        [
            model_title(str(row["model"])),
            f"{row['n_contacted']:,}",
            figure(float(row["cost"])),
            percent(row["savings"]),
            f"{percent(row['savings_low'])} to {percent(row['savings_high'])}",
        ]
        for row in table.to_dict("records")
    ]
    return ["Decided by", "Contacted", "Costs", "Savings", "Interval"], rows


def _slices(table: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    wanted = table[table["metric"].isin(("roc_auc", "brier"))]
    keys = ["kind", "group", "n_customers", "n_left", "mean_predicted", "mean_observed"]
    rows = []
    for values, part in wanted.groupby(keys, sort=False, dropna=False):
        by_metric = {row["metric"]: _cell(row) for row in part.to_dict("records")}
        kind, group, customers, left, predicted, observed = cast("tuple[str, str, int, int, float, float]", values)
        counts = [f"{customers:,}", f"{left:,}", percent(predicted), percent(observed)]
        rows.append([str(kind), str(group), *counts, by_metric.get("roc_auc", "—"), by_metric.get("brier", "—")])
    header = ["By", "Group", "Customers", "Left", "Mean predicted", "Share left", "ROC AUC", "Brier score"]
    return header, rows[:MOST_ROWS]


def _slices_words(level: float) -> str:
    return (
        f"Figures with {100 * level:g} % intervals; a dash where fewer than ten of a group left or stayed. Groups "
        "whose mean prediction lies far from their share of leavers are treated unfairly by whoever acts on the score."
    )


def _leak_blocks(leaks: pd.DataFrame | None) -> list[Block]:
    if leaks is None:
        return [("text", "They were not looked for.")]
    if leaks.empty:
        return [("text", "None was found among the features.")]
    return [("list", [f"{row['column']} ({row['kind']}): {row['words']}" for row in leaks.to_dict("records")])]
