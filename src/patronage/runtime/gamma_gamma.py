r"""Gamma-Gamma: how much a customer spends on one purchase.

The value of a customer's purchases varies around a mean of their own, as Gamma(p, ν); the rates ν vary across
customers as Gamma(q, v). The model assumes that a customer's mean spend tells nothing of how often they buy.

References
----------
.. [1] Fader, Hardie, Lee (2005), RFM and CLV: using iso-value curves for customer base analysis.
   Journal of Marketing Research 42(4), 415-430.
.. [2] Fader, Hardie (2013), The Gamma-Gamma model of monetary value. Note 025, brucehardie.com.
"""

from dataclasses import dataclass

import numpy as np

from .histories import FloatArray


@dataclass(frozen=True, slots=True)
class GammaGammaParams:
    """Parameters of the Gamma-Gamma model.

    Attributes
    ----------
    p : float
        Shape of the distribution of one customer's purchase values; positive.
    q : float
        Shape of the distribution of rates across customers; above 1, because the population has no mean otherwise.
    v : float
        Rate of it, in money; positive. (γ in [1]_.)
    """

    p: float
    q: float
    v: float


def expected_spend(params: GammaGammaParams, frequency: FloatArray, monetary_value: FloatArray) -> FloatArray:
    r"""Expected value of a purchase, given the mean of those seen: equation (5) of [2]_.

    .. math:: E(M \mid x, \bar z) = \frac{p\,(v + x \bar z)}{p x + q - 1}

    which draws every customer's own mean towards the population mean :math:`pv/(q-1)`, the more so the fewer their
    purchases. Customers without repeat purchases get the population mean. A mean below 0, from refunds larger than the
    purchases of their days, counts as 0: the model knows positive amounts only.

    Parameters
    ----------
    frequency : ndarray of float64, shape (n,)
        Number of purchases that the mean was taken over.
    monetary_value : ndarray of float64, shape (n,)
        Mean spend of a repeat purchase day, in money; ignored where frequency is 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        In money per purchase day.
    """
    own_total = np.where(frequency > 0, frequency * np.maximum(monetary_value, 0.0), 0.0)
    return params.p * (params.v + own_total) / (params.p * frequency + params.q - 1)
