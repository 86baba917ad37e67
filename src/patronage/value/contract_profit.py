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

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from patronage.models.base import required_columns
from patronage.models.contract.model import ContractModel
from patronage.models.contract.seen import tenures_of
from patronage.runtime.contract.model import ContractParams
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.histories import FloatArray, IndexArray, refuse_rows
from patronage.runtime.purchase.model import MOST_DISCOUNTED
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit
from patronage.value.calendar import DAYS_PER_MONTH
from patronage.value.contact_rates import Contacted, FittedRates, fit_contact_rates
from patronage.value.margin_model import Amounts, FittedAmounts, fit_amounts
from patronage.value.profit_seen import CONTACT_COLUMNS, EVERYONE, Seen, segment_codes, segment_names
from patronage.value.profit_terms import ProfitTerms

PAYMENT_COLUMNS = ("payments", "margin_mean", "margin_scatter")


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
    time_unit : TimeUnit
        Of T in a frame, where age is asked for; contracts themselves are counted in periods.
    """

    contract: ContractModel
    margins: FittedAmounts
    contacts: FittedRates
    contact_costs: FittedAmounts | None
    period_days: float = DAYS_PER_MONTH
    segments: tuple[str, ...] = (EVERYONE,)
    segment_column: str | None = None
    time_unit: TimeUnit = TimeUnit.WEEK

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
    schedule = Schedule.of(wait_of(frame), terms, model.period_days)
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


def wait_of(frame: pd.DataFrame) -> FloatArray:
    """Periods until the next renewal, 0 to 1, shape (n,)."""
    (column,) = required_columns(frame, ("next_renewal_in",))
    wait = np.asarray(column, dtype=np.float64)
    refuse_rows({"next_renewal_in not 0 to 1 periods": ~((wait >= 0) & (wait <= 1))}, "contracts", list(frame.index))
    return wait


def _seen(frame: pd.DataFrame, segment: IndexArray) -> Seen:
    """Margins of payments and contacts; customers were there until their next renewal, less what is still to come."""
    tenures = tenures_of(frame)
    columns = [np.asarray(one, dtype=np.float64) for one in required_columns(frame, PAYMENT_COLUMNS + CONTACT_COLUMNS)]
    there = np.where(tenures.churned, tenures.tenure, tenures.tenure + 1 - wait_of(frame))
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
