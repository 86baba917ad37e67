r"""What a customer does who is alive and buys at regular intervals: every k-th event of a Poisson process.

The stages between two purchases are exponential with a rate :math:`\lambda` that is gamma distributed; the customer has
completed some number j < k of them. Three tools serve all predictions: negative binomial probabilities of numbers of
stages; sums of them, as incomplete beta functions; and, where many purchases may come, the roots of unity, which pick
every k-th term out of a generating function. Nothing cancels: sums have positive terms, and the generating function is
only used where more than a few purchases are likely.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ..histories import FloatArray, IndexArray
from ..quadrature import beta_mean
from .at_purchases import LeavingAtPurchases
from .bg_nbd import draw_geometric, gamma_beta_moments
from .model import Moments

_MOST_TERMS = 5
"""Purchases, in units of k, up to which the expectation is summed; beyond, its generating function is integrated."""

_SMALL_SHARE = 1e-4
"""Probability to stay below which a few terms of a power series are the exact and the stable way."""

_SERIES_TERMS = 4

_REMAINDER = 1e-15

_TINY = 1e-290
"""Stands for a probability to leave of 0, at which the summands of the closed form are 0 over 0."""


@dataclass(frozen=True, slots=True)
class RegularLiving(LeavingAtPurchases):
    r"""Purchases at every k-th stage, after each of which the customer leaves with p ~ Beta(a, b).

    In phase j the stages of a horizon h are :math:`N \sim \mathrm{Poisson}(\lambda h)` with
    :math:`\lambda \sim \mathrm{Gamma}(\mathrm{shape} + j, \mathrm{rate})`, negative binomial with
    :math:`\kappa = h / \mathrm{rate}`. A customer who did not leave would make :math:`F = \lfloor (j + N) / k \rfloor`
    purchases; leaving cuts them at the first one that is followed by it.

    Attributes
    ----------
    phases : ndarray, shape (n, k)
        Probabilities of the phases j = 0 ... k - 1.
    shape, rate, a, b : ndarray, shape (n,)
    """

    phases: FloatArray
    shape: FloatArray
    rate: FloatArray
    a: FloatArray
    b: FloatArray

    @property
    def k(self) -> int:
        """Stages from one purchase to the next."""
        return int(self.phases.shape[1])

    def take(self, index: IndexArray) -> "RegularLiving":
        """Return the rows at the positions `index`."""
        return RegularLiving(self.phases[index], self.shape[index], self.rate[index], self.a[index], self.b[index])

    def expected_purchases(self, horizon: FloatArray) -> FloatArray:
        r"""Expected purchases within the horizon, shape (n,).

        Where few purchases are likely, the sum

        .. math:: \sum_{n \ge 1} P(F \ge n)\, E\bigl[(1-p)^{n-1}\bigr]

        of positive terms. Elsewhere the mean over p of its closed form for a given p: with the k-th roots of unity
        :math:`\omega_l` and :math:`u_l = (1-p)^{1/k} \omega_l`,

        .. math:: \frac{1 - E[(1-p)^F]}{p} = \frac{1}{k (1-p)} \sum_{l<k} \frac{u_l}{1-u_l}
            \sum_{j<k} P(j)\, u_l^j \Bigl(1 - \bigl(1 + \kappa (1 - u_l)\bigr)^{-(\mathrm{shape}+j)}\Bigr)
        """
        ratio = np.broadcast_to(horizon / self.rate, self.shape.shape)
        likely = self._most_stages(ratio) > _MOST_TERMS * self.k**2
        few, many = np.flatnonzero(~likely), np.flatnonzero(likely)
        expected = np.empty(self.shape.shape)
        expected[few] = self.take(few)._summed(ratio[few])
        expected[many] = self.take(many)._integrated(ratio[many])
        return expected

    def survival(self, horizon: FloatArray) -> FloatArray:
        r"""Mean over p of the chance that no purchase is the last, shape (n,).

        .. math:: E[(1-p)^F] = \frac{p}{k (1-p)} \sum_{l<k} \frac{u_l}{1-u_l}
            \sum_{j<k} P(j)\, u_l^j \bigl(1 + \kappa (1 - u_l)\bigr)^{-(\mathrm{shape}+j)}

        with the symbols of `expected_purchases`.
        """
        ratio = np.broadcast_to(horizon / self.rate, self.shape.shape)
        series = np.stack([self._exactly(n, ratio) for n in range(_SERIES_TERMS)])

        def stays(p: FloatArray, _: FloatArray, rows: IndexArray) -> FloatArray:
            values = np.maximum(p, _TINY) * self._over_roots(_still, _still, p, rows, ratio)
            return _patched(values, 1 - p, series[:, rows])

        return np.clip(beta_mean(stays, self.a, self.b, scale=self._mean_stages(ratio)), 0.0, 1.0)

    def probability_active(self, horizon: FloatArray) -> FloatArray:
        """P(F ≥ 1): the stages that the first purchase still lacks are completed, whatever p."""
        return self._at_least(1, np.broadcast_to(horizon / self.rate, self.shape.shape))

    def purchase_probabilities(self, n_max: int, horizon: FloatArray) -> FloatArray:
        r"""Of n purchases none was followed by leaving, or the last one was.

        .. math:: P(F = n)\, E\bigl[(1-p)^n\bigr] + [n > 0]\, P(F \ge n)\, E\bigl[p (1-p)^{n-1}\bigr]
        """
        ratio = np.broadcast_to(horizon / self.rate, self.shape.shape)
        table = np.empty((len(self.shape), n_max + 1))
        table[:, 0] = self._exactly(0, ratio)
        stayed = np.ones(len(self.shape))
        for n in range(1, n_max + 1):
            left = stayed * self.a / (self.a + self.b + n - 1)
            stayed = stayed * (self.b + n - 1) / (self.a + self.b + n - 1)
            table[:, n] = stayed * self._exactly(n, ratio) + left * self._at_least(n, ratio)
        return np.minimum(table, 1.0)

    def draw(self, horizon: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Every k-th event of a Poisson process, cut at the one after which the customer leaves."""
        n, k = self.phases.shape
        phase = (rng.random((n, 1)) > np.cumsum(self.phases, axis=1)[:, :-1]).sum(axis=1)
        stages = rng.poisson(rng.gamma(self.shape + phase) / self.rate * horizon)
        return np.minimum((phase + stages) // k, draw_geometric(self.a, self.b, rng))  # type: ignore[no-any-return]

    def moments(self) -> Moments:
        """Moments of the rate of purchases, a k-th of the rate of stages, over all phases, and of the dropout."""
        j = np.arange(self.k)
        shape = (self.phases * (self.shape[:, None] + j)).sum(axis=1)
        square = (self.phases * (self.shape[:, None] + j) * (self.shape[:, None] + j + 1)).sum(axis=1)
        leaving = gamma_beta_moments(self.shape, self.rate, self.a, self.b)
        rate = self.k * self.rate
        return Moments(shape / rate, square / rate**2, leaving.dropout, leaving.dropout_square)

    def _mean_stages(self, ratio: FloatArray) -> FloatArray:
        """Mean number of stages within the horizon, at most, shape (n,)."""
        return (self.shape + self.k) * ratio

    def _most_stages(self, ratio: FloatArray) -> FloatArray:
        """A number of stages that is hardly ever exceeded: the mean, some deviations, and the tail of odds z to 1."""
        mean = self._mean_stages(ratio)
        with np.errstate(divide="ignore"):
            return mean + 8 * np.sqrt(mean * (1 + ratio)) + 36 / np.log1p(1 / ratio)  # type: ignore[no-any-return]

    def _stages(self, m: int, ratio: FloatArray) -> FloatArray:
        r"""Probability of j + N = m in each phase j = 0 ... min(m, k - 1), shape (n, min(m, k - 1) + 1).

        .. math:: \frac{\Gamma(s + m)}{\Gamma(s + j)\,(m - j)!}\, z^{m-j} (1 - z)^{s+j}, \quad
            z = \frac{\kappa}{1 + \kappa}
        """
        most = min(m, self.k - 1)
        stage, end = ratio / (1 + ratio), 1 / (1 + ratio)
        log_front = special.gammaln(self.shape + m) - special.gammaln(self.shape) - special.gammaln(m + 1)
        log_front = log_front + special.xlogy(m - most, stage) - self.shape * np.log1p(ratio)
        table = np.empty((len(ratio), most + 1))
        front = np.exp(log_front)
        for j in range(most + 1):
            table[:, j] = front * stage ** (most - j)
            front = front * (m - j) / (self.shape + j) * end
        return table

    def _exactly(self, n: int, ratio: FloatArray) -> FloatArray:
        """P(F = n), shape (n,): the sum over the k numbers of stages that make n purchases."""
        total = np.zeros(len(ratio))
        for m in range(self.k * n, self.k * n + self.k):
            some = self._stages(m, ratio)
            total += (self.phases[:, : some.shape[1]] * some).sum(axis=1)
        return total

    def _at_least(self, n: int, ratio: FloatArray) -> FloatArray:
        r"""P(F ≥ n) for n ≥ 1, shape (n,).

        In phase 0 it is an incomplete beta function, :math:`I_z(kn, s)`; from phase j - 1 to phase j it grows by
        :math:`(1 + \kappa)` times the probability that j + N = kn in phase j, by a recurrence of that function.
        """
        # By the smaller of z and 1 - z, which the other one would round.
        early, ahead = ratio < 1, np.empty(len(ratio))
        special.betainc(self.k * n, self.shape, ratio / (1 + ratio), out=ahead, where=early)
        special.betaincc(self.shape, self.k * n, 1 / (1 + ratio), out=ahead, where=~early)
        beyond = np.cumsum(self.phases[:, :0:-1], axis=1)[:, ::-1]
        growth = (beyond * self._stages(self.k * n, ratio)[:, 1:]).sum(axis=1)
        return np.minimum(ahead + (1 + ratio) * growth, 1.0)  # type: ignore[no-any-return]

    def _summed(self, ratio: FloatArray) -> FloatArray:
        """The sum of `expected_purchases`, each row until what is left is below rounding."""
        expected = np.zeros(len(ratio))
        rows, stayed, before = np.arange(len(ratio)), np.ones(len(ratio)), np.ones(len(ratio))
        living, kappa, n = self, ratio, 0
        slowest = (ratio / (1 + ratio)) ** self.k
        while len(rows):
            n += 1
            tail = living._at_least(n, kappa)
            expected[rows] += stayed * tail
            # The tails fall at least as fast as now, or as geometrically as those of the stages.
            falls = np.maximum(np.divide(tail, before, out=np.zeros(len(rows)), where=before > 0), slowest)
            left = stayed * tail * falls
            open_ = np.flatnonzero(left > _REMAINDER * (1 - falls) * expected[rows])
            stayed = (stayed * (living.b + n - 1) / (living.a + living.b + n - 1))[open_]
            rows, kappa, before, slowest = rows[open_], kappa[open_], tail[open_], slowest[open_]
            living = living.take(open_)
        return expected

    def _integrated(self, ratio: FloatArray) -> FloatArray:
        """The integral of `expected_purchases`."""
        series = np.stack([self._at_least(n, ratio) for n in range(1, _SERIES_TERMS + 1)])

        def bought(p: FloatArray, _: FloatArray, rows: IndexArray) -> FloatArray:
            return _patched(self._over_roots(_gone, _left_over, p, rows, ratio), 1 - p, series[:, rows])

        return beta_mean(bought, self.a, self.b, scale=self._mean_stages(ratio))

    def _over_roots(
        self, at_first: "_Sum", at_others: "_Sum", p: FloatArray, rows: IndexArray, ratio: FloatArray
    ) -> FloatArray:
        r"""Sum over the k-th roots of unity of a sum over the phases times :math:`u_l / (1 - u_l)`, over k (1 - p).

        Conjugate roots have conjugate summands.
        """
        some, kappa = self.take(rows), ratio[rows, None]
        log_share = np.log1p(-np.clip(p, _TINY, 1 - _SMALL_SHARE))
        root = np.exp(log_share / self.k)
        rest = -np.expm1(log_share / self.k)
        total = at_first(some, root, rest, kappa) * root / rest
        for turn in range(1, self.k // 2 + 1):
            if 2 * turn == self.k:
                total -= at_others(some, -root, 1 + root, kappa) * root / (1 + root)
            else:
                u = root * np.exp(2j * np.pi * turn / self.k)
                rest = 1 - u
                summand = at_others(some, u, rest, kappa)
                summand *= u
                summand /= rest
                total += 2 * summand.real
        return total / (self.k * np.exp(log_share))  # type: ignore[no-any-return]


_Array = NDArray[Any]
"""Real or complex."""

_Sum = Callable[[RegularLiving, _Array, _Array, FloatArray], _Array]
"""A sum over the phases for customers, a root u, the rest 1 - u, and κ."""


def _still(some: RegularLiving, u: _Array, rest: _Array, kappa: FloatArray) -> _Array:
    r""":math:`\sum_{j<k} P(j)\, u^j \bigl(1 + \kappa (1 - u)\bigr)^{-(\mathrm{shape}+j)}`."""
    if np.iscomplexobj(u):
        growth = kappa * rest
        growth += 1
        values = _power(growth.real.copy(), growth.imag.copy(), -some.shape[:, None])
        values *= _polynomial(some.phases, u / growth)
        return values
    log_growth = np.log1p(kappa * rest)
    return np.exp(-some.shape[:, None] * log_growth) * _polynomial(some.phases, u * np.exp(-log_growth))


def _left_over(some: RegularLiving, u: _Array, rest: _Array, kappa: FloatArray) -> _Array:
    """What `_still` lacks of its value for κ = 0; at the first root, where u may be near 1, this would cancel."""
    return _polynomial(some.phases, u) - _still(some, u, rest, kappa)


def _gone(some: RegularLiving, u: _Array, rest: _Array, kappa: FloatArray) -> _Array:
    """The same without a difference, from phase to phase, where all terms are positive."""
    away = -np.expm1(-some.shape[:, None] * np.log1p(kappa * rest))
    step = 1 / (1 + kappa * rest)
    more, power = kappa * rest * step, np.ones_like(u)
    total = some.phases[:, :1] * away
    for j in range(1, some.k):
        away = away * step + more
        power = power * u
        total += some.phases[:, j : j + 1] * power * away
    return total


def _polynomial(coefficients: FloatArray, u: _Array) -> _Array:
    """Polynomials with coefficients of shape (n, k) at u of shape (n, nodes)."""
    total = np.empty_like(u)
    total[:] = coefficients[:, -1:]
    for j in range(coefficients.shape[1] - 2, -1, -1):
        total *= u
        total += coefficients[:, j : j + 1]
    return total


def _power(real: FloatArray, imaginary: FloatArray, exponent: FloatArray) -> _Array:
    """Powers of complex numbers with a positive real part, cosine and sine by the tangent of half the angle."""
    size = np.exp(exponent / 2 * np.log(real**2 + imaginary**2))
    tangent = np.tan(exponent / 2 * np.arctan2(imaginary, real))
    double = 2 * size / (1 + tangent**2)
    power = np.empty(real.shape, dtype=np.complex128)
    np.subtract(double, size, out=power.real)
    np.multiply(double, tangent, out=power.imag)
    return power


def _patched(values: FloatArray, share: FloatArray, series: FloatArray) -> FloatArray:
    """Values with those of a power series, coefficients of shape (terms, n), where `share` is small."""
    power = np.zeros(share.shape)
    for coefficient in series[::-1]:
        power = power * share + coefficient[:, None]
    return np.where(share < _SMALL_SHARE, power, values)
