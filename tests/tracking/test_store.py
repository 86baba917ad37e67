"""Stores: found by the place where the program runs, created only on purpose."""

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from patronage.errors import ModelError, OutputError
from patronage.tracking.record import flatten
from patronage.tracking.registry import resolve_model
from patronage.tracking.store import TrackingStore


@pytest.fixture
def copied(full_run: Any, tmp_path: Path) -> TrackingStore:
    """A store of one's own with the runs of the full one."""
    shutil.copy(full_run.folder / "mlruns" / "mlflow.db", tmp_path / "mlflow.db")
    return TrackingStore(f"sqlite:///{tmp_path}/mlflow.db", str(tmp_path / "artifacts"), "patronage", "patronage")


def test_relative_store_belongs_to_the_working_folder(full_run, tmp_path, monkeypatch):
    """Two projects in one process, a notebook or a server that changes its folder, have each its own store."""
    relative = TrackingStore("sqlite:///mlruns/mlflow.db", "mlruns/artifacts", "patronage", "patronage")
    monkeypatch.chdir(full_run.folder)
    assert resolve_model(relative, "models:/patronage@champion").label == "patronage/1"
    (tmp_path / "mlruns").mkdir()
    shutil.copy(full_run.folder / "mlruns" / "mlflow.db", tmp_path / "mlruns")
    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path}/mlruns/mlflow.db"
    MlflowClient(uri, uri).set_registered_model_alias("patronage", "of_this_folder", "1")
    assert resolve_model(relative, "models:/patronage@of_this_folder").label == "patronage/1"


def test_new_experiment_keeps_its_artifacts_in_the_folder_of_the_store(copied, tmp_path):
    store = replace(copied, experiment="another")
    with store.session(create=True) as mlflow:
        identifier = store.experiment_id(mlflow)
        assert store.experiment_id(mlflow) == identifier
        found = mlflow.get_experiment(identifier)
    assert (found.name, found.artifact_location) == ("another", (tmp_path / "artifacts").as_uri())


def test_deleted_experiment_comes_back(copied):
    with copied.session() as mlflow:
        identifier = copied.experiment_id(mlflow)
        mlflow.delete_experiment(identifier)
        assert copied.experiment_id(mlflow) == identifier
        assert mlflow.get_experiment(identifier).lifecycle_stage == "active"


def test_reading_from_a_place_without_a_store_creates_none(tmp_path):
    store = TrackingStore(f"sqlite:///{tmp_path}/mlruns/mlflow.db", None, "patronage", "patronage")
    with pytest.raises(ModelError, match="patronage train"), store.session():
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("create", "error"), [(False, ModelError), (True, OutputError)])
def test_failure_of_the_store_is_one_of_this_package(copied, create, error):
    with pytest.raises(error, match=r"cannot be used: .*99999"), copied.session(create=create) as mlflow:
        mlflow.get_experiment("99999")


def test_store_below_a_file_cannot_be_created(tmp_path):
    (tmp_path / "file").touch()
    store = TrackingStore(f"sqlite:///{tmp_path}/file/mlruns/mlflow.db", None, "patronage", "patronage")
    with pytest.raises(OutputError, match="file"), store.session(create=True):
        pass


def test_artifacts_below_a_file_cannot_be_created(copied, tmp_path):
    (tmp_path / "file").touch()
    store = replace(copied, artifacts=str(tmp_path / "file" / "artifacts"), experiment="another")
    with pytest.raises(OutputError, match="file"):
        store.check_writable()
    with pytest.raises(OutputError, match="file"), store.session(create=True):
        pass
    with copied.session() as mlflow:
        assert mlflow.get_experiment_by_name("another") is None


def test_processes_that_create_the_same_store_at_once_all_succeed(tmp_path):
    script = """
from patronage.tracking.store import TrackingStore
store = TrackingStore("sqlite:///mlruns/mlflow.db", "mlruns/artifacts", "together", "patronage")
with store.session(create=True) as mlflow:
    print(store.experiment_id(mlflow))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert len({out for out, _ in said}) == 1


def test_a_process_killed_while_it_makes_the_database_leaves_nothing_unusable(tmp_path):
    script = """
from patronage.tracking.store import TrackingStore
store = TrackingStore("sqlite:///mlruns/mlflow.db", "mlruns/artifacts", "again", "patronage")
with store.session(create=True) as mlflow:
    print(len(mlflow.search_experiments()))
"""
    victim = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "mlruns").glob(".mlflow.db.*.part/mlflow.db")):
        assert time.monotonic() < deadline
        assert victim.poll() is None
        time.sleep(0.01)
    victim.kill()
    victim.wait()
    assert not (tmp_path / "mlruns" / "mlflow.db").exists()
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_used_is_named_without_its_password():
    store = TrackingStore("postgresql://crm:s3c@ret@127.0.0.1:1/none", None, "patronage", "patronage")
    assert store.address == "postgresql://crm:***@127.0.0.1:1/none"


def test_runs_keep_no_password():
    config = {"ledger": {"uri": "postgresql://crm:s3cret@db/crm", "columns": ["a://b:c@d"]}, "seed": 1}
    assert flatten(config) == {
        "ledger.uri": "postgresql://crm:***@db/crm", "ledger.columns": ["a://b:***@d"], "seed": 1
    }  # fmt: skip
