"""How fast BG/NBD is fitted and predicts from a table of simulated customers, against lifetimes in the same run.

Usage: python benchmarks/fit_speed.py [customers ...]

Each size is fitted by both engines from the same per-customer table (daily resolution, two years, time in weeks); the
time counts everything from the table to the estimates. The native fit runs three times and the median counts. The last
table is kept in fit_speed.csv beside this file.
"""

import os
import statistics
import sys
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pandas as pd

from patronage.ledger.simulated import simulate_bg_nbd
from patronage.models.base import histories_of
from patronage.models.purchase.bg_nbd import BetaGeoLikelihood, BetaGeoNBD
from patronage.runtime.bg_nbd import BetaGeoParams

WORLD = BetaGeoParams(r=0.25, alpha=4.5, a=0.8, b=2.5)
OBSERVED_DAYS = 730
HORIZON_WEEKS = 26.0
SIZES = (100_000, 1_000_000)
REPEATS = 3


def seconds(action, repeats=1):
    """Median wall time of an action, and its last result."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times), result


def measure(n_customers: int) -> dict:
    """Fit and predict `n_customers` with both; a row of the table."""
    from lifetimes import BetaGeoFitter

    frame = simulate_bg_nbd(WORLD, n_customers, OBSERVED_DAYS, 0, "week", np.random.default_rng(1))
    columns = [frame[name] for name in ("frequency", "recency", "T")]
    native_fit, model = seconds(lambda: BetaGeoNBD().fit(frame), REPEATS)
    native_predict, _ = seconds(
        lambda: (model.expected_purchases(frame, HORIZON_WEEKS), model.probability_alive(frame)), REPEATS
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        peer_fit, peer = seconds(lambda: BetaGeoFitter().fit(*columns))
        peer_predict, _ = seconds(
            lambda: (
                peer.conditional_expected_number_of_purchases_up_to_time(HORIZON_WEEKS, *columns),
                peer.conditional_probability_alive(*columns),
            )
        )
    likelihood = BetaGeoLikelihood(histories_of(frame), np.ones(len(frame)))
    peer_value = likelihood(peer.params_[["r", "alpha", "a", "b"]].to_numpy()).value
    return {
        "customers": n_customers,
        "distinct_histories": len(frame[["frequency", "recency", "T"]].drop_duplicates()),
        "native_fit_s": round(native_fit, 3),
        "lifetimes_fit_s": round(peer_fit, 2),
        "fit_ratio": round(peer_fit / native_fit, 1),
        "native_log_likelihood": round(model.log_likelihood_, 4),
        "log_likelihood_gained": float(f"{model.log_likelihood_ - peer_value:.2e}"),
        "native_predict_s": round(native_predict, 3),
        "lifetimes_predict_s": round(peer_predict, 2),
        "predict_ratio": round(peer_predict / native_predict, 1),
    }


def main() -> None:
    sizes = [int(argument) for argument in sys.argv[1:]] or SIZES
    table = pd.DataFrame([measure(size) for size in sizes])
    print(table.T.to_string(header=False))
    if not sys.argv[1:]:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
