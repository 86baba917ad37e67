"""Maximum likelihood for models with a few positive parameters, with analytic gradient and Hessian."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special
from threadpoolctl import ThreadpoolController

from patronage.errors import FitError
from patronage.runtime.histories import FloatArray

GRADIENT_TOLERANCE = 1e-7
"""Largest gradient of the mean log-likelihood, by log parameters, at which a fit counts as converged."""

ARRIVED = GRADIENT_TOLERANCE / 10
"""The same, at which a climb stops."""

AGREEMENT = 1e-8
"""Largest relative difference of the mean log-likelihoods that count as the same maximum."""

STEP_LIMIT = 200

FIRST_RADIUS, LARGEST_RADIUS, SMALLEST_RADIUS = 1.0, 16.0, 1e-10
"""Lengths of a step in the free parameters: 1 is a factor of e in one of them."""


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
        Natural logarithm, summed over customers; of the data alone, without priors and penalties.
    gradient_norm : float
        Largest absolute derivative of the mean of what was maximised, by the free parameters (logarithms of the
        positive ones).
    iterations : int
        Steps of the optimiser; 0 if the estimates came from elsewhere.
    curvature : ndarray, shape (k,)
        Eigenvalues of the negative Hessian of the mean of what was maximised, by the free parameters, ascending. One
        near 0 belongs to a direction that the data say nothing about; one below 0 shows that this is no maximum.
    flattest : ndarray, shape (k,)
        The direction of least curvature, of length 1.
    climbs : tuple of Climb
        Where each of several starts led to.
    """

    values: FloatArray
    covariance: FloatArray
    log_likelihood: float
    gradient_norm: float
    iterations: int
    curvature: FloatArray
    flattest: FloatArray
    climbs: tuple["Climb", ...] = ()


@dataclass(frozen=True)
class Climb:
    """Where one start led to.

    Attributes
    ----------
    start, end : ndarray, shape (k,)
        Natural scale.
    mean_log_likelihood : float
        What was maximised, per customer, at the end.
    gradient_norm : float
        As in `Estimate`.
    n_histories : int
        Rows of the problem that was climbed: all distinct histories, or the fewer ones that a large fit starts from.
    at_end : Evaluation
        The objective at the end, by the free parameters.
    """

    start: FloatArray
    end: FloatArray
    mean_log_likelihood: float
    gradient_norm: float
    n_histories: int
    at_end: Evaluation = field(repr=False)


class Penalty(Protocol):
    """What is subtracted from the log-likelihood: priors on parameters, regularisation of coefficients."""

    def __call__(self, values: FloatArray) -> Evaluation:
        """Value and derivatives by the natural parameters."""
        ...


@dataclass(frozen=True)
class Objective:
    """What is maximised.

    Attributes
    ----------
    log_likelihood : callable
        Natural parameters, shape (k,), to an `Evaluation`.
    total_weight : float
        Number of customers, which the log-likelihood is a sum over.
    positive : ndarray of bool, shape (k,), optional
        Which parameters are positive and so climb by their logarithms; all, if it is missing.
    penalty : callable, optional
        Natural parameters to an `Evaluation` of what is subtracted.
    n_histories : int
        Rows behind the log-likelihood.
    names : tuple of str
        Of the parameters, for messages.
    model : str
        What is fitted, for messages.
    """

    log_likelihood: LogLikelihood
    total_weight: float
    positive: NDArray[np.bool_] | None = None
    penalty: Penalty | None = None
    n_histories: int = 0
    names: tuple[str, ...] = ()
    model: str = ""

    def natural(self, theta: FloatArray) -> FloatArray:
        """Free to natural parameters."""
        return np.exp(theta) if self.positive is None else np.where(self.positive, np.exp(theta * self.positive), theta)

    def free(self, values: FloatArray) -> FloatArray:
        """Natural to free parameters."""
        if self.positive is None:
            return np.log(values)
        return np.where(self.positive, np.log(np.where(self.positive, values, 1.0)), values)

    def mean(self, values: FloatArray) -> Evaluation:
        """Mean of the penalised log-likelihood, with derivatives by the free parameters."""
        value, gradient, hessian = self.log_likelihood(values)
        if self.penalty is not None:
            less = self.penalty(values)
            value, gradient, hessian = value - less.value, gradient - less.gradient, hessian - less.hessian
        slope = self.slope(values)
        by_free = hessian * slope * slope[:, None]
        by_free.flat[:: len(slope) + 1] += gradient * (
            slope if self.positive is None else np.where(self.positive, slope, 0.0)
        )
        return Evaluation(value / self.total_weight, gradient * slope / self.total_weight, by_free / self.total_weight)

    def slope(self, values: FloatArray) -> FloatArray:
        """Derivative of the natural by the free parameters."""
        return values if self.positive is None else np.where(self.positive, values, 1.0)


