"""Logistic regression on churn features at prediction time: a few numbers a feature, and nothing else."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .calibration import Calibration
from .churn import Categories, codes, refuse_other_types
from .histories import FloatArray


@dataclass(frozen=True, slots=True)
class NumberTerm:
    """What a number adds to the log odds: ``slope * (x - centre) / scale``, or `missing` where there is none.

    Attributes
    ----------
    centre, scale : float
        Mean and standard deviation in training; the scale of a constant is 1.
    slope : float
        Change of the log odds with one standard deviation.
    missing : float
        What a missing value adds.
    """

    centre: float
    scale: float
    slope: float
    missing: float

    def log_odds(self, values: FloatArray) -> FloatArray:
        """The term for every row, shape (n,)."""
        return np.where(np.isnan(values), self.missing, self.slope * (values - self.centre) / self.scale)


@dataclass(frozen=True, slots=True)
class LogisticChurnModel:
    """A sum of one term for each feature, calibrated.

    Attributes
    ----------
    features : tuple of str
        Input columns.
    horizon_days : int
        Churn means: no purchase within so many days after the as-of date.
    calibration : Calibration
    intercept : float
        Log odds where every term is zero.
    numbers : mapping of str to NumberTerm
        For each feature that is a number.
    levels : mapping of str to tuple of float
        For each feature that is text: what each of its known values adds to the log odds, and last what a missing or
        unknown value adds.
    categories : mapping of str to tuple of str
        For each feature that is text, its known values, in the order of `levels`.
    """

    kind: ClassVar[str] = "logistic"

    features: tuple[str, ...]
    horizon_days: int
    calibration: Calibration
    intercept: float
    numbers: Mapping[str, NumberTerm]
    levels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    categories: Categories = field(default_factory=dict)

    def terms(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """What each feature adds to the log odds, shape (n, number of features).

        Raises
        ------
        InputError
            If text stands where a number is expected, or the other way round.
        """
        refuse_other_types(columns, self.features, self.categories)
        return np.column_stack([self._term(name, columns[name]) for name in self.features])

    def margin(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Log odds of churn before the calibration, shape (n,)."""
        # Summed feature by feature, so that a row has the same sum whatever rows are beside it.
        total = np.full(len(columns[self.features[0]]), self.intercept)
        for term in self.terms(columns).T:
            total += term
        return total

    def churn_probability(self, columns: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Calibrated probability of no purchase within `horizon_days`, shape (n,); see `ChurnModel`."""
        return self.calibration.probability(self.margin(columns))

    def _term(self, name: str, values: NDArray[Any]) -> FloatArray:
        if name in self.numbers:
            return self.numbers[name].log_odds(values)
        added = np.array(self.levels[name])
        code = codes(values, self.categories[name])
        return np.asarray(added[np.where(np.isnan(code), len(added) - 1, code).astype(int)])

    def facts(self) -> dict[str, Any]:
        """The whole model as JSON values."""
        return {
            "features": list(self.features),
            "horizon_days": self.horizon_days,
            "calibration": asdict(self.calibration),
            "intercept": self.intercept,
            "numbers": {name: asdict(term) for name, term in self.numbers.items()},
            "levels": {name: list(values) for name, values in self.levels.items()},
            "categories": {name: list(values) for name, values in self.categories.items()},
        }

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "LogisticChurnModel":
        """Back from `facts`."""
        return cls(
            features=tuple(map(str, facts["features"])),
            horizon_days=int(facts["horizon_days"]),
            calibration=Calibration.from_facts(facts["calibration"]),
            intercept=float(facts["intercept"]),
            numbers={
                name: NumberTerm(*(float(term[part]) for part in ("centre", "scale", "slope", "missing")))
                for name, term in facts["numbers"].items()
            },
            levels={name: tuple(map(float, values)) for name, values in facts["levels"].items()},
            categories={name: tuple(map(str, values)) for name, values in facts["categories"].items()},
        )
