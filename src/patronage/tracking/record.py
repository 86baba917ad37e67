"""The record of a training run: one call writes all of it, and registers the model last.

Everything is computed before the first line is written, so a training that fails leaves no run behind, and a record
that fails half-way leaves a run marked FAILED and no registered model.
"""

import re
import subprocess
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from patronage import __version__
from patronage.errors import ModelError
from patronage.runtime.bundle import read_bundle
from patronage.tracking.example_rows import example_rows
from patronage.tracking.passwords import without_passwords
from patronage.tracking.pyfunc import log_bundle
from patronage.tracking.registry import CHALLENGER, register
from patronage.tracking.store import TrackingStore

TABLES_FOLDER = "tables"
FIGURES_FOLDER = "figures"
CONFIG_ARTIFACT = "config.json"


@dataclass(frozen=True)
class TrainingRecord:
    """What is worth keeping of a training run.

    Attributes
    ----------
    name : str
        Name of the run.
    started : datetime
        When the work began.
    config : mapping
        The whole configuration, nested; passwords within addresses are not kept.
    metrics : mapping of str to float
    tables : mapping of str to DataFrame
        Stored as CSV under ``tables/``.
    figures : Path
        Folder of PNG files, stored under ``figures/``.
    bundle_folder : Path
        The bundle, written.
    dataset : DataFrame
        Model input of the customers that the model was evaluated on, for the run's dataset.
    dataset_name, dataset_source, dataset_digest : str
    tags : mapping of str to str
    candidates : tuple of CandidateRecord
        Models that were compared, each of which becomes a nested run.
    card : Path, optional
        Folder of the model card, stored beside the configuration.
    description : str
        Of the registered version; the card in short.
    """

    name: str
    started: datetime
    config: Mapping[str, Any]
    metrics: Mapping[str, float]
    tables: Mapping[str, pd.DataFrame]
    figures: Path
    bundle_folder: Path
    dataset: pd.DataFrame
    dataset_name: str
    dataset_source: str
    dataset_digest: str
    tags: Mapping[str, str]
    candidates: tuple["CandidateRecord", ...] = ()
    card: Path | None = None
    description: str = ""


