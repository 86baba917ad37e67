r"""Profit of contacting customers, each with a value of its own: the curve over thresholds, and its best point.

Contacting customer i, who would leave (:math:`y_i = 1`) or not, is expected to bring

.. math:: \pi_i = y_i \, \gamma_i (v_i - d_i) - (1 - y_i) \, \lambda_i d_i - f_i

with the value :math:`v_i` of a customer who stays, the cost of the offer :math:`d_i`, of the contact :math:`f_i`, the
share :math:`\gamma_i` of those who would leave that accepts, and the share :math:`\lambda_i` of those who would stay
that takes the offer all the same. With one value for all and :math:`\lambda = 1` it is the profit of
`patronage.evaluation.maximum_profit`.

The highest point of a curve is chosen with hindsight and flatters: the same threshold would have made less on other
customers. How much less is estimated by choosing anew on each resample and comparing what that choice promises there
with what it makes on the data (the optimism of [1]_): with the profit :math:`P` of a threshold on the data and
:math:`P_b` on resample b, the best threshold :math:`t` of the data and :math:`t_b` of the resample,

.. math::
    O_b = [P_b(t_b) - P(t_b)] - [P_b(t) - P(t)] = [P_b(t_b) - P_b(t)] + [P(t) - P(t_b)] .

The second bracket of the first form is the chance of the resample at a threshold that it did not choose. It has mean
zero over resamples, so that taking it off leaves the optimism what it is and takes its noise away; of the second form
neither bracket is below zero, so that what is told without hindsight never lies above what is told with it. The
corrected profit is :math:`P(t)` less the mean of :math:`O_b`. Resamples choose among the same customers again, so that
it is too little: in simulations it takes off between a half and nine tenths of what hindsight adds, mostly two thirds
to three quarters. Intervals are those of a threshold that was given beforehand. Around the best one they are too high,
as its profit is: where a score says nothing, a 95 % interval held what the threshold makes on other customers in 81 to
88 of 100 samples.

References
----------
.. [1] Efron (1983), Estimating the error rate of a prediction rule: improvement on cross-validation. Journal of the
   American Statistical Association 78(382), 316-331.
"""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.bootstrap import REPLICATES, Resampler
from patronage.evaluation.outcomes import column_of, outcomes, probabilities
from patronage.models.base import checked_level
from patronage.runtime.histories import FloatArray

CURVE_SHARES = np.round(np.arange(0, 101) / 100, 2)
"""Contacted shares at which the table of a curve is told; the best point is looked for at every threshold."""


