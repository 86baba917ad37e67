"""Simulated customers: purchase histories drawn from a BG/NBD world, with the truth beside them."""

import numpy as np
import pandas as pd

from patronage.runtime.bg_nbd import BetaGeoParams
from patronage.runtime.time_unit import TimeUnit


def simulate_bg_nbd(
    params: BetaGeoParams,
    n_customers: int,
    observed_days: int,
    horizon_days: int,
    time_unit: TimeUnit | str,
    rng: np.random.Generator,
    whole_days: bool = True,
) -> pd.DataFrame:
    """Draw customers who behave exactly as the BG/NBD model says, and what they do later.

    Each customer is acquired on a day of the observed time, buys at a rate drawn from Gamma(r, alpha), and leaves after
    a repeat purchase with a probability drawn from Beta(a, b).

    Parameters
    ----------
    params : BetaGeoParams
        The world; alpha in `time_unit`.
    n_customers : int
    observed_days : int
        Customers are acquired evenly over this many days and observed until the last of them.
    horizon_days : int
        Days of future that are drawn after the observation ends.
    time_unit : {"day", "week", "year"}
        Unit of alpha and of the result.
    rng : numpy.random.Generator
    whole_days : bool
        As in a real ledger, purchases are known by the day: those of one day count once, one on the day of acquisition
        not at all. Without it times are continuous, and the model holds exactly.

    Returns
    -------
    DataFrame
        frequency, recency, T; then the truth: alive (whether the customer had not left when the observation ended) and
        frequency_holdout (purchases, or purchase days, within the horizon).
    """
    unit = TimeUnit(time_unit)
    rate = rng.gamma(params.r, 1 / (params.alpha * unit.days), n_customers)
    leaving = rng.beta(params.a, params.b, n_customers)
    T = rng.uniform(0, observed_days, n_customers)
    if whole_days:
        T = np.ceil(T)
    frequency, recency, future = (np.zeros(n_customers) for _ in range(3))
    alive = np.ones(n_customers, dtype=bool)
    # Every round is the next purchase of all who still buy.
    buying = np.arange(n_customers)
    clock, last_counted = np.zeros(n_customers), np.zeros(n_customers)
    while buying.size:
        clock[buying] += rng.exponential(size=buying.size) / rate[buying]
        buying = buying[clock[buying] <= T[buying] + horizon_days]
        when = np.floor(clock[buying]) if whole_days else clock[buying]
        counts = when > last_counted[buying]
        seen = counts & (when <= T[buying])
        frequency[buying[seen]] += 1
        recency[buying[seen]] = when[seen]
        future[buying[counts & ~seen]] += 1
        last_counted[buying] = when
        leaves = rng.random(buying.size) < leaving[buying]
        alive[buying[leaves & (when <= T[buying])]] = False
        buying = buying[~leaves]
    return pd.DataFrame(
        {
            "frequency": frequency,
            "recency": recency / unit.days,
            "T": T / unit.days,
            "alive": alive,
            "frequency_holdout": future,
        }
    )