class Alike(NamedTuple):
    """A smaller problem like the one that is climbed, and its evaluation where the climb starts."""

    objective: Objective
    at_start: Evaluation


def climb(
    objective: Objective, start: FloatArray, tolerance: float = ARRIVED, alike: Alike | None = None
) -> tuple[Climb, int]:
    r"""Climb from one start by a trust-region Newton method, to wherever it leads.

    Each step maximises the quadratic model of the log-likelihood within a ball, exactly, in the eigenvectors of its
    Hessian ([1]_, section 4.3): :math:`(-\nabla^2 + \lambda I)\,p = \nabla` with the least λ that keeps it inside.
    With at most a few dozen parameters this costs nothing beside the likelihood. Where the quadratic model is not
    usable (a point without a finite Hessian), the ball shrinks.

    Parameters
    ----------
    objective : Objective
    start : ndarray, shape (k,)
        Natural scale.
    tolerance : float
        Largest gradient of the mean, by the free parameters, at which the climb stops.
    alike : Alike, optional
        A smaller problem, which tells how the first step misses the maximum by its length.

    Returns
    -------
    climb : Climb
    iterations : int

    References
    ----------
    .. [1] Nocedal, Wright (2006), Numerical optimization. 2nd edition, Springer.
    """
    theta, radius, iterations = objective.free(start), FIRST_RADIUS, 0
    with one_thread(), np.errstate(all="ignore"):
        here = objective.mean(objective.natural(theta))
        while iterations < STEP_LIMIT and _usable(here):
            if np.abs(here.gradient).max() <= tolerance or radius < SMALLEST_RADIUS:
                break
            step, promised = _step(here, radius)
            if alike and not iterations and np.linalg.norm(step) < radius:
                step = _bent(step, here, objective.natural(theta + step), alike)
            there = objective.mean(objective.natural(theta + step))
            iterations += 1
            gained = there.value - here.value if _usable(there) else -np.inf
            # Where gains drown in rounding, a smaller gradient decides.
            rounding = 1e-14 * max(1.0, abs(here.value))
            if promised <= rounding and abs(gained) <= 10 * rounding:
                better = bool(np.abs(there.gradient).max() < np.abs(here.gradient).max())
                share = 1.0 if better else 0.0
            else:
                share = gained / promised
            length = float(np.linalg.norm(step))
            if share < 0.25:
                radius = length / 4
            elif share > 0.75 and length > 0.9 * radius:
                radius = min(2 * radius, LARGEST_RADIUS)
            if share > 1e-4:
                theta, here = theta + step, there
    norm = float(np.abs(here.gradient).max()) if _usable(here) else np.inf
    end = objective.natural(theta)
    return Climb(start, end, float(here.value), norm, objective.n_histories, here), iterations


def one_thread() -> AbstractContextManager[Any]:
    """Keep the linear algebra to one thread: its sums are short, and threads would wait longer than they work."""
    limited: AbstractContextManager[Any] = _threads().limit(limits=1, user_api="blas")
    return limited


@cache
def _threads() -> ThreadpoolController:
    """The controller of the linear algebra's threads; to find its libraries takes longer than many a climb."""
    return ThreadpoolController()


def _usable(evaluation: Evaluation) -> bool:
    value, gradient, hessian = evaluation
    return bool(np.isfinite(value) and np.isfinite(gradient).all() and np.isfinite(hessian).all())


def _step(here: Evaluation, radius: float) -> tuple[FloatArray, float]:
    """The step to the highest point of the quadratic model within the radius, and the gain it promises."""
    curvature, directions = np.linalg.eigh(-here.hessian)
    slope = directions.T @ here.gradient

    def along(shift: float) -> FloatArray:
        damped = curvature + shift
        return np.where(slope != 0, slope / np.where(damped > 0, damped, np.finfo(float).tiny), 0.0)

    part = along(0.0)
    if curvature[0] <= 0 or np.linalg.norm(part) > radius:
        low = max(0.0, -float(curvature[0]))
        high = low + float(np.linalg.norm(slope)) / radius
        square = slope**2
        for _ in range(40):
            middle = (low + high) / 2
            damped = np.maximum(curvature + middle, 1e-150)
            low, high = (middle, high) if (square / damped**2).sum() > radius**2 else (low, middle)
        part = along(high)
        if curvature[0] < 0 and np.linalg.norm(part) < 0.9 * radius:
            # The gradient has no part along the direction that curves upwards: go there nevertheless.
            missing = np.sqrt(radius**2 - float(part[1:] @ part[1:]))
            part = np.append(np.copysign(missing, slope[0]), part[1:])
    promised = float(slope @ part - (curvature * part**2).sum() / 2)
    return directions @ part, promised


