"""Who is champion, by whose decision and why: an append-only log beside the registered model, and changes by it alone.

MLflow's aliases and tags are overwritten without a question, so they cannot decide between two who write at once. What
a registry does keep unique is the number of a model version: of two processes that create one, the store gives each its
own, in order. Every decision is therefore a version of a second registered model, NAME-promotions, and a promotion
goes:

1. read the head: the champion, and the number of the last entry;
2. judge, however long that takes;
3. claim: create an entry, with the decision in its tags;
4. if an entry before it was made since the head was read, is still being carried out, or the champion is another one:
   withdraw, and say who was faster;
5. set the alias, and mark the entry as done.

Of several claims the one with the lowest number wins, on SQLite, on PostgreSQL behind a server, anywhere; no lock is
held while a model is judged. A claim whose process died is void after `CLAIM_SECONDS`.
"""

import getpass
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from patronage.errors import ModelError, PromotionError
from patronage.tracking.record import TABLES_FOLDER, flatten
from patronage.tracking.registry import CHAMPION
from patronage.tracking.store import TrackingStore

LOG_SUFFIX = "-promotions"
"""Of the registered model whose versions are the decisions."""

KIND = "promotion"
"""Tag ``patronage.kind`` of the run that holds the evidence."""

CLAIM_SECONDS = 120
"""A claim that was not carried out by then is void; it takes one or two seconds."""

PREFIX = "patronage.promotion."
"""Of the tags of an entry, and of the version that was decided on."""

MOST_TOLD = 4000
"""Characters of a reason that a tag holds; databases take 5,000."""

HEADING = "## Promotion"
"""In the description of a version, what was decided last stands under it."""

Action = Literal["promoted", "refused", "rolled back"]
State = Literal["claimed", "done", "withdrawn"]

CHANGES: tuple[Action, ...] = ("promoted", "rolled back")
"""Actions that make another version champion."""


@dataclass(frozen=True)
class Head:
    """What a decision was taken on.

    Attributes
    ----------
    champion : str or None
        Version that has the alias.
    entry : int
        Number of the last entry; 0 if there is none.
    """

    champion: str | None
    entry: int


@dataclass(frozen=True)
class Decision:
    """What was decided about a version.

    Attributes
    ----------
    action : {"promoted", "refused", "rolled back"}
    version : str
        The version that was decided on.
    against : str or None
        Version of the champion at that time.
    reason : str
    by : str
        Who decided.
    run_id : str or None
        The run that holds the evidence.
    """

    action: Action
    version: str
    against: str | None
    reason: str
    by: str
    run_id: str | None = None


@dataclass(frozen=True)
class Entry:
    """A decision as the log has it.

    Attributes
    ----------
    number : int
        Rising with time.
    at : datetime
        When it was entered, in UTC.
    state : {"claimed", "done", "withdrawn"}
    decision : Decision
    """

    number: int
    at: datetime
    state: State
    decision: Decision

    def pending(self, now: datetime) -> bool:
        """Whether somebody may still be carrying it out."""
        return self.state == "claimed" and now - self.at < timedelta(seconds=CLAIM_SECONDS)

    def words(self) -> str:
        """Who did what, and when."""
        one = self.decision
        what = f"version {one.version} was {one.action}" if one.action != "rolled back" else f"back to {one.version}"
        return f"{self.at:%Y-%m-%d %H:%M:%S} UTC, {one.by}: {what}"


def read_head(store: TrackingStore) -> Head:
    """The champion, and the last decision, as they are now.

    Raises
    ------
    ModelError
        If there is no such registered model.
    """
    with store.session() as mlflow:
        client = mlflow.tracking.MlflowClient()
        entries = _entries(client, _log_name(store))
        return Head(_champion(mlflow, client, store), max((one.number for one in entries), default=0))


def history(store: TrackingStore) -> list[Entry]:
    """Every decision about the registered model, the first one first."""
    with store.session() as mlflow:
        return _entries(mlflow.tracking.MlflowClient(), _log_name(store))


def carry_out(store: TrackingStore, head: Head, decision: Decision) -> Entry:
    """Make a version champion, unless somebody else has changed the champion since the head was read.

    Parameters
    ----------
    store : TrackingStore
    head : Head
        What the decision was taken on.
    decision : Decision
        Of the actions that change the champion.

    Returns
    -------
    Entry

    Raises
    ------
    PromotionError
        If another change was faster; the entry is then marked as withdrawn.
    OutputError
        If the store cannot be written.
    """
    with store.session(create=True) as mlflow:
        client, log = mlflow.tracking.MlflowClient(), _log_name(store)
        entry = _enter(mlflow, client, store, decision, "claimed")
        if faster := _faster(mlflow, client, store, head, entry):
            client.set_model_version_tag(log, str(entry.number), f"{PREFIX}state", "withdrawn")
            raise PromotionError(faster)
        client.set_registered_model_alias(store.registered_model, CHAMPION, decision.version)
        client.set_model_version_tag(log, str(entry.number), f"{PREFIX}state", "done")
        _tell(client, store, entry)
        return entry


def enter_refusal(store: TrackingStore, decision: Decision) -> Entry:
    """Keep in the log and on the version that it was judged and not promoted."""
    with store.session(create=True) as mlflow:
        client = mlflow.tracking.MlflowClient()
        entry = _enter(mlflow, client, store, decision, "done")
        _tell(client, store, entry)
        return entry


