"""Samples of distinct histories, which stand for a large table."""

import numpy as np

from patronage.runtime.histories import FloatArray, IndexArray

SAMPLE_SIZES = (1_500, 20_000, 150_000)
"""Distinct histories in the samples."""

LEAST_SHARE = 4
"""Distinct histories for each of a sample, from which on a sample is worth its evaluations."""

MOST_COUNTED = 4096
"""Customers behind a history from which on it counts as equally frequent."""

TELLING = 8192
"""Histories that tell how frequent the others are."""


def samples_of(counts: FloatArray) -> list[tuple[IndexArray, FloatArray]]:
    """Samples of distinct histories, each drawn from the next larger one, the smallest first; none of few histories."""
    found: list[tuple[IndexArray, FloatArray]] = []
    for size in sorted(SAMPLE_SIZES, reverse=True):
        if len(counts) < LEAST_SHARE * size:
            continue
        index, weights = _sample(found[-1][1] if found else counts, size)
        found.append((found[-1][0][index] if found else index, weights))
    return found[::-1]


def _sample(counts: FloatArray, size: int) -> tuple[IndexArray, FloatArray]:
    """A sample of distinct histories that stands for all customers.

    The most frequent histories are all in it, of the others every so-many-th with a weight for those left out; so its
    maximum lies near that of the whole.

    Returns
    -------
    index : ndarray of int
        About `size` positions.
    weights : ndarray
        Customers behind each; they sum to those of all.
    """
    # How many are more frequent than 0, 1, 2, ..., as far as some of them tell.
    some = np.minimum(counts[:: max(len(counts) // TELLING, 1)], MOST_COUNTED).astype(np.intp)
    more_often = 1 - np.cumsum(np.bincount(some)) / len(some)
    often = np.argmax(more_often * len(counts) <= size // 2)
    is_in = counts >= often + 1
    others = np.flatnonzero(~is_in)
    is_in[others[:: max(len(others) // max(size - (len(counts) - len(others)), 1), 1)]] = True
    index = np.flatnonzero(is_in)
    weights = counts[index]
    drawn = weights < often + 1
    if (of_drawn := weights[drawn].sum()) > 0:
        weights[drawn] *= (counts.sum() - weights[~drawn].sum()) / of_drawn
    return index, weights
