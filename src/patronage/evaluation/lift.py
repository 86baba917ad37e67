"""What a list of the highest scores catches: lift and gain with intervals."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.evaluation.bootstrap import REPLICATES, bootstrap
from patronage.evaluation.counted_metrics import CONTACTED_SHARES, gain
from patronage.evaluation.outcomes import outcomes
from patronage.runtime.histories import FloatArray


def lift_table(
    happened: ArrayLike,
    score: ArrayLike,
    shares: Sequence[float] = CONTACTED_SHARES,
    *,
    rng: np.random.Generator,
    customers: ArrayLike | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
) -> pd.DataFrame:
    """Lift and gain among the highest scores.

    Customers with the same score share what came of them, as if their order were drawn by lot.

    Parameters
    ----------
    happened : array-like, shape (n,)
        1 for those who left, 0 for the others.
    score : array-like, shape (n,)
        Higher where leaving is more likely.
    shares : sequence of float
        Shares of customers, each above 0 and at most 1.
    rng : numpy.random.Generator
    customers : array-like, shape (n,), optional
        Ids, where a customer may have several rows.
    replicates : int
    level : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        share; n_contacted; threshold, the lowest score among them; churn_rate, the share of them who left; lift, over
        the share of all who left (1 is chance); gain, the share of all who left that is among them; and lift_low,
        lift_high, gain_low, gain_high.

    Raises
    ------
    InputError
        If only one class came, or scores are missing.
    ConfigError
        If a share lies outside 0 to 1.

    Examples
    --------
    >>> table = lift_table([1, 0, 1, 0, 0], [0.9, 0.8, 0.7, 0.2, 0.1], [0.2, 0.6], rng=np.random.default_rng(0))
    >>> table[["share", "n_contacted", "threshold", "lift", "gain"]].values.tolist()
    [[0.2, 1.0, 0.9, 2.5, 0.5], [0.6, 3.0, 0.7, 1.6666666666666667, 1.0]]
    """
    wrong = [share for share in shares if not 0 < share <= 1]
    if wrong or not shares:
        message = f"Expected shares of customers above 0 and at most 1; got {wrong or 'none'}."
        raise ConfigError(message)
    y, p = outcomes(happened, score, both_classes=True)
    metrics = {str(share): gain(share) for share in shares}
    found = bootstrap(y, {"score": p}, metrics, rng=rng, customers=customers, replicates=replicates)
    return lift_rows(y, p, shares, found.intervals(level)[["value", "low", "high"]].to_numpy())


def lift_rows(happened: FloatArray, score: FloatArray, shares: Sequence[float], gains: FloatArray) -> pd.DataFrame:
    """The table of `lift_table` from gains and their intervals.

    Parameters
    ----------
    happened, score : ndarray of float64, shape (n,)
    shares : sequence of float, length k
    gains : ndarray of float64, shape (k, 3)
        Gain at each share, and the ends of its interval.
    """
    share = np.asarray(shares, dtype=np.float64)
    contacted = np.maximum(1, np.ceil(share * len(happened) - 1e-9)).astype(np.intp)
    return pd.DataFrame(
        {
            "share": share,
            "n_contacted": contacted,
            "threshold": np.sort(score)[::-1][contacted - 1],
            "churn_rate": gains[:, 0] / share * happened.mean(),
            "lift": gains[:, 0] / share,
            "lift_low": gains[:, 1] / share,
            "lift_high": gains[:, 2] / share,
            "gain": gains[:, 0],
            "gain_low": gains[:, 1],
            "gain_high": gains[:, 2],
        }
    )
