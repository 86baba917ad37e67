r"""Estimation of the Gamma-Gamma model by maximum likelihood.

The likelihood of a mean spend m over x purchases, equation (1a) of [1]_, for the logarithm:

.. math::
    \ln\Gamma(px+q) - \ln\Gamma(px) - \ln\Gamma(q) + q\ln v + (px-1)\ln m + px\ln x - (px+q)\ln(xm+v)

The population has a mean spend, :math:`pv/(q-1)`, only if q is above 1. Where the maximum lies at a q of 1 or less, a
few very large amounts rule the data, and the mean of a sample estimates nothing. Three answers are offered: to refuse,
to declare it, or to constrain the fit. Under the bare constraint q > 1 the likelihood would rise towards q = 1, where
the mean grows without end. So the constrained fit also takes the mean of the customers' own means, :math:`\bar m` with
standard error s, for an observation of the mean of the population, and maximises

.. math::
    \ell(p, q, v) - \frac{1}{2\,(s/\bar m)^2} \Bigl(\ln\frac{pv}{q-1} - \ln \bar m\Bigr)^2, \qquad q = 1 + e^{\theta}

References
----------
.. [1] Fader, Hardie (2013), The Gamma-Gamma model of monetary value. Note 025, brucehardie.com.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.models import lifetimes_engine
from patronage.models.base import Engine, LikelihoodModel, checked_level, checked_weights, like_frame, required_columns
from patronage.models.certificate import Certificate, Check, Unit, of_edges, of_maximum
from patronage.models.likelihood import (
    Climb,
    Estimate,
    Evaluation,
    Objective,
    Penalty,
    estimate_at,
    maximise,
    trigamma,
)
from patronage.models.priors import LogNormalPriors
from patronage.models.spend.independence import Independence, independence
from patronage.runtime import gamma_gamma
from patronage.runtime.distinct import distinct
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.histories import FloatArray, as_numbers, refuse_rows

FiniteMean = Literal["refuse", "constrain", "declare"]
FINITE_MEAN: tuple[FiniteMean, ...] = ("refuse", "constrain", "declare")

TITLE = "Gamma-Gamma"
"""What people call it."""

N_STARTS = 3
"""Starts that must converge before a fit is believed."""

ABOVE_ONE = np.array([0.0, 1.0, 0.0])
"""What (p, q, v) is above (p, q - 1, v)."""


class GammaGamma(LikelihoodModel):
    """Gamma-Gamma: what a customer spends on one purchase, fitted to customers with repeat purchases.

    Parameters
    ----------
    engine : {"native", "lifetimes"}
        Who finds the maximum of the likelihood.
    include_first : bool
        Whether the first purchase counts too. Frames then hold purchase_days and spend_per_purchase_day of all
        customers (see `schema.FEATURES`) instead of frequency and monetary_value, so that one-time buyers tell of
        themselves as well.
    priors : mapping of str to (float, float), optional
        Log-normal priors by parameter: median and the standard deviation of the logarithm. With them the fit is the
        maximum of the posterior density of the log parameters; ``log_likelihood_`` stays that of the data alone.
    finite_mean : {"refuse", "constrain", "declare"}
        What to do if q is 1 or less at the maximum, so that the population has no finite mean: raise `FitError`; fit
        again with q above 1 and the mean of the population near that observed (see the module), which `constrained_`
        tells; or keep the maximum, which `has_finite_mean_` tells, and refuse to predict an infinite mean.

    Attributes
    ----------
    n_left_out_ : float
        Customers (sum of weights) that the fit could not use: without (repeat) purchases, or whose mean spend is not
        positive, for which the model has no likelihood.
    frequency_correlation_ : float
        Correlation of the number of purchases and their mean value among the customers used. The model assumes none.
    assumption_ : Independence
        The same with its interval, a rank test, and a sentence in `words`.
    constrained_ : bool
        Whether the fit was constrained.
    has_finite_mean_ : bool
        Whether q is above 1.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value
    >>> model = GammaGamma().fit(load_cdnow_summary_data_with_monetary_value())
    >>> {name: round(value, 2) for name, value in model.params_.items()}
    {'p': 6.25, 'q': 3.74, 'v': 15.45}
    """

    parameter_names = ("p", "q", "v")
    constrained_ = False

    def __init__(
        self,
        engine: Engine = "native",
        *,
        include_first: bool = False,
        priors: Mapping[str, Sequence[float]] | None = None,
        finite_mean: FiniteMean = "refuse",
    ) -> None:
        super().__init__(engine)
        if finite_mean not in FINITE_MEAN:
            message = f"finite_mean must be one of {', '.join(FINITE_MEAN)}; got {finite_mean!r}."
            raise ConfigError(message)
        self.include_first, self.finite_mean = bool(include_first), finite_mean
        self.priors = LogNormalPriors.checked(priors, self.parameter_names)
        if engine == "lifetimes" and (self.priors or finite_mean == "constrain"):
            message = "engine=lifetimes knows neither priors nor finite_mean=constrain; use engine=native."
            raise ConfigError(message)

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            frequency and monetary_value of n customers (see `schema.SUMMARY`); purchase_days and
            spend_per_purchase_day if the first purchase is included.
        weights : array-like, shape (n,), optional
            Customers behind each row.

        Raises
        ------
        InputError
            If values are no numbers, missing or not finite, or frequencies negative or not whole.
        FitError
            If fewer than two customers can be used, no maximum is reached, or the population has no finite mean
            (q not above 1) and finite_mean is "refuse".
        """
        frequency, mean = self._checked(frame)
        per_row = checked_weights(weights, frame, len(frequency))
        used = (frequency > 0) & (mean > 0) & (per_row > 0)
        if used.sum() < 2:
            bought = "purchases" if self.include_first else "repeat purchases"
            message = (
                f"{used.sum()} of {len(used):,} customers have {bought} and a positive mean spend; "
                "the spend model needs at least two."
            )
            raise FitError(message)
        first, inverse = distinct(frequency[used], mean[used])
        x, m = frequency[used][first], mean[used][first]
        counts = np.bincount(inverse, per_row[used], minlength=len(first)).astype(np.float64)
        estimate = self._estimate_of(x, m, counts)
        q = estimate.values[1]
        self.constrained_ = bool(q <= 1 and self.finite_mean == "constrain")
        if self.constrained_:
            estimate = self._constrained_estimate_of(x, m, counts)
        elif q <= 1 and self.finite_mean == "refuse":
            message = (
                f"The spend of these customers has no finite mean: q is {q:.3f}, and the mean p v / (q - 1) needs "
                "q above 1. A few very large amounts cause this: look at the largest "
                f"{self._columns[1]} rows, or choose finite_mean=constrain."
            )
            raise FitError(message)
        self.n_left_out_ = float(per_row[~used].sum())
        self._mean_spend = float(counts @ m / counts.sum())
        self._set_estimate(estimate, float(counts.sum()))
        self.assumption_: Independence = independence(self.to_params(), x, m, counts)
        self.frequency_correlation_ = self.assumption_.pearson
        return self

    @property
    def has_finite_mean_(self) -> bool:
        """Whether the population has a mean spend."""
        return self.params_["q"] > 1

    @cached_property
    def certificate_(self) -> Certificate:
        """What was checked of the fit, and found."""
        q, independent = self.params_["q"], self.assumption_
        finite = f"q is {q:.3f}: the mean spend of the population p v / (q - 1) is finite."
        if not self.has_finite_mean_:
            finite = (
                f"q is {q:.3f}, so the population has no finite mean; a few very large amounts cause this. Look at the "
                f"largest {self._columns[1]} rows, or fit with finite_mean='constrain'."
            )
        checks = (
            *of_maximum(self.estimate_, self.parameter_names, self.n_customers_),
            of_edges(self.params_, {"v": Unit(self._mean_spend, "the mean spend")}),
            Check("finite mean", self.has_finite_mean_, q, finite),
            Check("maximum is free", not self.constrained_, q, _freedom_in_words(self.constrained_)),
            Check(
                "independence of spend and frequency",
                not independent.is_strong,
                independent.pearson,
                independent.words,
            ),
        )
        return Certificate(TITLE, checks)

    @property
    def is_penalised(self) -> bool:
        """Whether more than the likelihood was maximised."""
        return super().is_penalised or self.constrained_

    def to_params(self) -> GammaGammaParams:
        """The estimates as the frozen parameters that the runtime predicts with."""
        p, q, v = map(float, self.estimate_.values)
        return GammaGammaParams(p, q, v, self.include_first)

    @classmethod
    def from_params(cls, params: GammaGammaParams) -> Self:
        """Bring back a model that can predict; its likelihood and covariance are unknown (NaN).

        Raises
        ------
        ModelError
            If they are those of another model, or not finite and above 0.
        """
        given = np.array(astuple(params)[:3] if isinstance(params, GammaGammaParams) else [np.nan], dtype=np.float64)
        if not (np.isfinite(given) & (given > 0)).all():
            message = f"{cls.__name__} needs parameters of {TITLE}, finite and above 0; got {params!r}."
            raise ModelError(message)
        model = cls._from_values((params.p, params.q, params.v))
        model.include_first = params.include_first
        return model

    def expected_spend(self, frame: Any) -> pd.Series:
        """Expected spend of a purchase, in money; the population mean for customers without (repeat) purchases.

        Raises
        ------
        InputError
            If a customer has no finite expected spend, which needs q of 1 or less.
        """
        frequency, mean = self._checked(frame)
        values = gamma_gamma.expected_spend(self.to_params(), frequency, mean)
        return like_frame(values, frame, "expected_spend")

    def spend_interval(self, frame: Any, level: float = 0.9) -> pd.DataFrame:
        """Interval in which a customer's own mean spend lies, given their purchases and the estimates.

        The quantiles are exact. The interval is one of the mean of very many purchases to come, not of a single one
        (for these see `draw_spend`), and takes the parameters for certain.

        Parameters
        ----------
        level : float
            Probability of the interval, between 0 and 1; as much of the rest lies below it as above.

        Returns
        -------
        DataFrame
            low, median and high in money per purchase, with the index of the frame.
        """
        level = checked_level(level)
        frequency, mean = self._checked(frame)
        places = {"low": (1 - level) / 2, "median": 0.5, "high": (1 + level) / 2}
        params = self.to_params()
        table = {
            name: gamma_gamma.mean_spend_quantiles(params, frequency, mean, place) for name, place in places.items()
        }
        return pd.DataFrame(table, index=getattr(frame, "index", None))

    def draw_spend(self, frame: Any, purchases: ArrayLike, rng: np.random.Generator) -> pd.DataFrame:
        """Random total values of purchases to come, the customer's own mean drawn with them.

        Parameters
        ----------
        purchases : array-like, shape (n,) or (n, size)
            Number of purchases to come of each customer, whole; one column a future.
        rng : numpy.random.Generator

        Returns
        -------
        DataFrame, shape (n, 1) or (n, size)
            In money, with the index of the frame.

        Raises
        ------
        InputError
            If numbers of purchases are negative or not whole, or of another length than the frame.
        """
        frequency, mean = self._checked(frame)
        futures = as_numbers("purchases", purchases)
        futures = futures[:, None] if futures.ndim == 1 else futures
        fits = futures.ndim == 2 and len(futures) == len(frequency)
        if not fits or not ((futures >= 0) & (futures == np.floor(futures)) & np.isfinite(futures)).all():
            message = (
                f"purchases must be whole numbers, 0 and above, one row for each of {len(frequency):,} customers; got "
                f"shape {futures.shape}."
            )
            raise InputError(message)
        drawn = gamma_gamma.draw_total_spend(self.to_params(), frequency, mean, futures.T, rng)
        return pd.DataFrame(drawn.T, index=getattr(frame, "index", None))

    @property
    def _columns(self) -> tuple[str, str]:
        return gamma_gamma.ALL_COLUMNS if self.include_first else gamma_gamma.REPEAT_COLUMNS

    def _checked(self, frame: Any) -> tuple[FloatArray, FloatArray]:
        """Take the number of purchases and their mean out of a frame."""
        names = self._columns
        columns = required_columns(frame, names)
        number, mean = (as_numbers(name, column) for name, column in zip(names, columns, strict=True))
        if number.shape != mean.shape or number.ndim != 1:
            message = f"{names[0]} and {names[1]} differ in shape: {number.shape}, {mean.shape}."
            raise InputError(message)
        finite = np.isfinite(number)
        failures = {
            f"{names[0]} missing or not finite": ~finite,
            f"{names[0]} negative or not whole": finite & ((number < 0) | (number != np.floor(number))),
            f"{names[1]} missing or not finite": (number > 0) & ~np.isfinite(mean),
        }
        refuse_rows(failures, what="customers", ids=getattr(frame, "index", None))
        return number, mean

    def _estimate_of(self, x: FloatArray, m: FloatArray, counts: FloatArray) -> Estimate:
        likelihood = GammaGammaLikelihood(x, m, counts)
        objective = Objective(
            likelihood,
            float(counts.sum()),
            penalty=self.priors,
            n_histories=len(x),
            names=self.parameter_names,
            model=TITLE,
        )
        if self.engine == "lifetimes":
            return estimate_at(objective, lifetimes_engine.fit_gamma_gamma(x, m, counts))
        return maximise(objective, _starts(m, counts), n_starts=N_STARTS)

    def _constrained_estimate_of(self, x: FloatArray, m: FloatArray, counts: FloatArray) -> Estimate:
        """The maximum under q > 1, climbed to by the logarithm of q - 1."""
        total = float(counts.sum())
        mean = counts @ m / total
        relative_error = np.sqrt(counts @ (m - mean) ** 2 / total / max(total - 1, 1.0)) / mean
        likelihood = GammaGammaLikelihood(x, m, counts)
        objective = Objective(
            lambda values: likelihood(values + ABOVE_ONE),
            total,
            penalty=_MeanObserved(float(np.log(mean)), float(relative_error), self.priors),
            n_histories=len(x),
            names=("p", "q - 1", "v"),
            model=f"{TITLE} with a finite mean",
        )
        found = maximise(objective, (start - ABOVE_ONE for start in _starts(m, counts, least_q=1.0)), n_starts=N_STARTS)
        climbs = tuple(_above_one(climb) for climb in found.climbs)
        return replace(found, values=found.values + ABOVE_ONE, climbs=climbs)


