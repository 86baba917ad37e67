r"""The assumption of the spend model, tested: how much customers spend tells nothing of how often they buy.

Two correlations of the number of purchases x with their mean m are measured over the customers of a fit:

- Pearson's, with an interval by Fisher's transformation :math:`\operatorname{artanh} r \pm z / \sqrt{n-3}`. Under the
  model it is 0, because the expectation of m does not depend on x.
- Spearman's rank correlation, which a few large amounts cannot sway. Means of many skewed amounts lie closer to the
  expectation, and above the median, more often than means of few; so ranks of m rise with x even where the model holds.
  The rank correlation is therefore one of x with the place of m in its own distribution for that x,

  .. math:: P(M \le m \mid x) = I_{xm/(xm+v)}(p x, q)

  which is uniform for every x if the model holds (I is the regularised incomplete beta function).
"""

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.histories import FloatArray

LEVEL = 0.95
STRONG = 0.3
"""Correlation from which on the assumption is called broken."""

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Independence:
    """What was found of the assumption that spend and frequency are independent.

    Attributes
    ----------
    pearson : float
        Correlation of the number of purchases and their mean value; NaN if one of them does not vary.
    low, high : float
        Its 95 % interval.
    spearman : float
        Rank correlation of the number of purchases with the place of their mean in its own distribution.
    p_value : float
        Two-sided, of a rank correlation that large if the model holds.
    n_customers : float
    """

    pearson: float
    low: float
    high: float
    spearman: float
    p_value: float
    n_customers: float

    @property
    def is_strong(self) -> bool:
        """Whether one of the correlations is `STRONG`."""
        return max(abs(self.pearson), abs(self.spearman)) >= STRONG

    @property
    def words(self) -> str:
        """What was found, and what it means."""
        if not np.isfinite([self.pearson, self.spearman]).all():
            return (
                "All customers have the same number of purchases or the same mean spend, so that it cannot be tested "
                "whether the two go together."
            )
        found = (
            f"Mean spend and number of purchases correlate by {self.pearson:+.3f} "
            f"(95 % interval {self.low:+.3f} to {self.high:+.3f}; rank correlation {self.spearman:+.3f}, "
            f"p = {self.p_value:.2g}), where the model assumes none. "
        )
        more = "more" if self.spearman + self.pearson > 0 else "less"
        if self.is_strong:
            return found + (
                f"That is strong: frequent buyers spend {more} on a purchase than the model knows, so their value is "
                "misjudged. Fit the spend model by segments of frequency."
            )
        if not self.low <= 0 <= self.high or self.p_value < SIGNIFICANT:
            return found + (
                f"That is weak but not chance: frequent buyers spend somewhat {more} on a purchase than others, and "
                "their expected spend is slightly off."
            )
        return found + "Nothing speaks against it."


def independence(params: GammaGammaParams, x: FloatArray, m: FloatArray, counts: FloatArray) -> Independence:
    """Measure both correlations.

    Parameters
    ----------
    params : GammaGammaParams
        Fitted to these customers.
    x, m : ndarray, shape (n,)
        Number of purchases and their mean value, positive.
    counts : ndarray, shape (n,)
        Customers behind each row.

    Returns
    -------
    Independence
    """
    n = float(counts.sum())
    pearson = weighted_correlation(x, m, counts)
    spent = x * m
    place = special.betainc(params.p * x, params.q, spent / (spent + params.v))
    spearman = weighted_correlation(_ranks(x, counts), _ranks(place, counts), counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = stats.norm.ppf((1 + LEVEL) / 2) / np.sqrt(n - 3) if n > 3 else np.inf
        low, high = np.tanh(np.arctanh(pearson) + np.array([-reach, reach]))
        statistic = spearman * np.sqrt(np.divide(max(n - 2, 0.0), 1 - spearman**2))
    p_value = 2 * stats.t.sf(abs(statistic), n - 2) if n > 2 else np.nan
    return Independence(pearson, float(low), float(high), spearman, float(p_value), n)


def weighted_correlation(one: FloatArray, other: FloatArray, counts: FloatArray) -> float:
    """Pearson's correlation of rows that stand for several customers each; NaN if one of them does not vary."""
    share = counts / counts.sum()
    first, second = one - share @ one, other - share @ other
    scale = np.sqrt((share @ first**2) * (share @ second**2))
    if not scale > 1e-14 * np.abs(share @ one) * np.abs(share @ other):
        return float("nan")
    return float(np.clip(share @ (first * second) / scale, -1.0, 1.0))


def _ranks(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Mean ranks of rows that stand for several customers each."""
    _, place = np.unique(values, return_inverse=True)
    customers = np.bincount(place, counts)
    return (np.cumsum(customers) - customers / 2)[place]
