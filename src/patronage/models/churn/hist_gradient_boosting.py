"""scikit-learn's boosted trees as a candidate."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from patronage.models.churn.boosted import BoostedCandidate, mean_loss_by_stage
from patronage.models.churn.calibrated import MarginModel, row_weights
from patronage.models.churn.folds import Split
from patronage.models.churn.foreign_trees import ForeignTrees
from patronage.models.churn.options import ClassWeight, refuse_options
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import CalibrationKind
from patronage.runtime.histories import FloatArray


class HistGradientBoosting(BoostedCandidate):
    """scikit-learn's HistGradientBoostingClassifier; see `BoostedCandidate` for the parameters that are not told here.

    Parameters
    ----------
    max_depth : int
        Of the trees.
    max_leaves : int
        Leaves of a tree.
    min_rows_in_leaf : int
    reg_lambda : float
        Penalty on the squares of the leaves.
    colsample_bytree : float
        Share of the features that a split may choose from.
    """

    name: ClassVar[str] = "hist_gradient_boosting"

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None = None,
        calibration: CalibrationKind | Literal["auto"] = "sigmoid",
        n_folds: int = 5,
        n_trees: int = 300,
        early_stopping_rounds: int | None = 30,
        max_depth: int = 3,
        max_leaves: int = 31,
        learning_rate: float = 0.1,
        min_rows_in_leaf: int = 20,
        reg_lambda: float = 10.0,
        colsample_bytree: float = 0.5,
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
        refuse_options({"max_depth": max_depth, "max_leaves": max_leaves, "min_rows_in_leaf": min_rows_in_leaf})
        refuse_options({"reg_lambda": reg_lambda, "colsample_bytree": colsample_bytree})
        self.max_depth, self.max_leaves, self.min_rows_in_leaf = max_depth, max_leaves, min_rows_in_leaf
        self.reg_lambda, self.colsample_bytree = reg_lambda, colsample_bytree

    def _grown(self, rows: PanelRows, n_trees: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        matrix = self._matrix(rows.columns)
        settings: dict[str, Any] = {
            "max_iter": n_trees,
            "learning_rate": self.learning_rate,
            "max_depth": self.max_depth,
            "max_leaf_nodes": self.max_leaves,
            "min_samples_leaf": self.min_rows_in_leaf,
            "l2_regularization": self.reg_lambda,
            "max_features": self.colsample_bytree,
            "categorical_features": [name in self.categories_ for name in self.features],
            "monotonic_cst": self._directions,
            "interaction_cst": self._meeting or None,
            "early_stopping": False,
            "random_state": self.seed,
        }
        with threadpool_limits(self.n_threads):
            return HistGradientBoostingClassifier(**settings).fit(
                matrix, rows.churned, sample_weight=row_weights(rows.churned, self.class_weight)
            )

    def _learn(self, rows: PanelRows) -> MarginModel:
        trees = self._grown(rows, self.n_trees_)

        def log_odds(matrix: NDArray[np.float32]) -> FloatArray:
            return np.asarray(trees.decision_function(matrix))

        return ForeignTrees(self.features, self.categories_, log_odds)

    def _loss_by_trees(self, rows: PanelRows, splits: list[Split]) -> FloatArray:
        curves = []
        for inside, outside in splits:
            trees, judged = self._grown(rows.take(inside), self.n_trees), rows.take(outside)
            stages = [stage[:, 1] for stage in trees.staged_predict_proba(self._matrix(judged.columns))]
            weight = row_weights(judged.churned, self.class_weight)
            curves.append(mean_loss_by_stage(stages, judged.churned, weight))
        return np.asarray(np.mean(curves, axis=0))
