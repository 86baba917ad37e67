"""What each feature adds to the margin of a churn model: sums that end exactly where the score began."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, ModelError
from .churn import ChurnModel, feature_matrix, trees_input
from .churn_kinds import AnyChurnModel
from .churn_logistic import LogisticChurnModel
from .churn_stack import StackedChurnModel, log_odds_of_absence
from .histories import FloatArray
from .tree_tables import MOST_CELLS, TreeTables, table_cells

ExplainMethod = Literal["auto", "exact", "fast"]
"""How contributions of trees are found.

exact
    Shapley values of the trees, from tables, or by XGBoost's own slow TreeSHAP where the trees are too deep for tables.
fast
    XGBoost's approximate contributions (Saabas 2014): along the way of a row, each split gets the change of the mean.
auto
    exact from tables, which is quicker than both others; fast where trees are too deep for tables.
"""

METHODS: tuple[ExplainMethod, ...] = ("auto", "exact", "fast")

Usual = Mapping[str, Any]
"""What is usual among the customers that a model learnt from: the median of numbers, the most frequent text."""

CHECKED_ROWS = 64
"""First rows of every call whose contributions are held against the margin itself."""

TOLERANCE = 1e-4
"""Of that check, in log odds, for a margin of 1: trees sum in single precision, contributions in double."""


class Explainer:
    """Contributions of the features of one churn model.

    Parameters
    ----------
    model : AnyChurnModel
    usual : mapping, optional
        The purchase model's part of a stack is told relative to the usual customer; without it, to a customer as likely
        gone as not.
    method : {"auto", "exact", "fast"}
        See `ExplainMethod`. A logistic regression is always exact.

    Attributes
    ----------
    features : tuple of str
        In the order of the contributions.
    method : str
        tables, shapley (XGBoost's own), approximate, or terms (of a logistic regression).
    bias : float
        Log odds before any feature has a say.

    Raises
    ------
    ConfigError
        If there is no such method.
    ModelError
        If the booster is no plain sum of trees.
    """

    def __init__(self, model: AnyChurnModel, usual: Usual | None = None, method: ExplainMethod = "auto") -> None:
        if method not in METHODS:
            message = f"explain_method must be one of {', '.join(METHODS)}; got {method!r}."
            raise ConfigError(message)
        self.model = model
        self.features = tuple(model.features)
        self._tables: TreeTables | None = None
        if isinstance(model, LogisticChurnModel):
            self.method, self.bias = "terms", model.intercept
            return
        self._approximate = method == "fast"
        self.method = "approximate" if method == "fast" else "tables"
        if self.method == "tables" and table_cells(model.booster) > MOST_CELLS:
            self._approximate = method == "auto"
            self.method = "approximate" if method == "auto" else "shapley"
        self._tables = TreeTables(model.booster) if self.method == "tables" else None
        self.bias = self._bias_of_trees()
        if isinstance(model, StackedChurnModel):
            present = float((usual or {}).get(model.presence, 0.5))
            self._usual_absence = float(log_odds_of_absence(np.array([present]))[0])
            self.bias = model.intercept + model.trees_weight * self.bias + model.presence_weight * self._usual_absence

    def contributions(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """What each feature adds to the log odds of each row.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            Holds at least the columns `features`.

        Returns
        -------
        ndarray of float64, shape (number of features, n)
            With `bias` the contributions of a row sum to its margin.

        Raises
        ------
        InputError
            If text stands where a number is expected, or the other way round.
        ModelError
            If they do not sum to the margin, which a later XGBoost that stores trees in another way might cause.
        """
        model = self.model
        if isinstance(model, LogisticChurnModel):
            return np.ascontiguousarray(model.terms(columns).T)
        if isinstance(model, StackedChurnModel):
            absence = log_odds_of_absence(columns[model.presence]) - self._usual_absence
            of_trees = model.trees_weight * self._of_trees(model.trees, columns)
            found = np.vstack([of_trees, model.presence_weight * absence])
        else:
            found = self._of_trees(model, columns)
        self._check(columns, found)
        return found

    def _of_trees(self, trees: ChurnModel, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        if self._tables is not None:
            return self._tables.contributions(feature_matrix(columns, trees.features, trees.categories))
        if not len(columns[trees.features[0]]):
            # XGBoost warns of a table without rows.
            return np.zeros((len(trees.features), 0))
        data = trees_input(columns, trees.features, trees.categories)
        found = trees.booster.predict(data, pred_contribs=True, approx_contribs=self._approximate)
        return np.ascontiguousarray(found[:, :-1].T, dtype=np.float64)

    def _bias_of_trees(self) -> float:
        if self._tables is not None:
            return self._tables.bias
        assert not isinstance(self.model, LogisticChurnModel)
        trees = self.model.trees if isinstance(self.model, StackedChurnModel) else self.model
        nothing: dict[str, NDArray[Any]] = {
            name: np.array([None], dtype=object) if name in trees.categories else np.array([np.nan])
            for name in trees.features
        }
        data = trees_input(nothing, trees.features, trees.categories)
        return float(trees.booster.predict(data, pred_contribs=True, approx_contribs=self._approximate)[0, -1])

    def _check(self, columns: Mapping[str, NDArray[Any]], found: FloatArray) -> None:
        first = {name: columns[name][:CHECKED_ROWS] for name in self.features}
        margin = self.model.margin(first)
        off = np.abs(found[:, :CHECKED_ROWS].sum(axis=0) + self.bias - margin)
        if (off > TOLERANCE * np.maximum(1.0, np.abs(margin))).any():
            message = (
                f"The contributions of the features miss the scored log odds by up to {off.max():.2g}: this version of "
                "XGBoost may store trees in another way. Score without reasons, or with explain_method=fast."
            )
            raise ModelError(message)
