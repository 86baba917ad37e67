r"""Time and money of customers who can leave at a purchase only, by integrals over the time to come.

Their expected purchases E(u) and their survival S(u) are costly functions of the horizon u, but smooth ones: means of
powers :math:`(1 + \zeta u / \mathrm{rate})^{-\mathrm{shape}}`, with :math:`\zeta = p` where purchases come at random,
and a complex number where they come at regular intervals (`RegularLiving`). In the logarithm of 1 + u over the time of
a stage they need few nodes, the more the more regular the customers are, because E then rises in waves.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Self

import numpy as np

from ..histories import FloatArray
from ..quadrature import gauss_legendre, stretched
from .model import Living

_DIGITS = 12.0

_DETAIL_OF_A_STAGE = 0.2
"""What each stage between two purchases adds to the detail of an integrand, for some 11 digits with up to 12."""


class LeavingAtPurchases(Living):
    """Purchases at every k-th event of a Poisson process with a rate λ ~ Gamma(shape, rate), until one is the last.

    Attributes
    ----------
    shape, rate : ndarray, shape (n,)
    """

    shape: FloatArray
    rate: FloatArray

    @property
    @abstractmethod
    def k(self) -> int:
        """Stages from one purchase to the next."""

    def discounted_purchases(self, discount: float, horizon: FloatArray) -> FloatArray:
        r"""By parts, so that no terms cancel: :math:`e^{-\delta h} E(h) + \int_0^h \delta e^{-\delta u} E(u)\,du`."""
        before = discount * self._integral(lambda some, u: some.expected_purchases(u), horizon, discount)
        return np.exp(-discount * horizon) * self.expected_purchases(horizon) + before

    def lived(self, horizon: FloatArray, discount: float = 0.0) -> FloatArray:
        """Expected discounted time alive, from the survival function."""
        return self._integral(lambda some, u: some.survival(u), horizon, discount)

    def _integral(
        self, function: Callable[[Self, FloatArray], FloatArray], horizon: FloatArray, discount: float
    ) -> FloatArray:
        r""":math:`\int_0^h e^{-\delta u} f(u)\,du`, shape (n,), of a function of living customers and times."""
        scale = 1 / ((self.shape + self.k) / self.rate + discount)
        detail = 1 + _DETAIL_OF_A_STAGE * (self.k - 1)
        total = np.zeros(self.shape.shape)
        for rows, (rule,) in gauss_legendre(np.log1p(horizon / scale), detail=detail, digits=_DIGITS):
            u, du = stretched(rule, scale[rows])
            each = np.broadcast_to(rows, u.shape).ravel()
            values = function(self.take(each), u.ravel()).reshape(u.shape)
            total[rows] = (du * np.exp(-discount * u) * values).sum(axis=0)
        return total
