"""The record of a statement of value: a run of its own, with metrics, tables, charts and the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronage.tracking.record import started_run
from patronage.tracking.store import TrackingStore

KIND = "value"
"""Tag ``patronage.kind`` of such a run."""


@dataclass(frozen=True)
class ValueRecord:
    """What is worth keeping of a statement of value.

    Attributes
    ----------
    name : str
        Name of the run.
    config : mapping
        The whole configuration, nested.
    metrics : mapping of str to float
    tags : mapping of str to str
    folder : Path
        What was written: tables, charts, page. Tables of single customers stay out of the store.
    kept : tuple of str
        Names of the files in it that become artifacts.
    """

    name: str
    config: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    folder: Path
    kept: tuple[str, ...]


def record_value(store: TrackingStore, record: ValueRecord) -> str:
    """Write a statement to the store.

    Returns
    -------
    str
        Id of the run.

    Raises
    ------
    OutputError
        If the store cannot be written.
    """
    tags = {**record.tags, "patronage.kind": KIND}
    with started_run(store, record.name, record.config, tags) as (mlflow, _, run_id):
        mlflow.log_metrics(dict(record.metrics))
        for name in record.kept:
            mlflow.log_artifact(str(record.folder / name), KIND)
    return run_id
