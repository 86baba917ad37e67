r"""Intervals of shares and of what is made of them that keep an honest width at 0 and 1.

The interval of an estimate plus and minus its standard error has no width where everybody in a sample agrees. Wilson's
score interval [1]_ asks instead which shares would have made the sample likely, and stays open there:

.. math:: \frac{p + z^2 / 2n \pm z \sqrt{p (1 - p) / n + z^2 / 4n^2}}{1 + z^2 / n} .

The difference of two shares takes the distances of both from the ends of their intervals (Newcombe's method 10 [2]_,
and with the correlation of the two his method for paired shares [3]_). Cliff's delta is :math:`2 \theta - 1` of a
probability :math:`\theta`, whose interval is Wilson's with the number of draws that would give its variance
(Mee [4]_); on delta it is the interval of Feng and Cliff [5]_, and so is their correction where delta is 1 or -1: as
many draws as the smaller group has customers.

References
----------
.. [1] Wilson (1927), Probable inference, the law of succession, and statistical inference. JASA 22(158), 209-212.
.. [2] Newcombe (1998), Interval estimation for the difference between independent proportions: comparison of eleven
   methods. Statistics in Medicine 17(8), 873-890.
.. [3] Newcombe (1998), Improved confidence intervals for the difference between binomial proportions based on paired
   data. Statistics in Medicine 17(22), 2635-2650.
.. [4] Mee (1990), Confidence intervals for probabilities and tolerance regions based on a generalization of the
   Mann-Whitney statistic. JASA 85(411), 793-800.
.. [5] Feng and Cliff (2004), Monte Carlo evaluation of ordinal d with improved confidence interval. Journal of Modern
   Applied Statistical Methods 3(2), 322-332.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """A share of a group, and how well it is known.

    Attributes
    ----------
    share : float
        Between 0 and 1.
    variance : float
        Of the share as an estimate.
    rows : int
        In the group, the most draws that it can stand for.
    customers : int
        Whose rows they are: the draws that it stands for where the rows show no variance.
    """

    share: float
    variance: float
    rows: int
    customers: int

    @property
    def draws(self) -> float:
        """Independent draws that would give the variance."""
        spread = self.share * (1 - self.share)
        if spread <= 0:
            return float(self.customers)
        return min(spread / self.variance, float(self.rows)) if self.variance > 0 else float(self.rows)

    def interval(self, width: float) -> tuple[float, float]:
        """Wilson's interval, `width` standard errors to either side."""
        return wilson(self.share, self.draws, width)


def wilson(share: float, draws: float, width: float) -> tuple[float, float]:
    """Score interval of a share.

    Parameters
    ----------
    share : float
        Between 0 and 1.
    draws : float
        Independent ones, above 0.
    width : float
        Standard errors to either side, such as 1.96.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(81 / 263, 263, 1.959964)]
    [0.2553, 0.3662]
    """
    square = width**2
    middle = share + square / (2 * draws)
    half = width * math.sqrt(share * (1 - share) / draws + square / (4 * draws**2))
    low, high = (middle - half) / (1 + square / draws), (middle + half) / (1 + square / draws)
    # At 0 and 1 the end is the share itself, but for round-off.
    return (0.0 if share == 0 else max(low, 0.0)), (1.0 if share == 1 else min(high, 1.0))


def difference_interval(one: Share, other: Share, covariance: float, width: float) -> tuple[float, float]:
    """Hybrid score interval of the difference of two shares.

    Parameters
    ----------
    one, other : Share
    covariance : float
        Of the two estimates; 0 where no customer is in both groups.
    width : float
        Standard errors to either side.

    Examples
    --------
    >>> of_70, of_80 = Share(0.8, 0.16 / 70, 70, 70), Share(0.6, 0.24 / 80, 80, 80)
    >>> [round(end, 4) for end in difference_interval(of_70, of_80, 0.0, 1.959964)]
    [0.0524, 0.3339]
    """
    (low, high), (other_low, other_high) = one.interval(width), other.interval(width)
    spread = math.sqrt(one.variance * other.variance)
    together = min(max(covariance / spread, -1.0), 1.0) if spread > 0 else 0.0
    apart = one.share - other.share
    down, other_up = one.share - low, other_high - other.share
    up, other_down = high - one.share, other.share - other_low
    below = math.sqrt(max(down**2 + other_up**2 - 2 * together * down * other_up, 0.0))
    above = math.sqrt(max(up**2 + other_down**2 - 2 * together * up * other_down, 0.0))
    return max(apart - below, -1.0), min(apart + above, 1.0)


def delta_interval(area: Share, width: float) -> tuple[float, float]:
    """Interval of Cliff's delta, twice a probability less 1.

    Parameters
    ----------
    area : Share
        The probability; its customers are those of the smaller group.
    width : float
        Standard errors to either side.

    Examples
    --------
    Two told apart from two without an error: (2 - 1.96^2) / (2 + 1.96^2).

    >>> [round(end, 4) for end in delta_interval(Share(1.0, 0.0, 4, 2), 1.959964)]
    [-0.3152, 1.0]
    """
    low, high = area.interval(width)
    return 2 * low - 1, 2 * high - 1
