"""How the judgement of a churn model is laid out in tables, for the page."""

import math
from collections.abc import Mapping
from typing import Any, cast

import pandas as pd

from patronage.evaluation.verdict import difference_in_words, metric_title, model_title
from patronage.evaluation.win_loss import CLIFFS_DELTA, SHARE_DIFFERENCE
from patronage.report.readings import DASH, figure, interval, percent

MOST_ROWS = 15
"""Rows of drivers and of win/loss that the page shows; the whole tables are among the artifacts of the run."""

MEASURES = {CLIFFS_DELTA: "Cliff's delta", SHARE_DIFFERENCE: "difference of shares"}
"""What an effect is measured by, for people."""

Table = dict[str, Any]
"""``columns`` (str) and ``rows`` (a heading and its cells)."""


RULES = {
    "same_rate": "every customer goes on buying as before",
    "hiatus": "whoever has been silent for long has left",
    "recency": "a curve over the silence so far",
    "not_active": "what the purchase model says by itself",
    "not_alive": "the same, of leaving for good",
    "logistic": "a logistic regression on the same columns",
    "base_rate": "everybody churns as often as those learnt from did",
    "same_curve": "everybody stays as those learnt from did (Kaplan and Meier)",
    "yes_no": "the order by churn probability alone",
}
"""What the rules beside a model say, by name."""

COMPARED = ("roc_auc", "average_precision", "log_loss", "brier", "total_error", "mae", "empc", "lift_10")
"""Measures by which the model is held against its rivals in words; a task that has none of them has no such table."""


def value_cell(row: Mapping[Any, Any]) -> tuple[str, str]:
    """A figure, and its interval in words; empty if it has none."""
    given = (row.get(name) for name in ("value", "low", "high"))
    value, low, high = (math.nan if one is None else float(one) for one in given)
    return figure(value), interval(low, high)


def difference_table(differences: pd.DataFrame | None, task: str, level: float) -> Table | None:
    """How far the model and each rival are apart, by measure; nothing if it was not looked at."""
    if differences is None or differences.empty:
        return None
    part = differences[(differences["task"] == task) & differences["verdict"].isin(("better", "worse", "unclear"))]
    part = part[part["difference"].notna() & part["low"].notna() & part["metric"].isin(COMPARED)]
    if part.empty:
        return None
    rows = [
        (
            model_title(str(row["rival"])),
            [difference_in_words(row["metric"], row["difference"], row["low"], row["high"], level)],
        )
        for row in part.to_dict("records")
    ]
    return {"columns": ["Rival", "The model is"], "rows": rows}


def lift_table(lift: pd.DataFrame | None) -> Table | None:
    """Lift and gain of each model at each share."""
    if lift is None or lift.empty:
        return None
    rows = [
        (
            f"{model_title(str(row['model']))}, riskiest {100 * row['share']:g} %",
            [
                f"{int(row['n_contacted']):,}",
                percent(row["churn_rate"]),
                _with(figure(row["lift"]), interval(row["lift_low"], row["lift_high"])),
                _with(percent(row["gain"]), _percents(row["gain_low"], row["gain_high"])),
            ],
        )
        for row in lift.to_dict("records")
    ]
    return {"columns": ["List", "Customers", "Left", "Lift", "Of all who left"], "rows": rows}


def slice_table(slices: pd.DataFrame | None) -> Table | None:
    """Figures in each group of customers."""
    if slices is None or slices.empty:
        return None
    keys = ["kind", "group", "n_customers", "n_left", "mean_predicted", "mean_observed"]
    metrics = slices["metric"].unique().tolist()
    rows = []
    for values, part in slices.groupby(keys, sort=False, dropna=False):
        told = dict(zip(keys, cast("tuple[Any, ...]", values), strict=True))
        cells = {row["metric"]: _with(*value_cell(row)) for row in part.to_dict("records")}
        heading = f"{told['kind']}: {told['group']}"
        shares = [percent(float(told["mean_predicted"])), percent(float(told["mean_observed"]))]
        counts = [f"{int(told['n_customers']):,}", *shares]
        rows.append((heading, [*counts, *(cells.get(metric, DASH) for metric in metrics)]))
    return {"columns": ["Group", "Customers", "Predicted", "Left", *map(metric_title, metrics)], "rows": rows}


def brier_table(parts: pd.DataFrame | None) -> Table | None:
    """The Brier score of each model taken apart."""
    if parts is None or parts.empty:
        return None
    names = ["brier", "reliability", "resolution", "uncertainty", "skill"]
    rows = [
        (model_title(str(row["model"])), [figure(float(row[name])) for name in names])
        for row in parts.to_dict("records")
    ]
    return {"columns": ["Model", "Brier score", "reliability", "resolution", "uncertainty", "skill"], "rows": rows}


