"""Logging a bundle as an MLflow model: signature from the schema, code from a file, runtime beside it."""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

from patronage.runtime.bundle import read_bundle
from patronage.runtime.vendor import copy_runtime, runtime_fingerprint
from patronage.schema import SCORE_VALUES, TableSchema

MODEL_NAME = "model"
BUNDLE_ARTIFACT = "bundle"
MODEL_CODE = Path(__file__).with_name("model_code.py")
REQUIREMENTS = ("numpy", "pandas", "scipy", "xgboost")


def log_bundle(mlflow: Any, bundle_folder: Path, input_example: pd.DataFrame) -> Any:
    """Log a bundle to the active run as a pyfunc.

    Parameters
    ----------
    mlflow : module
        Connected to the store.
    bundle_folder : Path
        A written bundle.
    input_example : DataFrame
        A few rows of the bundle's inputs.

    Returns
    -------
    mlflow.models.model.ModelInfo
    """
    runtime = f"patronage_runtime_{runtime_fingerprint()}"
    with tempfile.TemporaryDirectory() as folder:
        copy_runtime(Path(folder) / runtime)
        return mlflow.pyfunc.log_model(
            name=MODEL_NAME,
            python_model=str(MODEL_CODE),
            artifacts={BUNDLE_ARTIFACT: str(bundle_folder)},
            code_paths=[str(Path(folder) / runtime)],
            model_config={"runtime": runtime},
            signature=signature(read_bundle(bundle_folder).inputs),
            input_example=input_example,
            pip_requirements=_pinned_requirements(),
        )


def signature(inputs: TableSchema) -> Any:
    """The signature of a model with these inputs; missing numbers are NaN, missing text is None."""
    from mlflow.models import ModelSignature

    return ModelSignature(inputs=_mlflow_schema(inputs), outputs=_mlflow_schema(SCORE_VALUES))


def _mlflow_schema(table: TableSchema) -> Any:
    from mlflow.types import ColSpec, DataType, Schema

    text, number = DataType.string, DataType.double
    # MLflow fills an optional column in only when it is missing altogether; a missing text passes only where it is one.
    return Schema(
        [
            ColSpec(text, column.name, required=False) if column.type == "string" else ColSpec(number, column.name)
            for column in table.columns
        ]
    )


def _pinned_requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]
