r"""Lifetime value in profit of customers under contract: payments to come, less what it costs to serve and keep them.

A customer whose next renewal is due in w periods makes the k-th one with the probability S(n+k) / S(n) of the
contractual model (`runtime.contract`), brings the margin μ with each, and is there for the period after it:

.. math::
    V_i = E\mu_i \sum_{k=1}^{K} \frac{S(n+k)}{S(n)}\,e^{-\delta (w + k - 1)} -
    E[\text{discounted time there}]\,\bigl(E\kappa_i\, E c_i + c_{\text{retention}}\bigr)

where K counts the renewals before the horizon. Payments are made at the renewal, at the start of the period they are
for; the period that runs now is paid for. Margins, contact rates and costs are estimated as for purchases
(`margin_model`, `contact_rates`), the time for which customers were there being known.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd

from patronage.models.base import required_columns
from patronage.models.contract.model import ContractModel
from patronage.models.contract.seen import tenures_of
from patronage.runtime.contract.model import ContractParams
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.histories import FloatArray, IndexArray, refuse_rows
from patronage.runtime.purchase.model import MOST_DISCOUNTED
from patronage.runtime.purchase.time_alive import Weights, even_weights
from patronage.runtime.time_unit import DAYS_PER_YEAR
from patronage.value.calendar import DAYS_PER_MONTH
from patronage.value.contact_rates import Contacted, ContactRates, FittedRates, fit_contact_rates
from patronage.value.futures import customer_intervals, group_intervals
from patronage.value.lifetime_profit import EVERYONE, ProfitTerms, Seen, segment_codes, segment_names
from patronage.value.margin_model import AmountModel, Amounts, FittedAmounts, fit_amounts

PAYMENT_COLUMNS = ("payments", "margin_mean", "margin_scatter")
CONTACT_COLUMNS = ("contacts", "contact_cost_mean", "contact_cost_scatter")


@dataclass(frozen=True)
class ContractProfitModel:
    """All that future profit of contracts is computed of.

    Attributes
    ----------
    contract : ContractModel
        Fitted.
    margins : FittedAmounts
        Margin of a payment.
    contacts : FittedRates
        Contacts per period.
    contact_costs : FittedAmounts or None
        Cost of a contact; None where there are no contacts.
    period_days : float
        From one renewal to the next.
    segments : tuple of str
    segment_column : str or None
    """

    contract: ContractModel
    margins: FittedAmounts
    contacts: FittedRates
    contact_costs: FittedAmounts | None
    period_days: float = DAYS_PER_MONTH
    segments: tuple[str, ...] = (EVERYONE,)
    segment_column: str | None = None

    def seen(self, frame: pd.DataFrame) -> Seen:
        """What a frame tells of margins and contacts of its customers."""
        return _seen(frame, segment_codes(frame, self.segment_column, self.segments))


class Schedule(NamedTuple):
    """When customers pay, in periods from now.

    Attributes
    ----------
    wait : ndarray of float64, shape (n,)
        w, until the next renewal.
    due : ndarray of float64, shape (n,)
        K, renewals before the horizon.
    horizon : float
    rate : float
        δ, continuous, per period.
    """

    wait: FloatArray
    due: FloatArray
    horizon: float
    rate: float

    @classmethod
    def of(cls, wait: FloatArray, terms: ProfitTerms, period_days: float) -> "Schedule":
        """The schedule of customers who wait so long for their next renewal."""
        rate = np.log1p(terms.discount_rate_yearly) * period_days / DAYS_PER_YEAR
        if terms.horizon_days is None:
            horizon = float(np.ceil(MOST_DISCOUNTED / rate))
        else:
            horizon = float(terms.horizon_days) / period_days
        return cls(wait, np.maximum(np.ceil(horizon - wait - 1e-9), 0.0), horizon, float(rate))

    def take(self, rows: IndexArray) -> "Schedule":
        """The schedule of some customers."""
        return Schedule(self.wait[rows], self.due[rows], self.horizon, self.rate)

    def lasting(self, periods: FloatArray | float) -> FloatArray:
        """So many periods, each moment counted with its discount from their start."""
        periods = np.asarray(periods, dtype=np.float64)
        return periods if self.rate == 0 else np.asarray(-np.expm1(-self.rate * periods) / self.rate)


def fit_contract_profit(
    contract: ContractModel,
    frame: pd.DataFrame,
    period_days: float = DAYS_PER_MONTH,
    segment_column: str | None = None,
) -> ContractProfitModel:
    """Estimate the models of margin and contacts beside a fitted contractual model.

    Parameters
    ----------
    contract : ContractModel
        Fitted to the same customers.
    frame : DataFrame
        One row a customer: tenure, churned, next_renewal_in (periods, 0 to 1); payments, margin_mean, margin_scatter;
        contacts, contact_cost_mean, contact_cost_scatter; covariates of the model if it has some.
    period_days : float
        From one renewal to the next, in days.
    segment_column : str, optional
        As for `fit_profit`.
    """
    names = segment_names(frame, segment_column)
    seen = _seen(frame, segment_codes(frame, segment_column, names))
    touched = seen.contacts.number.sum() > 0
    return ContractProfitModel(
        contract=contract,
        margins=fit_amounts(seen.margins, len(names)),
        contacts=fit_contact_rates(seen.contacts, len(names)),
        contact_costs=fit_amounts(seen.contact_costs, len(names)) if touched else None,
        period_days=period_days,
        segments=names,
        segment_column=segment_column,
    )


def contract_profit(model: ContractProfitModel, frame: pd.DataFrame, terms: ProfitTerms) -> pd.DataFrame:
    """Expected profit of every customer within the horizon, with all that it is made of.

    Parameters
    ----------
    model : ContractProfitModel
    frame : DataFrame
        As for `fit_contract_profit`.
    terms : ProfitTerms
        cost_per_purchase is the cost of a payment.

    Returns
    -------
    DataFrame
        The columns of `schema.equity.FUTURE_PROFIT`, purchases being payments; customers who churned are worth 0.
    """
    tenures, seen = tenures_of(frame), model.seen(frame)
    schedule = Schedule.of(_wait(frame), terms, model.period_days)
    payments, time = _expected(model.contract.to_params().at_rows(frame), tenures, schedule)
    margin = model.margins.model.expected(seen.margins) - terms.cost_per_purchase
    rate = model.contacts.model.expected(seen.contacts)
    cost = np.zeros(len(frame))
    if model.contact_costs is not None:
        cost = model.contact_costs.model.expected(seen.contact_costs)
    years = model.period_days / DAYS_PER_YEAR
    table = {
        "probability_alive": np.where(tenures.churned, 0.0, 1.0),
        "discounted_purchases": payments,
        "margin_per_purchase": margin,
        "discounted_years_alive": time * years,
        "contacts_yearly": rate / years,
        "cost_per_contact": cost,
        "future_margin": payments * margin,
        "future_service_cost": time * rate * cost,
        "future_retention_cost": time * years * terms.retention_cost_yearly,
    }
    table["future_profit"] = table["future_margin"] - table["future_service_cost"] - table["future_retention_cost"]
    return pd.DataFrame(table, index=frame.index)


@dataclass(frozen=True)
class ContractOutlook:
    """Customers under contract, and what their future profit is drawn from; see `futures.Futures`."""

    model: ContractProfitModel
    tenures: Tenures
    encoded: FloatArray
    seen: Seen
    schedule: Schedule
    terms: ProfitTerms
    parameter_uncertainty: bool = True

    @classmethod
    def of(
        cls,
        model: ContractProfitModel,
        frame: pd.DataFrame,
        terms: ProfitTerms,
        parameter_uncertainty: bool = True,
    ) -> "ContractOutlook":
        """The outlook of the customers in a frame."""
        schedule = Schedule.of(_wait(frame), terms, model.period_days)
        encoded = model.contract._encoded_rows(frame, len(frame))
        return cls(model, tenures_of(frame), encoded, model.seen(frame), schedule, terms, parameter_uncertainty)

    def __len__(self) -> int:
        return len(self.tenures)

    def take(self, rows: IndexArray) -> Self:
        """The outlook of some customers."""
        return replace(
            self,
            tenures=self.tenures.take(rows),
            encoded=self.encoded[rows],
            seen=self.seen.take(rows),
            schedule=self.schedule.take(rows),
        )

    def draw_parameters(self, size: int, rng: np.random.Generator) -> list[Any]:
        """Random values of everything that was estimated."""
        model, costs = self.model, self.model.contact_costs
        renewals = model.contract._drawn_parameters(size, rng, self.parameter_uncertainty)
        if not self.parameter_uncertainty:
            known = (model.margins.model, model.contacts.model, costs.model if costs else None)
            return [(row, *known) for row in renewals]
        margins, rates = model.margins.draw_models(size, rng), model.contacts.draw_models(size, rng)
        own_costs = costs.draw_models(size, rng) if costs else [None] * size
        return list(zip(renewals, margins, rates, own_costs, strict=True))

    def draw(
        self, drawn: tuple[FloatArray, AmountModel, ContactRates, AmountModel | None], rng: np.random.Generator
    ) -> FloatArray:
        """Profit of every customer in one future, in money of the as-of date, shape (n,)."""
        renewals, margins, contacts, costs = drawn
        params, schedule = self.model.contract._params_of(renewals, self.encoded), self.schedule
        most = int(schedule.due.max(initial=0))
        made = np.minimum(params.draw(self.tenures, most, 1, rng)[0], schedule.due)
        total = _payments(made, schedule, 1)
        weights = Weights(total, _payments(made, schedule, 2), np.zeros(len(self)))
        profit = margins.draw(self.seen.margins, weights, rng) - self.terms.cost_per_purchase * total
        time = np.where(self.tenures.churned, 0.0, np.minimum(schedule.wait + made, schedule.horizon))
        yearly = self.terms.retention_cost_yearly * self.model.period_days / DAYS_PER_YEAR
        profit -= yearly * schedule.lasting(time)
        if costs is not None:
            number = contacts.draw(self.seen.contacts, time, rng)
            spent = costs.draw(self.seen.contact_costs, even_weights(number, time, schedule.rate), rng)
            # A normal variate may fall below 0, which a cost does not.
            profit -= np.maximum(spent, 0.0)
        return profit


def contract_profit_interval(
    model: ContractProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Interval in which the future profit of each customer will lie; see `profit_draws.profit_interval`."""
    outlook = ContractOutlook.of(model, frame, terms, parameter_uncertainty)
    low, high, loss = customer_intervals(outlook, level, size, rng)
    expected = contract_profit(model, frame, terms)["future_profit"]
    return pd.DataFrame({"expected": expected, "low": low, "high": high, "loss_probability": loss}, index=frame.index)


