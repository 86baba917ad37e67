r"""What a customer's purchases bring on average, where an amount may be negative: linear credibility with own spreads.

Gamma-Gamma knows positive amounts only and serves revenue. Margins may be negative: some customers buy at a loss. Here
the amounts of a customer are normally distributed with a mean and a variance of their own,

.. math:: x_{ij} \sim N(\mu_i, \sigma_i^2), \qquad \mu_i \mid \sigma_i^2 \sim N(m_g, \sigma_i^2 / \kappa), \qquad
    \sigma_i^2 \sim \mathrm{InvGamma}(a, b)

with the mean m of the customer's segment g. It is the conjugate prior: after n amounts of mean :math:`\bar x`

.. math:: E(\mu_i \mid x) = Z \bar x + (1 - Z)\, m_g, \qquad Z = \frac{n}{n + \kappa}

so one-time buyers are drawn towards their segment and frequent ones stand for themselves, as in Gamma-Gamma, where
:math:`\kappa = (q - 1) / p`. Means and κ are those of Bühlmann and Straub [1]_, which are right for the mean whatever
the shape of the distributions: amounts are skewed, and the maximum of a normal likelihood would lie below their mean.
That Z is the best linear weight does not rest on the normal distribution either. Only random draws do: those of a
single purchase are symmetric, sums over purchases and customers hardly differ. Where no amount was ever negative
(`AmountModel.never_negative`) a customer's mean and the sums are drawn from gamma distributions of the same means and
variances instead, which do not fall below 0. The shape a, which says how much the
variances of customers differ, has the highest likelihood given the means.

References
----------
.. [1] Bühlmann, Straub (1970), Glaubwürdigkeit für Schadensätze. Mitteilungen der Vereinigung Schweizerischer
   Versicherungsmathematiker 70, 111-133. Estimators as in Bühlmann, Gisler (2005), A course in credibility theory and
   its applications, section 4.8.
.. [2] Murphy (2007), Conjugate Bayesian analysis of the Gaussian distribution, section 6.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

from patronage.errors import FitError, InputError
from patronage.runtime.histories import FloatArray, IndexArray, refuse_rows
from patronage.runtime.purchase.time_alive import Weights

LEAST_SHAPE = 1.05
"""The variance of a customer has a mean only where its shape a is above 1."""

LARGEST_SHAPE = 1e4
"""Beyond it all customers have one variance, as good as."""

ALL_ALIKE = 1e12
"""κ where the data show no difference between the means of customers."""

BLOCKS = 1_000
"""Groups of customers that the bootstrap draws; many customers are summed up in so many groups first."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """Amounts of n customers: how many, their mean, and their scatter.

    Attributes
    ----------
    number : ndarray of float64, shape (n,)
        Whole, 0 and above.
    mean : ndarray of float64, shape (n,)
        In money; ignored where there are none.
    scatter : ndarray of float64, shape (n,)
        Sum of squared deviations from the mean.
    segment : ndarray of int, shape (n,)
        Position of the customer's segment.
    """

    number: FloatArray
    mean: FloatArray
    scatter: FloatArray
    segment: IndexArray

    @classmethod
    def checked(cls, number: FloatArray, mean: FloatArray, scatter: FloatArray, segment: IndexArray) -> "Amounts":
        """Check columns.

        Raises
        ------
        InputError
            If numbers are negative or not whole, or means or scatters are missing where there are amounts.
        """
        some = number > 0
        refuse_rows(
            {
                "a number of amounts that is missing, not finite, negative or not whole": ~(
                    np.isfinite(number) & (number >= 0)
                )
                | (number != np.floor(number)),
                "a mean that is missing or not finite": some & ~np.isfinite(mean),
                "a scatter that is missing or negative": some & ~(np.isfinite(scatter) & (scatter >= 0)),
            },
            what="customers",
        )
        several = np.where(number > 1, scatter, 0.0)
        return cls(number, np.where(some, mean, 0.0), np.where(some, several, 0.0), segment)

    def __len__(self) -> int:
        return len(self.number)

    def take(self, index: IndexArray) -> "Amounts":
        """The customers at the positions `index`."""
        return Amounts(self.number[index], self.mean[index], self.scatter[index], self.segment[index])


@dataclass(frozen=True)
class AmountModel:
    """Means of amounts in segments, and how far customers stand for themselves.

    Attributes
    ----------
    mean : ndarray of float64, shape (g,)
        m of each segment.
    kappa : float
        κ: amounts that the segment counts for. 0 takes customers at their own word.
    variance : float
        Mean variance of a customer's amounts, b / (a - 1).
    shape : float
        a, above 1.
    never_negative : bool
        Whether amounts are 0 and above by their nature, as revenue is, so that draws of them are too.
    """

    mean: FloatArray
    kappa: float
    variance: float
    shape: float
    never_negative: bool = False

    def expected(self, amounts: Amounts) -> FloatArray:
        """Expected mean of the amounts to come, shape (n,)."""
        weight = _credibility(amounts.number, self.kappa)
        means: FloatArray = weight * amounts.mean + (1 - weight) * self.mean[amounts.segment]
        return means

    def draw(self, amounts: Amounts, weights: Weights, rng: np.random.Generator) -> FloatArray:
        """Random sums of amounts to come, each weighted, the customers' own means and variances drawn with them.

        Parameters
        ----------
        amounts : Amounts
            Of n customers.
        weights : Weights
            Of the amounts to come, arrays of shape (n,).
        rng : numpy.random.Generator

        Returns
        -------
        ndarray of float64, shape (n,)
            In money; 0 where nothing is to come.
        """
        totals = np.zeros(len(amounts))
        rows = np.flatnonzero(weights.total > 0)
        if not len(rows):
            return totals
        some, (total, squares, spread) = amounts.take(rows), (weight[rows] for weight in weights)
        mean, known = self.expected(some), self.kappa + some.number
        if self.variance > 0:
            surprise = (some.mean - self.mean[some.segment]) ** 2
            surprise *= _credibility(some.number, self.kappa) * min(self.kappa, ALL_ALIKE)
            rate = self.variance * (self.shape - 1) + (some.scatter + surprise) / 2
            variance = rate / rng.gamma(self.shape + some.number / 2)
            mean = self._drawn(mean, np.sqrt(variance / np.maximum(known, 1e-12)), rng)
        else:
            variance = np.zeros(len(rows))
        noise = np.sqrt(variance * squares + mean**2 * spread)
        totals[rows] = self._drawn(mean * total, noise, rng)
        return totals

    def _drawn(self, mean: FloatArray, deviation: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Random amounts of given means and standard deviations: gamma where none is negative, normal otherwise."""
        if not self.never_negative:
            return np.asarray(mean + rng.standard_normal(len(mean)) * deviation, dtype=np.float64)
        drawn, some = np.maximum(mean, 0.0), (mean > 0) & (deviation > 0)
        scale = deviation[some] ** 2 / mean[some]
        drawn[some] = rng.gamma(mean[some] / scale) * scale
        return drawn


