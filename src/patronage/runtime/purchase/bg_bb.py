r"""BG/BB: in each period a living customer buys or not; at the start of each period the customer may leave.

Time is counted in whole periods, in each of which there is one opportunity to buy: a yearly campaign, a term, a
cruise season. A living customer buys in a period with a probability :math:`p` of their own, and leaves for good at the
start of a period with a probability :math:`\theta` of their own. Across customers
:math:`p \sim \mathrm{Beta}(\alpha, \beta)` and, independently, :math:`\theta \sim \mathrm{Beta}(\gamma, \delta)`. The
first purchase, which made the customer one, is not counted.

A history says in how many of the n periods since then the customer bought (frequency), in which one last (recency), and
n (T). Of a customer alive in period n we know :math:`p \sim \mathrm{Beta}(\alpha+x, \beta+n-x)` and
:math:`\theta \sim \mathrm{Beta}(\gamma, \delta+n)`, so that the future of the living is that of a newcomer with these
parameters (`BetaBernoulliLiving`). Its chance to live for another k periods is

.. math:: S(k) = \frac{B(\gamma, \delta'+k)}{B(\gamma, \delta')}, \qquad \delta' = \delta + n

All quantities are sums over periods of positive terms, so nothing cancels; `smooth_sum` adds up long horizons.

References
----------
.. [1] Fader, Hardie, Shang (2010), Customer-base analysis in a discrete-time noncontractual setting.
   Marketing Science 29(6), 1086-1108.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ...errors import InputError
from ..distinct import distinct
from ..gamma_ratio import log_rising
from ..histories import FloatArray, Histories, IndexArray
from ..summation import reach_of_powers, smooth_sum
from .bg_nbd import draw_geometric
from .model import MOST_DISCOUNTED, Living, Moments, PurchaseParams

NEVER = 2.0**50
"""Number of periods after which a next purchase counts as never; whole numbers below it are exact."""


@dataclass(frozen=True)
class BetaGeoBetaBinomialParams(PurchaseParams):
    """Parameters of the BG/BB model; all positive, none in a unit.

    Attributes
    ----------
    alpha, beta : float
        Parameters of the beta distribution of the probability to buy in a period.
    gamma, delta : float
        Parameters of the beta distribution of the probability to leave at the start of a period.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    kind = "bg_bb"
    title = "BG/BB"
    times = ()
    discrete = True

    def log_odds_of_death(self, histories: Histories) -> FloatArray:
        r"""Log odds that the customer left at the start of a period after the last purchase.

        The terms of the likelihood of [1]_ for those who lived i periods, over the one for the living:

        .. math::
            \sum_{i=t_x}^{n-1} \frac{B(\alpha+x, \beta+i-x)}{B(\alpha+x, \beta+n-x)}\,
            \frac{B(\gamma+1, \delta+i)}{B(\gamma, \delta+n)}
        """
        first, inverse = distinct(histories.frequency, histories.recency, histories.T, *self.arrays().values())
        some, one = histories.take(first), self.at(first)
        x, n = some.frequency, some.T
        deaths = _Deaths.of(one, some)
        # The term of i = t_x; the sum is relative to it.
        log_first = log_rising(one.beta + (n - x), deaths.buys) - log_rising(deaths.missed, deaths.buys)
        log_first += log_rising(one.delta + n, deaths.leaves) - log_rising(deaths.lived, deaths.leaves + 1)
        with np.errstate(divide="ignore"):
            log_odds = np.log(deaths.leaves) + log_first + np.log(deaths.sum())
        return log_odds[inverse]

    def living(self, histories: Histories) -> "BetaBernoulliLiving":
        """Beta(α + x, β + n - x) and Beta(γ, δ + n)."""
        x, n = histories.frequency, histories.T
        return BetaBernoulliLiving(self.alpha + x, self.beta + (n - x), self.gamma + 0 * x, self.delta + n)

    def moments_if_dead(self, histories: Histories) -> Moments:
        """Mean over the periods i lived of Beta(α + x, β + i - x) and Beta(γ + 1, δ + i)."""
        deaths = _Deaths.of(self, histories)
        buys, leaves = deaths.buys, deaths.leaves + 1
        opportunities, starts = buys + deaths.missed, leaves + deaths.lived

        def mean(part: FloatArray, whole: FloatArray, square: int) -> FloatArray:
            def log_factor(i: FloatArray, rows: IndexArray) -> FloatArray:
                return log_rising(part[rows, None], square) - log_rising(whole[rows, None] + i, square)

            with np.errstate(invalid="ignore"):
                return deaths.sum(log_factor) / total

        total = deaths.sum()
        return Moments(
            mean(buys, opportunities, 1), mean(buys, opportunities, 2), mean(leaves, starts, 1), mean(leaves, starts, 2)
        )

    def discounted_purchases(self, histories: Histories, rate: float, horizon: float | None = None) -> FloatArray:
        r"""Expected purchases, each weighted by what money at its time is worth today.

        .. math:: P(\text{alive})\, \frac{\alpha+x}{\alpha+\beta+n} \sum_{k=1}^{H} S(k)\, e^{-\rho k}

        A purchase in the k-th period to come, n + k, is weighted by :math:`e^{-\rho k}`. Without a horizon these are
        the discounted expected residual transactions of [1]_ with a discount rate per period of :math:`e^{\rho} - 1`.

        Parameters
        ----------
        rate : float
            ρ, continuous, per period, 0 and above.
        horizon : float, optional
            H, whole periods; all the future if there is none, which needs a rate above 0.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        if not 0 <= rate < np.inf:
            message = f"rate must be a finite discount rate per period, 0 and above; got {rate}."
            raise InputError(message)
        if rate == 0 and horizon is None:
            message = "Without a horizon the discount rate must be above 0: the sum need not be finite."
            raise InputError(message)
        end = np.ceil(MOST_DISCOUNTED / rate) if rate > 0 else np.inf
        if horizon is not None:
            end = min(end, float(whole_periods(horizon)))
        return self._alive(histories) * self._if_alive(
            histories, lambda living, h: living.discounted_purchases(rate, h), float(end)
        )

    def expected_lifetime(self, histories: Histories, horizon: float) -> FloatArray:
        """Expected number of periods for which the customer is still alive, up to the horizon at most, shape (n,)."""
        end = float(whole_periods(horizon))
        return self._alive(histories) * self._if_alive(histories, lambda living, h: living.lived(h), end)


@dataclass(frozen=True, slots=True)
class BetaBernoulliLiving(Living):
    """A purchase in each period lived with p ~ Beta(a, b); death at its start with θ ~ Beta(gamma, delta)."""

    a: FloatArray
    b: FloatArray
    gamma: FloatArray
    delta: FloatArray

    def take(self, index: IndexArray) -> "BetaBernoulliLiving":
        """Return the rows at the positions `index`."""
        return BetaBernoulliLiving(self.a[index], self.b[index], self.gamma[index], self.delta[index])

    def buys(self) -> FloatArray:
        """Probability to buy in a period lived, the mean of p."""
        return self.a / (self.a + self.b)

    def lived(self, horizon: FloatArray, discount: float = 0.0) -> FloatArray:
        r"""Expected number of periods lived, each weighted by its discount: :math:`\sum_{k=1}^h S(k) e^{-\rho k}`.

        Without a discount the sum has a closed form, equation (14) of [1]_ without P(alive), but one that is 0/0 where
        γ = 1 and cancels near it.
        """

        def log_term(k: FloatArray, rows: IndexArray) -> FloatArray:
            return self._log_survival(k + 1, rows) - discount * (k + 1)

        def reach(k: FloatArray, rows: IndexArray) -> FloatArray:
            return reach_of_powers((self.gamma[rows], self.delta[rows] + 1 + k), decay=discount)

        return smooth_sum(log_term, reach, self._whole(horizon))

    def expected_purchases(self, horizon: FloatArray) -> FloatArray:
        r"""Mean of p, times the expected number of periods lived."""
        return self.buys() * self.lived(horizon)

    def discounted_purchases(self, discount: float, horizon: FloatArray) -> FloatArray:
        """Mean of p, times the expected discounted number of periods lived."""
        return self.buys() * self.lived(horizon, discount)

    def survival(self, horizon: FloatArray) -> FloatArray:
        """S(h)."""
        return np.exp(self._log_survival(self._whole(horizon)[:, None], np.arange(len(self.a)))[:, 0])

    def probability_active(self, horizon: FloatArray) -> FloatArray:
        r"""Sum over the period of the next purchase of the chance to live until then and not to buy before.

        .. math:: \sum_{k=1}^{h} S(k)\, \frac{B(a+1, b+k-1)}{B(a, b)}
        """

        def log_term(k: FloatArray, rows: IndexArray) -> FloatArray:
            a, b = self.a[rows, None], self.b[rows, None]
            return self._log_survival(k + 1, rows) + np.log(a) + log_rising(b, k) - log_rising(a + b, k + 1)

        def reach(k: FloatArray, rows: IndexArray) -> FloatArray:
            a, b, gamma, delta = self.a[rows], self.b[rows], self.gamma[rows], self.delta[rows]
            return reach_of_powers((a + 1, b + k), (gamma, delta + 1 + k))

        return np.minimum(smooth_sum(log_term, reach, self._whole(horizon)), 1.0)

    def waited(self, share: FloatArray) -> FloatArray:
        """Whole periods, 1 and above, by which the next purchase has happened with probability `share`."""
        low, high = np.zeros(len(share)), np.full(len(share), NEVER)
        never = self.probability_active(high) < share
        # Bisection of the logarithm among whole numbers: by `high` the customer has bought, by `low` not.
        while (rows := np.flatnonzero((high - low > 1) & ~never)).size:
            middle = np.floor(np.sqrt((low[rows] + 1) * high[rows]))
            bought = self.take(rows).probability_active(middle) >= share[rows]
            high[rows], low[rows] = np.where(bought, middle, high[rows]), np.where(bought, low[rows], middle)
        return np.where(never, np.inf, high)

    def purchase_probabilities(self, n_max: int, horizon: FloatArray) -> FloatArray:
        r"""Probability of m purchases: in all h periods, or in the i periods lived before death.

        .. math::
            \binom{h}{m} \frac{B(a+m, b+h-m)}{B(a,b)} S(h)
            + \sum_{i=m}^{h-1} \binom{i}{m} \frac{B(a+m, b+i-m)}{B(a,b)}
            \frac{B(\gamma+1, \delta'+i)}{B(\gamma, \delta')}
        """
        horizon = self._whole(horizon)
        everyone = np.arange(len(self.a))
        table = np.zeros((len(self.a), n_max + 1))
        for m in range(n_max + 1):
            rows = np.flatnonzero(horizon >= m)
            some, lived = self.take(rows), horizon[rows, None]
            of_survivors = some._log_bought(m, lived - m, everyone[: len(rows)])
            of_survivors += some._log_survival(lived, everyone[: len(rows)])
            table[rows, m] = np.exp(of_survivors[:, 0]) + some._dies_after(m, horizon[rows] - m)
        return np.minimum(table, 1.0)

    def draw(self, horizon: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Purchases in the periods lived, of which death leaves at most the horizon."""
        lived = np.minimum(draw_geometric(self.gamma, self.delta, rng) - 1, self._whole(horizon))
        return rng.binomial(lived.astype(np.int64), rng.beta(self.a, self.b)).astype(np.float64)

    def moments(self) -> Moments:
        """Moments of two beta distributions; the purchase rate is p, per period."""
        p, theta = self.buys(), self.gamma / (self.gamma + self.delta)
        return Moments(
            p,
            p * (self.a + 1) / (self.a + self.b + 1),
            theta,
            theta * (self.gamma + 1) / (self.gamma + self.delta + 1),
        )

    def _whole(self, horizon: FloatArray) -> FloatArray:
        return np.broadcast_to(whole_periods(horizon), self.a.shape)

    def _log_survival(self, k: FloatArray, rows: IndexArray) -> FloatArray:
        """Logarithm of S(k), for k of shape (m, nodes)."""
        gamma, delta = self.gamma[rows, None], self.delta[rows, None]
        return log_rising(delta, k) - log_rising(gamma + delta, k)

    def _log_bought(self, m: int, missed: FloatArray, rows: IndexArray) -> FloatArray:
        """Log probability of m purchases where so many of the periods lived are without one."""
        a, b = self.a[rows, None], self.b[rows, None]
        ways = log_rising(missed + 1, m) - special.gammaln(m + 1)
        return ways + log_rising(a, m) + log_rising(b, missed) - log_rising(a + b, m + missed)  # type: ignore[no-any-return]

    def _dies_after(self, m: int, count: FloatArray) -> FloatArray:
        """Probability of m purchases and death at the start of one of `count` periods, the m-th from now the first."""

        def log_term(missed: FloatArray, rows: IndexArray) -> FloatArray:
            gamma, delta, lived = self.gamma[rows, None], self.delta[rows, None], m + missed
            dies = np.log(gamma) + log_rising(delta, lived) - log_rising(gamma + delta, lived + 1)
            return self._log_bought(m, missed, rows) + dies

        def reach(missed: FloatArray, rows: IndexArray) -> FloatArray:
            a, b, gamma, delta = self.a[rows], self.b[rows], self.gamma[rows], self.delta[rows]
            return reach_of_powers((m, missed + 1), (a + m, b + missed), (gamma + 1, delta + m + missed))

        return smooth_sum(log_term, reach, count)


