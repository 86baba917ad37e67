r"""What a fit leaves open about its parameters, and futures drawn with it.

By Laplace's approximation the free parameters, which are the logarithms of the positive ones, are normally distributed
around the estimates, with the inverse of the observed information as their covariance. A future is drawn in two steps:
parameters from this distribution, then every customer's own fate from the posterior under these parameters.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError
from .histories import FloatArray, Histories, IndexArray
from .purchase.model import PurchaseParams

MOST_SPREAD = 2.0
"""Largest standard deviation of a log parameter along one direction.

Where the likelihood is a ridge, the approximation reaches parameters that differ from the estimates by orders of
magnitude, which the likelihood itself would refuse: it is flat on one side of a ridge, not on both. Two log units, a
factor of 7, keep the direction as good as unknown without leaving the region that the data allow.
"""

_ROUNDING = 1e-6
"""Negative curvature, as a share of the largest, that counts as none."""

_WAY_OUT = (
    "Fit the model, to more customers or with priors, or leave this uncertainty out with parameter_uncertainty=False."
)


@dataclass(frozen=True, slots=True)
class ParameterPosterior:
    """Normal distribution of the free parameters.

    Attributes
    ----------
    centre : ndarray, shape (k,)
        Estimates; logarithms of the positive ones.
    root : ndarray, shape (k, k)
        ``root @ root.T`` is the covariance; its columns are independent directions.
    positive : ndarray of bool, shape (k,)
        Which parameters are positive.
    """

    centre: FloatArray
    root: FloatArray
    positive: NDArray[np.bool_]

    def draw(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Random parameters on the natural scale, shape (size, k)."""
        free = self.centre + rng.standard_normal((size, len(self.centre))) @ self.root.T
        return np.where(self.positive, np.exp(np.where(self.positive, free, 0.0)), free)


def certain(values: FloatArray, positive: NDArray[np.bool_] | None = None) -> ParameterPosterior:
    """The distribution of parameters that are taken as known: every draw is `values`."""
    positive = np.ones(len(values), dtype=bool) if positive is None else positive
    centre = np.where(positive, np.log(np.where(positive, values, 1.0)), values)
    return ParameterPosterior(centre, np.zeros((len(values), len(values))), positive)


def laplace_posterior(
    values: FloatArray, covariance: FloatArray, positive: NDArray[np.bool_] | None = None
) -> ParameterPosterior:
    r"""Turn estimates and their covariance into the distribution that parameters are drawn from.

    The covariance of logarithms is that of the estimates over their product. It is taken apart into the principal
    directions of its correlation matrix, along each of which no log parameter varies by more than `MOST_SPREAD`.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Estimates, natural scale.
    covariance : ndarray, shape (k, k)
        Of the estimates, natural scale.
    positive : ndarray of bool, shape (k,), optional
        Which parameters are positive; all, if it is missing.

    Raises
    ------
    ModelError
        If the covariance is unknown or not positive definite.
    """
    positive = np.ones(len(values), dtype=bool) if positive is None else positive
    scale = np.where(positive, values, 1.0)
    free = covariance / np.outer(scale, scale)
    spread = np.sqrt(np.diag(free)) if (np.diag(free) > 0).all() else np.full(len(values), np.nan)
    if not (np.isfinite(free).all() and np.isfinite(spread).all()):
        message = (
            "The uncertainty of the parameters is unknown: either the model was brought back from stored parameters, "
            f"or the data do not tell its parameters apart. {_WAY_OUT}"
        )
        raise ModelError(message)
    variances, directions = np.linalg.eigh(free / np.outer(spread, spread))
    if variances[0] < -_ROUNDING * variances[-1]:
        message = (
            "The covariance of the parameters is not positive definite: its correlation matrix has the eigenvalue "
            f"{variances[0]:.1e}, so the estimates are no maximum that the data identify. {_WAY_OUT}"
        )
        raise ModelError(message)
    root = spread[:, None] * directions * np.sqrt(np.maximum(variances, 0.0))
    reach = np.abs(np.where(positive[:, None], root, 0.0)).max(axis=0)
    root = root / np.maximum(reach / MOST_SPREAD, 1.0)
    return ParameterPosterior(np.where(positive, np.log(scale), values), root, positive)


def ridge_posterior(
    values: FloatArray, information: FloatArray, positive: NDArray[np.bool_] | None = None
) -> ParameterPosterior:
    """The distribution of parameters where the likelihood is flat in some direction, so that there is no covariance.

    What is known of the other directions is kept; along one that the data say nothing of, or less than nothing by
    rounding, the standard deviation is `MOST_SPREAD`.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Estimates, natural scale.
    information : ndarray, shape (k, k)
        Negative Hessian of the log-likelihood by the free parameters.
    positive : ndarray of bool, shape (k,), optional
        Which parameters are positive; all, if it is missing.

    Raises
    ------
    ModelError
        If the likelihood curves upwards in some direction by more than rounding: the estimates are no maximum.
    """
    curvature, directions = np.linalg.eigh(information)
    if not is_flat(curvature):
        raise ModelError(f"The estimates are no maximum of the likelihood, which curves upwards there. {_WAY_OUT}")
    root = directions / np.sqrt(np.maximum(curvature, MOST_SPREAD**-2))
    return replace(certain(values, positive), root=root)


def is_flat(curvature: FloatArray) -> bool:
    """Whether the smallest of ascending curvatures is 0 but for rounding, not below."""
    return bool(curvature[0] > -_ROUNDING * curvature[-1])


def draw_future(
    params: PurchaseParams,
    cases: Histories,
    inverse: IndexArray,
    horizon: float,
    rng: np.random.Generator,
    size: int = 1,
) -> FloatArray:
    """Futures of customers under given parameters; only those who turn out to be alive are drawn further.

    Parameters
    ----------
    params : PurchaseParams
        Numbers, or arrays with one value a case.
    cases : Histories
        Distinct histories, m of them.
    inverse : ndarray of int, shape (n,)
        The case of each customer.
    horizon : float
        In the model's time unit.
    rng : numpy.random.Generator
    size : int
        Number of futures.

    Returns
    -------
    ndarray of float64, shape (size, n)
        Purchases within the horizon.
    """
    chance = params.probability_alive(cases)[inverse]
    alive = np.flatnonzero(rng.random((size, len(inverse))) < chance)
    case = inverse[alive % len(inverse)]
    purchases = np.zeros(size * len(inverse))
    living = params.at(case).living(cases.take(case))
    purchases[alive] = living.draw(np.full(len(alive), horizon), rng)
    return purchases.reshape(size, len(inverse))
