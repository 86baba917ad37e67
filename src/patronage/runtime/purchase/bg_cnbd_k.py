r"""BG/CNBD-k and MBG/CNBD-k: purchases at regular intervals until the customer, after some purchase, leaves unnoticed.

In BG/NBD a purchase is as likely right after the last one as at any other time. Who buys coffee or diapers does not:
a purchase becomes likely once the last one is used up. Here the time from one purchase to the next is the sum of k
exponential stages, an Erlang-k distribution, so the larger k is, the more regular the customer. The rate of the stages
is :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)` across customers, so a customer buys every :math:`k / \lambda` on
average; after every purchase, in BG/CNBD-k the first one excepted, the customer leaves for good with a probability
:math:`p \sim \mathrm{Beta}(a, b)`. With k = 1 these are BG/NBD and MBG/NBD.

A customer who is alive at T after x repeat purchases has completed some number j < k of stages since the last purchase.
Of a customer in that phase we know :math:`\lambda \sim \mathrm{Gamma}(r + kx + j, \alpha + T)` and
:math:`p \sim \mathrm{Beta}(a, b + x + m)`, independently, where m = 0 in BG/CNBD-k and 1 in MBG/CNBD-k. So a living
customer is a mixture over k phases (`RegularLiving`), and all that follows is exact, for existing customers too.

References
----------
.. [1] Reutterer, Platzer, Schröder (2021), Leveraging purchase regularity for predicting customer behavior the easy
   way. International Journal of Research in Marketing 38(1), 194-215.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...errors import InputError
from ..histories import FloatArray, Histories
from .bg_nbd import BetaGeoLiving, gamma_beta_moments
from .model import Living, Moments, PurchaseParams
from .regular import RegularLiving

LARGEST_K = 12
"""Most stages between two purchases, as in the search for k of the authors' package BTYDplus."""


@dataclass(frozen=True)
class _RegularParams(PurchaseParams):
    """What both kinds share; `chances_at_start` tells them apart."""

    r: float
    alpha: float
    a: float
    b: float
    k: int

    living_columns = ("frequency", "recency", "T")
    chances_at_start: ClassVar[int]

    def __post_init__(self) -> None:
        whole = int(self.k)
        if whole != self.k or not 1 <= whole <= LARGEST_K:
            message = f"k must be a whole number of stages, 1 to {LARGEST_K}; got {self.k}."
            raise InputError(message)
        object.__setattr__(self, "k", whole)

    def log_odds_of_death(self, histories: Histories) -> FloatArray:
        r"""Log odds that the customer left right after the last purchase.

        The second term of the likelihood over the first. With :math:`R = r + kx` and :math:`s = T - t_x`,

        .. math:: D = R\,\ln\frac{\alpha + T}{\alpha + t_x} + \ln\frac{a}{b + x + m - 1} -
            \ln \sum_{j<k} \frac{\Gamma(R + j)}{\Gamma(R)\,j!} \Bigl(\frac{s}{\alpha + T}\Bigr)^j

        and minus infinity where x + m is 0. A long silence of a regular customer says more than one of a random one.
        """
        x, t_x, T = histories.frequency, histories.recency, histories.T
        chances = x + self.chances_at_start
        stays = np.where(chances > 0, self.b + chances - 1, 1.0)
        silence = (self.r + self.k * x) * np.log1p((T - t_x) / (self.alpha + t_x))
        log_odds = silence + np.log(self.a) - np.log(stays) - np.log(self._phases(histories).sum(axis=1))
        return np.where(chances > 0, log_odds, -np.inf)

    def living(self, histories: Histories) -> Living:
        """Gamma(r + kx + j, α + T) and Beta(a, b + x + m), mixed over the phases j."""
        x, T = histories.frequency, histories.T
        shape, rate = self.r + self.k * x, self.alpha + T
        a, b = self.a + 0 * x, self.b + x + self.chances_at_start
        if self.k == 1:
            return BetaGeoLiving(shape, rate, a, b)
        phases = self._phases(histories)
        return RegularLiving(phases / phases.sum(axis=1, keepdims=True), shape, rate, a, b)

    def moments_if_dead(self, histories: Histories) -> Moments:
        """Gamma(r + kx, α + t_x), in purchases, and Beta(a + 1, b + x + m - 1)."""
        x, k = histories.frequency, self.k
        chances = x + self.chances_at_start
        stayed = np.where(chances > 0, self.b + chances - 1, np.nan)
        return gamma_beta_moments(self.r + k * x, k * (self.alpha + histories.recency), self.a + 1 + 0 * x, stayed)

    def _phases(self, histories: Histories) -> FloatArray:
        """Terms of the sum in `log_odds_of_death`: weights of the phases j = 0 ... k - 1, shape (n, k)."""
        x, t_x, T = histories.frequency, histories.recency, histories.T
        shape, share = self.r + self.k * x, (T - t_x) / (self.alpha + T)
        phases = np.ones((len(x), self.k))
        for j in range(1, self.k):
            phases[:, j] = phases[:, j - 1] * (shape + j - 1) / j * share
        return phases


@dataclass(frozen=True)
class BetaGeoCNBDParams(_RegularParams):
    """Parameters of the BG/CNBD-k model; all positive.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of the rates of stages; alpha is in the model's time unit.
    a, b : float
        Parameters of the beta distribution of the probability to leave after a repeat purchase.
    k : int
        Stages from one purchase to the next, 1 to 12; a whole number written as a float is accepted.
    """

    kind = "bg_cnbd_k"
    title = "BG/CNBD-k"
    chances_at_start = 0


@dataclass(frozen=True)
class ModifiedBetaGeoCNBDParams(_RegularParams):
    """Parameters of the MBG/CNBD-k model; all positive.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of the rates of stages; alpha is in the model's time unit.
    a, b : float
        Parameters of the beta distribution of the probability to leave after a purchase, the first one included.
    k : int
        Stages from one purchase to the next, 1 to 12; a whole number written as a float is accepted.
    """

    kind = "mbg_cnbd_k"
    title = "MBG/CNBD-k"
    chances_at_start = 1
