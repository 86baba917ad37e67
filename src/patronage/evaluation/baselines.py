"""Simple rules that a model has to beat.

Wübben and von Wangenheim (2008), Instant customer base analysis, Journal of Marketing 72(3), found that managers' rules
of thumb do as well as the models at telling active from inactive customers; so they stand beside every result.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import special

from patronage.runtime.histories import FloatArray


def same_rate(frame: pd.DataFrame, horizon: float) -> FloatArray:
    """Every customer goes on buying as before: frequency / T times the horizon (0 where T is 0).

    Parameters
    ----------
    frame : DataFrame
        frequency and T of n customers.
    horizon : float
        In the unit of T.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    frequency, T = frame["frequency"].to_numpy(np.float64), frame["T"].to_numpy(np.float64)
    rate: FloatArray = np.divide(frequency, T, out=np.zeros_like(T), where=T > 0)
    return rate * horizon


@dataclass(frozen=True)
class HiatusRule:
    """Whoever has been silent for longer than some days is taken to have left.

    Attributes
    ----------
    threshold_days : float
        The longest silence of a customer still taken as active.
    intercept, slope : float
        Log odds of churn are ``intercept + slope * ln(1 + days of silence)``.
    rate_active, rate_silent : float
        Share that churned of those who had been silent for no longer than the threshold, and of the others.
    """

    threshold_days: float
    intercept: float
    slope: float
    rate_active: float
    rate_silent: float

    def churn_rate(self, days_since_last_purchase: FloatArray) -> FloatArray:
        """The rule itself as a probability: the rate of those who count as active, or of those who count as gone."""
        silent = days_since_last_purchase > self.threshold_days
        return np.where(silent, self.rate_silent, self.rate_active)

    def churn_probability(self, days_since_last_purchase: FloatArray) -> FloatArray:
        """Probability of no purchase within the horizon, a smooth curve over the silence so far."""
        return np.asarray(special.expit(self.intercept + self.slope * np.log1p(days_since_last_purchase)))

    def expected_purchases(self, frame: pd.DataFrame, horizon: float) -> FloatArray:
        """Same rate as before for the active, nothing for the rest."""
        active = frame["days_since_last_purchase"].to_numpy() <= self.threshold_days
        return np.where(active, same_rate(frame, horizon), 0.0)


def fit_hiatus_rule(panel: pd.DataFrame) -> HiatusRule:
    """Learn the rule from cut-offs before the one it is judged at.

    Parameters
    ----------
    panel : DataFrame
        days_since_last_purchase and churned (0 or 1) of customers at earlier cut-offs; both classes occur.

    Returns
    -------
    HiatusRule
        Its threshold is the one with the most customers on the right side, its probability a logistic regression.
    """
    from sklearn.linear_model import LogisticRegression

    silence = panel["days_since_last_purchase"].to_numpy(np.float64)
    churned = panel["churned"].to_numpy(np.float64)
    curve = LogisticRegression(C=np.inf).fit(np.log1p(silence)[:, None], churned)
    lengths, group = np.unique(silence, return_inverse=True)
    left, stayed = np.bincount(group, churned), np.bincount(group, 1 - churned)
    right = np.cumsum(stayed) + left.sum() - np.cumsum(left)
    threshold = float(lengths[np.argmax(right)])
    active = silence <= threshold
    overall = float(churned.mean())
    return HiatusRule(
        threshold_days=threshold,
        intercept=float(curve.intercept_[0]),
        slope=float(curve.coef_[0, 0]),
        rate_active=float(churned[active].mean()) if active.any() else overall,
        rate_silent=float(churned[~active].mean()) if not active.all() else overall,
    )