def _bent(step: FloatArray, here: Evaluation, end: FloatArray, alike: Alike) -> FloatArray:
    """A Newton step, corrected by the gradient that is left at its end in a problem alike.

    The quadratic model of the smaller problem misses its gradient there by the third derivatives and higher ones, which
    hardly differ from those of the whole.
    """
    at_start, at_end = alike.at_start, alike.objective.mean(end)
    left = at_end.gradient - at_start.gradient - at_start.hessian @ step
    more = np.linalg.solve(-here.hessian, left)
    return step + more if np.linalg.norm(more) < 0.5 * np.linalg.norm(step) else step


def maximise(
    objective: Objective,
    starts: Iterable[FloatArray],
    climbs: tuple[Climb, ...] = (),
    n_starts: int = 1,
    alike: Alike | None = None,
) -> Estimate:
    """Climb from several starts and describe the best end.

    Parameters
    ----------
    objective : Objective
    starts : iterable of ndarray, shape (k,)
        Starting values on the natural scale, tried in turn until `n_starts` of them led to the same maximum.
    climbs : tuple of Climb
        Climbs that led to these starts, for the record.
    n_starts : int
        How many climbs have to agree.
    alike : Alike, optional
        A smaller problem, evaluated at the first start.

    Raises
    ------
    FitError
        If no start leads to a point where the gradient vanishes.
    """
    made: list[tuple[Climb, int]] = []
    converged = 0
    for start in starts:
        made.append(climb(objective, start, alike=None if made else alike))
        ends = [one.mean_log_likelihood for one, _ in made if one.gradient_norm <= GRADIENT_TOLERANCE]
        converged = sum(same_maximum(end, max(ends)) for end in ends)
        if converged >= n_starts:
            break
    if not converged:
        nearest = min(made, key=lambda one: one[0].gradient_norm, default=None)
        of_model = f" of {objective.model}" if objective.model else ""
        message = (
            f"The likelihood{of_model} has no maximum that could be reached: the gradient should fall below "
            f"{GRADIENT_TOLERANCE:.0e}, "
            + (_reached(objective, nearest[0]) if nearest else "and no start was given.")
            + " Use a simpler model, more customers, or priors on the parameters that run away."
        )
        raise FitError(message)
    arrived = [one for one in made if one[0].gradient_norm <= GRADIENT_TOLERANCE]
    best, iterations = max(arrived, key=lambda one: one[0].mean_log_likelihood)
    return estimate_at(objective, best.end, iterations, (*climbs, *(one[0] for one in made)), best.at_end)


def _reached(objective: Objective, nearest: Climb) -> str:
    """Where the best start ended, and which parameters ran away from it."""
    names = objective.names or tuple(f"parameter {k + 1}" for k in range(len(nearest.end)))
    ends = ", ".join(f"{name} {value:.3g}" for name, value in zip(names, nearest.end, strict=True))
    pairs = zip(names, nearest.start, nearest.end, strict=True)
    away = [
        f"{name} ran towards {'infinity' if end > start else '0'}"
        for name, start, end in pairs
        if start > 0 and not 1e-4 < end / start < 1e4
    ]
    ran = f": {'; '.join(away)}, which these data do not determine" if away else ""
    return f"the best start reached {nearest.gradient_norm:.3g} at {ends}{ran}."


def same_maximum(one: float, highest: float) -> bool:
    """Whether two mean log-likelihoods are those of one maximum."""
    return highest - one <= AGREEMENT * max(1.0, abs(highest))


def estimate_at(
    objective: Objective,
    values: FloatArray,
    iterations: int = 0,
    climbs: tuple[Climb, ...] = (),
    mean: Evaluation | None = None,
) -> Estimate:
    """Describe a point as an `Estimate`, whoever found it; `mean` is the objective there, if it is known."""
    mean = objective.mean(values) if mean is None else mean
    penalty = objective.penalty(values).value if objective.penalty else 0.0
    curvature, directions = np.linalg.eigh(-mean.hessian)
    covariance = np.full_like(mean.hessian, np.nan)
    if curvature[0] > 0:
        slope = objective.slope(values)
        inverse = (directions / curvature) @ directions.T / objective.total_weight
        with np.errstate(over="ignore"):
            covariance = inverse * np.outer(slope, slope)
    return Estimate(
        values=values,
        covariance=covariance,
        log_likelihood=mean.value * objective.total_weight + penalty,
        gradient_norm=float(np.abs(mean.gradient).max()),
        iterations=iterations,
        curvature=curvature,
        flattest=directions[:, 0],
        climbs=climbs,
    )


def trigamma(z: FloatArray | float) -> FloatArray:
    """Second derivative of the logarithm of the gamma function."""
    return np.asarray(special.polygamma(1, z), dtype=np.float64)
