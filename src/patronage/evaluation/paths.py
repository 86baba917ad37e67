"""How far a sum over many customers may lie from what a model expects, by simulation and by the delta method.

Two things make a total uncertain: customers are random even if the parameters are known, and the parameters are
estimates. Both variances are taken here; a gamma distribution of the same mean and variance then gives the interval,
which is skewed and above 0 for small totals and nearly normal for large ones.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special

from patronage.models.base import checked_level
from patronage.models.purchase.model import PurchaseModel
from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.with_covariates import CovariateParams

PARTS_OF_A_STEP = 7
"""Last purchases are put at multiples of this part of a step, so that equal histories are predicted once."""

LOG_STEP = 1e-3
"""Step of the central differences, in logarithms of the parameters."""


def simulated_paths(
    params: PurchaseParams, n_steps: int, step: float, size: int, rng: np.random.Generator
) -> FloatArray:
    """Purchases of simulated new customers, step by step.

    Each step is drawn from what the model predicts for the history so far, so it works for every kind of model. Within
    a step the purchases lie evenly, which is the only approximation.

    Parameters
    ----------
    params : PurchaseParams
    n_steps : int
    step : float
        Length of a step in the model's time unit; whole for a discrete model.
    size : int
        Number of customers.
    rng : Generator

    Returns
    -------
    ndarray of float64, shape (size, n_steps)
    """
    frequency, recency = np.zeros(size), np.zeros(size)
    counts = np.empty((size, n_steps))
    for j in range(n_steps):
        begin = j * step
        bought = params.draw(Histories(frequency, recency, np.full(size, begin)), step, 1, rng)[0]
        part = rng.random(size) ** (1 / np.maximum(bought, 1))
        part = np.ones(size) if params.discrete else np.ceil(part * PARTS_OF_A_STEP) / PARTS_OF_A_STEP
        frequency = frequency + bought
        recency = np.where(bought > 0, np.minimum(begin + step * part, (j + 1) * step), recency)
        counts[:, j] = bought
    return counts


def parameter_variance(model: PurchaseModel, quantity: Callable[[PurchaseParams], FloatArray]) -> FloatArray:
    r"""Variance of predictions because the parameters are estimates, by the delta method.

    .. math:: g' C g, \qquad g = \frac{\partial f}{\partial \ln\theta}

    with C the covariance of the estimated logarithms. It is 0 where it is not known: for a model that was brought back
    from its parameters, or whose data do not identify them. Coefficients of covariates are not in logarithms.

    Parameters
    ----------
    model : PurchaseModel
        Fitted.
    quantity : callable
        From parameters to predictions, shape (m,).

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    params, values, positive = model.to_params(), np.array(list(model.params_.values())), model.positive_
    scales = np.where(positive, values, np.sqrt(np.diag(model.covariance_)))
    covariance = model.covariance_ / np.outer(scales, scales)
    if not np.isfinite(covariance).all():
        return np.zeros(len(quantity(params)))
    slopes = []
    for at, (name, value) in enumerate(model.params_.items()):
        steps = (value * np.exp(h) if positive[at] else value + h * scales[at] for h in (LOG_STEP, -LOG_STEP))
        up, down = (quantity(_changed(params, name, step)) for step in steps)
        slopes.append((up - down) / (2 * LOG_STEP))
    gradient = np.array(slopes)
    variance: FloatArray = np.einsum("im,ij,jm->m", gradient, covariance, gradient)
    return np.maximum(variance, 0.0)


def _changed(params: PurchaseParams, name: str, value: float) -> PurchaseParams:
    """The same with another value of a parameter, or of a coefficient."""
    if not isinstance(params, CovariateParams):
        return replace(params, **{name: value})
    if hasattr(params.base, name):
        return replace(params, base=replace(params.base, **{name: value}))
    coefficients = tuple(replace(one, value=value) if one.name == name else one for one in params.effects.coefficients)
    return replace(params, effects=replace(params.effects, coefficients=coefficients))


def total_interval(mean: FloatArray, variance: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Equal-tailed interval of totals of known mean and variance, by a gamma distribution.

    Parameters
    ----------
    mean, variance : ndarray, shape (m,)
        Both 0 and above.
    level : float
        Coverage, between 0 and 1.

    Raises
    ------
    InputError
        If level is not between 0 and 1.
    """
    level = checked_level(level)
    spread = (mean > 0) & (variance > 0)
    scale = np.where(spread, variance, 1.0) / np.where(spread, mean, 1.0)
    shape = np.where(spread, mean, 1.0) / scale
    tails = (0.5 - level / 2, 0.5 + level / 2)
    low, high = (np.where(spread, scale * special.gammaincinv(shape, tail), mean) for tail in tails)
    return low, high
