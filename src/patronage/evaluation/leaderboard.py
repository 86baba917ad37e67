"""Who leads among candidates, by how much, and whether it can be told."""

import numpy as np
import pandas as pd

from patronage.evaluation.candidates import LEADING, TASKS, Comparison, cost_of, measure_named
from patronage.evaluation.verdict import BETTER, difference_in_words, metric_title
from patronage.schema.backtest import LEADERBOARD

MOST_NAMED = 6
"""Rivals that a sentence speaks of; the table has all."""


def leaderboard(comparison: Comparison, rank_by: str) -> pd.DataFrame:
    """Candidates in order of one measure, each with its distance from the leader of the task.

    Parameters
    ----------
    comparison : Comparison
    rank_by : str
        As ``task.metric``.

    Returns
    -------
    DataFrame
        `schema.backtest.LEADERBOARD`.
    """
    task, metric = measure_named(rank_by)
    rows = comparison.metrics[(comparison.metrics["task"] == task) & (comparison.metrics["metric"] == metric)]
    order = rows["value"].map(lambda value: cost_of(metric, value)).sort_values(na_position="last").index
    board = rows.loc[order].rename(columns={"model": "candidate"}).reset_index(drop=True)
    apart = comparison.differences
    apart = apart[(apart["task"] == task) & (apart["metric"] == metric)].set_index("rival")
    for column, source in (("difference", "difference"), ("difference_low", "low"), ("difference_high", "high")):
        board[column] = [apart[source].get(name, np.nan) for name in board["candidate"]]
    told = {name: "yes" if verdict == BETTER else "no" for name, verdict in apart["verdict"].items()}
    board["told_apart"] = [told.get(name) for name in board["candidate"]]
    return board.assign(place=np.arange(len(board)) + 1, measure=rank_by)[list(LEADERBOARD.names)]


def words_of(comparison: Comparison, rank_by: str, n_origins: int, level: float) -> list[str]:
    """One sentence for the measure that orders the board, and one for every task.

    Parameters
    ----------
    comparison : Comparison
    rank_by : str
    n_origins : int
    level : float
        That the intervals of single figures stand at; those of differences are stricter, see `side_by_side`.
    """
    board = leaderboard(comparison, rank_by)
    return [_winner(board, rank_by, n_origins), *(_task(comparison, task, level) for task in TASKS)]


def _winner(board: pd.DataFrame, rank_by: str, n_origins: int) -> str:
    task, metric = measure_named(rank_by)
    title = f"{metric_title(metric)} of {task}"
    first = board["candidate"].iloc[0]
    over = f"over {n_origins} origin{'s' if n_origins != 1 else ''}"
    if len(board) == 1:
        return f"{first} stands alone: {title} {board['value'].iloc[0]:.4g} {over}."
    rivals = board.iloc[1:]
    if rivals["told_apart"].isna().all():
        return f"{first} leads by {title} {over}; without resamples nobody can tell whether by chance."
    unclear = rivals.loc[rivals["told_apart"] != "yes", "candidate"].tolist()
    if not unclear:
        return f"{first} wins by {title} {over}: better than every other candidate beyond chance."
    return f"{first} leads by {title} {over}, but cannot be told from {', '.join(unclear[:MOST_NAMED])}."


def _task(comparison: Comparison, task: str, level: float) -> str:
    metric, leader = LEADING[task], comparison.leaders[task]
    rows = comparison.metrics[(comparison.metrics["task"] == task) & (comparison.metrics["metric"] == metric)]
    own = rows.set_index("model").loc[leader]
    sentence = f"{task}: {leader} has the best {metric_title(metric)}, {own['value']:.4g}"
    if np.isfinite(own["low"]):
        sentence += f" ({100 * level:g} % interval {own['low']:.4g} to {own['high']:.4g})"
    apart = comparison.differences
    apart = apart[(apart["task"] == task) & (apart["metric"] == metric)]
    if len(apart) and not apart[["difference", "low", "high"]].to_numpy(np.float64).any():
        return f"{sentence}; all candidates foretell the same."
    strict = level if len(apart) < 2 else 1 - (1 - level) / len(apart)
    parts = [
        f"against {row['rival']}, "
        + difference_in_words(metric, row["difference"], row["low"], row["high"], round(strict, 4))
        for row in apart.head(MOST_NAMED).to_dict("records")
    ]
    return "; ".join([sentence, *parts]) + "."
