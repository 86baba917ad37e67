r"""Estimation of the BG/NBD model by maximum likelihood.

The likelihood of a history (x, t_x, T), equation (6) of [1]_, written for the logarithm:

.. math::
    \ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + \ln B(a, b+x) - \ln B(a,b) - (r+x)\ln(\alpha+T)
    + \ln\bigl(1 + [x>0]\,e^{D}\bigr)

    D = (r+x)\ln\frac{\alpha+T}{\alpha+t_x} + \ln\frac{a}{b+x-1}

All but the last term depends on x alone or on T alone, so it is summed over the few distinct values of these.

References
----------
.. [1] Fader, Hardie, Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model.
   Marketing Science 24(2), 275-284.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import astuple
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from patronage.errors import FitError
from patronage.models import lifetimes_engine
from patronage.models.base import LikelihoodModel, checked_weights, histories_of, like_frame
from patronage.models.likelihood import Evaluation, estimate_at, maximise, trigamma
from patronage.runtime import bg_nbd
from patronage.runtime.bg_nbd import BetaGeoParams
from patronage.runtime.histories import FloatArray, Histories, IndexArray, distinct

SAMPLE_SIZE = 20_000
"""Distinct histories in the sample that a large fit starts from."""

ROWS_AT_ONCE = 8192
"""Histories evaluated at once: few enough that the intermediate results stay in the processor's cache."""


class BetaGeoNBD(LikelihoodModel):
    """BG/NBD: steady purchasing until the customer, after some purchase, leaves unnoticed.

    Parameters
    ----------
    engine : {"native", "lifetimes"}
        Who finds the maximum of the likelihood.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> model = BetaGeoNBD().fit(load_cdnow_summary())
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.243, 'alpha': 4.414, 'a': 0.793, 'b': 2.426}
    """

    parameter_names = ("r", "alpha", "a", "b")

    def fit(self, frame: Any, weights: ArrayLike | None = None) -> Self:
        """Estimate the parameters.

        Parameters
        ----------
        frame : DataFrame or mapping of columns
            frequency, recency and T of n customers, in one time unit (see `schema.SUMMARY`).
        weights : array-like, shape (n,), optional
            Customers behind each row, as `CustomerSummary.histories` counts them.

        Raises
        ------
        InputError
            If histories cannot be used.
        FitError
            If no customer ever came back, or no maximum is reached.
        """
        histories, counts = _counted(frame, weights)
        if not (counts[histories.frequency > 0]).any():
            message = (
                "No customer has a repeat purchase, so neither the purchase rate nor the dropout can be estimated."
            )
            raise FitError(message)
        likelihood = BetaGeoLikelihood(histories, counts)
        total = float(counts.sum())
        if self.engine == "lifetimes":
            values = lifetimes_engine.fit_bg_nbd(histories, counts)
            return self._set_estimate(estimate_at(likelihood, values, total), total)
        return self._set_estimate(maximise(likelihood, _starts(histories, counts), total), total)

    def to_params(self) -> BetaGeoParams:
        """The estimates as the frozen parameters that the runtime predicts with."""
        return BetaGeoParams(**self.params_)

    @classmethod
    def from_params(cls, params: BetaGeoParams) -> Self:
        """Bring back a model that can predict; its likelihood and covariance are unknown (NaN)."""
        return cls._from_values(astuple(params))

    def probability_alive(self, frame: Any) -> pd.Series:
        """Probability that the customer has not left; 1 for every customer without a repeat purchase."""
        return self._predict(frame, "probability_alive", bg_nbd.probability_alive)

    def probability_active(self, frame: Any, horizon: float) -> pd.Series:
        """Probability of at least one purchase within `horizon` (in the frame's time unit)."""
        return self._predict(frame, "probability_active", bg_nbd.probability_active, horizon)

    def expected_purchases(self, frame: Any, horizon: float) -> pd.Series:
        """Expected number of purchases within `horizon` (in the frame's time unit)."""
        return self._predict(frame, "expected_purchases", bg_nbd.expected_purchases, horizon)

    def expected_purchases_new(self, horizon: ArrayLike) -> FloatArray:
        """Expected repeat purchases of a new customer within `horizon`, shape (m,)."""
        return bg_nbd.expected_purchases_new(self.to_params(), horizon)

    def purchase_probabilities_new(self, n_max: int, horizon: ArrayLike) -> FloatArray:
        """Distribution of the repeat purchases of a new customer, shape (m, n_max + 1)."""
        return bg_nbd.purchase_probabilities_new(self.to_params(), n_max, horizon)

    def _predict(self, frame: Any, name: str, kernel: Any, *arguments: float) -> pd.Series:
        return like_frame(kernel(self.to_params(), histories_of(frame), *arguments), frame, name)


