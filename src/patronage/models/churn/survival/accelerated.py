"""Time to churn in one step: boosted trees for the logarithm of the time that a customer stays."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import xgboost
from numpy.typing import NDArray
from scipy import optimize, special

from patronage.errors import ConfigError, ModelError
from patronage.models.churn.columns import feature_columns, frequent_values
from patronage.models.churn.folds import customer_folds, out_of_fold_splits
from patronage.models.churn.options import refuse_options
from patronage.models.churn.panel_rows import PanelRows, checked_labels
from patronage.models.churn.survival.spells import checked_durations
from patronage.runtime.churn import trees_input
from patronage.runtime.histories import FloatArray

Distribution = Literal["normal", "logistic", "extreme"]

_LOG_STAYING: dict[Distribution, Callable[[FloatArray], FloatArray]] = {
    "normal": lambda z: np.asarray(special.log_ndtr(-z)),
    "logistic": lambda z: np.asarray(special.log_expit(-z)),
    "extreme": lambda z: -np.exp(z),
}
"""ln of the chance that the noise is above z."""

_LOG_DENSITY: dict[Distribution, Callable[[FloatArray], FloatArray]] = {
    "normal": lambda z: -(z**2) / 2 - np.log(2 * np.pi) / 2,
    "logistic": lambda z: np.asarray(special.log_expit(z) + special.log_expit(-z)),
    "extreme": lambda z: z - np.exp(z),
}

SCALES = (0.05, 20.0)
"""Between these the scale of the noise is searched: at one end all leave at the time foretold, at the other at any."""


class AcceleratedFailureTime:
    """XGBoost for the time to churn: ``ln time = f(features) + scale * noise`` (Barnwal, Cho and Hocking 2022).

    Parameters
    ----------
    features : sequence of str
    distribution : {"normal", "logistic", "extreme"}
        Of the noise; extreme makes the time Weibull.
    n_trees : int
        The most of them.
    early_stopping_rounds : int
        The number of trees is the one with the best mean likelihood over folds of customers, not looking further than
        so many trees without a better one.
    max_depth, learning_rate, min_child_weight, reg_lambda, seed, n_threads, n_folds
        As in `ChurnClassifier`.

    Attributes
    ----------
    scale_ : float
        Of the noise: the most likely one for customers that the trees had not seen.
    n_trees_ : int
    """

    def __init__(
        self,
        features: Sequence[str],
        distribution: Distribution = "logistic",
        n_folds: int = 5,
        n_trees: int = 1000,
        early_stopping_rounds: int = 30,
        max_depth: int = 3,
        learning_rate: float = 0.1,
        min_child_weight: float = 1.0,
        reg_lambda: float = 10.0,
        seed: int = 0,
        n_threads: int | None = None,
    ) -> None:
        if distribution not in _LOG_STAYING:
            message = f"distribution must be one of {', '.join(_LOG_STAYING)}; got {distribution!r}."
            raise ConfigError(message)
        trees = {
            "max_depth": max_depth,
            "learning_rate": learning_rate,
            "min_child_weight": min_child_weight,
            "reg_lambda": reg_lambda,
            "seed": seed,
        }
        counts = {"n_folds": n_folds, "n_trees": n_trees, "early_stopping_rounds": early_stopping_rounds}
        refuse_options({**trees, **counts, "n_threads": n_threads})
        self.features = tuple(features)
        self.distribution: Distribution = distribution
        self.n_folds, self.n_trees, self.early_stopping_rounds, self.seed = (
            n_folds,
            n_trees,
            early_stopping_rounds,
            seed,
        )
        self.tree_settings: dict[str, Any] = {
            "objective": "survival:aft",
            "eval_metric": "aft-nloglik",
            "aft_loss_distribution": distribution,
            "tree_method": "hist",
            **trees,
        }
        if n_threads is not None:
            self.tree_settings["nthread"] = n_threads

    def fit(self, spells: pd.DataFrame) -> Self:
        """Learn from how long customers stayed.

        Parameters
        ----------
        spells : DataFrame
            One row a customer: customer_id, duration (above 0, in any unit), churned (1 if the customer left then, 0 if
            still there) and the features.

        Raises
        ------
        InputError
            If a column is missing or unusable.
        FitError
            If nobody left.
        """
        durations = checked_durations(spells, self.features, whole=False)
        churned = checked_labels(spells["churned"], spells["customer_id"])
        columns = feature_columns(spells, self.features)
        self.categories_ = frequent_values(columns)
        data = trees_input(columns, self.features, self.categories_)
        data.set_float_info("label_lower_bound", durations.astype(np.float32))
        data.set_float_info("label_upper_bound", np.where(churned == 1, durations, np.inf).astype(np.float32))
        customers = pd.factorize(spells["customer_id"])[0]
        rows = PanelRows(columns, churned, customers, np.zeros_like(customers))
        splits = out_of_fold_splits(rows, customer_folds(rows, self.n_folds, self.seed))
        # The scale of the noise and what the trees explain depend on each other: first a guess, then its result.
        self.scale_ = 1.0
        for _ in range(2):
            centre = self._centres_out_of_fold(data, splits)
            self.scale_ = self._most_likely_scale(np.log(durations), churned, centre)
        self._booster = xgboost.train(self._settings(), data, num_boost_round=self.n_trees_)
        return self

    def survival(self, frame: pd.DataFrame, times: Sequence[float]) -> pd.DataFrame:
        """Chance of staying longer than each of some times.

        Parameters
        ----------
        frame : DataFrame
            The features.
        times : sequence of float
            Above 0, in the unit of the durations.

        Returns
        -------
        DataFrame
            Index of `frame`, one column for each time.
        """
        centre = self.log_time(frame).to_numpy()[:, None]
        z = (np.log(np.asarray(times, dtype=np.float64))[None, :] - centre) / self.scale_
        return pd.DataFrame(np.exp(_LOG_STAYING[self.distribution](z)), index=frame.index, columns=list(times))

    def log_time(self, frame: pd.DataFrame) -> pd.Series:
        """The trees' part of the logarithm of the time: larger for customers who stay longer."""
        booster: xgboost.Booster | None = getattr(self, "_booster", None)
        if booster is None:
            message = "This AcceleratedFailureTime is not fitted yet: call fit(spells) first."
            raise ModelError(message)
        columns = feature_columns(frame, self.features, self.categories_)
        margin = booster.predict(trees_input(columns, self.features, self.categories_), output_margin=True)
        return pd.Series(margin.astype(np.float64), index=frame.index, name="log_time")

    def _settings(self) -> dict[str, Any]:
        return {**self.tree_settings, "aft_loss_distribution_scale": self.scale_}

    def _centres_out_of_fold(self, data: xgboost.DMatrix, splits: list[tuple[Any, Any]]) -> FloatArray:
        history = xgboost.cv(
            self._settings(),
            data,
            num_boost_round=self.n_trees,
            folds=splits,
            early_stopping_rounds=self.early_stopping_rounds,
            as_pandas=False,
        )
        self.n_trees_ = int(np.argmin(history["test-aft-nloglik-mean"])) + 1
        centre = np.empty(data.num_row())
        for inside, outside in splits:
            booster = xgboost.train(self._settings(), data.slice(inside), num_boost_round=self.n_trees_)
            centre[outside] = booster.predict(data.slice(outside), output_margin=True)
        return centre

    def _most_likely_scale(self, log_duration: FloatArray, churned: NDArray[np.int8], centre: FloatArray) -> float:
        density, staying = _LOG_DENSITY[self.distribution], _LOG_STAYING[self.distribution]
        left = churned == 1

        def loss(log_scale: float) -> float:
            scale = np.exp(log_scale)
            z = (log_duration - centre) / scale
            return -float((density(z[left]) - log_scale).sum() + staying(z[~left]).sum())

        found = optimize.minimize_scalar(loss, bounds=tuple(np.log(SCALES)), method="bounded")
        return float(np.exp(found.x))
