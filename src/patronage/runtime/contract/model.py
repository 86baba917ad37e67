r"""What the models of contractual customers can tell, all from one survival function.

A customer declines a renewal with a propensity θ of their own, which varies as Beta(α, β). The t-th renewal is made by

.. math:: S(t \mid \theta) = (1 - \theta)^{t^c}, \qquad S(t) = \frac{B(\alpha, \beta + t^c)}{B(\alpha, \beta)}

of the customers. With c = 1 the chance to leave is θ at each renewal (sBG), with c above 1 it grows with the tenure of
a customer, with c below 1 it shrinks (BdW). Those who stayed for n renewals are the patient ones, θ ~ Beta(α, β + n^c),
so that what remains of them is the same function with another β.

Time is counted in renewals. Parameters may be numbers, or arrays with one value a row where customers differ by
covariates.

References
----------
.. [1] Fader, Hardie (2007), How to project customer retention. Journal of Interactive Marketing 21(1), 76-90.
.. [2] Fader, Hardie (2010), Customer-base valuation in a contractual setting: the perils of ignoring heterogeneity.
   Marketing Science 29(1), 85-93.
.. [3] Fader, Hardie, Liu, Davin, Steenburgh (2018), "How to project customer retention" revisited: the role of
   duration dependence. Journal of Interactive Marketing 43, 1-16.
"""

import dataclasses
import reprlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from ...errors import InputError
from ..distinct import distinct
from ..histories import FloatArray, IndexArray
from ..plain_numbers import one_number, plain_numbers
from ..purchase.model import MOST_DISCOUNTED
from ..summation import MOST_PERIODS
from .ages import LOG_MOST, aged, held, log_lost
from .renewal_sums import Remaining, renewal_sum
from .tenures import Tenures

Payment = Literal["start", "end"]


class ChurnPropensity(NamedTuple):
    """Mean and standard deviation of the customers' own θ, each of shape (n,)."""

    mean: FloatArray
    sd: FloatArray


