r"""Maximum profit of a churn campaign (MPC), and its expectation over the acceptance of the offer (EMPC).

The customers with the highest scores are contacted at cost f each. Of those who would leave, a share :math:`\gamma`
accepts the offer, which costs d, and stays with a value of CLV; those who would stay anyway take the offer. With
:math:`\delta = d / CLV`, :math:`\phi = f / CLV`, :math:`\pi_0` the share of customers who would leave, :math:`\pi_1` of
those who would stay, and :math:`F_0(t), F_1(t)` the shares of the two that are contacted at threshold t, the average
profit per customer of the whole base is [1]_

.. math:: P(t; \gamma) = CLV (\gamma (1 - \delta) - \phi) \, \pi_0 F_0(t) - CLV (\delta + \phi) \, \pi_1 F_1(t)

MPC is its maximum over t for one :math:`\gamma`. EMPC takes :math:`\gamma` as uncertain, with the density h of a
Beta(:math:`\alpha, \beta`), and the best threshold for each:

.. math:: EMPC = \int_0^1 P(T(\gamma); \gamma) \, h(\gamma) \, d\gamma

The best threshold is always a corner of the convex hull of the ROC curve. Corner i is best from
:math:`\gamma_i` to :math:`\gamma_{i+1}`, where the profits of neighbouring corners are equal:

.. math:: \gamma_{i+1} = \frac{\pi_1 (\delta + \phi) \Delta F_1 + \pi_0 \phi \Delta F_0}{\pi_0 (1 - \delta) \Delta F_0}

so the integral is a sum over corners of differences of the incomplete beta function. What is said of the share to
contact is the share at the best threshold (MPC), and its expectation over :math:`\gamma` (EMPC).

References
----------
.. [1] Verbraken, Verbeke, Baesens (2013), A novel profit maximizing metric for measuring classification performance of
   customer churn prediction models. IEEE Transactions on Knowledge and Data Engineering 25(5), 961-973.
.. [2] Fawcett, Niculescu-Mizil (2007), PAV and the ROC convex hull. Machine Learning 68(1), 97-106.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from patronage.errors import ConfigError
from patronage.evaluation.counted_metrics import Counted, Metric, Ranked
from patronage.evaluation.outcomes import outcomes
from patronage.runtime.histories import FloatArray

LIFETIME_VALUE, OFFER_COST, CONTACT_COST = 200.0, 10.0, 1.0
"""Money, as Verbraken and others assume it for a telecom operator, and the default of the reference implementations."""

ACCEPTANCE_ALPHA, ACCEPTANCE_BETA = 6.0, 14.0
"""The same authors' Beta distribution of the acceptance: mean 0.3, standard deviation 0.1."""


@dataclass(frozen=True, slots=True)
class CampaignOptimum:
    """The best a campaign can make of a ranking.

    Attributes
    ----------
    profit : float
        Per customer of the whole base, in the unit of the costs; 0 where contacting nobody is best.
    share : float
        Of customers to contact, the highest scores first; between 0 and 1.
    threshold : float
        Contact those who score at least this; infinite where contacting nobody is best. For EMPC, where each
        acceptance has its own threshold, the score that the share reaches.
    """

    profit: float
    share: float
    threshold: float


@dataclass(frozen=True, slots=True)
class _Hull:
    """Corners of the convex hull of a ROC curve, from nobody to everybody: shares of either class, and the score."""

    left: FloatArray
    stayed: FloatArray
    threshold: FloatArray
    share_left: float

    @property
    def contacted(self) -> FloatArray:
        return self.share_left * self.left + (1 - self.share_left) * self.stayed


