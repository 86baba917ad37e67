"""Customer lifetime value within a horizon: expected purchases, times margin, discounted."""

from dataclasses import dataclass

import numpy as np

from .histories import FloatArray, Histories
from .purchase.model import PurchaseParams
from .time_unit import DAYS_PER_YEAR, TimeUnit


@dataclass(frozen=True, slots=True)
class ValueTerms:
    """What turns purchases into money of today.

    Attributes
    ----------
    margin_rate : float
        Margin as a share of spend, 0 to 1. A rate of 1 makes the value one of revenue.
    discount_rate_yearly : float
        Money a year from now is worth ``1 / (1 + rate)`` today; above -1. 0.15 is 15 % a year of 365.25 days.
    period_days : float
        Length of the periods in which purchases are counted; each is discounted from its middle.
    """

    margin_rate: float
    discount_rate_yearly: float
    period_days: float


def discounted_purchases(
    params: PurchaseParams, histories: Histories, horizon_days: float, terms: ValueTerms, time_unit: TimeUnit
) -> FloatArray:
    r"""Expected purchases within the horizon, each weighted by what money at its time is worth today.

    The horizon is cut into periods of ``terms.period_days`` (the last one may be shorter), and

    .. math:: \sum_k \bigl[E Y(t_k) - E Y(t_{k-1})\bigr]\,(1 + d)^{-(t_{k-1} + t_k)/2\ \mathrm{years}}

    Returns
    -------
    ndarray of float64, shape (n,)
        Discounted purchase days; not above the undiscounted expectation if the rate is not negative.
    """
    ends = np.append(np.arange(terms.period_days, horizon_days, terms.period_days), horizon_days)
    starts = np.append(0.0, ends[:-1])
    worth = (1 + terms.discount_rate_yearly) ** -((starts + ends) / 2 / DAYS_PER_YEAR)
    return params.weighted_purchases(histories, [time_unit.from_days(float(end)) for end in ends], worth)


def customer_lifetime_value(discounted: FloatArray, expected_spend: FloatArray, terms: ValueTerms) -> FloatArray:
    """Discounted purchases times expected spend times the margin rate, in money of the as-of date.

    Parameters
    ----------
    discounted : ndarray of float64, shape (n,)
        From `discounted_purchases`.
    expected_spend : ndarray of float64, shape (n,)
        Money per purchase day.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return discounted * expected_spend * terms.margin_rate
