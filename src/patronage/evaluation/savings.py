r"""Savings of a decision under costs that differ by customer (Bahnsen).

The cost of a list is the sum over customers of the cost of what was decided and what came. Savings compare it with the
cheaper of contacting nobody and contacting everybody [1]_:

.. math:: \text{savings} = \frac{\min(C_0, C_1) - C}{\min(C_0, C_1)}

1 is a list that costs nothing, 0 one that is no better than none or all, below 0 one that is worse.

References
----------
.. [1] Correa Bahnsen, Aouada, Ottersten (2015), A novel cost-sensitive framework for customer churn predictive
   modeling. Decision Analytics 2(5).
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.campaign_profit import Campaign
from patronage.evaluation.outcomes import column_of, outcomes, probabilities
from patronage.runtime.histories import FloatArray


@dataclass(frozen=True)
class CostMatrix:
    """What each of the four cases costs, for each customer or one for all, in money.

    Attributes
    ----------
    contacted_left : float or array-like, shape (n,)
        Contacted, and would leave (true positive).
    contacted_stayed : float or array-like, shape (n,)
        Contacted, and would have stayed (false positive).
    missed_left : float or array-like, shape (n,)
        Not contacted, and left (false negative).
    missed_stayed : float or array-like, shape (n,)
        Not contacted, and stayed (true negative); mostly 0.
    """

    contacted_left: ArrayLike
    contacted_stayed: ArrayLike
    missed_left: ArrayLike
    missed_stayed: ArrayLike = 0.0

    def columns(self, n: int) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """The four costs of each of n customers, in the order of the attributes."""
        first, second, third, fourth = (column_of(getattr(self, field.name), n, field.name) for field in fields(self))
        return first, second, third, fourth


def campaign_costs(value: ArrayLike, campaign: Campaign) -> CostMatrix:
    r"""Costs of a retention campaign, so that a cheaper list is a more profitable one.

    Contacted and leaving: :math:`\gamma d + (1 - \gamma) v + f`; contacted and staying: :math:`\lambda d + f`; missed:
    v, or 0. It is the matrix of Bahnsen and others but for the contact, which they charge, among those who would leave,
    to those who decline only; everybody who is contacted costs it. Costs of nobody less costs of a list are then what
    `patronage.evaluation.campaign_profit.contact_profit` adds up to over the list.

    Parameters
    ----------
    value : array-like, shape (n,)
        Money that the customer is worth if it stays.
    campaign : Campaign
    """
    v = np.atleast_1d(np.asarray(value, dtype=np.float64))
    offer, contact, acceptance, loyal = campaign.columns(len(v))
    return CostMatrix(acceptance * offer + (1 - acceptance) * v + contact, loyal * offer + contact, v)


def total_cost(happened: ArrayLike, contacted: ArrayLike, costs: CostMatrix) -> float:
    """Cost of a list: the sum over customers of what its case costs.

    Parameters
    ----------
    happened, contacted : array-like, shape (n,)
        1 or true, 0 or false.
    costs : CostMatrix

    Raises
    ------
    InputError
    """
    y, _ = outcomes(happened, contacted)
    decided, _ = outcomes(contacted, happened)
    contacted_left, contacted_stayed, missed_left, missed_stayed = costs.columns(len(y))
    of_contacted = np.where(y == 1, contacted_left, contacted_stayed)
    return float(np.where(decided == 1, of_contacted, np.where(y == 1, missed_left, missed_stayed)).sum())


def savings(happened: ArrayLike, contacted: ArrayLike, costs: CostMatrix) -> float:
    """Share of the costs that a list saves over the cheaper of contacting nobody and everybody.

    Parameters
    ----------
    happened, contacted : array-like, shape (n,)
        1 or true, 0 or false.
    costs : CostMatrix

    Returns
    -------
    float
        At most 1 where no cost is negative.

    Raises
    ------
    InputError
    ConfigError
        If the cheaper of the two costs nothing, so that there is nothing to save.

    Examples
    --------
    >>> savings([1, 0, 0, 1], [1, 0, 1, 0], CostMatrix(5.0, 3.0, [40.0, 40.0, 40.0, 10.0]))
    -0.125
    """
    n = len(np.asarray(happened))
    cheaper = min(total_cost(happened, np.full(n, decided), costs) for decided in (0, 1))
    if cheaper <= 0:
        message = f"The cheaper of contacting nobody and everybody costs {cheaper:,.2f}: there is nothing to save."
        raise ConfigError(message)
    return (cheaper - total_cost(happened, contacted, costs)) / cheaper


def cheapest_decision(probability: ArrayLike, costs: CostMatrix) -> FloatArray:
    """Contact (1) where it is expected to cost less than not to (0): the Bayes decision for calibrated probabilities.

    Parameters
    ----------
    probability : array-like, shape (n,)
        Of leaving, calibrated.
    costs : CostMatrix

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    _, p = probabilities(np.zeros(np.shape(probability)), probability)
    contacted_left, contacted_stayed, missed_left, missed_stayed = costs.columns(len(p))
    with_contact = p * contacted_left + (1 - p) * contacted_stayed
    return (with_contact < p * missed_left + (1 - p) * missed_stayed).astype(np.float64)
