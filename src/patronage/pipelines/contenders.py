"""Champion and challenger as they are judged: both as registered, or both fitted again to what was known on a day.

`train` registers models that know the whole ledger, so that there are seldom later data to judge them by. Then what can
be judged is how they were made: each recipe, as its run keeps it, is fitted to what was known on the cut-off, as it was
for its own evaluation, and judged by what came afterwards.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from omegaconf import OmegaConf

from patronage.errors import DateError, ModelError, PatronageError
from patronage.paths import conf_folder
from patronage.pipelines.recipe import Recipe
from patronage.pipelines.settings import Dates
from patronage.runtime.bundle import Bundle, ledger_bundle, read_bundle
from patronage.tracking.record import training_config
from patronage.tracking.registry import ResolvedModel, resolve_model
from patronage.tracking.store import TrackingStore

Judge = Literal["auto", "registered", "refitted"]
"""Who is judged: the models themselves, what their recipes make of the facts up to the cut-off, or whichever can be."""

MODEL_PARTS = ("purchase", "spend", "churn")
"""Parts of a configuration from the store that are made by the name they give: those that our own options give only."""

OF_THIS_COMMAND = ("ledger", "dates", "engine", "contract", "identity", "tracking")
"""Groups that are taken from the command, not from the training: which facts, held where."""


@dataclass(frozen=True)
class Contender:
    """A registered model.

    Attributes
    ----------
    version : str
    run_id : str or None
    bundle : Bundle
    """

    version: str
    run_id: str | None
    bundle: Bundle


def contender(store: TrackingStore, reference: str) -> Contender:
    """Find a registered model.

    Raises
    ------
    ModelError
        If there is none, or it is registered under another name.
    BundleError
        If it is no model of a ledger.
    """
    found: ResolvedModel = resolve_model(store, reference)
    name, _, version = (found.label or "").rpartition("/")
    if name != store.registered_model:
        message = (
            f"{reference} is no version of {store.registered_model}: expected models:/{store.registered_model}@ALIAS "
            f"or models:/{store.registered_model}/VERSION. Another name is set by tracking.registered_model."
        )
        raise ModelError(message)
    return Contender(version, found.run_id, ledger_bundle(read_bundle(found.bundle_folder), "Promotion"))


def judging_days(contenders: tuple[Contender, ...], dates: Dates, cutoff: date | None) -> Dates:
    """The days to judge by: those of `cutoff`, or the latest whose holdout is over.

    Raises
    ------
    DateError
        If the models look differently far ahead, or the holdout would not be over.
    """
    horizons = {one.version: one.bundle.horizon_days for one in contenders}
    if len(set(horizons.values())) > 1:
        told = ", ".join(f"version {version} {days} days" for version, days in horizons.items())
        message = f"The models look differently far ahead ({told}), so they cannot be judged by the same future."
        raise DateError(message)
    horizon = next(iter(horizons.values()))
    latest = dates.observed_until - timedelta(days=horizon)
    if cutoff is not None and cutoff > latest:
        message = (
            f"The {horizon} days after the cut-off {cutoff} end on {cutoff + timedelta(days=horizon)}, but the ledger "
            f"is observed only until {dates.observed_until}. Take a cut-off up to {latest}, or none."
        )
        raise DateError(message)
    return Dates(cutoff=cutoff or latest, horizon_days=horizon, observed_until=dates.observed_until)


def chosen_judging(contenders: tuple[Contender, ...], days: Dates, judge: Judge) -> Judge:
    """Who can be judged on a cut-off: the registered models, if they knew nothing later; their recipes otherwise.

    Raises
    ------
    DateError
        If the registered models are asked for, but one knew facts of the days that it would be judged by.
    """
    late = {one.version: one.bundle.as_of for one in contenders if one.bundle.as_of > days.cutoff}
    if judge == "refitted" or (judge == "auto" and late):
        return "refitted"
    if late:
        told = " and ".join(f"version {version} knows facts up to {day}" for version, day in late.items())
        first = max(late.values()) + timedelta(days=days.horizon_days)
        message = (
            f"There are no later data: {told}, after the cut-off {days.cutoff}. Wait until the ledger is observed up "
            f"to {first}, train with refit=false, or judge what the recipes make of earlier facts with judge=refitted."
        )
        raise DateError(message)
    return "registered"


def recipe_of(store: TrackingStore, one: Contender, config: Mapping[str, Any], days: Dates) -> Recipe:
    """The recipe that a model was trained by, for the ledger and the days of this command.

    Raises
    ------
    ModelError
        If the run keeps none, or it names a part that is no model of this package.
    """
    if one.run_id is None:
        message = f"Version {one.version} names no run, so how it was trained is not known: train it again."
        raise ModelError(message)
    recorded = training_config(store, one.run_id)
    days_as_given = {"cutoff": days.cutoff, "horizon_days": days.horizon_days, "observed_until": days.observed_until}
    whole = {**recorded, **{group: config[group] for group in OF_THIS_COMMAND}, "dates": days_as_given}
    if bad := sorted({name for part in MODEL_PARTS for name in _targets(whole.get(part))} - _own_targets()):
        message = (
            f"The configuration of version {one.version} in the store names {', '.join(bad)}, which is no model of "
            "patronage: it is not carried out."
        )
        raise ModelError(message)
    try:
        return Recipe.from_config(whole)
    except (PatronageError, KeyError) as error:
        message = (
            f"Version {one.version} was trained with a configuration that this patronage does not take: {error} Train "
            "it again, or wait for later data and judge the registered models."
        )
        raise ModelError(message) from error


def _own_targets() -> set[str]:
    """What the options of this installation make models of."""
    files = [file for part in MODEL_PARTS for file in (conf_folder() / part).glob("*.yaml")]
    return {name for file in files for name in _targets(OmegaConf.to_container(OmegaConf.load(file)))}


def _targets(tree: Any) -> Iterator[str]:
    """Every ``_target_`` in a part, however deep."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            if key == "_target_":
                yield str(value)
            else:
                yield from _targets(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _targets(value)
