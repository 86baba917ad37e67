"""Simulated customers: purchase histories drawn from the world of a model, with the truth beside them."""

import numpy as np
import pandas as pd

from patronage.errors import ConfigError
from patronage.runtime.histories import FloatArray
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.runtime.time_unit import TimeUnit


def simulate_purchases(
    params: PurchaseParams,
    n_customers: int,
    observed_days: int,
    horizon_days: int,
    time_unit: TimeUnit | str,
    rng: np.random.Generator,
    whole_days: bool = True,
) -> pd.DataFrame:
    """Draw customers who behave exactly as a model says, and what they do later.

    Each customer is acquired on a day of the observed time and buys at a rate drawn from Gamma(r, alpha). In BG/NBD
    and MBG/NBD customers leave after a purchase with a probability drawn from Beta(a, b), in MBG/NBD after the first
    one too; in Pareto/NBD at the end of an exponential lifetime whose rate is drawn from Gamma(s, beta).

    Parameters
    ----------
    params : BetaGeoParams, ModifiedBetaGeoParams or ParetoParams
        The world; alpha and beta in `time_unit`.
    n_customers : int
    observed_days : int
        Customers are acquired evenly over this many days and observed until the last of them.
    horizon_days : int
        Days of future that are drawn after the observation ends.
    time_unit : {"day", "week", "year"}
        Unit of the parameters and of the result.
    rng : numpy.random.Generator
    whole_days : bool
        As in a real ledger, purchases are known by the day: those of one day count once, one on the day of acquisition
        not at all. Without it times are continuous, and the model holds exactly.

    Returns
    -------
    DataFrame
        frequency, recency, T; then the truth: alive (whether the customer had not left when the observation ended) and
        frequency_holdout (purchases, or purchase days, within the horizon).

    Raises
    ------
    ConfigError
        If the model is none of the three.
    """
    if not isinstance(params, BetaGeoParams | ModifiedBetaGeoParams | ParetoParams):
        message = f"Worlds can be simulated of BG/NBD, MBG/NBD and Pareto/NBD; got {type(params).__name__}."
        raise ConfigError(message)
    unit = TimeUnit(time_unit)
    rate = rng.gamma(params.r, 1 / (params.alpha * unit.days), n_customers)
    # One of two things ends a lifetime: a chance to leave after each purchase, or a day of death.
    leaving, death = np.zeros(n_customers), np.full(n_customers, np.inf)
    if isinstance(params, ParetoParams):
        with np.errstate(divide="ignore"):
            death = rng.exponential(size=n_customers) / rng.gamma(params.s, 1 / (params.beta * unit.days), n_customers)
    else:
        leaving = rng.beta(params.a, params.b, n_customers)
    T = rng.uniform(0, observed_days, n_customers)
    if whole_days:
        T = np.ceil(T)
    if isinstance(params, ModifiedBetaGeoParams):
        death[rng.random(n_customers) < leaving] = 0.0
    histories = _bought(rate, leaving, death, T, horizon_days, rng, whole_days)
    histories["recency"] /= unit.days
    histories["T"] /= unit.days
    return histories


def _bought(
    rate: FloatArray,
    leaving: FloatArray,
    death: FloatArray,
    T: FloatArray,
    horizon_days: int,
    rng: np.random.Generator,
    whole_days: bool,
) -> pd.DataFrame:
    """Purchases of customers until they leave, die or the horizon ends; all times in days."""
    n_customers = len(T)
    frequency, recency, future = (np.zeros(n_customers) for _ in range(3))
    alive = death > T
    # Every round is the next purchase of all who still buy.
    buying = np.arange(n_customers)
    clock, last_counted = np.zeros(n_customers), np.zeros(n_customers)
    until = np.minimum(T + horizon_days, death)
    while buying.size:
        clock[buying] += rng.exponential(size=buying.size) / rate[buying]
        buying = buying[clock[buying] <= until[buying]]
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
        {"frequency": frequency, "recency": recency, "T": T, "alive": alive, "frequency_holdout": future}
    )
