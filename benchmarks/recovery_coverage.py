"""Whether fits find the truth: coverage of the 95 % intervals of parameters, and estimates from one large world.

Usage: python benchmarks/recovery_coverage.py [fits [customers]]

Intervals: many small worlds are simulated and fitted; counted is how often the interval of `summary()`, symmetric for
the logarithm, holds the true parameter. A right interval does in 95 % of the fits, give or take 1 % for 500 of them.

Large world: the estimates' distance from the truth in standard errors. The tables are kept in recovery_coverage.csv and
recovery_large_world.csv beside this file.
"""

import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

from patronage.errors import FitError
from patronage.ledger.simulated import simulate_purchases
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.purchase.mbg_nbd import ModifiedBetaGeoNBD
from patronage.models.purchase.pareto_nbd import ParetoNBD
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

DAYS = 546
LARGE = 200_000
WORLDS = {
    BetaGeoNBD: BetaGeoParams(r=0.8, alpha=6.0, a=0.9, b=2.5),
    ModifiedBetaGeoNBD: ModifiedBetaGeoParams(r=0.8, alpha=6.0, a=0.9, b=2.5),
    ParetoNBD: ParetoParams(r=0.9, alpha=6.0, s=0.8, beta=12.0),
}


def simulated(kind, n_customers: int, rng: np.random.Generator) -> pd.DataFrame:
    return simulate_purchases(WORLDS[kind], n_customers, DAYS, 0, "week", rng, whole_days=False)


def coverage(kind, n_fits: int, n_customers: int) -> pd.DataFrame:
    """How often the interval of each parameter holds the truth."""
    truth, begin = pd.Series(asdict(WORLDS[kind])), time.process_time()
    holds, distances, failed = [], [], 0
    for seed in range(n_fits):
        try:
            model = kind().fit(simulated(kind, n_customers, np.random.default_rng([seed, n_customers])))
        except FitError:
            failed += 1
            continue
        table = model.summary(0.95)
        holds.append((table["lower"] <= truth) & (truth <= table["upper"]))
        distances.append(np.log(table["estimate"] / truth))
    holds, distances = pd.DataFrame(holds), pd.DataFrame(distances)
    return pd.DataFrame(
        {
            "model": kind.params_class.title,
            "parameter": truth.index,
            "truth": truth.to_numpy(),
            "fits": n_fits,
            "customers": n_customers,
            "coverage": holds.mean().round(4).to_numpy(),
            "mean_log_error": distances.mean().round(4).to_numpy(),
            "sd_log_error": distances.std().round(4).to_numpy(),
            "failed_fits": failed,
            "cpu_s": round(time.process_time() - begin, 1),
        }
    )


def large_world(kind) -> pd.DataFrame:
    """Distance of the estimates from the truth in standard errors."""
    model = kind().fit(simulated(kind, LARGE, np.random.default_rng(7)))
    truth, errors = pd.Series(asdict(WORLDS[kind])), pd.Series(model.standard_errors_)
    estimate = pd.Series(model.params_)
    return pd.DataFrame(
        {
            "model": kind.params_class.title,
            "parameter": truth.index,
            "customers": LARGE,
            "truth": truth.to_numpy(),
            "estimate": estimate.round(5).to_numpy(),
            "standard_error": errors.round(5).to_numpy(),
            "distance_in_standard_errors": ((estimate - truth) / errors).round(2).to_numpy(),
        }
    )


def main() -> None:
    n_fits, n_customers = ([int(argument) for argument in sys.argv[1:]] + [500, 2_000][len(sys.argv) - 1 :])[:2]
    large = pd.concat([large_world(kind) for kind in WORLDS], ignore_index=True)
    print(large.to_string(index=False), flush=True)
    tables = []
    # MBG/NBD knows less of r from few customers, because any of them may have left at once; so a larger world too.
    runs = [*((kind, n_customers) for kind in WORLDS), (ModifiedBetaGeoNBD, 4 * n_customers)]
    for kind, customers in runs:
        tables.append(coverage(kind, n_fits, customers))
        print(f"\n{tables[-1].to_string(index=False)}", flush=True)
    if not sys.argv[1:]:
        pd.concat(tables).to_csv(Path(__file__).with_suffix(".csv"), index=False)
        large.to_csv(Path(__file__).with_name("recovery_large_world.csv"), index=False)


if __name__ == "__main__":
    main()
