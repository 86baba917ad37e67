r"""Estimation of the Gamma-Gamma model by maximum likelihood.

The likelihood of a mean spend m over x purchases, equation (1a) of [1]_, for the logarithm:

.. math::
    \ln\Gamma(px+q) - \ln\Gamma(px) - \ln\Gamma(q) + q\ln v + (px-1)\ln m + px\ln x - (px+q)\ln(xm+v)

References
----------
.. [1] Fader, Hardie (2013), The Gamma-Gamma model of monetary value. Note 025, brucehardie.com.
"""

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from patronage.errors import FitError, InputError
from patronage.models import lifetimes_engine
from patronage.models.base import LikelihoodModel, checked_weights, like_frame, required_columns
from patronage.models.likelihood import Estimate, Evaluation, estimate_at, maximise, trigamma
from patronage.runtime import gamma_gamma
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.histories import FloatArray, distinct, refuse_rows


class GammaGamma(LikelihoodModel):
    """Gamma-Gamma: what a customer spends on one purchase, fitted to customers with repeat purchases.

    Parameters
    ----------
    engine : {"native", "lifetimes"}
        Who finds the maximum of the likelihood.

    Attributes
    ----------
    n_left_out_ : float
        Customers (sum of weights) that the fit could not use: without repeat purchases, or whose mean spend is not
        positive, for which the model has no likelihood.
    frequency_correlation_ : float
        Correlation of frequency and monetary value among the customers used. The model assumes none.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary_data_with_monetary_value
    >>> model = GammaGamma().fit(load_cdnow_summary_data_with_monetary_value())
    >>> {name: round(value, 2) for name, value in model.params_.items()}
    {'p': 6.25, 'q': 3.74, 'v': 15.45}
    """

    parameter_names = ("p", "q", "v")

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            frequency and monetary_value of n customers (see `schema.SUMMARY`).
        weights : array-like, shape (n,), optional
            Customers behind each row.

        Raises
        ------
        InputError
            If values are missing or not finite, or frequencies negative.
        FitError
            If fewer than two customers can be used, no maximum is reached, or the population has no finite mean
            (q not above 1).
        """
        frequency, monetary_value = _checked_spend(frame)
        per_row = checked_weights(weights, len(frequency))
        used = (frequency > 0) & (monetary_value > 0) & (per_row > 0)
        if used.sum() < 2:
            message = (
                f"{used.sum()} of {len(used):,} customers have repeat purchases and a positive mean spend; "
                "the spend model needs at least two."
            )
            raise FitError(message)
        first, inverse = distinct(frequency[used], monetary_value[used])
        x, m = frequency[used][first], monetary_value[used][first]
        counts = np.bincount(inverse, per_row[used], minlength=len(first)).astype(np.float64)
        estimate = self._estimate_of(x, m, counts)
        q = estimate.values[1]
        if q <= 1:
            message = (
                f"The spend of these customers has no finite mean: q is {q:.3f}, and the mean p v / (q - 1) needs "
                "q above 1. A few very large amounts cause this: look at the largest monetary_value rows."
            )
            raise FitError(message)
        self.n_left_out_ = float(per_row[~used].sum())
        self.frequency_correlation_ = _weighted_correlation(x, m, counts)
        return self._set_estimate(estimate, float(counts.sum()))

    def to_params(self) -> GammaGammaParams:
        """The estimates as the frozen parameters that the runtime predicts with."""
        return GammaGammaParams(**self.params_)

    @classmethod
    def from_params(cls, params: GammaGammaParams) -> Self:
        """Bring back a model that can predict; its likelihood and covariance are unknown (NaN)."""
        return cls._from_values(astuple(params))

    def expected_spend(self, frame: Any) -> pd.Series:
        """Expected spend of a purchase, in money; the population mean for customers without repeat purchases."""
        frequency, monetary_value = _checked_spend(frame)
        values = gamma_gamma.expected_spend(self.to_params(), frequency, monetary_value)
        return like_frame(values, frame, "expected_spend")

    def _estimate_of(self, x: FloatArray, m: FloatArray, counts: FloatArray) -> Estimate:
        likelihood, total = GammaGammaLikelihood(x, m, counts), float(counts.sum())
        if self.engine == "lifetimes":
            return estimate_at(likelihood, lifetimes_engine.fit_gamma_gamma(x, m, counts), total)
        return maximise(likelihood, _starts(m, counts), total)


class GammaGammaLikelihood:
    """Log-likelihood of mean spends, with gradient and Hessian by (p, q, v).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Repeat purchases, 1 and above.
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


def _checked_spend(frame: Any) -> tuple[FloatArray, FloatArray]:
    columns = required_columns(frame, ("frequency", "monetary_value"))
    frequency, monetary_value = (np.asarray(column, dtype=np.float64) for column in columns)
    if frequency.shape != monetary_value.shape or frequency.ndim != 1:
        message = f"frequency and monetary_value differ in shape: {frequency.shape}, {monetary_value.shape}."
        raise InputError(message)
    failures = {
        "frequency missing, negative or not whole": ~(frequency >= 0) | (frequency != np.floor(frequency)),
        "monetary_value missing or not finite": (frequency > 0) & ~np.isfinite(monetary_value),
    }
    refuse_rows(failures, what="customers", ids=getattr(frame, "index", None))
    return frequency, monetary_value


def _weighted_correlation(x: FloatArray, m: FloatArray, counts: FloatArray) -> float:
    covariance = np.cov(x, m, aweights=counts)
    scale = np.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(covariance[0, 1] / scale) if scale > 0 else float("nan")


def _starts(m: FloatArray, counts: FloatArray) -> Iterator[FloatArray]:
    """Starting values that do not depend on the unit of money: v is set so that the mean p v / (q - 1) fits."""
    mean = (counts @ m) / counts.sum()
    for p, q in ((2.0, 3.0), (6.0, 4.0), (1.0, 10.0), (0.5, 1.5), (50.0, 2.0)):
        yield np.array([p, q, mean * (q - 1) / p])
