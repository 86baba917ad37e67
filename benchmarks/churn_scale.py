"""A million customers with sixty features: memory and time of training in batches, against bare XGBoost.

Each way runs in a process of its own and reports the most memory that it held, and the seconds of processor time, which
say more than those of the clock where others use the machine. The bare way is what anyone would write:
the same batches into a quantile matrix, then `xgboost.train` with the same settings and as many trees. Patronage also
leaves customers out, watches when to stop, calibrates and scores.

    python benchmarks/churn_scale.py [ROWS]
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet

N_CUSTOMERS, N_FEATURES, N_TEXT = 1_000_000, 60, 4
BATCH_ROWS = 50_000
N_TREES = 100
"""So many are grown in every way: stopping is watched, and comes too late to matter."""
MEMORY_LIMIT_MB = 1536
SETTINGS = {"horizon_days": 91, "n_trees": N_TREES, "n_threads": 2, "early_stopping_rounds": N_TREES}
FEATURES = [f"x{i:02d}" for i in range(N_FEATURES - N_TEXT)] + [f"text{i}" for i in range(N_TEXT)]
REPEATS = 1


def write_world(path: Path, n_rows: int) -> None:
    """Customers whose log odds depend on a dozen features, a tenth of the values missing."""
    rng = np.random.default_rng(0)
    weights = rng.normal(size=12) / 3
    writer = None
    for start in range(0, n_rows, BATCH_ROWS):
        n = min(BATCH_ROWS, n_rows - start)
        x = rng.normal(size=(n, N_FEATURES - N_TEXT))
        odds = x[:, :12] @ weights - 1 + np.where(x[:, 0] > 1, x[:, 1], 0)
        x[rng.random(x.shape) < 0.1] = np.nan
        columns = {name: x[:, i] for i, name in enumerate(FEATURES[: N_FEATURES - N_TEXT])}
        for i in range(N_TEXT):
            code = rng.integers(0, 8, n)
            odds = odds + 0.1 * (code - 3.5)
            columns[f"text{i}"] = pa.array([f"value {c}" for c in code])
        columns["customer_id"] = pa.array([f"c{start + i}" for i in range(n)])
        columns["churned"] = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(np.int8)
        table = pa.table(columns)
        writer = writer or pyarrow.parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def batches_of(path: Path):
    """The batches of the file, a few at a time in memory."""
    return lambda: pyarrow.parquet.ParquetFile(path).iter_batches(BATCH_ROWS)


def bare(path: Path) -> dict[str, float]:
    """What anyone would write."""
    import xgboost

    from patronage.models.churn.xgboost_classifier import ChurnClassifier

    settings = ChurnClassifier(features=FEATURES, **SETTINGS).tree_settings
    types = ["q"] * (N_FEATURES - N_TEXT) + ["c"] * N_TEXT

    class Rows(xgboost.DataIter):
        def reset(self):
            self.left = iter(batches_of(path)())

        def next(self, input_data):
            batch = next(self.left, None)
            if batch is None:
                return False
            frame = batch.to_pandas()
            for name in FEATURES[-N_TEXT:]:
                frame[name] = frame[name].str.removeprefix("value ").astype(np.float32)
            input_data(
                data=frame[FEATURES].to_numpy(np.float32), label=frame["churned"],
                feature_names=FEATURES, feature_types=types,
            )  # fmt: skip
            return True

    begin, clock = time.process_time(), time.perf_counter()
    rows = Rows()
    rows.reset()
    data = xgboost.QuantileDMatrix(rows, nthread=2, enable_categorical=True)
    xgboost.train(settings, data, N_TREES)
    return {
        "fit_cpu_seconds": time.process_time() - begin,
        "fit_clock_seconds": time.perf_counter() - clock,
        "fit_peak_mb": peak_mb(),
        "trees": N_TREES,
    }


def ours(path: Path, way: str) -> dict[str, float]:
    """Left-out customers, early stopping, calibration; then everyone is scored."""
    from patronage.models.churn.xgboost_classifier import ChurnClassifier

    model = ChurnClassifier(features=FEATURES, **SETTINGS)
    begin, clock = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        model.fit_batches(batches_of(path), cache=Path(folder) if way == "external" else None)
    fitted, fitted_clock, peak = time.process_time(), time.perf_counter(), peak_mb()
    frames = (batch.to_pandas() for batch in batches_of(path)())
    n_rows, seconds = 0, 0.0
    for frame in frames:
        start = time.process_time()
        n_rows += len(model.churn_probability(frame))
        seconds += time.process_time() - start
    return {
        "fit_cpu_seconds": fitted - begin,
        "fit_clock_seconds": fitted_clock - clock,
        "fit_peak_mb": peak,
        "trees": model.n_trees_,
        "score_cpu_seconds_per_million": seconds * 1e6 / n_rows,
    }


def peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def in_its_own_process(way: str, path: Path) -> dict[str, float]:
    done = subprocess.run([sys.executable, __file__, way, path], check=True, capture_output=True, text=True)
    print(done.stdout.strip(), flush=True)
    return json.loads(done.stdout)


def main() -> None:
    if len(sys.argv) == 3:
        way, path = sys.argv[1], Path(sys.argv[2])
        figures = bare(path) if way == "bare" else ours(path, way)
        print(json.dumps({"way": way, **figures}))
        return
    n_rows = int(sys.argv[1]) if len(sys.argv) > 1 else N_CUSTOMERS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.parquet"
        write_world(path, n_rows)
        runs = [in_its_own_process(way, path) for _ in range(REPEATS) for way in ("bare", "quantile", "external")]
    best = pd.DataFrame(runs).groupby("way", sort=False).min().reset_index()
    best.insert(1, "rows", n_rows)
    best["cpu_ratio_to_bare"] = best["fit_cpu_seconds"] / best.loc[best["way"] == "bare", "fit_cpu_seconds"].item()
    best["memory_limit_mb"] = MEMORY_LIMIT_MB
    best = best.round(3)
    print(best.to_string(index=False))
    best.to_csv(Path(__file__).with_suffix(".csv"), index=False)


if __name__ == "__main__":
    main()
