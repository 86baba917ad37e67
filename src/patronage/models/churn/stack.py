"""Boosted trees and the purchase model together, each with the weight that it has earned."""

from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from patronage.errors import ConfigError
from patronage.models.churn.calibrated import CalibratedCandidate
from patronage.models.churn.panel_rows import PanelRows
from patronage.models.churn.rules import Absence
from patronage.models.churn.xgboost_classifier import ChurnClassifier
from patronage.runtime.calibration import Calibration, CalibrationKind
from patronage.runtime.churn_stack import StackedChurnModel
from patronage.runtime.histories import FloatArray


class StackedClassifier(CalibratedCandidate):
    """A logistic regression on two columns: the log odds of the trees and of the purchase model.

    The trees' log odds are those of customers that they had not seen, so the weights are honest, and the sum is
    calibrated by itself (Wolpert 1992, Stacked generalization). A further calibration is learnt on sums whose weights
    come from other customers.

    Parameters
    ----------
    trees : ChurnClassifier
        Not yet fitted. Its horizon, folds, weights and seed hold for the stack; its own calibration does not count.
    presence : str
        Column of the panel with the purchase model's probability that the customer is alive or active, from a purchase
        model that knew nothing later than the cut-off.
    calibration : str
        See `fit_calibration`; without one (none) the sum is the log odds.
    """

    name: ClassVar[str] = "stack"

    def __init__(
        self,
        trees: ChurnClassifier,
        presence: str = "probability_active",
        calibration: CalibrationKind | Literal["auto"] = "none",
    ) -> None:
        if presence in trees.features:
            message = f"{presence} is a feature of the trees already; the stack adds it beside them. Take it out there."
            raise ConfigError(message)
        features = (*trees.features, presence)
        super().__init__(
            trees.horizon_days, features, calibration, trees.n_folds, "natural", trees.population_rate, trees.seed
        )
        self.trees = trees
        self.presence = presence

    def to_model(self) -> StackedChurnModel:
        """Trees, weights and calibration, as the runtime predicts with them.

        Raises
        ------
        ModelError
            Before the model is fitted.
        """
        stack = self._fitted()
        assert isinstance(stack, StackedChurnModel)
        return replace(stack, calibration=self.calibration_)

    def _prepare(self, rows: PanelRows, fold: NDArray[np.intp]) -> None:
        absence = Absence(self.presence).margin(rows.columns)
        self.trees.categories_ = self.categories_
        self.trees._prepare(rows, fold)
        self._both = np.column_stack([self.trees._margins_out_of_fold(rows, fold), absence])

    def _learn(self, rows: PanelRows) -> StackedChurnModel:
        weights, intercept = _weights(self._both[rows.latest], rows.churned[rows.latest])
        return StackedChurnModel(
            trees=self.trees._learn(rows),
            presence=self.presence,
            intercept=intercept,
            trees_weight=float(weights[0]),
            presence_weight=float(weights[1]),
            calibration=Calibration("none", (), ()),
        )

    def _margins_out_of_fold(self, rows: PanelRows, fold: NDArray[np.intp]) -> FloatArray:
        margin = np.full(len(rows), np.nan)
        for number in range(self.n_folds):
            inside, outside = rows.latest & (fold != number), rows.latest & (fold == number)
            weights, intercept = _weights(self._both[inside], rows.churned[inside])
            margin[outside] = intercept + self._both[outside] @ weights
        return margin


def _weights(both: FloatArray, churned: NDArray[np.int8]) -> tuple[FloatArray, float]:
    from sklearn.linear_model import LogisticRegression

    model: Any = LogisticRegression(C=np.inf, max_iter=1000).fit(both, churned)
    return np.asarray(model.coef_[0]), float(model.intercept_[0])
