"""The MLflow model, from code: MLflow runs this file when the model is loaded; nothing was pickled.

The runtime that predicts is not the installed package but the copy of it that was stored with the model, under a name
that carries its fingerprint, so a model keeps giving the scores that it was evaluated with.
"""

import logging
from importlib import import_module
from typing import Any

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel, PythonModelContext

_LOG = logging.getLogger("patronage")


class UnusableInputError(MlflowException, ValueError):
    """Rows that cannot be scored: a server answers 400 with these words; to Python it is a `ValueError` as elsewhere.

    Parameters
    ----------
    message : str
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)


class PatronageModel(PythonModel):
    """Model input in, scores out, by the scorer of the stored bundle."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the bundle with the stored runtime."""
        runtime = context.model_config["runtime"]
        self.scorer = import_module(f"{runtime}.runtime.scorer").load_scorer(context.artifacts["bundle"])
        self.refused: type[Exception] = import_module(f"{runtime}.errors").InputError
        self.reads_table = isinstance(self.scorer, import_module(f"{runtime}.runtime.scorer").TableScorer)
        self.checked = import_module(f"{runtime}.runtime.column_checks").checked

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002  (MLflow's signature)
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Score every row, keeping the index; columns unlike those of the training are told to the log.

        Raises
        ------
        UnusableInputError
            With the words of the runtime's `InputError`.
        """
        try:
            if self.reads_table:
                found = self.checked(model_input, self.scorer.bundle)
                for words in (*found.refused, *found.warnings):
                    _LOG.warning("unlike the training: %s", words)
            return pd.DataFrame(self.scorer.score(model_input), index=model_input.index)
        except self.refused as error:
            raise UnusableInputError(str(error)) from error


mlflow.models.set_model(PatronageModel())
