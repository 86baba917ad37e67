r"""Estimation of the BG/NBD model by maximum likelihood.

While alive a customer buys as a Poisson process with a rate λ ~ Gamma(r, α), and after every repeat purchase leaves
with a probability p ~ Beta(a, b). The likelihood of a history (x, t_x, T), equation (6) of [1]_, has a term for a
customer who is still alive and one for a customer who left right after the last purchase. For the logarithm:

.. math::
    \ln\Gamma(r+x) - \ln\Gamma(r) + r\ln\alpha + \ln B(a, b+x) - \ln B(a,b) - (r+x)\ln(\alpha+T)
    + \ln\bigl(1 + [x>0]\,e^{D}\bigr)

    D = (r+x)\ln\frac{\alpha+T}{\alpha+t_x} + \ln\frac{a}{b+x-1}

`beta_geometric_rows` follows it line by line, for one history; `BetaGeoLikelihood` is the same sum for many histories
with common parameters. With m = 1 chance to leave after the first purchase both are the likelihood of MBG/NBD, where
x + m stands for x in the terms of p.

References
----------
.. [1] Fader, Hardie, Lee (2005), "Counting your customers" the easy way: an alternative to the Pareto/NBD model.
   Marketing Science 24(2), 275-284.
"""

from typing import ClassVar

import numpy as np
from scipy import special

from patronage.models import lifetimes_engine
from patronage.models.covariates import Slots
from patronage.models.likelihood import LogLikelihood
from patronage.models.purchase.beta_geometric_sums import BetaGeoLikelihood
from patronage.models.purchase.model import PurchaseModel, parameter_names
from patronage.models.rows import Parameters, Rows, symmetric
from patronage.runtime.gamma_ratio import digamma_rise, log_rising, trigamma_rise
from patronage.runtime.histories import FloatArray, Histories
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


STARTS = (
    (0.2, 2, 0.2, 1.0),
    (0.5, 6, 0.1, 0.1),
    (1.0, 2, 1.0, 10.0),
    (0.5, 2, 0.7, 2.0),
    (3.0, 2, 0.05, 1.0),
    (1.0, 6, 0.5, 0.1),
    (5.0, 6, 0.3, 0.3),
    (0.1, 2, 1.0, 10.0),
    (0.2, 2, 3.0, 30.0),
)
"""r, the mean rate of purchases r / alpha over the observed one, a and b.

The likelihood may have one maximum where many leave at once and the others buy fast (a and b small), and another where
customers leave slowly or hardly differ. Climbs in this order, until three of them agree, missed the highest one in 1 of
1,075 simulated worlds of 40 to 4,000 customers (BG/NBD and MBG/NBD, 18 starts each), and in 2 of 492 of 40 to 300
customers; small tables climb from all of them, which missed none of these.
"""


def beta_geometric_starts(histories: Histories, counts: FloatArray) -> list[FloatArray]:
    """Starting values of (r, alpha, a, b)."""
    observed = (counts @ histories.frequency) / (counts @ histories.T)
    return [np.array([r, r / (faster * observed), a, b]) for r, faster, a, b in STARTS]


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
    stays = np.where(had_chance, b + (x + m - 1), 1.0)
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
