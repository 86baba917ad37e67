"""The logged model: from code, without a pickle, with the schema as its signature."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow.models import ModelSignature

from patronage.runtime.bundle import read_bundle
from patronage.runtime.vendor import runtime_fingerprint
from patronage.schema import SCORE_VALUES, Column, TableSchema
from patronage.tracking.pyfunc import signature as signature_of


@pytest.fixture(scope="module")
def described(full_run: Any) -> dict[str, Any]:
    return yaml.safe_load((full_run.model_folder / "MLmodel").read_text())


def test_nothing_in_the_model_folder_is_a_pickle(full_run):
    files = [path for path in full_run.model_folder.rglob("*") if path.is_file()]
    assert len(files) > 15
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".joblib", ".cloudpickle"}]
    # A pickle of protocol 2 and above begins with this byte and its number, whatever its name.
    assert not [path for path in files if path.read_bytes()[:1] == b"\x80"]


def test_model_comes_from_code(described):
    flavor = described["flavors"]["python_function"]
    assert flavor["loader_module"] == "mlflow.pyfunc.loaders.code_model"
    assert Path(flavor["model_code_path"]).name == "model_code.py"
    assert "python_model" not in flavor


def test_signature_is_the_schema(full_run, described):
    inputs = read_bundle(full_run.bundle_folder).inputs
    signature = ModelSignature.from_dict(described["signature"])
    assert [(column.name, column.type.name) for column in signature.inputs.inputs] == [
        (name, "double") for name in inputs.names
    ]
    assert [(column.name, column.type.name) for column in signature.outputs.inputs] == [
        (name, "double") for name in SCORE_VALUES.names
    ]


def test_text_among_the_inputs_is_text_in_the_signature():
    inputs = TableSchema("model_input", (Column("T", "double", "", False, ""), Column("plan", "string", "", True, "")))
    assert [column.type.name for column in signature_of(inputs).inputs.inputs] == ["double", "string"]


def test_model_carries_the_runtime_under_its_fingerprint(full_run, described):
    name = described["flavors"]["python_function"]["config"]["runtime"]
    assert name.startswith("patronage_runtime_")
    assert len(name) == len("patronage_runtime_") + len(runtime_fingerprint())
    assert (full_run.model_folder / "code" / name / "runtime" / "scorer.py").is_file()


def test_requirements_are_the_four_that_it_imports(full_run):
    lines = (full_run.model_folder / "requirements.txt").read_text().split()
    packages = {line.split("==")[0] for line in lines}
    assert {"numpy", "pandas", "scipy", "xgboost"} <= packages <= {"mlflow", "numpy", "pandas", "scipy", "xgboost"}
    assert all("==" in line for line in lines)
