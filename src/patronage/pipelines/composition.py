"""What is wrong with the arguments of a command: the key, what comes close to it, and where the settings are listed."""

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from yaml import YAMLError  # type: ignore[import-untyped]

from patronage.errors import ConfigError
from patronage.ledger.mapping import MADE_HERE
from patronage.paths import conf_folder
from patronage.pipelines.own_files import unreadable
from patronage.schema import TRANSACTIONS
from patronage.tracking.passwords import without_passwords

CLOSE_KEYS = 3
"""Keys that come close to a misspelt one, of which a message names so many at most."""

NEEDED_COLUMNS = tuple(name for name in TRANSACTIONS.required if name not in MADE_HERE)
"""Columns that a ledger cannot do without."""

NO_SUCH_KEY = re.compile(r"Could not override '(?P<key>[^']+)'")
IN_TWO_PLACES = re.compile(r"Multiple values for (?P<group>[^.]+)\.")


def explained(error: Exception, command: str, arguments: Sequence[str]) -> ConfigError:
    """Say in the words of this program why a configuration could not be composed.

    Parameters
    ----------
    error : hydra.errors.HydraException, omegaconf.errors.OmegaConfBaseException, yaml.YAMLError or ValueError
    command : str
    arguments : sequence of str
        Of the command line, after the command.
    """
    from hydra.errors import MissingConfigException, OverrideParseException

    help_there = f"`patronage {command} --help` lists the settings."
    if isinstance(error, YAMLError | UnicodeDecodeError):
        return unreadable(error)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return ConfigError(f"{_no_such_option(error, command, arguments)} {help_there}")
    if isinstance(error, OverrideParseException):
        given = without_passwords(str(error.override))
        if "=" not in given:
            return ConfigError(f"The argument {given!r} has no value: write {given}=VALUE. {help_there}")
        reason = without_passwords(str(error.message).splitlines()[0]).removesuffix(f" '{given}'")
        return ConfigError(
            f"The argument {given!r} cannot be read as key=value ({reason}). Quote values with blanks, commas "
            "or braces for the shell and for the program: 'key=\"a, b\"'."
        )
    told = NO_SUCH_KEY.search(str(error))
    if told:
        return ConfigError(f"{_no_such_key(told['key'], command, arguments)} {help_there}")
    told = IN_TWO_PLACES.search(str(error))
    if told:
        return ConfigError(f"{told['group']} is chosen already: write {told['group']}=OPTION without a plus sign.")
    return ConfigError(f"{' '.join(str(error).split()).rstrip('.')}. {help_there}")


def _no_such_key(key: str, command: str, arguments: Sequence[str]) -> str:
    places = _places(command)
    elsewhere = [place for place in places.get(key, ()) if place]
    if elsewhere:
        group = elsewhere[0].partition("=")[0]
        said = f"{key} is a setting of {', '.join(elsewhere)}, not of the {group} that is chosen."
        return " ".join([said, *_given_whole(key, arguments)])
    close = _close(key, places)
    hint = (
        f"Did you mean {' or '.join(close)}?" if close else "A key of your own is added with a plus sign: +key=value."
    )
    return f"There is no setting {key}. {hint}"


def _given_whole(key: str, arguments: Sequence[str]) -> Iterator[str]:
    """What to write where the ledger that is chosen has no columns to change, because its table has our names."""
    around, _, name = key.rpartition(".")
    chosen = next((given.removeprefix("ledger=") for given in arguments if given.startswith("ledger=")), None)
    if around != "ledger.columns" or chosen is None:
        return
    files = sorted((conf_folder() / "ledger").glob("*.yaml"))
    options: dict[str, Any] = {file.stem: OmegaConf.load(file) for file in files}
    null = [option for option, own in options.items() if "columns" in own and own["columns"] is None]
    if chosen in options and chosen not in null:
        return
    pairs = ", ".join(f"{one}: {one.upper()}" for one in dict.fromkeys((*NEEDED_COLUMNS, name)))
    yield (
        f"Where ledger.columns is null, as in {' and '.join(f'ledger={option}' for option in null)}, all columns that "
        f"are to be read are named at once: 'ledger.columns={{{pairs}}}'."
    )


def _close(key: str, known: Iterable[str]) -> list[str]:
    """Keys like this one, or, if there is none, keys whose last part is like its last part."""
    names = list(known)
    close = get_close_matches(key, names, n=CLOSE_KEYS, cutoff=0.75)
    if close:
        return close
    by_end: dict[str, list[str]] = {}
    for name in names:
        by_end.setdefault(name.rpartition(".")[2], []).append(name)
    ends = get_close_matches(key.rpartition(".")[2], by_end, n=1, cutoff=0.8)
    return [name for end in ends for name in by_end[end]][:CLOSE_KEYS]


def _no_such_option(error: Any, command: str, arguments: Sequence[str]) -> str:
    group, _, option = str(error.missing_cfg_file).rpartition("/")
    there = sorted(error.options or ())
    listed = f"There are: {', '.join(there)}." if there else "There are none."
    if group == "dates" and f"ledger={option}" in arguments:
        return (
            f"ledger={option} goes with dates={option} unless told otherwise, and there is no dates/{option}.yaml: "
            f"write one beside ledger/{option}.yaml, or choose dates=files and give dates.cutoff, dates.horizon_days "
            f"and dates.observed_until{_or_as_of(command)}. {listed}"
        )
    close = get_close_matches(option, there, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return (
        f"There is no {group}/{option}.yaml, so {group}={option} cannot be chosen.{hint} {listed} One of your own goes "
        f"into FOLDER/{group}/{option}.yaml, and --config-dir FOLDER names the folder."
    )


def _or_as_of(command: str) -> str:
    """What a command that looks at the customers of one day takes instead of the dates of a ledger."""
    own: Any = OmegaConf.to_container(OmegaConf.load(conf_folder() / f"{command}.yaml"))
    if "as_of" not in own:
        return ""
    days = [f"{key}=DAY" for key, value in own.items() if key == "as_of" or str(value).startswith("${dates.")]
    return f" (here {' '.join(days)} instead of them will do)"


def _places(command: str) -> dict[str, list[str]]:
    """Every key that a command may have, to the options of a group that have it; ``""`` is the command itself."""
    root = conf_folder()
    own = OmegaConf.load(root / f"{command}.yaml")
    found: dict[str, list[str]] = {}
    for key in _keys(OmegaConf.to_container(own)):
        if not key.startswith(("defaults", "hydra")):
            found.setdefault(key, []).append("")
    for group in _groups(own, root):
        found.setdefault(group, []).append("")
        for file in sorted((root / group).glob("*.yaml")):
            for key in _keys(OmegaConf.to_container(OmegaConf.load(file))):
                if not key.startswith("_"):
                    found.setdefault(f"{group}.{key}", []).append(f"{group}={file.stem}")
    return found


def _groups(own: Any, root: Path) -> Iterator[str]:
    for entry in own.get("defaults", ()):
        if not isinstance(entry, str):
            names = (str(name).removeprefix("optional ") for name in entry)
            yield from (name for name in names if (root / name).is_dir())


def _keys(tree: Any, prefix: str = "") -> Iterator[str]:
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        yield f"{prefix}{name}"
        yield from _keys(value, f"{prefix}{name}.")
