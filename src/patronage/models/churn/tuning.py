"""Search for better settings of a candidate: Optuna proposes, an objective judges, hopeless trials are stopped."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, FitError
from patronage.models.churn.optional import optional_library
from patronage.models.churn.tuning_objectives import Objective
from patronage.models.churn.tuning_space import Budget, Setting
from patronage.models.churn.tuning_storage import opened_storage
from patronage.models.churn.tuning_trials import ERROR, Trial, Tuning, best_of, ended_trials

STARTING_TRIALS = 10
"""Trials at random before the sampler learns from them, and before any is stopped for being behind."""


def tune(
    panel: pd.DataFrame,
    space: Mapping[str, Setting],
    objective: Objective,
    budget: Budget,
    *,
    seed: int = 0,
    direction: Literal["minimize", "maximize"] = "minimize",
    start: Mapping[str, Any] | None = None,
    storage: Path | str | None = None,
    study: str = "churn",
    facts: Mapping[str, str] | None = None,
    after_trial: Callable[[tuple[Trial, ...]], None] | None = None,
    catch: tuple[type[Exception], ...] = (FitError,),
) -> Tuning:
    """Search for the settings with the best value of an objective.

    Parameters
    ----------
    panel : DataFrame
        What the objective judges by.
    space : mapping of str to Setting
    objective : callable
        See `Objective`; `validated` makes one.
    budget : Budget
    seed : int
        What a trial tries follows from the seed, its place in the search and the results before it: a search that was
        cut off and goes on tries what it would have tried at one go.
    direction : {"minimize", "maximize"}
        Whether small or large values are good.
    start : mapping, optional
        Settings to try first, such as those in use; each lies in the space.
    storage : Path or str, optional
        SQLite file, or SQLAlchemy URL of a database of its own, that keeps the trials, so that a search which was
        interrupted goes on, or one that was too short is continued. Without it, nothing is kept.
    study : str
        Name of the search in there.
    facts : mapping of str to str, optional
        What the study is of; it is refused with others than it began with. The space and a digest of the panel if not
        given.
    after_trial : callable, optional
        Told all trials that have ended so far, at the beginning and after each.
    catch : tuple of exception types
        Failures of the objective that end one trial and not the search; the trial is kept as failed.

    Returns
    -------
    Tuning

    Raises
    ------
    ConfigError
        If the space is empty, or the study in the storage began with other facts.
    FitError
        If no trial came to its end.
    OutputError
        If the storage cannot be used.
    """
    if not space:
        message = "There is no setting to tune; name at least one."
        raise ConfigError(message)
    optuna = optional_library("optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    deadline = np.inf if budget.seconds is None else time.monotonic() + budget.seconds
    with opened_storage(storage, study) as opened:
        search = optuna.create_study(
            storage=opened,
            study_name=study,
            load_if_exists=True,
            direction=direction,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTING_TRIALS),
        )
        _refuse_other_search(search, facts or _facts(space, panel), study)
        _give_up_cut_off(search, optuna)
        tried = _tried(space, panel, objective, catch, optuna)
        ended = ended_trials(search)
        _tell(after_trial, ended)
        while len(ended) < (budget.trials or np.inf) and time.monotonic() < deadline:
            if not ended and start is not None and not search.get_trials(states=(optuna.trial.TrialState.WAITING,)):
                search.enqueue_trial(dict(start))
            own_seed = int(np.random.SeedSequence([seed, len(ended)]).generate_state(1)[0])
            search.sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=STARTING_TRIALS)
            search.optimize(tried, n_trials=1, catch=catch)
            ended = ended_trials(search)
            _tell(after_trial, ended)
    return best_of(ended, direction)


def _tried(
    space: Mapping[str, Setting],
    panel: pd.DataFrame,
    objective: Objective,
    catch: tuple[type[Exception], ...],
    optuna: Any,
) -> Callable[[Any], float]:
    def tried(trial: Any) -> float:
        def report(step: int, value: float) -> None:
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        settings = {name: setting.suggested(trial, name) for name, setting in space.items()}
        try:
            return objective(panel, settings, report)
        except catch as error:
            trial.set_user_attr(ERROR, str(error))
            raise

    return tried


def _tell(after_trial: Callable[[tuple[Trial, ...]], None] | None, ended: tuple[Trial, ...]) -> None:
    if after_trial is not None:
        after_trial(ended)


def _give_up_cut_off(search: Any, optuna: Any) -> None:
    """Mark trials of a process that is gone; the sampler would wait for them. Shared databases go by the heartbeat."""
    if getattr(search._storage, "heartbeat_interval", None) is None:
        for trial in search.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
            search.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _facts(space: Mapping[str, Setting], panel: pd.DataFrame) -> dict[str, str]:
    digests = pd.util.hash_pandas_object(panel, index=False).to_numpy()
    return {
        "space": json.dumps({name: asdict(setting) for name, setting in space.items()}, sort_keys=True, default=str),
        "panel": hashlib.sha256(digests.tobytes() + ",".join(map(str, panel.columns)).encode()).hexdigest()[:12],
    }


def _refuse_other_search(search: Any, facts: Mapping[str, str], study: str) -> None:
    """Values of other settings or other data cannot be compared, so a study keeps to what it began with."""
    for what, now in facts.items():
        before = search.user_attrs.get(what)
        if before is None:
            search.set_user_attr(what, now)
        elif before != now:
            message = (
                f"The study {study!r} began with another {what} ({before}, now {now}); its trials cannot be continued. "
                "Give the study another name, or remove its file."
            )
            raise ConfigError(message)
