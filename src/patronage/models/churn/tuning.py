"""Search for better settings of a candidate: Optuna proposes, an objective judges, hopeless trials are stopped."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import ConfigError, FitError
from patronage.models.churn.calibration import log_losses
from patronage.models.churn.candidate import Candidate
from patronage.models.churn.folds import Split, customer_folds, later_splits
from patronage.models.churn.optional import optional_library
from patronage.models.churn.panel_rows import panel_rows
from patronage.models.churn.tuning_storage import opened_storage
from patronage.runtime.histories import FloatArray

Report = Callable[[int, float], None]
"""Called with the number of a step and the value so far; it ends a trial that is hopeless by raising."""

Objective = Callable[[pd.DataFrame, Mapping[str, Any], Report], float]
"""From a panel, settings and `Report` to a value."""

Splits = Callable[[pd.DataFrame, Sequence[str]], list[Split]]
"""From a panel and the names of features to rows to learn from and rows to judge by, several times."""

Measure = Callable[[NDArray[np.int8], FloatArray], float]
"""From what happened (1: left) and its probability to a figure."""

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
        odd = [one for one in self.choices or () if not isinstance(one, str | int | float | None)]
        if odd:
            message = f"Choices are text, numbers, truth values or null; got {odd[0]!r}."
            raise ConfigError(message)

    @property
    def ends(self) -> tuple[Any, ...]:
        """Both ends of the range, or all choices: if the model takes these, it takes whatever is tried."""
        return self.choices if self.choices is not None else (self.low, self.high)

    def holds(self, value: Any) -> bool:
        """Whether a value could be tried."""
        if self.choices is not None:
            return any(value == one and type(value) is type(one) for one in self.choices)
        number = isinstance(value, int if self._whole else int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high

    def suggested(self, trial: Any, name: str) -> Any:
        """The value that a trial tries."""
        if self.choices is not None:
            return trial.suggest_categorical(name, list(self.choices))
        return (trial.suggest_int if self._whole else trial.suggest_float)(name, self.low, self.high, log=self.log)

    @property
    def _whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)


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


State = Literal["complete", "pruned", "failed"]
_STATES: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}

_ERROR = "error"
"""Mark of a trial that failed by itself; one that was cut off has none, and does not count."""


@dataclass(frozen=True)
class Trial:
    """A trial that came to its end.

    Attributes
    ----------
    number : int
        From 0, in the order of the search.
    state : {"complete", "pruned", "failed"}
    value : float or None
        What the objective gave or, of a pruned trial, the last that it reported.
    seconds : float
    settings : dict
    steps : dict of int to float
        What it reported.
    error : str or None
        Why it failed.
    started : datetime
    """

    number: int
    state: State
    value: float | None
    seconds: float
    settings: dict[str, Any]
    steps: dict[int, float]
    error: str | None
    started: datetime


@dataclass(frozen=True)
class Tuning:
    """What a search has found.

    Attributes
    ----------
    best : dict
        Settings of the best trial.
    value : float
        What the objective gave for them.
    ended : tuple of Trial
    """

    best: dict[str, Any]
    value: float
    ended: tuple[Trial, ...]

    @property
    def trials(self) -> pd.DataFrame:
        """number, state, value, seconds, then one column a setting; one row a trial."""
        return pd.DataFrame(
            [
                {"number": one.number, "state": one.state, "value": one.value, "seconds": one.seconds, **one.settings}
                for one in self.ended
            ]
        )


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
        ended = _ended(search)
        _tell(after_trial, ended)
        while len(ended) < (budget.trials or np.inf) and time.monotonic() < deadline:
            if not ended and start is not None and not search.get_trials(states=(optuna.trial.TrialState.WAITING,)):
                search.enqueue_trial(dict(start))
            own_seed = int(np.random.SeedSequence([seed, len(ended)]).generate_state(1)[0])
            search.sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=STARTING_TRIALS)
            search.optimize(tried, n_trials=1, catch=catch)
            ended = _ended(search)
            _tell(after_trial, ended)
    return _result(ended, direction)


def validated(build: Callable[[Mapping[str, Any]], Candidate], measure: Measure, splits: Splits) -> Objective:
    """Judge settings by the mean of a measure over splits, reporting the mean so far after each.

    Parameters
    ----------
    build : callable
        From settings to a candidate that is not yet fitted.
    measure : callable
    splits : callable
        Such as `later_customers` makes; the same for all trials.
    """

    def judge(panel: pd.DataFrame, settings: Mapping[str, Any], report: Report) -> float:
        values: list[float] = []
        for step, (inside, outside) in enumerate(splits(panel, build(settings).features)):
            later = panel.iloc[outside]
            probability = build(settings).fit(panel.iloc[inside]).churn_probability(later).to_numpy()
            values.append(measure(later["churned"].to_numpy(np.int8), probability))
            report(step, float(np.mean(values)))
        return float(np.mean(values))

    return judge


def later_customers(n_folds: int = 5, seed: int = 0) -> Splits:
    """Split by `later_splits`: other customers, at a later cut-off if there is one."""

    def split(panel: pd.DataFrame, features: Sequence[str]) -> list[Split]:
        rows = panel_rows(panel, features, n_folds)
        return later_splits(rows, customer_folds(rows, n_folds, seed))

    return split


def mean_log_loss(churned: NDArray[np.int8], probability: FloatArray) -> float:
    """Mean negative logarithm of the probability of what came."""
    return float(log_losses(churned, probability).mean())


def later_log_loss(build: Callable[[Mapping[str, Any]], Candidate], n_folds: int = 5, seed: int = 0) -> Objective:
    """Judge settings by the mean log loss over `later_customers`."""
    return validated(build, mean_log_loss, later_customers(n_folds, seed))


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
            trial.set_user_attr(_ERROR, str(error))
            raise

    return tried


def _tell(after_trial: Callable[[tuple[Trial, ...]], None] | None, ended: tuple[Trial, ...]) -> None:
    if after_trial is not None:
        after_trial(ended)


def _ended(search: Any) -> tuple[Trial, ...]:
    """Trials that came to an end of their own; those that were cut off with their process are left out."""
    found = [
        trial
        for trial in search.get_trials(deepcopy=False)
        if trial.state.name in _STATES and (trial.state.name != "FAIL" or _ERROR in trial.user_attrs)
    ]
    return tuple(
        Trial(
            number=number,
            state=_STATES[trial.state.name],
            value=None if trial.value is None else float(trial.value),
            seconds=trial.duration.total_seconds(),
            settings=dict(trial.params),
            steps=dict(trial.intermediate_values),
            error=trial.user_attrs.get(_ERROR),
            started=trial.datetime_start,
        )
        for number, trial in enumerate(found)
    )


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


def _result(ended: tuple[Trial, ...], direction: str) -> Tuning:
    sign = 1 if direction == "minimize" else -1
    complete = [(sign * one.value, one.number) for one in ended if one.state == "complete" and one.value is not None]
    if not complete:
        reasons = sorted({one.error for one in ended if one.error})
        message = f"None of {len(ended)} trials came to its end. Give a larger budget, or a space whose models fit."
        raise FitError(message + (f" The first that failed: {reasons[0]}" if reasons else ""))
    best = ended[min(complete)[1]]
    return Tuning(dict(best.settings), float(best.value or 0.0), ended)
