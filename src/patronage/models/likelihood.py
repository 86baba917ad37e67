"""Maximum likelihood for models with a few positive parameters, with analytic gradient and Hessian."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import minimize

from patronage.errors import FitError
from patronage.runtime.histories import FloatArray

GRADIENT_TOLERANCE = 1e-7
"""Largest gradient of the mean log-likelihood, by log parameters, at which a fit counts as converged."""

STEP_LIMIT = 200


class Evaluation(NamedTuple):
    """A log-likelihood at one point, with its first and second derivatives by the (natural) parameters."""

    value: float
    gradient: FloatArray
    hessian: FloatArray


LogLikelihood = Callable[[FloatArray], Evaluation]


@dataclass(frozen=True)
class Estimate:
    """A maximum of the likelihood.

    Attributes
    ----------
    values : ndarray, shape (k,)
        Estimates, on the natural scale.
    covariance : ndarray, shape (k, k)
        Inverse of the observed information, on the natural scale; NaN if the information is not positive definite,
        because the data then do not tell the parameters apart.
    log_likelihood : float
        Natural logarithm, summed over customers.
    gradient_norm : float
        Largest absolute derivative of the mean log-likelihood by the log parameters.
    iterations : int
        Steps of the optimiser; 0 if the estimates came from elsewhere.
    """

    values: FloatArray
    covariance: FloatArray
    log_likelihood: float
    gradient_norm: float
    iterations: int


def maximise(log_likelihood: LogLikelihood, starts: Iterable[FloatArray], total_weight: float) -> Estimate:
    """Climb to a maximum by a trust-region Newton method in the log parameters.

    Parameters
    ----------
    log_likelihood : callable
        Natural parameters, shape (k,), to an `Evaluation`.
    starts : iterable of ndarray, shape (k,)
        Starting values on the natural scale, tried in turn until one converges.
    total_weight : float
        Number of customers, which the log-likelihood is a sum over.

    Raises
    ------
    FitError
        If no start leads to a point where the gradient vanishes.
    """
    best: Estimate | None = None
    for start in starts:
        memory: dict[bytes, tuple[float, FloatArray, FloatArray]] = {}

        def loss(
            theta: FloatArray, memory: dict[bytes, tuple[float, FloatArray, FloatArray]] = memory
        ) -> tuple[float, FloatArray, FloatArray]:
            key = theta.tobytes()
            if key not in memory:
                memory.clear()
                memory[key] = _loss_by_log(log_likelihood, theta, total_weight)
            return memory[key]

        found = minimize(
            lambda theta, loss=loss: loss(theta)[0],
            np.log(start),
            jac=lambda theta, loss=loss: loss(theta)[1],
            hess=lambda theta, loss=loss: loss(theta)[2],
            method="trust-exact",
            options={"gtol": GRADIENT_TOLERANCE / 100, "maxiter": STEP_LIMIT},
        )
        estimate = estimate_at(log_likelihood, np.exp(found.x), total_weight, int(found.nit))
        if best is None or estimate.gradient_norm < best.gradient_norm:
            best = estimate
        if best.gradient_norm <= GRADIENT_TOLERANCE:
            return best
    reached = f"{best.gradient_norm:.1e} at {best.values}" if best else "no start was given"
    message = (
        f"The likelihood has no maximum that could be reached: the gradient should fall below "
        f"{GRADIENT_TOLERANCE:.0e}, the best start reached {reached}. "
        "Look for a parameter that runs away: the data may not identify it."
    )
    raise FitError(message)


def estimate_at(
    log_likelihood: LogLikelihood, values: FloatArray, total_weight: float, iterations: int = 0
) -> Estimate:
    """Describe a point as an `Estimate`, whoever found it."""
    value, gradient, hessian = log_likelihood(values)
    try:
        np.linalg.cholesky(-hessian)
        covariance: FloatArray = np.linalg.inv(-hessian).astype(np.float64)
    except np.linalg.LinAlgError:
        covariance = np.full_like(hessian, np.nan)
    norm = float(np.abs(gradient * values).max() / total_weight)
    return Estimate(values, covariance, float(value), norm, iterations)


def trigamma(z: FloatArray | float) -> FloatArray:
    """Second derivative of the logarithm of the gamma function."""
    return np.asarray(special.polygamma(1, z), dtype=np.float64)


def _loss_by_log(
    log_likelihood: LogLikelihood, theta: FloatArray, total_weight: float
) -> tuple[float, FloatArray, FloatArray]:
    """Mean negative log-likelihood and its derivatives by the log parameters, by the chain rule."""
    values = np.exp(theta)
    value, gradient, hessian = log_likelihood(values)
    by_log = gradient * values
    second = hessian * np.outer(values, values) + np.diag(by_log)
    if not np.isfinite(value):
        return np.inf, np.zeros_like(theta), np.eye(len(theta))
    return -value / total_weight, -by_log / total_weight, -second / total_weight
