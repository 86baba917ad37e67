"""Batch scoring of large tables: time over the floor, peak memory, and the value of customers against lifetimes.

Usage: python benchmarks/score_scale.py [--ledger WORLD] [--features N ...] [--lifetimes N] [--keep FOLDER]

``--features`` scores tables of N simulated customers with the columns that a model of transactions reads; ``--ledger``
scores a folder that ``patronage simulate world=pareto tables=[transactions,customers]`` wrote, opened through its
contract. The floor is what nobody can leave out: DuckDB reads the features (of a ledger: its features are computed by
the same query), XGBoost predicts, Parquet is written; on the same two threads, in the same run. Each measurement is a
process of its own, floor and job in turn, best of `--repeats`; peak resident memory includes Python. ``--lifetimes``
compares probability_alive, expected_purchases and customer_lifetime_value of N customers with the functions of
lifetimes that tell the same. The table is printed and kept in score_scale.csv beside this file.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

AS_OF = date(2023, 12, 29)
THREADS = 2
PART_ROWS = 100_000
N_TREES = 300
MEMORY_LIMIT = "1GB"
"""Of DuckDB."""


def features_of(n, rng):
    """Plausible inputs of n customers: times in days stated as weeks, money in cents."""
    from patronage.schema import MODEL_INPUT

    frequency = rng.poisson(rng.gamma(0.5, 4.0, n)).astype(float)
    days = rng.integers(30, 728, n).astype(float)
    last = np.where(frequency > 0, np.ceil(rng.uniform(0.01, 1, n) * days), 0.0)
    columns = {name: np.round(rng.gamma(2.0, 20.0, n), 2) for name in MODEL_INPUT.names}
    for name in ("purchase_days_30d", "purchase_days_90d", "purchase_days_180d"):
        columns[name] = rng.poisson(1.0, n).astype(float)
    columns |= {"frequency": frequency, "recency": last / 7, "T": days / 7, "tenure_days": days}
    columns["purchase_days"], columns["days_since_last_purchase"] = frequency + 1, days - last
    columns["monetary_value"] = np.where(frequency > 0, columns["monetary_value"], 0.0)
    columns["gap_days_mean"] = np.where(frequency > 0, columns["gap_days_mean"], np.nan)
    columns["gap_days_std"] = np.where(frequency > 1, columns["gap_days_std"], np.nan)
    return columns


def write_features(n, path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng, writer = np.random.default_rng(7), None
    for start in range(0, n, 500_000):
        size = min(500_000, n - start)
        ids = np.array([f"C{number:09d}" for number in range(start, start + size)], dtype=object)
        table = pa.table({"customer_id": ids} | features_of(size, rng))
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table, row_group_size=122_880)
    writer.close()


def write_model(folder):
    """A bundle of the usual size: 300 trees of depth 3 over all columns."""
    import xgboost

    from patronage.runtime.bundle import Bundle, write_bundle
    from patronage.runtime.calibration import Calibration
    from patronage.runtime.churn import ChurnModel, trees_input
    from patronage.runtime.clv import ValueTerms
    from patronage.runtime.gamma_gamma import GammaGammaParams
    from patronage.runtime.purchase.bg_nbd import BetaGeoParams
    from patronage.runtime.time_unit import TimeUnit
    from patronage.schema import FEATURES

    rng = np.random.default_rng(1)
    seen = features_of(50_000, rng)
    odds = 0.01 * seen["days_since_last_purchase"] - 0.4 * seen["frequency"] - 1 + 0.02 * seen["spend_30d"]
    left = rng.random(50_000) < 1 / (1 + np.exp(-odds))
    settings = {"objective": "binary:logistic", "max_depth": 3, "eta": 0.08, "subsample": 0.8, "nthread": THREADS}
    trees = xgboost.train(settings, trees_input(seen, FEATURES.names, {}, label=left), N_TREES)
    churn = ChurnModel(trees, FEATURES.names, 182, Calibration("sigmoid", (), (0.0, 1.0)))
    bundle = Bundle(
        BetaGeoParams(0.243, 4.414, 0.793, 2.426), GammaGammaParams(6.25, 3.74, 15.44), churn,
        ValueTerms(0.3, 0.1, 7.0), AS_OF, TimeUnit.WEEK, 182,
    )  # fmt: skip
    write_bundle(bundle, folder)


def engine(scratch):
    from patronage.ledger.engines.duckdb import DuckDbEngine

    return DuckDbEngine(threads=THREADS, memory_limit=MEMORY_LIMIT, temp_directory=str(scratch))


def predicted(batches, bundle, out):
    """The floor: batches as they come, one matrix, the trees, one column of probabilities."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import xgboost

    trees, names = bundle.churn.booster, bundle.churn.features
    trees.set_param({"nthread": THREADS})
    schema = pa.schema([("customer_id", pa.string()), ("churn_probability", pa.float32())])
    with pq.ParquetWriter(out, schema) as writer:
        for batch in batches:
            matrix = np.empty((batch.num_rows, len(names)), dtype=np.float32)
            for place, name in enumerate(names):
                matrix[:, place] = batch.column(name).to_numpy(zero_copy_only=False)
            told = trees.predict(xgboost.DMatrix(matrix, feature_names=list(names), nthread=THREADS))
            writer.write_batch(pa.record_batch([batch.column("customer_id"), pa.array(told)], schema=schema))


