"""What boosted trees of every make have in common: how many trees, and when to stop."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from patronage.models.churn.calibrated import CalibratedCandidate
from patronage.models.churn.calibration import log_losses
from patronage.models.churn.folds import Split, later_splits
from patronage.models.churn.options import ClassWeight, checked_interactions, checked_monotone, refuse_options
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import CalibrationKind
from patronage.runtime.churn import feature_matrix
from patronage.runtime.histories import FloatArray


class BoostedCandidate(CalibratedCandidate):
    """Base of boosted trees, however they are grown; see `CalibratedCandidate` for the other parameters.

    Parameters
    ----------
    n_trees : int
        Number of trees; the most of them, if growing may stop early.
    early_stopping_rounds : int, optional
        The number of trees is the one with the least mean log loss over folds of `later_splits`: other customers at a
        later cut-off or, in a panel with one cut-off, other customers. Growing stops when so many more trees brought
        nothing. Without it, all of `n_trees` are grown.
    learning_rate : float
    monotone_constraints : mapping of str to int, optional
        Features that may move the probability only up (1) or only down (-1).
    interactions : sequence of sequences of str, optional
        Groups of features that may meet on the way down a tree; those in no group meet nothing but themselves.
    n_threads : int, optional
        Threads to grow trees with; all cores if not given.

    Attributes
    ----------
    n_trees_ : int
        Trees of the fitted model.
    """

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None,
        calibration: CalibrationKind | Literal["auto"],
        n_folds: int,
        class_weight: ClassWeight,
        population_rate: float | None,
        seed: int,
        *,
        n_trees: int,
        early_stopping_rounds: int | None,
        learning_rate: float,
        monotone_constraints: Mapping[str, int] | None,
        interactions: Sequence[Sequence[str]] | None,
        n_threads: int | None,
    ) -> None:
        super().__init__(horizon_days, features, calibration, n_folds, class_weight, population_rate, seed)
        refuse_options({"n_trees": n_trees, "early_stopping_rounds": early_stopping_rounds})
        refuse_options({"learning_rate": learning_rate, "n_threads": n_threads})
        self.n_trees = n_trees
        self.early_stopping_rounds = early_stopping_rounds
        self.learning_rate = learning_rate
        self.monotone_constraints = checked_monotone(monotone_constraints, self.features)
        self.interactions = checked_interactions(interactions, self.features)
        self.n_threads = n_threads

    def _prepare(self, rows: PanelRows, fold: NDArray[np.intp]) -> None:
        self.n_trees_ = self.n_trees
        if self.early_stopping_rounds is not None:
            curve = self._loss_by_trees(rows, later_splits(rows, fold))
            self.n_trees_ = best_round(curve, self.early_stopping_rounds)

    @abstractmethod
    def _loss_by_trees(self, rows: PanelRows, splits: list[Split]) -> FloatArray:
        """Mean log loss over the splits with 1, 2, ... trees, up to where growing may stop."""

    def _matrix(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        return feature_matrix(columns, self.features, self.categories_)

    @property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.features)}

    @property
    def _directions(self) -> list[int]:
        """The monotone constraint of each feature, 0 where there is none."""
        return [self.monotone_constraints.get(name, 0) for name in self.features]

    @property
    def _meeting(self) -> list[list[int]]:
        """The groups of `interactions` by position."""
        return [[self._positions[name] for name in group] for group in self.interactions]


def best_round(curve: FloatArray, patience: int) -> int:
    """Number of trees with the least loss, not looking beyond `patience` trees without a better one.

    Examples
    --------
    >>> best_round(np.array([0.7, 0.6, 0.65, 0.66, 0.1]), patience=2)
    2
    """
    best = 0
    for position, loss in enumerate(curve):
        if loss < curve[best]:
            best = position
        elif position - best >= patience:
            break
    return best + 1


def mean_loss_by_stage(stages: list[FloatArray], churned: NDArray[np.int8], weight: FloatArray | None) -> FloatArray:
    """Mean log loss of the probabilities after 1, 2, ... trees, each row with the weight that it has in learning."""
    return np.array([np.average(log_losses(churned, probability), weights=weight) for probability in stages])
