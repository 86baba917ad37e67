r"""MBG/NBD: BG/NBD where a customer may also leave right after the first purchase.

While alive a customer buys as a Poisson process with a rate :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)`; after
every purchase, the first one included, the customer leaves for good with a probability
:math:`p \sim \mathrm{Beta}(a, b)`. So one-time buyers may have left, as they may in life, and `probability_alive`
serves as a status.

A customer alive after x repeat purchases has survived x + 1 chances to leave: :math:`p \sim \mathrm{Beta}(a, b+x+1)`.

References
----------
.. [1] Batislam, Denizel, Filiztekin (2007), Empirical validation and comparison of models for customer base analysis.
   International Journal of Research in Marketing 24(3), 201-209.
.. [2] Hoppe, Wagner (2007), Customer base analysis: the case for a central variant of the Betageometric/NBD model.
   Marketing - Journal of Research and Management 3(2), 75-90.
"""

from dataclasses import dataclass

import numpy as np

from ..blocks import by_blocks
from ..histories import FloatArray, Histories
from .bg_nbd import BetaGeoLiving, gamma_beta_moments, odds_from
from .model import Moments, PurchaseParams


@dataclass(frozen=True)
class ModifiedBetaGeoParams(PurchaseParams):
    """Parameters of the MBG/NBD model; all positive.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha is in the model's time unit.
    a, b : float
        Parameters of the beta distribution of the probability to leave after a purchase.
    """

    r: float
    alpha: float
    a: float
    b: float

    kind = "mbg_nbd"
    title = "MBG/NBD"

    def log_odds_of_death(self, histories: Histories) -> FloatArray:
        r"""Log odds that the customer left right after the last purchase, be it the first one.

        .. math:: D = (r + x)\,\ln\frac{\alpha + T}{\alpha + t_x} + \ln\frac{a}{b + x}
        """
        return by_blocks(_log_odds_of_death, *histories.columns, self.r, self.alpha, self.a, self.b)

    def _alive(self, histories: Histories) -> FloatArray:
        return by_blocks(_alive, *histories.columns, self.r, self.alpha, self.a, self.b)

    def living(self, histories: Histories) -> BetaGeoLiving:
        """Gamma(r + x, α + T) and Beta(a, b + x + 1)."""
        x, T = histories.frequency, histories.T
        return BetaGeoLiving(self.r + x, self.alpha + T, self.a + 0 * x, self.b + x + 1)

    def moments_if_dead(self, histories: Histories) -> Moments:
        """Gamma(r + x, α + t_x) and Beta(a + 1, b + x)."""
        x = histories.frequency
        return gamma_beta_moments(self.r + x, self.alpha + histories.recency, self.a + 1 + 0 * x, self.b + x)


def _log_odds_of_death(
    x: FloatArray, t_x: FloatArray, T: FloatArray, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    log_odds: FloatArray = np.log(a) - np.log(b + x)
    return log_odds + (r + x) * np.log1p((T - t_x) / (alpha + t_x))


def _alive(*columns: FloatArray) -> FloatArray:
    return 1 / (1 + odds_from(_log_odds_of_death(*columns)))
