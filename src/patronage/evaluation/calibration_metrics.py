r"""Whether probabilities are what they say: calibration error, the parts of the Brier score, a table with intervals.

With customers in K bins, n_k of them in bin k, mean probability :math:`\bar p_k` and share of those who left
:math:`\bar y_k` there, the Brier score is exactly [1]_ [2]_

.. math:: \overline{(p - y)^2} = \underbrace{\sum_k \tfrac{n_k}{n} (\bar p_k - \bar y_k)^2}_{\text{reliability}}
    - \underbrace{\sum_k \tfrac{n_k}{n} (\bar y_k - \bar y)^2}_{\text{resolution}}
    + \underbrace{\bar y (1 - \bar y)}_{\text{uncertainty}}
    + \underbrace{\tfrac{1}{n} \sum_k \sum_{i \in k} (p_i - \bar p_k)^2}_{\text{within-bin variance}}
    - \underbrace{\tfrac{2}{n} \sum_k \sum_{i \in k} (y_i - \bar y_k)(p_i - \bar p_k)}_{\text{within-bin covariance}}

Murphy's three parts suffice where probabilities are equal within each bin; otherwise the last two, of Stephenson and
others, are what the bins hide, and resolution - variance + covariance is the resolution without them.

References
----------
.. [1] Murphy (1973), A new vector partition of the probability score. Journal of Applied Meteorology 12, 595-600.
.. [2] Stephenson, Coelho, Jolliffe (2008), Two extra components in the Brier score decomposition. Weather and
   Forecasting 23, 752-757.
.. [3] Korn, Graubard (1998), Confidence intervals for proportions with small expected number of positive counts
   estimated from survey data. Survey Methodology 24(2), 193-201.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from patronage.errors import InputError
from patronage.evaluation.bins import CALIBRATION_BINS, bin_numbers, wilson_interval
from patronage.evaluation.outcomes import probabilities
from patronage.runtime.histories import FloatArray

CHANCE_SIMULATIONS = 500
"""Simulated outcomes behind what chance alone makes of the error: the 95th percentile is steady to a few percent."""


@dataclass(frozen=True)
class BrierParts:
    """The parts of a Brier score; see the module for their formulas.

    Attributes
    ----------
    brier : float
        reliability - resolution + uncertainty + within_bin_variance - within_bin_covariance.
    reliability : float
        Mean squared gap between predicted and observed; 0 is best.
    resolution : float
        How far the bins' shares lie from the overall share; the larger the better.
    uncertainty : float
        Variance of the outcome, which no model can change.
    within_bin_variance, within_bin_covariance : float
        Of the probabilities, and of probabilities with outcomes (twice), within bins.
    """

    brier: float
    reliability: float
    resolution: float
    uncertainty: float
    within_bin_variance: float
    within_bin_covariance: float

    @property
    def generalised_resolution(self) -> float:
        """Resolution that does not depend on where the bins are cut: resolution - variance + covariance."""
        return self.resolution - self.within_bin_variance + self.within_bin_covariance

    @property
    def skill(self) -> float:
        """Brier skill score: 1 - brier / uncertainty; 0 is no better than the overall share. NaN for one class."""
        return 1 - self.brier / self.uncertainty if self.uncertainty > 0 else float("nan")


def expected_calibration_error(happened: ArrayLike, probability: ArrayLike, n_bins: int = CALIBRATION_BINS) -> float:
    """Mean absolute gap between predicted and observed over bins of equal size.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    probability : array-like, shape (n,)
        Between 0 and 1.
    n_bins : int
        1 and above.

    Returns
    -------
    float
        0 and above; chance alone makes it larger than 0, by how much says `error_by_chance`.

    Raises
    ------
    InputError, ConfigError

    Examples
    --------
    >>> expected_calibration_error([0, 1, 1, 1], [0.25, 0.25, 0.5, 0.5], n_bins=2)
    0.375
    """
    y, p = probabilities(happened, probability)
    return float(np.abs(np.bincount(bin_numbers(p, n_bins), p - y)).sum() / len(y))


def error_by_chance(
    probability: ArrayLike,
    *,
    rng: np.random.Generator,
    n_bins: int = CALIBRATION_BINS,
    simulations: int = CHANCE_SIMULATIONS,
) -> tuple[float, float]:
    """Calibration error that perfectly calibrated probabilities would show: its mean and 95th percentile.

    Outcomes are drawn from the probabilities themselves, one for each row. A calibration error below the mean says
    nothing against the model; one above the 95th percentile is more than chance. Where customers occur in several rows
    chance is larger than this.

    Parameters
    ----------
    probability : array-like, shape (n,)
    rng : numpy.random.Generator
    n_bins, simulations : int

    Returns
    -------
    (float, float)
    """
    _, p = probabilities(np.zeros(np.shape(probability)), probability)
    number = bin_numbers(p, n_bins)
    predicted = np.bincount(number, p, n_bins)
    errors = [
        np.abs(predicted - np.bincount(number, rng.random(len(p)) < p, n_bins)).sum() / len(p)
        for _ in range(simulations)
    ]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def brier_parts(happened: ArrayLike, probability: ArrayLike, n_bins: int = CALIBRATION_BINS) -> BrierParts:
    """Take the Brier score apart over bins of equal size.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    probability : array-like, shape (n,)
        Between 0 and 1.
    n_bins : int
        1 and above.

    Returns
    -------
    BrierParts
        They add up to the Brier score exactly, whatever the bins.

    Raises
    ------
    InputError, ConfigError

    Examples
    --------
    >>> parts = brier_parts([0, 1, 1, 1], [0.25, 0.25, 0.5, 0.5], n_bins=2)
    >>> parts.reliability, parts.resolution, parts.uncertainty, parts.brier
    (0.15625, 0.0625, 0.1875, 0.28125)
    """
    y, p = probabilities(happened, probability)
    number = bin_numbers(p, n_bins)
    size = np.bincount(number, minlength=n_bins)
    full = np.maximum(size, 1)
    predicted, observed = np.bincount(number, p, n_bins) / full, np.bincount(number, y, n_bins) / full
    weight, mean = size / len(y), y.mean()
    apart, beside = p - predicted[number], y - observed[number]
    return BrierParts(
        brier=float(np.mean((p - y) ** 2)),
        reliability=float(weight @ (predicted - observed) ** 2),
        resolution=float(weight @ (observed - mean) ** 2),
        uncertainty=float(mean * (1 - mean)),
        within_bin_variance=float(np.mean(apart**2)),
        within_bin_covariance=float(2 * np.mean(apart * beside)),
    )


def reliability_table(
    happened: ArrayLike,
    probability: ArrayLike,
    n_bins: int = CALIBRATION_BINS,
    *,
    customers: ArrayLike | None = None,
) -> pd.DataFrame:
    """Predicted against observed in bins of equal size, with 95 % intervals of the observed share.

    Intervals are Wilson's. Where customers occur in several rows (cut-offs, repeated folds) rows are no independent
    evidence: Wilson's formula then takes the effective number of rows in place of the number, which is that of
    independent rows with the same variance of the share as the clusters show [3]_, at most the number of rows, and
    the number of distinct customers where all or none of a bin left.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    probability : array-like, shape (n,)
        Between 0 and 1.
    n_bins : int
        1 and above; fewer come out where probabilities are tied.
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.

    Returns
    -------
    DataFrame
        bin (from 1, lowest probabilities first), n_rows, n_effective, lowest and highest probability, predicted,
        observed, observed_low, observed_high, and whether predicted lies within.

    Raises
    ------
    InputError, ConfigError
    """
    y, p = probabilities(happened, probability)
    number = bin_numbers(p, n_bins)
    frame = pd.DataFrame({"bin": number, "y": y, "p": p})
    table = frame.groupby("bin").agg(
        n_rows=("y", "size"), lowest=("p", "min"), highest=("p", "max"), predicted=("p", "mean"), observed=("y", "mean")
    )
    effective = table["n_rows"].to_numpy(np.float64)
    if customers is not None:
        effective = _effective_rows(frame, table, _codes(customers, len(y)))
    low, high = wilson_interval(table["observed"].to_numpy(), effective)
    table.insert(1, "n_effective", effective)
    table = table.reset_index().assign(observed_low=low, observed_high=high)
    inside = (table["observed_low"] <= table["predicted"]) & (table["predicted"] <= table["observed_high"])
    return table.assign(bin=range(1, len(table) + 1), predicted_inside=inside)


def _codes(customers: ArrayLike, n: int) -> NDArray[np.intp]:
    codes = pd.factorize(np.asarray(customers), use_na_sentinel=False)[0]
    if len(codes) != n:
        message = f"Expected one customer id for each of {n:,} rows; got {len(codes):,}."
        raise InputError(message)
    return codes


def _effective_rows(frame: pd.DataFrame, table: pd.DataFrame, codes: NDArray[np.intp]) -> FloatArray:
    apart = frame["y"] - table["observed"].reindex(frame["bin"]).to_numpy()
    totals = frame.assign(apart=apart, customer=codes).groupby(["bin", "customer"])["apart"].sum()
    distinct = totals.groupby("bin").size().to_numpy(np.float64)
    corrected = totals.pow(2).groupby("bin").sum().to_numpy() * distinct / np.maximum(distinct - 1, 1)
    rows, share = table["n_rows"].to_numpy(np.float64), table["observed"].to_numpy()
    spread = share * (1 - share)
    effective = np.divide(spread * rows**2, corrected, out=distinct.copy(), where=(spread > 0) & (corrected > 0))
    return np.asarray(np.minimum(effective, rows), dtype=np.float64)