def record_evidence(
    store: TrackingStore,
    name: str,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    metrics: Mapping[str, float],
    tables: Mapping[str, pd.DataFrame],
) -> str:
    """Keep what a decision rests on as a run of its own: ``decision.json``, metrics, and tables as CSV.

    Returns
    -------
    str
        Id of the run.
    """
    with store.session(create=True) as mlflow:
        experiment_id = store.experiment_id(mlflow)
        with mlflow.start_run(experiment_id=experiment_id, run_name=name) as run:
            mlflow.set_tags({"patronage.kind": KIND})
            mlflow.log_params(flatten(config))
            mlflow.log_metrics(dict(metrics))
            mlflow.log_text(json.dumps(facts, indent=2, default=str, ensure_ascii=False), "decision.json")
            with tempfile.TemporaryDirectory() as folder:
                for stem, table in tables.items():
                    table.to_csv(Path(folder) / f"{stem}.csv", index=False)
                mlflow.log_artifacts(folder, TABLES_FOLDER)
        return str(run.info.run_id)


def who_decides() -> str:
    """User and machine, for the log."""
    import socket

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user} at {socket.gethostname()}"


def _log_name(store: TrackingStore) -> str:
    return f"{store.registered_model}{LOG_SUFFIX}"


def _champion(mlflow: Any, client: Any, store: TrackingStore) -> str | None:
    try:
        aliases = client.get_registered_model(store.registered_model).aliases
    except mlflow.exceptions.MlflowException as error:
        message = f"The registry {store.address} has no model {store.registered_model!r}: run `patronage train` first."
        raise ModelError(message) from error
    version = aliases.get(CHAMPION)
    return None if version is None else str(version)


def _enter(mlflow: Any, client: Any, store: TrackingStore, decision: Decision, state: State) -> Entry:
    log, now = _log_name(store), datetime.now(UTC)
    try:
        client.create_registered_model(log, description=f"Decisions about {store.registered_model}, one a version.")
    except mlflow.exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {
        "action": decision.action,
        "version": decision.version,
        "against": decision.against or "",
        "reason": decision.reason[:MOST_TOLD],
        "by": decision.by,
        "run_id": decision.run_id or "",
        "at": now.isoformat(),
        "state": state,
    }
    told = f"Version {decision.version} of {store.registered_model}: {decision.action}. {decision.reason}"
    version = client.create_model_version(
        log,
        source=f"models:/{store.registered_model}/{decision.version}",
        tags={f"{PREFIX}{name}": value for name, value in tags.items()},
        description=told[:MOST_TOLD],
    )
    return Entry(int(version.version), now, state, decision)


def _entries(client: Any, log: str) -> list[Entry]:
    """The log in order; what somebody else has put there is passed over."""
    found, token = [], None
    while True:
        page = client.search_model_versions(f"name = '{log}'", page_token=token)
        found += [_entry(version) for version in page if f"{PREFIX}action" in version.tags]
        token = page.token
        if not token:
            return sorted(found, key=lambda one: one.number)


def _entry(version: Any) -> Entry:
    told = {name.removeprefix(PREFIX): value for name, value in version.tags.items()}
    decision = Decision(
        told["action"], told["version"], told["against"] or None, told["reason"], told["by"], told["run_id"] or None
    )
    return Entry(int(version.version), datetime.fromisoformat(told["at"]), told["state"], decision)


def _faster(mlflow: Any, client: Any, store: TrackingStore, head: Head, own: Entry) -> str:
    """Why this claim loses; empty if it does not."""
    now = datetime.now(UTC)
    taken_on = f"this decision was taken against {_named(head.champion)}"
    for one in _entries(client, _log_name(store)):
        if one.number >= own.number or one.decision.action not in CHANGES:
            continue
        if one.pending(now):
            return (
                f"Another promotion is being carried out ({one.words()}); {taken_on}. Nothing was changed; try again."
            )
        if one.number > head.entry and one.state == "done":
            return (
                f"Another promotion was faster ({one.words()}), and {taken_on}, which is champion no more. Nothing was "
                "changed; judge against the new champion by running the command again."
            )
    current = _champion(mlflow, client, store)
    if current != head.champion:
        return (
            f"The champion is {_named(current)} now, set by hand, and {taken_on}. Nothing was changed; run the command "
            "again."
        )
    if not own.pending(now):
        return (
            f"The store took longer than {CLAIM_SECONDS} seconds, so the claim is void. Nothing was changed; try again."
        )
    return ""


def _named(version: str | None) -> str:
    return "no champion" if version is None else f"version {version}"


def _tell(client: Any, store: TrackingStore, entry: Entry) -> None:
    """Write the decision on the version itself: tags, and the last part of its description."""
    one, name = entry.decision, store.registered_model
    tags = {"decision": one.action, "at": entry.at.isoformat(), "by": one.by, "against": one.against or "",
            "reason": one.reason[:MOST_TOLD], "entry": str(entry.number), "run_id": one.run_id or ""}  # fmt: skip
    for key, value in tags.items():
        client.set_model_version_tag(name, one.version, f"{PREFIX}{key}", value)
    before = (client.get_model_version(name, one.version).description or "").partition(HEADING)[0].rstrip()
    told = f"{HEADING}\n\n{entry.words()}. {one.reason}"
    client.update_model_version(name, one.version, description=f"{before}\n\n{told}".lstrip()[:MOST_TOLD])
