"""The record of a monitoring run: a run of its own, linked to the model version, which is tagged with the outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from patronage.tracking.record import started_run
from patronage.tracking.store import TrackingStore

KIND = "monitoring"
"""Tag ``patronage.kind`` of the run, and folder of its artifacts."""

MOST_TOLD = 4000
"""Characters that a tag takes; databases hold 5,000."""


@dataclass(frozen=True)
class MonitoringRecord:
    """What is worth keeping of a monitoring run.

    Attributes
    ----------
    name : str
    config : mapping
        The whole configuration, nested.
    label : str or None
        Of the model, as `ResolvedModel` has it: name and version, or the run.
    trained_by : str or None
        The run that trained the model.
    advice : str
    words : tuple of str
    metrics : mapping of str to float
    folder : Path
        The page and the tables.
    """

    name: str
    config: Mapping[str, Any]
    label: str | None
    trained_by: str | None
    advice: str
    words: tuple[str, ...]
    metrics: Mapping[str, float]
    folder: Path


def record_monitoring(store: TrackingStore, record: MonitoringRecord) -> str:
    """Write a monitoring run to the store, and its outcome on the model version.

    Returns
    -------
    str
        Id of the run.

    Raises
    ------
    OutputError
        If the store cannot be written.
    """
    tags = {
        "patronage.kind": KIND,
        "patronage.model": record.label or "",
        "patronage.trained_by": record.trained_by or "",
        "patronage.advice": record.advice,
        "mlflow.note.content": "\n\n".join(record.words)[:MOST_TOLD],
    }
    with started_run(store, record.name, record.config, tags) as (mlflow, _, run_id):
        mlflow.log_metrics(dict(record.metrics))
        mlflow.log_artifacts(str(record.folder), KIND)
        name, _, version = (record.label or "").rpartition("/")
        if name and name != "run":
            client = mlflow.tracking.MlflowClient()
            told = {"advice": record.advice, "at": datetime.now(UTC).isoformat(), "run_id": run_id,
                    "words": record.words[0][:MOST_TOLD]}  # fmt: skip
            for key, value in told.items():
                client.set_model_version_tag(name, version, f"patronage.monitoring.{key}", value)
    return run_id
