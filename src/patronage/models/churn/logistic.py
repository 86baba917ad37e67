"""Logistic regression on the features that the trees see: the strong and simple peer."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from patronage.errors import FitError
from patronage.models.churn.calibrated import CalibratedCandidate, row_weights
from patronage.models.churn.options import ClassWeight, refuse_options
from patronage.models.churn.panel_rows import PanelRows
from patronage.runtime.calibration import Calibration, CalibrationKind
from patronage.runtime.churn import codes
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.histories import FloatArray

MOST_ITERATIONS = 5000
"""Of the search for the maximum; standardised columns need a few dozen."""


class LogisticRegressionClassifier(CalibratedCandidate):
    """Logistic regression with a ridge penalty; see `CalibratedCandidate` for the parameters that are not told here.

    Numbers are standardised; a missing one counts as the mean and raises a flag of its own. Text is one column a value,
    and one for missing and rare ones.

    Parameters
    ----------
    inverse_penalty : float
        The C of scikit-learn: the log-likelihood counts so much against half the sum of squared slopes.
    """

    name: ClassVar[str] = "logistic"

    def __init__(
        self,
        horizon_days: int,
        features: Sequence[str] | None = None,
        calibration: CalibrationKind | Literal["auto"] = "none",
        n_folds: int = 5,
        inverse_penalty: float = 1.0,
        class_weight: ClassWeight = "natural",
        population_rate: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(horizon_days, features, calibration, n_folds, class_weight, population_rate, seed)
        refuse_options({"inverse_penalty": inverse_penalty})
        self.inverse_penalty = inverse_penalty

    def to_model(self) -> LogisticChurnModel:
        """The coefficients and the calibration, as the runtime predicts with them.

        Raises
        ------
        ModelError
            Before the model is fitted.
        """
        sums = self._fitted()
        assert isinstance(sums, LogisticChurnModel)
        return replace(sums, calibration=self.calibration_)

    def coefficients(self) -> pd.DataFrame:
        """What each feature does to the log odds, largest first.

        Returns
        -------
        DataFrame
            feature, value (the text value, ``missing``, or ``per standard deviation``), log_odds.
        """
        model = self.to_model()
        rows = [(name, "per standard deviation", term.slope) for name, term in model.numbers.items()]
        rows += [(name, "missing", term.missing) for name, term in model.numbers.items() if term.missing]
        for name, values in model.levels.items():
            rows += list(zip([name] * len(values), (*model.categories[name], "missing"), values, strict=True))
        table = pd.DataFrame(rows, columns=["feature", "value", "log_odds"])
        return table.sort_values("log_odds", key=abs, ascending=False, ignore_index=True)

    def _learn(self, rows: PanelRows) -> LogisticChurnModel:
        from sklearn.linear_model import LogisticRegression

        units = {name: _centre_and_scale(rows.columns[name]) for name in self.features if name not in self.categories_}
        blocks = {name: self._block(rows, name, units.get(name)) for name in self.features}
        design = np.hstack(list(blocks.values()))
        search: Any = LogisticRegression(C=self.inverse_penalty, tol=1e-6, max_iter=MOST_ITERATIONS)
        search.fit(design, rows.churned, sample_weight=row_weights(rows.churned, self.class_weight))
        if search.n_iter_[0] >= MOST_ITERATIONS:
            message = (
                f"Logistic regression found no maximum in {MOST_ITERATIONS:,} steps. Choose a stronger penalty "
                f"(inverse_penalty below {self.inverse_penalty}), or leave out features that say the same."
            )
            raise FitError(message)
        ends = np.cumsum([block.shape[1] for block in blocks.values()])
        slopes = dict(zip(blocks, np.split(search.coef_[0], ends[:-1]), strict=True))
        return LogisticChurnModel(
            features=self.features,
            horizon_days=self.horizon_days,
            calibration=Calibration("none", (), ()),
            intercept=float(search.intercept_[0]),
            numbers={name: NumberTerm(*unit, *map(float, slopes[name])) for name, unit in units.items()},
            levels={name: tuple(map(float, slopes[name])) for name in self.categories_},
            categories=self.categories_,
        )

    def _block(self, rows: PanelRows, name: str, unit: tuple[float, float] | None) -> FloatArray:
        """The columns of one feature: a number and its flag, or one for each value and for missing ones."""
        values = rows.columns[name]
        if unit is not None:
            centre, scale = unit
            missing = np.isnan(values)
            return np.column_stack([np.where(missing, 0.0, (values - centre) / scale), missing])
        known = self.categories_[name]
        code = codes(values, known)
        position = np.where(np.isnan(code), len(known), code).astype(int)
        return np.asarray(np.eye(len(known) + 1)[position])


def _centre_and_scale(values: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation of the values that are there; 0 and 1 where there is nothing to scale."""
    present = values[~np.isnan(values)]
    if not len(present):
        return 0.0, 1.0
    spread = float(present.std())
    return float(present.mean()), spread if spread > 0 else 1.0
