"""Fitting of the contractual models to survivors of cohorts or to tenures."""

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from patronage.errors import ConfigError, FitError, ModelError
from patronage.models.base import LikelihoodModel, unknown_estimate
from patronage.models.certificate import Certificate, of_edges, of_maximum
from patronage.models.contract.seen import Seen, seen
from patronage.models.covariate_model import CovariateModel
from patronage.models.covariates import CovariatePlan
from patronage.models.likelihood import Estimate, Evaluation, LogLikelihood, Objective, maximise
from patronage.models.priors import LogNormalPriors
from patronage.models.rows import Parameters, Rows
from patronage.runtime.contract.model import ContractParams
from patronage.runtime.contract.tenures import Tenures
from patronage.runtime.contract.with_covariates import ContractCovariateParams
from patronage.runtime.distinct import distinct
from patronage.runtime.histories import FloatArray
from patronage.runtime.plain_numbers import plain_numbers
from patronage.runtime.posterior import laplace_posterior

N_STARTS = 3
"""Starts that must agree before a fit is believed."""

ChurnEffect = Literal["separate", "opposite"]
CHURN_EFFECTS: tuple[ChurnEffect, ...] = ("separate", "opposite")


class ContractFit(CovariateModel):
    """Base of the models of customers under contract: survivors or tenures in, parameters out.

    Time is counted in renewals. A contract begins in period 0; at the end of each period it is renewed, or the customer
    has churned. Who is there after t renewals has tenure t.

    Parameters
    ----------
    priors : mapping of str to (float, float), optional
        Log-normal priors by parameter: median and the standard deviation of the logarithm. With them the fit is the
        maximum of the posterior density of the log parameters; ``log_likelihood_`` stays that of the data alone.
    covariates : sequence of str, or str
        Columns of the frame that move alpha and beta: numbers, truth values, or categories (text; of numbers by
        ``C(name)``), which do not change over time; of cohorts one value a cohort. A single string is a formula such as
        ``"~ age + channel"``. Coefficients are per unit of the column. The parameters are then those of a customer with
        average numbers, switches (columns of 0 and 1) off, and every category at its most frequent level.
    churn_effect : {"separate", "opposite"}
        Whether alpha and beta have coefficients of their own (``churn_alpha.age``, ``churn_beta.age``), or one
        coefficient (``churn.age``) multiplies alpha and divides beta. Then more than 0 means more churn: the log odds
        of the mean propensity, ln(alpha / beta), move by twice the coefficient per unit.
    l2 : float
        Ridge on coefficients of standardised covariates: ``l2 / 2`` times the sum of their squares is subtracted from
        the log-likelihood. ``log_likelihood_`` stays that of the data.
    """

    params_class: ClassVar[type[ContractParams]]
    parameter_names: tuple[str, ...] = ()

    def __init__(
        self,
        priors: Mapping[str, Sequence[float]] | None = None,
        *,
        covariates: Sequence[str] | str = (),
        churn_effect: ChurnEffect = "separate",
        l2: float = 0.0,
    ) -> None:
        super().__init__()
        self.priors = LogNormalPriors.checked(priors, self.parameter_names)
        if churn_effect not in CHURN_EFFECTS:
            message = f"churn_effect must be one of {', '.join(CHURN_EFFECTS)}; got {churn_effect!r}."
            raise ConfigError(message)
        self._plan = CovariatePlan.checked(
            {"churn": covariates},
            {"churn": {"alpha": 1.0, "beta": 1.0 if churn_effect == "separate" else -1.0}},
            separate=churn_effect == "separate",
            l2=l2,
            reserved=("tenure", "churned", "period", "survivors", "cohort"),
        )

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            Either cohorts, with the columns ``period`` (0, 1, 2, ... in order) and ``survivors`` (customers who are
            there in the period, whole or weighted, never growing), and ``cohort`` if there are several; or single
            customers acquired at any time, with the columns ``tenure`` (renewals that fell due until the end of
            observation or until the customer left; whole) and ``churned`` (whether the last of them was declined). Who
            was acquired in the running period has tenure 0 and says nothing yet. And the covariates.
        weights : array-like, shape (n,), optional
            Customers behind each row of tenures; not for cohorts.

        Raises
        ------
        InputError
            If the frame or its covariates cannot be used.
        FitError
            If there are no customers, nobody left, nobody renewed, fewer renewals were seen than the model has
            parameters, no maximum is reached, or a coefficient runs away.

        Notes
        -----
        Where retention does not rise with the tenure, the data do not tell customers apart: alpha and beta grow
        together without bound and the fit stops where more of them makes no difference. Predictions are then those of
        customers who are all alike; the standard errors mean nothing, intervals may be refused, and `certificate_`
        says so.
        """
        data = seen(frame, weights, tuple(one.name for one in self._plan.columns["churn"]))
        self._refuse_little(data)
        encoded = self._learned(data.units, data.unit_weights)[data.unit]
        first, inverse = distinct(*_columns(data.tenures), *encoded.T)
        counts = np.bincount(inverse, data.counts, minlength=len(first)).astype(np.float64)
        self._data, self._encoded = (data.tenures.take(first), counts), encoded[first]
        return self._set_estimate(self._estimated(*self._data, self._encoded), float(counts.sum()))

    @property
    def fitted_data_(self) -> tuple[Tenures, FloatArray]:
        """The distinct cases of the fit and the customers behind each; `ModelError` if there was none."""
        data: tuple[Tenures, FloatArray] | None = getattr(self, "_data", None)
        if data is None:
            message = f"This {type(self).__name__} has no data behind it: call fit(frame) first."
            raise ModelError(message)
        return data

    @property
    def data_digest_(self) -> str:
        """What names the tenures of the fit and the customers behind each, in whatever order they came."""
        tenures, counts = self.fitted_data_
        columns = _columns(tenures)
        first, inverse = distinct(*columns)
        table = np.stack([*(column[first] for column in columns), np.bincount(inverse, counts)])
        return hashlib.sha256(np.round(table[:, np.lexsort(table[:2])], 9).tobytes()).hexdigest()

    @property
    def certificate_(self) -> Certificate:
        """What was checked of the fit, and found: its maximum, and parameters at the edge of their range."""
        positive = {f"{name} of churn": self.params_[name] for name in type(self).parameter_names}
        checks = (*of_maximum(self.estimate_, tuple(self.params_), self.n_customers_), of_edges(positive))
        return Certificate(self.params_class.title, checks)

    def nests(self, other: LikelihoodModel) -> bool:
        """Whether `other` is this model with fewer covariates, or a special case of it with the same ones."""
        if type(other).__name__ not in self.special_cases or not isinstance(other, ContractFit):
            return super().nests(other)
        if other._design is None or self._design is None:
            return other._design is None
        return self._loadings.span(other._loadings) and self._design.agrees(other._design)

    def to_params(self) -> ContractParams | ContractCovariateParams:
        """The estimates as the frozen parameters that the runtime predicts with.

        With covariates ``at_rows(frame)`` gives the parameters of customers; without, it changes nothing.
        """
        plain = self._plain_params(self.estimate_.values)
        return plain if self._design is None else ContractCovariateParams(plain, self._effects(self._design))

    @classmethod
    def from_params(cls, params: ContractParams | ContractCovariateParams) -> Self:
        """Bring back a model that can predict; its likelihood and covariance are unknown (NaN).

        Raises
        ------
        ModelError
            If they are those of another model, or not finite and above 0.
        """
        plain = params.base if isinstance(params, ContractCovariateParams) else params
        given = plain_numbers(astuple(plain)) if type(plain) is cls.params_class else None
        if given is None or given.ndim != 1 or not (np.isfinite(given) & (given > 0)).all():
            message = (
                f"{cls.__name__} needs parameters of {cls.params_class.title}, finite and above 0; got {params!r}."
            )
            raise ModelError(message)
        if not isinstance(params, ContractCovariateParams):
            return cls._from_values(astuple(params))
        model = cls._from_values(astuple(params.base))
        coefficients = params.effects.coefficients
        model._set_design(params.effects.design, coefficients)
        values = [*astuple(params.base), *(one.value for one in coefficients)]
        return model._set_estimate(unknown_estimate(values), np.nan)

    @abstractmethod
    def _rows(self, parameters: Parameters, tenures: Tenures) -> Rows:
        """Log-likelihood of each row, with derivatives by the parameters."""

    @abstractmethod
    def _starts(self, first_churn: float) -> list[FloatArray]:
        """Starting values, three or more, for a share of customers that left at their first renewal."""

    def _estimated(self, tenures: Tenures, counts: FloatArray, encoded: FloatArray) -> Estimate:
        """Climb without covariates, then from there to where their effects lead."""
        first = tenures.tenure >= 1
        left = counts[first & tenures.churned & (tenures.tenure == 1)].sum()
        starts = self._starts(float(np.clip(left / counts[first].sum(), 0.01, 0.99)))
        likelihood, total = self._likelihood(tenures, counts), float(counts.sum())
        plain = Objective(
            likelihood,
            total,
            penalty=self.priors,
            n_histories=len(counts),
            names=type(self).parameter_names,
            model=self.params_class.title,
        )
        estimate = maximise(plain, starts, n_starts=N_STARTS)
        if self._design is None:
            return estimate
        objective = self._objective_with_covariates(self._rows, tenures, counts, encoded)
        return self._per_unit(maximise(objective, self._without_effect([estimate.values, *starts]), n_starts=N_STARTS))

    def _likelihood(self, tenures: Tenures, counts: FloatArray) -> LogLikelihood:
        def summed(values: FloatArray) -> Evaluation:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value, gradient, hessian = self._rows([float(one) for one in values], tenures)
            return Evaluation(float(value @ counts), gradient @ counts, hessian @ counts)

        return summed

    def _refuse_little(self, data: Seen) -> None:
        """Refuse data that no parameters can be learned from."""
        tenures, counts = data.tenures, data.counts
        behind = counts > 0
        due = counts[tenures.tenure > 0].sum()
        left, renewed = counts[tenures.churned].sum(), counts[tenures.renewed > 0].sum()
        longest = tenures.tenure[behind].max(initial=0.0)
        needed = len(type(self).parameter_names)
        if not behind.any():
            message = "There are no customers to fit the model to."
            raise FitError(message)
        if not due or not left or not renewed:
            happened = "no renewal fell due" if not due else "nobody left" if not left else "nobody renewed"
            message = f"{self.params_class.title} cannot be fitted where {happened}: both must have happened."
            raise FitError(message)
        if longest < needed and self.priors is None:
            message = (
                f"{self.params_class.title} has {needed} parameters, which take {needed} renewals of one contract to "
                f"tell apart; the longest tenure is {longest:.0f}. Wait, set priors, or fit a simpler model."
            )
            raise FitError(message)

    def _plain_params(self, values: FloatArray) -> ContractParams:
        return self.params_class(**dict(zip(type(self).parameter_names, map(float, values), strict=False)))

    def _params_of(self, values: FloatArray, encoded: FloatArray) -> ContractParams:
        """Parameters of m encoded rows at values in the order of `params_`.

        Values of shape (k,) give parameters of shape (m,), or numbers without covariates; values of shape (size, k),
        parameters of shape (size, m), or (size, 1).
        """
        if self._design is None and values.ndim == 1:
            return self._plain_params(values)
        names = type(self).parameter_names
        own = values[..., : len(names), None]
        if self._design is not None:
            own = own * np.exp(self._slopes(values) @ encoded.T)
        return self.params_class(**dict(zip(names, np.moveaxis(own, -2, 0), strict=True)))

    def _drawn_parameters(self, size: int, rng: np.random.Generator, parameter_uncertainty: bool) -> FloatArray:
        """Random values of everything that was estimated, shape (size, k)."""
        values = self.estimate_.values
        if not parameter_uncertainty:
            return np.tile(values, (size, 1))
        return laplace_posterior(values, self.covariance_, self.positive_).draw(size, rng)


def _columns(tenures: Tenures) -> tuple[FloatArray, FloatArray]:
    return tenures.tenure, tenures.churned.astype(np.float64)