def floor_features(source, bundle, out, _):
    import duckdb

    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}; SET memory_limit = '{MEMORY_LIMIT}'")
    names = ", ".join(f'"{name}"' for name in ("customer_id", *bundle.churn.features))
    reader = connection.execute(f"SELECT {names} FROM read_parquet('{source}')").fetch_record_batch(PART_ROWS)
    predicted(reader, bundle, out)


def opened(world, scratch):
    from patronage.ledger.opening import open_ledger
    from patronage.ledger.simulated_source import SimulatedSource

    return open_ledger(SimulatedSource(str(world)), engine(scratch))


def floor_ledger(source, bundle, out, scratch):
    from patronage.features.model_input import model_input

    ledger = opened(source, scratch)
    wanted = model_input(ledger.tables, AS_OF, bundle.time_unit, bundle.inputs)
    predicted(wanted.to_pyarrow_batches(chunk_size=PART_ROWS), bundle, out)


def run_with(rows, facts, bundle, out):
    from patronage.runtime.scorer import Scorer
    from patronage.scoring.batch import RowScorer
    from patronage.scoring.job import ScoreJob, run_job
    from patronage.scoring.outputs import output_of

    made = RowScorer(Scorer(bundle), AS_OF, "benchmark/1")
    run_job(ScoreJob(rows, facts, made, output_of(str(out)), PART_ROWS, threads=THREADS))


def job_features(source, bundle, out, _):
    from patronage.scoring.feature_rows import FeatureRows

    rows = FeatureRows([Path(source)], bundle.inputs)
    run_with(lambda _: rows, {"files": rows.facts()}, bundle, out)


def job_ledger(source, bundle, out, scratch):
    from patronage.runtime.scorer import Scorer
    from patronage.scoring.job import ledger_rows

    ledger = opened(source, scratch)
    rows = ledger_rows(ledger.tables, Scorer(bundle), AS_OF, ledger.engine.batches)
    run_with(rows, {"ledger": ledger.digest}, bundle, out)


ACTIONS = {
    ("features", "floor"): floor_features, ("features", "score"): job_features,
    ("ledger", "floor"): floor_ledger, ("ledger", "score"): job_ledger,
}  # fmt: skip


def run(kind, what, source, model):
    """What a process of its own does."""
    import duckdb  # noqa: F401
    import pyarrow.parquet as pq
    import xgboost  # noqa: F401

    from patronage.runtime.bundle import read_bundle
    from patronage.scoring import job  # noqa: F401  imports are not what is measured

    bundle = read_bundle(model)
    with tempfile.TemporaryDirectory(dir=Path(model).parent) as scratch:
        out = Path(scratch) / "scores.parquet"
        begin, spent = time.perf_counter(), time.process_time()
        ACTIONS[kind, what](source, bundle, out, scratch)
        took, spent = time.perf_counter() - begin, time.process_time() - spent
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        print(json.dumps([took, spent, peak, pq.read_metadata(out).num_rows]))


