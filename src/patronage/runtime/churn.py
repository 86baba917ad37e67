"""The churn classifier at prediction time: gradient-boosted trees and a calibration curve."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import xgboost
from numpy.typing import NDArray

from ..errors import InputError
from .calibration import Calibration as Calibration
from .histories import FloatArray

Categories = Mapping[str, tuple[str, ...]]
"""For each feature that is text, its known values in the order of their codes."""


@dataclass(frozen=True, slots=True)
class ChurnModel:
    """Trees, the names of what they look at, and their calibration.

    Attributes
    ----------
    booster : xgboost.Booster
        The trees; their raw output is the margin (log odds of churn).
    features : tuple of str
        Input columns, in the order that the trees were grown with.
    horizon_days : int
        Churn means: no purchase within so many days after the as-of date.
    calibration : Calibration
    categories : mapping of str to tuple of str
        For each feature that is text: the values that the trees know, in the order of their codes. Any other value
        counts as missing.
    """

    kind: ClassVar[str] = "xgboost"

    booster: xgboost.Booster
    features: tuple[str, ...]
    horizon_days: int
    calibration: Calibration
    categories: Categories = field(default_factory=dict)

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Raw output of the trees, log odds, shape (n,)."""
        if not len(columns[self.features[0]]):
            # XGBoost warns of a table without rows.
            return np.zeros(0)
        data = trees_input(columns, self.features, self.categories)
        return self.booster.predict(data, output_margin=True).astype(np.float64)

    def churn_probability(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Calibrated probability of no purchase within `horizon_days`.

        Parameters
        ----------
        columns : mapping of str to ndarray, shape (n,)
            Holds at least the columns `features`.

        Returns
        -------
        ndarray of float64, shape (n,)
            Between 0 and 1.
        """
        return self.calibration.probability(self.margin(columns))

    def facts(self) -> dict[str, Any]:
        """What describes the model beside its trees, as JSON values."""
        return {
            "features": list(self.features),
            "horizon_days": self.horizon_days,
            "calibration": asdict(self.calibration),
            "categories": {name: list(values) for name, values in self.categories.items()},
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], booster: xgboost.Booster) -> "ChurnModel":
        """Back from `facts` and the trees; facts of older bundles know no categories."""
        return cls(
            booster=booster,
            features=tuple(map(str, facts["features"])),
            horizon_days=int(facts["horizon_days"]),
            calibration=Calibration.from_facts(facts["calibration"]),
            categories={name: tuple(map(str, values)) for name, values in facts.get("categories", {}).items()},
        )


def trees_input(
    columns: Mapping[str, NDArray[Any]],
    features: Sequence[str],
    categories: Categories,
    label: NDArray[Any] | None = None,
    weight: NDArray[Any] | None = None,
) -> xgboost.DMatrix:
    """What the trees read, when they grow and when they predict.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Holds at least the columns `features`; missing numbers are NaN.
    features : sequence of str
        Which columns, in order.
    categories : mapping of str to tuple of str
        For each feature that is text, its known values in the order of their codes; any other value counts as missing.
    label : ndarray of shape (n,), optional
        1 for those who left.
    weight : ndarray of shape (n,), optional
        How much each row counts.

    Raises
    ------
    InputError
        If text stands where a number is expected, or the other way round.
    """
    return matrix_input(feature_matrix(columns, features, categories), features, categories, label, weight)


def matrix_input(
    matrix: NDArray[np.float32],
    features: Sequence[str],
    categories: Categories,
    label: NDArray[Any] | None = None,
    weight: NDArray[Any] | None = None,
) -> xgboost.DMatrix:
    """What the trees read, from what `feature_matrix` gives."""
    return xgboost.DMatrix(
        matrix,
        label=label,
        weight=weight,
        feature_names=list(features),
        feature_types=feature_types(features, categories),
        enable_categorical=True,
    )


def feature_types(features: Sequence[str], categories: Categories) -> list[str]:
    """How XGBoost has to read each feature: c as the code of a category, q as a number."""
    return ["c" if name in categories else "q" for name in features]


def feature_matrix(
    columns: Mapping[str, NDArray[Any]], features: Sequence[str], categories: Categories
) -> NDArray[np.float32]:
    """The features side by side: numbers as they are, text as the code of its category, missing as NaN.

    Returns
    -------
    ndarray of float32, shape (n, number of features)

    Raises
    ------
    InputError
        If text stands where a number is expected, or the other way round.
    """
    refuse_other_types(columns, features, categories)
    length = len(columns[features[0]])
    matrix = np.empty((length, len(features)), dtype=np.float32)
    for position, name in enumerate(features):
        matrix[:, position] = codes(columns[name], categories[name]) if name in categories else columns[name]
    return matrix


def refuse_other_types(columns: Mapping[str, NDArray[Any]], features: Sequence[str], categories: Categories) -> None:
    """Refuse text where a number is expected, and the other way round.

    Raises
    ------
    InputError
        Naming all such columns.
    """
    wrong = [name for name in features if (columns[name].dtype == object) != (name in categories)]
    if wrong:
        expected = ", ".join(f"{name} {'text' if name in categories else 'numbers'}" for name in wrong)
        message = f"Columns are of another type than the model was trained with; expected: {expected}."
        raise InputError(message)


def codes(values: NDArray[Any], known: tuple[str, ...]) -> FloatArray:
    """The position of each value among the known ones, NaN for any other."""
    code = {value: float(position) for position, value in enumerate(known)}
    return np.array([code.get(value, np.nan) for value in values.tolist()], dtype=np.float64)
