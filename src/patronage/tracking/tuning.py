"""The record of a search: a run for the study, and a nested run for each trial.

It grows with the search, trial by trial. What is written is the difference between the trials that have ended and those
that are there, so a search that was cut off at any point leaves a record that the next one completes.
"""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pandas as pd

from patronage import __version__
from patronage.errors import PatronageError
from patronage.models.churn.tuning_trials import State, Trial
from patronage.tracking.passwords import without_passwords
from patronage.tracking.record import CONFIG_ARTIFACT, TABLES_FOLDER, flatten
from patronage.tracking.store import TrackingStore

STUDY_TAG = "patronage.study"
TRIAL_TAG = "patronage.trial"
STATE_TAG = "patronage.trial_state"
PARENT_TAG = "mlflow.parentRunId"

STATUS: Mapping[State, str] = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}
"""How a trial's run ends; its state is a tag as well."""

MOST_PARAMS = 100
"""What MLflow takes in one call."""


@dataclass
class StudyRuns:
    """The runs of one study; a context that marks the study's run as failed or killed if the search ends so.

    Attributes
    ----------
    store : TrackingStore
    study : str
        Name of the study, and of its run.
    objective : str
        What the values of the trials are; the name of their metric.
    config : mapping
        The whole configuration, nested.
    tags : mapping of str to str
    """

    store: TrackingStore
    study: str
    objective: str
    config: Mapping[str, Any]
    tags: Mapping[str, str]
    _run_id: str | None = field(default=None, init=False)
    _recorded: int = field(default=0, init=False)

    def __enter__(self) -> Self:
        """Begin; nothing is written before the first call of `record`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Mark the run of a search that did not come to its end."""
        if kind is not None and self._run_id is not None:
            # The store itself may be what failed; the error that ends the search is the one to tell.
            with suppress(PatronageError), self.store.session(create=True) as mlflow:
                status = "FAILED" if issubclass(kind, Exception) else "KILLED"
                mlflow.tracking.MlflowClient().set_terminated(self._run_id, status)

    def record(self, trials: Sequence[Trial]) -> None:
        """Write the trials that are not written yet.

        Parameters
        ----------
        trials : sequence of Trial
            All that have ended so far, in their order.

        Raises
        ------
        OutputError
            If the store cannot be written.
        """
        with self.store.session(create=True) as mlflow:
            client = mlflow.tracking.MlflowClient()
            experiment_id = self.store.experiment_id(mlflow)
            if self._run_id is None:
                self._begin(client, experiment_id, len(trials))
            for trial in trials[self._recorded :]:
                self._write(mlflow, client, experiment_id, trial)
            self._recorded = len(trials)

    def finish(self, metrics: Mapping[str, float], tables: Mapping[str, pd.DataFrame], files: Sequence[Path]) -> str:
        """Write what came of the search, and end its run.

        Parameters
        ----------
        metrics : mapping of str to float
        tables : mapping of str to DataFrame
            Stored as CSV under ``tables/``.
        files : sequence of Path
            Stored as they are.

        Returns
        -------
        str
            Id of the run.

        Raises
        ------
        OutputError
            If the store cannot be written.
        """
        assert self._run_id is not None
        with self.store.session(create=True) as mlflow, tempfile.TemporaryDirectory() as folder:
            client = mlflow.tracking.MlflowClient()
            for name, table in tables.items():
                table.to_csv(Path(folder) / f"{name}.csv", index=False)
            client.log_artifacts(self._run_id, folder, TABLES_FOLDER)
            for file in files:
                client.log_artifact(self._run_id, str(file))
            for name, value in metrics.items():
                client.log_metric(self._run_id, name, value)
            client.set_terminated(self._run_id, "FINISHED")
        return self._run_id

    def _begin(self, client: Any, experiment_id: str, n_trials: int) -> None:
        """Find the run of the study, or make one; a run that knows more trials than the study belongs to a lost one."""
        query = f"tags.`{STUDY_TAG}` = '{self.study}'"
        for run in client.search_runs([experiment_id], query, order_by=["attributes.start_time DESC"], max_results=1):
            recorded = self._complete_children(client, experiment_id, run.info.run_id)
            if recorded <= n_trials:
                self._run_id, self._recorded = run.info.run_id, recorded
                client.update_run(self._run_id, status="RUNNING")
                return
        tags = {**self.tags, STUDY_TAG: self.study, "patronage.version": __version__}
        self._run_id = client.create_run(experiment_id, run_name=self.study, tags=tags).info.run_id
        self._log_params(client, self._run_id, flatten(self.config))
        client.log_dict(self._run_id, without_passwords(self.config), CONFIG_ARTIFACT)

    def _complete_children(self, client: Any, experiment_id: str, run_id: str) -> int:
        """How many trials are recorded; a run that was cut off while it was written is removed."""
        query = f"tags.`{PARENT_TAG}` = '{run_id}'"
        recorded, token = 0, None
        while True:
            page = client.search_runs([experiment_id], query, page_token=token)
            for child in page:
                if child.info.status == "RUNNING":
                    client.delete_run(child.info.run_id)
                else:
                    recorded += 1
            token = page.token
            if not token:
                return recorded

    def _write(self, mlflow: Any, client: Any, experiment_id: str, trial: Trial) -> None:
        began = int(trial.started.astimezone(UTC).timestamp() * 1000)
        ended = began + int(trial.seconds * 1000)
        tags = {PARENT_TAG: self._run_id, TRIAL_TAG: str(trial.number), STATE_TAG: trial.state}
        if trial.error:
            tags["patronage.error"] = trial.error
        name = f"{self.study}-{trial.number:03d}"
        run_id = client.create_run(experiment_id, start_time=began, run_name=name, tags=tags).info.run_id
        self._log_params(client, run_id, trial.settings)
        metric = mlflow.entities.Metric
        figures = [metric(f"{self.objective}_so_far", value, ended, step) for step, value in trial.steps.items()]
        if trial.state == "complete" and trial.value is not None:
            figures.append(metric(self.objective, trial.value, ended, 0))
        client.log_batch(run_id, metrics=figures)
        client.set_terminated(run_id, STATUS[trial.state], end_time=ended)

    @staticmethod
    def _log_params(client: Any, run_id: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        listed = [Param(name, str(value)) for name, value in params.items()]
        for start in range(0, len(listed), MOST_PARAMS):
            client.log_batch(run_id, params=listed[start : start + MOST_PARAMS])
