r"""What profit may come: futures of all customers at once, and intervals for customers, groups and totals.

A future is drawn from everything that is unknown: the parameters of the purchase model, the distributions of margins,
contact rates and contact costs, who is still there, until when, how often everyone buys and is in touch, and what it
brings. Parameters are common to all customers, so their errors add up in sums; therefore a group's interval is made of
sums over one and the same future, never of the customers' intervals. Any group can be asked for, and all add up.

Time matters where it is discounted: purchases are spread over the time for which a customer lives in that future.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from patronage.models.uncertainty import Outlook, checked_rng, checked_size
from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.time_alive import Lives, Weights, draw_lives, even_weights
from patronage.value.contact_rates import ContactRates
from patronage.value.futures import customer_intervals, group_intervals
from patronage.value.lifetime_profit import Present, ProfitModel, future_profit
from patronage.value.margin_model import AmountModel
from patronage.value.presence import hastened, tells_presence, there_with
from patronage.value.profit_seen import Seen
from patronage.value.profit_terms import ProfitTerms, UnitTerms


@dataclass(frozen=True)
class Parameters:
    """One draw of everything that is common to all customers."""

    purchase: FloatArray
    margins: AmountModel
    contacts: ContactRates
    contact_costs: AmountModel | None
    kept: float = 1.0


@dataclass(frozen=True)
class ProfitOutlook:
    """Customers, and what their future profit is drawn from.

    Attributes
    ----------
    model : ProfitModel
    lives : Outlook
        Purchase histories and parameters.
    seen : Seen
        Margins and contacts.
    present : Present
        What contacts tell, by the estimates.
    terms : UnitTerms
    parameter_uncertainty : bool
        Without it the estimates count as certain.
    kept_error : float
        Standard error of `terms.kept`.
    purchases_now : float
        Purchases that are made at once by all: 1 for customers who are just being won, whose first one it is.
    """

    model: ProfitModel
    lives: Outlook
    seen: Seen
    present: Present
    terms: UnitTerms
    parameter_uncertainty: bool = True
    kept_error: float = 0.0
    purchases_now: float = 0.0

    @classmethod
    def of(
        cls,
        model: ProfitModel,
        frame: pd.DataFrame,
        terms: ProfitTerms,
        parameter_uncertainty: bool = True,
        purchases_now: float = 0.0,
    ) -> "ProfitOutlook":
        """The outlook of the customers in a frame."""
        own = terms.in_unit(model.time_unit, model.purchase.to_params().discrete)
        lives, seen = model.purchase.outlook(frame, own.horizon, parameter_uncertainty), model.seen(frame)
        return cls(
            model,
            lives,
            seen,
            model.presence(frame, seen),
            own,
            parameter_uncertainty,
            terms.purchases_lost_error,
            purchases_now,
        )

    def __len__(self) -> int:
        return len(self.lives.inverse)

    def take(self, rows: IndexArray) -> "ProfitOutlook":
        """The outlook of some customers."""
        return replace(self, lives=self.lives.take(rows), seen=self.seen.take(rows), present=self.present.take(rows))

    def draw_parameters(self, size: int, rng: np.random.Generator) -> list[Parameters]:
        """Random values of everything that was estimated."""
        model, costs = self.model, self.model.contact_costs
        purchase = self.lives.draw_parameters(size, rng)
        if not self.parameter_uncertainty:
            known = (model.margins.model, model.contacts.model, costs.model if costs else None)
            return [Parameters(row, *known, self.terms.kept) for row in purchase]
        margins, rates = model.margins.draw_models(size, rng), model.contacts.draw_models(size, rng)
        own_costs = costs.draw_models(size, rng) if costs else [None] * size
        kept = np.full(size, self.terms.kept)
        if self.kept_error:
            kept = np.maximum(kept + self.kept_error * rng.standard_normal(size), 0.0)
        return [Parameters(*values) for values in zip(purchase, margins, rates, own_costs, kept, strict=True)]

    def draw_lives(self, drawn: Parameters, rng: np.random.Generator) -> Lives:
        """How often everyone buys in one future, and until when they are there."""
        cases, inverse = self.lives.cases, self.lives.inverse
        params = self.lives.parameters_at(drawn.purchase, np.arange(len(cases)))
        if not tells_presence(params):
            return draw_lives(params, cases, inverse, self.terms.horizon, rng)
        there = there_with(params.log_odds_of_death(cases)[inverse], self.present.evidence)
        alive = np.flatnonzero(rng.random(len(inverse)) < there)
        case = inverse[alive]
        own, some = hastened(params.at(case), self.present.factor[alive]), cases.take(case)
        # Seen at the end of observation, they are there for certain, and have the same future.
        now, each = Histories(some.frequency, some.T, some.T), np.arange(len(alive))
        return _among(draw_lives(own, now, each, self.terms.horizon, rng), alive, len(inverse))

    def draw(self, drawn: Parameters, rng: np.random.Generator) -> FloatArray:
        """Profit of every customer in one future, in money of the as-of date, shape (n,)."""
        lives, terms = self.draw_lives(drawn, rng), self.terms
        weights = _thinned(lives.weights(terms.rate), drawn.kept)
        if self.purchases_now:
            weights = weights.and_now(self.purchases_now)
        profit = drawn.margins.draw(self.seen.margins, weights, rng) - terms.cost_per_purchase * weights.total
        if terms.retention_cost:
            profit -= terms.retention_cost * lives.discounted_time(terms.rate)
        if drawn.contact_costs is not None:
            number = drawn.contacts.draw(self.seen.contacts, lives.time, rng)
            costs = drawn.contact_costs.draw(self.seen.contact_costs, even_weights(number, lives.time, terms.rate), rng)
            # A normal variate may fall below 0, which a cost does not.
            profit -= np.maximum(costs, 0.0)
        return profit


def _thinned(weights: Weights, kept: float) -> Weights:
    """Of events of which a share is made."""
    return Weights(*(kept * weight for weight in weights)) if kept != 1 else weights


def _among(lives: Lives, rows: IndexArray, n: int) -> Lives:
    """The lives of some of n customers, the others having none."""
    purchases, time, leaves_buying = np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
    purchases[rows], time[rows], leaves_buying[rows] = lives.purchases, lives.time, lives.leaves_buying
    return Lives(purchases, time, leaves_buying, lives.discrete)


def profit_futures(
    model: ProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    size: int,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> Iterator[FloatArray]:
    """Futures of all customers, one at a time: what curves of inequality and sums of any group are made of.

    Parameters
    ----------
    model, frame, terms
        As for `future_profit`.
    size : int
        Number of futures, each with parameters of its own.
    rng : numpy.random.Generator

    Yields
    ------
    ndarray of float64, shape (n,)
        Profit of each customer, in money of the as-of date, in the order of the frame.
    """
    outlook = ProfitOutlook.of(model, frame, terms, parameter_uncertainty)
    for drawn in outlook.draw_parameters(checked_size(size), checked_rng(rng)):
        yield outlook.draw(drawn, rng)


def group_profit_interval(
    model: ProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    groups: Any = None,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Intervals in which the future profit of groups of customers, and of all together, will lie.

    Parameters
    ----------
    model, frame, terms
        As for `future_profit`.
    groups : array-like, shape (n,), optional
        Name of each customer's group.
    level : float
    size : int
        Futures; at least 2 / (1 - level).
    rng : numpy.random.Generator
        The same state gives the same numbers.

    Returns
    -------
    DataFrame
        Indexed by group, the last one "all customers": n_customers, and expected, low, median, high in money of the
        as-of date.
    """
    outlook = ProfitOutlook.of(model, frame, terms, parameter_uncertainty)
    expected = future_profit(model, frame, terms)["future_profit"].to_numpy()
    return group_intervals(outlook, expected, groups, level, size, rng)


def profit_interval(
    model: ProfitModel,
    frame: pd.DataFrame,
    terms: ProfitTerms,
    level: float = 0.9,
    size: int = 1_000,
    *,
    rng: np.random.Generator,
    parameter_uncertainty: bool = True,
) -> pd.DataFrame:
    """Interval in which the future profit of each customer will lie.

    Parameters are those of `group_profit_interval`.

    Returns
    -------
    DataFrame
        expected, low, high in money of the as-of date and loss_probability (that profit will be below 0), with the
        index of the frame.
    """
    outlook = ProfitOutlook.of(model, frame, terms, parameter_uncertainty)
    low, high, loss = customer_intervals(outlook, level, size, rng)
    expected = future_profit(model, frame, terms)["future_profit"]
    return pd.DataFrame({"expected": expected, "low": low, "high": high, "loss_probability": loss}, index=frame.index)
