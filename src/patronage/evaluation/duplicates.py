"""Rows that must not be torn apart by a split: duplicates, and rows of one customer.

A row that is in the training data and again in the test data is not foretold but remembered.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse import csgraph

from patronage.errors import InputError
from patronage.runtime.histories import IndexArray


def duplicate_groups(frame: pd.DataFrame, features: Sequence[str] | None = None) -> IndexArray:
    """Number the distinct rows, so that equal rows have equal numbers.

    Parameters
    ----------
    frame : DataFrame, n rows
    features : sequence of str, optional
        Columns that must be equal; all where left out. Leave out the id, which is never equal, and the label, which
        may differ between duplicates. Missing equals missing.

    Returns
    -------
    ndarray of int, shape (n,)
        From 0, in order of first appearance.

    Raises
    ------
    InputError
        If a column does not exist, or holds what cannot be compared, such as lists.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [30.0, None, 30.0, None], "city": ["Ghent", "Ghent", "Ghent", "Lille"]})
    >>> duplicate_groups(frame).tolist()
    [0, 1, 0, 2]
    """
    names = list(frame.columns if features is None else features)
    missing = [name for name in names if name not in frame]
    if missing:
        message = (
            f"The table has no column {', '.join(map(str, missing))}; it has {', '.join(map(str, frame.columns))}."
        )
        raise InputError(message)
    groups = np.zeros(len(frame), dtype=np.intp)
    for name in names:
        try:
            codes = pd.factorize(frame[name], use_na_sentinel=False)[0]
        except TypeError as error:
            message = f"Column {name} holds values that cannot be compared ({error}). Leave it out, or make it text."
            raise InputError(message) from error
        groups = pd.factorize(groups * (codes.max(initial=0) + 1) + codes)[0]
    return groups


def joined_groups(*groups: ArrayLike) -> IndexArray:
    """Join groupings: rows that any of them holds together, directly or by way of others, are one group.

    Parameters
    ----------
    *groups : array-like, shape (n,)
        Such as customer ids and `duplicate_groups`.

    Returns
    -------
    ndarray of int, shape (n,)
        From 0.

    Raises
    ------
    InputError
        If there is none, or their lengths differ.

    Examples
    --------
    >>> joined_groups(["a", "a", "b", "c"], [1, 2, 2, 3]).tolist()
    [0, 0, 0, 1]
    """
    columns = [np.asarray(one) for one in groups]
    if not columns or any(one.shape != columns[0].shape or one.ndim != 1 for one in columns):
        message = f"Expected groupings of the same rows; got shapes {[one.shape for one in columns]}."
        raise InputError(message)
    n, rows, nodes, size = len(columns[0]), [], [], len(columns[0])
    for one in columns:
        codes, names = pd.factorize(one, use_na_sentinel=False)
        rows.append(np.arange(n))
        nodes.append(codes + size)
        size += len(names)
    ends = (np.concatenate(rows), np.concatenate(nodes))
    graph = sparse.coo_array((np.ones(len(ends[0]), np.int8), ends), shape=(size, size))
    component = csgraph.connected_components(graph, directed=False)[1]
    return np.asarray(pd.factorize(component[:n])[0], dtype=np.intp)


def straddling_groups(groups: ArrayLike, train: ArrayLike, test: ArrayLike) -> IndexArray:
    """Groups that have rows on both sides of a split; empty if the split is clean.

    Parameters
    ----------
    groups : array-like of int, shape (n,)
    train, test : array-like of int
        Row numbers.
    """
    codes = np.asarray(groups)
    return np.intersect1d(codes[np.asarray(train, np.intp)], codes[np.asarray(test, np.intp)]).astype(np.intp)
