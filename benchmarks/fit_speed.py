"""How fast purchase models are fitted and predict, against lifetimes and pymc-marketing in the same run.

Usage: python benchmarks/fit_speed.py [--quick]

All customers are simulated with daily resolution over two years, time in weeks. A fit is timed from the per-customer
table to the estimates, everything included. Ours and a peer's run in turns, and of each the fastest run counts, because
whatever else the machine does only adds to it. A short run may slip through a gap between other work, a long one may
not: on a busy machine read the ratio of the processors' seconds, where ours are those of both threads together. The
table is printed and kept in fit_speed.csv beside this file. pymc-marketing runs if PYMC_PYTHON names the Python of an
environment that has it. ``--quick`` leaves out what takes minutes: the ten million customers and lifetimes' Pareto/NBD.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import NamedTuple

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
ROUNDS = 3
"""How often ours and the peer's run in turns."""

OURS_A_ROUND = 5


class Took(NamedTuple):
    """Seconds by the clock on the wall, and of all processors together."""

    wall: float
    processor: float


def timed(action):
    """What an action took, and its result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = action()
    return Took(time.perf_counter() - wall, time.process_time() - processor), result


def in_turns(ours, theirs, rounds=ROUNDS):
    """The least that two actions took, and their last results."""
    ours_took, theirs_took = [], []
    for _ in range(rounds):
        for _ in range(OURS_A_ROUND):
            took, our_result = timed(ours)
            ours_took.append(took)
        took, their_result = timed(theirs)
        theirs_took.append(took)
    return least(ours_took), our_result, least(theirs_took), their_result


def least(runs):
    """The least of each clock."""
    return Took(*map(min, zip(*runs, strict=True)))


def world(params, n, whole_days=True):
    """A table of `n` simulated customers."""
    return simulate_purchases(params, n, OBSERVED_DAYS, 0, "week", np.random.default_rng(1), whole_days)


def row(task, customers, ours, peer, theirs, gain=None, note=""):
    """One line of the table; `gain` is our log-likelihood less the peer's, over the peer's size."""
    line = {
        "task": task,
        "customers": customers,
        "ours_s": round(ours.wall, 4),
        "peer": peer,
        "peer_s": round(theirs.wall, 3),
        "ratio": round(theirs.wall / ours.wall, 1),
        "ours_processor_s": round(ours.processor, 4),
        "processor_ratio": None if np.isnan(theirs.processor) else round(theirs.processor / ours.processor, 1),
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
    """A fit by the peer, which warns of what it meets on its way."""
    import lifetimes

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        columns = [frame[column] for column in ("frequency", "recency", "T")]
        return getattr(lifetimes, name)(penalizer_coef=0.0).fit(*columns)


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
    for n in (100_000, 1_000_000):
        frame = world(BG_WORLD, n)
        ours, model, theirs, peer = in_turns(
            lambda frame=frame: BetaGeoNBD().fit(frame), lambda frame=frame: lifetimes_fit("BetaGeoFitter", frame)
        )
        gain = likelihood_gain(model, frame, peer.params_[["r", "alpha", "a", "b"]].to_numpy())
        yield row("BG/NBD fit", n, ours, "lifetimes", theirs, gain)
        runs = []
        if os.environ.get("PYMC_PYTHON"):
            again, *_ = in_turns(lambda frame=frame: BetaGeoNBD().fit(frame), lambda: runs.append(pymc_fit(frame)), 2)  # noqa: B023
            ours = least([ours, again])
        if all(runs) and runs:
            bayes = min(runs, key=lambda run: run["seconds"])
            gain = likelihood_gain(model, frame, [bayes[name] for name in ("r", "alpha", "a", "b")])
            yield row(
                "BG/NBD fit", n, ours, "pymc-marketing MAP", Took(bayes["seconds"], np.nan), gain, "its default priors"
            )
    if not quick:
        small, large = frame, world(BG_WORLD, 10_000_000)
        one, _, ten, _ = in_turns(lambda: BetaGeoNBD().fit(small), lambda: BetaGeoNBD().fit(large), 5)
        yield row(
            "BG/NBD fit",
            10_000_000,
            ten,
            "itself at 1,000,000",
            one,
            note=f"{ten.wall / one.wall:.1f} times its own time",
        )
        del large
    frame = world(PARETO_WORLD, 100_000)
    if quick:
        pareto = least([timed(lambda: ParetoNBD().fit(frame))[0] for _ in range(OURS_A_ROUND)])
        print(f"Pareto/NBD fit of 100,000: {pareto.wall:.3f} s")
        return
    pareto, model, theirs, peer = in_turns(
        lambda: ParetoNBD().fit(frame), lambda: lifetimes_fit("ParetoNBDFitter", frame), 2
    )
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
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            ours, _, theirs, _ = in_turns(
                lambda frame=frame, model=model: (
                    model.expected_purchases(frame, HORIZON_WEEKS),
                    model.probability_alive(frame),
                ),
                lambda peer=peer, columns=columns: (
                    peer.conditional_expected_number_of_purchases_up_to_time(HORIZON_WEEKS, *columns),
                    peer.conditional_probability_alive(*columns),
                ),
                rounds=6,
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
