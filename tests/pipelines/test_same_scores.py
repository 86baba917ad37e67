"""The score file, MLflow's model and the exported wheel give the same bits."""

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
from patronage_scorer import score
loaded = sorted(foreign & set(sys.modules))
given = np.load(sys.argv[1])
np.savez(sys.argv[2], **score({name: given[name] for name in given.files}))
print(json.dumps({"importable": importable, "loaded": loaded}))
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
def test_wheel_gives_the_bits_of_the_scorer_without_the_rest(clean_python, known, scores, inputs, tmp_path):
    np.savez(tmp_path / "given.npz", **{name: known[name].to_numpy(np.float64) for name in inputs})
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [clean_python, "-c", SCORE_IN_CLEAN_ENVIRONMENT, "given.npz", "scores.npz", json.dumps(FOREIGN)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"importable": [], "loaded": []}
    found = np.load(tmp_path / "scores.npz")
    assert_same_bits(pd.DataFrame({name: found[name] for name in found.files}), scores)
