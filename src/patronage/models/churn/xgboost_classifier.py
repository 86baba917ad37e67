"""Gradient-boosted trees that tell who will not buy within the horizon, calibrated on customers they had not seen."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray

from patronage.errors import ConfigError, FitError, ModelError
from patronage.models.base import like_frame, required_columns
from patronage.models.churn.calibration import KINDS, CalibrationKind, fit_calibration
from patronage.runtime.churn import ChurnModel
from patronage.runtime.histories import FloatArray
from patronage.schema import FEATURES, MODEL_INPUT

_TYPES: dict[str, tuple[type, ...]] = {"whole": (int,), "real": (int, float)}

_OPTIONS: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "horizon_days": ("whole", "1 and above", lambda value: value >= 1),
    "n_folds": ("whole", "2 and above", lambda value: value >= 2),
    "n_trees": ("whole", "1 and above", lambda value: value >= 1),
    "max_depth": ("whole", "1 and above", lambda value: value >= 1),
    "seed": ("whole", "0 and above", lambda value: value >= 0),
    "n_threads": ("whole", "1 and above", lambda value: value >= 1),
    "learning_rate": ("real", "above 0 and up to 1", lambda value: 0 < value <= 1),
    "min_child_weight": ("real", "0 and above", lambda value: 0 <= value < math.inf),
    "subsample": ("real", "above 0 and up to 1", lambda value: 0 < value <= 1),
    "colsample_bytree": ("real", "above 0 and up to 1", lambda value: 0 < value <= 1),
    "reg_lambda": ("real", "0 and above", lambda value: 0 <= value < math.inf),
}
"""Options of the classifier: their type, their range in words, and its test."""


class ChurnClassifier:
    """XGBoost on behavioural features, with calibrated probabilities.

    The trees see every row of the panel. For the calibration they are grown again without one fold of *customers* after
    the other (a customer's rows at several cut-offs never straddle a fold), and the margins of the left-out rows at the
    latest cut-off, the one nearest to the time of scoring, teach the map to probabilities.

    Parameters
    ----------
    horizon_days : int
        Churn means: no purchase within so many days after the cut-off.
    features : sequence of str, optional
        Columns of `schema.MODEL_INPUT` to look at; all of `schema.FEATURES` if not given.
    calibration : {"sigmoid", "isotonic"}
        See `fit_calibration`.
    n_folds : int
        Folds of customers for the calibration, 2 and above.
    n_trees, max_depth : int
        Number and depth of the trees.
    learning_rate, min_child_weight, subsample, colsample_bytree, reg_lambda : float
        As XGBoost names them.
    seed : int
        For the folds and the row samples of the trees.
    n_threads : int, optional
        Threads to grow trees with; all cores if not given.
    """

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None = None,
        calibration: CalibrationKind = "sigmoid",
        n_folds: int = 5,
        n_trees: int = 100,
        max_depth: int = 4,
        learning_rate: float = 0.1,
        min_child_weight: float = 5.0,
        subsample: float = 0.8,
        colsample_bytree: float = 0.8,
        reg_lambda: float = 1.0,
        seed: int = 0,
        n_threads: int | None = None,
    ) -> None:
        self.features = tuple(features) if features else FEATURES.names
        unknown = [name for name in self.features if name not in MODEL_INPUT.names]
        if unknown:
            message = f"Unknown churn features {', '.join(unknown)}; known are {', '.join(MODEL_INPUT.names)}."
            raise ConfigError(message)
        if calibration not in KINDS:
            message = f"calibration must be one of {', '.join(KINDS)}; got {calibration!r}."
            raise ConfigError(message)
        self._tree_settings = {
            "objective": "binary:logistic",
            "tree_method": "hist",
            "max_depth": max_depth,
            "learning_rate": learning_rate,
            "min_child_weight": min_child_weight,
            "subsample": subsample,
            "colsample_bytree": colsample_bytree,
            "reg_lambda": reg_lambda,
            "seed": seed,
            **({} if n_threads is None else {"nthread": n_threads}),
        }
        counts = {
            "horizon_days": horizon_days,
            "n_folds": n_folds,
            "n_trees": n_trees,
            "n_threads": 1 if n_threads is None else n_threads,
        }
        _refuse_options({**self._tree_settings, **counts})
        self.horizon_days = horizon_days
        self.calibration: CalibrationKind = calibration
        self.n_folds = n_folds
        self.n_trees = n_trees
        self.seed = seed

    def fit(self, panel: pd.DataFrame) -> Self:
        """Grow the trees and learn the calibration.

        Parameters
        ----------
        panel : DataFrame
            One row for every customer and cut-off: customer_id, cutoff (date), churned (0 or 1) and the features;
            missing features are NaN.

        Raises
        ------
        InputError
            If a column is missing.
        FitError
            If the panel holds too few customers for the folds, or only one class at its latest cut-off.
        """
        required_columns(panel, ("customer_id", "cutoff", "churned", *self.features))
        churned = panel["churned"].to_numpy(np.int8)
        latest = (panel["cutoff"] == panel["cutoff"].max()).to_numpy()
        self._refuse_panel(panel, churned, latest)
        matrix = panel[list(self.features)].to_numpy(np.float32)
        groups = pd.factorize(panel["customer_id"])[0]
        margin = self._margins_out_of_fold(matrix, churned, groups)
        self._model = ChurnModel(
            booster=self._grow(matrix, churned),
            features=self.features,
            horizon_days=self.horizon_days,
            calibration=fit_calibration(self.calibration, margin[latest], churned[latest]),
        )
        return self

    def to_model(self) -> ChurnModel:
        """The fitted trees and calibration, as the runtime predicts with them.

        Raises
        ------
        ModelError
            Before the model is fitted.
        """
        model: ChurnModel | None = getattr(self, "_model", None)
        if model is None:
            message = "This ChurnClassifier is not fitted yet: call fit(panel) first."
            raise ModelError(message)
        return model

    def churn_probability(self, frame: pd.DataFrame) -> pd.Series:
        """Probability of no purchase within the horizon, for rows that hold the features."""
        columns = required_columns(frame, self.features)
        named = dict(zip(self.features, (np.asarray(column, np.float64) for column in columns), strict=True))
        return like_frame(self.to_model().churn_probability(named), frame, "churn_probability")

    def importances(self) -> pd.Series:
        """Total gain of every feature over all trees, as shares that sum to 1, largest first."""
        gain = self.to_model().booster.get_score(importance_type="total_gain")
        gains = np.array([gain.get(name, 0.0) for name in self.features], dtype=np.float64)
        shares = pd.Series(gains / max(gains.sum(), np.finfo(float).tiny), index=list(self.features))
        return shares.rename("total_gain_share").sort_values(ascending=False)

    def _refuse_panel(self, panel: pd.DataFrame, churned: NDArray[np.int8], latest: NDArray[np.bool_]) -> None:
        customers = panel["customer_id"].nunique()
        classes = np.bincount(churned[latest], minlength=2)
        if customers < 2 * self.n_folds or classes.min() < self.n_folds:
            message = (
                f"The churn classifier needs at least {2 * self.n_folds} customers and {self.n_folds} of each class at "
                f"the latest cut-off; got {customers} customers, {classes[1]} churned and {classes[0]} active. "
                "Choose a horizon or cut-offs at which some customers leave and some stay."
            )
            raise FitError(message)

    def _margins_out_of_fold(
        self, matrix: NDArray[np.float32], churned: NDArray[np.int8], groups: NDArray[np.intp]
    ) -> FloatArray:
        from sklearn.model_selection import GroupKFold

        margin = np.full(len(churned), np.nan)
        folds = GroupKFold(self.n_folds, shuffle=True, random_state=self.seed)
        for inside, outside in folds.split(matrix, churned, groups):
            booster = self._grow(matrix[inside], churned[inside])
            margin[outside] = booster.predict(self._matrix(matrix[outside]), output_margin=True)
        return margin

    def _grow(self, matrix: NDArray[np.float32], churned: NDArray[np.int8]) -> xgboost.Booster:
        return xgboost.train(self._tree_settings, self._matrix(matrix, churned), num_boost_round=self.n_trees)

    def _matrix(self, matrix: NDArray[np.float32], churned: NDArray[np.int8] | None = None) -> xgboost.DMatrix:
        return xgboost.DMatrix(matrix, label=churned, feature_names=list(self.features))


def _refuse_options(given: dict[str, Any]) -> None:
    """Name every option that is of another type than asked for, or out of its range."""
    problems = [
        f"{name} must be a {kind} number, {asked}, got {given[name]!r}"
        for name, (kind, asked, fits) in _OPTIONS.items()
        if isinstance(given[name], bool) or not isinstance(given[name], _TYPES[kind]) or not fits(given[name])
    ]
    if problems:
        raise ConfigError("; ".join(problems) + ".")
