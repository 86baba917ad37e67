r"""Covariates: what is known of a customer beside the purchases, as numbers that move a model's parameters.

A covariate does not change over time: an acquisition channel, a country, the age at the first purchase. `Design` turns
the columns of a frame into standardised numbers z, and `Effects` turns these into one factor a row for each parameter
that they move,

.. math:: \theta_i = \theta \exp\Bigl(\sum_q \pm \gamma_q z_{iq}\Bigr)

so that θ is the parameter of a customer with average numbers, switches off, and every category at its reference. Both
are learned by `patronage.models.covariates` and frozen here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from .columns import level_names, numbers
from .histories import FloatArray, refuse_rows
from .unknown_levels import OF_UNKNOWN_LEVEL, Failures, with_levels

UNKNOWN = "unknown"
"""The level of customers whose category is missing."""

LARGEST_EXPONENT = 50.0
"""A row whose covariates would multiply a parameter by more than exp of this, or less than its inverse, is refused."""


@dataclass(frozen=True, slots=True)
class NumericCovariate:
    """A column of numbers.

    Attributes
    ----------
    name : str
    mean, scale : float
        Of the customers of the fit; 0 and 1 for a switch, a column of only 0 and 1 (or of truth values).
    """

    name: str
    mean: float
    scale: float

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own."""
        return (self.name,)

    @property
    def scales(self) -> tuple[float, ...]:
        """Size of one standardised unit, in units of the column."""
        return (self.scale,)

    def is_like(self, other: "Covariate") -> bool:
        """Whether the other is encoded in the same way, but for rounding."""
        if not isinstance(other, NumericCovariate):
            return False
        return bool(np.allclose([self.mean, self.scale], [other.mean, other.scale], rtol=1e-9, atol=1e-9 * self.scale))

    def encode(self, column: Any) -> tuple[FloatArray, Failures]:
        """Standardise; shape (n, 1), and the rows that cannot be used."""
        values, wrong = numbers(column, self.name)
        missing = ~wrong & ~np.isfinite(values)
        failures = {f"{self.name} not a number": wrong, f"{self.name} missing or not finite": missing}
        return ((values - self.mean) / self.scale)[:, None], failures


@dataclass(frozen=True, slots=True)
class CategoricalCovariate:
    """A column of categories; each but the first has a coefficient. A missing one is the level `UNKNOWN`.

    Attributes
    ----------
    name : str
    levels : tuple of str
        The reference first: the most frequent level of the customers of the fit. The others in alphabetical order.
    """

    name: str
    levels: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """``column[level]`` of every level but the reference."""
        return tuple(f"{self.name}[{level}]" for level in self.levels[1:])

    @property
    def scales(self) -> tuple[float, ...]:
        """Ones: levels are not standardised."""
        return (1.0,) * (len(self.levels) - 1)

    def is_like(self, other: "Covariate") -> bool:
        """Whether the other has the same levels."""
        return self == other

    def encode(self, column: Any) -> tuple[FloatArray, Failures]:
        """One column of 0 and 1 for every level but the reference, and the rows that cannot be used."""
        found = level_names(column, self.name)
        known = {level: code for code, level in enumerate(self.levels)}
        nothing = known.get(UNKNOWN, -2)
        codes = np.fromiter((nothing if one is None else known.get(one, -1) for one in found), np.intp, len(found))
        encoded = (codes[:, None] == np.arange(1, len(self.levels))).astype(np.float64)
        return encoded, {f"{self.name} missing": codes == -2, f"{self.name} {OF_UNKNOWN_LEVEL}": codes == -1}


Covariate = NumericCovariate | CategoricalCovariate


