"""What every fitted model shows of itself: parameters, their uncertainty, and the likelihood."""

from collections.abc import Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from patronage.errors import ConfigError, InputError, ModelError
from patronage.models.likelihood import Estimate
from patronage.runtime.histories import FloatArray, Histories, checked_histories

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
            of the parameter, so it stays positive.
        """
        estimate, error = pd.Series(self.params_), pd.Series(self.standard_errors_)
        spread = np.exp(stats.norm.ppf(0.5 + level / 2) * error / estimate)
        table = {
            "estimate": estimate,
            "standard_error": error,
            "lower": estimate / spread,
            "upper": estimate * spread,
        }
        return pd.DataFrame(table).rename_axis("parameter")

    def _set_estimate(self, estimate: Estimate, total_weight: float) -> Self:
        self._estimate = estimate
        self._total_weight = total_weight
        return self

    @classmethod
    def _from_values(cls, values: Sequence[float]) -> Self:
        model = cls()
        k = len(cls.parameter_names)
        unknown = np.full((k, k), np.nan)
        return model._set_estimate(Estimate(np.array(values, float), unknown, np.nan, np.nan, 0), np.nan)

    def __repr__(self) -> str:
        if getattr(self, "_estimate", None) is None:
            return f"{type(self).__name__}(engine={self.engine!r}, not fitted)"
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.params_.items())
        return f"{type(self).__name__}({values}; {self.n_customers_:,.0f} customers, LL {self.log_likelihood_:,.3f})"


def required_columns(frame: Any, names: Sequence[str]) -> list[Any]:
    """Take columns out of a frame, or say which are missing.

    Raises
    ------
    InputError
        Naming the missing columns and those that are there.
    """
    missing = [name for name in names if name not in frame]
    if missing:
        message = f"The frame lacks the columns {', '.join(missing)}; it has {', '.join(map(str, frame))}."
        raise InputError(message)
    return [frame[name] for name in names]


def histories_of(frame: Any) -> Histories:
    """Take frequency, recency and T out of a frame, checked; ids in errors are those of its index."""
    frequency, recency, T = required_columns(frame, ("frequency", "recency", "T"))
    return checked_histories(frequency, recency, T, ids=getattr(frame, "index", None))


def checked_weights(weights: ArrayLike | None, length: int) -> FloatArray:
    """Weights as an array; ones if there are none.

    Raises
    ------
    InputError
        If they are of another length, negative, not finite, or all zero.
    """
    if weights is None:
        return np.ones(length)
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (length,) or not np.isfinite(array).all() or (array < 0).any() or not array.sum() > 0:
        message = f"weights must be {length:,} finite numbers, not negative and not all zero; got shape {array.shape}."
        raise InputError(message)
    return array


def like_frame(values: FloatArray, frame: Any, name: str) -> pd.Series:
    """Return predictions as a series with the index of the frame they belong to."""
    return pd.Series(values, index=getattr(frame, "index", None), name=name)
