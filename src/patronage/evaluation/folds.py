"""Repeated stratified folds that keep groups together, for tables without dates.

Where a ledger has dates, split by them (`patronage.evaluation.rolling_origins`): folds let a model learn from the
future of others.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError, InputError
from patronage.evaluation.outcomes import outcomes
from patronage.runtime.histories import FloatArray, IndexArray


@dataclass(frozen=True)
class Fold:
    """One split.

    Attributes
    ----------
    repeat, fold : int
        From 0.
    train, test : ndarray of int
        Row numbers, rising. The tests of one repeat hold every row once.
    """

    repeat: int
    fold: int
    train: IndexArray
    test: IndexArray


def repeated_stratified_folds(
    happened: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    folds: int = 2,
    repeats: int = 5,
    rng: np.random.Generator,
) -> Iterator[Fold]:
    """Split rows into folds with about the same share of those who left, several times.

    Groups of the same size and the same number of those who left are dealt out evenly; what is left over goes, larger
    groups first, to the fold that has least of what they hold. Without groups every fold has the same number of either
    outcome to within one.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    groups : array-like, shape (n,), optional
        Rows of one group stay together: customer ids, `duplicates.duplicate_groups`, or both joined. Every row is a
        group of its own where left out.
    folds : int
        2 and above. The defaults are Dietterich's 5 x 2.
    repeats : int
        1 and above; each shuffles anew.
    rng : numpy.random.Generator

    Yields
    ------
    Fold

    Raises
    ------
    ConfigError
        If folds or repeats is out of range.
    InputError
        If a fold would lack one of the outcomes.

    Examples
    --------
    >>> splits = list(repeated_stratified_folds([0, 0, 1, 1], rng=np.random.default_rng(0)))
    >>> len(splits), len(splits[0].train), len(splits[0].test)
    (10, 2, 2)
    """
    if folds < 2 or repeats < 1:
        message = f"Expected two folds or more and one repeat or more; got {folds} and {repeats}."
        raise ConfigError(message)
    y, _ = outcomes(happened, np.zeros(np.shape(happened)), both_classes=True)
    labels = np.arange(len(y)) if groups is None else np.asarray(groups)
    if labels.shape != y.shape:
        message = f"Expected a group for each of {len(y):,} rows; got shape {labels.shape}."
        raise InputError(message)
    codes = pd.factorize(labels, use_na_sentinel=False)[0]
    size, left = np.bincount(codes).astype(np.float64), np.bincount(codes, y).astype(np.float64)
    return _splits(y, codes, size, left, folds, repeats, rng)


def _splits(
    y: FloatArray,
    codes: IndexArray,
    size: FloatArray,
    left: FloatArray,
    folds: int,
    repeats: int,
    rng: np.random.Generator,
) -> Iterator[Fold]:
    for repeat in range(repeats):
        fold_of = _deal(size, left, folds, rng)[codes]
        for fold in range(folds):
            test = fold_of == fold
            if not 0 < y[test].sum() < test.sum():
                message = (
                    f"{len(size):,} groups, {int((left > 0).sum()):,} of them with customers who left and "
                    f"{int((left < size).sum()):,} with customers who stayed, do not fill {folds} folds with both. "
                    "Take fewer folds or smaller groups."
                )
                raise InputError(message)
            yield Fold(repeat, fold, np.flatnonzero(~test), np.flatnonzero(test))


def _deal(size: FloatArray, left: FloatArray, folds: int, rng: np.random.Generator) -> IndexArray:
    """The fold of each group: greedily the least sum of squares of either outcome over folds, larger groups first."""
    fold_of = np.empty(len(size), dtype=np.intp)
    mixed = rng.permutation(len(size))
    kinds, kind_of = np.unique(np.column_stack([-size[mixed], -left[mixed]]), axis=0, return_inverse=True)
    by_kind = np.argsort(kind_of.ravel(), kind="stable")
    ends = np.searchsorted(kind_of.ravel()[by_kind], np.arange(len(kinds) + 1))
    held = np.zeros((folds, 2))
    total = np.array([left.sum(), size.sum() - left.sum()])
    for kind, (rows, leaving) in enumerate(-kinds):
        members = mixed[by_kind[ends[kind] : ends[kind + 1]]]
        content = np.array([leaving, rows - leaving])
        each = len(members) // folds
        fold_of[members[: each * folds]] = np.repeat(np.arange(folds), each)
        held += each * content
        for group in members[each * folds :]:
            crowding = held @ (content / total**2)
            fold = int(rng.choice(np.flatnonzero(np.isclose(crowding, crowding.min()))))
            fold_of[group] = fold
            held[fold] += content
    return fold_of
