"""What every fitted model shows of itself: parameters, their uncertainty, and the likelihood."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from patronage.errors import ConfigError, InputError, ModelError
from patronage.models.likelihood import Estimate
from patronage.runtime.histories import FloatArray, Histories, as_numbers, checked_histories, refuse_rows
from patronage.runtime.plain_numbers import one_number

Engine = Literal["native", "lifetimes"]
ENGINES: tuple[Engine, ...] = ("native", "lifetimes")


class LikelihoodModel:
    """Base of models that are fitted by maximum likelihood.

    Parameters
    ----------
    engine : {"native", "lifetimes"}
        Who finds the maximum: this package, or the package lifetimes.

    Attributes
    ----------
    params_ : dict of str to float
        Estimates by name.
    standard_errors_ : dict of str to float
        From the observed information; NaN where the data do not identify the parameters.
    covariance_ : ndarray, shape (k, k)
        Of the estimates, in the order of `params_`.
    log_likelihood_ : float
        Natural logarithm, summed over customers.
    n_customers_ : float
        Sum of weights.
    estimate_ : Estimate
        All of it, with the gradient at the maximum.
    """

    parameter_names: tuple[str, ...] = ()
    special_cases: ClassVar[tuple[str, ...]] = ()
    """Names of classes that are this model with parameters fixed inside their range."""

    def __init__(self, engine: Engine = "native") -> None:
        if engine not in ENGINES:
            message = f"engine must be one of {', '.join(ENGINES)}; got {engine!r}."
            raise ConfigError(message)
        self.engine = engine

    @property
    def estimate_(self) -> Estimate:
        """The maximum; `ModelError` before the model is fitted."""
        estimate: Estimate | None = getattr(self, "_estimate", None)
        if estimate is None:
            message = f"This {type(self).__name__} is not fitted yet: call fit(frame) first."
            raise ModelError(message)
        return estimate

    @property
    def params_(self) -> dict[str, float]:
        """Estimates by name."""
        return dict(zip(self.parameter_names, map(float, self.estimate_.values), strict=True))

    @property
    def positive_(self) -> NDArray[np.bool_]:
        """Which of `params_` are positive by definition, shape (k,): all but coefficients of covariates."""
        return np.array([name in type(self).parameter_names for name in self.parameter_names])

    @property
    def is_penalised(self) -> bool:
        """Whether more than the likelihood was maximised."""
        return bool(getattr(self, "priors", None))

    @property
    def data_digest_(self) -> str:
        """What names the data of the fit: models with the same digest were fitted to the same data."""
        message = f"This {type(self).__name__} does not keep the data that it was fitted to."
        raise ModelError(message)

    def nests(self, other: "LikelihoodModel") -> bool:
        """Whether `other` is a special case of this model, with parameters fixed inside their range."""
        return type(other).__name__ in self.special_cases

    @property
    def covariance_(self) -> FloatArray:
        """Covariance of the estimates, shape (k, k)."""
        return self.estimate_.covariance

    @property
    def standard_errors_(self) -> dict[str, float]:
        """Standard errors by name."""
        errors = np.sqrt(np.diag(self.covariance_))
        return dict(zip(self.parameter_names, map(float, errors), strict=True))

    @property
    def log_likelihood_(self) -> float:
        """Log-likelihood at the maximum."""
        return self.estimate_.log_likelihood

    @property
    def n_customers_(self) -> float:
        """Number of customers behind the fit (sum of weights)."""
        self.estimate_  # noqa: B018  (refuses before the fit)
        return self._total_weight

    @property
    def aic_(self) -> float:
        """Akaike's information criterion, 2 k - 2 LL."""
        return 2 * len(self.parameter_names) - 2 * self.log_likelihood_

    @property
    def bic_(self) -> float:
        """Schwarz's information criterion, k ln(n) - 2 LL."""
        return float(len(self.parameter_names) * np.log(self.n_customers_) - 2 * self.log_likelihood_)

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """Parameter table.

        Parameters
        ----------
        level : float
            Coverage of the intervals, 0 to 1.

        Returns
        -------
        DataFrame
            Indexed by parameter: estimate, standard_error, lower, upper. The interval is symmetric for the logarithm
            of the parameter, so it stays positive. That of a coefficient of a covariate is symmetric for itself, and
            where there are such, z and p_value say how far it is from 0.
        """
        level = checked_level(level)
        estimate, error = pd.Series(self.params_), pd.Series(self.standard_errors_)
        reach = stats.norm.ppf(0.5 + level / 2) * error
        positive = self.positive_
        # Of a parameter that the data say nothing of, the interval is all positive numbers.
        with np.errstate(over="ignore"):
            spread = np.exp(reach / estimate.where(positive, 1.0))
        table = {
            "estimate": estimate,
            "standard_error": error,
            "lower": (estimate / spread).where(positive, estimate - reach),
            "upper": (estimate * spread).where(positive, estimate + reach),
        }
        if not positive.all():
            table["z"] = (estimate / error).where(~positive)
            table["p_value"] = 2 * stats.norm.sf(table["z"].abs())
        return pd.DataFrame(table).rename_axis("parameter")

    def _set_estimate(self, estimate: Estimate, total_weight: float) -> Self:
        self.__dict__.pop("certificate_", None)
        self._estimate = estimate
        self._total_weight = total_weight
        return self

    def with_covariance(self, covariance: ArrayLike | None) -> Self:
        """The model, brought back from stored parameters, with the covariance that was stored beside them.

        Raises
        ------
        ModelError
            If there is none, or it has another shape.
        """
        k = len(self.parameter_names)
        if covariance is None or np.shape(covariance) != (k, k):
            message = (
                f"No covariance of {k} parameters is stored with this {type(self).__name__}, so that it has no "
                "intervals: either the data did not tell its parameters apart, or the model is of an older version. "
                "Train again, or leave the intervals out."
            )
            raise ModelError(message)
        known = replace(self.estimate_, covariance=np.asarray(covariance, dtype=np.float64))
        return self._set_estimate(known, self.n_customers_)

    @classmethod
    def _from_values(cls, values: Sequence[float]) -> Self:
        return cls()._set_estimate(unknown_estimate(values), np.nan)

    def __repr__(self) -> str:
        if getattr(self, "_estimate", None) is None:
            return f"{type(self).__name__}(engine={self.engine!r}, not fitted)"
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.params_.items())
        return f"{type(self).__name__}({values}; {self.n_customers_:,.0f} customers, LL {self.log_likelihood_:,.3f})"


