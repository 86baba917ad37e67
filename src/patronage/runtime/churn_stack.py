"""Trees and the purchase model together at prediction time."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import xgboost
from numpy.typing import NDArray

from .calibration import Calibration
from .churn import Categories, ChurnModel
from .histories import FloatArray

NEAREST_TO_CERTAIN = 1e-6
"""Some purchase models are sure that customers without a repeat purchase are alive; log odds need a little doubt."""


def log_odds_of_absence(probability: FloatArray) -> FloatArray:
    """Log odds that a customer is not there, from the probability of being alive or active, shape (n,)."""
    kept_inside = np.clip(probability, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    return np.log1p(-kept_inside) - np.log(kept_inside)


@dataclass(frozen=True, slots=True)
class StackedChurnModel:
    """A weighted sum of the log odds of trees and of the purchase model.

    Attributes
    ----------
    trees : ChurnModel
        Its own calibration does not count.
    presence : str
        The column with the purchase model's probability, alive or active.
    intercept, trees_weight, presence_weight : float
        The margin is ``intercept + trees_weight * margin of the trees + presence_weight * log odds of absence``.
    calibration : Calibration
        From that margin to the probability.
    """

    kind: ClassVar[str] = "stack"

    trees: ChurnModel
    presence: str
    intercept: float
    trees_weight: float
    presence_weight: float
    calibration: Calibration

    @property
    def features(self) -> tuple[str, ...]:
        """Input columns: those of the trees and the purchase model's probability."""
        return (*self.trees.features, self.presence)

    @property
    def categories(self) -> Categories:
        """Known values of the features that are text."""
        return self.trees.categories

    @property
    def horizon_days(self) -> int:
        """Churn means: no purchase within so many days after the as-of date."""
        return self.trees.horizon_days

    @property
    def booster(self) -> xgboost.Booster:
        """The trees themselves."""
        return self.trees.booster

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Log odds of churn before the calibration, shape (n,)."""
        absence = log_odds_of_absence(columns[self.presence])
        return self.intercept + self.trees_weight * self.trees.margin(columns) + self.presence_weight * absence

    def churn_probability(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Calibrated probability of no purchase within `horizon_days`, shape (n,); see `ChurnModel`."""
        return self.calibration.probability(self.margin(columns))

    def facts(self) -> dict[str, Any]:
        """What describes the model beside its trees, as JSON values."""
        return {
            "trees": self.trees.facts(),
            "presence": self.presence,
            "intercept": self.intercept,
            "trees_weight": self.trees_weight,
            "presence_weight": self.presence_weight,
            "calibration": asdict(self.calibration),
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], booster: xgboost.Booster) -> "StackedChurnModel":
        """Back from `facts` and the trees."""
        return cls(
            trees=ChurnModel.from_facts(facts["trees"], booster),
            presence=str(facts["presence"]),
            intercept=float(facts["intercept"]),
            trees_weight=float(facts["trees_weight"]),
            presence_weight=float(facts["presence_weight"]),
            calibration=Calibration.from_facts(facts["calibration"]),
        )
