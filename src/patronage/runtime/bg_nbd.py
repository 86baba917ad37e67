r"""BG/NBD: purchases at a steady rate until the customer, after some purchase, leaves unnoticed.

While alive a customer buys as a Poisson process with a rate :math:`\lambda` of their own; after every purchase, the
first one excepted, the customer leaves for good with a probability :math:`p` of their own. Across customers
:math:`\lambda \sim \mathrm{Gamma}(r, \alpha)` and :math:`p \sim \mathrm{Beta}(a, b)`.

Because a customer can leave only at a repeat purchase, whoever never came back is alive with certainty. That is a
property of the model, not of customers: as a status show `probability_active`, which asks whether a purchase will
come.

References
----------
.. [1] Fader, Hardie, Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model.
   Marketing Science 24(2), 275-284.
.. [2] Fader, Hardie, Lee (2008), Computing P(alive) using the BG/NBD model. Note 021, brucehardie.com.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .histories import FloatArray, Histories, distinct

_SMALLEST_BRACKET = 1e-4
"""Below it the closed form has lost four digits or more to cancellation, and the integral takes over."""

_NODES = np.arange(-12.0, 12.0 + 1e-9, 0.04)
"""Trapezoidal nodes of the integral, after a double-exponential change of variable."""

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class BetaGeoParams:
    """Parameters of the BG/NBD model; all positive.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha is in the model's time unit.
    a, b : float
        Parameters of the beta distribution of the probability to leave after a purchase.
    """

    r: float
    alpha: float
    a: float
    b: float


def log_odds_of_death(params: BetaGeoParams, histories: Histories) -> FloatArray:
    r"""Log odds that the customer left right after the last purchase.

    .. math:: D = (r + x)\,\ln\frac{\alpha + T}{\alpha + t_x} + \ln\frac{a}{b + x - 1}

    and minus infinity where x is 0. It is the logarithm of the second term of the likelihood, equation (6)
    of [1]_, over the first.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    x, t_x, T = histories.frequency, histories.recency, histories.T
    with np.errstate(divide="ignore"):
        log_odds = np.log(params.a) - np.log(np.where(x > 0, params.b + x - 1, 1.0))
    log_odds += (params.r + x) * np.log1p((T - t_x) / (params.alpha + t_x))
    return np.where(x > 0, log_odds, -np.inf)


def probability_alive(params: BetaGeoParams, histories: Histories) -> FloatArray:
    """Probability that the customer has not left, given the history.

    It is ``1 / (1 + exp(D))`` with `D` of `log_odds_of_death`, and 1 for every customer without a repeat purchase
    ([2]_).

    Returns
    -------
    ndarray of float64, shape (n,)
        Between 0 and 1.
    """
    return special.expit(-log_odds_of_death(params, histories))  # type: ignore[no-any-return]


def probability_active(params: BetaGeoParams, histories: Histories, horizon: float) -> FloatArray:
    r"""Probability of at least one purchase within the horizon, given the history.

    A customer alive at T with rate λ stays silent with probability :math:`e^{-\lambda h}`, whatever p, and
    :math:`\lambda` given the history is Gamma(r + x, α + T), hence

    .. math:: P(\text{alive})\,\Bigl[1 - \Bigl(\frac{\alpha + T}{\alpha + T + h}\Bigr)^{r + x}\Bigr]

    Parameters
    ----------
    horizon : float
        Length of the time ahead, in the model's time unit.

    Returns
    -------
    ndarray of float64, shape (n,)
        Between 0 and 1.
    """
    shape = params.r + histories.frequency
    some = -np.expm1(-shape * np.log1p(horizon / (params.alpha + histories.T)))
    return probability_alive(params, histories) * some


def expected_purchases(params: BetaGeoParams, histories: Histories, horizon: float) -> FloatArray:
    """Expected number of purchases within the horizon, given the history: equation (10) of [1]_.

    Parameters
    ----------
    horizon : float
        Length of the time ahead, in the model's time unit; 0 and above.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 and above.
    """
    first, inverse = distinct(histories.frequency, histories.T)
    if_alive = expected_purchases_if_alive(params, histories.frequency[first], histories.T[first], horizon)
    return probability_alive(params, histories) * if_alive[inverse]


def expected_purchases_new(params: BetaGeoParams, horizon: ArrayLike) -> FloatArray:
    """Expected number of repeat purchases of a customer just acquired: equation (9) of [1]_.

    Parameters
    ----------
    horizon : float or array-like, shape (m,)
        Time since the first purchase, in the model's time unit; 0 and above.

    Returns
    -------
    ndarray of float64, shape (m,)
    """
    horizon = np.atleast_1d(np.asarray(horizon, dtype=np.float64))
    none = np.zeros_like(horizon)
    return expected_purchases_if_alive(params, none, none, horizon)


