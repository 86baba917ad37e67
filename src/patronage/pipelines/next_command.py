"""The command that goes on from what another was told: its settings as they are typed, where they differ.

Nothing is known of how a configuration came to be: of every group the option is named that it differs least from, and
then what differs.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from patronage.paths import conf_folder
from patronage.tracking.passwords import without_passwords

READING = ("setting", "ledger", "engine", "contract", "identity", "tracking")
"""Groups that say whose customers are scored, how they are read, and where models are kept."""

NOT_TO_SCORE = frozenset({"tracking.experiment", "tracking.registered_model"})
"""What of them only matters where something is recorded: a model is named in full."""

PLAIN = r"(?i)(?!(?:true|false|null|nan|inf)$)[a-z_/][a-z0-9_]*(?:[/.:@-]+[a-z0-9_]+)*"
"""Values that an override can give as they are, and that stay texts."""

NAME = r"[A-Za-z_]\w*"
"""Keys that can be a part of a longer one; any other only stands within a mapping."""

UNPRINTED = "PASSWORD"
"""Stands for a password that is not told."""

_ABSENT = object()


def score_command(config: Mapping[str, Any], model: str) -> str:
    """``patronage score`` of the ledger that a training was told of, by its model.

    Parameters
    ----------
    config : mapping
        Of ``patronage train``.
    model : str
        As ``model=`` takes it.

    Returns
    -------
    str
        To be pasted into a shell. An address with a password is told by the environment variable that holds it; if
        none does, `UNPRINTED` stands for the password.
    """
    given = [*told(config, READING), *_as_of(config), override("model", model)]
    return " ".join(["patronage", "score", *given])


def export_command(config: Mapping[str, Any], model: str) -> str:
    """``patronage export`` of a model that a training has registered."""
    return " ".join(["patronage", "export", *told(config, ("tracking",)), override("model", model)])


def told(config: Mapping[str, Any], groups: Sequence[str]) -> list[str]:
    """The overrides that tell ``patronage score`` what a configuration holds of some groups.

    Parameters
    ----------
    config : mapping
        Plain values; groups that it lacks are not told.
    groups : sequence of str

    Returns
    -------
    list of str
        Nothing of what is the default of that command.
    """
    defaults = _defaults()
    found: list[str] = []
    for group in groups:
        if group in config:
            option, differing = nearest(group, config[group], defaults[group])
            found += [shlex.quote(f"{group}={option}")] * (option != defaults[group])
            found += [_typed(*one) for one in differing if one[0].lstrip("+~") not in NOT_TO_SCORE]
    return found


def nearest(group: str, values: Mapping[str, Any], default: str) -> tuple[str, list[tuple[str, Any]]]:
    """The option of a group that values differ least from, and how they differ.

    Parameters
    ----------
    group : str
    values : mapping
    default : str
        The option that wins a tie.

    Returns
    -------
    option : str
    differing : list of (str, value)
        Keys as an override names them, + before one that the option lacks and ~ before one that the values lack.
    """
    found = []
    for path in sorted((conf_folder() / group).glob("*.yaml")):
        own = _plain(path)
        differing = list(_differing(group, own, values))
        # What another part is called with fits no part by chance alone.
        other_part = own.get("_target_") != values.get("_target_")
        found.append(((other_part, len(differing), path.stem != default, path.stem), differing))
    rank, differing = min(found, key=lambda one: one[0])
    return str(rank[-1]), differing


def override(key: str, value: Any) -> str:
    """A setting as it is typed on a command line, quoted where the shell or the grammar of overrides want it.

    Examples
    --------
    >>> override("ledger.customer_id", "id")
    'ledger.customer_id=id'
    >>> override("contract.max_set_aside_share", 0.2)
    'contract.max_set_aside_share=0.2'
    >>> print(override("ledger.missing", ["n/a", "?"]))
    'ledger.missing=[n/a,"?"]'
    >>> print(override("ledger.columns.amount", {"product_of": ["Quantity", "Price"]}))
    'ledger.columns.amount={product_of:[Quantity,Price]}'
    """
    return shlex.quote(f"{key}={_value(value)}")


def _as_of(config: Mapping[str, Any]) -> list[str]:
    """Until when the ledger was observed, unless its own dates say so."""
    observed = config["dates"]["observed_until"]
    option, _ = nearest("ledger", config["ledger"], _defaults()["ledger"])
    usual = _plain(conf_folder() / "dates" / f"{option}.yaml")["observed_until"]
    return [] if str(observed) == str(usual) else [f"as_of={observed}"]


def _defaults() -> dict[str, str]:
    """The option of each group that ``patronage score`` takes if it is not told."""
    listed = _plain(conf_folder() / "score.yaml", resolve=False)["defaults"]
    return {str(group): str(option) for one in listed if isinstance(one, dict) for group, option in one.items()}


def _plain(path: Path, resolve: bool = True) -> dict[str, Any]:
    read = OmegaConf.to_container(OmegaConf.load(path), resolve=resolve)
    assert isinstance(read, dict)
    return {str(name): value for name, value in read.items()}


def _differing(key: str, own: Any, value: Any) -> Iterator[tuple[str, Any]]:
    """Each leaf that differs, with its key; two mappings would be merged, so their keys are told one by one."""
    if own == value and isinstance(own, bool) == isinstance(value, bool):
        return
    if not (isinstance(own, dict) and isinstance(value, dict)):
        yield key, value
        return
    for name in [*own, *(name for name in value if name not in own)]:
        path = f"{key}.{name}"
        if name not in value:
            yield f"~{path}", _ABSENT
        elif name not in own:
            yield (f"+{path}", value[name]) if re.fullmatch(NAME, str(name)) else (f"+{key}", {name: value[name]})
        else:
            yield from _differing(path, own[name], value[name])


def _typed(key: str, value: Any) -> str:
    if value is _ABSENT:
        return shlex.quote(key)
    told = without_passwords(value, UNPRINTED)
    if told != value and (variable := next((name for name, one in os.environ.items() if one == value), None)):
        return shlex.quote(f"{key}=${{oc.env:{variable}}}")
    return override(key, told)


def _value(value: Any) -> str:
    """A value in the grammar of overrides."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_key(name)}:{_value(one)}" for name, one in value.items()) + "}"
    return str(value) if re.fullmatch(PLAIN, str(value)) else quoted(str(value))


def _key(name: Any) -> str:
    """A key of a mapping: there are no quotes for it, but what would end it can be escaped."""
    return re.sub(r"([\\()\[\]{}:=, \t'\"])", r"\\\1", str(name))


def quoted(value: str) -> str:
    """A text in the quotes of the grammar of overrides.

    Within them a backslash stands for itself, unless a quote follows.
    """
    doubled = re.sub(r'(\\+)(?="|$)', r"\1\1", value)
    return '"' + doubled.replace('"', '\\"') + '"'
