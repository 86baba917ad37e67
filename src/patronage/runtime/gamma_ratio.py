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
    ratio = np.asarray(special.gammaln(z + n) - special.gammaln(z), dtype=np.float64)
    large = z > _LARGE
    if large.any():
        ratio = np.where(large, _by_stirling(np.where(large, z, _LARGE), n), ratio)
    return ratio


def _by_stirling(z: FloatArray, n: FloatArray) -> FloatArray:
    top = z + n
    corrections = (1 / top - 1 / z) / 12 - (top**-3.0 - z**-3.0) / 360
    grown: FloatArray = n * np.log(z) + (top - 0.5) * np.log1p(n / z) - n + corrections
    return grown


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