def unknown_estimate(values: Sequence[float]) -> Estimate:
    """Values of which nothing else is known."""
    unknown = np.full((len(values), len(values)), np.nan)
    return Estimate(np.array(values, float), unknown, np.nan, np.nan, 0, unknown[0], unknown[0])


def required_columns(frame: Any, names: Sequence[str]) -> list[Any]:
    """Take columns out of a frame, or say which are missing.

    Raises
    ------
    InputError
        Naming the missing columns and those that are there.
    """
    if not hasattr(frame, "__getitem__") or not (hasattr(frame, "keys") or hasattr(frame, "columns")):
        message = f"Expected a DataFrame or a mapping of columns, got {type(frame).__name__}."
        raise InputError(message)
    if hasattr(frame, "column_names"):
        frame = {name: frame[name] for name in frame.column_names}
    missing = [name for name in names if name not in frame]
    if missing:
        message = f"The frame lacks the columns {', '.join(missing)}; it has {', '.join(map(str, frame))}."
        raise InputError(message)
    return [frame[name] for name in names]


def histories_of(frame: Any) -> Histories:
    """Take frequency, recency and T out of a frame, checked; ids in errors are those of its index."""
    frequency, recency, T = required_columns(frame, ("frequency", "recency", "T"))
    return checked_histories(frequency, recency, T, ids=getattr(frame, "index", None))


def checked_weights(weights: ArrayLike | None, frame: Any, length: int) -> FloatArray:
    """Weights of the rows of a frame as an array; ones if there are none.

    Raises
    ------
    InputError
        If they are of another length, negative, not finite, or all zero; or if they and the frame are labelled and
        their labels differ, so that a weight may belong to another row.
    """
    if weights is None:
        return np.ones(length)
    array = as_numbers("weights", weights)
    if array.shape != (length,):
        message = f"weights must be {length:,} numbers, one a row; got shape {array.shape}."
        raise InputError(message)
    index = getattr(frame, "index", None)
    if isinstance(weights, pd.Series) and isinstance(index, pd.Index) and not weights.index.equals(index):
        message = (
            "weights and the frame have different indexes, so a weight may belong to another row: give "
            "weights.reindex(frame.index), or weights.to_numpy() if they are in the order of the rows."
        )
        raise InputError(message)
    refuse_rows({"not finite": ~np.isfinite(array), "negative": array < 0}, what="weights", ids=index)
    if not array.sum() > 0:
        message = "All weights are zero: there are no customers to fit the model to."
        raise InputError(message)
    return array


def like_frame(values: FloatArray, frame: Any, name: str) -> pd.Series:
    """Return predictions as a series with the index of the frame they belong to."""
    return pd.Series(values, index=getattr(frame, "index", None), name=name, copy=False)


def checked_level(level: float) -> float:
    """Return a level of coverage, or refuse it.

    Raises
    ------
    InputError
        If it is no number between 0 and 1.
    """
    number = one_number(level)
    if number is None or not 0 < number < 1:
        message = f"level must lie between 0 and 1, both excluded (0.9 is 90 %); got {level!r}."
        raise InputError(message)
    return number