@dataclass(frozen=True, slots=True)
class _Deaths:
    """The periods in which customers may have left unseen: after i = t_x, t_x + 1, ... n - 1 periods lived.

    buys is α + x, leaves γ; missed and lived are β + t_x - x and δ + t_x, those of the first term.
    """

    buys: FloatArray
    leaves: FloatArray
    missed: FloatArray
    lived: FloatArray
    count: FloatArray

    @classmethod
    def of(cls, params: BetaGeoBetaBinomialParams, histories: Histories) -> "_Deaths":
        x, t_x = histories.frequency, histories.recency
        return cls(
            params.alpha + x, params.gamma + 0 * x, params.beta + (t_x - x), params.delta + t_x, histories.T - t_x
        )

    def sum(self, log_factor: Callable[[FloatArray, IndexArray], FloatArray] | None = None) -> FloatArray:
        """Sum of the terms over the first of them, each times a factor if there is one."""

        def log_term(i: FloatArray, rows: IndexArray) -> FloatArray:
            missed, lived = self.missed[rows, None], self.lived[rows, None]
            buys, leaves = self.buys[rows, None], self.leaves[rows, None]
            # B(buys, missed + i) / B(buys, missed), and the like.
            value = log_rising(missed, i) - log_rising(buys + missed, i)
            value += log_rising(lived, i) - log_rising(leaves + 1 + lived, i)
            return value if log_factor is None else value + log_factor(i, rows)

        def reach(i: FloatArray, rows: IndexArray) -> FloatArray:
            return reach_of_powers((self.buys[rows], self.missed[rows] + i), (self.leaves[rows], self.lived[rows] + i))

        return smooth_sum(log_term, reach, self.count)


def whole_periods(horizon: ArrayLike) -> FloatArray:
    """Check that horizons are whole numbers of periods.

    Raises
    ------
    InputError
        If one is not.
    """
    periods = np.asarray(horizon, dtype=np.float64)
    wrong = ~((periods >= 0) & (periods == np.floor(periods)) & np.isfinite(periods))
    if wrong.any():
        message = (
            f"BG/BB counts whole periods: a horizon must be a whole number of them, 0 and above; got "
            f"{periods[wrong].flat[0]:g}."
        )
        raise InputError(message)
    return periods
