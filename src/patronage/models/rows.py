r"""Log-likelihoods as sums over rows, with first and second derivatives.

A model states the log-likelihood of one history and its derivatives by the parameters of that history (`Rows`). Here
they are summed over distinct histories, in blocks that stay in the processor's cache, on all processors; with
covariates, where each row has parameters of its own, `patronage.models.covariates` carries them on to the coefficients.

Most likelihoods of this family are mixtures over what may have happened since the last purchase: the customer is alive,
or left at some time. Of a mixture :math:`\ln \sum_j v_j e^{g_j}` with shares
:math:`w_j = v_j e^{g_j} / \sum_i v_i e^{g_i}`

.. math::
    \nabla = \sum_j w_j \nabla g_j, \qquad
    \nabla^2 = \sum_j w_j \bigl(\nabla^2 g_j + \nabla g_j \nabla g_j^\top\bigr) - \nabla \nabla^\top

so a model only needs the derivatives of its terms (`log_mixture`).
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from patronage.models.likelihood import Evaluation
from patronage.runtime.blocks import on_all_processors
from patronage.runtime.histories import FloatArray, Histories

ROWS_AT_ONCE = 8192
"""Rows evaluated at once: few enough that the intermediate results stay in the processor's cache."""


class Rows(NamedTuple):
    """Log-likelihoods of n rows and their derivatives by the k parameters of each row.

    value has shape (n,), gradient (k, n) and hessian (k, k, n).
    """

    value: FloatArray
    gradient: FloatArray
    hessian: FloatArray

    def __add__(self, other: "Rows") -> "Rows":  # type: ignore[override]
        return Rows(self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian)


Parameters = Sequence[FloatArray | float]
"""Natural parameters of a model, each a number or an array with one value a row."""

RowLikelihood = Callable[[Parameters, Histories], Rows]


class SummedLikelihood:
    """Log-likelihood of distinct histories whose parameters are the same for all.

    Parameters
    ----------
    rows : callable
        ``(parameters, histories)`` to `Rows`.
    histories : Histories
        Distinct histories, m of them.
    counts : ndarray, shape (m,)
        Customers behind each.
    """

    def __init__(self, rows: RowLikelihood, histories: Histories, counts: FloatArray) -> None:
        self.rows, self.histories, self.counts = rows, histories, counts

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at natural parameters, shape (k,)."""
        blocks = [slice(at, at + ROWS_AT_ONCE) for at in range(0, len(self.counts), ROWS_AT_ONCE)]
        parameters = [float(value) for value in values]

        def evaluate(block: slice) -> Evaluation:
            some = Histories(self.histories.frequency[block], self.histories.recency[block], self.histories.T[block])
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value, gradient, hessian = self.rows(parameters, some)
            n = self.counts[block]
            return Evaluation(float(value @ n), gradient @ n, hessian @ n)

        return total(on_all_processors(evaluate, blocks))


def total(parts: Sequence[Evaluation]) -> Evaluation:
    """Sum of the evaluations of parts of the data."""
    return Evaluation(
        sum(part.value for part in parts),
        np.sum([part.gradient for part in parts], axis=0),
        np.sum([part.hessian for part in parts], axis=0),
    )


def log_mixture(
    weights: FloatArray,
    terms: FloatArray,
    gradients: Sequence[FloatArray],
    hessians: dict[tuple[int, int], FloatArray],
) -> Rows:
    r"""Logarithm of a sum of J exponentials, :math:`\ln \sum_j v_j e^{g_j}`, row by row, with derivatives.

    Parameters
    ----------
    weights : ndarray, shape (J, n)
        v, 0 and above; constants. A row needs one above 0.
    terms : ndarray, shape (J, n)
        g.
    gradients : sequence of k ndarrays, each of shape (J, n)
        Derivatives of g by the k parameters.
    hessians : dict of (int, int) to ndarray, shape (J, n) or broadcastable to it
        Second derivatives of g that are not 0, by the positions of the two parameters, the smaller one first.

    Returns
    -------
    Rows
    """
    k, shape = len(gradients), terms.shape
    peak = terms.max(axis=0)
    share = terms - peak
    np.exp(share, out=share)
    share *= weights
    total = share.sum(axis=0)
    share /= total
    gradient, hessian = np.empty((k, shape[1])), np.empty((k, k, shape[1]))
    for i in range(k):
        weighted = share * gradients[i]
        gradient[i] = weighted.sum(axis=0)
        for j in range(i + 1):
            hessian[i, j] = np.einsum("jn,jn->n", weighted, gradients[j]) - gradient[i] * gradient[j]
    for (i, j), second in hessians.items():
        hessian[j, i] += np.einsum("jn,jn->n", share, np.broadcast_to(second, shape))
    for i in range(k):
        hessian[:i, i] = hessian[i, :i]
    return Rows(peak + np.log(total), gradient, hessian)


def symmetric(k: int, n: int, entries: dict[tuple[int, int], FloatArray]) -> FloatArray:
    """Hessians of n rows, shape (k, k, n), from their entries that are not 0, the smaller position first."""
    hessian = np.zeros((k, k, n))
    for (i, j), value in entries.items():
        hessian[i, j] = value
        hessian[j, i] = value
    return hessian
