"""LightGBM as a candidate."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from patronage.models.churn.boosted import BoostedCandidate
from patronage.models.churn.calibrated import MarginModel, row_weights
from patronage.models.churn.folds import Split
from patronage.models.churn.foreign_trees import ForeignTrees
from patronage.models.churn.optional import optional_library
from patronage.models.churn.options import ClassWeight, refuse_options
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import CalibrationKind
from patronage.runtime.histories import FloatArray


class LightGBM(BoostedCandidate):
    """LightGBM's boosted trees; see `BoostedCandidate` for the parameters that are not told here.

    Parameters
    ----------
    max_leaves : int
        Leaves of a tree, which grows leaf by leaf where it gains most.
    min_rows_in_leaf : int
    subsample, colsample_bytree : float
        Share of the rows and of the features that a tree sees.
    reg_lambda : float
        Penalty on the squares of the leaves.
    """

    name: ClassVar[str] = "lightgbm"

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None = None,
        calibration: CalibrationKind | Literal["auto"] = "sigmoid",
        n_folds: int = 5,
        n_trees: int = 1000,
        early_stopping_rounds: int | None = 30,
        max_leaves: int = 8,
        learning_rate: float = 0.05,
        min_rows_in_leaf: int = 20,
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
        refuse_options({"max_leaves": max_leaves, "min_rows_in_leaf": min_rows_in_leaf, "subsample": subsample})
        refuse_options({"reg_lambda": reg_lambda, "colsample_bytree": colsample_bytree})
        self._library = optional_library("lightgbm", "boosting")
        self.tree_settings: dict[str, Any] = {
            "objective": "binary",
            "learning_rate": learning_rate,
            "num_leaves": max_leaves,
            "min_data_in_leaf": min_rows_in_leaf,
            "bagging_fraction": subsample,
            "bagging_freq": 1,
            "feature_fraction": colsample_bytree,
            "lambda_l2": reg_lambda,
            "num_threads": n_threads or 0,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if self.monotone_constraints:
            self.tree_settings["monotone_constraints"] = self._directions
        if self.interactions:
            self.tree_settings["interaction_constraints"] = self._meeting

    def _data(self, rows: PanelRows) -> Any:
        return self._library.Dataset(
            self._matrix(rows.columns),
            label=rows.churned,
            weight=row_weights(rows.churned, self.class_weight),
            categorical_feature=[self._positions[name] for name in self.categories_],
            params={"verbosity": -1},
            free_raw_data=False,
        )

    def _learn(self, rows: PanelRows) -> MarginModel:
        trees = self._library.train(self.tree_settings, self._data(rows), num_boost_round=self.n_trees_)

        def log_odds(matrix: NDArray[np.float32]) -> FloatArray:
            return np.asarray(trees.predict(matrix, raw_score=True))

        return ForeignTrees(self.features, self.categories_, log_odds)

    def _loss_by_trees(self, rows: PanelRows, splits: list[Split]) -> FloatArray:
        history = self._library.cv(
            {**self.tree_settings, "metric": "binary_logloss"},
            self._data(rows),
            num_boost_round=self.n_trees,
            folds=splits,
            callbacks=[self._library.early_stopping(self.early_stopping_rounds, verbose=False)],
        )
        return np.asarray(history["valid binary_logloss-mean"])
