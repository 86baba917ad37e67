r"""Pareto/NBD: purchases at a steady rate during a lifetime that ends at any moment, unnoticed.

While alive a customer buys as a Poisson process with a rate :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)`; the
lifetime is exponential with a rate :math:`\mu \sim \mathrm{Gamma}(s, \beta)`, so that lifetimes are Pareto distributed
across customers. Unlike in BG/NBD the two have nothing to do with one another.

Of a customer alive at T after x repeat purchases we know :math:`\lambda \sim \mathrm{Gamma}(r+x, \alpha+T)` and
:math:`\mu \sim \mathrm{Gamma}(s, \beta+T)`, independently. So the log odds of death, the two terms of the likelihood
before the integral over the time of death is solved, equation (17) of [2]_, are

.. math::
    \ln \int_{t_x}^{T} \frac{s}{\beta+y} \Bigl(\frac{\alpha+T}{\alpha+y}\Bigr)^{r+x}
    \Bigl(\frac{\beta+T}{\beta+y}\Bigr)^{s} dy

The textbook solves the integral by two hypergeometric functions whose difference cancels and overflows; here it is
computed by quadrature, as `lifetime` tells.

References
----------
.. [1] Schmittlein, Morrison, Colombo (1987), Counting your customers: who are they and what will they do next?
   Management Science 33(1), 1-24.
.. [2] Fader, Hardie (2005), A note on deriving the Pareto/NBD model and related expressions. Note 009,
   brucehardie.com.
.. [3] Fader, Hardie, Lee (2005), RFM and CLV: using iso-value curves for customer base analysis.
   Journal of Marketing Research 42(4), 415-430.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from ..histories import FloatArray, Histories, IndexArray
from ..quadrature import DIGITS, gauss_legendre, stretched
from .lifetime import FADED, IndependentLifetime, IndependentLifetimeParams, Nodes
from .model import Moments


@dataclass(frozen=True)
class ParetoParams(IndependentLifetimeParams):
    """Parameters of the Pareto/NBD model; all positive.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha is in the model's time unit.
    s, beta : float
        Shape and rate of the gamma distribution of death rates; beta is in the model's time unit.
    """

    r: float
    alpha: float
    s: float
    beta: float

    kind = "pareto_nbd"
    title = "Pareto/NBD"
    times = ("alpha", "beta")

    def living(self, histories: Histories) -> "ParetoLiving":
        """Gamma(r + x, α + T) and Gamma(s, β + T)."""
        x, T = histories.frequency, histories.T
        return ParetoLiving(self.r + x, self.alpha + T, self.s + 0 * x, self.beta + T)


@dataclass(frozen=True)
class ParetoLiving(IndependentLifetime):
    """Purchases at a rate λ ~ Gamma(shape, rate) during a lifetime with a death rate μ ~ Gamma(s, beta)."""

    s: FloatArray
    beta: FloatArray

    def take(self, index: IndexArray) -> "ParetoLiving":
        """Return the rows at the positions `index`."""
        return ParetoLiving(self.shape[index], self.rate[index], self.s[index], self.beta[index])

    def log_survival(self, u: FloatArray) -> FloatArray:
        """Log survival function of the Lomax distribution."""
        return -self.s * np.log1p(u / self.beta)

    def log_hazard(self, u: FloatArray) -> FloatArray:
        """Log of s / (beta + u)."""
        return np.log(self.s / (self.beta + u))

    def nodes(self, horizon: FloatArray, power: FloatArray, detail: float = 1.0, digits: float = DIGITS) -> Nodes:
        r"""Nodes in :math:`\ln(1 + u/c)`, where c is short enough for both powers to be smooth."""
        scale = 1 / ((power + 1) / self.rate + (self.s + 1) / self.beta)
        with np.errstate(over="ignore"):
            end = np.minimum(horizon, self.beta * np.expm1(np.minimum(FADED / self.s, 700.0)))
        for rows, (rule,) in gauss_legendre(np.log1p(end / scale), detail=detail, digits=digits):
            yield rows, *stretched(rule, scale[rows])

    def lived(self, horizon: FloatArray, discount: float = 0.0) -> FloatArray:
        r"""The factor of equation (22) of [2]_ that belongs to the lifetime, written so that s = 1 is no exception.

        .. math::
            \beta' \,\ln\bigl(1 + \tfrac{h}{\beta'}\bigr)\, \frac{e^{w} - 1}{w}, \qquad
            w = (1 - s) \ln\bigl(1 + \tfrac{h}{\beta'}\bigr)

        With a discount it has no such form and is integrated.
        """
        if discount:
            return super().lived(horizon, discount)
        log_growth = np.log1p(horizon / self.beta)
        lived: FloatArray = self.beta * log_growth * special.exprel((1 - self.s) * log_growth)
        return lived

    def draw_lifetime(self, rng: np.random.Generator) -> FloatArray:
        """Lomax variates by inversion."""
        with np.errstate(over="ignore"):
            lifetime: FloatArray = self.beta * np.expm1(rng.standard_exponential(len(self.s)) / self.s)
        return lifetime

    def moments(self) -> Moments:
        """Moments of two gamma distributions."""
        rate, death = self.shape / self.rate, self.s / self.beta
        return Moments(rate, rate * (self.shape + 1) / self.rate, death, death * (self.s + 1) / self.beta)

    def dropout_of_the_dead(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """μ ~ Gamma(s + 1, beta + u)."""
        mean = (self.s + 1) / (self.beta + u)
        return mean, mean * (self.s + 2) / (self.beta + u)
