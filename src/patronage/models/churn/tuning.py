"""Search for better settings of a candidate: Optuna proposes, an objective judges, hopeless trials are stopped."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from patronage.errors import ConfigError, FitError
from patronage.files import check_writable
from patronage.models.churn.calibration import log_losses
from patronage.models.churn.candidate import Candidate
from patronage.models.churn.folds import customer_folds, later_splits
from patronage.models.churn.optional import optional_library
from patronage.models.churn.panel_rows import panel_rows

Report = Callable[[int, float], None]
"""Called with the number of a step and the value so far; it ends a trial that is hopeless by raising."""

Objective = Callable[[pd.DataFrame, Mapping[str, Any], Report], float]
"""From a panel, settings and `Report` to a value; the smaller the better."""

STARTING_TRIALS = 10
"""Trials at random before the sampler learns from them, and before any is stopped for being behind."""


@dataclass(frozen=True)
class Setting:
    """What a setting may be: anything between two numbers, or one of some choices.

    Attributes
    ----------
    low, high : float, optional
        Both ends of a range, included; whole numbers if both are.
    log : bool
        Whether the range is searched by orders of magnitude.
    choices : tuple, optional
        Text, numbers, truth values or None.
    """

    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        ranged = self.low is not None and self.high is not None
        if ranged == (self.choices is not None) or (self.low is None) != (self.high is None) or self.choices == ():
            message = "A setting to tune is either a range from low to high, or choices."
            raise ConfigError(message)
        if ranged and not (self.low < self.high and (self.low > 0 or not self.log)):  # type: ignore[operator]
            message = f"A range goes from low up to high, above 0 if it is log; got {self.low} to {self.high}."
            raise ConfigError(message)

    def suggested(self, trial: Any, name: str) -> Any:
        """The value that a trial tries."""
        if self.choices is not None:
            return trial.suggest_categorical(name, list(self.choices))
        whole = isinstance(self.low, int) and isinstance(self.high, int)
        return (trial.suggest_int if whole else trial.suggest_float)(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Budget:
    """When a search ends: after so many trials, or so much time, whichever comes first.

    Attributes
    ----------
    trials : int, optional
        Those of earlier calls with the same study count.
    seconds : float, optional
        Of this call; the trial that is running then is finished.
    """

    trials: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = [limit for limit in (self.trials, self.seconds) if limit is not None]
        if not given or min(given) <= 0:
            message = f"A search needs a budget of trials or seconds above 0; got {self.trials} and {self.seconds}."
            raise ConfigError(message)


@dataclass(frozen=True)
class Tuning:
    """What a search has found.

    Attributes
    ----------
    best : dict
        Settings of the best trial.
    value : float
        What the objective gave for them.
    trials : DataFrame
        number, state (complete, pruned or failed), value, seconds, then one column a setting; one row a trial.
    """

    best: dict[str, Any]
    value: float
    trials: pd.DataFrame


def tune(
    panel: pd.DataFrame,
    space: Mapping[str, Setting],
    objective: Objective,
    budget: Budget,
    *,
    seed: int = 0,
    storage: Path | None = None,
    study: str = "churn",
    catch: tuple[type[Exception], ...] = (FitError,),
) -> Tuning:
    """Search for the settings with the smallest value of an objective.

    Parameters
    ----------
    panel : DataFrame
        What the objective judges by.
    space : mapping of str to Setting
    objective : callable
        See `Objective`; `later_log_loss` makes one.
    budget : Budget
    seed : int
        The same seed, space and objective try the same settings.
    storage : Path, optional
        SQLite file that keeps the trials, so that a search which was interrupted goes on, or one that was too short is
        continued; its folder has to be there. Without it, nothing is kept.
    study : str
        Name of the search in that file.
    catch : tuple of exception types
        Failures of the objective that end one trial and not the search; the trial is kept as failed.

    Returns
    -------
    Tuning

    Raises
    ------
    ConfigError
        If the space is empty, or the study in the file searched another space or judged by another panel.
    FitError
        If no trial came to its end.
    """
    if not space:
        message = "There is no setting to tune; name at least one."
        raise ConfigError(message)
    optuna = optional_library("optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if storage is not None:
        check_writable(storage.parent)
    search = optuna.create_study(
        storage=None if storage is None else f"sqlite:///{storage.absolute()}",
        study_name=study,
        load_if_exists=True,
        direction="minimize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTING_TRIALS),
    )
    _refuse_other_search(search, space, panel, study)
    done = len(_finished(search))
    # Another seed for every continuation: the sampler would propose its first trials again.
    search.sampler = optuna.samplers.TPESampler(seed=seed + done, n_startup_trials=STARTING_TRIALS)

    def trial_value(trial: Any) -> float:
        def report(step: int, value: float) -> None:
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned

        return objective(panel, {name: setting.suggested(trial, name) for name, setting in space.items()}, report)

    left = None if budget.trials is None else budget.trials - done
    if left is None or left > 0:
        search.optimize(trial_value, n_trials=left, timeout=budget.seconds, catch=catch)
    return _result(search, space)


def later_log_loss(build: Callable[[Mapping[str, Any]], Candidate], n_folds: int = 5, seed: int = 0) -> Objective:
    """Judge settings by the mean log loss over `later_splits`: other customers, at a later cut-off if there is one.

    Parameters
    ----------
    build : callable
        From settings to a candidate that is not yet fitted.
    n_folds : int
    seed : int
        Of the folds, which are the same for all trials.
    """

    def judge(panel: pd.DataFrame, settings: Mapping[str, Any], report: Report) -> float:
        candidate = build(settings)
        rows = panel_rows(panel, candidate.features, n_folds)
        losses: list[float] = []
        for step, (inside, outside) in enumerate(later_splits(rows, customer_folds(rows, n_folds, seed))):
            probability = build(settings).fit(panel.iloc[inside]).churn_probability(panel.iloc[outside])
            losses.append(float(log_losses(rows.churned[outside], probability.to_numpy()).mean()))
            report(step, float(np.mean(losses)))
        return float(np.mean(losses))

    return judge


State = Literal["complete", "pruned", "failed"]
_STATES: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


def _finished(search: Any) -> list[Any]:
    """Trials that came to an end; one that was cut short with its process stays unfinished for ever."""
    return [trial for trial in search.get_trials(deepcopy=False) if trial.state.name in _STATES]


def _refuse_other_search(search: Any, space: Mapping[str, Setting], panel: pd.DataFrame, study: str) -> None:
    """Values of other settings or other data cannot be compared, so a study keeps to what it began with."""
    digests = pd.util.hash_pandas_object(panel, index=False).to_numpy()
    facts = {
        "space": json.dumps({name: asdict(setting) for name, setting in space.items()}, sort_keys=True, default=str),
        "panel": hashlib.sha256(digests.tobytes() + ",".join(map(str, panel.columns)).encode()).hexdigest()[:12],
    }
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


def _result(search: Any, space: Mapping[str, Setting]) -> Tuning:
    trials = _finished(search)
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not complete:
        message = f"None of {len(trials)} trials came to its end. Give a larger budget, or a space whose models fit."
        raise FitError(message)
    best = min(complete, key=lambda trial: (trial.value, trial.number))
    rows = [
        {
            "number": trial.number,
            "state": _STATES[trial.state.name],
            "value": trial.value,
            "seconds": trial.duration.total_seconds() if trial.duration else None,
            **{name: trial.params.get(name) for name in space},
        }
        for trial in trials
    ]
    return Tuning(dict(best.params), float(best.value), pd.DataFrame(rows))
