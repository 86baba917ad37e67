r"""What models share in which a customer's lifetime does not depend on the purchases.

Of a customer who is alive we know the rate, :math:`\lambda \sim \mathrm{Gamma}(r', \alpha')`, and independently how
long the customer still lives, by a survival function S with the density f. With these

.. math::
    E[Y(h)] = \frac{r'}{\alpha'} \int_0^h S(u)\,du, \qquad
    P(Y(h) \ge 1) = \int_0^h S(u)\,\frac{r'}{\alpha'+u}\Bigl(\frac{\alpha'}{\alpha'+u}\Bigr)^{r'} du

and :math:`P(Y(h) = n)` is the negative binomial probability at h times S(h), plus its mean over the time of death.

A customer is certainly alive at the last purchase. The odds of having died in the silence :math:`\tau = T - t_x` since
then, with r', α', S and f as of the last purchase, are

.. math::
    \frac{\int_0^\tau f(u)\,\bigl(1 + u/\alpha'\bigr)^{-r'}\,du}{S(\tau)\,\bigl(1 + \tau/\alpha'\bigr)^{-r'}}

All integrands are positive, so nothing cancels and nothing overflows. A kind provides S, f and the nodes
(`IndependentLifetime.nodes`) on which they are integrated.
"""

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..distinct import distinct
from ..histories import FloatArray, Histories, IndexArray
from ..quadrature import DIGITS
from .bg_nbd import log_negative_binomial
from .model import Living, Moments, PurchaseParams

FADED = 65.0
"""Minus the logarithm of what an integrand falls to where its tail no longer counts."""

RECURSIONS = 128
"""Negative binomial probabilities that follow from one another before one is computed afresh."""

Nodes = Iterator[tuple[IndexArray, FloatArray, FloatArray]]
"""Positions of m rows, then for each of them, shape (nodes, m): times u and their weights du."""


class IndependentLifetimeParams(PurchaseParams):
    """Base of the parameters of such a model."""

    @abstractmethod
    def living(self, histories: Histories) -> "IndependentLifetime":
        """The customers' future, given that they are alive."""

    def log_odds_of_death(self, histories: Histories) -> FloatArray:
        """Log odds that the customer died in the silence since the last purchase, shape (n,)."""
        columns = (histories.frequency, histories.recency, histories.T)
        first, inverse = distinct(*columns, *self.arrays().values())
        then, silence = self.at(first).last_seen(histories.take(first))
        return then.log_odds_of_death(silence)[inverse]

    def moments_if_dead(self, histories: Histories) -> Moments:
        """Mean over the time of death."""
        then, silence = self.last_seen(histories)
        return then.moments_if_dead(silence)

    def last_seen(self, histories: Histories) -> tuple["IndependentLifetime", FloatArray]:
        """The customers as they were at their last purchase, and how long they have been silent since."""
        then = self.living(Histories(histories.frequency, histories.recency, histories.recency))
        return then, histories.T - histories.recency


