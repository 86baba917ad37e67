"""The second engine: estimates found by the package lifetimes, an independent implementation."""

import contextlib
import io
import warnings

import numpy as np

from patronage.errors import FitError
from patronage.runtime.histories import FloatArray, Histories

TOLERANCES = (1e-9, 1e-8, 1e-7)
"""Tried in turn: its optimiser calls a run failed that comes closer than rounding allows. The last is its default."""


def fit_purchase(fitter_name: str, parameters: tuple[str, ...], histories: Histories, counts: FloatArray) -> FloatArray:
    """Estimate a purchase model with a fitter of lifetimes, without a penalty.

    Raises
    ------
    FitError
        If lifetimes does not converge.
    """
    columns = (histories.frequency, histories.recency, histories.T)
    return _fitted(fitter_name, parameters, columns, counts)


def fit_gamma_gamma(frequency: FloatArray, monetary_value: FloatArray, counts: FloatArray) -> FloatArray:
    """Estimate (p, q, v) with ``lifetimes.GammaGammaFitter``, without a penalty.

    Raises
    ------
    FitError
        If lifetimes does not converge.
    """
    return _fitted("GammaGammaFitter", ("p", "q", "v"), (frequency, monetary_value), counts)


def _fitted(
    fitter_name: str, parameters: tuple[str, ...], columns: tuple[FloatArray, ...], counts: FloatArray
) -> FloatArray:
    printed = io.StringIO()
    # lifetimes warns of its own old idioms and prints its optimiser's report when it fails.
    with warnings.catch_warnings(), contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        import lifetimes
        from lifetimes.utils import ConvergenceError

        failure: Exception | None = None
        for tolerance in TOLERANCES:
            fitter = getattr(lifetimes, fitter_name)(penalizer_coef=0.0)
            try:
                fitter.fit(*columns, weights=counts, tol=tolerance)
            except ConvergenceError as error:
                failure = error
                continue
            return np.array([fitter.params_[name] for name in parameters], dtype=np.float64)
    report = " ".join(printed.getvalue().split())[:200]
    message = f"The engine lifetimes did not converge on these data; use engine=native. Its optimiser said: {report}"
    raise FitError(message) from failure
