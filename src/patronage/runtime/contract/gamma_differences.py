r"""Differences of the logarithm of the gamma function and its derivatives, without loss of digits.

A subtraction of two values of :math:`\ln\Gamma` leaves nothing of a small difference between large ones. Here the
arguments are first moved up by the recurrence :math:`\Gamma(z+1) = z\,\Gamma(z)`, whose contributions are all of one
sign, and then Stirling's series is differenced term by term on paper.
"""

import numpy as np

from ..histories import FloatArray

STEPS = 16
"""Steps of the recurrence; from there on four terms of Stirling's series are exact to rounding."""


def log_beta_drop(x: FloatArray, a: FloatArray, d: FloatArray) -> FloatArray:
    r"""Fall of the logarithm of the beta function, :math:`\ln B(a, x) - \ln B(a, x + d)`, 0 and above.

    .. math:: \ln\frac{\Gamma(x)\,\Gamma(x+a+d)}{\Gamma(x+a)\,\Gamma(x+d)}

    Parameters
    ----------
    x, a : ndarray
        Above 0; broadcast together with d.
    d : ndarray
        0 and above.
    """
    drop = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(a), np.shape(d)))
    for step in range(STEPS):
        z = x + step
        drop += np.log1p(a / z * (d / (z + a + d)))
    z = x + STEPS
    drop += a * np.log1p(d / (z + a)) + d * np.log1p(a / (z + d)) - (z - 0.5) * np.log1p(a / z * (d / (z + a + d)))
    drop += a / z * (d / (z + a)) * (1 / (z + d) + z / (z + d) / (z + a + d)) / 12
    for power, coefficient in ((3, -1 / 360), (5, 1 / 1260), (7, -1 / 1680)):
        drop += coefficient * (z**-power - (z + a) ** -power - (z + d) ** -power + (z + a + d) ** -power)
    return drop


def digamma_gap(x: FloatArray, d: FloatArray) -> FloatArray:
    r"""Rise of the digamma function, :math:`\psi(x+d) - \psi(x)`, for x above 0 and d of 0 and above."""
    gap = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(d)))
    for step in range(STEPS):
        z = x + step
        gap += d / (z + d) / z
    z = x + STEPS
    gap += np.log1p(d / z) + d / (z + d) / z / 2
    for power, coefficient in ((2, 1 / 12), (4, -1 / 120), (6, 1 / 252)):
        gap += coefficient * _fall(z, d, power)
    return gap


def trigamma_gap(x: FloatArray, d: FloatArray) -> FloatArray:
    r"""Fall of the trigamma function, :math:`\psi_1(x) - \psi_1(x+d)`, for x above 0 and d of 0 and above."""
    gap = np.zeros(np.broadcast_shapes(np.shape(x), np.shape(d)))
    for step in range(STEPS):
        below, above = 1 / (x + step), 1 / (x + step + d)
        gap += d * below * above * (below + above)
    z = x + STEPS
    for power, coefficient in ((1, 1.0), (2, 1 / 2), (3, 1 / 6), (5, -1 / 30), (7, 1 / 42)):
        gap += coefficient * _fall(z, d, power)
    return gap


def _fall(z: FloatArray, d: FloatArray, power: int) -> FloatArray:
    """Fall of a negative power of z over a distance d, whatever its size."""
    fall: FloatArray = -(z**-power) * np.expm1(-power * np.log1p(d / z))
    return fall
