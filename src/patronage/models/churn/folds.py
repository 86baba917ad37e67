"""Splits of a panel that neither a customer nor, where there are several cut-offs, a date can straddle."""

import numpy as np
from numpy.typing import NDArray

from patronage.models.churn.panel_rows import PanelRows

Split = tuple[NDArray[np.intp], NDArray[np.intp]]
"""Positions of the rows to learn from, and of those to judge by."""


def customer_folds(rows: PanelRows, n_folds: int, seed: int) -> NDArray[np.intp]:
    """Deal the customers into folds of equal size, with the same share of churners in each.

    Parameters
    ----------
    rows : PanelRows
    n_folds : int
    seed : int

    Returns
    -------
    ndarray of int, shape (n,)
        The fold of each row, from 0; all rows of a customer are in one fold.
    """
    order = np.argsort(rows.cutoff, kind="stable")
    last_label = np.zeros(rows.customer.max() + 1, dtype=np.int8)
    last_label[rows.customer[order]] = rows.churned[order]
    shuffled = np.random.default_rng(seed).permutation(len(last_label))
    dealt = shuffled[np.argsort(last_label[shuffled], kind="stable")]
    fold = np.empty(len(last_label), dtype=np.intp)
    fold[dealt] = np.arange(len(dealt)) % n_folds
    return fold[rows.customer]


def out_of_fold_splits(rows: PanelRows, fold: NDArray[np.intp]) -> list[Split]:
    """For each fold: all rows of the other customers, and this fold's at the latest cut-off."""
    return [
        (np.flatnonzero(fold != number), np.flatnonzero((fold == number) & rows.latest))
        for number in range(fold.max() + 1)
    ]


def later_splits(rows: PanelRows, fold: NDArray[np.intp]) -> list[Split]:
    """For each fold: the other customers at all cut-offs but the latest, and this fold's customers at the latest.

    So what is judged lies later in time and belongs to other customers than what is learnt from. A panel with one
    cut-off, or with one class only before the latest, is split by customers alone.
    """
    before = ~rows.latest
    if len(np.unique(rows.churned[before])) < 2:
        return out_of_fold_splits(rows, fold)
    return [
        (np.flatnonzero((fold != number) & before), np.flatnonzero((fold == number) & rows.latest))
        for number in range(fold.max() + 1)
    ]
