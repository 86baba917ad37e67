"""Candidates of one column: the purchase model's own verdict, and the time since the last purchase."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from patronage.errors import InputError
from patronage.models.churn.calibrated import CalibratedCandidate
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import CalibrationKind
from patronage.runtime.churn_stack import log_odds_of_absence
from patronage.runtime.histories import FloatArray


@dataclass(frozen=True)
class Absence:
    """Log odds that the purchase model gives to a customer's absence; nothing is learnt.

    Attributes
    ----------
    presence : str
        Column with its probability that the customer is alive or active.
    """

    presence: str

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Log odds, shape (n,).

        Raises
        ------
        InputError
            If the column holds anything but probabilities.
        """
        values = columns[self.presence]
        wrong = ~((values >= 0) & (values <= 1)) if values.dtype != object else np.ones(len(values), dtype=bool)
        if wrong.any():
            message = (
                f"{self.presence} must hold the purchase model's probability, 0 to 1, for every customer; "
                f"{wrong.sum():,} of {len(values):,} rows do not. Score the panel with the purchase model first."
            )
            raise InputError(message, counts={"no probability": int(wrong.sum())})
        return log_odds_of_absence(values)


class PurchaseRule(CalibratedCandidate):
    """What the purchase model says: ``1 - probability_alive``, or another column of its probabilities.

    The panel holds the probability of each customer at each cut-off, from a purchase model that knew nothing later.

    Parameters
    ----------
    presence : str
        The column: probability_alive, or probability_active, which looks as far ahead as churn does.
    calibration : str
        See `fit_calibration`; without one (none) the probability stands as it is.
    """

    name: ClassVar[str] = "purchase_model"

    def __init__(
        self,
        horizon_days: int,
        presence: str = "probability_alive",
        calibration: CalibrationKind | Literal["auto"] = "none",
        n_folds: int = 5,
        population_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon_days, (presence,), calibration, n_folds, "natural", population_rate, seed)

    def _learn(self, rows: PanelRows) -> Absence:
        learnt = Absence(self.features[0])
        learnt.margin(rows.columns)
        return learnt


@dataclass(frozen=True)
class Silence:
    """Log odds of churn by the time since the last purchase.

    Attributes
    ----------
    column : str
        Days since the last purchase.
    intercept, slope : float
        Log odds are ``intercept + slope * ln(1 + days)``.
    """

    column: str
    intercept: float
    slope: float

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Log odds, shape (n,)."""
        return np.asarray(self.intercept + self.slope * np.log1p(columns[self.column]))


class RecencyRule(CalibratedCandidate):
    """The longer silent, the likelier gone: a logistic curve over the time since the last purchase.

    Managers judge by this rule, and it is hard to beat: Wübben and von Wangenheim (2008), Instant customer base
    analysis, Journal of Marketing 72(3).

    Parameters
    ----------
    column : str
        Days since the last purchase, for every customer.
    """

    name: ClassVar[str] = "recency"

    def __init__(
        self,
        horizon_days: int,
        column: str = "days_since_last_purchase",
        calibration: CalibrationKind | Literal["auto"] = "none",
        n_folds: int = 5,
        population_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon_days, (column,), calibration, n_folds, "natural", population_rate, seed)

    def _learn(self, rows: PanelRows) -> Silence:
        from sklearn.linear_model import LogisticRegression

        column = self.features[0]
        days = rows.columns[column]
        wrong = ~(days >= 0) if days.dtype != object else np.ones(len(days), dtype=bool)
        if wrong.any():
            message = f"{column} must be 0 or more for every customer; {wrong.sum():,} of {len(days):,} rows are not."
            raise InputError(message, counts={"no length of time": int(wrong.sum())})
        curve: Any = LogisticRegression(C=np.inf).fit(np.log1p(days)[:, None], rows.churned)
        return Silence(column, float(curve.intercept_[0]), float(curve.coef_[0, 0]))
