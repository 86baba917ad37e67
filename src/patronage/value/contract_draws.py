"""What profit of customers under contract may come: futures of all at once; see `profit_draws`."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from patronage.models.contract.seen import tenures_of
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.purchase.time_alive import Weights
from patronage.runtime.time_unit import DAYS_PER_YEAR
from patronage.value.contact_rates import ContactRates
from patronage.value.contract_profit import ContractProfitModel, Schedule, wait_of
from patronage.value.margin_model import AmountModel
from patronage.value.profit_seen import Seen
from patronage.value.profit_terms import ProfitTerms


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
        schedule = Schedule.of(wait_of(frame), terms, model.period_days)
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
            profit -= self.seen.draw_contact_costs(contacts, costs, time, schedule.rate, rng)
        return profit


def _payments(made: FloatArray, schedule: Schedule, power: int) -> FloatArray:
    """Sum of the discount factors, to a power, of so many payments."""
    rate = power * schedule.rate
    if rate == 0:
        return made
    return np.asarray(np.exp(-rate * schedule.wait) * np.expm1(-rate * made) / np.expm1(-rate), dtype=np.float64)
