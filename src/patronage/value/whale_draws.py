"""Whale curves of profit that is not known yet: each drawn future ranked for itself.

A curve of expected values understates how unequal profit will be: chance, which makes some customers earn much more
than expected and others less, is averaged out before customers are ranked. Both are shown.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import InputError
from patronage.models.base import checked_level
from patronage.runtime.histories import FloatArray
from patronage.value.whale import cumulative, refuse_not_finite, steps, whale_curve, whale_shares

MEASURES = ("top_share", "middle_share", "last_share", "peak_share", "gini", "gini_normalised")
"""What of `schema.WHALE_SHARES` is drawn."""


def whale_curve_of_draws(
    draws: ArrayLike, expected: ArrayLike | None = None, points: int = 100, level: float = 0.9
) -> pd.DataFrame:
    """The whale curve of profit that is not known yet.

    Parameters
    ----------
    draws : array-like, shape (size, n)
        Profits of n customers in each of `size` futures, drawn together.
    expected : array-like, shape (n,), optional
        Expected profit of each customer; the mean of the draws if not given.
    points : int
        Steps of the curve.
    level : float
        Coverage of the interval, between 0 and 1.

    Returns
    -------
    DataFrame
        customer_share; profit_share (mean over the futures, each ranked for itself), low and high (interval of a
        future); of_expected: the curve of the expected values, which is too flat. Missing where a total is not above 0.
    """
    values = _checked_draws(draws)
    size, n = values.shape
    at = steps(n, points)
    shares = np.empty((size, len(at)))
    for one in range(size):
        earned = cumulative(values[one])[at]
        shares[one] = earned / earned[-1] if earned[-1] > 0 else np.nan
    centre = values.mean(axis=0) if expected is None else expected
    found = pd.DataFrame({"customer_share": at / n, **_over_draws(shares, level)})
    found["of_expected"] = whale_curve(centre, points)["profit_share"]
    return found.rename(columns={"mean": "profit_share"})


def whale_shares_of_draws(draws: ArrayLike, expected: ArrayLike | None = None, level: float = 0.9) -> pd.DataFrame:
    """Who will earn what: `whale_shares` of futures that are drawn, each ranked for itself.

    Parameters are those of `whale_curve_of_draws`.

    Returns
    -------
    DataFrame
        One row a measure (top_share, middle_share, last_share, peak_share, gini, gini_normalised): mean, low, high, and
        of_expected: that of the expected values.
    """
    values = _checked_draws(draws)
    drawn = np.array([[shares[name] for name in MEASURES] for shares in map(whale_shares, values)])
    centre = whale_shares(values.mean(axis=0) if expected is None else expected)
    found = pd.DataFrame({"measure": MEASURES, **_over_draws(drawn, level)})
    found["of_expected"] = [centre[name] for name in MEASURES]
    return found


def _over_draws(values: FloatArray, level: float) -> dict[str, FloatArray]:
    tail = (1 - checked_level(level)) / 2
    low, high = np.quantile(values, (tail, 1 - tail), axis=0)
    return {"mean": values.mean(axis=0), "low": low, "high": high}


def _checked_draws(draws: ArrayLike) -> FloatArray:
    values = np.asarray(draws, dtype=np.float64)
    if values.ndim != 2 or not values.size:
        message = (
            f"Expected futures by customers, shape (size, n), with at least one of each; got shape {values.shape}."
        )
        raise InputError(message)
    refuse_not_finite(values)
    return values