@dataclass(frozen=True)
class FittedAmounts:
    """An estimated `AmountModel`, and what its estimate leaves open.

    Attributes
    ----------
    model : AmountModel
    sums : ndarray, shape (blocks, g, 9)
        What the estimates are computed of, summed over groups of customers.
    """

    model: AmountModel
    sums: FloatArray

    def draw_models(self, size: int, rng: np.random.Generator) -> list[AmountModel]:
        """Random models, by the Bayesian bootstrap over customers: their weights are those of a Dirichlet variate."""
        blocks = len(self.sums)
        weights = rng.standard_exponential((size, blocks))
        weights *= blocks / weights.sum(axis=1, keepdims=True)
        drawn = np.tensordot(weights, self.sums, axes=1)
        return [_model_of(one, self.model) for one in drawn]


def fit_amounts(amounts: Amounts, n_segments: int, never_negative: bool = False) -> FittedAmounts:
    """Estimate means, κ and variances.

    Parameters
    ----------
    amounts : Amounts
    n_segments : int
        Segments without amounts get the mean of all.
    never_negative : bool
        As in `AmountModel`.

    Raises
    ------
    FitError
        If there are no amounts at all.
    InputError
        If a segment is not among them.
    """
    if len(amounts) and not 0 <= amounts.segment.min() <= amounts.segment.max() < n_segments:
        message = f"Segments must be numbered 0 to {n_segments - 1}."
        raise InputError(message)
    if not (amounts.number > 0).any():
        message = "No customer has an amount to learn from: without any there is no mean."
        raise FitError(message)
    unweighted = _sums(amounts, np.zeros(len(amounts)), n_segments)
    kappa, variance = _moments(unweighted.sum(axis=0))
    credibility = _credibility(amounts.number, kappa)
    sums = _sums(amounts, credibility, n_segments)
    start = AmountModel(np.zeros(n_segments), kappa, variance, _shape(amounts, variance), never_negative)
    return FittedAmounts(_model_of(sums.sum(axis=0), start), sums)


