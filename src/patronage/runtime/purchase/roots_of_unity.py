r"""What a regular customer buys, and whether they stay, for a given p: closed forms by roots of unity.

A customer completes N stages, negative binomial with the ratio :math:`\kappa` of horizon and rate, from a phase j that
has the probability P(j), and makes a purchase at every k-th stage: F = (j + N) div k of them if nobody left
(`RegularLiving`). With the k-th roots of unity :math:`\omega_l` and :math:`u_l = (1-p)^{1/k}\,\omega_l`, sums over
every k-th term of the generating function of N become

.. math::
    \frac{1 - E[(1-p)^F]}{p} &= \frac{1}{k (1-p)} \sum_{l<k} \frac{u_l}{1-u_l}
        \sum_{j<k} P(j)\, u_l^j \Bigl(1 - \bigl(1 + \kappa (1 - u_l)\bigr)^{-(\mathrm{shape}+j)}\Bigr) \\
    E[(1-p)^F] &= \frac{p}{k (1-p)} \sum_{l<k} \frac{u_l}{1-u_l}
        \sum_{j<k} P(j)\, u_l^j \bigl(1 + \kappa (1 - u_l)\bigr)^{-(\mathrm{shape}+j)}

of which the first is the expected number of purchases. In all functions `phases` has shape (n, k), p has shape
(n, nodes), and `shape` and `kappa` have shape (n, 1).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import polynomial
from numpy.typing import NDArray

from ..histories import FloatArray

SMALL_SHARE = 1e-4
"""Values of 1 - p below which the sums over the roots cancel, and are computed for this one."""

_TINY = 1e-290
"""Stands for a p of 0, at which the summands are 0 over 0."""

_Array = NDArray[Any]
"""Real or complex."""

_Sum = Callable[[FloatArray, FloatArray, FloatArray, _Array, _Array], _Array]
"""A sum over the phases from phases, shape, κ, a root u and the rest 1 - u."""


def purchases_given_p(p: FloatArray, phases: FloatArray, shape: FloatArray, kappa: FloatArray) -> FloatArray:
    """Expected purchases of a customer who leaves after each with probability p, shape (n, nodes)."""
    return _over_roots(_gone, _left_over, p, phases, shape, kappa)


def survival_given_p(p: FloatArray, phases: FloatArray, shape: FloatArray, kappa: FloatArray) -> FloatArray:
    """Probability that such a customer is still there, shape (n, nodes)."""
    return np.maximum(p, _TINY) * _over_roots(_still, _still, p, phases, shape, kappa)


def _over_roots(
    at_first: _Sum, at_others: _Sum, p: FloatArray, phases: FloatArray, shape: FloatArray, kappa: FloatArray
) -> FloatArray:
    r"""Sum over the roots of a sum over the phases times :math:`u_l / (1 - u_l)`, over k (1 - p).

    Conjugate roots have conjugate summands.
    """
    k = phases.shape[1]
    log_share = np.log1p(-np.clip(p, _TINY, 1 - SMALL_SHARE))
    root, rest = np.exp(log_share / k), -np.expm1(log_share / k)
    total = at_first(phases, shape, kappa, root, rest) * root / rest
    for turn in range(1, k // 2 + 1):
        if 2 * turn == k:
            total -= at_others(phases, shape, kappa, -root, 1 + root) * root / (1 + root)
        else:
            u = root * np.exp(2j * np.pi * turn / k)
            summand = at_others(phases, shape, kappa, u, 1 - u)
            summand *= u
            summand /= 1 - u
            total += 2 * summand.real
    return total / (k * np.exp(log_share))  # type: ignore[no-any-return]


def _still(phases: FloatArray, shape: FloatArray, kappa: FloatArray, u: _Array, rest: _Array) -> _Array:
    r""":math:`\sum_{j<k} P(j)\, u^j \bigl(1 + \kappa (1 - u)\bigr)^{-(\mathrm{shape}+j)}`."""
    if np.iscomplexobj(u):
        growth = kappa * rest
        growth += 1
        values = _power(growth.real.copy(), growth.imag.copy(), -shape)
        values *= _over_phases(phases, u / growth)
        return values
    log_growth = np.log1p(kappa * rest)
    return np.exp(-shape * log_growth) * _over_phases(phases, u * np.exp(-log_growth))


def _left_over(phases: FloatArray, shape: FloatArray, kappa: FloatArray, u: _Array, rest: _Array) -> _Array:
    """What `_still` lacks of its value for κ = 0; at the first root, where u may be near 1, this would cancel."""
    return _over_phases(phases, u) - _still(phases, shape, kappa, u, rest)


def _gone(phases: FloatArray, shape: FloatArray, kappa: FloatArray, u: _Array, rest: _Array) -> _Array:
    """The same without a difference, from phase to phase, where all terms are positive."""
    away = -np.expm1(-shape * np.log1p(kappa * rest))
    step = 1 / (1 + kappa * rest)
    more, power = kappa * rest * step, np.ones_like(u)
    total = phases[:, :1] * away
    for j in range(1, phases.shape[1]):
        away = away * step + more
        power = power * u
        total += phases[:, j : j + 1] * power * away
    return total


def _over_phases(phases: FloatArray, u: _Array) -> _Array:
    r""":math:`\sum_{j<k} P(j)\, u^j`."""
    values: _Array = polynomial.polyval(u, phases.T[:, :, None], tensor=False)
    return values


def _power(real: FloatArray, imaginary: FloatArray, exponent: FloatArray) -> _Array:
    """Powers of complex numbers with a positive real part, cosine and sine by the tangent of half the angle."""
    size = np.exp(exponent / 2 * np.log(real**2 + imaginary**2))
    tangent = np.tan(exponent / 2 * np.arctan2(imaginary, real))
    double = 2 * size / (1 + tangent**2)
    power = np.empty(real.shape, dtype=np.complex128)
    np.subtract(double, size, out=power.real)
    np.multiply(double, tangent, out=power.imag)
    return power