@dataclass(frozen=True)
class Campaign:
    """Costs of a retention campaign and how customers answer it.

    Attributes
    ----------
    offer_cost : float or array-like, shape (n,)
        Money that an accepted offer costs, 0 and above.
    contact_cost : float or array-like, shape (n,)
        Money that contacting a customer costs, 0 and above.
    acceptance : float or array-like, shape (n,)
        Share of those who would leave that accepts and stays; between 0 and 1.
    loyal_acceptance : float or array-like, shape (n,)
        Share of those who would stay anyway that takes the offer; between 0 and 1. 1 unless something is known.

    Raises
    ------
    ConfigError
        If one is out of range or not a number.
    """

    offer_cost: ArrayLike
    contact_cost: ArrayLike
    acceptance: ArrayLike
    loyal_acceptance: ArrayLike = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):
            told = getattr(self, field.name)
            highest = 1.0 if "acceptance" in field.name else np.finfo(np.float64).max
            try:
                given = np.asarray(told, dtype=np.float64)
                fits = given.ndim <= 1 and bool(((given >= 0) & (given <= highest)).all())
            except (TypeError, ValueError):
                fits = False
            if not fits:
                most = "a share between 0 and 1" if highest == 1 else "money, 0 and above"
                message = f"{field.name} is {most}, one for all customers or one for each; got {told!r}."
                raise ConfigError(message)

    def columns(self, n: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Offer cost, contact cost, acceptance and acceptance of the loyal, for each of n customers."""
        offer, contact, acceptance, loyal = (
            column_of(getattr(self, field.name), n, field.name) for field in fields(self)
        )
        return offer, contact, acceptance, loyal


@dataclass(frozen=True)
class ProfitCurve:
    """Profit over the contacted share.

    Attributes
    ----------
    table : DataFrame
        share, n_contacted, threshold (contact those who score at least this), profit (total) and its interval,
        profit_low and profit_high, at each percent of customers. Customers of equal score are contacted together, so
        a share may be above the percent asked for.
    share, threshold : float
        Where profit is highest; threshold is infinite and share 0 where contacting nobody is best.
    n_contacted : int
    profit : float
        Total at that threshold, on these customers.
    profit_low, profit_high : float
        Its interval, as if the threshold had been given beforehand; with hindsight it promises too much, most where
        the score says little.
    share_low, share_high : float
        Between these the best share lies in resamples.
    profit_corrected : float
        The profit less what choosing the threshold with hindsight adds to it, as far as resamples tell: mostly two
        thirds to three quarters of it. Never above the profit.
    """

    table: pd.DataFrame
    share: float
    threshold: float
    n_contacted: int
    profit: float
    profit_low: float
    profit_high: float
    share_low: float
    share_high: float
    profit_corrected: float


def contact_profit(happened: ArrayLike, value: ArrayLike, campaign: Campaign) -> FloatArray:
    """Profit of contacting each customer, knowing what came.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who would leave, 0 for the others.
    value : float or array-like, shape (n,)
        Money that the customer is worth if it stays.
    campaign : Campaign

    Returns
    -------
    ndarray of float64, shape (n,)
        In expectation over whether the offer is taken; negative where contacting loses money.
    """
    y, _ = outcomes(happened, np.zeros(np.shape(happened)))
    return _profit(y, value, campaign)


def expected_contact_profit(probability: ArrayLike, value: ArrayLike, campaign: Campaign) -> FloatArray:
    """Profit that contacting each customer is expected to bring, by its probability of leaving.

    Parameters
    ----------
    probability : array-like, shape (n,)
        Calibrated, between 0 and 1.
    value : float or array-like, shape (n,)
        Money that the customer is worth if it stays.
    campaign : Campaign

    Returns
    -------
    ndarray of float64, shape (n,)
        Contact those above 0, the largest first: as a score it ranks by money instead of by risk.

    Examples
    --------
    >>> campaign = Campaign(offer_cost=10, contact_cost=1, acceptance=0.3)
    >>> expected_contact_profit([0.5, 0.1, 0.5], [200, 200, 20], campaign).round(2).tolist()
    [22.5, -4.3, -4.5]
    """
    _, p = probabilities(np.zeros(np.shape(probability)), probability)
    return _profit(p, value, campaign)


def break_even_probability(value: ArrayLike, campaign: Campaign) -> FloatArray:
    r"""Probability of leaving above which contacting a customer pays.

    .. math:: p_i^* = \frac{\lambda_i d_i + f_i}{\gamma_i (v_i - d_i) + \lambda_i d_i}

    Parameters
    ----------
    value : array-like, shape (n,)
        Money that the customer is worth if it stays.
    campaign : Campaign

    Returns
    -------
    ndarray of float64, shape (n,)
        Infinite where contacting never pays.
    """
    v = np.atleast_1d(np.asarray(value, dtype=np.float64))
    offer, contact, acceptance, loyal = campaign.columns(len(v))
    kept = acceptance * (v - offer) + loyal * offer
    needed = np.divide(loyal * offer + contact, kept, out=np.full_like(v, np.inf), where=kept > 0)
    return np.where(needed < 1, needed, np.inf)


def profit_curve(
    happened: ArrayLike,
    score: ArrayLike,
    value: ArrayLike,
    campaign: Campaign,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
) -> ProfitCurve:
    """Profit over every threshold of a score, the best one, and how sure that is.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others; not the customers that the model was fitted to.
    score : array-like, shape (n,)
        Churn probability, or `expected_contact_profit`, or any other order; higher is contacted first.
    value : float or array-like, shape (n,)
        Money that the customer is worth if it stays.
    campaign : Campaign
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    replicates : int
        Resamples, 2 and above.
    level : float
        Coverage of the intervals.

    Returns
    -------
    ProfitCurve

    Raises
    ------
    InputError, ConfigError
    """
    tail = (1 - checked_level(level)) / 2
    if replicates < 2:
        message = f"Expected two replicates or more; got {replicates}."
        raise ConfigError(message)
    y, p = outcomes(happened, score)
    ranking = _Ranking(p, contact_profit(y, value, campaign))
    n = len(p)
    reached, profit = ranking.curve(np.ones(n))
    best = int(np.argmax(profit))
    told = np.searchsorted(reached, CURVE_SHARES * n - 1e-9)
    resampler = Resampler(n, customers)
    drawn_profit, drawn_share = np.empty((replicates, len(told) + 1)), np.empty(replicates)
    optimism = np.empty(replicates)
    for b in range(replicates):
        drawn_reached, drawn = ranking.curve(resampler.draw(rng))
        size = drawn_reached[-1]
        # A resample of clusters may be larger or smaller than the data: totals are told for as many rows as there are.
        drawn = drawn * (n / size)
        chosen = int(np.argmax(drawn))
        drawn_profit[b] = drawn[np.r_[told, best]]
        drawn_share[b] = drawn_reached[chosen] / size
        optimism[b] = (drawn[chosen] - drawn[best]) + (profit[best] - profit[chosen])
    low, high = np.quantile(drawn_profit, (tail, 1 - tail), axis=0)
    share_low, share_high = np.quantile(drawn_share, (tail, 1 - tail))
    table = pd.DataFrame(
        {
            "share": reached[told] / n,
            "n_contacted": reached[told].astype(np.intp),
            "threshold": ranking.thresholds[told],
            "profit": profit[told],
            "profit_low": low[:-1],
            "profit_high": high[:-1],
        }
    )
    return ProfitCurve(
        table=table.drop_duplicates("n_contacted", ignore_index=True),
        share=float(reached[best] / n),
        threshold=float(ranking.thresholds[best]),
        n_contacted=int(reached[best]),
        profit=float(profit[best]),
        profit_low=float(low[-1]),
        profit_high=float(high[-1]),
        share_low=float(share_low),
        share_high=float(share_high),
        profit_corrected=float(profit[best] - optimism.mean()),
    )


class _Ranking:
    """Customers from the highest score down, those of equal score together, with what contacting them brings."""

    def __init__(self, score: FloatArray, profit: FloatArray) -> None:
        self._order = np.argsort(-score, kind="stable")
        ranked = score[self._order]
        self._profit = profit[self._order]
        self._ends = np.r_[0, np.flatnonzero(ranked[1:] != ranked[:-1]) + 1, len(ranked)]
        self.thresholds = np.r_[np.inf, ranked[self._ends[1:] - 1]]

    def curve(self, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Customers contacted, and total profit, at each threshold from nobody to everybody."""
        drawn = counts[self._order]
        return np.r_[0.0, np.cumsum(drawn)][self._ends], np.r_[0.0, np.cumsum(drawn * self._profit)][self._ends]


def _profit(leaving: FloatArray, value: ArrayLike, campaign: Campaign) -> FloatArray:
    n = len(leaving)
    offer, contact, acceptance, loyal = campaign.columns(n)
    saved = acceptance * (column_of(value, n, "value") - offer)
    return np.asarray(leaving * saved - (1 - leaving) * loyal * offer - contact, dtype=np.float64)
