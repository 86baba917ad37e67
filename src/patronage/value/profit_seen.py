"""What a frame of customers tells of their margins and contacts, and of the segments that they are drawn towards."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import InputError
from patronage.models.base import histories_of, required_columns
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.purchase.time_alive import even_weights
from patronage.runtime.time_unit import TimeUnit
from patronage.value.contact_rates import Contacted, ContactRates
from patronage.value.margin_model import AmountModel, Amounts

EVERYONE = "all"
"""Name of the segment where there is only one."""

CONTACT_COLUMNS = ("contacts", "contact_cost_mean", "contact_cost_scatter")
MARGIN_COLUMNS = ("purchase_days", "margin_mean", "margin_scatter")


@dataclass(frozen=True, slots=True)
class Seen:
    """Margins, contacts and costs of contacts of n customers."""

    margins: Amounts
    contacts: Contacted
    contact_costs: Amounts

    def take(self, index: IndexArray) -> "Seen":
        """The customers at the positions `index`."""
        return Seen(self.margins.take(index), self.contacts.take(index), self.contact_costs.take(index))

    def draw_contact_costs(
        self, rates: ContactRates, costs: AmountModel, time: FloatArray, rate: float, rng: np.random.Generator
    ) -> FloatArray:
        """What contacts cost each customer in one future, discounted, shape (n,).

        Parameters
        ----------
        rates : ContactRates
        costs : AmountModel
        time : ndarray of float64, shape (n,)
            For how long each customer is there.
        rate : float
            Continuous discount rate, in the unit of that time.
        rng : numpy.random.Generator
        """
        number = rates.draw(self.contacts, time, rng)
        drawn = costs.draw(self.contact_costs, even_weights(number, time, rate), rng)
        # A normal variate may fall below 0, which a cost does not.
        return np.maximum(drawn, 0.0)


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
    days, margin, margin_scatter = (numbers_of(frame, name) for name in MARGIN_COLUMNS)
    number, cost, cost_scatter = (numbers_of(frame, name) for name in CONTACT_COLUMNS)
    # Who was in touch was there for a day at least, which a customer won today does not show.
    day = np.where(number > 0, 1 / time_unit.days, 0.0)
    observed = np.maximum(histories_of(frame).T * calendar_stretch(frame), day)
    return Seen(
        Amounts.checked(days, margin, margin_scatter, segment),
        Contacted.checked(number, observed, segment),
        Amounts.checked(number, cost, cost_scatter, segment),
    )


def calendar_stretch(frame: pd.DataFrame) -> FloatArray:
    """Time by the calendar over that of the frame, shape (n,); 1 but where the frame is by the clock of a season."""
    if "T_calendar" not in frame:
        return np.ones(len(frame))
    stretch = np.divide(frame["T_calendar"], frame["T"], out=np.ones(len(frame)), where=frame["T"] > 0)
    return np.asarray(stretch, dtype=np.float64)


def numbers_of(frame: pd.DataFrame, name: str) -> FloatArray:
    """A column of a frame as numbers, shape (n,)."""
    (column,) = required_columns(frame, (name,))
    return np.asarray(column, dtype=np.float64)
