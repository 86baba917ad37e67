"""Gradient-boosted trees that tell who will not buy within the horizon, calibrated on customers they had not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import xgboost

from patronage.errors import ConfigError
from patronage.models.churn.batch_training import grown_in_batches
from patronage.models.churn.batches import CALIBRATING, BatchedPanel, Batches
from patronage.models.churn.boosted import BoostedCandidate
from patronage.models.churn.calibrated import churner_weight, row_weights
from patronage.models.churn.folds import Split
from patronage.models.churn.options import ClassWeight, refuse_options
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import Calibration, CalibrationKind
from patronage.runtime.churn import ChurnModel, matrix_input, trees_input
from patronage.runtime.histories import FloatArray


class ChurnClassifier(BoostedCandidate):
    """XGBoost on the features of a panel, with calibrated probabilities.

    Missing values and categories are taken as they are. See `CalibratedCandidate` and `BoostedCandidate` for how it is
    fitted, and for the parameters that are not told here.

    Parameters
    ----------
    max_depth : int
        Of the trees.
    min_child_weight, subsample, colsample_bytree, reg_lambda : float
        As XGBoost names them.
    """

    name: ClassVar[str] = "xgboost"

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None = None,
        calibration: CalibrationKind | Literal["auto"] = "sigmoid",
        n_folds: int = 5,
        n_trees: int = 1000,
        early_stopping_rounds: int | None = 30,
        max_depth: int = 3,
        learning_rate: float = 0.08,
        min_child_weight: float = 10.0,
        subsample: float = 0.8,
        colsample_bytree: float = 0.5,
        reg_lambda: float = 10.0,
        monotone_constraints: Mapping[str, int] | None = None,
        interactions: Sequence[Sequence[str]] | None = None,
        class_weight: ClassWeight = "natural",
        population_rate: float | None = None,
        seed: int = 0,
        n_threads: int | None = None,
    ) -> None:
        super().__init__(
            horizon_days,
            features,
            calibration,
            n_folds,
            class_weight,
            population_rate,
            seed,
            n_trees=n_trees,
            early_stopping_rounds=early_stopping_rounds,
            learning_rate=learning_rate,
            monotone_constraints=monotone_constraints,
            interactions=interactions,
            n_threads=n_threads,
        )
        shape = {
            "max_depth": max_depth,
            "min_child_weight": min_child_weight,
            "subsample": subsample,
            "colsample_bytree": colsample_bytree,
            "reg_lambda": reg_lambda,
        }
        refuse_options(shape)
        self.tree_settings: dict[str, Any] = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "tree_method": "hist",
            "learning_rate": learning_rate,
            "seed": seed,
            **shape,
        }
        if n_threads is not None:
            self.tree_settings["nthread"] = n_threads
        if self.monotone_constraints:
            self.tree_settings["monotone_constraints"] = tuple(self._directions)
        if self.interactions:
            self.tree_settings["interaction_constraints"] = [list(group) for group in self.interactions]

    def to_model(self) -> ChurnModel:
        """The fitted trees and calibration, as the runtime predicts with them.

        Raises
        ------
        ModelError
            Before the model is fitted.
        """
        trees = self._fitted()
        assert isinstance(trees, ChurnModel)
        return replace(trees, calibration=self.calibration_)

    def importances(self) -> pd.Series:
        """Total gain of every feature over all trees, as shares that sum to 1, largest first."""
        gain = self.to_model().booster.get_score(importance_type="total_gain")
        gains = np.array([gain.get(name, 0.0) for name in self.features], dtype=np.float64)
        shares = pd.Series(gains / max(gains.sum(), np.finfo(float).tiny), index=list(self.features))
        return shares.rename("total_gain_share").sort_values(ascending=False)

    def fit_batches(self, batches: Batches, *, left_out: float = 0.1, cache: Path | None = None) -> Self:
        """Grow the trees on a panel that comes in batches, without ever holding its features as floats.

        Every feature is kept as the number of its bin, one byte each. Instead of folds, some customers are left out:
        half of them tell when to stop growing, the other half teach the calibration. The trees do not see them.

        Parameters
        ----------
        batches : callable
            Gives the batches of the panel (Arrow record batches with the columns of `fit`) from the beginning, the same
            ones in the same order whenever it is called; text is a column of strings.
        left_out : float
            Share of the customers, above 0 and up to 0.5.
        cache : Path, optional
            Folder for the bins, where they do not fit into memory either; what is written there is removed afterwards.

        Raises
        ------
        InputError
            If a column is missing or unusable, or the batches change.
        FitError
            If there are too few of a class.
        ConfigError
            If `left_out` does not fit.
        """
        if not 0 < left_out <= 0.5:
            message = f"left_out must be a share above 0 and up to 0.5, got {left_out!r}."
            raise ConfigError(message)
        panel = BatchedPanel.surveyed(batches, self.features, left_out, self.seed)
        self.categories_ = panel.categories
        weight = churner_weight(panel.training_rate, self.class_weight)
        booster = grown_in_batches(panel, self.tree_settings, self.n_trees, self.early_stopping_rounds, weight, cache)
        matrix, churned = panel.gathered(CALIBRATING)
        data = matrix_input(matrix, self.features, self.categories_)
        margin = booster.predict(data, output_margin=True).astype(np.float64)
        dealt = np.random.default_rng(self.seed).permutation(len(margin)) % self.n_folds
        self.n_trees_ = booster.num_boosted_rounds()
        self._set_calibration(margin, churned, dealt, weight)
        self._learnt = self._as_model(booster)
        return self

    def _learn(self, rows: PanelRows) -> ChurnModel:
        booster = xgboost.train(self.tree_settings, self._data(rows), num_boost_round=self.n_trees_)
        return self._as_model(booster)

    def _as_model(self, booster: xgboost.Booster) -> ChurnModel:
        return ChurnModel(booster, self.features, self.horizon_days, Calibration("none", (), ()), self.categories_)

    def _data(self, rows: PanelRows) -> xgboost.DMatrix:
        weight = row_weights(rows.churned, self.class_weight)
        return trees_input(rows.columns, self.features, self.categories_, rows.churned, weight)

    def _loss_by_trees(self, rows: PanelRows, splits: list[Split]) -> FloatArray:
        history = xgboost.cv(
            self.tree_settings,
            self._data(rows),
            num_boost_round=self.n_trees,
            folds=splits,
            early_stopping_rounds=self.early_stopping_rounds,
            as_pandas=False,
        )
        return np.asarray(history["test-logloss-mean"])
