"""Candidates judged on customers that they had not seen: fit without one part after the other, foretell it, pool."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.evaluation.counted_metrics import roc_auc
from patronage.models.churn.candidate import Candidate
from patronage.runtime.histories import FloatArray, IndexArray

BASE_RATE = "base_rate"
"""The rule that gives everyone the share that left among those it learnt from: what any model has to beat."""


@dataclass(frozen=True)
class Split:
    """What is learnt from, and what is foretold.

    Attributes
    ----------
    name : str
        For tables: the repeat and fold, or the day.
    train, test : ndarray of int
        Row numbers.
    """

    name: str
    train: IndexArray
    test: IndexArray


@dataclass(frozen=True)
class OutOfFold:
    """Predictions for rows that had no part in them; a row is there once for each split that tested it, m in all.

    Attributes
    ----------
    row : ndarray of int, shape (m,)
        Which row of the panel.
    split : ndarray of int, shape (m,)
        Which of the splits, from 0.
    left : ndarray of float64, shape (m,)
        1 for those who left.
    probabilities : dict of str to ndarray of float64, shape (m,)
        By candidate.
    by_split : DataFrame
        split, n_train, n_test, n_left (among those tested), model, roc_auc.
    """

    row: IndexArray
    split: IndexArray
    left: FloatArray
    probabilities: dict[str, FloatArray]
    by_split: pd.DataFrame


def out_of_fold(
    panel: pd.DataFrame, splits: Iterable[Split], candidates: Mapping[str, Callable[[], Candidate]]
) -> OutOfFold:
    """Fit every candidate without the test rows of each split and foretell those.

    Parameters
    ----------
    panel : DataFrame, n rows
        customer_id, cutoff, churned and the features.
    splits : iterable of Split
    candidates : mapping of str to callable
        Each call makes one that is not fitted yet. The base rate is judged beside them.

    Returns
    -------
    OutOfFold

    Raises
    ------
    FitError
        If a candidate cannot learn from a part of the rows.
    """
    rows, numbers, table = [], [], []
    found: dict[str, list[FloatArray]] = {name: [] for name in (*candidates, BASE_RATE)}
    churned = panel["churned"].to_numpy(np.float64)
    for number, split in enumerate(splits):
        train, test = panel.iloc[split.train], panel.iloc[split.test]
        told = {name: make().fit(train).churn_probability(test).to_numpy() for name, make in candidates.items()}
        told[BASE_RATE] = np.full(len(test), float(churned[split.train].mean()))
        rows.append(split.test)
        numbers.append(np.full(len(test), number))
        y = churned[split.test]
        for name, probability in told.items():
            found[name].append(probability)
            area = roc_auc(y, probability)(np.ones(len(y)))
            table.append((split.name, len(train), len(test), int(y.sum()), name, area))
    row = np.concatenate(rows)
    return OutOfFold(
        row=row,
        split=np.concatenate(numbers),
        left=churned[row],
        probabilities={name: np.concatenate(parts) for name, parts in found.items()},
        by_split=pd.DataFrame(table, columns=["split", "n_train", "n_test", "n_left", "model", "roc_auc"]),
    )
