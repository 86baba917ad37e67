"""The tracking store: a database for runs and the registry, a folder for artifacts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronage.errors import ModelError, OutputError
from patronage.files import check_writable, written_whole
from patronage.tracking.passwords import without_passwords
from patronage.tracking.reachable import why_silent

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

    @property
    def address(self) -> str:
        """The URI as it may be shown: without a password."""
        return str(without_passwords(self.uri))

    @contextmanager
    def session(self, create: bool = False) -> Iterator[Any]:
        """Point MLflow at the store, give its module, and turn its failures into errors of this package.

        Parameters
        ----------
        create : bool
            Create the database and its folder if they are missing; without it, a missing database is an error, so
            that reading from a mistyped place does not leave an empty store behind.

        Raises
        ------
        OutputError
            If the store cannot be created or written.
        ModelError
            If there is none and `create` is not set, or it cannot be read.
        """
        self._prepare(create)
        import mlflow
        from filelock import FileLock
        from sqlalchemy.exc import SQLAlchemyError

        quiet_libraries()
        # An absolute path: MLflow keeps a store open under its URI, whatever the working folder is by then.
        database = self._database()
        uri = self.uri if database is None else f"{SQLITE}{database.absolute()}"
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        try:
            if create and database is not None:
                with FileLock(database.with_name(f"{database.name}.lock")):
                    self._make(database)
            yield mlflow
        except (mlflow.exceptions.MlflowException, SQLAlchemyError) as error:
            first_line = without_passwords(str(error).splitlines()[0].rstrip("."))
            message = f"The tracking store {self.address} cannot be used: {first_line}. Check tracking.uri."
            raise (OutputError if create else ModelError)(message) from error

    def experiment_id(self, mlflow: Any) -> str:
        """Find or create the experiment, with the artifact folder of this store."""
        location = None if self.artifacts is None else Path(self.artifacts).absolute().as_uri()
        found = mlflow.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(mlflow.create_experiment(self.experiment, artifact_location=location))
            except mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
                found = mlflow.get_experiment_by_name(self.experiment)
        if found.lifecycle_stage == "deleted":
            mlflow.tracking.MlflowClient().restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def check_writable(self) -> None:
        """Prove that runs can be written, before the long work whose result they keep.

        Raises
        ------
        OutputError
            If the folder of the database or that of the artifacts cannot be written, or no server answers.
        """
        self._refuse_silent_server(OutputError)
        if (database := self._database()) is not None:
            check_writable(database.parent)
        if self.artifacts is not None:
            check_writable(self.artifacts)

    def _make(self, database: Path) -> None:
        """Make the tables of a missing database under another name, so that a kill leaves no half of one behind."""
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        if not database.exists():
            with written_whole(database) as unfinished:
                make: Any = SqlAlchemyStore  # untyped
                store = make(f"{SQLITE}{unfinished.absolute()}", self.artifacts or str(database.parent))
                store.engine.dispose()

    def _refuse_silent_server(self, kind: type[OutputError | ModelError]) -> None:
        if why := why_silent(self.uri):
            raise kind(f"The tracking server {self.address} does not answer: {why}. Start it, or set tracking.uri.")

    def _database(self) -> Path | None:
        return Path(self.uri.removeprefix(SQLITE)) if self.uri.startswith(SQLITE) else None

    def _prepare(self, create: bool) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        database = self._database()
        if create:
            self.check_writable()
            if database is not None:
                database.parent.mkdir(parents=True, exist_ok=True)
        else:
            self._refuse_silent_server(ModelError)
        if database is not None and not create and not database.exists():
            message = (
                f"There is no tracking store at {database.absolute()}: no model was trained here yet. "
                "Run `patronage train`, or set tracking.uri."
            )
            raise ModelError(message)


def quiet_libraries() -> None:
    """Keep the progress notes of MLflow and its database migrations off the console; warnings still show."""
    import logging

    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
