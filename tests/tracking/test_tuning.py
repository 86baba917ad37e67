"""The record of a search: one run for the study, one for each trial, whatever was cut off in between."""

from datetime import datetime

import pandas as pd
import pytest
from mlflow import MlflowClient

from patronage.errors import FitError
from patronage.models.churn.tuning_trials import Trial
from patronage.tracking.store import TrackingStore
from patronage.tracking.tuning import StudyRuns

BEGAN = datetime(2026, 3, 1, 12, 0, 0)
TRIALS = (
    Trial(0, "complete", 0.5, 2.0, {"depth": 3, "kind": "flat"}, {0: 0.6, 1: 0.5}, None, BEGAN),
    Trial(1, "pruned", 0.9, 1.0, {"depth": 1, "kind": None}, {0: 0.9}, None, BEGAN),
    Trial(2, "failed", None, 0.5, {"depth": 9, "kind": "steep"}, {}, "too deep", BEGAN),
    Trial(3, "complete", 0.4, 2.5, {"depth": 4, "kind": "flat"}, {0: 0.4, 1: 0.4}, None, BEGAN),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlruns")
    return TrackingStore(f"sqlite:///{folder}/mlflow.db", str(folder / "artifacts"), "patronage", "patronage")


def runs_of(store, study):
    config = {"churn": {f"option_{number}": number for number in range(150)}, "seed": 0}
    return StudyRuns(store, study, "log_loss", config, {"patronage.ledger": "a shop"})


def recorded(store, study):
    """The run of the study, and those of its trials by number."""
    client = MlflowClient(store.uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == "patronage"]
    runs = [one for one in client.search_runs([experiment.experiment_id]) if one.info.run_name.startswith(study)]
    parents = [one for one in runs if one.data.tags.get("patronage.study") == study]
    children = sorted(
        (one for one in runs if one not in parents), key=lambda one: int(one.data.tags["patronage.trial"])
    )
    return parents, children


def end_with(error, runs, trials):
    def search():
        with runs:
            runs.record(trials)
            raise error

    with pytest.raises(type(error)):
        search()


def test_a_study_and_its_trials_are_nested_runs(store, tmp_path):
    (tmp_path / "tuned.yaml").write_text("churn: {}\n")
    with runs_of(store, "one") as runs:
        runs.record(())
        runs.record(TRIALS[:2])
        runs.record(TRIALS)
        run_id = runs.finish({"best.log_loss": 0.4}, {"trials": pd.DataFrame({"a": [1]})}, [tmp_path / "tuned.yaml"])
    (parent,), children = recorded(store, "one")
    assert parent.info.run_id == run_id
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics == {"best.log_loss": 0.4}
    assert parent.data.params["churn.option_149"] == "149"
    files = {item.path for item in MlflowClient(store.uri).list_artifacts(run_id)}
    assert files == {"config.json", "tables", "tuned.yaml"}
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {run_id}
    assert [child.info.status for child in children] == ["FINISHED", "KILLED", "FAILED", "FINISHED"]
    assert [child.data.tags["patronage.trial_state"] for child in children] == [trial.state for trial in TRIALS]
    assert [child.data.metrics.get("log_loss") for child in children] == [0.5, None, None, 0.4]
    assert children[2].data.tags["patronage.error"] == "too deep"
    assert children[1].data.params == {"depth": "1", "kind": "None"}
    steps = MlflowClient(store.uri).get_metric_history(children[0].info.run_id, "log_loss_so_far")
    assert [(step.step, step.value) for step in steps] == [(0, 0.6), (1, 0.5)]
    assert children[0].info.end_time - children[0].info.start_time == 2000


def test_a_search_that_was_cut_off_is_completed(store):
    """Killed after the second trial, while the third was being written: the run is found and nothing is there twice."""
    end_with(KeyboardInterrupt(), runs_of(store, "two"), TRIALS[:2])
    (parent,), children = recorded(store, "two")
    assert (parent.info.status, len(children)) == ("KILLED", 2)
    tags = {"mlflow.parentRunId": parent.info.run_id, "patronage.trial": "2"}
    MlflowClient(store.uri).create_run(parent.info.experiment_id, run_name="two-002", tags=tags)
    with runs_of(store, "two") as runs:
        runs.record(TRIALS)
        assert runs.finish({}, {}, []) == parent.info.run_id
    (again,), children = recorded(store, "two")
    assert again.info.status == "FINISHED"
    assert [child.data.tags["patronage.trial"] for child in children] == ["0", "1", "2", "3"]
    assert "RUNNING" not in {child.info.status for child in children}


def test_a_search_that_fails_says_so(store):
    end_with(FitError("nothing came to its end"), runs_of(store, "three"), TRIALS[2:3])
    (parent,), _ = recorded(store, "three")
    assert parent.info.status == "FAILED"


def test_a_run_of_lost_trials_is_left_alone(store):
    """The file of trials was removed: its study begins anew, and so does its run."""
    for trials in (TRIALS, TRIALS[:1]):
        with runs_of(store, "four") as runs:
            runs.record(trials)
            runs.finish({}, {}, [])
    parents, children = recorded(store, "four")
    assert len(parents) == 2
    assert len(children) == 5
