"""Maximum likelihood for models with a few positive parameters, with analytic gradient and Hessian."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

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
        estimate = _climb(log_likelihood, start, total_weight)
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
    return _described(log_likelihood(values), values, total_weight, iterations)


def trigamma(z: FloatArray | float) -> FloatArray:
    """Second derivative of the logarithm of the gamma function."""
    return np.asarray(special.polygamma(1, z), dtype=np.float64)


def _climb(log_likelihood: LogLikelihood, start: FloatArray, total_weight: float) -> Estimate:
    """Climb from one start; value, gradient and Hessian at a point come from one evaluation."""
    memory: dict[bytes, Evaluation] = {}

    def at(theta: FloatArray) -> Evaluation:
        key = theta.tobytes()
        if key not in memory:
            if len(memory) > 1:
                memory.pop(next(iter(memory)))
            memory[key] = log_likelihood(np.exp(theta))
        return memory[key]

    def loss(theta: FloatArray) -> float:
        value = at(theta).value
        return -value / total_weight if np.isfinite(value) else np.inf

    def gradient(theta: FloatArray) -> FloatArray:
        return -at(theta).gradient * np.exp(theta) / total_weight

    def hessian(theta: FloatArray) -> FloatArray:
        values = np.exp(theta)
        by_log: FloatArray = at(theta).hessian * np.outer(values, values) + np.diag(at(theta).gradient * values)
        return -by_log / total_weight

    # The sums are short: threads of the linear algebra would wait for one another longer than they work.
    with threadpool_limits(limits=1, user_api="blas"):
        found = minimize(
            loss,
            np.log(start),
            jac=gradient,
            hess=hessian,
            method="trust-exact",
            options={"gtol": GRADIENT_TOLERANCE / 100, "maxiter": STEP_LIMIT},
        )
    return _described(at(found.x), np.exp(found.x), total_weight, int(found.nit))


def _described(evaluation: Evaluation, values: FloatArray, total_weight: float, iterations: int) -> Estimate:
    value, gradient, hessian = evaluation
    try:
        np.linalg.cholesky(-hessian)
        covariance: FloatArray = np.linalg.inv(-hessian).astype(np.float64)
    except np.linalg.LinAlgError:
        covariance = np.full_like(hessian, np.nan)
    norm = float(np.abs(gradient * values).max() / total_weight)
    return Estimate(values, covariance, float(value), norm, iterations)