def measured(kind, what, source, model):
    command = [sys.executable, __file__, "--run", kind, what, str(source), str(model)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{what} of {source} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def against_lifetimes(n):
    """Seconds of ours and of lifetimes for the same customers, and how far the values lie apart."""
    import pandas as pd
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    from patronage.runtime import clv, gamma_gamma
    from patronage.runtime.histories import checked_histories
    from patronage.runtime.scorer import told_by_purchases
    from patronage.runtime.time_unit import TimeUnit

    rng = np.random.default_rng(5)
    frequency = rng.poisson(rng.gamma(0.5, 4.0, n)).astype(float)
    T = rng.integers(30, 728, n).astype(float)
    recency = np.where(frequency > 0, np.ceil(rng.uniform(0.01, 1, n) * T), 0.0)
    money = np.where(frequency > 0, rng.gamma(6, 6, n), 0.0)
    purchase = clv_params()
    begin = time.perf_counter()
    histories = checked_histories(frequency, recency, T)
    told_by_purchases(purchase[0], histories, 180.0)
    spend = gamma_gamma.expected_spend(purchase[1], frequency, money)
    terms = clv.ValueTerms(1.0, 1.01**12 - 1, 30.0)
    own = clv.customer_lifetime_value(
        clv.discounted_purchases(purchase[0], histories, 360, terms, TimeUnit.DAY), spend, terms
    )
    ours = time.perf_counter() - begin
    bg, gg = BetaGeoFitter(), GammaGammaFitter()
    bg.params_ = pd.Series({"r": 0.243, "alpha": 31.0, "a": 0.793, "b": 2.426})
    gg.params_ = pd.Series({"p": 6.25, "q": 3.74, "v": 15.44})
    bg.predict = bg.conditional_expected_number_of_purchases_up_to_time
    series = [pd.Series(values) for values in (frequency, recency, T, money)]
    begin = time.perf_counter()
    with np.errstate(all="ignore"):
        bg.conditional_probability_alive(*series[:3])
        bg.predict(180.0, *series[:3])
        theirs = gg.customer_lifetime_value(bg, *series, time=12, discount_rate=0.01, freq="D")
    took = time.perf_counter() - begin
    return ours, took, float(np.nanmedian(np.abs(own / np.asarray(theirs) - 1)))


def clv_params():
    from patronage.runtime.gamma_gamma import GammaGammaParams
    from patronage.runtime.purchase.bg_nbd import BetaGeoParams

    return BetaGeoParams(0.243, 31.0, 0.793, 2.426), GammaGammaParams(6.25, 3.74, 15.44)


def main(options):
    """Measure what was asked for, and keep the table."""
    lines = ["input,customers,what,seconds,cpu_seconds,peak_mb,over_floor"]
    print(lines[0])
    options.keep.mkdir(parents=True, exist_ok=True)
    model = options.keep / "bundle"
    write_model(model)
    sources = [("ledger", options.ledger, options.ledger.name)] if options.ledger else []
    for n in options.features:
        path = options.keep / f"features_{n}.parquet"
        if not path.exists():
            write_features(n, path)
        sources.append(("features", path, f"features_{n}"))
    for kind, source, name in sources:
        best = {}
        for _ in range(options.repeats):
            for what in ("floor", "score"):
                found = measured(kind, what, source, model)
                best[what] = min(best.get(what, found), found)
        for what, (took, spent, peak, rows) in best.items():
            ratio = took / best["floor"][0]
            lines.append(f"{name},{rows},{what},{took:.2f},{spent:.2f},{peak:.0f},{ratio:.2f}")
            print(lines[-1], flush=True)
    if options.lifetimes:
        ours, theirs, apart = against_lifetimes(options.lifetimes)
        for what, took, ratio in (("value", ours, 1.0), ("lifetimes value", theirs, theirs / ours)):
            lines.append(f"histories,{options.lifetimes},{what},{took:.3f},,,{ratio:.1f}")
            print(lines[-1], flush=True)
        print(f"values lie {apart:.1e} apart (median)")
    Path(__file__).with_suffix(".csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", type=Path)
    parser.add_argument("--features", type=int, nargs="*", default=[])
    parser.add_argument("--lifetimes", type=int)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("/tmp/score_scale"))
    parser.add_argument("--run", nargs=4)
    given = parser.parse_args()
    run(*given.run) if given.run else main(given)
