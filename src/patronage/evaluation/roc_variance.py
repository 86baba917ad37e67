r"""Variance of areas under ROC curves without resampling (DeLong), as a check of the bootstrap.

With m customers who left, scores :math:`X_i`, and n who stayed, scores :math:`Y_j`, the area is the mean of
:math:`\psi(X_i, Y_j)`, which is 1 where :math:`X_i > Y_j`, 1/2 where they are equal, and 0 otherwise. Its structural
components are the means over the others [1]_,

.. math:: V_{10}(X_i) = \tfrac{1}{n} \sum_j \psi(X_i, Y_j), \qquad V_{01}(Y_j) = \tfrac{1}{m} \sum_i \psi(X_i, Y_j)

and the covariance of the areas of several candidates is :math:`S = S_{10} / m + S_{01} / n`, of the sample covariances
of their components. Components come from midranks in :math:`O((m + n) \log (m + n))` [2]_.

Rows must be independent: where customers have several rows, use `patronage.evaluation.bootstrap`.

References
----------
.. [1] DeLong, DeLong, Clarke-Pearson (1988), Comparing the areas under two or more correlated receiver operating
   characteristic curves: a nonparametric approach. Biometrics 44(3), 837-845.
.. [2] Sun, Xu (2014), Fast implementation of DeLong's algorithm for comparing the areas under correlated receiver
   operating characteristic curves. IEEE Signal Processing Letters 21(11), 1389-1393.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from patronage.errors import ConfigError, InputError
from patronage.evaluation.outcomes import outcomes
from patronage.models.base import checked_level
from patronage.runtime.histories import FloatArray


@dataclass(frozen=True)
class RocAreas:
    """Areas under the ROC curves of candidates on the same customers.

    Attributes
    ----------
    candidates : tuple of str
    areas : ndarray of float64, shape (n_candidates,)
    covariance : ndarray of float64, shape (n_candidates, n_candidates)
        DeLong's S.
    """

    candidates: tuple[str, ...]
    areas: FloatArray
    covariance: FloatArray

    def intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Normal intervals, kept within 0 and 1.

        Returns
        -------
        DataFrame
            candidate, value, low, high, standard_error.
        """
        error = np.sqrt(np.diag(self.covariance))
        half = stats.norm.ppf((1 + checked_level(level)) / 2) * error
        low, high = np.clip((self.areas - half, self.areas + half), 0, 1)
        columns = {"candidate": self.candidates, "value": self.areas, "low": low, "high": high}
        return pd.DataFrame({**columns, "standard_error": error})

    def differences(self, reference: str, level: float = 0.95) -> pd.DataFrame:
        """Every other candidate's area less that of the reference.

        Parameters
        ----------
        reference : str
            One of the candidates.
        level : float
            Coverage, between 0 and 1.

        Returns
        -------
        DataFrame
            candidate, reference, difference, low, high, standard_error, p_value (two-sided, normal). NaN where the
            two rank all customers alike.
        """
        width = stats.norm.ppf((1 + checked_level(level)) / 2)
        rows = []
        for candidate, contrast in self._contrasts(reference):
            apart, variance = float(contrast @ self.areas), float(contrast @ self.covariance @ contrast)
            error = max(variance, 0.0) ** 0.5
            p_value = float(2 * stats.norm.sf(abs(apart) / error)) if error > 0 else float("nan")
            ends = {"low": apart - width * error, "high": apart + width * error}
            rows.append(
                {"candidate": candidate, "reference": reference, "difference": apart}
                | ends
                | {"standard_error": error, "p_value": p_value}
            )
        return pd.DataFrame(rows)

    def all_equal(self, reference: str) -> tuple[float, int, float]:
        """Test that all areas are equal: chi-squared statistic, degrees of freedom, p-value."""
        contrasts = np.array([contrast for _, contrast in self._contrasts(reference)])
        apart = contrasts @ self.areas
        spread = contrasts @ self.covariance @ contrasts.T
        freedom = int(np.linalg.matrix_rank(spread))
        statistic = float(apart @ np.linalg.pinv(spread) @ apart)
        return statistic, freedom, float(stats.chi2.sf(statistic, freedom)) if freedom else float("nan")

    def _contrasts(self, reference: str) -> list[tuple[str, FloatArray]]:
        if reference not in self.candidates or len(self.candidates) < 2:
            message = f"Expected {reference!r} and another one among the candidates; got {', '.join(self.candidates)}."
            raise ConfigError(message)
        unit, at = np.eye(len(self.candidates)), self.candidates.index(reference)
        return [(name, unit[i] - unit[at]) for i, name in enumerate(self.candidates) if i != at]


def delong(happened: ArrayLike, scores: Mapping[str, ArrayLike]) -> RocAreas:
    """Areas under the ROC curves of candidates, and their covariance.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others; one row a customer, at least two of each.
    scores : mapping of str to array-like, shape (n,)
        Higher where leaving is more likely, by candidate.

    Returns
    -------
    RocAreas

    Raises
    ------
    InputError
        If there are fewer than two of either class, or scores are missing.
    """
    if not scores:
        message = "Expected the scores of at least one candidate; got none."
        raise ConfigError(message)
    columns = [outcomes(happened, score, both_classes=True) for score in scores.values()]
    y = columns[0][0] == 1
    m, n = int(y.sum()), int((~y).sum())
    if min(m, n) < 2:
        message = f"A variance needs two customers of each kind; {m:,} left and {n:,} stayed."
        raise InputError(message)
    of_left, of_stayed = np.empty((len(columns), m)), np.empty((len(columns), n))
    for i, (_, p) in enumerate(columns):
        among_all = stats.rankdata(p)
        of_left[i] = (among_all[y] - stats.rankdata(p[y])) / n
        of_stayed[i] = 1 - (among_all[~y] - stats.rankdata(p[~y])) / m
    covariance = np.atleast_2d(np.cov(of_left)) / m + np.atleast_2d(np.cov(of_stayed)) / n
    return RocAreas(tuple(scores), of_left.mean(axis=1), covariance)
