"""Candidates of a backtest: the configuration of a training, with what each of them changes."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omegaconf import OmegaConf

from patronage.errors import ConfigError
from patronage.paths import conf_folder
from patronage.pipelines.recipe import Recipe

NAME = re.compile(r"^[A-Za-z0-9_.-]+$")
"""What MLflow takes as part of the name of a metric, and a file system as that of a file."""

_ABSENT = object()

CHANGEABLE = ("purchase", "spend", "churn", "panel", "features")
"""Groups in which candidates may differ; ledger, dates and judging are the same for all."""


def candidate_recipes(config: Mapping[str, Any], candidates: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipe of every candidate.

    Parameters
    ----------
    config : mapping
        Of a training, resolved.
    candidates : mapping
        By name, what each changes: ``churn: stack`` takes another option of a group, ``churn.max_depth: 2`` another
        value of a key.

    Raises
    ------
    ConfigError
        Naming the candidate, and what it cannot change or what does not exist.
    """
    if not candidates:
        message = (
            "There are no candidates: choose candidates=churn or candidates=purchase, or name your own as "
            "'+candidates.NAME={purchase: pareto_nbd}'."
        )
        raise ConfigError(message)
    if odd := [str(name) for name in candidates if not NAME.match(str(name))]:
        message = f"Names of candidates are letters, digits, dots, dashes and underscores; got {', '.join(odd)}."
        raise ConfigError(message)
    recipes = {}
    for name, changes in candidates.items():
        try:
            recipes[str(name)] = Recipe.from_config(_changed(config, changes))
        except ConfigError as error:
            message = f"candidates.{name}: {error}"
            raise ConfigError(message) from error
    return recipes


def _changed(config: Mapping[str, Any], changes: Any) -> dict[str, Any]:
    if not isinstance(changes, Mapping):
        message = f"expected what it changes, such as {{purchase: pareto_nbd}}; got {changes!r}."
        raise ConfigError(message)
    listed = list(flat(changes))
    whole = OmegaConf.create(dict(config))
    # Options first: a key of an option can only be changed once the option is chosen.
    for key, value in sorted(listed, key=lambda one: "." in one[0]):
        group = key.partition(".")[0]
        if group not in CHANGEABLE:
            message = f"{group} is the same for all; a candidate may change {', '.join(CHANGEABLE)}."
            raise ConfigError(message)
        if key == group:
            whole[group] = _option(group, value)
        elif OmegaConf.select(whole, key, throw_on_missing=False, default=_ABSENT) is _ABSENT:
            there = ", ".join(f"{group}.{name}" for name in whole[group] if not str(name).startswith("_"))
            message = f"there is no setting {key}; there are {there}."
            raise ConfigError(message)
        else:
            OmegaConf.update(whole, key, value)
    values: dict[str, Any] = OmegaConf.to_container(whole, resolve=True)  # type: ignore[assignment]
    return values


def _option(group: str, name: Any) -> Any:
    file = conf_folder() / group / f"{name}.yaml"
    if not isinstance(name, str) or not file.is_file():
        there = ", ".join(sorted(path.stem for path in (conf_folder() / group).glob("*.yaml")))
        message = f"there is no {group}={name}; there are {there}."
        raise ConfigError(message)
    return OmegaConf.load(file)


def flat(changes: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested changes as dotted keys."""
    for key, value in changes.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
