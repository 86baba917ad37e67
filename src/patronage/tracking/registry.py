"""The registry: versions of the model, their aliases, and the way from a reference to a bundle."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patronage.errors import ModelError
from patronage.runtime.bundle import MANIFEST
from patronage.tracking.pyfunc import BUNDLE_ARTIFACT, MODEL_NAME
from patronage.tracking.store import TrackingStore

CHALLENGER = "challenger"
CHAMPION = "champion"

UNREACHABLE = "INTERNAL_ERROR"
"""What MLflow calls a server that does not answer. It was tried for minutes, and is not asked what it has instead."""

_REGISTERED = re.compile(r"^models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))$")
_LOGGED = re.compile(r"^models:/(?P<model>m-[0-9a-f]+)$")
_RUN = re.compile(r"^(?:runs:/)?(?P<run>[0-9a-f]{32})(?:/model)?$")


@dataclass(frozen=True)
class ResolvedModel:
    """A model that was found.

    Attributes
    ----------
    bundle_folder : Path
        Local folder of its bundle.
    label : str or None
        What to write as model_version; None for a bare folder, which is named by its fingerprint.
    run_id : str or None
        The run that trained it, if it is known.
    """

    bundle_folder: Path
    label: str | None
    run_id: str | None


def register(mlflow: Any, name: str, model_uri: str, run_id: str) -> tuple[str, tuple[str, ...]]:
    """Register a logged model: it becomes the challenger, and the champion too if there is none.

    Returns
    -------
    version : str
    aliases : tuple of str
        Aliases besides ``challenger``.
    """
    client = mlflow.tracking.MlflowClient()
    try:
        client.create_registered_model(name, description="Customer lifetime value and churn, by patronage.")
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A server takes the id of a logged model only beside the source that names it, a local store takes either.
    logged = _LOGGED.match(model_uri)
    version = client.create_model_version(
        name, source=model_uri, run_id=run_id, model_id=logged["model"] if logged else None
    ).version
    client.set_registered_model_alias(name, CHALLENGER, version)
    if CHAMPION in client.get_registered_model(name).aliases:
        return str(version), ()
    client.set_registered_model_alias(name, CHAMPION, version)
    return str(version), (CHAMPION,)


@dataclass(frozen=True)
class RegisteredFacts:
    """What the registry tells of a version, beside its bundle.

    Attributes
    ----------
    version : str
    aliases : tuple of str
    tags : dict of str to str
    description : str
    """

    version: str
    aliases: tuple[str, ...]
    tags: dict[str, str]
    description: str


def registered_facts(store: TrackingStore, label: str | None) -> RegisteredFacts | None:
    """Aliases, tags and description of a version; nothing for a model that is not registered.

    Parameters
    ----------
    store : TrackingStore
    label : str or None
        As `ResolvedModel` has it.
    """
    name, _, version = (label or "").rpartition("/")
    if label is None or name == "run":
        return None
    with store.session() as mlflow:
        client = mlflow.tracking.MlflowClient()
        found = client.get_model_version(name, version)
        aliases = client.get_registered_model(name).aliases
        named = tuple(sorted(alias for alias, of in aliases.items() if str(of) == version))
        return RegisteredFacts(version, named, dict(found.tags), found.description or "")


def resolve_model(store: TrackingStore, reference: str) -> ResolvedModel:
    """Find the bundle that a reference names.

    Parameters
    ----------
    store : TrackingStore
        Asked for registered models and runs.
    reference : str
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION``, ``runs:/RUN_ID``, a run id, or the folder of a bundle.

    Raises
    ------
    ModelError
        If there is no such model, naming the aliases and versions that there are.
    """
    if registered := _REGISTERED.match(reference):
        return _resolve_registered(store, reference, **registered.groupdict())
    if run := _RUN.match(reference):
        return _resolve_run(store, run["run"])
    folder = Path(reference)
    if (folder / MANIFEST).is_file():
        return ResolvedModel(folder, label=None, run_id=None)
    message = (
        f"No model at {reference!r}: expected models:/{store.registered_model}@champion, models:/NAME/VERSION, "
        f"runs:/RUN_ID, or a bundle folder with a {MANIFEST}."
    )
    raise ModelError(message)


def _resolve_registered(
    store: TrackingStore, reference: str, name: str, alias: str | None, version: str | None
) -> ResolvedModel:
    with store.session() as mlflow:
        client = mlflow.tracking.MlflowClient()
        try:
            found = client.get_model_version_by_alias(name, alias) if alias else client.get_model_version(name, version)
            folder = mlflow.artifacts.download_artifacts(f"models:/{name}/{found.version}")
        except mlflow.exceptions.MlflowException as error:
            if error.error_code == UNREACHABLE:
                raise
            message = f"The registry {store.address} has no model {reference!r}; {_what_there_is(mlflow, name)}."
            raise ModelError(message) from error
    return _with_bundle(Path(folder), label=f"{name}/{found.version}", run_id=found.run_id)


def _resolve_run(store: TrackingStore, run_id: str) -> ResolvedModel:
    with store.session() as mlflow:
        try:
            mlflow.get_run(run_id)
            folder = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/{MODEL_NAME}")
        except mlflow.exceptions.MlflowException as error:
            message = f"The tracking store {store.address} has no run {run_id} with a model: {error}."
            raise ModelError(message) from error
    return _with_bundle(Path(folder), label=f"run/{run_id}", run_id=run_id)


def _with_bundle(model_folder: Path, label: str, run_id: str | None) -> ResolvedModel:
    bundle = model_folder / "artifacts" / BUNDLE_ARTIFACT
    if not bundle.is_dir():
        message = f"The model {label} holds no bundle: it was not logged by patronage."
        raise ModelError(message)
    return ResolvedModel(bundle, label=label, run_id=run_id)


def _what_there_is(mlflow: Any, name: str) -> str:
    client = mlflow.tracking.MlflowClient()
    names = sorted(model.name for model in client.search_registered_models())
    if name not in names:
        return f"registered models: {', '.join(names) or 'none'}"
    versions = sorted(int(version.version) for version in client.search_model_versions(f"name = '{name}'"))
    aliases = client.get_registered_model(name).aliases
    listed = ", ".join(f"@{alias} (version {version})" for alias, version in sorted(aliases.items()))
    return f"{name} has versions {', '.join(map(str, versions)) or 'none'} and aliases {listed or 'none'}"
