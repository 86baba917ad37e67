"""Customer lifetime value of a frame of customers, by fitted models."""

from typing import Any

import pandas as pd

from patronage.errors import ConfigError
from patronage.models.base import histories_of, like_frame
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime import clv
from patronage.runtime.clv import ValueTerms
from patronage.runtime.time_unit import TimeUnit


def value_terms(margin_rate: float, discount_rate_yearly: float, period_days: float) -> ValueTerms:
    """Check the terms that turn purchases into money.

    Raises
    ------
    ConfigError
        If the margin rate is not between 0 and 1, the discount rate not above -1, or the period not above 0; all at
        once.
    """
    problems = []
    if not 0 <= margin_rate <= 1:
        problems.append(f"margin_rate must be between 0 and 1 (0.3 is 30 %), got {margin_rate}")
    if not -1 < discount_rate_yearly < float("inf"):
        problems.append(f"discount_rate_yearly must be above -1 (0.15 is 15 % a year), got {discount_rate_yearly}")
    if not 0 < period_days < float("inf"):
        problems.append(f"period_days must be above 0, got {period_days}")
    if problems:
        raise ConfigError("; ".join(problems) + ".")
    return ValueTerms(float(margin_rate), float(discount_rate_yearly), float(period_days))


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
    """
    if not 0 <= horizon_days < float("inf"):
        message = f"horizon_days must be a finite number of days, 0 and above; got {horizon_days}."
        raise ConfigError(message)
    terms = value_terms(margin_rate, discount_rate_yearly, period_days)
    histories = histories_of(frame)
    discounted = clv.discounted_purchases(
        purchase.to_params().at_rows(frame), histories, horizon_days, terms, TimeUnit(time_unit)
    )
    expected_spend = spend.expected_spend(frame).to_numpy()
    return like_frame(clv.customer_lifetime_value(discounted, expected_spend, terms), frame, "clv")
