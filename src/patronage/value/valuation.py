r"""Customer-based valuation: what today's customers and those still to be won are worth together.

.. math::
    V = (1 - \tau) \Bigl[\sum_i V_i + \sum_k N_k\,(v - A_k)\,w_k - \sum_k F_k\,w_k\Bigr] - \text{net debt}, \qquad
    w_k = (1 + d)^{-m_k / 365.25}

with the future profit V of each customer of today, and for each period k to come: the customers N to be won by a stated
forecast, the value v of one on the day of being won, the cost A of winning one, fixed costs F, and the middle m of the
period in days from today, where all of it is taken to happen (mid-period convention). It is the approach of [1]_ and
[2]_, which takes the number of customers to be won from a model of acquisition; here it is stated, with an error, and
not inferred. Taxes τ are taken of the sum: losses count as deductible.

A customer still to be won is looked at for as long as one of today, from the day of being won. The interval holds
what is unknown of the parameters, which today's and tomorrow's customers share, chance in what customers do, and the
error of the forecast: one factor for all periods, because a forecast that is too high is too high throughout.

References
----------
.. [1] McCarthy, Fader, Hardie (2017), Valuing subscription-based businesses using publicly disclosed customer data.
   Journal of Marketing 81(1), 17-35.
.. [2] McCarthy, Fader (2018), Customer-based corporate valuation for publicly traded noncontractual firms. Journal of
   Marketing Research 55(5), 617-635.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, InputError
from patronage.models.uncertainty import checked_rng, checked_size, quantiles_of
from patronage.runtime.histories import FloatArray
from patronage.value.calendar import Periods, worth_today
from patronage.value.lifetime_profit import ProfitModel, future_profit
from patronage.value.newcomers import Newcomers, newcomer_frame
from patronage.value.profit_draws import ProfitOutlook
from patronage.value.profit_terms import ProfitTerms

CHANCE_DRAWS = 2_000
"""Random newcomers that the variance of one is computed of."""


@dataclass(frozen=True)
class AcquisitionForecast:
    """How many customers will be won, and at what cost.

    Attributes
    ----------
    periods : Periods
        m periods from today on.
    customers : ndarray of float64, shape (m,)
        Customers won in each.
    cost_per_customer : ndarray of float64, shape (m,)
        In money of the period.
    relative_error : float
        Standard deviation of the logarithm of the factor by which the forecast is off, the same in all periods; 0.1 is
        about 10 %. Its mean is 1.
    """

    periods: Periods
    customers: FloatArray
    cost_per_customer: FloatArray
    relative_error: float = 0.0

    @classmethod
    def of(
        cls,
        customers: Sequence[float],
        cost_per_customer: float | Sequence[float],
        period_days: float | None = None,
        relative_error: float = 0.0,
    ) -> "AcquisitionForecast":
        """A forecast for periods of equal length, months of 30.4375 days by default.

        Raises
        ------
        ConfigError
            If numbers, costs or the error are negative or not finite, or costs of another length.
        """
        number = np.asarray(customers, dtype=np.float64)
        periods = Periods.of(len(number)) if period_days is None else Periods.of(len(number), period_days)
        cost = np.asarray(cost_per_customer, dtype=np.float64)
        if number.ndim != 1 or cost.shape not in {(), number.shape}:
            message = f"The forecast needs one cost, or one for each of {len(number)} periods; got {cost.shape}."
            raise ConfigError(message)
        good = all(np.isfinite(part).all() and (part >= 0).all() for part in (number, cost))
        if not good or not 0 <= relative_error < np.inf:
            message = (
                "The forecast needs customers, a cost of winning one and an error that are finite and 0 or above; got "
                f"customers {number.tolist()}, cost {cost.tolist()}, relative_error {relative_error}."
            )
            raise ConfigError(message)
        return cls(periods, number, np.broadcast_to(cost, number.shape), float(relative_error))

    def worth(self, discount_rate_yearly: float) -> FloatArray:
        """Discount factors of the middles of the periods, shape (m,)."""
        return worth_today(self.periods.middles, discount_rate_yearly)

    def draw_factor(self, size: int, rng: np.random.Generator) -> FloatArray:
        """Random factors by which the forecast is off, with a mean of 1, shape (size,)."""
        error = self.relative_error
        return np.asarray(np.exp(error * rng.standard_normal(size) - error**2 / 2), dtype=np.float64)


def value_of_acquisition(
    forecast: AcquisitionForecast, value_per_customer: float, discount_rate_yearly: float
) -> tuple[float, float]:
    """What customers to be won will bring, and what it will cost to win them, both in money of today.

    Examples
    --------
    One year-long period at 21 %: its middle is half a year away, where money is worth 1 / 1.1.

    >>> forecast = AcquisitionForecast.of([110], 20.0, period_days=365.25)
    >>> [round(part, 2) for part in value_of_acquisition(forecast, 50.0, 0.21)]
    [5000.0, 2000.0]
    """
    won = forecast.customers * forecast.worth(discount_rate_yearly)
    return float(won.sum() * value_per_customer), float(won @ forecast.cost_per_customer)


def customer_based_valuation(
    model: ProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    forecast: AcquisitionForecast,
    mix: pd.Series | None = None,
    covariates: pd.DataFrame | None = None,
    fixed_costs: float = 0.0,
    tax_rate: float = 0.0,
    net_debt: float = 0.0,
    level: float = 0.9,
    size: int = 400,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Value of a firm's customers, those of today and those to be won.

    Parameters
    ----------
    model, frame, terms
        As for `future_profit`; the horizon None is all the future, as is usual in valuation.
    forecast : AcquisitionForecast
    mix : Series, optional
        Share of each kind of newcomer, indexed as `newcomer_frame`; by default that of the customers of today.
    covariates : DataFrame, optional
        Kinds of newcomers, as for `newcomer_frame`; then `mix` is needed if there are several.
    fixed_costs : float
        Of each period of the forecast, in money.
    tax_rate : float
        0 to below 1.
    net_debt : float
        Debt less cash and other assets, in money of today.
    level : float
    size : int
        Futures.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        As described in `schema.equity.VALUATION`: one row an item, the sum last.
    """
    if not 0 <= tax_rate < 1:
        message = f"tax_rate must be 0 or above and below 1 (0.25 is 25 %); got {tax_rate}."
        raise ConfigError(message)
    size = checked_size(size, level)
    newcomers = Newcomers(model, newcomer_frame(model, covariates))
    shares = _shares(mix, newcomers, model, frame)
    outlook = ProfitOutlook.of(model, frame, terms)
    drawn = outlook.draw_parameters(size, checked_rng(rng))
    today = np.array([outlook.draw(one, rng).sum() for one in drawn])
    each = newcomers.expected_at(drawn, terms) @ shares
    factor, worth = forecast.draw_factor(size, rng), forecast.worth(terms.discount_rate_yearly)
    variance = shares @ newcomers.variance(terms, CHANCE_DRAWS, rng)
    chance = np.sqrt(factor * variance * (forecast.customers @ worth**2)) * rng.standard_normal(size)
    brings, costs = value_of_acquisition(forecast, 1.0, terms.discount_rate_yearly)
    fixed = np.full(size, -fixed_costs * worth.sum())
    expected_today = future_profit(model, frame, terms)["future_profit"].sum()
    value = float(newcomers.expected(terms) @ shares)
    items = [
        ("customers of today", expected_today, today),
        ("customers to be won", brings * value, factor * brings * each + chance),
        ("cost of winning them", -costs, -factor * costs),
        ("fixed costs", float(fixed[0]), fixed),
    ]
    before = sum(one[1] for one in items), np.sum([one[2] for one in items], axis=0)
    items += [
        ("taxes", -tax_rate * before[0], -tax_rate * before[1]),
        ("net debt", -net_debt, np.full(size, -net_debt)),
    ]
    items.append(("value", sum(one[1] for one in items), np.sum([one[2] for one in items], axis=0)))
    rows = []
    for name, expected, draws in items:
        low, median, high = quantiles_of(draws, level)
        rows.append({"item": name, "expected": float(expected), "low": low, "median": median, "high": high})
    return pd.DataFrame(rows)


def _shares(mix: pd.Series | None, newcomers: Newcomers, model: ProfitModel, frame: pd.DataFrame) -> FloatArray:
    """Shares of the kinds of newcomers, which sum to 1."""
    index = newcomers.frame.index
    if mix is None:
        if len(index) == 1:
            return np.ones(1)
        if list(index) != list(model.segments):
            message = f"mix must say the share of each of {len(index)} kinds of newcomers."
            raise InputError(message)
        counts = np.bincount(model.seen(frame).margins.segment, minlength=len(index))
        return np.asarray(counts / counts.sum(), dtype=np.float64)
    shares = mix.reindex(index).to_numpy(np.float64)
    if not (np.isfinite(shares).all() and (shares >= 0).all() and np.isclose(shares.sum(), 1.0)):
        message = f"mix must name each of {', '.join(map(str, index))} with shares of 0 and above that sum to 1."
        raise InputError(message)
    return shares
