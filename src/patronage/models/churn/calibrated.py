"""The way all candidates are fitted: learn from every row, calibrate on customers that were left out."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import ConfigError, ModelError
from patronage.models.base import like_frame
from patronage.models.churn.calibration import (
    AUTO,
    KINDS,
    choose_calibration,
    fit_calibration,
    with_population_rate,
)
from patronage.models.churn.columns import feature_columns, frequent_values
from patronage.models.churn.folds import customer_folds, out_of_fold_splits
from patronage.models.churn.options import ClassWeight, refuse_options
from patronage.models.churn.panel_rows import PanelRows, panel_rows
from patronage.runtime.calibration import Calibration, CalibrationKind
from patronage.runtime.histories import FloatArray
from patronage.schema import FEATURES


class MarginModel(Protocol):
    """Something learnt that gives log odds."""

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Log odds of churn before any calibration, shape (n,)."""
        ...


class CalibratedCandidate(ABC):
    """Base of the candidates.

    The final model sees every row of the panel. For the calibration it is learnt again without one fold of *customers*
    after the other (a customer's rows at several cut-offs never straddle a fold), and the margins of the left-out rows
    at the latest cut-off, the one nearest to the time of scoring, teach the map to probabilities.

    Parameters
    ----------
    horizon_days : int
        Churn means: no purchase within so many days after the cut-off.
    features : sequence of str, optional
        Columns of the panel to look at: numbers, or text, which is taken as categories; `schema.FEATURES` if not given.
        Of a text column the `MOST_CATEGORIES` most frequent values are told apart, all others count as missing.
    calibration : {"none", "temperature", "sigmoid", "beta", "isotonic", "auto"}
        See `fit_calibration`; auto compares them by `choose_calibration`.
    n_folds : int
        Folds of customers, 2 and above.
    class_weight : {"natural", "balanced"} or float
        How much a churner counts in learning: as everyone (natural), as much as makes both classes equal (balanced), or
        so many times. Probabilities are brought back to the natural rate in every case.
    population_rate : float, optional
        Share of churners among all customers, if the panel was sampled so that it has another; see
        `with_population_rate`. The panel's own share at its latest cut-off if not given.
    seed : int
        For the folds, and for what is random in learning.

    Attributes
    ----------
    calibration_ : Calibration
    calibration_choice_ : DataFrame or None
        From `choose_calibration`, if the kind was chosen.
    uninformative_ : tuple of str
        Features with the same value in every row of the panel that `fit` was given.
    categories_ : dict of str to tuple of str
        For each feature that is text, the values that are told apart.
    """

    name: ClassVar[str]

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None,
        calibration: CalibrationKind | Literal["auto"],
        n_folds: int,
        class_weight: ClassWeight,
        population_rate: float | None,
        seed: int,
    ) -> None:
        if calibration not in (*KINDS, AUTO):
            message = f"calibration must be one of {', '.join((*KINDS, AUTO))}; got {calibration!r}."
            raise ConfigError(message)
        if calibration == "temperature" and class_weight != "natural":
            message = (
                "calibration=temperature leaves a probability of one half where it is, so it needs natural weights."
            )
            raise ConfigError(message)
        given = {"horizon_days": horizon_days, "n_folds": n_folds, "seed": seed}
        refuse_options({**given, "class_weight": class_weight, "population_rate": population_rate})
        self.features = tuple(features) if features else FEATURES.names
        self.horizon_days = horizon_days
        self.calibration = calibration
        self.n_folds = n_folds
        self.class_weight = class_weight
        self.population_rate = population_rate
        self.seed = seed

    def fit(self, panel: pd.DataFrame) -> Self:
        """Learn the model and its calibration.

        Parameters
        ----------
        panel : DataFrame
            One row for every customer and cut-off: customer_id, cutoff (date), churned (0 or 1) and the features;
            missing features are NaN. See `panel_rows`.

        Raises
        ------
        InputError
            If a column is missing or unusable.
        FitError
            If the panel holds too few customers for the folds, or only one class at its latest cut-off.
        """
        rows = panel_rows(panel, self.features, self.n_folds)
        fold = customer_folds(rows, self.n_folds, self.seed)
        self.uninformative_ = rows.uninformative
        self.categories_ = frequent_values(rows.columns)
        self._prepare(rows, fold)
        latest = rows.latest
        unseen = np.full(len(rows), np.nan) if self.calibration == "none" else self._margins_out_of_fold(rows, fold)
        # Dealt anew, so that kinds of calibration are compared across the folds that the margins come from.
        dealt = customer_folds(rows, self.n_folds, self.seed + 1)[latest]
        learnt = self._learn(rows)
        weight = churner_weight(float(rows.churned.mean()), self.class_weight)
        self._set_calibration(unseen[latest], rows.churned[latest], dealt, weight)
        self._learnt = learnt
        return self

    def churn_probability(self, frame: pd.DataFrame) -> pd.Series:
        """Probability of no purchase within the horizon, for rows that hold the features.

        Raises
        ------
        InputError
            If a feature is missing, or is text where the panel had numbers or the other way round.
        ModelError
            Before the model is fitted.
        """
        learnt = self._fitted()
        margin = learnt.margin(feature_columns(frame, self.features, self.categories_))
        return like_frame(self.calibration_.probability(margin), frame, "churn_probability")

    @abstractmethod
    def _learn(self, rows: PanelRows) -> MarginModel:
        """Learn from rows, without a calibration."""

    def _prepare(self, rows: PanelRows, fold: NDArray[np.intp]) -> None:  # noqa: B027  (few have anything to settle)
        """Settle what is chosen by validation, such as a number of trees, once for all that is learnt after."""

    def _fitted(self) -> MarginModel:
        learnt: MarginModel | None = getattr(self, "_learnt", None)
        if learnt is None:
            message = f"This {type(self).__name__} is not fitted yet: call fit(panel) first."
            raise ModelError(message)
        return learnt

    def _margins_out_of_fold(self, rows: PanelRows, fold: NDArray[np.intp]) -> FloatArray:
        """Margins of the rows at the latest cut-off, NaN for all others."""
        margin = np.full(len(rows), np.nan)
        for inside, outside in out_of_fold_splits(rows, fold):
            margin[outside] = self._learn(rows.take(inside)).margin(rows.take(outside).columns)
        return margin

    def _set_calibration(
        self, margin: FloatArray, churned: NDArray[np.int8], fold: NDArray[np.intp], weight: float
    ) -> None:
        """Learn the calibration from margins of customers that were left out.

        Parameters
        ----------
        margin : ndarray of float64, shape (m,)
        churned : ndarray of int8, shape (m,)
        fold : ndarray of int, shape (m,)
            By which kinds are compared, if the kind is to be chosen.
        weight : float
            How many times a churner counted in learning.
        """
        self.calibration_choice_: pd.DataFrame | None = None
        if self.calibration == AUTO:
            kind, self.calibration_choice_ = choose_calibration(margin, churned, fold)
        else:
            kind = self.calibration
        calibration = fit_calibration(kind, margin, churned)
        if kind == "none":
            # Learning with weights is learning at another rate of churners; the other kinds learn the way back.
            calibration = replace(calibration, offset=-math.log(weight))
        if self.population_rate is not None:
            calibration = with_population_rate(calibration, float(churned.mean()), self.population_rate)
        self.calibration_: Calibration = calibration


def churner_weight(training_rate: float, class_weight: ClassWeight) -> float:
    """How many times a churner counts as much as another customer, where `training_rate` of the rows are churners."""
    if class_weight == "natural":
        return 1.0
    if class_weight == "balanced":
        return (1 - training_rate) / training_rate if 0 < training_rate < 1 else 1.0
    return float(class_weight)


def row_weights(churned: NDArray[np.int8], class_weight: ClassWeight) -> FloatArray | None:
    """Weight of each row in learning, shape (n,); none where all count the same."""
    if class_weight == "natural":
        return None
    return np.where(churned == 1, churner_weight(float(churned.mean()), class_weight), 1.0)
