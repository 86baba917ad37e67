"""Trials of a search that came to their end, and the best of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from patronage.errors import FitError

State = Literal["complete", "pruned", "failed"]
STATES: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
"""Of trials that have ended, as Optuna calls them and as they are called here."""

ERROR = "error"
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


def ended_trials(search: Any) -> tuple[Trial, ...]:
    """Trials that came to an end of their own; those that were cut off with their process are left out."""
    found = [
        trial
        for trial in search.get_trials(deepcopy=False)
        if trial.state.name in STATES and (trial.state.name != "FAIL" or ERROR in trial.user_attrs)
    ]
    return tuple(
        Trial(
            number=number,
            state=STATES[trial.state.name],
            value=None if trial.value is None else float(trial.value),
            seconds=trial.duration.total_seconds(),
            settings=dict(trial.params),
            steps=dict(trial.intermediate_values),
            error=trial.user_attrs.get(ERROR),
            started=trial.datetime_start,
        )
        for number, trial in enumerate(found)
    )


def best_of(ended: tuple[Trial, ...], direction: str) -> Tuning:
    """The best of trials that are complete.

    Raises
    ------
    FitError
        If none is.
    """
    sign = 1 if direction == "minimize" else -1
    complete = [(sign * one.value, one.number) for one in ended if one.state == "complete" and one.value is not None]
    if not complete:
        reasons = sorted({one.error for one in ended if one.error})
        message = f"None of {len(ended)} trials came to its end. Give a larger budget, or a space whose models fit."
        raise FitError(message + (f" The first that failed: {reasons[0]}" if reasons else ""))
    best = ended[min(complete)[1]]
    return Tuning(dict(best.settings), float(best.value or 0.0), ended)
