r"""Ratios of gamma functions that keep their digits where both are huge."""

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .histories import FloatArray

_LARGE = 1e3


def log_rising(z: ArrayLike, n: ArrayLike) -> FloatArray:
    r"""Logarithm of the rising factorial, :math:`\ln\Gamma(z+n) - \ln\Gamma(z)`.

    The difference of the two logarithms loses what they have in common, all of it where z is large and n small. There
    Stirling's series is subtracted term by term:

    .. math::
        n \ln z + \bigl(z + n - \tfrac12\bigr)\ln\bigl(1 + \tfrac nz\bigr) - n
        + \tfrac{1}{12}\Bigl(\tfrac1{z+n} - \tfrac1z\Bigr) - \tfrac{1}{360}\Bigl(\tfrac1{(z+n)^3} - \tfrac1{z^3}\Bigr)

    Parameters
    ----------
    z : array-like
        Above 0.
    n : array-like
        0 and above, of a shape that broadcasts with z.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> float(log_rising(5.0, 2.0)) == float(np.log(5.0 * 6.0))
    True
    """
    z, n = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(n, dtype=np.float64))
    large = z > _LARGE
    if large.all():
        return _by_stirling(z, n)
    ratio = np.asarray(special.gammaln(z + n) - special.gammaln(z), dtype=np.float64)
    if large.any():
        ratio = np.where(large, _by_stirling(np.where(large, z, _LARGE), n), ratio)
    return ratio


def _by_stirling(z: FloatArray, n: FloatArray) -> FloatArray:
    top = z + n
    grown: FloatArray = n * np.log(z) + (top - 0.5) * np.log1p(n / z) - n
    return grown + (_corrections(top) - _corrections(z))


def _corrections(z: FloatArray) -> FloatArray:
    """What Stirling's series adds to the elementary terms; exact to rounding from `_LARGE` on."""
    inverse = 1 / z
    corrections: FloatArray = inverse * (1 / 12 - inverse * inverse / 360)
    return corrections


def log_beta_ratio(a: FloatArray, x: FloatArray, n: FloatArray) -> FloatArray:
    r"""Logarithm of :math:`B(a, x+n) / B(a, x)`, 0 and below.

    .. math:: \ln\frac{\Gamma(x+n)\,\Gamma(x+a)}{\Gamma(x)\,\Gamma(x+a+n)}

    It is the difference of two rising factorials, by n or as well by a. Those by a large step are of size
    :math:`n \ln n`, and their difference would keep few digits, so that the smaller step is taken. Where x is large,
    the four series of Stirling are subtracted on paper. A ratio near 1 is known to rounding, not to all digits of its
    logarithm, as `log_beta_drop` knows it, which takes more than twice as long in long sums.

    Parameters
    ----------
    a, x : ndarray
        Above 0; broadcast together with n.
    n : ndarray
        0 and above.

    Examples
    --------
    >>> bool(abs(log_beta_ratio(np.array(1.0), np.array(1.0), np.array(2.0**53)) + 53 * np.log(2)) < 1e-13)
    True
    """
    step, apart = np.minimum(a, n), np.maximum(a, n)
    ratio = log_rising(x, step) - log_rising(x + apart, step)
    large = x > _LARGE
    if large.any():
        ratio = np.where(large, _beta_by_stirling(a, np.where(large, x, _LARGE), n), ratio)
    return ratio


def _beta_by_stirling(a: FloatArray, x: FloatArray, n: FloatArray) -> FloatArray:
    high, low, top = x + a, x + n, x + a + n
    grown: FloatArray = (x - 0.5) * np.log1p(a / x * (n / top)) - a * np.log1p(n / high) - n * np.log1p(a / low)
    return grown + (_corrections(high) - _corrections(x)) + (_corrections(low) - _corrections(top))


def digamma_rise(z: ArrayLike, n: ArrayLike) -> FloatArray:
    r"""First derivative of `log_rising` by z, :math:`\psi(z+n) - \psi(z)`, as exact where z is large."""
    z, n = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(n, dtype=np.float64))
    rise = np.asarray(special.psi(z + n) - special.psi(z), dtype=np.float64)
    large = z > _LARGE
    if large.any():
        low = np.where(large, z, _LARGE)
        top = low + n
        corrections = n / (2 * low * top) - (top**-2.0 - low**-2.0) / 12
        rise = np.where(large, np.log1p(n / low) + corrections, rise)
    return rise


def trigamma_rise(z: ArrayLike, n: ArrayLike) -> FloatArray:
    r"""Second derivative of `log_rising` by z, :math:`\psi'(z+n) - \psi'(z)`, as exact where z is large."""
    z, n = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(n, dtype=np.float64))
    rise = np.asarray(special.zeta(2.0, z + n) - special.zeta(2.0, z), dtype=np.float64)
    large = z > _LARGE
    if large.any():
        low = np.where(large, z, _LARGE)
        top = low + n
        corrections = (top**-2.0 - low**-2.0) / 2 + (top**-3.0 - low**-3.0) / 6
        rise = np.where(large, -n / (low * top) + corrections, rise)
    return rise