@dataclasses.dataclass(frozen=True)
class ContractParams(ABC):
    """Base of the parameters of a contractual model.

    Attributes
    ----------
    kind : str
        Name of the model in configurations.
    title : str
        Name of the model in print.
    alpha, beta : float
        Of the beta distribution of θ; positive.
    """

    kind: ClassVar[str]
    title: ClassVar[str]

    alpha: float
    beta: float

    @property
    @abstractmethod
    def shape(self) -> float:
        """Exponent c of time."""

    def at(self, index: IndexArray) -> Self:
        """Parameters of the rows at the positions `index`; the same if all rows share them."""
        arrays = self.arrays()
        return dataclasses.replace(self, **{name: value[index] for name, value in arrays.items()}) if arrays else self

    def at_rows(self, frame: Any) -> Self:  # noqa: ARG002
        """Parameters of the rows of a frame: these, because no covariates move them."""
        return self

    def survival(self, periods: ArrayLike) -> FloatArray:
        """Share of new customers who make the t-th renewal, for each t of 0 and above; S(0) is 1."""
        t = checked_periods(periods)
        return np.exp(-self._log_lost(np.zeros(()), t))

    def churn_probability(self, periods: ArrayLike) -> FloatArray:
        """Share of those due for the t-th renewal who decline it, for each t of 1 and above."""
        t = checked_periods(periods, least=1)
        return -np.expm1(-self._log_lost(t - 1, np.ones_like(t)))

    def retention_rate(self, periods: ArrayLike) -> FloatArray:
        """Share of those due for the t-th renewal who make it, S(t) / S(t - 1), for each t of 1 and above."""
        t = checked_periods(periods, least=1)
        return np.exp(-self._log_lost(t - 1, np.ones_like(t)))

    def churn_time_probability(self, periods: ArrayLike) -> FloatArray:
        """Share of new customers who leave at the t-th renewal, S(t - 1) - S(t), for each t of 1 and above."""
        t = checked_periods(periods, least=1)
        return self.survival(t - 1) * self.churn_probability(t)

    def probability_alive(self, tenures: Tenures, horizon: ArrayLike) -> FloatArray:
        """Probability to be there after `horizon` more renewals, shape (n,); 0 for customers who churned.

        Parameters
        ----------
        horizon : int or array-like, shape (n,)
            Whole, 0 and above.
        """
        more = checked_periods(horizon)
        if more.shape not in ((), (len(tenures),)):
            message = f"horizon must be one number, or one for each of {len(tenures):,} customers; got {len(more):,}."
            raise InputError(message)
        alive = np.exp(-self._log_lost(tenures.renewed, more))
        return np.where(tenures.churned, 0.0, alive)

    def expected_lifetime(self, tenures: Tenures, horizon: float | None = None) -> FloatArray:
        r"""Expected number of renewals that a customer will still make, shape (n,); 0 for customers who churned.

        .. math:: \sum_{k=1}^{H} \frac{S(n+k)}{S(n)}

        Parameters
        ----------
        horizon : int, optional
            H. Without it all the future counts; the sum is infinite where α c is not above 1. For c = 1 it is
            :math:`(\beta + n) / (\alpha - 1)`.
        """
        return self._summed(tenures, 0.0, horizon)

    def discounted_lifetime(
        self, tenures: Tenures, discount_rate: float, horizon: float | None = None, next_payment_in: float = 0.0
    ) -> FloatArray:
        r"""Discounted expected residual lifetime (DERL): payments to come, each at what it is worth today, shape (n,).

        The customer has made n renewals and pays 1 with each further one:

        .. math:: \sum_{k=1}^{H} \frac{S(n+k)}{S(n)}\,(1+d)^{-(k - 1 + w)}

        As in [2]_ the next renewal is due at once (w = 0) by default. There, without a horizon and for c = 1,

        .. math:: \frac{\beta+n}{\alpha+\beta+n}\;{}_2F_1\Bigl(1, \beta+n+1; \alpha+\beta+n+1; \frac{1}{1+d}\Bigr)

        Parameters
        ----------
        discount_rate : float
            d, per period, effective, 5e-15 and above (0 with a horizon): 1 due in a period is worth 1 / (1 + d) today.
            For a yearly rate r and m periods a year it is :math:`(1 + r)^{1/m} - 1`.
        horizon : int, optional
            H, number of renewals that count; all of the future if there is none.
        next_payment_in : float
            w, periods until the next renewal, 0 to 1: 0 right before it, 1 right after the last one.
        """
        rate = np.log1p(_checked_rate(discount_rate, horizon))
        wait = one_number(next_payment_in)
        if wait is None or not 0 <= wait <= 1:
            message = f"next_payment_in must be 0 to 1 periods; got {reprlib.repr(next_payment_in)}."
            raise InputError(message)
        early = float(np.exp(rate * (1 - wait)))
        return early * self._summed(tenures, rate, horizon)

    def discounted_lifetime_new(
        self, discount_rate: float, horizon: float | None = None, payment: Payment = "start"
    ) -> FloatArray:
        r"""Payments of a customer just acquired, each at what it is worth on the first day, shape (1,) or (n,).

        The customer pays 1 in each period of the contract, the first one included, which begins today:

        .. math:: \sum_{t=0}^{H-1} \frac{S(t)}{(1+d)^{t}} \quad\text{or}\quad \sum_{t=0}^{H-1}\frac{S(t)}{(1+d)^{t+1}}

        Parameters
        ----------
        discount_rate : float
            d, per period, as in `discounted_lifetime`.
        horizon : int, optional
            H, number of periods that count, 1 and above.
        payment : {"start", "end"}
            Whether a period is paid at its start or at its end.
        """
        rate = np.log1p(_checked_rate(discount_rate, horizon))
        if not isinstance(payment, str) or payment not in ("start", "end"):
            message = f"payment must be start or end; got {reprlib.repr(payment)}."
            raise InputError(message)
        rest = None if horizon is None else checked_horizon(horizon, least=1) - 1
        later = self._summed(self._newcomers(), rate, rest)
        return (1 + later) * (np.exp(-rate) if payment == "end" else 1.0)

    def propensity(self, tenures: Tenures) -> ChurnPropensity:
        r"""What is known of each customer's own θ, the chance to leave at the first renewal.

        Who stayed for n renewals has θ ~ Beta(α, β + n^c). For who left after them, with x = β + n^c and x + d for one
        more renewal, the density is a difference of two such, and

        .. math:: E(\theta) = \frac{\alpha}{\alpha + x}\,
            \frac{1 - B(\alpha+1, x+d) / B(\alpha+1, x)}{1 - B(\alpha, x+d) / B(\alpha, x)}
        """
        n = tenures.renewed
        alpha, beta, c = (np.full(n.shape, value, dtype=np.float64) for value in (self.alpha, self.beta, self.shape))
        with np.errstate(over="ignore"):
            stayed = beta + n**c
        # Ratios are of what may be infinite: an age beyond all numbers leaves a propensity of 0.
        mean = alpha / (alpha + stayed)
        sd = np.sqrt(mean) / np.sqrt((1 + alpha / stayed) * (alpha + stayed + 1))
        left = np.flatnonzero(tenures.churned)
        mean[left], sd[left] = _propensity_of_who_left(alpha[left], beta[left], c[left], n[left], stayed[left])
        return ChurnPropensity(mean, sd)

    def draw(self, tenures: Tenures, horizon: float, size: int, rng: np.random.Generator) -> FloatArray:
        r"""Random numbers of renewals still made within the horizon, for given parameters.

        With λ = -ln(1 - θ) and a standard exponential variate e, a customer makes the renewals up to
        :math:`(n^c + e / \lambda)^{1/c}`. For a large age 1 / λ is proportional to it, so that it may be held.

        Returns
        -------
        ndarray of float64, shape (size, n)
            0 ... horizon; each row is one future of all customers.
        """
        most = checked_horizon(horizon)
        n, c = tenures.renewed, np.asarray(self.shape, dtype=np.float64)
        log_age = np.log(np.maximum(n, 1.0))
        alpha, stayed = np.broadcast_to(self.alpha, n.shape), self.beta + np.where(n > 0, held(c, log_age), 0.0)
        log_odds = _log_gamma_variates(alpha, size, rng) - _log_gamma_variates(stayed, size, rng)
        spent = rng.standard_exponential(log_odds.shape)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if np.max(c, initial=0.0) * np.log(np.max(n, initial=1.0) + most) <= LOG_MOST:
                lasts = spent / np.logaddexp(0.0, log_odds)
                made = np.where(n > 0, n * np.expm1(np.log1p(lasts / n**c) / c), lasts ** (1 / c))
            else:  # The horizon may lie beyond the largest number, so that only logarithms tell.
                log_rate = np.where(log_odds < -40, log_odds, np.log(np.logaddexp(0.0, log_odds)))
                log_lasts = np.log(spent) - log_rate
                since = n * np.expm1(np.logaddexp(0.0, log_lasts - np.minimum(c * log_age, LOG_MOST)) / c)
                made = np.where(n > 0, since, np.exp(log_lasts / c))
        return np.where(tenures.churned, 0.0, np.clip(np.floor(made), 0.0, most))

    def _log_lost(self, renewed: FloatArray, more: FloatArray) -> FloatArray:
        """Minus the logarithm of the survival of `more` renewals after `renewed` ones."""
        c = np.asarray(self.shape, dtype=np.float64)
        alpha, beta = (np.asarray(value, dtype=np.float64) for value in (self.alpha, self.beta))
        return log_lost(alpha, beta, aged(renewed, more, c))

    def _summed(self, tenures: Tenures, rate: float, horizon: float | None) -> FloatArray:
        """Discounted renewals to come, computed once for customers whose future is the same."""
        most = np.inf if horizon is None else checked_horizon(horizon)
        if most == 0:
            return np.zeros(len(tenures))
        renewed = tenures.renewed
        first, inverse = distinct(renewed, *self.arrays().values())
        one = self.at(first)
        alpha, beta, c = (np.full(len(first), value, dtype=np.float64) for value in (one.alpha, one.beta, one.shape))
        values = renewal_sum(Remaining(alpha, beta, c, renewed[first]), rate, most)
        return np.where(tenures.churned, 0.0, values[inverse])

    def _newcomers(self) -> Tenures:
        n = max((len(value) for value in self.arrays().values()), default=1)
        return Tenures(np.zeros(n), np.zeros(n, dtype=bool))

    def arrays(self) -> dict[str, Any]:
        """The parameters that differ by customer."""
        return {
            item.name: value
            for item in dataclasses.fields(self)
            if isinstance(value := getattr(self, item.name), np.ndarray)
        }


