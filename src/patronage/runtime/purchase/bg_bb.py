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
from scipy import special

from ..distinct import distinct
from ..gamma_ratio import log_beta_ratio, log_rising
from ..histories import FloatArray, Histories, IndexArray
from ..summation import reach_of_powers, smooth_sum
from .bg_nbd import draw_geometric
from .model import Living, Moments, PurchaseParams

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
        deaths = _Deaths.of(one, some)
        # The term of i = t_x; the sum is relative to it.
        log_first = np.log(deaths.leaves / (deaths.leaves + deaths.lived))
        log_first -= log_beta_ratio(deaths.buys, deaths.missed, deaths.count)
        log_first -= log_beta_ratio(deaths.leaves, deaths.lived, deaths.count)
        with np.errstate(divide="ignore"):
            log_odds = log_first + np.log(deaths.sum())
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
        r"""Mean of p, times the expected discounted number of periods lived.

        .. math:: \frac{a}{a+b} \sum_{k=1}^{h} S(k)\, e^{-\rho k}

        A purchase in the k-th period to come is weighted by :math:`e^{-\rho k}`. In all the future these are, times
        P(alive), the discounted expected residual transactions of [1]_ with a discount rate per period of
        :math:`e^{\rho} - 1`.
        """
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
            return self._log_survival(k + 1, rows) + np.log(a / (a + b)) + log_beta_ratio(a + 1, b, k)

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
        return np.broadcast_to(BetaGeoBetaBinomialParams.checked_horizons(horizon), self.a.shape)

    def _log_survival(self, k: FloatArray, rows: IndexArray) -> FloatArray:
        """Logarithm of S(k), for k of shape (m, nodes)."""
        return log_beta_ratio(self.gamma[rows, None], self.delta[rows, None], k)

    def _log_bought(self, m: int, missed: FloatArray, rows: IndexArray) -> FloatArray:
        """Log probability of m purchases where so many of the periods lived are without one."""
        a, b = self.a[rows, None], self.b[rows, None]
        ways = log_rising(missed + 1, m) - special.gammaln(m + 1)
        return ways + log_beta_ratio(b, a, np.asarray(float(m))) + log_beta_ratio(a + m, b, missed)  # type: ignore[no-any-return]

    def _dies_after(self, m: int, count: FloatArray) -> FloatArray:
        """Probability of m purchases and death at the start of one of `count` periods, the m-th from now the first."""

        def log_term(missed: FloatArray, rows: IndexArray) -> FloatArray:
            gamma, delta, lived = self.gamma[rows, None], self.delta[rows, None], m + missed
            dies = np.log(gamma / (gamma + delta)) + log_beta_ratio(gamma + 1, delta, lived)
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
            value = log_beta_ratio(buys, missed, i) + log_beta_ratio(leaves + 1, lived, i)
            return value if log_factor is None else value + log_factor(i, rows)

        def reach(i: FloatArray, rows: IndexArray) -> FloatArray:
            return reach_of_powers((self.buys[rows], self.missed[rows] + i), (self.leaves[rows], self.lived[rows] + i))

        return smooth_sum(log_term, reach, self.count)
