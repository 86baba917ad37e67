r"""Sums of many positive terms that change smoothly, without visiting each.

A model in discrete time adds up whole periods: thousands of them for a long horizon, or all the future. Where a term
f(k) is smooth over a block of L periods, sixteen places within the block suffice: the Gauss rule for a sum over
consecutive whole numbers, which rests on the polynomials of Chebyshev and Gram [1]_, adds up every polynomial of
degree 31 or less exactly.

.. math:: \sum_{k=0}^{L-1} f(k) \approx \sum_{j=1}^{16} w_j f(k_j)

Blocks are as long as the term allows and at least 16 periods, where the rule is the plain sum.

References
----------
.. [1] Gautschi (2004), Orthogonal polynomials: computation and approximation. Oxford University Press.
"""

from collections.abc import Callable
from functools import cache

import numpy as np

from .histories import FloatArray, IndexArray

NODES = 16
SHORTEST = 4
"""Binary logarithm of the shortest block."""

LONGEST = 60
"""Binary logarithm of the longest block."""

NEGLIGIBLE = 1e-17
"""Share of the sum below which a block ends it."""

ROWS_AT_ONCE = 4096

MOST_PERIODS = 2.0**53
"""Number of periods up to which every whole number can be told from the next."""


def smooth_sum(
    log_term: Callable[[FloatArray, IndexArray], FloatArray],
    reach: Callable[[FloatArray, IndexArray], FloatArray],
    count: FloatArray,
) -> FloatArray:
    """Sum of f(0), f(1), ..., f(count - 1), row by row.

    Parameters
    ----------
    log_term : callable
        ``(k, rows)`` to the logarithm of the term, for k of shape (m, nodes) and the positions of the m rows; not above
        about 700. The terms must rise to one peak and fall, or only fall.
    reach : callable
        ``(k, rows)`` to the length for which the term is smooth from k on, both of shape (m,): over it its logarithm
        changes by a few units, and it is at most a few times the distance to where the term has no value. See
        `reach_of_powers`.
    count : ndarray, shape (n,)
        Number of terms, whole, 0 to `MOST_PERIODS`, or infinite if the terms become negligible before.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> total = smooth_sum(
    ...     lambda k, rows: -2 * np.log(1 + k), lambda k, rows: reach_of_powers((2.0, 1 + k)), np.array([1e15])
    ... )
    >>> bool(abs(total[0] - np.pi**2 / 6) < 1e-14)
    True
    """
    total = np.zeros(len(count))
    for first in range(0, len(count), ROWS_AT_ONCE):
        rows = np.arange(first, min(first + ROWS_AT_ONCE, len(count)))
        rows = rows[count[rows] > 0]
        start = np.zeros(len(rows))
        while len(rows):
            longest = np.minimum(reach(start, rows), count[rows] - start)
            level = np.clip(np.floor(np.log2(np.maximum(longest, 1.0))), SHORTEST, LONGEST).astype(np.intp)
            block = np.empty(len(rows))
            for one in np.unique(level):
                some = np.flatnonzero(level == one)
                place, weight = rule_of(int(one))
                k = start[some, None] + place
                term = weight * np.exp(log_term(k, rows[some]))
                block[some] = np.where(k < count[rows[some], None], term, 0.0).sum(axis=1)
            total[rows] += block
            start += 2.0**level
            goes_on = (start < count[rows]) & ((block > NEGLIGIBLE * total[rows]) | (total[rows] == 0))
            rows, start = rows[goes_on], start[goes_on]
    return total


def reach_of_powers(*factors: tuple[FloatArray | float, FloatArray], decay: float = 0.0) -> FloatArray:
    r"""For how long a term is smooth that changes like :math:`\prod z^{\pm n} e^{-\mathrm{decay}\,k}`.

    Parameters
    ----------
    *factors : pair of float or ndarray and ndarray, shape (m,)
        n and z of each factor, both positive; z grows by 1 with each period.
    decay : float
        Rate of the exponential factor.

    Returns
    -------
    ndarray, shape (m,)
    """
    rate: FloatArray | float = decay
    nearest: FloatArray | float = np.inf
    for power, place in factors:
        rate = rate + power / place
        nearest = np.minimum(nearest, place)
    return np.minimum(6 / rate, 2 * nearest)


@cache
def rule_of(level: int) -> tuple[FloatArray, FloatArray]:
    """Places and weights of the rule for ``2 ** level`` consecutive whole numbers from 0."""
    if level == SHORTEST:
        return np.arange(float(NODES)), np.ones(NODES)
    length = 2.0**level
    j = np.arange(1.0, NODES)
    # The recurrence of the Gram polynomials, in units of the length; that of Legendre's for infinite length.
    beside = np.sqrt(j**2 * (1 - (j / length) ** 2) / (4 * (4 * j**2 - 1)))
    place, vectors = np.linalg.eigh(np.diag(beside, 1) + np.diag(beside, -1))
    return (length - 1) / 2 + length * place, length * vectors[0] ** 2