def checked_periods(periods: ArrayLike, least: int = 0) -> FloatArray:
    """Return a number or a flat sequence of numbers of renewals, shape () or (m,), or refuse them.

    Raises
    ------
    InputError
        If they are no numbers, not whole, below `least`, above `MOST_PERIODS`, or a table.
    """
    t = plain_numbers(periods)
    if t is None or t.ndim > 1 or not ((t >= least) & (t <= MOST_PERIODS) & (t == np.floor(t))).all():
        message = (
            "Periods and horizons are whole numbers of renewals, one or a flat sequence of them, "
            f"{least} and above, at most {MOST_PERIODS:,.0f}; got {reprlib.repr(periods)}."
        )
        raise InputError(message)
    return t


def checked_horizon(horizon: Any, least: int = 0) -> float:
    """Return one number of renewals, or refuse what is none; see `checked_periods`."""
    one = checked_periods(horizon, least)
    if one.ndim:
        message = f"horizon must be one whole number of renewals, the same for all; got {reprlib.repr(horizon)}."
        raise InputError(message)
    return float(one)


def _checked_rate(discount_rate: float, horizon: float | None) -> float:
    rate = one_number(discount_rate)
    if rate is None or not 0 <= rate < np.inf:
        message = f"discount_rate must be a finite rate per period, 0 and above; got {reprlib.repr(discount_rate)}."
        raise InputError(message)
    least = MOST_DISCOUNTED / MOST_PERIODS
    if horizon is None and rate < least:
        message = (
            f"Without a horizon the discount rate must be above 0, {least:.2g} or more, so that nothing counts beyond "
            f"{MOST_PERIODS:g} renewals; got {discount_rate!r}. Give a horizon or a larger rate."
        )
        raise InputError(message)
    return rate


