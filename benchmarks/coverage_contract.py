"""How often the 95 % intervals of sBG parameters and projections hold the truth, over many small simulated fits.

Usage: python benchmarks/coverage_contract.py [fits]

Each world has customers acquired in any of the last ten periods, so that most tenures are censored. Parameters: the
intervals of `summary`, which are symmetric for the logarithms. Survivors: 95 % intervals of `project_survivors` for a
cohort of 400 that is seen for seven renewals and projected for five. The last table is kept in coverage_contract.csv.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from patronage.models.contract.sbg import ShiftedBetaGeometric
from patronage.runtime.contract.sbg import ShiftedBetaGeometricParams
from patronage.runtime.contract.tenures import Tenures

WORLDS = ((1.0, 3.0, 1000), (0.7, 1.2, 500), (3.0, 12.0, 4000))
FITS = 500
LONGEST = 10


def censored_tenures(truth, n, rng):
    """Customers acquired at any time, observed until now."""
    due = rng.integers(1, LONGEST + 1, n)
    made = truth.draw(Tenures(np.zeros(n), np.zeros(n, dtype=bool)), LONGEST, 1, rng)[0]
    return pd.DataFrame({"tenure": np.minimum(made + 1, due), "churned": made < due})


def cohort(truth, rng):
    """Survivors of 400 customers over twelve renewals."""
    survivors = [400]
    for rate in truth.retention_rate(np.arange(1, 13)):
        survivors.append(rng.binomial(survivors[-1], rate))
    return np.array(survivors)


def measure(alpha, beta, customers, fits):
    """One world: a row of the table."""
    truth, rng = ShiftedBetaGeometricParams(alpha, beta), np.random.default_rng(20)
    held, held_ahead, flat = [], [], 0
    for _ in range(fits):
        model = ShiftedBetaGeometric().fit(censored_tenures(truth, customers, rng))
        table = model.summary()
        flat += not np.isfinite(table["upper"]).all()
        held.append(((table["lower"] < [alpha, beta]) & (table["upper"] > [alpha, beta])).to_numpy())
        survivors = cohort(truth, rng)
        seen = {"period": range(8), "survivors": survivors[:8]}
        ahead = ShiftedBetaGeometric().fit(seen).project_survivors(seen, 5, rng, size=1000)
        held_ahead.append(((ahead["lower"] <= survivors[8:]) & (ahead["upper"] >= survivors[8:])).to_numpy())
    parameters, ahead = np.mean(held, axis=0), np.mean(held_ahead, axis=0)
    return {
        "alpha": alpha,
        "beta": beta,
        "customers": customers,
        "fits": fits,
        "alpha_held": round(parameters[0], 3),
        "beta_held": round(parameters[1], 3),
        "unidentified": flat,
        "survivors_1_ahead_held": round(ahead[0], 3),
        "survivors_5_ahead_held": round(ahead[4], 3),
    }


def main() -> None:
    fits = int(sys.argv[1]) if len(sys.argv) > 1 else FITS
    table = pd.DataFrame([measure(*world, fits) for world in WORLDS])
    print(table.T.to_string(header=False))
    if len(sys.argv) == 1:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