def purchase_probabilities_new(params: BetaGeoParams, n_max: int, horizon: ArrayLike) -> FloatArray:
    r"""Distribution of the number of repeat purchases of a customer just acquired: equation (8) of [1]_.

    The sum in the second term of that equation is the distribution function of a negative binomial, written here as
    the regularised incomplete beta function, so that no terms cancel.

    Parameters
    ----------
    n_max : int
        Largest number of purchases.
    horizon : float or array-like, shape (m,)
        Time since the first purchase, in the model's time unit; above 0.

    Returns
    -------
    ndarray of float64, shape (m, n_max + 1)
        Probability of 0, 1, ..., n_max purchases.
    """
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    t = np.atleast_1d(np.asarray(horizon, dtype=np.float64))[:, None]
    n = np.arange(n_max + 1, dtype=np.float64)[None, :]
    negative_binomial = (
        special.gammaln(r + n)
        - special.gammaln(r)
        - special.gammaln(n + 1)
        - r * np.log1p(t / alpha)
        + n * (np.log(t) - np.log(alpha + t))
    )
    stayed = np.exp(special.betaln(a, b + n) - special.betaln(a, b) + negative_binomial)
    at_least_one = np.maximum(n, 1.0)
    left = np.exp(special.betaln(a + 1, b + at_least_one - 1) - special.betaln(a, b))
    left = left * special.betainc(at_least_one, r, t / (alpha + t))
    return stayed + np.where(n > 0, left, 0.0)  # type: ignore[no-any-return]


def expected_purchases_if_alive(params: BetaGeoParams, x: FloatArray, T: FloatArray, horizon: ArrayLike) -> FloatArray:
    r"""Expected purchases within the horizon of a customer who is alive after x purchases in T.

    Equation (10) of [1]_ without its denominator, after Euler's transformation of the hypergeometric function, which
    leaves x in its third parameter alone and so cannot overflow:

    .. math::
        \frac{c}{a-1}\Bigl[1 - (1-z)^{a-1}\,{}_2F_1(a-1,\; a+b-1-r;\; c;\; z)\Bigr],
        \quad c = a+b+x-1,\; z = \frac{h}{\alpha+T+h}

    The bracket cancels when a is near 1, z near 0 or c near 0; there the integral of `_integrate_if_alive` is used.
    When the last purchase was does not matter here, so there are far fewer distinct (x, T) than histories.

    Parameters
    ----------
    x, T : ndarray of float64, shape (n,)
        Frequency, and time of observation.
    horizon : float or array-like, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    r, alpha, a, b = params.r, params.alpha, params.a, params.b
    h = np.broadcast_to(np.asarray(horizon, dtype=np.float64), x.shape)
    z = h / (alpha + T + h)
    c = a + b + x - 1
    with np.errstate(all="ignore"):
        bracket = 1 - np.exp((a - 1) * np.log1p(-z)) * special.hyp2f1(a - 1, a + b - 1 - r, c, z)
        expected = c / (a - 1) * bracket
    doubtful = ~(np.isfinite(expected) & (np.abs(bracket) > _SMALLEST_BRACKET) & (c > _SMALLEST_BRACKET))
    doubtful |= (expected < 0) | (expected > (r + x) * h / (alpha + T))
    for start in range(0, int(doubtful.sum()), _ROWS_AT_ONCE):
        rows = np.flatnonzero(doubtful)[start : start + _ROWS_AT_ONCE]
        expected[rows] = _integrate_if_alive(params, h[rows], x[rows], T[rows])
    return expected  # type: ignore[no-any-return]


def _integrate_if_alive(params: BetaGeoParams, h: FloatArray, x: FloatArray, T: FloatArray) -> FloatArray:
    r"""Compute the same expectation by an integral over p whose integrand never changes sign.

    Given p and λ a living customer makes :math:`(1 - e^{-\lambda p h})/p` purchases. Averaging over
    λ ~ Gamma(r + x, α + T) leaves

    .. math:: \int_0^1 \frac{1 - (1 + p h/(\alpha+T))^{-(r+x)}}{p}\; \mathrm{Beta}(p;\, a,\, b + x)\,dp

    which the trapezoidal rule in :math:`\operatorname{arsinh}(\operatorname{logit} p)` integrates to about ten digits.
    """
    shape_left, shape_stayed = params.a, params.b + x[:, None]
    centre = np.log(shape_left / shape_stayed)
    width = np.minimum(1.0, np.sqrt(1 / shape_left + 1 / shape_stayed))
    logit = centre + width * np.sinh(_NODES)
    log_p, log_rest = -np.logaddexp(0.0, -logit), -np.logaddexp(0.0, logit)
    log_weight = shape_left * log_p + shape_stayed * log_rest
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True)) * np.cosh(_NODES)
    p = np.exp(log_p)
    ratio = (h / (params.alpha + T))[:, None]
    power = (params.r + x)[:, None]
    tiny = p * ratio * power < np.finfo(np.float64).tiny
    with np.errstate(invalid="ignore", divide="ignore"):
        integrand = np.where(tiny, power * ratio, -np.expm1(-power * np.log1p(p * ratio)) / p)
    return (weight * integrand).sum(axis=1) / weight.sum(axis=1)  # type: ignore[no-any-return]
