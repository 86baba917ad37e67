"""Customer lifetime value of a frame of customers, by fitted models."""

import reprlib
from typing import Any

import pandas as pd

from patronage.errors import ConfigError, ModelError
from patronage.models.base import histories_of, like_frame
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime import clv
from patronage.runtime.clv import ValueTerms
from patronage.runtime.plain_numbers import one_number
from patronage.runtime.time_unit import TimeUnit


def value_terms(margin_rate: float, discount_rate_yearly: float, period_days: float) -> ValueTerms:
    """Check the terms that turn purchases into money.

    Raises
    ------
    ConfigError
        If the margin rate is not between 0 and 1, the discount rate not above -1, or the period not above 0; all at
        once.
    """
    margin, rate, period = map(one_number, (margin_rate, discount_rate_yearly, period_days))
    problems = []
    if margin is None or not 0 <= margin <= 1:
        problems.append(f"margin_rate must be between 0 and 1 (0.3 is 30 %), got {reprlib.repr(margin_rate)}")
    if rate is None or not -1 < rate < float("inf"):
        problems.append(
            f"discount_rate_yearly must be above -1 (0.15 is 15 % a year), got {reprlib.repr(discount_rate_yearly)}"
        )
    if period is None or not 0 < period < float("inf"):
        problems.append(f"period_days must be above 0, got {reprlib.repr(period_days)}")
    if margin is None or rate is None or period is None or problems:
        raise ConfigError("; ".join(problems) + ".")
    return ValueTerms(margin, rate, period)


def customer_lifetime_value(
    purchase: PurchaseModel,
    spend: GammaGamma,
    frame: Any,
    horizon_days: float,
    time_unit: TimeUnit | str,
    margin_rate: float = 1.0,
    discount_rate_yearly: float = 0.1,
    period_days: float = 7.0,
) -> pd.Series:
    """Discounted expected margin of every customer within a horizon.

    Parameters
    ----------
    purchase, spend : fitted models
    frame : DataFrame
        frequency, recency, T and monetary_value (see `schema.SUMMARY`).
    horizon_days : float
        How far to look ahead, in days; a year is 365.25.
    time_unit : {"day", "week", "year"}
        Unit of recency and T in the frame.
    margin_rate : float
        Margin as a share of spend, 0 to 1; at 1 the value is one of revenue.
    discount_rate_yearly : float
        0.1 means that money of a year from now is worth 1 / 1.1 today.
    period_days : float
        Purchases are discounted from the middle of periods of this length.

    Returns
    -------
    Series
        clv in money of the as-of date, with the index of the frame.

    Raises
    ------
    ConfigError
        If a horizon, rate, period or time unit is none, or they do not fit together (see
        `runtime.clv.discounted_purchases`).
    InputError
        If the customers cannot be used.
    ModelError
        If `purchase` is no fitted purchase model, or `spend` no fitted spend model.
    """
    _refuse_others(purchase, spend)
    days = one_number(horizon_days)
    if days is None or not 0 <= days < float("inf"):
        message = f"horizon_days must be a finite number of days, 0 and above; got {reprlib.repr(horizon_days)}."
        raise ConfigError(message)
    terms = value_terms(margin_rate, discount_rate_yearly, period_days)
    unit = TimeUnit(time_unit if isinstance(time_unit, str) else reprlib.repr(time_unit))
    histories = histories_of(frame)
    discounted = clv.discounted_purchases(purchase.to_params().at_rows(frame), histories, days, terms, unit)
    expected_spend = spend.expected_spend(frame).to_numpy()
    return like_frame(clv.customer_lifetime_value(discounted, expected_spend, terms), frame, "clv")


def _refuse_others(purchase: Any, spend: Any) -> None:
    """Refuse what is no model of purchases and of their spend."""
    if not isinstance(purchase, PurchaseModel):
        message = (
            f"purchase must be a fitted purchase model, such as BetaGeoNBD; got {reprlib.repr(purchase)}. Models of "
            "contracts have a lifetime_value of their own."
        )
        raise ModelError(message)
    if not isinstance(spend, GammaGamma):
        message = f"spend must be a fitted GammaGamma; got {reprlib.repr(spend)}."
        raise ModelError(message)
