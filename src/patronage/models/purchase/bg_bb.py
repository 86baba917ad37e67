r"""Estimation of the BG/BB model by maximum likelihood.

In each period a living customer buys with a probability p ~ Beta(α, β), and at the start of each period leaves for good
with a probability θ ~ Beta(γ, δ). A history (x, t_x, n) with x purchases in n periods, the last one in period t_x, is
that of a customer who lived all n periods, or of one who lived i of them, t_x ≤ i < n [1]_:

.. math::
    \frac{B(\alpha+x, \beta+n-x)}{B(\alpha,\beta)} \frac{B(\gamma, \delta+n)}{B(\gamma,\delta)}
    + \sum_{i=t_x}^{n-1} \frac{B(\alpha+x, \beta+i-x)}{B(\alpha,\beta)} \frac{B(\gamma+1, \delta+i)}{B(\gamma,\delta)}

This is a mixture whose terms are products of rising factorials :math:`z^{(k)} = \Gamma(z+k)/\Gamma(z)`,

.. math::
    \frac{B(\alpha+x, \beta+i-x)}{B(\alpha,\beta)} = \frac{\alpha^{(x)}\,\beta^{(i-x)}}{(\alpha+\beta)^{(i)}}, \qquad
    \frac{B(\gamma+1, \delta+i)}{B(\gamma,\delta)} = \frac{\gamma\,\delta^{(i)}}{(\gamma+\delta)^{(i+1)}}

The exponents are whole, so for common parameters each factor is computed once and looked up.

References
----------
.. [1] Fader, Hardie, Shang (2010), Customer-base analysis in a discrete-time noncontractual setting.
   Marketing Science 29(6), 1086-1108.
"""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from patronage.errors import InputError
from patronage.models import lifetimes_engine
from patronage.models.base import required_columns
from patronage.models.covariates import Slots
from patronage.models.purchase.model import PurchaseModel, parameter_names
from patronage.models.rows import Parameters, Rows, log_mixture
from patronage.runtime.gamma_ratio import digamma_rise, log_rising, trigamma_rise
from patronage.runtime.histories import FloatArray, Histories, IndexArray, as_numbers, refuse_rows
from patronage.runtime.purchase.bg_bb import BetaGeoBetaBinomialParams

TERMS_AT_ONCE = 1 << 16


class BetaGeoBetaBinomial(PurchaseModel):
    """BG/BB: at most one purchase in each of many whole periods, until the customer leaves unnoticed.

    Parameters are alpha, beta (purchase probability) and gamma, delta (dropout probability); see `PurchaseModel` for
    the options. Frames hold frequency (periods with a purchase), recency (the period of the last one, counted from 1;
    0 if there is none) and n_periods (periods observed), all whole. The period in which the customer was acquired does
    not count. Horizons are whole numbers of periods.

    Examples
    --------
    >>> from lifetimes.datasets import load_donations
    >>> donations = load_donations().rename(columns={"periods": "n_periods"})
    >>> model = BetaGeoBetaBinomial().fit(donations, weights=donations["weights"])
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'alpha': 1.204, 'beta': 0.75, 'gamma': 0.657, 'delta': 2.783}
    """

    params_class = BetaGeoBetaBinomialParams
    parameter_names = parameter_names(BetaGeoBetaBinomialParams)
    columns = ("frequency", "recency", "n_periods")
    covariate_slots: ClassVar[Slots] = {"purchase": {"alpha": 1.0}, "dropout": {"gamma": 1.0, "delta": 1.0}}

    def _rows(self, parameters: Parameters, histories: Histories) -> Rows:
        n = len(histories)
        rows = Rows(np.empty(n), np.empty((4, n)), np.empty((4, 4, n)))
        for some, length in _of_similar_silence(histories):
            own = [value[some] if isinstance(value, np.ndarray) else value for value in parameters]
            part = _mixture(own, histories.take(some), length)
            rows.value[some], rows.gradient[:, some], rows.hessian[:, :, some] = part
        return rows

    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        """Purchase probabilities as up to the last purchase; lifetimes of about the time observed, or mostly none."""
        share = (counts @ histories.frequency) / (counts @ histories.recency)
        p = np.clip(share, 0.02, 0.98)
        stays = max((counts @ histories.T) / counts.sum(), 1.0)
        guesses = (
            (2.0, 0.5, 0.5 * stays),
            (2.0, 0.1, 0.1),
            (1.0, 1.0, stays),
            (2.0, 0.05, 0.3),
            (0.5, 0.3, 0.3 * stays),
            (2.0, 0.3, 0.1),
            (5.0, 3.0, 3.0 * stays),
        )
        return [np.array([c * p, c * (1 - p), gamma, delta]) for c, gamma, delta in guesses]

    def _fit_by_lifetimes(self, histories: Histories, counts: FloatArray) -> FloatArray:
        return lifetimes_engine.fit_purchase("BetaGeoBetaBinomFitter", self.parameter_names, histories, counts)

    def _histories(self, frame: Any) -> Histories:
        return checked_period_histories(frame)


