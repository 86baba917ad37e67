r"""GGom/NBD: purchases at a steady rate during a lifetime whose risk to end may grow with age.

While alive a customer buys as a Poisson process with a rate :math:`\lambda \sim \mathrm{Gamma}(r, \alpha)`. The hazard
of leaving grows exponentially, :math:`\eta\,b\,e^{bt}` (Gompertz), from a level of the customer's own,
:math:`\eta \sim \mathrm{Gamma}(s, \beta)`. Across customers a lifetime exceeds t with the probability [1]_

.. math:: S(t) = \Bigl(\frac{\beta}{\beta + e^{bt} - 1}\Bigr)^{s}

With β above s + 1 the density of lifetimes has its peak inside, not at 0 as in Pareto/NBD. Where b and β become small
and β / b stays, S becomes :math:`(1 + t b/\beta)^{-s}`: Pareto/NBD is the limit. Data that are near it tell of b and β
only their ratio.

Of a customer alive at T we know :math:`\lambda \sim \mathrm{Gamma}(r+x, \alpha+T)`, and the rest of the lifetime is of
the same family, with β replaced by :math:`\beta'' = (\beta + e^{bT} - 1)\,e^{-bT}`. It is that of Pareto/NBD in another
time, :math:`w = (e^{bu} - 1) / b`: :math:`S = (1 + w b/\beta'')^{-s}`.

References
----------
.. [1] Bemmaor, Glady (2012), Modeling purchasing behavior with sudden "death": a flexible customer lifetime model.
   Management Science 58(5), 1012-1021.
"""

from dataclasses import dataclass

import numpy as np

from ..histories import FloatArray, Histories, IndexArray
from ..quadrature import DIGITS, gauss_legendre, stretched
from .lifetime import FADED, IndependentLifetime, IndependentLifetimeParams, Nodes
from .model import Moments

_GROWN = 2.0
"""Logarithm of e^{bu} over 1 + beta at which survival has turned from a power into an exponential function."""

_LARGE = 30.0
"""Beyond it, e^z and e^z - 1 are one number."""


@dataclass(frozen=True)
class GammaGompertzParams(IndependentLifetimeParams):
    """Parameters of the GGom/NBD model; all positive.

    Attributes
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha is in the model's time unit.
    b : float
        Growth of the hazard of leaving, per time unit.
    s, beta : float
        Shape and rate of the gamma distribution of the levels η; without unit.
    """

    r: float
    alpha: float
    b: float
    s: float
    beta: float

    kind = "ggom_nbd"
    title = "GGom/NBD"
    rates = ("b",)

    def living(self, histories: Histories) -> "GammaGompertzLiving":
        """Gamma(r + x, α + T) and a lifetime of the same family."""
        x, T = histories.frequency, histories.T
        residual = self.beta * np.exp(-self.b * T) - np.expm1(-self.b * T)
        return GammaGompertzLiving(self.r + x, self.alpha + T, self.b + 0 * x, self.s + 0 * x, residual, T)


@dataclass(frozen=True)
class GammaGompertzLiving(IndependentLifetime):
    """Purchases at a rate λ ~ Gamma(shape, rate) during a gamma-Gompertz lifetime.

    Attributes
    ----------
    b, s, beta : ndarray, shape (n,)
        Parameters of the residual lifetime.
    age : ndarray, shape (n,)
        Time since the customer was acquired.
    """

    b: FloatArray
    s: FloatArray
    beta: FloatArray
    age: FloatArray

    def take(self, index: IndexArray) -> "GammaGompertzLiving":
        """Return the rows at the positions `index`."""
        columns = (self.shape, self.rate, self.b, self.s, self.beta, self.age)
        return GammaGompertzLiving(*(column[index] for column in columns))

    def log_survival(self, u: FloatArray) -> FloatArray:
        r"""Minus s times :math:`\ln(1 + (e^{bu} - 1)/\beta)`; for large bu with :math:`e^{bu}` taken out."""
        z = self.b * u
        near = np.log1p(np.expm1(np.minimum(z, _LARGE)) / self.beta)
        with np.errstate(divide="ignore"):
            far = z + np.log((self.beta * np.exp(-z) - np.expm1(-z)) / self.beta)
        return -self.s * np.where(z <= _LARGE, near, far)

    def log_hazard(self, u: FloatArray) -> FloatArray:
        r"""Log of :math:`s b / (1 + (\beta - 1) e^{-bu})`."""
        z = self.b * u
        return np.log(self.s * self.b / (self.beta * np.exp(-z) - np.expm1(-z)))

    def nodes(self, horizon: FloatArray, power: FloatArray, detail: float = 1.0, digits: float = DIGITS) -> Nodes:
        r"""Nodes in :math:`\ln(1 + w/c)`, and, once :math:`e^{bu}` has outgrown β, in :math:`\ln(1 + (u - u_1)/c_1)`.

        In the time w survival is a power, smooth on the scale of Pareto/NBD. Beyond :math:`u_1` it is an exponential
        function of u.
        """
        fading = power + 1
        scale = 1 / (fading / self.rate + (self.s + 1) * self.b / self.beta + self.b)
        outgrown = np.log1p(self.beta)
        end = np.minimum(horizon, (outgrown + FADED / self.s) / self.b)
        turn = np.minimum(end, (outgrown + _GROWN) / self.b)
        scale_beyond = 1 / (fading / (self.rate + turn) + (self.s + 1) * self.b)
        w = np.expm1(self.b * turn) / self.b
        spans = np.log1p(w / scale), np.log1p((end - turn) / scale_beyond)
        for rows, (early, late) in gauss_legendre(*spans, detail=detail, digits=digits):
            b = self.b[rows]
            w, dw = stretched(early, scale[rows])
            u, du = stretched(late, scale_beyond[rows])
            places = np.concatenate([np.log1p(b * w) / b, turn[rows] + u])
            yield rows, places, np.concatenate([dw / (1 + b * w), du])

    def draw_lifetime(self, rng: np.random.Generator) -> FloatArray:
        """Gamma-Gompertz variates by inversion."""
        past = rng.standard_exponential(len(self.s)) / self.s
        near = np.log1p(self.beta * np.expm1(np.minimum(past, _LARGE)))
        far = np.log(self.beta) + past
        return np.where(past <= _LARGE, near, np.maximum(far, near)) / self.b

    def moments(self) -> Moments:
        r"""Moments of λ, and of the customer's hazard when acquired: :math:`\eta b` with η ~ Gamma(s, β e^{b age})."""
        rate = self.shape / self.rate
        hazard = self.s * self._hazard_unit(np.zeros(1))
        return Moments(
            rate,
            rate * (self.shape + 1) / self.rate,
            hazard,
            hazard * (self.s + 1) * self._hazard_unit(np.zeros(1)),
        )

    def dropout_of_the_dead(self, u: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Moments of the hazard when acquired, with a shape of s + 1."""
        mean = (self.s + 1) * self._hazard_unit(u)
        return mean, mean * (self.s + 2) * self._hazard_unit(u)

    def _hazard_unit(self, u: FloatArray) -> FloatArray:
        r"""Divide b by the rate of the gamma distribution of η, which is :math:`\beta + e^{bt} - 1` at the age t."""
        z = self.b * u
        residual = self.beta * np.exp(-z) - np.expm1(-z)
        return self.b * np.exp(-self.b * (self.age + u)) / residual
