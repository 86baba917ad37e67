"""Customer lifetime value within a horizon: expected purchases, times margin, discounted."""

from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError
from .histories import FloatArray, Histories
from .purchase.model import PurchaseParams
from .summation import LONGEST, MOST_PERIODS, SHORTEST, rule_of
from .time_unit import DAYS_PER_YEAR, TimeUnit

FEW = 128
"""Periods up to which each is visited."""

MOST_VISITED = 100_000
"""The same of models of whole periods, which have no value between them."""

DEAREST = 700.0
"""Logarithm of what money may be worth at most; numbers end at 709."""


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

    .. math:: \sum_{k=1}^{M} \bigl[E Y(t_k) - E Y(t_{k-1})\bigr]\,w_k
        = w_M\,E Y(t_M) + \sum_{k=1}^{M-1} (w_k - w_{k+1})\,E Y(t_k), \qquad
        w_k = (1 + d)^{-(t_{k-1} + t_k)/2\ \mathrm{years}}

    Where they are many, few places tell the second sum, because its terms change smoothly with k; and what the discount
    makes worth less than rounding is left out.

    Returns
    -------
    ndarray of float64, shape (n,)
        Discounted purchase days; not above the undiscounted expectation if the rate is not negative.

    Raises
    ------
    InputError
        If the horizon is none that the model can predict.
    ConfigError
        If there are too many periods, or periods that a model of whole ones does not know, or if a negative rate makes
        the last of them worth more than any number.
    """
    horizon = time_unit.from_days(horizon_days)
    _refuse_parts(params, horizon, time_unit.from_days(terms.period_days))
    last = params.discounted_until(max(time_unit.continuous_rate(terms.discount_rate_yearly), 0.0), horizon)
    if last < horizon:
        horizon_days = last * time_unit.days
    _refuse_many(params, horizon_days, terms)
    few = params.discrete or horizon_days <= FEW * terms.period_days
    ends, weights = (_each_period if few else _some_periods)(horizon_days, terms)
    return params.weighted_purchases(histories, [time_unit.from_days(float(end)) for end in ends], weights)


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


def _each_period(horizon_days: float, terms: ValueTerms) -> tuple[FloatArray, FloatArray]:
    """Ends of all periods in days, and what money is worth in the middle of each."""
    ends = np.append(np.arange(terms.period_days, horizon_days, terms.period_days), horizon_days)
    starts = np.append(0.0, ends[:-1])
    return ends, (1 + terms.discount_rate_yearly) ** -((starts + ends) / 2 / DAYS_PER_YEAR)


def _some_periods(horizon_days: float, terms: ValueTerms) -> tuple[FloatArray, FloatArray]:
    """Ends of some of many periods in days, and weights with which they stand for all of them."""
    decay = np.log1p(terms.discount_rate_yearly) * terms.period_days / DAYS_PER_YEAR
    whole = np.ceil(horizon_days / terms.period_days) - 1
    place, share = _places(whole - 1, abs(decay))
    fall = share * np.exp(-decay * (place - 0.5)) * -np.expm1(-decay)
    worth = np.exp(-decay * np.array([whole - 0.5, (whole + horizon_days / terms.period_days) / 2]))
    ends = np.append(np.append(place, whole) * terms.period_days, horizon_days)
    factors = np.append(fall, [worth[0] - worth[1], worth[1]])
    return ends, np.cumsum(factors[::-1])[::-1]


def _places(count: float, change: float) -> tuple[FloatArray, FloatArray]:
    """Places and weights for the sum of a smooth function of k = 1, ..., count.

    Parameters
    ----------
    count : float
        Whole, 1 and above.
    change : float
        By how much the logarithm of the function may change with each k, once k is large.
    """
    start, blocks = 0.0, []
    while start < count:
        reach = min(start / 4, 4 / change if change else np.inf, count - start)
        level = int(np.clip(np.floor(np.log2(max(reach, 1.0))), SHORTEST, LONGEST))
        place, share = rule_of(level)
        blocks.append((start + 1 + place, share))
        start += 2.0**level
    places, shares = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    within = places <= count
    return places[within], shares[within]


def _refuse_parts(params: PurchaseParams, horizon: float, period: float) -> None:
    """Refuse parts of the periods of a model that knows whole ones only."""
    if params.discrete and not (horizon.is_integer() and (period >= horizon or period.is_integer())):
        message = (
            f"{params.title} counts time in whole periods of one time unit: horizon_days and period_days must be "
            f"multiples of its days; they are {horizon:g} and {period:g} units."
        )
        raise ConfigError(message)


def _refuse_many(params: PurchaseParams, horizon_days: float, terms: ValueTerms) -> None:
    """Refuse more periods than can be summed, and money that is worth more than any number."""
    count, most = horizon_days / terms.period_days, MOST_VISITED if params.discrete else MOST_PERIODS
    if count > most:
        message = (
            f"{horizon_days:g} days in periods of {terms.period_days:g} are {count:.6g} periods, more than the "
            f"{most:g} that {params.title} can sum. Choose a larger period_days or a smaller horizon_days."
        )
        raise ConfigError(message)
    if -np.log1p(terms.discount_rate_yearly) * horizon_days / DAYS_PER_YEAR > DEAREST:
        message = (
            f"With a discount_rate_yearly of {terms.discount_rate_yearly:g} money of {horizon_days:g} days from now is "
            "worth more than any number. Choose a larger rate or a smaller horizon_days."
        )
        raise ConfigError(message)