def checked_period_histories(frame: Any) -> Histories:
    """Take frequency, recency and n_periods out of a frame; n_periods becomes T.

    Raises
    ------
    InputError
        If a column is missing, or any row is not finite, not whole, negative, has frequency > recency,
        recency > n_periods, or a last purchase without a purchase; all reasons at once.
    """
    names = BetaGeoBetaBinomial.columns
    columns = [as_numbers(name, column) for name, column in zip(names, required_columns(frame, names), strict=True)]
    x, t_x, n = columns
    if any(column.ndim != 1 or column.shape != x.shape for column in columns):
        shapes = ", ".join(str(column.shape) for column in columns)
        message = f"{', '.join(names)} must be three columns of one length; got shapes {shapes}."
        raise InputError(message)
    finite = np.isfinite(x) & np.isfinite(t_x) & np.isfinite(n)
    failures = {"a value that is missing or not finite": ~finite}
    for name, column in zip(names, columns, strict=True):
        failures[f"{name} negative or not whole"] = finite & ((column < 0) | (column != np.floor(column)))
    failures |= {
        "frequency above recency": finite & (x > t_x),
        "recency above n_periods": finite & (t_x > n),
        "frequency 0 with recency above 0": finite & (x == 0) & (t_x > 0),
    }
    refuse_rows(failures, what="purchase histories", ids=getattr(frame, "index", None))
    return Histories(x, t_x, n)


def _of_similar_silence(histories: Histories) -> Iterator[tuple[IndexArray, int]]:
    """Blocks of rows with about as many periods since the last purchase, and the most terms that a row of them has."""
    terms = histories.T - histories.recency + 1
    level = np.ceil(np.log2(terms))
    for one in np.unique(level):
        rows = np.flatnonzero(level == one)
        length = int(2**one)
        size = max(TERMS_AT_ONCE // length, 1)
        for start in range(0, len(rows), size):
            yield rows[start : start + size], length


def _mixture(parameters: Parameters, histories: Histories, length: int) -> Rows:
    """The likelihood of each history; its terms are the periods that may have been lived, one below the other."""
    alpha, beta, gamma, delta = (np.asarray(value, dtype=np.float64) for value in parameters)
    x, t_x, n = histories.frequency, histories.recency, histories.T
    lived = t_x + np.arange(length)[:, None]
    there, dies = (lived <= n).astype(np.float64), (lived < n).astype(np.float64)
    lived = np.minimum(lived, n)
    missed, starts = lived - x, lived + dies

    def terms(rise: Callable[..., FloatArray]) -> tuple[FloatArray, ...]:
        """Of all rising factorials their logarithm, or one of its derivatives."""
        pairs = ((alpha, x), (beta, missed), (alpha + beta, lived), (delta, lived), (gamma + delta, starts))
        return tuple(_looked_up(rise, z, k) for z, k in pairs)

    bought, missing, opportunities, stayed, decisions = terms(log_rising)
    value = bought + missing - opportunities + dies * np.log(gamma) + stayed - decisions

    bought, missing, opportunities, stayed, decisions = terms(digamma_rise)
    first = (bought - opportunities, missing - opportunities, dies / gamma - decisions, stayed - decisions)

    bought, missing, opportunities, stayed, decisions = terms(trigamma_rise)
    second = {
        (0, 0): bought - opportunities,
        (0, 1): -opportunities,
        (1, 1): missing - opportunities,
        (2, 2): -dies / gamma**2 - decisions,
        (2, 3): -decisions,
        (3, 3): stayed - decisions,
    }
    return log_mixture(there, value, first, second)


def _looked_up(function: Callable[..., FloatArray], z: FloatArray, k: FloatArray) -> FloatArray:
    """``function(z, k)`` for whole k, from a table of all its values if z is a number."""
    if z.ndim:
        return function(z, k)
    table: FloatArray = function(z, np.arange(k.max() + 1))
    return table[k.astype(np.intp)]