@dataclass(frozen=True)
class CandidateRecord:
    """What is worth keeping of one of several models that were compared.

    Attributes
    ----------
    name : str
        Name of the nested run.
    params : mapping of str to JSON value
    metrics : mapping of str to float
    certificate : mapping
        The checks of its fit, stored as ``certificate.json``.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    certificate: Mapping[str, Any]


@dataclass(frozen=True)
class RecordedModel:
    """Where a recorded model is found.

    Attributes
    ----------
    run_id, version : str
    aliases : tuple of str
        Aliases that the version was given.
    """

    run_id: str
    version: str
    aliases: tuple[str, ...]


@contextmanager
def started_run(
    store: TrackingStore, name: str, config: Mapping[str, Any], tags: Mapping[str, str]
) -> Iterator[tuple[Any, str, str]]:
    """Begin a run with its tags and its configuration, and end it with the block.

    Parameters
    ----------
    store : TrackingStore
    name : str
        Of the run.
    config : mapping
        The whole configuration, nested.
    tags : mapping of str to str

    Yields
    ------
    (module, str, str)
        ``mlflow``, the id of the experiment, and that of the run.

    Raises
    ------
    OutputError
        If the store cannot be written.
    """
    with store.session(create=True) as mlflow:
        experiment_id = store.experiment_id(mlflow)
        with mlflow.start_run(experiment_id=experiment_id, run_name=name) as run:
            mlflow.set_tags(dict(tags))
            mlflow.log_params(flatten(config))
            yield mlflow, experiment_id, str(run.info.run_id)


def record_training(store: TrackingStore, record: TrainingRecord) -> RecordedModel:
    """Write a training run to the store and register its model.

    Returns
    -------
    RecordedModel

    Raises
    ------
    OutputError
        If the store cannot be written.
    """
    with store.session(create=True) as mlflow:
        experiment_id = store.experiment_id(mlflow)
        with mlflow.start_run(experiment_id=experiment_id, run_name=record.name) as run:
            mlflow.set_tags({**record.tags, **_code_version(), "patronage.started": record.started.isoformat()})
            mlflow.log_params(flatten(record.config))
            mlflow.log_dict(without_passwords(record.config), CONFIG_ARTIFACT)
            mlflow.log_metrics(as_metrics(record.metrics))
            _log_dataset(mlflow, record)
            with tempfile.TemporaryDirectory() as folder:
                for name, table in record.tables.items():
                    table.to_csv(Path(folder) / f"{name}.csv", index=False)
                mlflow.log_artifacts(folder, TABLES_FOLDER)
            mlflow.log_artifacts(str(record.figures), FIGURES_FOLDER)
            if record.card is not None:
                mlflow.log_artifacts(str(record.card))
            for candidate in record.candidates:
                with mlflow.start_run(experiment_id=experiment_id, run_name=candidate.name, nested=True):
                    mlflow.log_params(dict(candidate.params))
                    mlflow.log_metrics(as_metrics(candidate.metrics))
                    mlflow.log_dict(dict(candidate.certificate), "certificate.json")
            categories = read_bundle(record.bundle_folder).churn.categories
            info = log_bundle(mlflow, record.bundle_folder, example_rows(record.dataset, categories))
        version, aliases = register(mlflow, store.registered_model, info.model_uri, run.info.run_id)
        if record.description:
            client = mlflow.tracking.MlflowClient()
            client.update_model_version(store.registered_model, version, description=record.description)
        return RecordedModel(run_id=run.info.run_id, version=version, aliases=(CHALLENGER, *aliases))


def log_report(store: TrackingStore, run_id: str, folder: Path) -> None:
    """Add a finished report to the run that it reports on."""
    with store.session(create=True) as mlflow:
        mlflow.tracking.MlflowClient().log_artifacts(run_id, str(folder), "report")


def read_tables(store: TrackingStore, run_id: str) -> dict[str, pd.DataFrame]:
    """Read back the tables of a run, by name."""
    with store.session() as mlflow, tempfile.TemporaryDirectory() as folder:
        place = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=TABLES_FOLDER, dst_path=folder)
        return {path.stem: pd.read_csv(path) for path in sorted(Path(place).glob("*.csv"))}


def training_config(store: TrackingStore, run_id: str) -> dict[str, Any]:
    """The whole configuration that a run was trained with.

    Raises
    ------
    ModelError
        If the run has none.
    """
    with store.session() as mlflow:
        try:
            config: dict[str, Any] = mlflow.artifacts.load_dict(f"runs:/{run_id}/{CONFIG_ARTIFACT}")
        except mlflow.exceptions.MlflowException as error:
            message = f"The run {run_id} keeps no {CONFIG_ARTIFACT}, so how it was trained is not known: {error}."
            raise ModelError(message) from error
    return config


def as_metrics(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures under names that MLflow takes: a level in brackets follows a slash, other signs become their code.

    Examples
    --------
    >>> as_metrics({"purchase.channel[web]": 0.2, "purchase.plan[a+b]": 0.1})
    {'purchase.channel/web': 0.2, 'purchase.plan/a_2b_b': 0.1}
    """
    return {_metric_name(name): value for name, value in figures.items()}


def _metric_name(name: str) -> str:
    plain = re.sub(r"\[(.*)\]$", r"/\1", name)
    return re.sub(r"[^/\w.\- :]", lambda sign: f"_{ord(sign[0]):x}_", plain)


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested configuration to ``group.key`` parameters, without passwords.

    Examples
    --------
    >>> flatten({"dates": {"horizon_days": 91}, "seed": 0})
    {'dates.horizon_days': 91, 'seed': 0}
    """
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = without_passwords(value)
    return flat


def _log_dataset(mlflow: Any, record: TrainingRecord) -> None:
    with warnings.catch_warnings():
        # MLflow offers two sources of the same class for a local path and says that it chooses one of them.
        warnings.filterwarnings("ignore", message="The specified dataset source can be interpreted in multiple ways")
        # Whole numbers of a customer table are whole numbers on purpose: see `pyfunc.signature`.
        warnings.filterwarnings("ignore", message="Hint: Inferred schema contains integer column")
        dataset = mlflow.data.from_pandas(
            record.dataset,
            source=record.dataset_source,
            name=record.dataset_name,
            digest=record.dataset_digest[:36],
        )
        # The schema is inferred no earlier than here.
        mlflow.log_input(dataset, context="holdout", tags={"sha256": record.dataset_digest})


def _code_version() -> dict[str, str]:
    """Version of the package and, in a checkout, the commit."""
    versions = {"patronage.version": __version__}
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return versions
    return {**versions, "mlflow.source.git.commit": commit}
