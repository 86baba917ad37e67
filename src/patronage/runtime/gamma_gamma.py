r"""Gamma-Gamma: how much a customer spends on one purchase.

The value of a customer's purchases varies around a mean of their own, as Gamma(p, ν); the rates ν vary across
customers as Gamma(q, v). The model assumes that a customer's mean spend tells nothing of how often they buy.

The gamma distribution is conjugate: of a customer with x purchases of mean z we know

.. math:: \nu \mid x, z \sim \mathrm{Gamma}(p x + q,\; v + x z)

and their own mean spend is p/ν. From this follow its expectation, its quantiles, and random sums of purchases to come.

References
----------
.. [1] Fader, Hardie, Lee (2005), RFM and CLV: using iso-value curves for customer base analysis.
   Journal of Marketing Research 42(4), 415-430.
.. [2] Fader, Hardie (2013), The Gamma-Gamma model of monetary value. Note 025, brucehardie.com.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ..errors import InputError
from .histories import FloatArray

REPEAT_COLUMNS = ("frequency", "monetary_value")
"""Purchases after the first one, and their mean."""

ALL_COLUMNS = ("purchase_days", "spend_per_purchase_day")
"""All purchases, and their mean."""


@dataclass(frozen=True, slots=True)
class GammaGammaParams:
    """Parameters of the Gamma-Gamma model.

    Attributes
    ----------
    p : float
        Shape of the distribution of one customer's purchase values; positive.
    q : float
        Shape of the distribution of rates across customers; positive. The population has a mean only above 1.
    v : float
        Rate of it, in money; positive. (γ in [1]_.)
    include_first : bool
        Whether the first purchase counts: it says which columns hold a customer's purchases.
    """

    p: float
    q: float
    v: float
    include_first: bool = False

    @property
    def columns(self) -> tuple[str, str]:
        """The columns of `schema.MODEL_INPUT` with a customer's number of purchases and their mean."""
        return ALL_COLUMNS if self.include_first else REPEAT_COLUMNS


def expected_spend(params: GammaGammaParams, frequency: FloatArray, monetary_value: FloatArray) -> FloatArray:
    r"""Expected value of a purchase, given the mean of those seen: equation (5) of [2]_.

    .. math:: E(M \mid x, \bar z) = \frac{p\,(v + x \bar z)}{p x + q - 1}

    which draws every customer's own mean towards the population mean :math:`pv/(q-1)`, the more so the fewer their
    purchases. Customers without purchases get the population mean. A mean below 0, from refunds larger than the
    purchases of their days, counts as 0: the model knows positive amounts only.

    Parameters
    ----------
    frequency : ndarray of float64, shape (n,)
        Number of purchases that the mean was taken over (the first of `GammaGammaParams.columns`).
    monetary_value : ndarray of float64, shape (n,)
        Mean spend of these purchase days, in money; ignored where frequency is 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        In money per purchase day.

    Raises
    ------
    InputError
        If a customer has no finite expected spend, because :math:`p x + q - 1` is not above 0. That needs q of 1 or
        less.
    """
    shape, rate = _posterior(params, frequency, monetary_value)
    endless = shape <= 1
    if endless.any():
        message = (
            f"{int(endless.sum()):,} of {len(endless):,} customers have no finite expected spend: with q = "
            f"{params.q:.4g} the amounts of the population have no mean, and these customers have too few purchases "
            "of their own. Fit the spend model with finite_mean=constrain, or take quantiles instead of means."
        )
        raise InputError(message)
    return params.p * rate / (shape - 1)


def mean_spend_quantiles(
    params: GammaGammaParams, frequency: FloatArray, monetary_value: FloatArray, probability: float
) -> FloatArray:
    r"""Quantiles of what is known of a customer's own mean spend p/ν, exact, also where it has no expectation.

    With Q the inverse of the upper regularised incomplete gamma function,

    .. math:: \frac{p\,(v + x \bar z)}{Q^{-1}(p x + q,\; u)}

    Parameters
    ----------
    frequency, monetary_value : ndarray of float64, shape (n,)
        As in `expected_spend`.
    probability : float
        u, between 0 and 1, both excluded.

    Returns
    -------
    ndarray of float64, shape (n,)
        In money per purchase day.
    """
    if not 0 < probability < 1:
        message = f"The probability of a quantile must lie between 0 and 1, both excluded; got {probability}."
        raise InputError(message)
    shape, rate = _posterior(params, frequency, monetary_value)
    return params.p * rate / special.gammainccinv(shape, probability)  # type: ignore[no-any-return]


def draw_total_spend(
    params: GammaGammaParams,
    frequency: FloatArray,
    monetary_value: FloatArray,
    purchases: FloatArray,
    rng: np.random.Generator,
) -> FloatArray:
    r"""Random total values of purchases to come, each customer's own rate drawn with them.

    .. math:: \nu \sim \mathrm{Gamma}(p x + q, v + x \bar z), \qquad
        M_1 + \dots + M_n \mid \nu \sim \mathrm{Gamma}(p n, \nu)

    Parameters
    ----------
    frequency, monetary_value : ndarray of float64, shape (n,)
        As in `expected_spend`.
    purchases : ndarray of float64, shape (n,) or (size, n)
        Number of purchases to come, 0 and above; each row is one future of all customers.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, of the shape of `purchases`
        In money; 0 where there are no purchases.
    """
    shape, rate = _posterior(params, frequency, monetary_value)
    purchases = np.asarray(purchases, dtype=np.float64)
    own_rate = np.maximum(rng.gamma(np.broadcast_to(shape, purchases.shape)), np.finfo(np.float64).tiny)
    # Amounts beyond the largest number are infinite; they need q far below 1.
    with np.errstate(over="ignore"):
        return np.where(purchases > 0, rng.gamma(params.p * purchases) * rate / own_rate, 0.0)


def _posterior(
    params: GammaGammaParams, frequency: FloatArray, monetary_value: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Shape and rate of the distribution of a customer's own ν."""
    own_total = np.where(frequency > 0, frequency * np.maximum(monetary_value, 0.0), 0.0)
    return params.p * frequency + params.q, params.v + own_total
