"""Logging a bundle as an MLflow model: signature from the schema, code from a file, runtime beside it."""

import tempfile
import warnings
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
    bundle = read_bundle(bundle_folder)
    runtime = f"patronage_runtime_{runtime_fingerprint()}"
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        copy_runtime(Path(folder) / runtime)
        # Whole numbers of a customer table are whole numbers on purpose: see `signature`.
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")
        return mlflow.pyfunc.log_model(
            name=MODEL_NAME,
            python_model=str(MODEL_CODE),
            artifacts={BUNDLE_ARTIFACT: str(bundle_folder)},
            code_paths=[str(Path(folder) / runtime)],
            model_config={"runtime": runtime},
            signature=signature(bundle.inputs, bundle.outputs),
            input_example=input_example,
            pip_requirements=_pinned_requirements(),
        )


def signature(inputs: TableSchema, outputs: TableSchema = SCORE_VALUES) -> Any:
    """The signature of a model; missing numbers are NaN, missing text is None.

    MLflow takes no 64-bit integer for a double, nor a double for an integer. What features make of a ledger is always
    a double; whole numbers of a customer table are integers, as somebody else has typed its columns.

    Parameters
    ----------
    inputs, outputs : TableSchema
    """
    from mlflow.models import ModelSignature

    return ModelSignature(inputs=_mlflow_schema(inputs), outputs=_mlflow_schema(outputs))


def _mlflow_schema(table: TableSchema) -> Any:
    from mlflow.types import ColSpec, DataType, Schema

    kinds = {"string": DataType.string, "long": DataType.long}
    # MLflow fills an optional column in only when it is missing altogether; a missing text passes only where it is one.
    return Schema(
        [
            ColSpec(kinds.get(column.type, DataType.double), column.name, required=column.type != "string")
            for column in table.columns
        ]
    )


def _pinned_requirements() -> list[str]:
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in REQUIREMENTS]
