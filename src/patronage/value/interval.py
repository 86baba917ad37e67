r"""Intervals of customer lifetime value: purchases drawn as they may come, times spend drawn as it may come.

A future is drawn in three steps: the parameters of both models from what their fits leave open, every customer's number
of purchases, and the total spend of so many purchases at a mean that is drawn from the posterior of the customer's own.
Purchases and spend are independent, as the two models assume.

What is simulated is how much is spent within the horizon, not when: each customer's spend is discounted by their
expected factor, discounted over undiscounted expected purchases. At 15 % a year a purchase of the next twelve months
is worth between 0.87 and 1 wherever it falls, so that this leaves out only a small part of what is uncertain.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from patronage.models.base import required_columns
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.models.uncertainty import PARAMETER_DRAWS, Outlook, checked_size, quantiles_of
from patronage.runtime import clv
from patronage.runtime.blocks import on_all_processors
from patronage.runtime.gamma_gamma import GammaGammaParams, draw_total_spend
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.posterior import certain, draw_future, laplace_posterior
from patronage.runtime.time_unit import TimeUnit
from patronage.value.lifetime import value_terms

_CELLS = 500_000


@dataclass(frozen=True)
class ValueOutlook:
    """Customers, and what is known of the purchases and the spend to come.

    Attributes
    ----------
    purchases : Outlook
        n customers.
    horizon : float
        In the time unit of the purchase model.
    seen, mean_seen : ndarray, shape (n,)
        Purchases that the spend is known of, and their mean in money.
    worth : ndarray, shape (n,)
        Money of the as-of date for one unit of money that is spent within the horizon.
    spend : GammaGammaParams
        Estimates.
    draw_spend_parameters : callable
        ``(size, rng)`` to random p, q and v, shape (size, 3).
    """

    purchases: Outlook
    horizon: float
    seen: FloatArray
    mean_seen: FloatArray
    worth: FloatArray
    spend: GammaGammaParams
    draw_spend_parameters: Callable[[int, np.random.Generator], FloatArray]

    def take(self, rows: IndexArray) -> "ValueOutlook":
        """The outlook of some customers."""
        return replace(
            self,
            purchases=self.purchases.take(rows),
            seen=self.seen[rows],
            mean_seen=self.mean_seen[rows],
            worth=self.worth[rows],
        )

    def draw_parameters(self, size: int, rng: np.random.Generator) -> list[tuple[FloatArray, FloatArray]]:
        """Random values of the parameters of both models."""
        purchase = self.purchases.draw_parameters(size, rng)
        return list(zip(purchase, self.draw_spend_parameters(size, rng), strict=True))

    def draw(self, values: tuple[FloatArray, FloatArray], size: int, rng: np.random.Generator) -> FloatArray:
        """Random values of the customers under given parameters, shape (size, n)."""
        every_case = np.arange(len(self.purchases.cases))
        params = self.purchases.parameters_at(values[0], every_case)
        bought = draw_future(params, self.purchases.cases, self.purchases.inverse, self.horizon, rng, size)
        p, q, v = map(float, values[1])
        # Spend is drawn for those who buy; most do not.
        who = np.nonzero(bought)
        spend = np.zeros(bought.shape)
        own = replace(self.spend, p=p, q=q, v=v)
        spend[who] = draw_total_spend(own, self.seen[who[1]], self.mean_seen[who[1]], bought[who], rng)
        return spend * self.worth


def value_interval(
    purchase: PurchaseModel,
    spend: GammaGamma,
    frame: Any,
    horizon_days: float,
    time_unit: TimeUnit | str,
    margin_rate: float = 1.0,
    discount_rate_yearly: float = 0.1,
    period_days: float = 7.0,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Interval in which the value of each customer within a horizon will lie.

    Parameters
    ----------
    purchase, spend, frame, horizon_days, time_unit, margin_rate, discount_rate_yearly, period_days
        As in `patronage.value.lifetime.customer_lifetime_value`; at a rate of 0 the value is not discounted.
    level : float
        Coverage, between 0 and 1.
    size : int
        Futures of each customer; at least 2 / (1 - level). They share `PARAMETER_DRAWS` draws of the parameters.
    rng : numpy.random.Generator
        The same state gives the same numbers.
    parameter_uncertainty : bool
        Without it the estimates count as certain.

    Returns
    -------
    DataFrame
        expected, low, high in money of the as-of date, with the index of the frame. Customers are simulated in blocks,
        so that memory stays bounded.
    """
    size = checked_size(size, level)
    outlook, expected = _outlook(
        purchase,
        spend,
        frame,
        horizon_days,
        TimeUnit(time_unit),
        (margin_rate, discount_rate_yearly, period_days),
        parameter_uncertainty,
    )
    shared = min(size, PARAMETER_DRAWS)
    drawn, each = outlook.draw_parameters(shared, rng), -(-size // shared)
    step = max(_CELLS // (each * shared), 1)
    blocks = [np.arange(at, min(at + step, len(expected))) for at in range(0, len(expected), step)]
    seeds = rng.integers(2**63, size=len(blocks))
    low, high = np.zeros((2, len(expected)))

    def settle(at: int) -> None:
        own, some = np.random.default_rng(seeds[at]), outlook.take(blocks[at])
        futures = np.concatenate([some.draw(values, each, own) for values in drawn])
        low[blocks[at]], _, high[blocks[at]] = quantiles_of(futures, level)

    on_all_processors(settle, range(len(blocks)))
    return pd.DataFrame({"expected": expected, "low": low, "high": high}, index=getattr(frame, "index", None))


def total_value_interval(
    purchase: PurchaseModel,
    spend: GammaGamma,
    frame: Any,
    horizon_days: float,
    time_unit: TimeUnit | str,
    margin_rate: float = 1.0,
    discount_rate_yearly: float = 0.1,
    period_days: float = 7.0,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.Series:
    """Interval in which the value of all customers together will lie.

    Parameters are those of `value_interval`; each of `size` futures has parameters of its own, because an error in
    them is common to all customers.

    Returns
    -------
    Series
        expected, low, median, high in money of the as-of date.
    """
    size = checked_size(size, level)
    outlook, expected = _outlook(
        purchase,
        spend,
        frame,
        horizon_days,
        TimeUnit(time_unit),
        (margin_rate, discount_rate_yearly, period_days),
        parameter_uncertainty,
    )
    drawn = outlook.draw_parameters(size, rng)
    seeds, totals = rng.integers(2**63, size=size), np.empty(size)

    def one(at: int) -> None:
        totals[at] = outlook.draw(drawn[at], 1, np.random.default_rng(seeds[at])).sum()

    on_all_processors(one, range(size))
    low, median, high = quantiles_of(totals, level)
    return pd.Series({"expected": expected.sum(), "low": low, "median": median, "high": high}, name="total_value")


def _outlook(
    purchase: PurchaseModel,
    spend: GammaGamma,
    frame: Any,
    horizon_days: float,
    time_unit: TimeUnit,
    terms: tuple[float, float, float],
    parameter_uncertainty: bool,
) -> tuple[ValueOutlook, FloatArray]:
    """What values are drawn from, and the expected value of each customer."""
    checked = value_terms(*terms)
    horizon = time_unit.from_days(float(horizon_days))
    purchases = purchase.outlook(frame, horizon, parameter_uncertainty)
    bought = purchases.estimate.expected_purchases(purchases.cases, horizon)
    discounted = clv.discounted_purchases(purchases.estimate, purchases.cases, horizon_days, checked, time_unit)
    factor = np.divide(discounted, bought, out=np.zeros_like(bought), where=bought > 0)
    expected = clv.customer_lifetime_value(
        discounted[purchases.inverse], spend.expected_spend(frame).to_numpy(np.float64), checked
    )
    params = spend.to_params()
    seen, mean_seen = (np.asarray(one, dtype=np.float64) for one in required_columns(frame, params.columns))
    values = np.array([params.p, params.q, params.v])

    posterior = laplace_posterior(values, spend.covariance_) if parameter_uncertainty else certain(values)
    worth = checked.margin_rate * factor[purchases.inverse]
    return ValueOutlook(purchases, horizon, seen, mean_seen, worth, params, posterior.draw), expected
