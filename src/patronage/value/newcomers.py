"""What the next customer is worth, by segment: of a newcomer nothing is known but where they came from.

A newcomer makes the first purchase at once and is then a customer with the history (0, 0, 0). Margin, contact rate and
cost of a contact are those of the segment. Where purchase rates and lifetimes differ between segments too, the purchase
model must know: give it the segment as a covariate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.models.base import histories_of
from patronage.models.uncertainty import checked_rng, checked_size, quantiles_of
from patronage.runtime.histories import FloatArray
from patronage.value.lifetime_profit import Common, ProfitModel, expected_parts
from patronage.value.profit_draws import Parameters, ProfitOutlook
from patronage.value.profit_terms import ProfitTerms

FIRST_PURCHASE = 1.0
"""A newcomer is won with a purchase, which is made at once."""

_NOTHING_SEEN = (
    "frequency", "recency", "T", "purchase_days", "margin_mean", "margin_scatter", "contacts", "contact_cost_mean",
    "contact_cost_scatter", "last_contact",
)  # fmt: skip


def newcomer_frame(model: ProfitModel, covariates: pd.DataFrame | None = None) -> pd.DataFrame:
    """One newcomer a row, of whom nothing was seen.

    Parameters
    ----------
    model : ProfitModel
    covariates : DataFrame, optional
        What is known of newcomers: the segment, and covariates of the purchase model. Without it there is one newcomer
        of each segment.

    Returns
    -------
    DataFrame
        As for `future_profit`.
    """
    if covariates is None:
        index = pd.Index(model.segments, name="segment")
        covariates = pd.DataFrame(index=index)
        if model.segment_column is not None:
            covariates[model.segment_column] = index
    return covariates.assign(**dict.fromkeys(_NOTHING_SEEN, 0.0))


@dataclass(frozen=True)
class Newcomers:
    """Newcomers, and what their value is computed and drawn from.

    Attributes
    ----------
    model : ProfitModel
    frame : DataFrame
        `newcomer_frame(...)`.
    """

    model: ProfitModel
    frame: pd.DataFrame

    def expected(self, terms: ProfitTerms) -> FloatArray:
        """Expected profit of each, what it cost to win them not deducted, shape (m,)."""
        costs = self.model.contact_costs.model if self.model.contact_costs else None
        params = self.model.purchase.to_params().at_rows(self.frame)
        return self._expected(Common(params, self.model.margins.model, self.model.contacts.model, costs), terms)

    def expected_at(self, drawn: Sequence[Parameters], terms: ProfitTerms) -> FloatArray:
        """The same for each of several draws of the parameters, shape (size, m)."""
        lives = self._outlook(terms).lives
        common = (
            Common(lives.parameters_at(one.purchase, lives.inverse), one.margins, one.contacts, one.contact_costs)
            for one in drawn
        )
        return np.stack([self._expected(one, terms) for one in common])

    def draw_parameters(self, terms: ProfitTerms, size: int, rng: np.random.Generator) -> list[Parameters]:
        """Random values of everything that was estimated."""
        return self._outlook(terms).draw_parameters(size, rng)

    def variance(self, terms: ProfitTerms, size: int, rng: np.random.Generator) -> FloatArray:
        """Variance of the profit of a single one of each kind, from so many random ones, shape (m,)."""
        outlook = self._outlook(terms, parameter_uncertainty=False)
        (drawn,) = outlook.draw_parameters(1, rng)
        many = outlook.take(np.tile(np.arange(len(self.frame)), size))
        return np.asarray(many.draw(drawn, rng).reshape(size, -1).var(axis=0, ddof=1), dtype=np.float64)

    def _outlook(self, terms: ProfitTerms, parameter_uncertainty: bool = True) -> ProfitOutlook:
        return ProfitOutlook.of(self.model, self.frame, terms, parameter_uncertainty, FIRST_PURCHASE)

    def _expected(self, common: Common, terms: ProfitTerms) -> FloatArray:
        seen, unit = self.model.seen(self.frame), self.model.time_unit
        present = self.model.presence(self.frame, seen)
        parts = expected_parts(common, histories_of(self.frame), seen, terms, unit, FIRST_PURCHASE, present)
        return parts["future_profit"]


def newcomer_value(
    model: ProfitModel,
    terms: ProfitTerms,
    covariates: pd.DataFrame | None = None,
    level: float = 0.9,
    size: int = 400,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Expected profit of the next customer of each segment, with the interval that unknown parameters leave.

    Parameters
    ----------
    model : ProfitModel
    terms : ProfitTerms
    covariates : DataFrame, optional
        As for `newcomer_frame`.
    level : float
        Of the interval of the expectation; what a single customer brings differs far more.
    size : int
        Draws of the parameters.
    rng : numpy.random.Generator

    Returns
    -------
    DataFrame
        expected, low, high in money of the day on which the customer is won, what it cost to win them not deducted.
    """
    newcomers = Newcomers(model, newcomer_frame(model, covariates))
    size = checked_size(size, level)
    drawn = newcomers.draw_parameters(terms, size, checked_rng(rng))
    low, _, high = quantiles_of(newcomers.expected_at(drawn, terms), level)
    table = {"expected": newcomers.expected(terms), "low": low, "high": high}
    return pd.DataFrame(table, index=newcomers.frame.index)
