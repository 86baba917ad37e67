r"""Lifetime value in profit: what customers will bring, less what it costs to serve and keep them.

.. math::
    V_i = \underbrace{E[\text{discounted purchases}]}_{\text{purchase model}}\,
    \bigl(E\mu_i - c_{\text{purchase}}\bigr) -
    \underbrace{E[\text{discounted time alive}]}_{\text{same model}}\,
    \bigl(E\kappa_i\, E c_i + c_{\text{retention}}\bigr)

with the customer's own margin per purchase μ (`margin_model`), rate of contacts κ (`contact_rates`) and cost of a
contact c, each as far as known and for the rest as its segment. Margin, purchases and contacts of a customer are taken
as independent given what was seen of each. Every moment is discounted by itself, at the continuous rate of `calendar`.

Gamma-Gamma stays the model of spend, which is positive, and of revenue CLV, which stands beside profit where a spend
model is given. Margins are modelled directly: a margin rate times spend could not say that a customer buys at a loss.

Where no purchase was ever made at a loss, as revenue and shares of it never are, drawn futures hold no loss by margin
either (`margin_model`).

What is not in it: a silence of contacts says nothing of having left here, only one of purchases does; and seasons, as
far as the horizon holds not all of a year.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, InputError
from patronage.models.base import histories_of, required_columns
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.time_alive import effective_horizon, expected_time_alive, time_if_left
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit
from patronage.value.calendar import checked_rate
from patronage.value.contact_rates import Contacted, ContactRates, FittedRates, fit_contact_rates
from patronage.value.margin_model import AmountModel, Amounts, FittedAmounts, fit_amounts

EVERYONE = "all"
"""Name of the segment where there is only one."""

CONTACT_COLUMNS = ("contacts", "contact_cost_mean", "contact_cost_scatter")
MARGIN_COLUMNS = ("purchase_days", "margin_mean", "margin_scatter")
LOWEST = "margin_lowest"


@dataclass(frozen=True)
class ProfitTerms:
    """Until when profit counts, what it is worth today, and costs that no table holds.

    Attributes
    ----------
    horizon_days : float or None
        How far to look ahead; 365.25 is a year. None is all the future, which needs a discount rate above 0.
    discount_rate_yearly : float
        0.1: money a year from now is worth 1 / 1.1 today.
    cost_per_purchase : float
        Money that each purchase day costs beside its goods: picking, delivery, payment.
    retention_cost_yearly : float
        Money that is spent in a year on keeping a customer who is there.
    """

    horizon_days: float | None = DAYS_PER_YEAR
    discount_rate_yearly: float = 0.1
    cost_per_purchase: float = 0.0
    retention_cost_yearly: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        checked_rate(self.discount_rate_yearly)
        if self.horizon_days is None and self.discount_rate_yearly == 0:
            problems.append("without a horizon discount_rate_yearly must be above 0")
        if self.horizon_days is not None and not 0 <= self.horizon_days < np.inf:
            problems.append(f"horizon_days must be a finite number of days, 0 and above; got {self.horizon_days}")
        costs = {"cost_per_purchase": self.cost_per_purchase, "retention_cost_yearly": self.retention_cost_yearly}
        problems += [
            f"{name} must be a finite amount of money; got {cost}"
            for name, cost in costs.items()
            if not np.isfinite(cost)
        ]
        if problems:
            raise ConfigError("; ".join(problems) + ".")

    def in_unit(self, time_unit: TimeUnit, discrete: bool = False) -> "UnitTerms":
        """The terms in a model's time unit; models that count periods look ahead for whole ones."""
        rate = time_unit.continuous_rate(self.discount_rate_yearly)
        horizon = None if self.horizon_days is None else time_unit.from_days(float(self.horizon_days))
        end = effective_horizon(rate, horizon)
        retention = self.retention_cost_yearly * time_unit.days / DAYS_PER_YEAR
        return UnitTerms(float(np.ceil(end)) if discrete else end, rate, self.cost_per_purchase, retention)


@dataclass(frozen=True)
class UnitTerms:
    """`ProfitTerms` in the time unit of a model: horizon, continuous discount rate, costs of a purchase and of time."""

    horizon: float
    rate: float
    cost_per_purchase: float
    retention_cost: float