def _propensity_of_who_left(
    alpha: FloatArray, beta: FloatArray, c: FloatArray, renewed: FloatArray, stayed: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of θ; the latter from moments of θ or of 1 - θ, whichever is the less."""
    ageing = aged(renewed, np.ones_like(renewed), c)

    def moments(of: FloatArray, rest: FloatArray, alpha_more: int, beta_more: int) -> tuple[FloatArray, FloatArray]:
        none, one, two = (
            -np.expm1(-log_lost(alpha + power * alpha_more, beta + power * beta_more, ageing)) for power in (0, 1, 2)
        )
        mean = one / none / (1 + rest / of)
        relative_variance = (1 + 1 / of) / (1 + 1 / (of + rest)) * (two / one) * (none / one) - 1
        return mean, mean * np.sqrt(np.maximum(relative_variance, 0.0))

    mean, sd = moments(alpha, stayed, 1, 0)
    _, sd_of_rest = moments(stayed, alpha, 0, 1)
    return mean, np.where(mean > 0.5, sd_of_rest, sd)


def _log_gamma_variates(shape: FloatArray, size: int, rng: np.random.Generator) -> FloatArray:
    """Logarithms of Gamma(shape) variates, by those of shape + 1 times a power of a uniform one; (size, n)."""
    drawn = (size, len(shape))
    return np.log(rng.gamma(shape + 1, size=drawn)) - rng.standard_exponential(drawn) / shape
