"""Tables of features to score, made in a moment, and the model that scores them."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patronage.runtime.bundle import read_bundle
from patronage.runtime.scorer import Scorer
from patronage.schema import MODEL_INPUT
from patronage.scoring.batch import RowScorer
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.job import ScoreJob
from patronage.scoring.outputs import output_of

AS_OF = date(1998, 6, 30)
GOLDEN = Path(__file__).parent / "golden" / "bundle_format_1" / "bundle"


def columns_of(n, seed=1):
    """Plausible values of every input of the golden bundle, as arrays of float64."""
    rng = np.random.default_rng(seed)
    frequency = rng.poisson(1.2, n).astype(float)
    T = rng.integers(60, 540, n) / 7
    recency = np.where(frequency > 0, np.floor(rng.uniform(0.05, 1, n) * T * 7) / 7, 0.0)
    columns = {name: rng.uniform(0, 50, n) for name in MODEL_INPUT.names}
    columns |= {"frequency": frequency, "recency": recency, "T": T}
    columns["monetary_value"] = np.where(frequency > 0, rng.gamma(6, 6, n), 0.0)
    columns["gap_days_std"] = np.where(frequency > 1, columns["gap_days_std"], np.nan)
    return columns


def write_features(path, n, seed=1, row_group=None, **changed):
    """A Parquet file of n customers; columns can be changed."""
    ids = np.array([f"C{number:07d}" for number in range(n)], dtype=object)
    table = pa.table({"customer_id": ids} | columns_of(n, seed) | changed)
    pq.write_table(table, path, row_group_size=row_group or n)
    return path


def job_of(source, out, part_rows=1000, **others):
    """The job that scores a file of features with the golden bundle."""
    scorer = Scorer(read_bundle(GOLDEN))
    rows = FeatureRows([Path(source)], scorer.bundle.inputs)
    made = RowScorer(scorer, AS_OF, "golden/1")
    return ScoreJob(lambda _: rows, {"files": rows.facts()}, made, output_of(str(out)), part_rows, **others)
