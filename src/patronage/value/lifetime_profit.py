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

Who is still there is told by purchases and contacts together (`presence`). What is not in it: that unhappy customers
leave sooner, as far as their purchases do not show it; and seasons, as far as the horizon holds not all of a year.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from patronage.models.base import histories_of
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.lifetime import IndependentLifetimeParams
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.time_alive import expected_time_alive
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit
from patronage.value.contact_fit import fit_contacts
from patronage.value.contact_rates import ContactRates, FittedRates
from patronage.value.margin_model import AmountModel, FittedAmounts, fit_amounts
from patronage.value.presence import Leaving, Touch, hastened, presence_of, tells_presence
from patronage.value.profit_seen import EVERYONE, Seen, numbers_of, seen_of, segment_codes, segment_names
from patronage.value.profit_terms import ProfitTerms

LOWEST = "margin_lowest"


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
    leaving : Leaving
        How the hazard of leaving goes with contacts.
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
    leaving: Leaving = field(default_factory=Leaving)
    segments: tuple[str, ...] = (EVERYONE,)
    segment_column: str | None = None

    def seen(self, frame: pd.DataFrame) -> Seen:
        """What a frame tells of margins and contacts of its customers."""
        return seen_of(frame, segment_codes(frame, self.segment_column, self.segments), self.time_unit)

    def presence(self, frame: pd.DataFrame, seen: Seen) -> "Present":
        """Who is there, and how long customers stay, by their purchases and contacts; see `presence`.

        Without the column last_contact purchases alone tell.
        """
        params, n = self.purchase.to_params().at_rows(frame), len(frame)
        if "last_contact" not in frame or not isinstance(params, IndependentLifetimeParams) or not self.touched:
            return Present(None, np.ones(n), np.zeros(n))
        touch = Touch.of(frame, seen.contacts)
        told = presence_of(params, histories_of(frame), touch, self.contacts.model, self.leaving)
        return Present(told.there, self.leaving.factor(self.contacts.model.expected(seen.contacts)), told.evidence)

    @property
    def touched(self) -> bool:
        """Whether there are contacts at all."""
        return self.contact_costs is not None


class Present(NamedTuple):
    """What contacts tell of n customers in a model of profit.

    Attributes
    ----------
    there : ndarray of float64, shape (n,), or None
        Probability to be there; that of the purchase model where contacts tell nothing.
    factor : ndarray of float64, shape (n,)
        Hazard of leaving over that of the purchase model.
    evidence : ndarray of float64, shape (n,)
        What contacts add to the log odds of having left.
    """

    there: FloatArray | None
    factor: FloatArray
    evidence: FloatArray

    def take(self, rows: IndexArray) -> "Present":
        """Some of the customers."""
        there = None if self.there is None else self.there[rows]
        return Present(there, self.factor[rows], self.evidence[rows])


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
    params, touch = purchase.to_params().at_rows(frame), Touch.of(frame, seen.contacts)
    contacts, leaving = fit_contacts(params, histories_of(frame), touch, len(names), unit)
    return ProfitModel(
        purchase=purchase,
        margins=fit_amounts(seen.margins, len(names), never_negative=bool((numbers_of(frame, LOWEST) >= 0).all())),
        contacts=contacts,
        contact_costs=fit_amounts(seen.contact_costs, len(names)) if touched else None,
        time_unit=unit,
        leaving=leaving,
        segments=names,
        segment_column=segment_column,
    )


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
    seen = model.seen(frame)
    table = parts_of(model, frame, terms, seen, model.presence(frame, seen))
    if spend is not None:
        table["revenue_clv"] = table["discounted_purchases"] * spend.expected_spend(frame).to_numpy(np.float64)
    return pd.DataFrame(table, index=frame.index)


def parts_of(
    model: ProfitModel, frame: pd.DataFrame, terms: ProfitTerms, seen: Seen, present: Present
) -> dict[str, FloatArray]:
    """Expected profit and its parts by the estimates, for several terms of customers who are looked at once."""
    params = model.purchase.to_params().at_rows(frame)
    costs = model.contact_costs.model if model.contact_costs else None
    common = Common(params, model.margins.model, model.contacts.model, costs)
    return expected_parts(common, histories_of(frame), seen, terms, model.time_unit, present=present)


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
    present: Present | None = None,
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
    present : Present, optional
        What contacts tell of who is there and for how long; nothing if not given.
    """
    params, own = common.purchase, terms.in_unit(time_unit, common.purchase.discrete)
    there = None
    if present is not None and tells_presence(params):
        params, there = hastened(params, present.factor), present.there
    purchases = params.discounted_purchases(histories, own.rate, own.horizon)
    time, alive = expected_time_alive(params, histories, own.horizon, own.rate), params.probability_alive(histories)
    if there is not None:
        # Both are those of customers who are there, times the probability of it.
        likelier = np.divide(there, alive, out=np.zeros_like(there), where=alive > 0)
        purchases, time, alive = purchases * likelier, time * likelier, there
    purchases = purchases * own.kept + purchases_now
    margin = common.margins.expected(seen.margins) - own.cost_per_purchase
    rate = common.contacts.expected(seen.contacts)
    cost = np.zeros(len(histories))
    if common.contact_costs is not None:
        cost = common.contact_costs.expected(seen.contact_costs)
    years = time_unit.days / DAYS_PER_YEAR
    table = {
        "probability_alive": alive,
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