def group_contract_profit_interval(
    model: ContractProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    groups: Any = None,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Intervals of the future profit of groups of customers; see `profit_draws.group_profit_interval`."""
    outlook = ContractOutlook.of(model, frame, terms, parameter_uncertainty)
    expected = contract_profit(model, frame, terms)["future_profit"].to_numpy()
    return group_intervals(outlook, expected, groups, level, size, rng)


def _wait(frame: pd.DataFrame) -> FloatArray:
    (column,) = required_columns(frame, ("next_renewal_in",))
    wait = np.asarray(column, dtype=np.float64)
    refuse_rows({"next_renewal_in not 0 to 1 periods": ~((wait >= 0) & (wait <= 1))}, "contracts", list(frame.index))
    return wait


def _seen(frame: pd.DataFrame, segment: IndexArray) -> Seen:
    """Margins of payments and contacts; customers were there until their next renewal, less what is still to come."""
    tenures = tenures_of(frame)
    columns = [np.asarray(one, dtype=np.float64) for one in required_columns(frame, PAYMENT_COLUMNS + CONTACT_COLUMNS)]
    there = np.where(tenures.churned, tenures.tenure, tenures.tenure + 1 - _wait(frame))
    observed = np.where(columns[3] > 0, np.maximum(there, 1e-3), there)
    return Seen(
        Amounts.checked(columns[0], columns[1], columns[2], segment),
        Contacted.checked(columns[3], observed, segment),
        Amounts.checked(columns[3], columns[4], columns[5], segment),
    )


def _expected(params: ContractParams, tenures: Tenures, schedule: Schedule) -> tuple[FloatArray, FloatArray]:
    """Discounted payments before the horizon and discounted time there, both expected, in periods."""
    payments, before = np.zeros(len(tenures)), np.zeros(len(tenures))
    for count in np.unique(schedule.due):
        rows = np.flatnonzero(schedule.due == count)
        own, some = params.at(rows), tenures.take(rows)
        early = np.exp(schedule.rate * (1 - schedule.wait[rows]))
        payments[rows] = early * own.discounted_lifetime(some, np.expm1(schedule.rate), count, 1.0)
        if count > 0:
            before[rows] = early * own.discounted_lifetime(some, np.expm1(schedule.rate), count - 1, 1.0)
    last_lasts = np.clip(schedule.horizon - (schedule.wait + schedule.due - 1), 0.0, 1.0)
    time = schedule.lasting(np.minimum(schedule.wait, schedule.horizon)) + before * schedule.lasting(1.0)
    time = time + (payments - before) * schedule.lasting(last_lasts)
    return payments, np.where(tenures.churned, 0.0, time)


def _payments(made: FloatArray, schedule: Schedule, power: int) -> FloatArray:
    """Sum of the discount factors, to a power, of so many payments."""
    rate = power * schedule.rate
    if rate == 0:
        return made
    return np.asarray(np.exp(-rate * schedule.wait) * np.expm1(-rate * made) / np.expm1(-rate), dtype=np.float64)
