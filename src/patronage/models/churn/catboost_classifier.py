"""CatBoost as a candidate."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import ConfigError
from patronage.models.churn.boosted import BoostedCandidate
from patronage.models.churn.calibrated import MarginModel, row_weights
from patronage.models.churn.folds import Split
from patronage.models.churn.foreign_trees import ForeignTrees
from patronage.models.churn.optional import optional_library
from patronage.models.churn.options import ClassWeight, refuse_options
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import CalibrationKind
from patronage.runtime.histories import FloatArray

MISSING_CATEGORY = -1
"""The code of a missing or unknown category: CatBoost wants categories to be whole numbers."""


class CatBoost(BoostedCandidate):
    """CatBoost's symmetric trees; see `BoostedCandidate` for the parameters that are not told here.

    It knows no limits on interactions, and refuses them.

    Parameters
    ----------
    max_depth : int
        Of the trees.
    reg_lambda : float
        Penalty on the squares of the leaves.
    """

    name: ClassVar[str] = "catboost"

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None = None,
        calibration: CalibrationKind | Literal["auto"] = "sigmoid",
        n_folds: int = 5,
        n_trees: int = 300,
        early_stopping_rounds: int | None = 30,
        max_depth: int = 4,
        learning_rate: float = 0.1,
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
        if self.interactions:
            message = "CatBoost knows no limits on interactions. Leave interactions out, or choose another candidate."
            raise ConfigError(message)
        refuse_options({"max_depth": max_depth, "reg_lambda": reg_lambda})
        self._library = optional_library("catboost", "boosting")
        self.tree_settings: dict[str, Any] = {
            "loss_function": "Logloss",
            "depth": max_depth,
            "learning_rate": learning_rate,
            "l2_leaf_reg": reg_lambda,
            "random_seed": seed,
            "thread_count": n_threads or -1,
            "allow_writing_files": False,
            "verbose": False,
        }
        if self.monotone_constraints:
            self.tree_settings["monotone_constraints"] = self._directions

    def _pool(self, matrix: NDArray[np.float32], churned: NDArray[np.int8] | None = None) -> Any:
        frame = pd.DataFrame(matrix)
        positions = [self._positions[name] for name in self.categories_]
        frame = frame.astype(dict.fromkeys(positions, object))
        for position in positions:
            frame[position] = np.nan_to_num(matrix[:, position], nan=MISSING_CATEGORY).astype(int)
        weight = None if churned is None else row_weights(churned, self.class_weight)
        return self._library.Pool(frame, label=churned, weight=weight, cat_features=positions)

    def _learn(self, rows: PanelRows) -> MarginModel:
        data = self._pool(self._matrix(rows.columns), rows.churned)
        trees = self._library.CatBoost({**self.tree_settings, "iterations": self.n_trees_}).fit(data)

        def log_odds(matrix: NDArray[np.float32]) -> FloatArray:
            return np.asarray(trees.predict(self._pool(matrix), prediction_type="RawFormulaVal"))

        return ForeignTrees(self.features, self.categories_, log_odds)

    def _loss_by_trees(self, rows: PanelRows, splits: list[Split]) -> FloatArray:
        curves = []
        for inside, outside in splits:
            learnt_from, judged = rows.take(inside), rows.take(outside)
            trees = self._library.CatBoost({**self.tree_settings, "iterations": self.n_trees})
            trees.fit(
                self._pool(self._matrix(learnt_from.columns), learnt_from.churned),
                eval_set=self._pool(self._matrix(judged.columns), judged.churned),
                use_best_model=False,
            )
            curves.append(trees.get_evals_result()["validation"]["Logloss"])
        return np.asarray(np.mean(curves, axis=0))
