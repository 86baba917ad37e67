r"""What a customer does who is alive and buys at regular intervals: every k-th event of a Poisson process.

The stages between two purchases are exponential with a rate :math:`\lambda` that is gamma distributed; the customer has
completed some number j < k of them. Three tools serve all predictions: negative binomial probabilities of numbers of
stages; sums of them, one by one or as incomplete beta functions; and, where many stages may come, the roots of unity,
which pick every k-th term out of a generating function (`roots_of_unity`). Nothing cancels: sums have positive terms,
and the generating function is only used where more than a few purchases are likely.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import special

from ..histories import FloatArray, IndexArray
from ..quadrature import beta_mean, gamma_mean
from .at_purchases import LeavingAtPurchases
from .bg_nbd import draw_geometric, gamma_beta_moments
from .model import MOST_DISCOUNTED, Moments
from .roots_of_unity import SMALL_SHARE, purchases_given_p, survival_given_p

_MOST_STAGES = 500
"""Number of stages up to which means are sums over it; beyond, a generating function is integrated."""

_SERIES_TERMS = 4
"""Terms of the power series in 1 - p that stand in for the roots of unity where it is small."""

_NEGLIGIBLE = 1e-17
"""A term below this share of its sum leaves all of its digits as they are."""

_ROWS_AT_ONCE = 2048


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

        Where few stages are likely, the sum

        .. math:: \sum_{n \ge 1} P(F = n) \sum_{i<n} E\bigl[(1-p)^i\bigr]

        of positive terms. Elsewhere the mean over p of :math:`(1 - E[(1-p)^F]) / p`, by its closed form for a given p.
        """
        return self._by_size(horizon, RegularLiving._summed_purchases, RegularLiving._integrated_purchases)

    def survival(self, horizon: FloatArray) -> FloatArray:
        r"""Mean over p of the chance that no purchase is the last, shape (n,).

        By the same two ways: :math:`\sum_n P(F = n)\, E\bigl[(1-p)^n\bigr]`, or the mean over p of
        :math:`E[(1-p)^F]`.
        """
        return np.clip(
            self._by_size(horizon, RegularLiving._summed_survival, RegularLiving._integrated_survival), 0.0, 1.0
        )

    def discounted_purchases(self, discount: float, horizon: FloatArray) -> FloatArray:
        r"""Mean over λ and p of a sum without end, where the horizon is; elsewhere an integral over time.

        The n-th purchase comes after kn - j stages, and what comes a stage later is worth
        :math:`\varphi = \lambda / (\lambda + \delta)` of it. So all purchases to come are worth

        .. math:: \sum_{j<k} P(j)\, \frac{\varphi^{k-j}}{1 - (1-p)\,\varphi^k}
        """
        if not _endless(discount, horizon):
            return LeavingAtPurchases.discounted_purchases(self, discount, horizon)

        def first_one(j: int, fade: FloatArray) -> tuple[FloatArray, FloatArray]:
            return np.exp((j - self.k) * fade), np.zeros(1)

        return self._until_leaving(discount, first_one)

    def lived(self, horizon: FloatArray, discount: float = 0.0) -> FloatArray:
        r"""Expected discounted time alive, by the same two ways.

        All the time to come is worth

        .. math:: \frac{1}{\delta} \sum_{j<k} P(j)\,
            \frac{1 - \varphi^{k-j} + (1-p)\,\varphi^{k-j} (1 - \varphi^j)}{1 - (1-p)\,\varphi^k}
        """
        if not _endless(discount, horizon):
            return LeavingAtPurchases.lived(self, horizon, discount)

        def first_wait(j: int, fade: FloatArray) -> tuple[FloatArray, FloatArray]:
            return -np.expm1((j - self.k) * fade), -np.exp((j - self.k) * fade) * np.expm1(-j * fade)

        return self._until_leaving(discount, first_wait) / discount

    def _until_leaving(
        self, discount: float, first: Callable[[int, FloatArray], tuple[FloatArray, FloatArray]]
    ) -> FloatArray:
        r"""Mean over λ and p of :math:`\sum_j P(j) (A_j + (1-p) B_j) / (1 - (1-p) \varphi^k)`, shape (n,).

        ``first(j, fade)`` gives :math:`A_j` and :math:`B_j`, with :math:`\varphi = e^{-\mathrm{fade}}`.
        """
        delay = discount * self.rate

        def mean_over_p(x: FloatArray, rows: IndexArray) -> FloatArray:
            fade = np.log1p(delay[rows, None] / x)
            surely, if_stays = np.zeros(x.shape), np.zeros(x.shape)
            # The density of phase j over that of phase 0, x^j / (shape (shape + 1) ... (shape + j - 1)).
            ratio = np.ones(x.shape)
            for j in range(self.k):
                one, other = first(j, fade)
                surely += self.phases[rows, j : j + 1] * ratio * one
                if_stays += self.phases[rows, j : j + 1] * ratio * other
                ratio *= x / (self.shape[rows, None] + j)
            customer = np.broadcast_to(rows[:, None], x.shape).ravel()
            lost, columns = -np.expm1(-self.k * fade).ravel(), (surely.ravel(), if_stays.ravel())

            def worth(p: FloatArray, some: IndexArray) -> FloatArray:
                loss, one, other = (column[some, None] for column in (lost, *columns))
                return (one + (1 - p) * other) / (loss + p * (1 - loss))

            return beta_mean(worth, self.a[customer], self.b[customer], scale=1 / lost - 1).reshape(x.shape)

        return gamma_mean(mean_over_p, self.shape, self.k, bend=delay)

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

    def _by_size(self, horizon: FloatArray, summed: "_Mean", integrated: "_Mean") -> FloatArray:
        """A mean, each row by the way that is cheap for its number of stages; rows with as many of them together."""
        ratio = np.broadcast_to(horizon / self.rate, self.shape.shape)
        most, values = self._most_stages(ratio), np.empty(self.shape.shape)
        order = np.argsort(most)
        few, many = np.split(order, [np.searchsorted(most[order], _MOST_STAGES)])
        for rows in np.array_split(few, range(_ROWS_AT_ONCE, len(few), _ROWS_AT_ONCE)):
            values[rows] = summed(self.take(rows), ratio[rows])
        values[many] = integrated(self.take(many), ratio[many])
        return values

    def _numbers(self, ratio: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """For n = 0, 1, ...: P(F = n), and the probability to stay through n purchases; for rows of few stages."""
        k, j = self.k, np.arange(self.k)[:, None]
        shape, success = self.shape + j, ratio / (1 + ratio)
        # P(j) P(N = i) in each phase j, from i to i + 1.
        now, stayed = self.phases.T * np.exp(-shape * np.log1p(ratio)), np.ones(len(ratio))
        here, beyond = np.zeros(len(ratio)), np.zeros(len(ratio))
        for i in range(_MOST_STAGES + k):
            n, before = divmod(i, k)
            here += now[: k - before].sum(axis=0)
            beyond += now[k - before :].sum(axis=0)
            if before == k - 1:
                yield here, stayed
                here, beyond = beyond, np.zeros(len(ratio))
                stayed = stayed * (self.b + n) / (self.a + self.b + n)
            now *= shape + i
            now *= success / (i + 1)

    def _summed_purchases(self, ratio: FloatArray) -> FloatArray:
        """The sum of `expected_purchases`."""
        total, made, typical = np.zeros(len(ratio)), np.zeros(len(ratio)), self._mean_stages(ratio) / self.k
        for n, (probability, stays) in enumerate(self._numbers(ratio)):
            term = probability * made
            total += term
            made = made + stays
            if n > 1 and ((term <= _NEGLIGIBLE * total) & (n > typical)).all():
                break
        return total

    def _summed_survival(self, ratio: FloatArray) -> FloatArray:
        """The sum of `survival`."""
        total, typical = np.zeros(len(ratio)), self._mean_stages(ratio) / self.k
        for n, (probability, stays) in enumerate(self._numbers(ratio)):
            term = probability * stays
            total += term
            if ((term <= _NEGLIGIBLE * total) & (n > typical)).all():
                break
        return total

    def _integrated_purchases(self, ratio: FloatArray) -> FloatArray:
        """The integral of `expected_purchases`."""
        series = np.stack([self._at_least(n, ratio) for n in range(1, _SERIES_TERMS + 1)])

        def bought(p: FloatArray, rows: IndexArray) -> FloatArray:
            given_p = purchases_given_p(p, self.phases[rows], self.shape[rows, None], ratio[rows, None])
            return _patched(given_p, 1 - p, series[:, rows])

        return beta_mean(bought, self.a, self.b, scale=self._mean_stages(ratio))

    def _integrated_survival(self, ratio: FloatArray) -> FloatArray:
        """The integral of `survival`."""
        series = np.stack([self._exactly(n, ratio) for n in range(_SERIES_TERMS)])

        def stays(p: FloatArray, rows: IndexArray) -> FloatArray:
            given_p = survival_given_p(p, self.phases[rows], self.shape[rows, None], ratio[rows, None])
            return _patched(given_p, 1 - p, series[:, rows])

        return beta_mean(stays, self.a, self.b, scale=self._mean_stages(ratio))


def _endless(discount: float, horizon: FloatArray) -> bool:
    """Whether what comes after the horizon is worth less than rounding."""
    return len(horizon) > 0 and discount * float(horizon.min()) >= MOST_DISCOUNTED - 1e-9


_Mean = Callable[[RegularLiving, FloatArray], FloatArray]
"""A mean for customers and the ratio κ of horizon and rate."""


def _patched(values: FloatArray, share: FloatArray, series: FloatArray) -> FloatArray:
    """Values with those of a power series, coefficients of shape (terms, n), where `share` is small."""
    power = np.zeros(share.shape)
    for coefficient in series[::-1]:
        power = power * share + coefficient[:, None]
    return np.where(share < SMALL_SHARE, power, values)