def campaign_table(campaign: pd.DataFrame | None) -> Table | None:
    """The best of each ranking by money."""
    if campaign is None or campaign.empty:
        return None
    rows = [
        (
            f"by {model_title(str(row['ranking']))}",
            [
                _with(percent(row["share"]), _percents(row["share_low"], row["share_high"])),
                figure(float(row["threshold"])),
                _with(figure(row["profit"]), interval(row["profit_low"], row["profit_high"])),
                figure(float(row["profit_corrected"])),
            ],
        )
        for row in campaign.to_dict("records")
    ]
    return {"columns": ["Order", "Best share", "Threshold", "Profit", "Without hindsight"], "rows": rows}


def savings_table(savings: pd.DataFrame | None) -> Table | None:
    """What the decisions by each model save of the costs of leaving."""
    if savings is None or savings.empty:
        return None
    rows = [
        (
            f"by {model_title(str(row['model']))}",
            [
                f"{int(row['n_contacted']):,}",
                figure(float(row["cost"])),
                _with(percent(row["savings"]), _percents(row["savings_low"], row["savings_high"])),
                _with(
                    percent(row["difference"], signed=True), _percents(row["difference_low"], row["difference_high"])
                ),
            ],
        )
        for row in savings.to_dict("records")
    ]
    columns = ["Decided", "Contacted", "Costs", "Savings", "First less this"]
    return {"columns": columns, "rows": rows}


def folds_table(folds: pd.DataFrame | None) -> Table | None:
    """How far the area under the curve of each model differs between splits."""
    if folds is None or folds.empty:
        return None
    rows = [
        (model_title(str(model)), [f"{len(part):,}", *(f"{part['roc_auc'].quantile(at):.4f}" for at in (0, 0.5, 1))])
        for model, part in folds.groupby("model", sort=False)
        if part["roc_auc"].nunique() > 1
    ]
    return {"columns": ["ROC AUC", "Splits", "Lowest", "Median", "Highest"], "rows": rows} if rows else None


def driver_table(drivers: pd.DataFrame | None) -> Table | None:
    """What moves the scores of all customers, the strongest first."""
    if drivers is None or drivers.empty:
        return None
    rows = [
        (
            str(row["driver"]),
            [
                percent(row["share"]),
                _with(figure(row["strength"]), interval(row["strength_low"], row["strength_high"])),
                percent(row["share_raising"]),
                str(row["leading_feature"]),
            ],
        )
        for row in drivers[drivers["segment"] == "all"].head(MOST_ROWS).to_dict("records")
    ]
    return {"columns": ["Driver", "Share", "Strength (log odds)", "Raises churn of", "Led by"], "rows": rows}


def win_loss_table(win_loss: pd.DataFrame | None) -> Table | None:
    """What separates those who left from those who stayed."""
    if win_loss is None or win_loss.empty:
        return None
    rows = []
    for row in win_loss.head(MOST_ROWS).to_dict("records"):
        is_text = row["measure"] == SHARE_DIFFERENCE
        write = percent if is_text else figure
        heading = f"{row['feature']} is {row['value']}" if is_text else str(row["feature"])
        effect = _with(figure(row["effect"]), interval(row["effect_low"], row["effect_high"]))
        means = [write(float(row["mean_left"])), write(float(row["mean_stayed"]))]
        rows.append((heading, [*means, effect, MEASURES[row["measure"]]]))
    return {"columns": ["Feature", "Mean of those who left", "who stayed", "Effect", "Measure"], "rows": rows}


def _with(value: str, within: str) -> str:
    return f"{value} ({within})" if within else value


def _percents(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)}" if math.isfinite(low) and math.isfinite(high) else ""


def likely_table(scores: pd.DataFrame) -> Table:
    """Those most likely to leave, with the first reason where reasons were told."""
    reasons = "reason_1" in scores
    most = scores.sort_values("churn_probability", ascending=False, kind="stable").head(10)
    rows = [
        (
            str(row["customer_id"]),
            [f"{row['churn_probability']:.3f}", *([str(row["reason_1"] or DASH)] if reasons else [])],
        )
        for row in most.to_dict("records")
    ]
    return {"columns": ["Customer", "Churn probability", *(["First reason"] if reasons else [])], "rows": rows}


def rules_beside(metrics: pd.DataFrame) -> list[tuple[str, str]]:
    """What the rules say that stand beside the model."""
    there = metrics["model"].unique().tolist()
    return [(model_title(name), words) for name, words in RULES.items() if name in there]
