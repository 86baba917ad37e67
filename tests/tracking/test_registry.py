"""References to a model: what each finds, and what is said when there is nothing."""

from typing import Any

import pytest

from patronage.errors import ModelError
from patronage.runtime.bundle import read_bundle
from patronage.tracking.registry import resolve_model
from patronage.tracking.store import TrackingStore


def store_at(uri: str) -> TrackingStore:
    return TrackingStore(uri, artifacts=None, experiment="patronage", registered_model="patronage")


@pytest.fixture(scope="module")
def store(full_run: Any) -> TrackingStore:
    return store_at(full_run.uri)


@pytest.fixture(scope="module")
def run_id(full_run: Any) -> str:
    return full_run.train_run.parent.name


@pytest.fixture(scope="module")
def fingerprint(full_run: Any) -> str:
    return read_bundle(full_run.bundle_folder).fingerprint


@pytest.mark.parametrize(
    "reference", ["models:/patronage@champion", "models:/patronage@challenger", "models:/patronage/1"]
)
def test_registered_model(store, run_id, fingerprint, reference):
    found = resolve_model(store, reference)
    assert read_bundle(found.bundle_folder).fingerprint == fingerprint
    assert (found.label, found.run_id) == ("patronage/1", run_id)


@pytest.mark.parametrize("form", ["runs:/{}", "{}", "runs:/{}/model"])
def test_run(store, run_id, fingerprint, form):
    found = resolve_model(store, form.format(run_id))
    assert read_bundle(found.bundle_folder).fingerprint == fingerprint
    assert (found.label, found.run_id) == (f"run/{run_id}", run_id)


def test_folder(full_run, fingerprint, tmp_path):
    found = resolve_model(store_at(f"sqlite:///{tmp_path}/none.db"), str(full_run.bundle_folder))
    assert read_bundle(found.bundle_folder).fingerprint == fingerprint
    assert (found.label, found.run_id) == (None, None)
    assert not list(tmp_path.iterdir())


def test_unknown_alias_names_the_aliases(store):
    with pytest.raises(ModelError, match=r"versions 1 and aliases @challenger \(version 1\), @champion \(version 1\)"):
        resolve_model(store, "models:/patronage@winner")


def test_unknown_version_names_the_versions(store):
    with pytest.raises(ModelError, match=r"patronage has versions 1 "):
        resolve_model(store, "models:/patronage/7")


def test_unknown_name_names_the_models(store):
    with pytest.raises(ModelError, match="registered models: patronage"):
        resolve_model(store, "models:/patronege@champion")


def test_unknown_run(store):
    with pytest.raises(ModelError, match="no run 0123456789abcdef0123456789abcdef"):
        resolve_model(store, "runs:/0123456789abcdef0123456789abcdef")


@pytest.mark.parametrize("reference", ["champion", "models:/patronage", "models:/patronage@", "runs:/short", "", "."])
def test_reference_of_no_known_form_says_the_forms(store, reference, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="runs:/RUN_ID, or a bundle folder"):
        resolve_model(store, reference)


@pytest.mark.parametrize("reference", ["models:/patronage@champion", "runs:/0123456789abcdef0123456789abcdef"])
def test_no_store_is_an_error_and_none_is_created(tmp_path, reference):
    with pytest.raises(ModelError, match="no tracking store"):
        resolve_model(store_at(f"sqlite:///{tmp_path}/mlruns/mlflow.db"), reference)
    assert not list(tmp_path.iterdir())