@dataclass(frozen=True)
class ProfitModel:
    """All that future profit is computed of.

    Attributes
    ----------
    purchase : PurchaseModel
        Fitted.
    margins : FittedAmounts
        Margin of a purchase.
    contacts : FittedRates
        Contacts per time unit.
    contact_costs : FittedAmounts or None
        Cost of a contact; None where there are no contacts.
    time_unit : TimeUnit
    segments : tuple of str
        Names of the segments that customers are drawn towards.
    segment_column : str or None
        Column of a frame that holds them.
    """

    purchase: PurchaseModel
    margins: FittedAmounts
    contacts: FittedRates
    contact_costs: FittedAmounts | None
    time_unit: TimeUnit
    segments: tuple[str, ...] = (EVERYONE,)
    segment_column: str | None = None

    def seen(self, frame: pd.DataFrame) -> "Seen":
        """What a frame tells of margins and contacts of its customers."""
        return seen_of(frame, segment_codes(frame, self.segment_column, self.segments), self.time_unit)


@dataclass(frozen=True, slots=True)
class Seen:
    """Margins, contacts and costs of contacts of n customers."""

    margins: Amounts
    contacts: Contacted
    contact_costs: Amounts

    def take(self, index: IndexArray) -> "Seen":
        """The customers at the positions `index`."""
        return Seen(self.margins.take(index), self.contacts.take(index), self.contact_costs.take(index))


def segment_names(frame: pd.DataFrame, column: str | None) -> tuple[str, ...]:
    """Names of the segments in a frame, sorted; a missing one is "unknown"."""
    if column is None:
        return (EVERYONE,)
    (names,) = required_columns(frame, (column,))
    return tuple(sorted(set(_labels(names))))


def segment_codes(frame: pd.DataFrame, column: str | None, segments: Sequence[str]) -> IndexArray:
    """Position of each customer's segment.

    Raises
    ------
    InputError
        If the frame lacks the column, or has segments that are not among those known.
    """
    if column is None:
        return np.zeros(len(frame), dtype=np.intp)
    (names,) = required_columns(frame, (column,))
    code = pd.Index(list(segments)).get_indexer(pd.Index(_labels(names)))
    if (code < 0).any():
        unknown = sorted(set(_labels(names)[code < 0]))
        message = (
            f"{(code < 0).sum():,} of {len(code):,} customers are in segments of {column} that the model does not "
            f"know: {', '.join(unknown[:5])}; it knows {', '.join(segments)}. Fit it again with these customers."
        )
        raise InputError(message)
    return np.asarray(code, dtype=np.intp)


def _labels(names: pd.Series) -> Any:
    return names.astype("object").where(names.notna(), "unknown").astype(str).to_numpy(dtype=object)


def seen_of(frame: pd.DataFrame, segment: IndexArray, time_unit: TimeUnit) -> Seen:
    """Take margins and contacts out of a frame of `profit_facts`, checked."""
    days, margin, margin_scatter = (_numbers(frame, name) for name in MARGIN_COLUMNS)
    number, cost, cost_scatter = (_numbers(frame, name) for name in CONTACT_COLUMNS)
    # Who was in touch was there for a day at least, which a customer won today does not show.
    day = np.where(number > 0, 1 / time_unit.days, 0.0)
    observed = np.maximum(_by_calendar(frame, histories_of(frame).T), day)
    return Seen(
        Amounts.checked(days, margin, margin_scatter, segment),
        Contacted.checked(number, observed, segment),
        Amounts.checked(number, cost, cost_scatter, segment),
    )


def _by_calendar(frame: pd.DataFrame, time: FloatArray) -> FloatArray:
    """Times after the first purchase by the calendar, where those of the frame are by the clock of a season."""
    if "T_calendar" not in frame:
        return time
    stretch = np.divide(frame["T_calendar"], frame["T"], out=np.ones(len(frame)), where=frame["T"] > 0)
    return np.asarray(time * stretch, dtype=np.float64)


def _numbers(frame: pd.DataFrame, name: str) -> FloatArray:
    (column,) = required_columns(frame, (name,))
    return np.asarray(column, dtype=np.float64)


def fit_profit(
    purchase: PurchaseModel, frame: pd.DataFrame, time_unit: TimeUnit | str, segment_column: str | None = None
) -> ProfitModel:
    """Estimate the models of margin and contacts beside a fitted purchase model.

    Parameters
    ----------
    purchase : PurchaseModel
        Fitted to the same customers.
    frame : DataFrame
        `profit_facts(...).frame`, with covariates of the purchase model if it has some. Beside what `future_profit`
        needs, last_contact and margin_lowest are read.
    time_unit : {"day", "week", "year"}
        Unit of recency and T.
    segment_column : str, optional
        Column with the segment that a customer of whom little is known is taken to be like: a channel, a plan. A
        missing segment is one of its own, "unknown".
    """
    names = segment_names(frame, segment_column)
    unit = TimeUnit(time_unit)
    seen = seen_of(frame, segment_codes(frame, segment_column, names), unit)
    touched = seen.contacts.number.sum() > 0
    return ProfitModel(
        purchase=purchase,
        margins=fit_amounts(seen.margins, len(names), never_negative=bool((_numbers(frame, LOWEST) >= 0).all())),
        contacts=_fit_contacts(purchase, frame, seen.contacts, len(names), unit),
        contact_costs=fit_amounts(seen.contact_costs, len(names)) if touched else None,
        time_unit=unit,
        segments=names,
        segment_column=segment_column,
    )


