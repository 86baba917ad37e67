"""What the settings of churn classifiers may be: their type and range, told all at once when they do not fit."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from patronage.errors import ConfigError

ClassWeight = Literal["natural", "balanced"] | float
"""How much a churner counts in training: as everyone, as much as all others together, or so many times."""

_TYPES: dict[str, tuple[type, ...]] = {"whole": (int,), "real": (int, float)}

_OPTIONS: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "horizon_days": ("whole", "1 and above", lambda value: value >= 1),
    "n_folds": ("whole", "2 and above", lambda value: value >= 2),
    "n_trees": ("whole", "1 and above", lambda value: value >= 1),
    "early_stopping_rounds": ("whole", "1 and above", lambda value: value >= 1),
    "max_depth": ("whole", "1 and above", lambda value: value >= 1),
    "max_leaves": ("whole", "2 and above", lambda value: value >= 2),
    "min_rows_in_leaf": ("whole", "1 and above", lambda value: value >= 1),
    "seed": ("whole", "0 and above", lambda value: value >= 0),
    "n_threads": ("whole", "1 and above", lambda value: value >= 1),
    "learning_rate": ("real", "above 0 and up to 1", lambda value: 0 < value <= 1),
    "min_child_weight": ("real", "0 and above", lambda value: 0 <= value < math.inf),
    "subsample": ("real", "above 0 and up to 1", lambda value: 0 < value <= 1),
    "colsample_bytree": ("real", "above 0 and up to 1", lambda value: 0 < value <= 1),
    "reg_lambda": ("real", "0 and above", lambda value: 0 <= value < math.inf),
    "inverse_penalty": ("real", "above 0", lambda value: value > 0),
    "population_rate": ("real", "between 0 and 1, both excluded", lambda value: 0 < value < 1),
    "class_weight": ("real", "above 0, or natural or balanced", lambda value: 0 < value < math.inf),
}
"""Options by name: their type, their range in words, and its test."""


def refuse_options(given: Mapping[str, Any]) -> None:
    """Name every option that is of another type than asked for, or out of its range; None stands for none.

    Raises
    ------
    ConfigError
        Naming all of them.
    """
    problems = []
    for name, value in given.items():
        if value is None or (name == "class_weight" and value in ("natural", "balanced")):
            continue
        kind, asked, fits = _OPTIONS[name]
        if isinstance(value, bool) or not isinstance(value, _TYPES[kind]) or not fits(value):
            problems.append(f"{name} must be a {kind} number, {asked}, got {value!r}")
    if problems:
        raise ConfigError("; ".join(problems) + ".")


def checked_monotone(constraints: Mapping[str, int] | None, features: Sequence[str]) -> dict[str, int]:
    """Directions in which features may move the probability: 1 only up, -1 only down.

    Raises
    ------
    ConfigError
        If they name other columns than `features`, or hold anything else.
    """
    given = dict(constraints or {})
    problems = [f"{name} is no feature" for name in given if name not in features]
    problems += [f"{name} must be 1 or -1, got {value!r}" for name, value in given.items() if value not in (1, -1)]
    if problems:
        message = f"monotone_constraints: {'; '.join(problems)}. The features are {', '.join(features)}."
        raise ConfigError(message)
    return given


def checked_interactions(
    groups: Sequence[Sequence[str]] | None, features: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    """Groups of features that may meet on the way down a tree; those in no group only meet themselves.

    Raises
    ------
    ConfigError
        If they name other columns than `features`.
    """
    given = tuple(tuple(group) for group in groups or ())
    unknown = sorted({name for group in given for name in group} - set(features))
    if unknown:
        message = f"interactions: {', '.join(unknown)} is no feature. The features are {', '.join(features)}."
        raise ConfigError(message)
    alone = tuple((name,) for name in features if not any(name in group for group in given))
    return given + alone if given else ()
