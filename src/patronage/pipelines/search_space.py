"""The space of a search: what the configuration lets a tuning try of the churn model."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from pydantic import Field

from patronage.errors import ConfigError
from patronage.models.churn.tuning_space import Setting
from patronage.pipelines.churn_learning import candidate
from patronage.pipelines.settings import Settings, settings_from

FIXED = ("_target_", "horizon_days", "features", "seed")
"""Settings of a churn model that say what the question is, or are lists: no search may change them."""


class RangeOrChoices(Settings):
    """One entry of the space."""

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    choices: list[Any] | None = Field(default=None, min_length=1)


def search_space(config: Mapping[str, Any], part: Mapping[str, Any]) -> dict[str, Setting]:
    """Read and check a space.

    Parameters
    ----------
    config : mapping
        By setting: ``{low, high, log}`` or ``{choices}``; settings of a part of the model lie one level deeper.
    part : mapping
        Settings of the churn model, with the columns that it looks at.

    Returns
    -------
    dict of str to Setting
        By the path of a setting, such as ``max_depth`` or ``trees.max_depth``.

    Raises
    ------
    ConfigError
        If it is empty, names a setting that the model does not have, or holds a value that the model refuses.
    """
    space = _settings(config, "tuning")
    if not space:
        message = (
            "There is nothing to tune: the group tuning is empty. Name settings of the churn model, for example "
            "+tuning.max_depth.low=2 +tuning.max_depth.high=6."
        )
        raise ConfigError(message)
    known = [name for name in _paths(part) if name.rpartition(".")[2] not in FIXED]
    unknown = [f"tuning.{name}" for name in space if name not in known]
    if unknown:
        message = f"The churn model has no setting {', '.join(unknown)} that could be tuned; it has {', '.join(known)}."
        raise ConfigError(message)
    for name, setting in space.items():
        for value in setting.ends:
            try:
                candidate(with_settings(part, {name: value}))
            except ConfigError as error:
                message = f"tuning.{name} cannot go to {value!r}: {error}"
                raise ConfigError(message) from error
    return space


def with_settings(part: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a churn model with some of them changed.

    Examples
    --------
    >>> with_settings({"presence": "a", "trees": {"max_depth": 3}}, {"trees.max_depth": 5})
    {'presence': 'a', 'trees': {'max_depth': 5}}
    """
    changed: dict[str, Any] = deepcopy(dict(part))
    for path, value in settings.items():
        *outer, name = path.split(".")
        place = changed
        for one in outer:
            place = place[one]
        place[name] = value
    return changed


def settings_at(part: Mapping[str, Any], names: Mapping[str, Setting]) -> dict[str, Any]:
    """The values that a churn model has for the settings of a space."""
    values = {}
    for path in names:
        value: Any = part
        for one in path.split("."):
            value = value[one]
        values[path] = value
    return values


def _settings(config: Mapping[str, Any], where: str) -> dict[str, Setting]:
    space: dict[str, Setting] = {}
    for name, entry in (config or {}).items():
        place = f"{where}.{name}"
        if not isinstance(entry, Mapping) or not entry:
            message = f"{place} must be a range, {{low: 1, high: 9}}, or {{choices: [1, 2]}}; got {entry!r}."
            raise ConfigError(message)
        if all(isinstance(value, Mapping) for value in entry.values()):
            space |= {f"{name}.{deeper}": setting for deeper, setting in _settings(entry, place).items()}
            continue
        given = settings_from(RangeOrChoices, entry, place)
        choices = None if given.choices is None else tuple(given.choices)
        try:
            space[name] = Setting(given.low, given.high, given.log, choices)
        except ConfigError as error:
            message = f"{place}: {error}"
            raise ConfigError(message) from error
    return space


def _paths(part: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Paths of the settings, those of the trees of a stack below ``trees``."""
    paths = []
    for name, value in part.items():
        if isinstance(value, Mapping) and "_target_" in value:
            paths += _paths(value, f"{prefix}{name}.")
        else:
            paths.append(f"{prefix}{name}")
    return paths
