r"""Whether predictive distributions of counts keep what they promise.

Where a prediction is a distribution F and y is what came, F(y) is uniform if the prediction is right. Counts are whole,
so F jumps; the probability integral transform is made uniform again by a random point within the jump [1]_:

.. math:: u = F(y - 1) + V\,\bigl(F(y) - F(y - 1)\bigr), \qquad V \sim \mathrm{Uniform}(0, 1)

The share of u in the middle 90 % is then 90 % if the prediction is right, neither more nor less, while intervals of
whole numbers must cover more.

References
----------
.. [1] Czado, Gneiting, Held (2009), Predictive model assessment for count data. Biometrics 65(4), 1254-1261.
"""

import numpy as np
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.models.base import checked_level
from patronage.runtime.histories import FloatArray


def randomised_pit(
    counts: ArrayLike,
    rng: np.random.Generator,
    *,
    pmf: ArrayLike | None = None,
    draws: ArrayLike | None = None,
    distribution: tuple[FloatArray, FloatArray] | None = None,
) -> FloatArray:
    """Randomised probability integral transform of counts.

    Parameters
    ----------
    counts : array-like, shape (n,)
        What came: whole numbers, 0 and above.
    rng : numpy.random.Generator
    pmf : array-like, shape (n, m + 1)
        Predicted probabilities of 0, ..., m; what is missing to 1 belongs to more than m.
    draws : array-like, shape (n, size)
        Predicted futures.
    distribution : (ndarray, ndarray), each of shape (n,)
        P(Y < count) and P(Y <= count), as `patronage.models.uncertainty.count_distribution` has them.

    Returns
    -------
    ndarray of float64, shape (n,)
        Uniform on [0, 1] if the predictions are right.

    Raises
    ------
    InputError
        Unless exactly one of the three is given, with one row a count, and counts are whole.
    """
    y = np.asarray(counts, dtype=np.float64)
    if y.ndim != 1 or not (np.isfinite(y) & (y >= 0) & (y == np.floor(y))).all():
        message = "counts must be one column of whole numbers, 0 and above."
        raise InputError(message)
    given = [one for one in (pmf, draws, distribution) if one is not None]
    if len(given) != 1:
        message = f"Give exactly one of pmf, draws and distribution; got {len(given)}."
        raise InputError(message)
    if distribution is not None:
        below, upto = distribution
    elif draws is not None:
        futures = _table(draws, len(y), "draws")
        below, upto = (futures < y[:, None]).mean(axis=1), (futures <= y[:, None]).mean(axis=1)
    else:
        below, upto = _at_counts(_table(pmf, len(y), "pmf"), y.astype(np.intp))
    return np.asarray(below + rng.random(len(y)) * (upto - below), dtype=np.float64)


def randomised_coverage(pit: ArrayLike, level: float) -> float:
    """Share of customers in the equal-tailed interval of a level, where its ends count in part."""
    tail = (1 - checked_level(level)) / 2
    u = np.asarray(pit, dtype=np.float64)
    return float(((u >= tail) & (u <= 1 - tail)).mean())


def interval_coverage(counts: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of counts within their intervals, ends included."""
    y = np.asarray(counts, dtype=np.float64)
    return float(((y >= np.asarray(low)) & (y <= np.asarray(high))).mean())


def _table(values: ArrayLike | None, n: int, name: str) -> FloatArray:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or len(table) != n or not table.shape[1]:
        message = f"{name} must have one row for each of {n:,} counts; got shape {table.shape}."
        raise InputError(message)
    return table


def _at_counts(pmf: FloatArray, y: np.ndarray) -> tuple[FloatArray, FloatArray]:
    upto = np.cumsum(pmf, axis=1)
    rows, last = np.arange(len(y)), pmf.shape[1] - 1
    beyond = y > last
    before = np.where(y > 0, upto[rows, np.minimum(np.maximum(y - 1, 0), last)], 0.0)
    return before, np.where(beyond, 1.0, upto[rows, np.minimum(y, last)])
