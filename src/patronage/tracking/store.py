"""The tracking store: a database for runs and the registry, a folder for artifacts."""

import os
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from patronage.errors import ModelError, OutputError
from patronage.files import check_writable

SQLITE = "sqlite:///"


@dataclass(frozen=True)
class TrackingStore:
    """Where runs are tracked and models registered.

    Attributes
    ----------
    uri : str
        MLflow tracking and registry URI, for example ``sqlite:///mlruns/mlflow.db`` or ``http://127.0.0.1:5000``.
    artifacts : str or None
        Folder for the artifacts of new experiments; None leaves it to the tracking server.
    experiment : str
        Name of the experiment that training runs belong to.
    registered_model : str
        Name under which models are registered.
    """

    uri: str
    artifacts: str | None
    experiment: str
    registered_model: str

    def connect(self, create: bool = False) -> ModuleType:
        """Point MLflow at the store and return its module.

        Parameters
        ----------
        create : bool
            Create the database and its folder if they are missing; without it, a missing database is an error, so
            that reading from a mistyped place does not leave an empty store behind.

        Raises
        ------
        OutputError
            If the store cannot be created.
        ModelError
            If there is none and `create` is not set.
        """
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        database = Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None
        if database is not None and not database.exists():
            if not create:
                message = (
                    f"There is no tracking store at {database.absolute()}: no model was trained here yet. "
                    "Run `patronage train`, or set tracking.uri."
                )
                raise ModelError(message)
            check_writable(database.parent)
        import mlflow

        quiet_libraries()
        mlflow.set_tracking_uri(self.uri)
        mlflow.set_registry_uri(self.uri)
        return mlflow

    def experiment_id(self, mlflow: Any) -> str:
        """Find or create the experiment, with the artifact folder of this store.

        Raises
        ------
        OutputError
            If the database or the artifact folder cannot be written.
        """
        location = None
        if self.artifacts is not None:
            check_writable(self.artifacts)
            location = Path(self.artifacts).absolute().as_uri()
        try:
            found = mlflow.get_experiment_by_name(self.experiment)
            if found is None:
                return str(mlflow.create_experiment(self.experiment, artifact_location=location))
            if found.lifecycle_stage == "deleted":
                mlflow.tracking.MlflowClient().restore_experiment(found.experiment_id)
            return str(found.experiment_id)
        except mlflow.exceptions.MlflowException as error:
            message = f"The tracking store {self.uri} cannot be used: {error}."
            raise OutputError(message) from error


def quiet_libraries() -> None:
    """Keep the progress notes of MLflow and its database migrations off the console; warnings still show."""
    import logging

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
