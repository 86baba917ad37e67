r"""What profit may come of customers who may buy: futures of all at once; `profit_intervals` has their intervals.

A future is drawn from everything that is unknown: the parameters of the purchase model, the distributions of margins,
contact rates and contact costs, who is still there, until when, how often everyone buys and is in touch, and what it
brings. Parameters are common to all customers, so their errors add up in sums; therefore a group's interval is made of
sums over one and the same future, never of the customers' intervals. Any group can be asked for, and all add up.

Time matters where it is discounted: purchases are spread over the time for which a customer lives in that future.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from patronage.models.uncertainty import Outlook
from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.time_alive import Lives, Weights, draw_lives
from patronage.value.contact_rates import ContactRates
from patronage.value.lifetime_profit import Present, ProfitModel
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
            profit -= self.seen.draw_contact_costs(drawn.contacts, drawn.contact_costs, lives.time, terms.rate, rng)
        return profit


def _thinned(weights: Weights, kept: float) -> Weights:
    """Of events of which a share is made."""
    return Weights(*(kept * weight for weight in weights)) if kept != 1 else weights


def _among(lives: Lives, rows: IndexArray, n: int) -> Lives:
    """The lives of some of n customers, the others having none."""
    purchases, time, leaves_buying = np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
    purchases[rows], time[rows], leaves_buying[rows] = lives.purchases, lives.time, lives.leaves_buying
    return Lives(purchases, time, leaves_buying, lives.discrete)
