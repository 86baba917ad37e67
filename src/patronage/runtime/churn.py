"""The churn classifier at prediction time: gradient-boosted trees and a calibration curve."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import xgboost
from scipy import special

from .histories import FloatArray


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone map from the margin of the trees to a probability.

    Attributes
    ----------
    kind : {"sigmoid", "isotonic"}
        ``sigmoid``: the logistic function of ``knots_y[0] + knots_y[1] * margin`` (Platt 1999).
        ``isotonic``: straight lines between the knots, constant beyond them (Zadrozny and Elkan 2002).
    knots_x, knots_y : tuple of float
        The learnt numbers; `knots_x` is empty for ``sigmoid``.
    """

    kind: Literal["sigmoid", "isotonic"]
    knots_x: tuple[float, ...]
    knots_y: tuple[float, ...]

    def probability(self, margin: FloatArray) -> FloatArray:
        """Calibrated probability for a margin (log odds), both of shape (n,)."""
        if self.kind == "sigmoid":
            intercept, slope = self.knots_y
            return special.expit(intercept + slope * margin)  # type: ignore[no-any-return]
        return np.interp(margin, self.knots_x, self.knots_y)


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """Trees, the names of what they look at, and their calibration.

    Attributes
    ----------
    booster : xgboost.Booster
        The trees; their raw output is the margin (log odds of churn).
    features : tuple of str
        Input columns, in the order that the trees were grown with.
    horizon_days : int
        Churn means: no purchase within so many days after the as-of date.
    calibration : Calibration
    """

    booster: xgboost.Booster
    features: tuple[str, ...]
    horizon_days: int
    calibration: Calibration

    def margin(self, columns: dict[str, FloatArray]) -> FloatArray:
        """Raw output of the trees, log odds, shape (n,); missing values are NaN."""
        matrix = np.column_stack([columns[name] for name in self.features]).astype(np.float32)
        data = xgboost.DMatrix(matrix, feature_names=list(self.features))
        return self.booster.predict(data, output_margin=True).astype(np.float64)

    def churn_probability(self, columns: dict[str, FloatArray]) -> FloatArray:
        """Calibrated probability of no purchase within `horizon_days`.

        Parameters
        ----------
        columns : dict of str to ndarray of float64, shape (n,)
            Holds at least the columns `features`.

        Returns
        -------
        ndarray of float64, shape (n,)
            Between 0 and 1.
        """
        return self.calibration.probability(self.margin(columns))