@dataclass(frozen=True, slots=True)
class Design:
    """How columns of a frame become standardised numbers.

    Attributes
    ----------
    covariates : tuple of NumericCovariate or CategoricalCovariate
    """

    covariates: tuple[Covariate, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the frame that are needed."""
        return tuple(one.name for one in self.covariates)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the c encoded columns, such as ``age`` and ``channel[web]``."""
        return tuple(name for one in self.covariates for name in one.names)

    @property
    def scales(self) -> FloatArray:
        """Size of a standardised unit of each encoded column in units of the frame, shape (c,)."""
        return np.array([scale for one in self.covariates for scale in one.scales], dtype=np.float64)

    def encode(self, frame: Any) -> FloatArray:
        """Encode n customers.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            With at least `columns`.

        Returns
        -------
        ndarray of float64, shape (n, c)

        Raises
        ------
        InputError
            If a column is missing, or rows have values that are missing, not finite, or of a level that the fit did
            not see; all reasons at once, each with the number of rows and the first ids.
        """
        encoded, failures = self.encoded(frame)
        refuse_rows(with_levels(failures, frame), what="rows of covariates", ids=getattr(frame, "index", None))
        return encoded

    def encoded(self, frame: Any) -> tuple[FloatArray, Failures]:
        """As `encode`, and the rows that cannot be used beside it instead of refused."""
        absent = [name for name in self.columns if name not in frame]
        if absent:
            message = f"The frame lacks the covariates {', '.join(absent)}; it has {', '.join(map(str, frame))}."
            raise InputError(message)
        failures: Failures = {}
        parts = []
        for one in self.covariates:
            part, wrong = one.encode(frame[one.name])
            parts.append(part)
            failures |= wrong
        if len({len(part) for part in parts}) > 1:
            lengths = ", ".join(f"{one.name} {len(part):,}" for one, part in zip(self.covariates, parts, strict=True))
            message = f"Covariates must be columns of one length; got {lengths}."
            raise InputError(message)
        return np.concatenate(parts, axis=1), failures

    def agrees(self, other: "Design") -> bool:
        """Whether the columns that both have are encoded in the same way, but for rounding."""
        own = {one.name: one for one in self.covariates}
        return all(one.is_like(own[one.name]) for one in other.covariates if one.name in own)

    def as_json(self) -> list[dict[str, Any]]:
        """JSON values, for a bundle."""
        kinds = {NumericCovariate: "numeric", CategoricalCovariate: "categorical"}
        return [{"kind": kinds[type(one)], **asdict(one)} for one in self.covariates]

    @classmethod
    def from_json(cls, stored: Sequence[Mapping[str, Any]]) -> "Design":
        """The design whose `as_json` that is."""

        def covariate(one: Mapping[str, Any]) -> Covariate:
            if one["kind"] == "numeric":
                return NumericCovariate(str(one["name"]), float(one["mean"]), float(one["scale"]))
            return CategoricalCovariate(str(one["name"]), tuple(map(str, one["levels"])))

        return cls(tuple(covariate(one) for one in stored))


@dataclass(frozen=True, slots=True)
class Coefficient:
    """The effect of one encoded column.

    Attributes
    ----------
    name : str
        Such as ``purchase.age``.
    column : str
        The encoded column, such as ``age``.
    moves : tuple of (str, float)
        The parameters that it moves, each with a sign (or another multiple) of the exponent.
    value : float
        Per unit of the column in the frame.
    """

    name: str
    column: str
    moves: tuple[tuple[str, float], ...]
    value: float = 0.0


@dataclass(frozen=True, slots=True)
class Effects:
    """What covariates do to the parameters of a model.

    Attributes
    ----------
    design : Design
    coefficients : tuple of Coefficient
    """

    design: Design
    coefficients: tuple[Coefficient, ...]

    def factors(self, frame: Any) -> dict[str, FloatArray]:
        """Multiples of the parameters in each row of a frame, by name of the parameter.

        Returns
        -------
        dict of str to ndarray of float64, shape (n,)

        Raises
        ------
        InputError
            As `Design.encode`, or if covariates are so far from those of the fit that nothing can be said.
        """
        factors, failures = self.told(frame)
        refuse_rows(with_levels(failures, frame), what="rows of covariates", ids=getattr(frame, "index", None))
        return factors

    def told(self, frame: Any) -> tuple[dict[str, FloatArray], Failures]:
        """As `factors`, and the rows that cannot be used beside it instead of refused."""
        encoded, failures = self.design.encoded(frame)
        place = {name: at for at, name in enumerate(self.design.names)}
        slopes: dict[str, FloatArray] = {}
        for one in self.coefficients:
            for parameter, sign in one.moves:
                slope = slopes.setdefault(parameter, np.zeros(len(place)))
                slope[place[one.column]] += sign * one.value * self.design.scales[place[one.column]]
        exponents = {parameter: encoded @ slope for parameter, slope in slopes.items()}
        failures |= {
            f"covariates that multiply {name} beyond exp({LARGEST_EXPONENT:g})": np.abs(exponent) > LARGEST_EXPONENT
            for name, exponent in exponents.items()
        }
        with np.errstate(over="ignore", invalid="ignore"):
            return {name: np.exp(exponent) for name, exponent in exponents.items()}, failures

    def as_json(self) -> dict[str, Any]:
        """JSON values, for a bundle."""
        return {
            "design": self.design.as_json(),
            "coefficients": [
                {"name": one.name, "column": one.column, "moves": dict(one.moves), "value": one.value}
                for one in self.coefficients
            ],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Effects":
        """The effects whose `as_json` that is."""
        coefficients = tuple(
            Coefficient(one["name"], one["column"], tuple(sorted(one["moves"].items())), float(one["value"]))
            for one in stored["coefficients"]
        )
        return cls(Design.from_json(stored["design"]), coefficients)