def _sums(amounts: Amounts, credibility: FloatArray, n_segments: int) -> FloatArray:
    """Sums by group and segment: customers, n, n², n x, n x², degrees of freedom, scatter, Z, Z x."""
    n, mean = amounts.number, amounts.mean
    some = (n > 0).astype(np.float64)
    parts = (
        some, n, n**2, n * mean, n * mean**2, np.maximum(n - 1, 0), amounts.scatter, credibility * some,
        credibility * some * mean,
    )  # fmt: skip
    blocks = min(BLOCKS, max(len(amounts), 1))
    place = (np.arange(len(amounts)) % blocks) * n_segments + amounts.segment
    table = [np.bincount(place, part, minlength=blocks * n_segments).astype(np.float64) for part in parts]
    return np.stack(table, axis=-1).reshape(blocks, n_segments, len(parts))


def _moments(sums: FloatArray) -> tuple[float, float]:
    """κ and the mean variance, by the estimators of Bühlmann and Straub, from sums of shape (g, 9)."""
    customers, n, squares, total, total_squares, freedom, scatter = (sums[:, k] for k in range(7))
    used = n > 0
    between = (total_squares[used] - total[used] ** 2 / n[used]).sum()
    if freedom.sum() <= 0:
        # Nobody has two amounts: what differs is taken for chance.
        return ALL_ALIKE, max(between / max(customers.sum() - used.sum(), 1.0), 0.0)
    variance = scatter.sum() / freedom.sum()
    degrees = customers.sum() - used.sum()
    scale = (n[used] - squares[used] / n[used]).sum()
    if variance <= _rounding(total_squares.sum(), n.sum()):
        return 0.0, 0.0
    difference = (between - degrees * variance) / scale if scale > 0 else 0.0
    return (min(variance / difference, ALL_ALIKE) if difference > 0 else ALL_ALIKE), float(variance)


def _rounding(total_squares: float, number: float) -> float:
    """A variance below this is one of rounding."""
    return float(1e-20 * total_squares / max(number, 1.0))


def _model_of(sums: FloatArray, other: AmountModel) -> AmountModel:
    """The model of sums of shape (g, 9), with the shape of another one."""
    kappa, variance = _moments(sums)
    weight, weighted = sums[:, 7], sums[:, 8]
    # Where customers stand for nothing (κ without end) purchases count, which is the limit of the weights.
    if kappa >= ALL_ALIKE:
        weight, weighted = sums[:, 1], sums[:, 3]
    overall = weighted.sum() / weight.sum()
    mean = np.divide(weighted, weight, out=np.full(len(weight), overall), where=weight > 0)
    return replace(other, mean=mean, kappa=kappa, variance=variance)


def _credibility(number: FloatArray, kappa: float) -> FloatArray:
    """Z; customers without amounts stand for nothing."""
    return np.divide(number, number + kappa, out=np.zeros(len(number)), where=number > 0)


def _shape(amounts: Amounts, variance: float) -> float:
    r"""The shape of the distribution of variances with the highest likelihood of the scatters, its mean being known.

    With :math:`S_i / \sigma_i^2 \sim \chi^2_d`, :math:`d = n_i - 1` and :math:`b = (a - 1)\,\bar\sigma^2`,

    .. math:: \ln L = \sum_i \ln\frac{\Gamma(a + d/2)}{\Gamma(a)} + a \ln b - (a + d/2) \ln(b + S_i/2)
    """
    several = amounts.number > 1
    if variance <= 0 or not several.any():
        return LARGEST_SHAPE
    half, scatter = (amounts.number[several] - 1) / 2, amounts.scatter[several] / 2

    def minus_log_likelihood(log_excess: float) -> float:
        a = 1 + np.exp(log_excess)
        b = (a - 1) * variance
        rows = special.gammaln(a + half) - special.gammaln(a) + a * np.log(b) - (a + half) * np.log(b + scatter)
        return -float(rows.sum())

    bounds = (np.log(LEAST_SHAPE - 1), np.log(LARGEST_SHAPE))
    found = optimize.minimize_scalar(minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(1 + np.exp(found.x))
