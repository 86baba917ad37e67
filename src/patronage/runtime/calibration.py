"""From the margin of a churn classifier to a probability that means what it says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import special

from .histories import FloatArray

CalibrationKind = Literal["none", "temperature", "sigmoid", "beta", "isotonic"]

_NUMBERS: dict[str, int] = {"none": 0, "temperature": 1, "sigmoid": 2, "beta": 3}
"""How many learnt numbers each formula has; isotonic has any number of knots."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A monotone map from a margin (log odds, as the classifier sees them) to a probability.

    With the margin m, the learnt numbers k and the logistic function L, the probability is L(z + offset), where

    ===========  ======================================================================================  ==============
    kind         z, or L(z)                                                                               source
    ===========  ======================================================================================  ==============
    none         z = m                                                                                    none is learnt
    temperature  z = k0 m                                                                                 Guo et al. 2017
    sigmoid      z = k0 + k1 m                                                                            Platt 1999
    beta         z = k0 + k1 ln s - k2 ln(1 - s), with s = L(m)                                           Kull et al. 2017
    isotonic     L(z) = straight lines between the knots, constant beyond them                           Zadrozny and Elkan 2002
    ===========  ======================================================================================  ==============

    Attributes
    ----------
    kind : {"none", "temperature", "sigmoid", "beta", "isotonic"}
    knots_x, knots_y : tuple of float
        The learnt numbers stand in `knots_y`; `knots_x` is empty but for ``isotonic``, whose knots are both.
    offset : float
        Added to the log odds last: the correction of a churn rate that sampling had changed (King and Zeng 2001,
        Saerens et al. 2002). 0 where none was.
    """  # noqa: E501  (the rows of the table)

    kind: CalibrationKind
    knots_x: tuple[float, ...]
    knots_y: tuple[float, ...]
    offset: float = 0.0

    def __post_init__(self) -> None:
        expected = _NUMBERS.get(self.kind, len(self.knots_x))
        if self.kind not in (*_NUMBERS, "isotonic") or len(self.knots_y) != expected:
            message = f"a calibration {self.kind!r} does not go with {len(self.knots_y)} numbers"
            raise ValueError(message)

    def probability(self, margin: FloatArray) -> FloatArray:
        """Calibrated probability for a margin (log odds), both of shape (n,)."""
        if self.kind == "isotonic":
            probability = np.interp(margin, self.knots_x, self.knots_y)
            return probability if self.offset == 0 else _expit(special.logit(probability) + self.offset)
        return _expit(self._log_odds(margin) + self.offset)

    def _log_odds(self, margin: FloatArray) -> FloatArray:
        k = self.knots_y
        if self.kind == "temperature":
            return k[0] * margin
        if self.kind == "sigmoid":
            return k[0] + k[1] * margin
        if self.kind == "beta":
            return k[0] + k[1] * special.log_expit(margin) - k[2] * special.log_expit(-margin)  # type: ignore[no-any-return]
        return margin

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "Calibration":
        """Back from `dataclasses.asdict`, or from the JSON of a bundle; older bundles know no offset."""
        return cls(
            facts["kind"],
            tuple(map(float, facts["knots_x"])),
            tuple(map(float, facts["knots_y"])),
            float(facts.get("offset", 0.0)),
        )


def _expit(log_odds: FloatArray) -> FloatArray:
    return special.expit(log_odds)  # type: ignore[no-any-return]
