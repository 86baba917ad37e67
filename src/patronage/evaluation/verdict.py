"""The verdict in words: where the model does better than a simple rule, by how much, and where nobody can tell."""

import math
from collections.abc import Callable

import pandas as pd

from patronage.evaluation.counted_metrics import CONTACTED_SHARES

LARGER_IS_BETTER = (
    "correlation",
    "normalised_gini",
    "roc_auc",
    "average_precision",
    "mpc",
    "empc",
    "concordance",
    *(f"{name}_{100 * share:g}" for name in ("lift", "gain") for share in CONTACTED_SHARES),
)
SMALLER_IS_BETTER = ("mae", "rmse", "log_loss", "brier", "calibration_error", "integrated_brier")
NEAREST_TO_ZERO = ("total_error",)

BETTER, WORSE, UNCLEAR = "better", "worse", "unclear"

SAME = 1e-9
"""Figures that differ by less, or by a smaller share of them, are ties: so much is round-off.

An interval of their difference speaks for neither unless it lies farther from 0 than that.
"""

TOLD = {
    "purchases": ("total_error", "mae"),
    "value": ("total_error", "mae"),
    "churn": ("roc_auc", "log_loss"),
    "time_to_churn": ("concordance", "integrated_brier"),
}
"""The measures of each task that sentences speak of: one of order or total, and one of each single customer."""

METRIC_TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "mean_predicted": "mean predicted",
    "mean_observed": "mean observed",
    "total_actual": "total, actual",
    "total_predicted": "total, predicted",
    "total_error": "error of the total",
    "mae": "mean absolute error",
    "rmse": "root mean squared error",
    "normalised_gini": "normalised Gini",
    "mpc": "maximum profit (MPC)",
    "empc": "expected maximum profit (EMPC)",
    "concordance": "concordance",
    "integrated_brier": "integrated Brier score",
    **{
        f"{name}_{100 * share:g}": f"{name}, riskiest {100 * share:g} %"
        for name in ("lift", "gain")
        for share in CONTACTED_SHARES
    },
}
"""What measures are called for people; others by their own name."""

MODEL_TITLES = {
    "model": "the model",
    "not_alive": "1 − probability alive",
    "not_active": "1 − probability active",
    "recency": "days since the last purchase",
    "hiatus": "the hiatus rule",
    "base_rate": "the base rate",
    "same_rate": "the rate of the past",
    "same_curve": "the same curve for all",
    "yes_no": "the yes/no model",
}
"""What models and baselines are called for people; others by their own name."""

_COST: dict[str, Callable[[float], float]] = {
    **dict.fromkeys(LARGER_IS_BETTER, lambda value: -value),
    **dict.fromkeys(SMALLER_IS_BETTER, lambda value: value),
    **dict.fromkeys(NEAREST_TO_ZERO, abs),
}


def metric_title(name: str) -> str:
    """What a measure is called for people."""
    return METRIC_TITLES.get(name, name.replace("_", " "))


def model_title(name: str) -> str:
    """What a model or baseline is called for people."""
    return MODEL_TITLES.get(name, name.replace("_", " "))


def verdict_of(metric: str, low: float, high: float) -> str:
    """Whether an interval of a difference, the model less its rival, speaks for the model.

    Parameters
    ----------
    metric : str
        One of those with a better end; of `NEAREST_TO_ZERO` the difference is of their sizes.
    low, high : float
        Ends of the interval.

    Returns
    -------
    {"better", "worse", "unclear"}
        Unclear where the interval holds 0 or comes nearer to it than `SAME`, is missing, or the metric has no better
        end.
    """
    if metric not in _COST or not (low > SAME or high < -SAME):
        return UNCLEAR
    return BETTER if (low > 0) == (metric in LARGER_IS_BETTER) else WORSE


def difference_in_words(metric: str, difference: float, low: float, high: float, level: float = 0.95) -> str:
    """Say how far two models are apart, or that it cannot be seen.

    Examples
    --------
    >>> difference_in_words("roc_auc", 0.031, 0.02, 0.042)
    'ROC AUC better by 0.031 (95 % interval 0.020 to 0.042)'
    >>> difference_in_words("log_loss", -0.001, -0.004, 0.002)
    'log loss: no difference can be seen (95 % interval of it −0.004 to 0.002)'
    """
    name = metric_title(metric)
    if math.isnan(low) or math.isnan(high):
        return f"{name}: no interval, because the measure is undefined in most resamples"
    verdict = verdict_of(metric, low, high)
    if verdict == UNCLEAR:
        return (
            f"{name}: no difference can be seen ({100 * level:g} % interval of it {_written(low)} to {_written(high)})"
        )
    smallest, largest = sorted((abs(low), abs(high)))
    within = f"{100 * level:g} % interval {_written(smallest)} to {_written(largest)}"
    return f"{name} {verdict} by {_written(abs(difference))} ({within})"