class GammaGammaLikelihood:
    """Log-likelihood of mean spends, with gradient and Hessian by (p, q, v).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Purchases, 1 and above.
    m : ndarray, shape (n,)
        Their mean spend, positive.
    counts : ndarray, shape (n,)
        Customers behind each row.
    """

    def __init__(self, x: FloatArray, m: FloatArray, counts: FloatArray) -> None:
        self.x, self.m, self.n = x, m, counts
        self.distinct_x, at_x = np.unique(x, return_inverse=True)
        self.n_x = np.bincount(at_x, counts)
        self.log_m, self.log_x = np.log(m), np.log(x)

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at (p, q, v)."""
        p, q, v = values
        x, n, d, n_d = self.x, self.n, self.distinct_x, self.n_x
        total, spent = n.sum(), x * self.m + v
        log_spent, shape = np.log(spent), p * x + q
        psi, psi_1 = special.psi, trigamma
        value = (
            n_d @ (special.gammaln(p * d + q) - special.gammaln(p * d))
            - total * (special.gammaln(q) - q * np.log(v))
            + n @ ((p * x - 1) * self.log_m + p * x * self.log_x - shape * log_spent)
        )
        gradient = np.array(
            [
                n_d @ (d * (psi(p * d + q) - psi(p * d))) + (n * x) @ (self.log_m + self.log_x - log_spent),
                n_d @ psi(p * d + q) - total * (psi(q) - np.log(v)) - n @ log_spent,
                total * q / v - n @ (shape / spent),
            ]
        )
        pq = n_d @ (d * psi_1(p * d + q))
        pv, qv = -n @ (x / spent), total / v - n @ (1 / spent)
        pp = n_d @ (d**2 * (psi_1(p * d + q) - psi_1(p * d)))
        qq = n_d @ psi_1(p * d + q) - total * psi_1(q)
        vv = -total * q / v**2 + n @ (shape / spent**2)
        hessian = np.array([[pp, pq, pv], [pq, qq, qv], [pv, qv, vv]])
        return Evaluation(float(value), gradient, hessian)


@dataclass(frozen=True)
class _MeanObserved:
    """What the constrained fit subtracts, by (p, q - 1, v): the distance of the mean from that observed, and priors."""

    log_mean: float
    error: float
    priors: Penalty | None

    def __call__(self, values: FloatArray) -> Evaluation:
        signs = np.array([1.0, -1.0, 1.0])
        distance, precision, slope = signs @ np.log(values) - self.log_mean, self.error**-2, signs / values
        curve = np.outer(slope, slope) - np.diag(distance * signs / values**2)
        own = Evaluation(float(precision * distance**2 / 2), precision * distance * slope, precision * curve)
        if self.priors is None:
            return own
        prior = self.priors(values + ABOVE_ONE)
        return Evaluation(own.value + prior.value, own.gradient + prior.gradient, own.hessian + prior.hessian)


def _above_one(climb: Climb) -> Climb:
    return replace(climb, start=climb.start + ABOVE_ONE, end=climb.end + ABOVE_ONE)


def _starts(m: FloatArray, counts: FloatArray, least_q: float = 0.0) -> Iterator[FloatArray]:
    """Starting values that do not depend on the unit of money, q above the least one that may be.

    v is set so that the mean p v / (q - 1) fits, or, where q is 1 or less, the geometric mean, p v / q or so. The
    second start is that of customers who differ far more than their own purchases do.
    """
    mean, typical = (counts @ m) / counts.sum(), np.exp((counts @ np.log(m)) / counts.sum())
    for p, q in ((2.0, 3.0), (100.0, 0.5), (6.0, 4.0), (20.0, 0.7), (1.0, 10.0), (0.5, 1.5), (50.0, 2.0)):
        if q > least_q:
            yield np.array([p, q, mean * (q - 1) / p if q > 1 else typical * q / p])


def _freedom_in_words(constrained: bool) -> str:
    if not constrained:
        return "q was free to take any value above 0."
    return (
        "without a constraint q would be 1 or less: the mean spend was held near that observed. It rests on the sample "
        "mean more than on the model; look at the largest amounts."
    )
