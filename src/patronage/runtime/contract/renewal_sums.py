r"""Sums of survival over renewals to come, finite or endless, without adding them one by one.

.. math:: \sum_{k=1}^{H} P(\text{there at } n + k \mid \text{there at } n)\; e^{-\delta k}

Survival is smooth, so that few places of a long stretch of renewals tell their sum (`smooth_sum`). What lies beyond a
million renewals, where all of the future counts undiscounted, is an integral over the logarithm of time, and in the end
that of the power law :math:`t^{-\alpha c}` which survival comes to.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..histories import FloatArray, IndexArray
from ..summation import smooth_sum
from .ages import LOG_MOST, Ageing, aged, held, log_lost
from .gamma_differences import digamma_gap

NEGLIGIBLE = 1e-16
"""Share of the sum at which the rest of it is left out."""

LONG = 2.0**20
"""Renewals from which a sum and an integral differ by less than rounding."""

_LEAST = 740.0
"""Minus the logarithm of the least positive number."""

_POINT, _SHARE = np.polynomial.legendre.leggauss(16)


@dataclass(frozen=True, slots=True)
class Remaining:
    r"""Survival of customers who have made n renewals, :math:`B(\alpha, \beta + (n+k)^c) / B(\alpha, \beta + n^c)`.

    Attributes
    ----------
    alpha, beta, c, renewed : ndarray, shape (n,)
        Parameters of each row and the renewals made so far.
    """

    alpha: FloatArray
    beta: FloatArray
    c: FloatArray
    renewed: FloatArray

    def take(self, index: IndexArray) -> "Remaining":
        """Return the rows at the positions `index`."""
        return Remaining(self.alpha[index], self.beta[index], self.c[index], self.renewed[index])

    def log_lost(self, k: FloatArray) -> FloatArray:
        """Minus the logarithm of survival of k more renewals; k has shape (n,) or (n, m)."""
        alpha, beta, c, renewed = (_aligned(value, k) for value in (self.alpha, self.beta, self.c, self.renewed))
        return log_lost(alpha, beta, aged(renewed, k, c))

    def log_lost_at(self, log_time: FloatArray) -> FloatArray:
        """The same by the logarithm of n + k, which must be well above n; shape (n, m)."""
        alpha, beta, c, renewed = (_aligned(one, log_time) for one in (self.alpha, self.beta, self.c, self.renewed))
        with np.errstate(divide="ignore"):
            log_start = np.log(renewed)
        age = held(c, log_start)
        beyond = np.maximum(c * log_time, LOG_MOST) - np.maximum(c * log_start, LOG_MOST)
        return log_lost(alpha, beta, Ageing(age, held(c, log_time) - age, beyond))

    def steepness(self, log_time: FloatArray) -> FloatArray:
        """Fall of the logarithm of survival by the logarithm of time; rises from 0 to alpha c, shape (n,)."""
        age = held(self.c, log_time)
        return self.c * age * digamma_gap(self.beta + age, self.alpha)

    def settled(self, log_time: FloatArray) -> NDArray[np.bool_]:
        """Whether survival is a power of time from there on, to 1e-13, because its age is large beside the parameters.

        Shape (n,).
        """
        return self.c * log_time > np.log(1e13 * (self.alpha + 1) * (self.alpha + self.beta + 1))


def renewal_sum(remaining: Remaining, rate: float, horizon: float) -> FloatArray:
    """Expected renewals to come, each discounted.

    Parameters
    ----------
    remaining : Remaining
        n rows.
    rate : float
        Continuous discount rate per period, 0 and above.
    horizon : float
        Number of renewals that count, whole, 1 and above; may be infinite.

    Returns
    -------
    ndarray, shape (n,)
        Infinite where the sum is.
    """

    def log_term(k: FloatArray, rows: IndexArray) -> FloatArray:
        return -remaining.take(rows).log_lost(k + 1) - rate * k

    def reach(k: FloatArray, rows: IndexArray) -> FloatArray:
        some, time = remaining.take(rows), remaining.renewed[rows] + k + 1
        log_time = np.log(time)
        with np.errstate(divide="ignore"):
            few_units = 4 / (rate + some.steepness(log_time) / time)
        # The powers of complex times t e^(i pi / c) are negative: there survival has no value, until it is a power law.
        sharpness = np.where(some.settled(log_time), 1.0, np.maximum(some.c, 1))
        smooth: FloatArray = np.minimum(few_units, time / (2 * sharpness))
        return smooth

    endless = rate == 0 and horizon == np.inf
    # Where one more renewal is out of the question, so are all others.
    hopeless = remaining.log_lost(np.ones(len(remaining.alpha))) > _LEAST
    count = np.where(hopeless, 0.0, LONG if endless else horizon)
    total: FloatArray = np.exp(-rate) * smooth_sum(log_term, reach, count)
    if endless:
        total[remaining.alpha * remaining.c <= 1] = np.inf
        rows = np.flatnonzero(np.isfinite(total) & ~hopeless)
        some = remaining.take(rows)
        total[rows] += _integral_beyond(some, np.log(some.renewed + LONG + 0.5), total[rows])
    return total


def _integral_beyond(remaining: Remaining, log_time: FloatArray, before: FloatArray) -> FloatArray:
    """Integral of survival from a late time on, over the logarithm of time; nothing if negligible beside `before`."""
    total, rows, y = np.zeros(len(log_time)), np.arange(len(log_time)), log_time.copy()
    with np.errstate(over="ignore"):
        while len(rows):
            some, begin = remaining.take(rows), y[rows]
            level = np.exp(begin - some.log_lost_at(begin[:, None])[:, 0])
            excess = some.steepness(begin) - 1
            settled = some.settled(begin)
            total[rows[settled]] += level[settled] / (some.alpha * some.c - 1)[settled]
            over = (excess > 0) & (level <= NEGLIGIBLE * excess * (before + total)[rows])
            goes_on = ~settled & ~over & np.isfinite(total[rows])
            rows, some, begin, excess = (
                rows[goes_on],
                some.take(np.flatnonzero(goes_on)),
                begin[goes_on],
                excess[goes_on],
            )
            width = np.minimum(1.5 / some.c, 4 / np.maximum(np.abs(excess), 1e-9))
            at = begin[:, None] + width[:, None] * (_POINT + 1) / 2
            total[rows] += (width / 2) * (np.exp(at - some.log_lost_at(at)) @ _SHARE)
            y[rows] = begin + width
    return total


def _aligned(rows: FloatArray, like: FloatArray) -> FloatArray:
    return rows[:, None] if np.ndim(like) == 2 else rows
