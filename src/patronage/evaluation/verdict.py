"""The verdict in words: where a simple rule does better than the model."""

from collections.abc import Callable

import pandas as pd

LARGER_IS_BETTER = ("correlation", "normalised_gini", "roc_auc", "average_precision")
SMALLER_IS_BETTER = ("mae", "rmse", "log_loss", "brier", "calibration_error")
NEAREST_TO_ZERO = ("total_error",)

_COST: dict[str, Callable[[float], float]] = {
    **dict.fromkeys(LARGER_IS_BETTER, lambda value: -value),
    **dict.fromkeys(SMALLER_IS_BETTER, lambda value: value),
    **dict.fromkeys(NEAREST_TO_ZERO, abs),
}


def verdicts(metrics: pd.DataFrame) -> dict[str, str]:
    """Say for every task whether the model beats its baselines, and name those that it does not beat.

    Parameters
    ----------
    metrics : DataFrame
        `schema.METRICS`, the model before its baselines within each task; only metrics with a better end count, not
        totals and means.

    Returns
    -------
    dict of str to str
        One sentence for every task.

    Examples
    --------
    >>> rows = [("churn", "model", "brier", 0.13), ("churn", "rule", "brier", 0.12), ("churn", "rule", "roc_auc", 0.6)]
    >>> verdicts(pd.DataFrame(rows, columns=["task", "model", "metric", "value"]))
    {'churn': 'The model does best by none of 1 measure; rule does better by brier.'}
    """
    sentences = {}
    for task, rows in metrics.groupby("task", sort=False):
        model = rows["model"].iloc[0]
        table = rows.drop_duplicates(["metric", "model"]).pivot(index="metric", columns="model", values="value")
        ours = table[model].dropna()
        judged = [metric for metric in _COST if metric in ours]
        ahead: dict[str, list[str]] = {}
        for metric in judged:
            cost = _COST[metric]
            others = table.loc[metric].drop(model).dropna()
            if len(others) and (best := others.map(cost)).min() < cost(ours[metric]):
                ahead.setdefault(str(best.idxmin()), []).append(metric)
        beaten = sum(map(len, ahead.values()))
        count = {0: "all", len(judged): "none"}.get(beaten, str(len(judged) - beaten))
        sentence = f"The model does best by {count} of {len(judged)} measure{'s' if len(judged) != 1 else ''}"
        rivals = [f"{rival} does better by {', '.join(names)}" for rival, names in ahead.items()]
        sentences[str(task)] = "; ".join([sentence, *rivals]) + "."
    return sentences
