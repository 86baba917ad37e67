"""The record of a backtest: one run of the comparison, in it one of each candidate, in that one of each origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronage.tracking.record import flatten, started_run
from patronage.tracking.store import TrackingStore

KIND = "backtest"
"""Tag ``patronage.kind`` of the run of the comparison, and folder of its artifacts."""


@dataclass(frozen=True)
class CandidateRuns:
    """What is worth keeping of a candidate.

    Attributes
    ----------
    name : str
    params : mapping
        Its configuration, nested.
    metrics : mapping of str to float
        Over all origins.
    origins : mapping of str to mapping
        By cut-off, the metrics there.
    """

    name: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    origins: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class BacktestRecord:
    """What is worth keeping of a backtest.

    Attributes
    ----------
    name : str
        Name of the run.
    config : mapping
        The whole configuration, nested.
    tags : mapping of str to str
    words : tuple of str
        Who leads, and whether it can be told.
    candidates : tuple of CandidateRuns
        In order, the best first.
    folder : Path
        What was written: tables, charts, page.
    """

    name: str
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    words: tuple[str, ...]
    candidates: tuple[CandidateRuns, ...]
    folder: Path


def record_backtest(store: TrackingStore, record: BacktestRecord) -> str:
    """Write a backtest to the store.

    Returns
    -------
    str
        Id of the run of the comparison.

    Raises
    ------
    OutputError
        If the store cannot be written.
    """
    tags = {**record.tags, "patronage.kind": KIND, "mlflow.note.content": "\n\n".join(record.words)}
    with started_run(store, record.name, record.config, tags) as (mlflow, experiment_id, run_id):
        for place, one in enumerate(record.candidates, start=1):
            with mlflow.start_run(experiment_id=experiment_id, run_name=one.name, nested=True):
                mlflow.set_tags({"patronage.kind": f"{KIND} candidate", "patronage.place": place})
                mlflow.log_params(flatten(one.params))
                mlflow.log_metrics(dict(one.metrics))
                for origin, metrics in one.origins.items():
                    with mlflow.start_run(experiment_id=experiment_id, run_name=f"{one.name} {origin}", nested=True):
                        mlflow.set_tags({"patronage.kind": f"{KIND} origin", "patronage.cutoff": origin})
                        mlflow.log_metrics(dict(metrics))
        pooled = {f"{one.name}.{key}": value for one in record.candidates for key, value in one.metrics.items()}
        mlflow.log_metrics(pooled)
        mlflow.log_artifacts(str(record.folder), KIND)
    return run_id