def verdicts(metrics: pd.DataFrame, differences: pd.DataFrame | None = None, level: float = 0.95) -> dict[str, str]:
    """Say for every task whether the model beats its baselines, and name those that it does not beat.

    Parameters
    ----------
    metrics : DataFrame
        `schema.METRICS`, the model before its baselines within each task; only metrics with a better end count, not
        totals and means.
    differences : DataFrame, optional
        `schema.DIFFERENCES`; where a task has none, the bare figures are compared.
    level : float
        Coverage of the intervals of the differences.

    Returns
    -------
    dict of str to str
        For every task a sentence, or one for each rival.

    Examples
    --------
    >>> rows = [("churn", "model", "brier", 0.13), ("churn", "rule", "brier", 0.12), ("churn", "rule", "roc_auc", 0.6)]
    >>> verdicts(pd.DataFrame(rows, columns=["task", "model", "metric", "value"]))
    {'churn': 'The model does best by none of 1 measure; rule does better by brier.'}
    """
    sentences = {}
    for task, rows in metrics.groupby("task", sort=False):
        compared = pd.DataFrame() if differences is None else differences[differences["task"] == task]
        sentences[str(task)] = _by_rival(compared, str(task), level) if len(compared) else _by_figures(rows)
    return sentences


def not_beaten(differences: pd.DataFrame, task: str, level: float = 0.95) -> tuple[str, ...]:
    """Say which rivals the model does worse than, or cannot be told from, by a measure that sentences speak of.

    Parameters
    ----------
    differences : DataFrame
        `schema.DIFFERENCES`.
    task : str
    level : float
        Coverage of the intervals of the differences.

    Returns
    -------
    tuple of str
        A sentence for each such rival.
    """
    told = differences[(differences["task"] == task) & differences["metric"].isin(TOLD.get(task, ()))]
    sentences = []
    for rival, rows in told.groupby("rival", sort=False):
        words = [
            difference_in_words(row["metric"], row["difference"], row["low"], row["high"], level)
            for row in rows.to_dict("records")
            if not math.isnan(row["low"]) and verdict_of(row["metric"], row["low"], row["high"]) != BETTER
        ]
        if words:
            sentences.append(f"Against {model_title(str(rival))} it is not shown to be better: {'; '.join(words)}.")
    return tuple(sentences)


def _by_rival(differences: pd.DataFrame, task: str, level: float) -> str:
    told = differences[differences["metric"].isin(TOLD.get(task, ()))]
    parts = []
    for rival, rows in told.groupby("rival", sort=False):
        words = [
            difference_in_words(row["metric"], row["difference"], row["low"], row["high"], level)
            for row in rows.to_dict("records")
            if not math.isnan(row["difference"])
        ]
        if words:
            parts.append(f"Against {model_title(str(rival))}: {'; '.join(words)}.")
    return " ".join(parts)


def _by_figures(rows: pd.DataFrame) -> str:
    model = rows["model"].iloc[0]
    table = rows.drop_duplicates(["metric", "model"]).pivot(index="metric", columns="model", values="value")
    ours = table[model].dropna()
    # Measures that no rival has compare nothing.
    others = table.drop(columns=model).dropna(how="all")
    judged = [metric for metric in _COST if metric in ours and metric in others.index]
    ahead: dict[str, list[str]] = {}
    tied = []
    for metric in judged:
        costs = others.loc[metric].dropna().map(_COST[metric])
        own, best = _COST[metric](ours[metric]), costs.min()
        if math.isclose(own, best, rel_tol=SAME, abs_tol=SAME):
            tied.append(metric)
        elif best < own:
            ahead.setdefault(str(costs.idxmin()), []).append(metric)
    won = len(judged) - len(tied) - sum(map(len, ahead.values()))
    if not judged:
        return "There is nothing to hold the model against."
    count = {len(judged): "all", 0: "none"}.get(won, str(won))
    sentence = f"The model does best by {count} of {len(judged)} measure{'s' if len(judged) != 1 else ''}"
    if tied:
        sentence += f"; the best of the others equals it by {', '.join(tied)}"
    rivals = [f"{rival} does better by {', '.join(names)}" for rival, names in ahead.items()]
    return "; ".join([sentence, *rivals]) + "."


def _written(value: float) -> str:
    digits = 3 if abs(value) < 100 else 0
    # What rounds to nothing has no sign.
    value = 0.0 if round(value, digits) == 0 else value
    return f"{value:,.{digits}f}".replace("-", "−")
