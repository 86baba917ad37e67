"""What a model knows of the values of its columns: how many were missing, or beyond its categories, in training.

A model that never met a missing value in a column sends customers who lack it wherever its trees happen to, mostly to
the far end. They are scored by the usual value instead, and their reasons tell of the same value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .reasons import USUAL

MISSING_SHARE = "missing_share"
"""Where a bundle's training facts keep the share of missing values of each column."""

UNKNOWN_SHARE = "unknown_share"
"""Where they keep the share of values of each text column that are none of the model's categories."""


def known_shares(
    columns: Mapping[str, NDArray[Any]], features: Sequence[str], categories: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, float]]:
    """What the training facts keep of the values of the columns.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Numbers, missing as NaN, and text, missing as None.
    features : sequence of str
        Which columns.
    categories : mapping of str to sequence of str
        The values that the model tells apart, of each feature that is text.

    Returns
    -------
    dict of str to dict of str to float
        The shares `MISSING_SHARE` and `UNKNOWN_SHARE` by column, between 0 and 1.

    Examples
    --------
    >>> columns = {"x": np.array([1.0, np.nan]), "plan": np.array(["basic", "rare"], dtype=object)}
    >>> known_shares(columns, ["x", "plan"], {"plan": ("basic",)})
    {'missing_share': {'x': 0.5, 'plan': 0.0}, 'unknown_share': {'plan': 0.5}}
    """
    told = [name for name in features if name in categories]
    return {
        MISSING_SHARE: {name: _share(missing(columns[name])) for name in features},
        UNKNOWN_SHARE: {name: _share(unknown(columns[name], categories[name])) for name in told},
    }


def missing(column: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are missing, shape (n,)."""
    if column.dtype == object:
        return np.array([value is None for value in column.tolist()], dtype=bool)
    return np.asarray(np.isnan(column), dtype=bool)


def unknown(column: NDArray[Any], known: Sequence[str]) -> NDArray[np.bool_]:
    """Which values are there, but none of the model's categories, shape (n,)."""
    among = {None, *known}
    return np.array([value not in among for value in column.tolist()], dtype=bool)


def filled(columns: Mapping[str, NDArray[Any]], training: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The columns with the usual value wherever one is missing that never was in training.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
    training : mapping
        The bundle's facts; those of older bundles know nothing of it, and change nothing.

    Returns
    -------
    dict of str to ndarray, shape (n,)
        Those given stay as they are.
    """
    usual = never_missing(training)
    result = dict(columns)
    for name in usual.keys() & columns.keys():
        if (lacking := missing(columns[name])).any():
            result[name] = columns[name].copy()
            result[name][lacking] = usual[name]
    return result


def never_missing(training: Mapping[str, Any]) -> dict[str, float | str]:
    """The usual value of each column that had none missing in training."""
    usual: Mapping[str, float | str] = training.get(USUAL) or {}
    shares: Mapping[str, float] = training.get(MISSING_SHARE) or {}
    return {name: usual[name] for name, share in shares.items() if share == 0 and name in usual}


def _share(rows: NDArray[np.bool_]) -> float:
    return float(rows.mean()) if len(rows) else 0.0