def _fit_contacts(
    purchase: PurchaseModel, frame: pd.DataFrame, seen: Contacted, n_segments: int, time_unit: TimeUnit
) -> FittedRates:
    """Contact rates of customers each of whom is there or has left.

    Where the purchase model has customers leave at purchases, one-time buyers left on their first day, and a few
    contacts would be hundreds a year. They are taken to have been there until the last contact; what of their contacts
    lies on the first day tells no rate, and does not count.
    """
    params, histories = purchase.to_params().at_rows(frame), histories_of(frame)
    alive, left = params.probability_alive(histories), time_if_left(params, histories)
    touched = np.where(left <= histories.recency, np.minimum(_numbers(frame, "last_contact"), seen.exposure), 0.0)
    until = np.maximum(_by_calendar(frame, left), touched)
    gone = np.where(until >= 1 / time_unit.days, 1 - alive, 0.0)
    both = Contacted(np.tile(seen.number, 2), np.concatenate([seen.exposure, until]), np.tile(seen.segment, 2))
    return fit_contact_rates(both, n_segments, np.concatenate([alive, gone]))


def future_profit(
    model: ProfitModel, frame: pd.DataFrame, terms: ProfitTerms, spend: GammaGamma | None = None
) -> pd.DataFrame:
    """Expected profit of every customer within the horizon, with all that it is made of.

    Parameters
    ----------
    model : ProfitModel
    frame : DataFrame
        n customers, as for `fit_profit`.
    terms : ProfitTerms
    spend : GammaGamma, optional
        Fitted; with it revenue CLV stands beside profit.

    Returns
    -------
    DataFrame
        As described in `schema.equity.FUTURE_PROFIT` (without customer_id), with the index of the frame.
        future_margin less future_service_cost and future_retention_cost is future_profit.
    """
    params, histories = model.purchase.to_params().at_rows(frame), histories_of(frame)
    costs = model.contact_costs.model if model.contact_costs else None
    common = Common(params, model.margins.model, model.contacts.model, costs)
    table = expected_parts(common, histories, model.seen(frame), terms, model.time_unit)
    if spend is not None:
        table["revenue_clv"] = table["discounted_purchases"] * spend.expected_spend(frame).to_numpy(np.float64)
    return pd.DataFrame(table, index=frame.index)


@dataclass(frozen=True)
class Common:
    """What customers have in common: parameters of purchases (of the rows), margins, contact rates, contact costs."""

    purchase: PurchaseParams
    margins: AmountModel
    contacts: ContactRates
    contact_costs: AmountModel | None


def expected_parts(
    common: Common,
    histories: Histories,
    seen: Seen,
    terms: ProfitTerms,
    time_unit: TimeUnit,
    purchases_now: float = 0.0,
) -> dict[str, FloatArray]:
    """Expected profit and its parts, for given parameters; see `future_profit`.

    Parameters
    ----------
    common : Common
    histories, seen
        Of n customers.
    terms, time_unit
        As for `future_profit`.
    purchases_now : float
        Purchases that are made at once: 1 for customers who are just being won, whose first one it is.
    """
    params, own = common.purchase, terms.in_unit(time_unit, common.purchase.discrete)
    purchases = params.discounted_purchases(histories, own.rate, own.horizon) + purchases_now
    time = expected_time_alive(params, histories, own.horizon, own.rate)
    margin = common.margins.expected(seen.margins) - own.cost_per_purchase
    rate = common.contacts.expected(seen.contacts)
    cost = np.zeros(len(histories))
    if common.contact_costs is not None:
        cost = common.contact_costs.expected(seen.contact_costs)
    years = time_unit.days / DAYS_PER_YEAR
    table = {
        "probability_alive": params.probability_alive(histories),
        "discounted_purchases": purchases,
        "margin_per_purchase": margin,
        "discounted_years_alive": time * years,
        "contacts_yearly": rate / years,
        "cost_per_contact": cost,
        "future_margin": purchases * margin,
        "future_service_cost": time * rate * cost,
        "future_retention_cost": time * own.retention_cost,
    }
    table["future_profit"] = table["future_margin"] - table["future_service_cost"] - table["future_retention_cost"]
    return table