def maximum_profit(
    happened: ArrayLike,
    score: ArrayLike,
    *,
    lifetime_value: float = LIFETIME_VALUE,
    offer_cost: float = OFFER_COST,
    contact_cost: float = CONTACT_COST,
    acceptance: float = ACCEPTANCE_ALPHA / (ACCEPTANCE_ALPHA + ACCEPTANCE_BETA),
) -> CampaignOptimum:
    """MPC: the highest profit per customer that a threshold on the score can make.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    score : array-like, shape (n,)
        Higher where leaving is more likely; only the order matters.
    lifetime_value : float
        Money that a customer who stays is worth; above the offer's cost. One for all: for each customer's own value
        see `patronage.evaluation.campaign_profit`.
    offer_cost, contact_cost : float
        Money, 0 and above.
    acceptance : float
        Share of those who would leave that accepts the offer; between 0 and 1.

    Returns
    -------
    CampaignOptimum

    Raises
    ------
    InputError
        If only one class came, or scores are missing.
    ConfigError
        If a cost or the acceptance is out of range.

    Examples
    --------
    >>> maximum_profit([0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9]).share
    0.875
    """
    y, p = outcomes(happened, score, both_classes=True)
    best = _maximum(lifetime_value, offer_cost, contact_cost, acceptance)
    return best(_hull(Ranked(y, p), np.ones(len(y))))


def expected_maximum_profit(
    happened: ArrayLike,
    score: ArrayLike,
    *,
    lifetime_value: float = LIFETIME_VALUE,
    offer_cost: float = OFFER_COST,
    contact_cost: float = CONTACT_COST,
    alpha: float = ACCEPTANCE_ALPHA,
    beta: float = ACCEPTANCE_BETA,
) -> CampaignOptimum:
    """EMPC: the highest profit per customer, in expectation over an acceptance that is Beta distributed.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    score : array-like, shape (n,)
        Higher where leaving is more likely; only the order matters.
    lifetime_value : float
        Money that a customer who stays is worth; above the offer's cost.
    offer_cost, contact_cost : float
        Money, 0 and above.
    alpha, beta : float
        Of the Beta distribution of the acceptance, above 0; its mean is alpha / (alpha + beta).

    Returns
    -------
    CampaignOptimum

    Raises
    ------
    InputError
        If only one class came, or scores are missing.
    ConfigError
        If a cost, alpha or beta is out of range.

    Examples
    --------
    >>> optimum = expected_maximum_profit([0, 1, 0, 1, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.8, 0.9])
    >>> round(optimum.profit, 6), round(optimum.share, 6)
    (23.875593, 0.87437)
    """
    y, p = outcomes(happened, score, both_classes=True)
    profit, share = _expectation(lifetime_value, offer_cost, contact_cost, alpha, beta)(
        _hull(Ranked(y, p), np.ones(len(y)))
    )
    reached = int(np.ceil(share * len(p) - 1e-9))
    threshold = float(np.sort(p)[::-1][reached - 1]) if reached else float("inf")
    return CampaignOptimum(profit, share, threshold)


def maximum_profit_metric(
    *,
    lifetime_value: float = LIFETIME_VALUE,
    offer_cost: float = OFFER_COST,
    contact_cost: float = CONTACT_COST,
    acceptance: float = ACCEPTANCE_ALPHA / (ACCEPTANCE_ALPHA + ACCEPTANCE_BETA),
) -> Metric:
    """MPC as a metric for `patronage.evaluation.bootstrap`; parameters as in `maximum_profit`.

    Raises
    ------
    ConfigError
    """
    best = _maximum(lifetime_value, offer_cost, contact_cost, acceptance)
    return _on_hull(lambda hull: best(hull).profit)


def expected_maximum_profit_metric(
    *,
    lifetime_value: float = LIFETIME_VALUE,
    offer_cost: float = OFFER_COST,
    contact_cost: float = CONTACT_COST,
    alpha: float = ACCEPTANCE_ALPHA,
    beta: float = ACCEPTANCE_BETA,
) -> Metric:
    """EMPC as a metric for `patronage.evaluation.bootstrap`; parameters as in `expected_maximum_profit`.

    Raises
    ------
    ConfigError
    """
    expectation = _expectation(lifetime_value, offer_cost, contact_cost, alpha, beta)
    return _on_hull(lambda hull: expectation(hull)[0])


