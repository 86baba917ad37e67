"""The score file, MLflow's model and the exported wheel give the same bits, and so do they on Spark."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from engines_under_test import spark_engine
from patronage.ledger.opening import Ledger
from patronage.runtime.scorer import load_scorer
from patronage.schema import SCORE_VALUES
from patronage.scoring.batch import score_batch, scoring_input

AS_OF = date(1998, 6, 30)
CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"
FOREIGN = (
    "mlflow", "hydra", "omegaconf", "ibis", "duckdb", "pandas", "pyarrow", "sklearn", "lifetimes", "pydantic",
    "patronage",
)  # fmt: skip

SCORE_IN_CLEAN_ENVIRONMENT = """
import importlib.util, json, sys
import numpy as np
foreign = set(json.loads(sys.argv[3]))
importable = sorted(name for name in foreign if importlib.util.find_spec(name))
from patronage_scorer import reasons, score
given = np.load(sys.argv[1])
given = {name: given[name] for name in given.files}
np.savez(sys.argv[2], **score(given))
told = reasons({name: values[:200] for name, values in given.items()})
loaded = sorted(foreign & set(sys.modules))
print(json.dumps({"importable": importable, "loaded": loaded, "reasons": told["reason_1"].tolist()}))
"""

SCORE_ONE_CUSTOMER = """
import time
from patronage_scorer import INPUT_COLUMNS, score
score({name: [2.0] for name in INPUT_COLUMNS} | {"T": [30.0], "recency": [20.0]})
print(time.process_time())
"""


@pytest.fixture(scope="module")
def table(full_run: Any, cdnow: Ledger) -> pa.Table:
    """What ``patronage score`` hands to its scorer: model input of all customers at the end of the log."""
    return scoring_input(cdnow.tables, load_scorer(full_run.bundle_folder), AS_OF).to_pyarrow()


@pytest.fixture(scope="module")
def known(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas()


@pytest.fixture(scope="module")
def inputs(full_run: Any) -> tuple[str, ...]:
    """The columns that the model reads."""
    return load_scorer(full_run.bundle_folder).bundle.inputs.names


@pytest.fixture(scope="module")
def scores(full_run: Any, table: pa.Table) -> pd.DataFrame:
    """What ``patronage score`` writes for that input."""
    (batch,) = table.combine_chunks().to_batches()
    return score_batch(batch, load_scorer(full_run.bundle_folder), AS_OF, "patronage/1").to_pandas()


def assert_same_bits(found: pd.DataFrame, scores: pd.DataFrame) -> None:
    assert list(found.columns) == list(SCORE_VALUES.names)
    assert len(found) == len(scores) == 23570
    for name in SCORE_VALUES.names:
        left, right = found[name].to_numpy(np.float64), scores[name].to_numpy(np.float64)
        assert left.tobytes() == right.tobytes(), f"{name} differs by up to {np.abs(left - right).max()}"


def test_python_gives_the_bits_of_the_score_file(full_run, known, scores, inputs):
    """As somebody would call it who has the bundle and a table."""
    found = load_scorer(full_run.bundle_folder).score(known[[*reversed(inputs)]])
    assert_same_bits(pd.DataFrame(found), scores)


def test_score_file_holds_the_bits_of_the_scorer(full_run, scores):
    """Another process, the same ledger and model."""
    file = pd.read_parquet(full_run.scores)
    assert file["customer_id"].tolist() == scores["customer_id"].tolist()
    assert_same_bits(file[list(SCORE_VALUES.names)], scores)


def test_mlflow_model_gives_the_bits_of_the_scorer(full_run, known, scores, inputs):
    mlflow.set_tracking_uri(full_run.uri)
    mlflow.set_registry_uri(full_run.uri)
    model = mlflow.pyfunc.load_model("models:/patronage@champion")
    assert_same_bits(model.predict(known[list(inputs)]), scores)


@pytest.fixture(scope="module")
def clean_python(full_run: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A new environment that holds the wheel and its dependencies alone, of the versions that this one has."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-q", "-c", CONSTRAINTS, full_run.wheel]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        unreachable = (
            "No matching distribution found",
            "Could not find a version",
            "NewConnectionError",
            "Max retries",
        )
        if any(reason in done.stderr for reason in unreachable):
            pytest.skip(f"no registry to install numpy, scipy and xgboost from: {done.stderr.strip()[-300:]}")
        pytest.fail(f"the wheel cannot be installed: {done.stderr}")
    yield python
    shutil.rmtree(folder)


@pytest.mark.slow
def test_wheel_gives_the_bits_of_the_scorer_without_the_rest(full_run, clean_python, known, scores, inputs, tmp_path):
    np.savez(tmp_path / "given.npz", **{name: known[name].to_numpy(np.float64) for name in inputs})
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [clean_python, "-c", SCORE_IN_CLEAN_ENVIRONMENT, "given.npz", "scores.npz", json.dumps(FOREIGN)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["importable"], said["loaded"]) == ([], [])
    bundle = load_scorer(full_run.bundle_folder)
    assert said["reasons"] == bundle.reasons(known[list(inputs)].head(200)).text[0].tolist()
    found = np.load(tmp_path / "scores.npz")
    assert_same_bits(pd.DataFrame({name: found[name] for name in found.files}), scores)


@pytest.mark.slow
def test_wheel_starts_in_half_a_second(clean_python, tmp_path):
    """Processor time of import, loading the model and scoring a customer; the best of a few, as others run too."""
    command = [clean_python, "-c", SCORE_ONE_CUSTOMER]
    times = [float(subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout) for _ in range(8)]
    assert min(times) < 0.5, times


@pytest.fixture(scope="module")
def spark() -> Any:
    from pyspark.sql import SparkSession

    spark_engine()
    return SparkSession.getActiveSession()


def assert_close(found: pd.DataFrame, scores: pd.DataFrame) -> None:
    assert len(found) == len(scores)
    found = found.set_index("customer_id").loc[scores["customer_id"]]
    for name in SCORE_VALUES.names:
        np.testing.assert_allclose(found[name], scores[name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.slow
def test_mlflow_gives_the_same_scores_on_spark(full_run, spark, table, scores, inputs):
    """The registered model as a function of Spark, as a warehouse would call it."""
    from pyspark.sql import functions as F  # noqa: N812  (the name that Spark's own documents use)

    mlflow.set_tracking_uri(full_run.uri)
    mlflow.set_registry_uri(full_run.uri)
    wanted = ", ".join(f"{name} double" for name in SCORE_VALUES.names)
    model = mlflow.pyfunc.spark_udf(
        spark, "models:/patronage@champion", result_type=f"struct<{wanted.replace(' double', ': double')}>",
        env_manager="local",
    )  # fmt: skip
    rows = spark.createDataFrame(table).repartition(3)
    scored = rows.select("customer_id", model(F.struct(*inputs)).alias("scores")).select("customer_id", "scores.*")
    assert_close(scored.toPandas(), scores)


@pytest.mark.slow
def test_the_runtime_gives_the_same_scores_on_spark(full_run, spark, table, scores, inputs):
    """The wheel's own way in, batch by batch, without MLflow."""
    folder = str(full_run.bundle_folder)

    def score_batches(batches: Any) -> Any:
        scorer = load_scorer(folder)
        for batch in batches:
            found = scorer.score(batch)
            yield pa.record_batch({"customer_id": batch.column("customer_id"), **found})

    wanted = ", ".join(["customer_id string", *(f"{name} double" for name in SCORE_VALUES.names)])
    scored = spark.createDataFrame(table).repartition(3).mapInArrow(score_batches, wanted)
    assert_close(scored.toPandas(), scores)