@dataclass(frozen=True)
class IndependentLifetime(Living):
    """Purchases at a rate λ ~ Gamma(shape, rate), independent of a residual lifetime.

    Attributes
    ----------
    shape, rate : ndarray, shape (n,)
    """

    shape: FloatArray
    rate: FloatArray

    @abstractmethod
    def take(self, index: IndexArray) -> "IndependentLifetime":
        """Return the rows at the positions `index`."""

    @abstractmethod
    def log_survival(self, u: FloatArray) -> FloatArray:
        """Log probability to live longer than u; u has shape (n,) or (nodes, n)."""

    @abstractmethod
    def log_hazard(self, u: FloatArray) -> FloatArray:
        """Log density of death at u, given that the customer lives until then; u as above."""

    @abstractmethod
    def nodes(self, horizon: FloatArray, power: FloatArray, detail: float = 1.0, digits: float = DIGITS) -> Nodes:
        """Nodes on [0, horizon] for the survival function, or its density, times a function of u / rate.

        Parameters
        ----------
        horizon : ndarray, shape (n,)
        power : ndarray, shape (n,)
            The function is (1 + u / rate) to minus this power, or no steeper at 0.
        detail, digits : float
            See `gauss_legendre`.
        """

    @abstractmethod
    def draw_lifetime(self, rng: np.random.Generator) -> FloatArray:
        """Random residual lifetimes, shape (n,); may be infinite."""

    @abstractmethod
    def dropout_of_the_dead(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and mean square of the dropout parameter of a customer who dies at u, shape (nodes, n)."""

    def lived(self, horizon: FloatArray, discount: float = 0.0) -> FloatArray:
        r"""Expected time alive within the horizon, :math:`\int_0^h e^{-\delta u} S(u)\,du`, shape (n,)."""
        life = np.zeros(self.shape.shape)
        # To the nodes the discount is a power of the same initial slope.
        for rows, u, du in self.nodes(self._each(horizon), discount * self.rate):
            life[rows] = (du * np.exp(self.take(rows).log_survival(u) - discount * u)).sum(axis=0)
        return life

    def expected_purchases(self, horizon: FloatArray) -> FloatArray:
        """Mean rate times expected time alive, shape (n,)."""
        return self.shape / self.rate * self.lived(horizon)

    def discounted_purchases(self, discount: float, horizon: FloatArray) -> FloatArray:
        """Mean rate times expected discounted time alive, shape (n,)."""
        return self.shape / self.rate * self.lived(horizon, discount)

    def survival(self, horizon: FloatArray) -> FloatArray:
        """Probability to be alive at the end of the horizon, shape (n,)."""
        return np.exp(self.log_survival(self._each(horizon)))

    def probability_active(self, horizon: FloatArray) -> FloatArray:
        """Mean over the time of the next purchase of the chance to live until then, shape (n,)."""
        active = np.zeros(self.shape.shape)
        power = self.shape + 1
        for rows, u, du in self.nodes(self.faded(self._each(horizon), power), power):
            some = self.take(rows)
            density = np.exp(some.log_survival(u) - (some.shape + 1) * np.log1p(u / some.rate))
            active[rows] = some.shape / some.rate * (du * density).sum(axis=0)
        return np.minimum(active, 1.0)

    def purchase_probabilities(self, n_max: int, horizon: FloatArray) -> FloatArray:
        """Negative binomial probabilities at the end of the horizon or at death, shape (n, n_max + 1)."""
        horizon = self._each(horizon)
        n = np.arange(n_max + 1, dtype=np.float64)[:, None]
        table = np.exp(self.log_survival(horizon) + log_negative_binomial(n, self.shape, horizon / self.rate))
        for rows, u, du in self.nodes(horizon, self.shape, detail=1 + np.sqrt(n_max) / 1.5):
            some = self.take(rows)
            death = du * np.exp(some.log_survival(u) + some.log_hazard(u))
            table[:, rows] += _mean_counts(n_max, some.shape, u / some.rate, death)
        return np.minimum(table, 1.0).T

    def log_odds_of_death(self, silence: FloatArray) -> FloatArray:
        """Log odds that a customer who was alive at first, and silent since, is dead by now, shape (n,)."""
        died = np.zeros(self.shape.shape)
        for rows, u, du in self.nodes(self.faded(silence, self.shape), self.shape):
            died[rows] = (du * self.take(rows).silent_death(u)).sum(axis=0)
        with np.errstate(divide="ignore"):
            log_died = np.log(died)
        return log_died + self.shape * np.log1p(silence / self.rate) - self.log_survival(silence)

    def silent_death(self, u: FloatArray) -> FloatArray:
        """Density of dying at u without a purchase before, shape of u."""
        silent = -self.shape * np.log1p(u / self.rate)
        return np.exp(self.log_survival(u) + self.log_hazard(u) + silent)

    def moments_if_dead(self, silence: FloatArray) -> Moments:
        """Moments of a customer who died within the silence; NaN where there was none."""
        moments = np.full((4, len(silence)), np.nan)
        for rows, u, du in self.nodes(self.faded(silence, self.shape), self.shape):
            some = self.take(rows)
            share = du * some.silent_death(u)
            with np.errstate(invalid="ignore"):
                share /= share.sum(axis=0)
            rate = some.shape / (some.rate + u)
            dropout, dropout_square = some.dropout_of_the_dead(u)
            values = (rate, rate * (rate + 1 / (some.rate + u)), dropout, dropout_square)
            if len(u):
                for moment, value in zip(moments, values, strict=True):
                    moment[rows] = (share * value).sum(axis=0)
        return Moments(*moments)

    def draw(self, horizon: FloatArray, rng: np.random.Generator) -> FloatArray:
        """The purchases of a Poisson process until death or the end of the horizon."""
        alive_for = np.minimum(self.draw_lifetime(rng), horizon)
        return rng.poisson(rng.gamma(self.shape) / self.rate * alive_for).astype(np.float64)

    def faded(self, horizon: FloatArray, power: FloatArray) -> FloatArray:
        """The horizon, or where (1 + u / rate) to minus the power has faded."""
        return np.minimum(horizon, self.rate * np.expm1(np.minimum(FADED / power, 600.0)))

    def _each(self, horizon: FloatArray) -> FloatArray:
        return np.broadcast_to(np.asarray(horizon, dtype=np.float64), self.shape.shape)


def _mean_counts(n_max: int, shape: FloatArray, ratio: FloatArray, weight: FloatArray) -> FloatArray:
    """Negative binomial probabilities of 0 ... n_max, summed with weights over the first axis: (n_max + 1, n)."""
    means = np.empty((n_max + 1, len(shape)))
    success = ratio / (1 + ratio)
    for n in range(n_max + 1):
        if n % RECURSIONS == 0:
            now = weight * np.exp(log_negative_binomial(np.full(1, float(n)), shape, ratio))
        else:
            now *= success
            now *= (shape + n - 1) / n
        means[n] = now.sum(axis=0)
    return means
