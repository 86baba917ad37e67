"""What every purchase model shares: fitting to distinct histories, and the way from estimates to parameters."""

import copy
import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import ArrayLike

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.models.base import (
    Engine,
    LikelihoodModel,
    checked_weights,
    histories_of,
    required_columns,
    unknown_estimate,
)
from patronage.models.certificate import Certificate, Unit, higher_climb, of_edges, of_maximum, of_nested, of_totals
from patronage.models.covariates import CovariatePlan, Slots
from patronage.models.likelihood import (
    Estimate,
    LogLikelihood,
    Objective,
    estimate_at,
    one_thread,
)
from patronage.models.priors import LogNormalPriors
from patronage.models.purchase.nbd import nbd_log_likelihood
from patronage.models.purchase.predictions import PredictingModel
from patronage.models.purchase.smaller import WORTHWHILE, maximise_by_way_of, smaller_tables
from patronage.models.rows import Parameters, Rows, SummedLikelihood
from patronage.models.uncertainty import (
    Outlook,
    outlook_of,
)
from patronage.runtime.blocks import on_all_processors
from patronage.runtime.counting import counted_histories
from patronage.runtime.distinct import distinct
from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.posterior import MOST_SPREAD, ParameterPosterior, certain, laplace_posterior, ridge_posterior
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.with_covariates import CovariateParams

DropoutEffect = Literal["separate", "same", "opposite"]
DROPOUT_EFFECTS: tuple[DropoutEffect, ...] = ("separate", "same", "opposite")


