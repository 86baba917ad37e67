"""How fast purchase models are fitted and predict, against lifetimes and pymc-marketing in the same run.

Usage: python benchmarks/fit_speed.py [--quick]

All customers are simulated with daily resolution over two years, time in weeks. A fit is timed from the per-customer
table to the estimates, everything included; ours run five times and the median counts, a peer's runs once. The table
is printed and kept in fit_speed.csv beside this file. pymc-marketing runs if PYMC_PYTHON names the Python of an
environment that has it. ``--quick`` leaves out what takes minutes: the ten million customers and lifetimes' Pareto/NBD.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np
import pandas as pd

from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD, ParetoNBD
from patronage.models.base import histories_of
from patronage.models.rows import SummedLikelihood
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

BG_WORLD = BetaGeoParams(r=0.25, alpha=4.5, a=0.8, b=2.5)
PARETO_WORLD = ParetoParams(r=0.55, alpha=10.5, s=0.6, beta=11.7)
OBSERVED_DAYS = 730
HORIZON_WEEKS = 26.0
REPEATS = 5


def seconds(action, repeats=1):
    """Median wall time of an action, and its last result."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - begin)
    return statistics.median(times), result


def world(params, n, whole_days=True):
    """A table of `n` simulated customers."""
    return simulate_purchases(params, n, OBSERVED_DAYS, 0, "week", np.random.default_rng(1), whole_days)


def row(task, customers, ours, peer, theirs, gain=None, note=""):
    """One line of the table; `gain` is our log-likelihood less the peer's, over the peer's size."""
    line = {
        "task": task,
        "customers": customers,
        "ours_s": round(ours, 4),
        "peer": peer,
        "peer_s": round(theirs, 3),
        "ratio": round(theirs / ours, 1),
        "log_likelihood_gain": None if gain is None else float(f"{gain:.1e}"),
        "note": note,
    }
    print("  ".join(f"{key}={value}" for key, value in line.items() if value not in (None, "")), flush=True)
    return line


def likelihood_gain(model, frame, values):
    """Our log-likelihood less that of a peer's estimates, relative."""
    theirs = SummedLikelihood(model._rows, histories_of(frame), np.ones(len(frame)))(np.asarray(values)).value
    return (model.log_likelihood_ - theirs) / abs(theirs)


def lifetimes_fit(name, frame):
    """Seconds and the fitted peer."""
    import lifetimes

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        columns = [frame[column] for column in ("frequency", "recency", "T")]
        return seconds(lambda: getattr(lifetimes, name)(penalizer_coef=0.0).fit(*columns))


def pymc_fit(frame):
    """Seconds and estimates of pymc-marketing, or nothing where it is not installed."""
    python = os.environ.get("PYMC_PYTHON")
    if not python:
        return None
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "customers.parquet"
        frame[["frequency", "recency", "T"]].to_parquet(table)
        script = Path(__file__).with_name("pymc_map.py")
        done = subprocess.run([python, str(script), str(table)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        return None
    return json.loads(done.stdout.strip().splitlines()[-1])


def fits(quick):
    """BG/NBD from a hundred thousand to ten million customers, Pareto/NBD at a hundred thousand."""
    ours = {}
    for n in (100_000, 1_000_000):
        frame = world(BG_WORLD, n)
        ours[n], model = seconds(lambda frame=frame: BetaGeoNBD().fit(frame), REPEATS)
        theirs, peer = lifetimes_fit("BetaGeoFitter", frame)
        gain = likelihood_gain(model, frame, peer.params_[["r", "alpha", "a", "b"]].to_numpy())
        yield row("BG/NBD fit", n, ours[n], "lifetimes", theirs, gain)
        bayes = pymc_fit(frame)
        if bayes:
            gain = likelihood_gain(model, frame, [bayes[name] for name in ("r", "alpha", "a", "b")])
            yield row("BG/NBD fit", n, ours[n], "pymc-marketing MAP", bayes["seconds"], gain, "its default priors")
    if not quick:
        frame = world(BG_WORLD, 10_000_000)
        most, _ = seconds(lambda: BetaGeoNBD().fit(frame), 3)
        yield row(
            "BG/NBD fit", 10_000_000, most, "itself at 1,000,000", ours[1_000_000], note="a share of its own time"
        )
        del frame
    frame = world(PARETO_WORLD, 100_000)
    pareto, model = seconds(lambda: ParetoNBD().fit(frame), REPEATS)
    if quick:
        print(f"Pareto/NBD fit of 100,000: {pareto:.3f} s")
        return
    theirs, peer = lifetimes_fit("ParetoNBDFitter", frame)
    gain = likelihood_gain(model, frame, peer.params_[["r", "alpha", "s", "beta"]].to_numpy())
    yield row("Pareto/NBD fit", 100_000, pareto, "lifetimes", theirs, gain)


def predictions():
    """expected_purchases and probability_alive of a million customers, by the day and with all histories distinct."""
    from lifetimes import BetaGeoFitter

    for whole_days, note in ((True, "daily resolution"), (False, "all histories differ")):
        frame = world(BG_WORLD, 1_000_000, whole_days)
        model = BetaGeoNBD().fit(frame.sample(50_000, random_state=0))
        peer = BetaGeoFitter()
        peer.params_ = pd.Series(model.params_)
        columns = [frame[name] for name in ("frequency", "recency", "T")]
        ours, _ = seconds(
            lambda frame=frame, model=model: (
                model.expected_purchases(frame, HORIZON_WEEKS),
                model.probability_alive(frame),
            ),
            REPEATS,
        )
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            theirs, _ = seconds(
                lambda peer=peer, columns=columns: (
                    peer.conditional_expected_number_of_purchases_up_to_time(HORIZON_WEEKS, *columns),
                    peer.conditional_probability_alive(*columns),
                ),
                REPEATS,
            )
        yield row("BG/NBD predictions", 1_000_000, ours, "lifetimes", theirs, note=note)


def main() -> None:
    quick = "--quick" in sys.argv[1:]
    table = pd.DataFrame([*predictions(), *fits(quick)])
    print(table.to_string(index=False))
    if not quick:
        table.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
