"""What every churn model offers, so that any two of them can be compared."""

from typing import Any, Protocol, Self, runtime_checkable

import pandas as pd

from patronage.runtime.churn_kinds import AnyChurnModel


@runtime_checkable
class Candidate(Protocol):
    """A model of who will not buy within the horizon.

    Attributes
    ----------
    name : str
        What it is called in tables.
    features : tuple of str
        Columns of the panel that it looks at.
    horizon_days : int
        Churn means: no purchase within so many days after the cut-off.
    """

    name: Any
    features: tuple[str, ...]
    horizon_days: int

    def fit(self, panel: pd.DataFrame) -> Self:
        """Learn from a panel: one row for every customer and cut-off; see `panel_rows`."""
        ...

    def churn_probability(self, frame: pd.DataFrame) -> pd.Series:
        """Probability of no purchase within the horizon, for rows that hold the features."""
        ...


@runtime_checkable
class ShippableCandidate(Candidate, Protocol):
    """A candidate that can be stored in a bundle, because the runtime can predict with it."""

    def to_model(self) -> AnyChurnModel:
        """The fitted model, as the runtime predicts with it."""
        ...
