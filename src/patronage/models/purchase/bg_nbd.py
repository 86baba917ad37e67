r"""Estimation of the BG/NBD model by maximum likelihood.

While alive a customer buys as a Poisson process with a rate λ ~ Gamma(r, α), and after every repeat purchase leaves
with a probability p ~ Beta(a, b). The likelihood of a history (x, t_x, T), equation (6) of [1]_, has a term for a
customer who is still alive and one for a customer who left right after the last purchase. For the logarithm:

.. math::
    \ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + \ln B(a, b+x) - \ln B(a,b) - (r+x)\ln(\alpha+T)
    + \ln\bigl(1 + [x>0]\,e^{D}\bigr)

    D = (r+x)\ln\frac{\alpha+T}{\alpha+t_x} + \ln\frac{a}{b+x-1}

`beta_geometric_rows` follows it line by line, for one history; `BetaGeoLikelihood` is the same sum for many histories
with common parameters: all but the last term depends on x alone or on T alone, so it is summed over the few distinct
values of these. With m = 1 chance to leave after the first purchase both are the likelihood of MBG/NBD, where x + m
stands for x in the terms of p.

References
----------
.. [1] Fader, Hardie, Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model.
   Marketing Science 24(2), 275-284.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy import special

from patronage.models import lifetimes_engine
from patronage.models.covariates import Slots
from patronage.models.likelihood import Evaluation, LogLikelihood
from patronage.models.purchase.model import PurchaseModel, parameter_names
from patronage.models.rows import Parameters, Rows, symmetric, total
from patronage.runtime.blocks import on_all_processors
from patronage.runtime.distinct import coded_histories
from patronage.runtime.gamma_ratio import digamma_rise, log_rising, trigamma_rise
from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.bg_nbd import BetaGeoParams


class BetaGeoNBD(PurchaseModel):
    """BG/NBD: steady purchasing until the customer, after some purchase, leaves unnoticed.

    Parameters are r, alpha (purchase rate) and a, b (dropout); see `PurchaseModel` for the options.

    Examples
    --------
    >>> from lifetimes.datasets import load_cdnow_summary
    >>> model = BetaGeoNBD().fit(load_cdnow_summary())
    >>> {name: round(value, 3) for name, value in model.params_.items()}
    {'r': 0.243, 'alpha': 4.414, 'a': 0.793, 'b': 2.426}
    """

    params_class = BetaGeoParams
    parameter_names = parameter_names(BetaGeoParams)
    covariate_slots: ClassVar[Slots] = {"purchase": {"alpha": -1.0}, "dropout": {"a": 1.0, "b": 1.0}}

    def _rows(self, parameters: Parameters, histories: Histories) -> Rows:
        return beta_geometric_rows(parameters, histories, chances_at_start=0)

    def _likelihood(self, histories: Histories, counts: FloatArray) -> LogLikelihood:
        return BetaGeoLikelihood(histories, counts, chances_at_start=0)

    def _starts(self, histories: Histories, counts: FloatArray) -> list[FloatArray]:
        return beta_geometric_starts(histories, counts)

    def _fit_by_lifetimes(self, histories: Histories, counts: FloatArray) -> FloatArray:
        return lifetimes_engine.fit_purchase("BetaGeoFitter", self.parameter_names, histories, counts)


ROWS_AT_ONCE = 32_768
"""Histories evaluated at once: few enough for the cache, many enough that threads seldom wait for one another."""

LARGEST_LOG_ODDS = 690.0
"""Above it, where the logarithm of 1 + odds is that of the odds, odds overflow."""


def beta_geometric_starts(histories: Histories, counts: FloatArray) -> list[FloatArray]:
    """Starting values of (r, alpha, a, b): alpha is set so that the mean rate r / alpha fits."""
    rate = (counts @ histories.frequency) / (counts @ histories.T)
    guesses = ((0.5, 0.7, 2.0), (1.0, 1.0, 10.0), (0.2, 0.2, 1.0), (3.0, 0.05, 1.0))
    return [np.array([r, r / (2 * rate), a, b]) for r, a, b in guesses]


def beta_geometric_rows(parameters: Parameters, histories: Histories, chances_at_start: int) -> Rows:
    """Log-likelihood of each history by (r, alpha, a, b), which may differ by row.

    Parameters
    ----------
    parameters : sequence of 4 floats or ndarrays, shape (n,)
    histories : Histories
        n of them.
    chances_at_start : {0, 1}
        m, chances to leave before the first repeat purchase: 0 for BG/NBD, 1 for MBG/NBD.
    """
    r, alpha, a, b = (np.broadcast_to(value, len(histories)) for value in parameters)
    x, t_x, T, m = histories.frequency, histories.recency, histories.T, chances_at_start

    alive = log_rising(r, x) - r * np.log1p(T / alpha) - x * np.log(alpha + T)
    alive += log_rising(b, x + m) - log_rising(a + b, x + m)
    by_total = -digamma_rise(a + b, x + m)
    gradient = np.array(
        [
            digamma_rise(r, x) - np.log1p(T / alpha),
            r / alpha - (r + x) / (alpha + T),
            by_total,
            by_total + digamma_rise(b, x + m),
        ]
    )
    by_total_twice = -trigamma_rise(a + b, x + m)
    entries = {
        (0, 0): trigamma_rise(r, x),
        (0, 1): 1 / alpha - 1 / (alpha + T),
        (1, 1): -r / alpha**2 + (r + x) / (alpha + T) ** 2,
        (2, 2): by_total_twice,
        (2, 3): by_total_twice,
        (3, 3): by_total_twice + trigamma_rise(b, x + m),
    }
    rows = Rows(alive, gradient, symmetric(4, len(x), entries))

    had_chance = x + m > 0
    stays = np.where(had_chance, b + x + m - 1, 1.0)
    gap = 1 / (alpha + T) - 1 / (alpha + t_x)
    log_odds = (r + x) * np.log1p((T - t_x) / (alpha + t_x)) + np.log(a / stays)
    log_odds = np.where(had_chance, log_odds, -np.inf)
    left = special.expit(log_odds)
    by_odds = np.array([np.log1p((T - t_x) / (alpha + t_x)), (r + x) * gap, 1 / a, -1 / stays])
    second = {
        (0, 1): gap,
        (1, 1): (r + x) * ((alpha + t_x) ** -2.0 - (alpha + T) ** -2.0),
        (2, 2): -1 / a**2,
        (3, 3): 1 / stays**2,
    }
    curve = left * symmetric(4, len(x), second) + left * (1 - left) * by_odds[:, None, :] * by_odds[None, :, :]
    return rows + Rows(np.logaddexp(0.0, log_odds), left * by_odds, curve)


class BetaGeoLikelihood:
    """The same log-likelihood summed over distinct histories, with gradient and Hessian by (r, alpha, a, b).

    Parameters
    ----------
    histories : Histories
        Distinct histories.
    counts : ndarray, shape (n,)
        Customers behind each.
    chances_at_start : {0, 1}
        1 if customers may leave after the first purchase too (MBG/NBD).
    """

    def __init__(self, histories: Histories, counts: FloatArray, chances_at_start: int = 0) -> None:
        self.chances_at_start = chances_at_start
        self.total = counts.sum()
        # What depends on x, t_x or T alone is computed once for every value of it and looked up.
        (self.x, at_x), (self.t_x, at_t_x), (self.T, at_T) = coded_histories(histories)
        self.x_count = np.bincount(at_x, counts, len(self.x))
        self.T_count = np.bincount(at_T, counts, len(self.T))
        self.T_purchases = np.bincount(at_T, counts * histories.frequency, len(self.T))
        repeat = _places(histories.frequency + chances_at_start > 0)
        self.repeat_count, self.at_x, self.at_t_x, self.at_T = (
            counts[repeat],
            at_x[repeat],
            at_t_x[repeat],
            at_T[repeat],
        )

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at (r, alpha, a, b)."""
        with np.errstate(over="ignore", invalid="ignore"):
            first, second = self._by_x_and_T(values), self._leaving(values)
        return Evaluation(first.value + second.value, first.gradient + second.gradient, first.hessian + second.hessian)

    def _by_x_and_T(self, values: FloatArray) -> Evaluation:  # noqa: N802
        """All terms but the last."""
        r, alpha, a, b = values
        n, x, m = self.total, self.x, self.chances_at_start
        power, until, grown = r * self.T_count + self.T_purchases, alpha + self.T, np.log1p(self.T / alpha)
        # The rising factorials of r by x steps, of b and of a + b by x + m.
        z, steps = np.array([[r], [b], [a + b]]), np.array([x, x + m, x + m])
        rise, by_z, by_z_twice = (rises(z, steps) @ self.x_count for rises in (log_rising, digamma_rise, trigamma_rise))
        value = rise[0] + rise[1] - rise[2] - r * (self.T_count @ grown) - self.T_purchases @ np.log(until)
        gradient = np.array(
            [
                by_z[0] - self.T_count @ grown,
                n * r / alpha - (power / until).sum(),
                -by_z[2],
                by_z[1] - by_z[2],
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = by_z_twice[0]
        hessian[0, 1] = hessian[1, 0] = n / alpha - (self.T_count / until).sum()
        hessian[1, 1] = -n * r / alpha**2 + (power / until**2).sum()
        hessian[2:, 2:] = -by_z_twice[2]
        hessian[3, 3] += by_z_twice[1]
        return Evaluation(float(value), gradient, hessian)

    def _leaving(self, values: FloatArray) -> Evaluation:
        """The last term, ln(1 + exp(D)), over customers who had a chance to leave."""
        r, alpha, a, b = values
        log_T, log_t_x = np.log(alpha + self.T), np.log(alpha + self.t_x)
        until, since = 1 / (alpha + self.T), 1 / (alpha + self.t_x)
        # Nobody had a chance to leave where this is not above 0, and no row looks there.
        stays = np.maximum(b + self.x - 1 + self.chances_at_start, np.finfo(np.float64).tiny)
        power, log_chance, by_stays = r + self.x, np.log(a) - np.log(stays), -1 / stays

        def of_block(start: int) -> Evaluation:
            rows = slice(start, start + ROWS_AT_ONCE)
            n, at_x, at_t_x, at_T = self.repeat_count[rows], self.at_x[rows], self.at_t_x[rows], self.at_T[rows]
            # Derivatives of D by r, alpha, a and b.
            first = np.empty((4, len(n)))
            by_r, by_alpha, by_a, by_b = first
            np.subtract(log_T.take(at_T), log_t_x.take(at_t_x), out=by_r)
            later, earlier, factor = until.take(at_T), since.take(at_t_x), power.take(at_x)
            gap = later - earlier
            np.multiply(factor, gap, out=by_alpha)
            by_a[:] = 1 / a
            by_b[:] = by_stays.take(at_x)
            log_odds = factor * by_r
            log_odds += log_chance.take(at_x)

            odds = np.exp(np.minimum(log_odds, LARGEST_LOG_ODDS))
            value = n @ np.log(1 + odds) + n @ np.maximum(log_odds - LARGEST_LOG_ODDS, 0)
            alive = 1 / (1 + odds)
            w = n * odds * alive
            # One dot product for each pair of rows; a product of matrices as narrow as these takes several times that.
            hessian: FloatArray = np.vecdot((first * (w * alive))[:, None], first)
            # Second derivatives of D: by r and alpha, alpha twice, a twice, b twice.
            cross = w @ gap
            hessian[0, 1] += cross
            hessian[1, 0] += cross
            hessian[1, 1] -= (w * by_alpha) @ (later + earlier)
            hessian[2, 2] -= w.sum() / a**2
            hessian[3, 3] += w @ by_b**2
            return Evaluation(float(value), first @ w, hessian)

        return total(on_all_processors(of_block, range(0, len(self.repeat_count), ROWS_AT_ONCE)))


def _places(mask: NDArray[np.bool_]) -> slice | IndexArray:
    """Where a mask is true: a slice if that is from some place on, so that nothing is copied."""
    first = int(mask.argmax())
    return slice(first, None) if mask[first:].all() else np.flatnonzero(mask)
