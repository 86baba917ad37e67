"""What models with covariates share: learning the design, the problem of a fit, and effects per unit of the frame."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from patronage.errors import ConfigError, FitError
from patronage.models.base import LikelihoodModel
from patronage.models.covariates import CovariateLikelihood, CovariatePlan, Loadings, Penalties, Ridge, RowData
from patronage.models.likelihood import Estimate, Objective
from patronage.models.priors import LogNormalPriors
from patronage.models.rows import Parameters, Rows
from patronage.runtime.covariates import Coefficient, Design, Effects
from patronage.runtime.histories import FloatArray

SAMPLE_L2 = 1.0
"""Ridge on coefficients while a fit climbs on a sample, where a rare level may have no purchase at all."""

RUNAWAY = 10.0
"""A coefficient of a standardised covariate beyond this, a factor of 22,000 in a parameter, has no maximum."""


class CovariateModel(LikelihoodModel):
    """Base of models whose parameters may differ by covariates, as their plan says.

    Until a fit, and without covariates, there is no design, and ``parameter_names`` are those of the class; with them
    the names of the coefficients follow.
    """

    params_class: ClassVar[type[Any]]
    priors: LogNormalPriors | None
    _plan: CovariatePlan
    _loadings: Loadings
    _design: Design | None = None

    @property
    def is_penalised(self) -> bool:
        """Whether priors, or a ridge on coefficients, were maximised with the likelihood."""
        return bool(self.priors) or (self._design is not None and self._plan.l2 > 0)

    def nests(self, other: LikelihoodModel) -> bool:
        """Whether `other` is this model with fewer covariates, or with coefficients that are set equal."""
        if type(other) is not type(self) or not isinstance(other, CovariateModel):
            return super().nests(other)
        fewer = len(other.parameter_names) < len(self.parameter_names)
        if other._design is None or self._design is None:
            return fewer and other._design is None
        return fewer and self._loadings.span(other._loadings) and self._design.agrees(other._design)

    def _learned(self, frame: Any, weights: FloatArray) -> FloatArray:
        """Forget an earlier fit, learn how covariates are encoded, and encode n rows, shape (n, c)."""
        if self._design is not None and not self._plan:
            message = (
                f"This {type(self).__name__} was brought back from stored parameters with covariates: to fit it again, "
                "make a new one with covariates."
            )
            raise ConfigError(message)
        self.__dict__.pop("_estimate", None)
        design = self._plan.design(frame, weights) if self._plan else None
        self._set_design(design, self._plan.coefficients(design) if design else ())
        encoded = self._encoded_rows(frame, len(weights))
        if design:
            self._plan.refuse_dependent(design, encoded)
        return encoded

    def _set_design(self, design: Design | None, coefficients: Sequence[Coefficient] = ()) -> None:
        """Learn of the covariates, or that there are none."""
        names = type(self).parameter_names
        self._design = design
        if design is not None:
            self._loadings = Loadings.of(coefficients, design, names)
        self.parameter_names = (*names, *(one.name for one in coefficients))

    def _encoded_rows(self, frame: Any, n: int) -> FloatArray:
        """Encoded covariates of n rows, shape (n, c); c is 0 without covariates."""
        return np.empty((n, 0)) if self._design is None else self._design.encode(frame)

    def _effects(self, design: Design) -> Effects:
        """The estimated effects of covariates."""
        return Effects(design, self._loadings.valued(self.estimate_.values[len(type(self).parameter_names) :]))

    def _slopes(self, values: FloatArray) -> FloatArray:
        """Exponents of the k parameters by encoded covariates, shape (..., k, c), at values of shape (..., k + q)."""
        coefficients = values[..., len(type(self).parameter_names) :] * self._loadings.scales
        return np.tensordot(coefficients, self._loadings.array, axes=(-1, 2))

    def _objective_with_covariates(
        self,
        rows: Callable[[Parameters, Any], Rows],
        data: RowData,
        counts: FloatArray,
        encoded: FloatArray,
        is_sample: bool = False,
    ) -> Objective:
        """The problem of the data, or of a sample whose weights stand for all of them."""
        likelihood = CovariateLikelihood(rows, data, counts, encoded, self._loadings.array)
        l2 = max(self._plan.l2, SAMPLE_L2) if is_sample else self._plan.l2
        ridge = Ridge(l2, len(type(self).parameter_names))
        penalty = Penalties((ridge, self.priors)) if self.priors else ridge
        return Objective(
            likelihood,
            float(counts.sum()),
            self.positive_,
            penalty,
            len(counts),
            names=self.parameter_names,
            model=self.params_class.title,
        )

    def _without_effect(self, starts: Sequence[FloatArray]) -> list[FloatArray]:
        """Starts of parameters, with coefficients of 0."""
        none = np.zeros(len(self._loadings.coefficients))
        return [np.append(start, none) for start in starts]

    def _per_unit(self, estimate: Estimate) -> Estimate:
        """Turn coefficients of standardised covariates, and their covariance, to units of the frame.

        Raises
        ------
        FitError
            If a coefficient has run away.
        """
        k = len(type(self).parameter_names)
        found = dict(zip(self._loadings.names, estimate.values[k:], strict=True))
        away = [one.name for one in self._loadings.coefficients if abs(found[one.name]) * _reach(one) > RUNAWAY]
        if away:
            message = (
                f"The effect of {', '.join(away)} has no maximum and runs away: too little happened to these customers "
                "to tell how strong it is. Set l2 above 0, merge the level with another, or leave the covariate out."
            )
            raise FitError(message)
        unit = np.append(np.ones(k), 1 / self._loadings.scales)
        return replace(estimate, values=estimate.values * unit, covariance=estimate.covariance * np.outer(unit, unit))


def _reach(coefficient: Coefficient) -> float:
    """By how much one unit of a coefficient moves parameters, in logarithms, or pairs of them apart."""
    signs = [0.0, *(sign for _, sign in coefficient.moves)]
    return max(signs) - min(signs)