class PurchaseModel(PredictingModel):
    """Base of the purchase models: frequency, recency and T of customers in, their future out.

    Parameters
    ----------
    engine : {"native", "lifetimes"}
        Who finds the maximum of the likelihood: this package, or the package lifetimes where it has the model.
    priors : mapping of str to (float, float), optional
        Log-normal priors by parameter: median and the standard deviation of the logarithm. With them the fit is the
        maximum of the posterior density of the log parameters; ``log_likelihood_`` stays that of the data alone.
    purchase_covariates, dropout_covariates : sequence of str, or str
        Columns of the frame that move the purchase rate and the dropout: numbers, truth values, or categories (text; of
        numbers by ``C(name)``; a missing one is the level "unknown"). A single string is a formula such as
        ``"~ age + channel"``. Coefficients are named
        ``purchase.age`` or ``dropout.channel[web]``, are per unit of the column. More than 0 means more purchases, or
        more dropout; of the coefficients on a and b those of a raise the dropout and those of b lower it. The
        parameters are then those of a customer with average numbers, switches (columns of 0 and 1)
        off, and every category at its most frequent level.
    l2 : float
        Ridge on coefficients of standardised covariates: ``l2 / 2`` times the sum of their squares is subtracted from
        the log-likelihood, which is a normal prior of variance ``1 / l2``. ``log_likelihood_`` stays that of the data.
    equal : sequence of str
        Columns whose coefficient is the same for purchases and dropout (``both.age``).
    dropout_effect : {"separate", "same", "opposite"}
        For models whose dropout has two parameters a and b: whether each has coefficients of its own
        (``dropout_a.age``, ``dropout_b.age``), or one coefficient moves both in the same direction, which leaves the
        mean dropout a / (a + b) as it is, or in opposite directions.

    Attributes
    ----------
    options : dict
        What was asked for beside the engine, as JSON values.
    """

    covariate_slots: ClassVar[Slots] = {}
    """Parameters that covariates of each process move, with the sign of the exponent."""

    params_class: ClassVar[type[PurchaseParams]]
    parameter_names: tuple[str, ...] = ()
    columns: ClassVar[tuple[str, ...]] = ("frequency", "recency", "T")
    reads_log_intervals: ClassVar[bool] = False
    """Whether the fit also reads the column log_intervals (see `schema.SUMMARY`)."""

    def __init__(
        self,
        engine: Engine = "native",
        priors: Mapping[str, Sequence[float]] | None = None,
        *,
        purchase_covariates: Sequence[str] | str = (),
        dropout_covariates: Sequence[str] | str = (),
        l2: float = 0.0,
        equal: Sequence[str] = (),
        dropout_effect: DropoutEffect = "separate",
    ) -> None:
        super().__init__(engine)
        self.priors = LogNormalPriors.checked(priors, self.parameter_names)
        if dropout_effect not in DROPOUT_EFFECTS:
            message = f"dropout_effect must be one of {', '.join(DROPOUT_EFFECTS)}; got {dropout_effect!r}."
            raise ConfigError(message)
        self._plan = CovariatePlan.checked(
            {"purchase": purchase_covariates, "dropout": dropout_covariates},
            _slots(self.covariate_slots, dropout_effect),
            separate=dropout_effect == "separate",
            equal=equal,
            l2=l2,
            reserved=self.columns,
        )
        if engine == "lifetimes" and (self.priors or self._plan):
            message = "engine=lifetimes knows no priors or covariates; use engine=native or leave them out."
            raise ConfigError(message)
        self.options: dict[str, Any] = {
            "priors": {name: [float(value) for value in prior] for name, prior in (priors or {}).items()} or None,
            "purchase_covariates": _as_given(purchase_covariates),
            "dropout_covariates": _as_given(dropout_covariates),
            "l2": self._plan.l2,
            "equal": list(equal),
            "dropout_effect": dropout_effect,
        }

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            frequency, recency and T of n customers, in one time unit (see `schema.SUMMARY`), and their covariates.
        weights : array-like, shape (n,), optional
            Customers behind each row, as `CustomerSummary.histories` counts them.

        Raises
        ------
        InputError
            If histories or covariates cannot be used.
        FitError
            If no customer ever came back, no maximum is reached, or a coefficient runs away.
        """
        histories, counts, encoded = self._counted(frame, weights)
        if not len(histories):
            message = "There are no customers to fit the model to."
            raise FitError(message)
        if not histories.frequency.any():
            message = (
                "No customer has a repeat purchase, so neither the purchase rate nor the dropout can be estimated."
            )
            raise FitError(message)
        self._data, self._encoded = (histories, counts), encoded
        with one_thread():
            estimate = self._estimated(histories, counts)
        if self._design is not None:
            # Climb on from where covariates have no effect.
            starts = self._without_effect([estimate.values, *self._starts(histories, counts)])
            estimate = self._per_unit(self._estimated(histories, counts, encoded, starts))
        return self._set_estimate(estimate, float(counts.sum()))

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of a frame beside the history that are read, of all processes."""
        if self._design is not None:
            return self._design.columns
        return tuple(dict.fromkeys(one.name for some in self._plan.columns.values() for one in some))

    def with_options(self, **options: Any) -> Self:
        """A model, brought back from stored parameters, that is fitted again with these options; see `options`."""
        twin, asked = copy.copy(self), type(self)(**options)
        twin.options, twin.priors, twin._plan = asked.options, asked.priors, asked._plan
        return twin

    def unfitted(self) -> Self:
        """A model with the same options, and with what the fit chose among options, that is not fitted yet."""
        twin = copy.copy(self)
        for name in ("_estimate", "_data", "certificate_"):
            twin.__dict__.pop(name, None)
        return twin

    @property
    def fitted_data_(self) -> tuple[Histories, FloatArray]:
        """The distinct histories of the fit and the customers behind each; `ModelError` if there was none."""
        data: tuple[Histories, FloatArray] | None = getattr(self, "_data", None)
        if data is None:
            message = f"This {type(self).__name__} has no data behind it: call fit(frame) first."
            raise ModelError(message)
        return data

    @property
    def fitted_params_(self) -> PurchaseParams:
        """The parameters of the distinct cases of `fitted_data_`: arrays where covariates move them."""
        self.fitted_data_  # noqa: B018  (refuses where there are none)
        return self._params_of(self.estimate_.values, self._encoded)

    @property
    def data_digest_(self) -> str:
        """What names the histories of the fit and the customers behind each, in whatever order they came."""
        histories, counts = self.fitted_data_
        columns = (histories.frequency, histories.recency, histories.T)
        first, inverse = distinct(*columns)
        table = np.stack([*(column[first] for column in columns), np.bincount(inverse, counts)])
        return hashlib.sha256(np.round(table[:, np.lexsort(table[:3])], 9).tobytes()).hexdigest()

    @property
    def label(self) -> str:
        """Name of the model in print, with what sets this one apart from others of its kind."""
        return self.params_class.title

    def nests(self, other: LikelihoodModel) -> bool:
        """Whether `other` is a special case; what was chosen and not estimated, such as stages, must be the same."""
        if isinstance(other, PurchaseModel) and type(other) is type(self) and self._fixed() != other._fixed():
            return False
        return super().nests(other)

    @property
    def comparable_log_likelihood_(self) -> float:
        """Log-likelihood of purchase times as in all other kinds, so that kinds can be compared."""
        return self.log_likelihood_

    @property
    def aic_(self) -> float:
        """Akaike's information criterion, 2 k - 2 LL, which other kinds can be compared by."""
        return 2 * len(self.parameter_names) - 2 * self.comparable_log_likelihood_

    @property
    def bic_(self) -> float:
        """Schwarz's information criterion, k ln(n) - 2 LL, which other kinds can be compared by."""
        return float(len(self.parameter_names) * np.log(self.n_customers_) - 2 * self.comparable_log_likelihood_)

    @cached_property
    def certificate_(self) -> Certificate:
        """What was checked of the fit, and found; made when it is first asked for."""
        estimate, (histories, counts) = self.estimate_, self.fitted_data_
        mean_time = float(counts @ histories.T / counts.sum())
        positive = {name: value for name, value in self.params_.items() if name in type(self).parameter_names}
        expected = float(self.fitted_params_.expected_purchases_of_newcomers(histories.T) @ counts)
        checks = (
            *of_maximum(estimate, tuple(self.params_), self.n_customers_),
            of_edges(positive, self._units(counts @ histories.frequency / counts.sum(), mean_time)),
            # What was maximised is not the likelihood where there are priors, so it may lie below a special case.
            *of_nested(
                {} if self.is_penalised else self._special_cases(histories, counts),
                self.comparable_log_likelihood_,
                is_highest=higher_climb(estimate) is None,
            ),
            of_totals(expected, float(counts @ histories.frequency), "repeat purchases"),
        )
        return Certificate(self.params_class.title, checks)

    def to_params(self) -> PurchaseParams:
        """The estimates as the frozen parameters that the runtime predicts with.

        With covariates they are `CovariateParams`, of which ``at_rows(frame)`` are the parameters of customers; without
        covariates ``at_rows`` changes nothing.
        """
        plain = self._plain_params(self.estimate_.values)
        return plain if self._design is None else CovariateParams(plain, self._effects(self._design))

    @classmethod
    def from_params(cls, params: PurchaseParams) -> Self:
        """Bring back a model that can predict; its likelihood and covariance are unknown (NaN)."""
        plain = params.base if isinstance(params, CovariateParams) else params
        given = np.array(astuple(plain), dtype=np.float64) if type(plain) is cls.params_class else np.array([np.nan])
        if not (np.isfinite(given) & (given > 0)).all():
            message = (
                f"{cls.__name__} needs parameters of {cls.params_class.title}, finite and above 0; got {params!r}."
            )
            raise ModelError(message)
        if not isinstance(params, CovariateParams):
            return cls._from_values(astuple(params))
        model = cls.from_params(params.base)
        coefficients = params.effects.coefficients
        model._set_design(params.effects.design, coefficients)
        values = [*model.estimate_.values, *(one.value for one in coefficients)]
        return model._set_estimate(unknown_estimate(values), np.nan)

    def outlook(self, frame: Any, horizon: float, parameter_uncertainty: bool = True) -> Outlook:
        """Customers and the parameters that they may follow, for `patronage.models.uncertainty`.

        Raises
        ------
        InputError
            If customers cannot be used, or the horizon is none that the model can predict.
        ModelError
            If the covariance of the parameters is unknown or not positive definite.
        """
        histories, values = self._histories(frame), self.estimate_.values
        encoded = self._encoded_rows(frame, len(histories))
        self.params_class.checked_horizon(horizon)
        posterior = self._posterior() if parameter_uncertainty else certain(values, self.positive_)
        return outlook_of(histories, encoded, values, posterior, self._params_of)

    def _units(self, mean_purchases: float, mean_time: float) -> dict[str, Unit]:
        """Units of the parameters that are times or rates; alpha goes with the purchases, the others with lifetimes."""
        observed = Unit(mean_time, "the mean length of observation")
        units = dict.fromkeys(self.params_class.times, observed)
        units |= dict.fromkeys(self.params_class.rates, Unit(1 / mean_time, f"one over {observed.words}"))
        if "alpha" in units and mean_purchases > 1:
            units["alpha"] = Unit(mean_time / mean_purchases, "the mean time between purchases")
        return units

    def _special_cases(self, histories: Histories, counts: FloatArray) -> dict[str, float]:
        """Title and log-likelihood of simpler models that this one contains, fitted to the same data."""
        return {} if self.params_class.discrete else {"NBD": nbd_log_likelihood(histories, counts)}

    @abstractmethod
    def _rows(self, parameters: Parameters, histories: Histories) -> Rows:
        """Log-likelihood of each history, with derivatives by the parameters."""

    @abstractmethod
    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        """Starting values that do not depend on the unit of time; four or more, the likeliest first."""

    def _likelihood(self, histories: Histories, counts: FloatArray) -> LogLikelihood:
        return SummedLikelihood(self._rows, histories, counts)

    def _plain_params(self, values: FloatArray) -> PurchaseParams:
        """Parameters without covariates; models whose params have further fields add them here."""
        return self.params_class(**dict(zip(type(self).parameter_names, map(float, values), strict=False)))

    def _fixed(self) -> dict[str, Any]:
        """Fields of the parameters that are not estimated."""
        plain = asdict(self._plain_params(self.estimate_.values))
        return {name: value for name, value in plain.items() if name not in type(self).parameter_names}

    def _params_of(self, values: FloatArray, encoded: FloatArray) -> PurchaseParams:
        """Parameters of encoded rows, shape (m, c), at values in the order of `params_`; the same for all if c is 0."""
        plain = self._plain_params(values)
        if self._design is None:
            return plain
        slopes = dict(zip(type(self).parameter_names, self._slopes(values), strict=True))
        factors = {name: np.exp(encoded @ slope) for name, slope in slopes.items() if slope.any()}
        return replace(plain, **{name: getattr(plain, name) * factor for name, factor in factors.items()})

    def _posterior(self) -> ParameterPosterior:
        """What the fit leaves open about the parameters; on a ridge of the likelihood, as far as it can be told."""
        estimate, positive = self.estimate_, self.positive_
        flattest = float(estimate.curvature[0]) * self.n_customers_
        if not flattest < MOST_SPREAD**-2:
            return laplace_posterior(estimate.values, estimate.covariance, positive)
        histories, counts = self.fitted_data_
        unit, encoded = np.ones(len(positive)), None
        if self._design is not None:
            unit[~positive], encoded = 1 / self._loadings.scales, self._encoded
        mean = self._objective(histories, counts, encoded=encoded).mean(estimate.values / unit)
        posterior = ridge_posterior(estimate.values, -mean.hessian * self.n_customers_, positive)
        return replace(posterior, root=posterior.root * unit[:, None])

    def _newcomers(self, horizon: ArrayLike, frame: Any) -> tuple[PurchaseParams, FloatArray]:
        """Parameters and horizons of new customers."""
        horizons = self.params_class.checked_horizons(horizon)
        if self._design is None:
            return self.to_params(), horizons
        if frame is None:
            columns = ", ".join(self._design.columns)
            message = f"This model needs the covariates {columns} of new customers: give them as frame=."
            raise InputError(message)
        n = len(self._design.encode(frame))
        if len(horizons) not in {1, n}:
            message = f"horizon must be one number, or one for each of the {n:,} rows of frame; got {len(horizons):,}."
            raise InputError(message)
        return self.to_params().at_rows(frame), np.broadcast_to(horizons, n)

    def _histories(self, frame: Any) -> Histories:
        return histories_of(frame)

    def _counted(self, frame: Any, weights: ArrayLike | None) -> tuple[Histories, FloatArray, FloatArray]:
        """Check histories, learn how covariates are encoded, and count the distinct cases."""
        if weights is None and not self._plan and not self.params_class.discrete:
            frequency, recency, T = required_columns(frame, self.columns)
            cases, counts = counted_histories(frequency, recency, T, ids=getattr(frame, "index", None))
            return cases, counts, self._learned(frame, counts)
        histories = self._histories(frame)
        per_row = checked_weights(weights, frame, len(histories))
        encoded = self._learned(frame, per_row)
        first, inverse = distinct(histories.frequency, histories.recency, histories.T, *encoded.T)
        counts = np.bincount(inverse, per_row, minlength=len(first)).astype(np.float64)
        if not counts.all():
            first, counts = first[counts > 0], counts[counts > 0]
        return histories.take(first), counts, encoded[first]

    def _objective(
        self, histories: Histories, counts: FloatArray, encoded: FloatArray | None = None, is_sample: bool = False
    ) -> Objective:
        """The problem of the data, or of a sample whose weights stand for all of them."""
        if encoded is not None:
            return self._objective_with_covariates(self._rows, histories, counts, encoded, is_sample)
        likelihood = self._likelihood(histories, counts)
        return Objective(
            likelihood,
            float(counts.sum()),
            penalty=self.priors,
            n_histories=len(histories),
            names=type(self).parameter_names,
            model=self.params_class.title,
        )

    def _estimated(
        self,
        histories: Histories,
        counts: FloatArray,
        encoded: FloatArray | None = None,
        starts: list[FloatArray] | None = None,
    ) -> Estimate:
        """Climb to the maximum, of a large problem by way of smaller ones."""
        if self.engine == "lifetimes":
            whole = self._objective(histories, counts, encoded)
            return estimate_at(whole, self._fit_by_lifetimes(histories, counts))

        def all_of_it() -> list[Objective]:
            return [self._objective(histories, counts, encoded)]

        def smaller_ones() -> list[Objective]:
            tables = smaller_tables(histories, counts, encoded, may_merge=not self.params_class.discrete)
            return [self._objective(*table, is_sample=True) for table in tables]

        # Both read all histories, which takes as long as to evaluate them, and neither needs the other.
        (objective,), smaller = on_all_processors(
            lambda objectives: objectives(), [all_of_it, smaller_ones], 2 if len(counts) >= WORTHWHILE else 3
        )
        return maximise_by_way_of(smaller, objective, starts or self._starts(histories, counts))

    def _fit_by_lifetimes(self, histories: Histories, counts: FloatArray) -> FloatArray:  # noqa: ARG002
        message = f"lifetimes has no {self.params_class.title}; use engine=native."
        raise ConfigError(message)


def _as_given(covariates: Sequence[str] | str) -> list[str] | str:
    """A formula, or a list of names, whatever sequence it was."""
    return covariates if isinstance(covariates, str) else [str(name) for name in covariates]


def _slots(slots: Slots, dropout_effect: DropoutEffect) -> Slots:
    """Slots where the second parameter of the dropout, if there is one, moves against the first if that is wanted."""
    if dropout_effect != "opposite" or len(slots.get("dropout", {})) < 2:
        return slots
    first, *others = slots["dropout"].items()
    return {**slots, "dropout": dict([first, *((name, -sign) for name, sign in others)])}


def parameter_names(params_class: type[PurchaseParams]) -> tuple[str, ...]:
    """Names of a model's parameters, in order."""
    return tuple(item.name for item in fields(params_class))
