r"""Powers of time, and the survival that follows from them, also where they are beyond what a number holds.

With :math:`q = t^c` the share of customers who stay is :math:`B(\alpha, \beta + q) / B(\alpha, \beta)`. It comes to

.. math:: \frac{\Gamma(\alpha + \beta)}{\Gamma(\beta)}\,q^{-\alpha}\,\bigl(1 + O(1 / q)\bigr)

so that for large q its logarithm falls by α per unit of ln q = c ln t, to rounding. Powers are therefore held at a
most, and what ln q grows by above it is kept beside them.
"""

from typing import NamedTuple

import numpy as np

from ..histories import FloatArray
from .gamma_differences import log_beta_drop

LOG_MOST = 230.0
"""Logarithm of the largest power that is held: parameters are nothing beside it, and its square is still a number."""


class Ageing(NamedTuple):
    """What some periods add to a power of time.

    Attributes
    ----------
    age : ndarray
        The power at the start, at most :math:`e^{230}`, see `LOG_MOST`.
    growth : ndarray
        What is added to it, up to the same most.
    beyond : ndarray
        What is added to the logarithm of the power above that.
    """

    age: FloatArray
    growth: FloatArray
    beyond: FloatArray


def aged(start: FloatArray, periods: FloatArray, c: FloatArray) -> Ageing:
    r"""Growth of a power of time from :math:`s^c` to :math:`(s + k)^c`, exact for small c and k too.

    Parameters
    ----------
    start, periods, c : ndarray
        s and k, whole, 0 and above, and the exponent; broadcast together.
    """
    last = np.max(start, initial=0.0) + np.max(periods, initial=1.0)
    if np.max(c, initial=0.0) * np.log(last) <= LOG_MOST:
        return Ageing(start**c, _growth(start, periods, c), np.zeros(()))
    log_end, log_latest = np.log(np.maximum(start + periods, 1.0)), LOG_MOST / c
    with np.errstate(over="ignore"):
        latest = np.exp(log_latest)
    early = np.minimum(start, latest)
    growth = _growth(early, np.where(log_end <= log_latest, periods, latest - early), c)
    above = np.where(start < latest, np.maximum(log_end - log_latest, 0.0), np.log1p(periods / np.maximum(start, 1.0)))
    return Ageing(early**c, growth, c * above)


def log_lost(alpha: FloatArray, beta: FloatArray, ageing: Ageing) -> FloatArray:
    """Minus the logarithm of the share that stays while it ages so."""
    return log_beta_drop(beta + ageing.age, alpha, ageing.growth) + alpha * ageing.beyond


def held(c: FloatArray, log_time: FloatArray) -> FloatArray:
    """The power by the logarithm of time, at most as `LOG_MOST` says."""
    power: FloatArray = np.exp(np.minimum(c * log_time, LOG_MOST))
    return power


def _growth(start: FloatArray, periods: FloatArray, c: FloatArray) -> FloatArray:
    if not np.any(start):
        return np.asarray(periods**c, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        growth = start**c * np.expm1(c * np.log1p(periods / start))
    return np.where(start > 0, growth, periods**c)