class BetaGeoLikelihood:
    """Log-likelihood of distinct histories, with gradient and Hessian by (r, alpha, a, b).

    Parameters
    ----------
    histories : Histories
        Distinct histories.
    counts : ndarray, shape (n,)
        Customers behind each.
    """

    def __init__(self, histories: Histories, counts: FloatArray) -> None:
        self.total = counts.sum()
        self.x, self.x_count = _totals(histories.frequency, counts)
        self.T, self.T_count = _totals(histories.T, counts)
        _, self.T_purchases = _totals(histories.T, counts * histories.frequency)
        repeat = np.flatnonzero(histories.frequency > 0)
        self.repeat_count = counts[repeat]
        # What depends on x, t_x or T alone is computed once for every distinct value of it and looked up.
        self.repeat_x, self.at_x = _coded(histories.frequency[repeat])
        self.repeat_t_x, self.at_t_x = _coded(histories.recency[repeat])
        self.repeat_T, self.at_T = _coded(histories.T[repeat])

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at (r, alpha, a, b)."""
        with np.errstate(over="ignore", invalid="ignore"):
            first, second = self._by_x_and_T(values), self._leaving(values)
        return Evaluation(first.value + second.value, first.gradient + second.gradient, first.hessian + second.hessian)

    def _by_x_and_T(self, values: FloatArray) -> Evaluation:  # noqa: N802
        """All terms but the last."""
        r, alpha, a, b = values
        n, x, n_x = self.total, self.x, self.x_count
        power, until = r * self.T_count + self.T_purchases, alpha + self.T
        value = (
            n_x @ (special.gammaln(r + x) + special.betaln(a, b + x))
            - n * (special.gammaln(r) + special.betaln(a, b))
            + n * r * np.log(alpha)
            - power @ np.log(until)
        )
        psi, psi_1 = special.psi, trigamma
        both = -n_x @ psi(a + b + x) + n * psi(a + b)
        gradient = np.array(
            [
                n_x @ psi(r + x) - n * psi(r) + n * np.log(alpha) - self.T_count @ np.log(until),
                n * r / alpha - (power / until).sum(),
                both,
                both + n_x @ psi(b + x) - n * psi(b),
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = n_x @ psi_1(r + x) - n * psi_1(r)
        hessian[0, 1] = hessian[1, 0] = n / alpha - (self.T_count / until).sum()
        hessian[1, 1] = -n * r / alpha**2 + (power / until**2).sum()
        hessian[2:, 2:] = -n_x @ psi_1(a + b + x) + n * psi_1(a + b)
        hessian[3, 3] += n_x @ psi_1(b + x) - n * psi_1(b)
        return Evaluation(float(value), gradient, hessian)

    def _leaving(self, values: FloatArray) -> Evaluation:
        """The last term, ln(1 + exp(D)), over customers with repeat purchases."""
        r, alpha, a, b = values
        log_T, log_t_x = np.log(alpha + self.repeat_T), np.log(alpha + self.repeat_t_x)
        until, since = 1 / (alpha + self.repeat_T), 1 / (alpha + self.repeat_t_x)
        stays = b + self.repeat_x - 1
        log_chance, by_stays = np.log(a / stays), -1 / stays
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        for start in range(0, len(self.repeat_count), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            n, at_x, at_t_x, at_T = self.repeat_count[rows], self.at_x[rows], self.at_t_x[rows], self.at_T[rows]
            power = r + self.repeat_x[at_x]
            # Derivatives of D by r, alpha, a and b.
            first = np.empty((4, len(n)))
            by_r, by_alpha, by_a, by_b = first
            by_r[:] = log_T[at_T] - log_t_x[at_t_x]
            gap = until[at_T] - since[at_t_x]
            by_alpha[:] = power * gap
            by_a[:] = 1 / a
            by_b[:] = by_stays[at_x]
            log_odds = power * by_r + log_chance[at_x]
            small = np.exp(-np.abs(log_odds))
            left = np.where(log_odds > 0, 1.0, small) / (1 + small)
            w = n * left
            value += n @ (np.maximum(log_odds, 0) + np.log(1 + small))
            gradient += first @ w
            hessian += (first * (w * (1 - left))) @ first.T
            # Second derivatives of D: by r and alpha, alpha twice, a twice, b twice.
            cross = w @ gap
            hessian[0, 1] += cross
            hessian[1, 0] += cross
            hessian[1, 1] -= (w * by_alpha) @ (until[at_T] + since[at_t_x])
            hessian[2, 2] -= w.sum() / a**2
            hessian[3, 3] += w @ by_b**2
        return Evaluation(float(value), gradient, hessian)


def _totals(values: FloatArray, counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Distinct values and the sum of counts of each."""
    found, code = _coded(values)
    return found, np.bincount(code, counts, minlength=len(found)).astype(np.float64)


def _coded(values: FloatArray) -> tuple[FloatArray, IndexArray]:
    """Distinct values, and for each row the position of its own."""
    first, code = distinct(values)
    return values[first], code


def _counted(frame: Any, weights: ArrayLike | None) -> tuple[Histories, FloatArray]:
    """Check histories and count the distinct ones."""
    histories = histories_of(frame)
    if not len(histories):
        message = "There are no customers to fit the model to."
        raise FitError(message)
    per_row = checked_weights(weights, len(histories))
    first, inverse = distinct(histories.frequency, histories.recency, histories.T)
    return histories.take(first), np.bincount(inverse, per_row, minlength=len(first)).astype(np.float64)


def _starts(histories: Histories, counts: FloatArray) -> Iterator[FloatArray]:
    """Starting values that do not depend on the unit of time: alpha is set so that the mean rate r / alpha fits.

    A large problem is started from the optimum of a systematic sample of its histories, which is near its own.
    """
    stride = len(histories) // SAMPLE_SIZE
    if stride > 1:
        sample = np.arange(0, len(histories), stride)
        part, part_counts = histories.take(sample), counts[sample]
        likelihood = BetaGeoLikelihood(part, part_counts)
        with contextlib.suppress(FitError):
            yield maximise(likelihood, _starts(part, part_counts), float(part_counts.sum())).values
    rate = (counts @ histories.frequency) / (counts @ histories.T)
    for r, a, b in ((0.5, 0.7, 2.0), (1.0, 1.0, 10.0), (0.2, 0.2, 1.0), (3.0, 0.05, 1.0)):
        yield np.array([r, r / (2 * rate), a, b])