def _maximum(
    lifetime_value: float, offer_cost: float, contact_cost: float, acceptance: float
) -> Callable[[_Hull], CampaignOptimum]:
    offer, contact = _relative_costs(lifetime_value, offer_cost, contact_cost)
    if not 0 <= acceptance <= 1:
        message = f"acceptance is a share between 0 and 1; got {acceptance}."
        raise ConfigError(message)

    def best(hull: _Hull) -> CampaignOptimum:
        gained = (acceptance * (1 - offer) - contact) * hull.share_left * hull.left
        profit = lifetime_value * (gained - (offer + contact) * (1 - hull.share_left) * hull.stayed)
        at = int(np.argmax(profit))
        return CampaignOptimum(float(profit[at]), float(hull.contacted[at]), float(hull.threshold[at]))

    return best


def _expectation(
    lifetime_value: float, offer_cost: float, contact_cost: float, alpha: float, beta: float
) -> Callable[[_Hull], tuple[float, float]]:
    """EMPC and its share, as a function of the hull."""
    offer, contact = _relative_costs(lifetime_value, offer_cost, contact_cost)
    if not (0 < alpha < np.inf and 0 < beta < np.inf):
        message = f"alpha and beta of the acceptance must be above 0; got {alpha} and {beta}."
        raise ConfigError(message)

    def expectation(hull: _Hull) -> tuple[float, float]:
        share_stayed, more_left, more_stayed = 1 - hull.share_left, np.diff(hull.left), np.diff(hull.stayed)
        price = share_stayed * (offer + contact) * more_stayed + hull.share_left * contact * more_left
        worth = hull.share_left * (1 - offer) * more_left
        # A level stretch of the hull holds nobody more who would leave, and no acceptance is worth its price.
        limits = np.divide(price, worth, out=np.full_like(price, np.inf), where=worth > 0)
        limits = np.r_[0.0, np.minimum(limits, 1.0), 1.0]
        chance = np.diff(special.betainc(alpha, beta, limits))
        accepted = alpha / (alpha + beta) * np.diff(special.betainc(alpha + 1, beta, limits))
        gained = (1 - offer) * hull.share_left * hull.left
        spent = contact * hull.share_left * hull.left + (offer + contact) * share_stayed * hull.stayed
        return float(lifetime_value * (gained @ accepted - spent @ chance)), float(chance @ hull.contacted)

    return expectation


def _relative_costs(lifetime_value: float, offer_cost: float, contact_cost: float) -> tuple[float, float]:
    if not (0 <= offer_cost < lifetime_value < np.inf and 0 <= contact_cost < np.inf):
        message = (
            "Expected costs of 0 and above and a lifetime value above the cost of the offer; got a value of "
            f"{lifetime_value}, an offer at {offer_cost} and a contact at {contact_cost}."
        )
        raise ConfigError(message)
    return offer_cost / lifetime_value, contact_cost / lifetime_value


def _on_hull(figure: Callable[[_Hull], float]) -> Metric:
    def ready(happened: FloatArray, score: FloatArray) -> Counted:
        ranked = Ranked(happened, score)

        def of(counts: FloatArray) -> float:
            n_left = counts @ happened
            return figure(_hull(ranked, counts)) if 0 < n_left < counts.sum() else float("nan")

        return of

    return ready


def _hull(ranked: Ranked, counts: FloatArray) -> _Hull:
    """Upper convex hull of the ROC curve: its stretches are the blocks of a falling isotonic regression [2]_."""
    drawn, left = ranked.groups(counts)
    there = drawn > 0
    drawn, left = drawn[there], left[there]
    blocks = optimize.isotonic_regression(left / drawn, weights=drawn, increasing=False).blocks
    corners_left = np.r_[0.0, np.cumsum(left)][blocks]
    corners_stayed = np.r_[0.0, np.cumsum(drawn - left)][blocks]
    return _Hull(
        left=corners_left / corners_left[-1],
        stayed=corners_stayed / corners_stayed[-1],
        threshold=np.r_[np.inf, ranked.scores[there]][blocks],
        share_left=float(left.sum() / drawn.sum()),
    )
