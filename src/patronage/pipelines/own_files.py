"""The files of settings that a user writes: which of them is wrong, in which line, and what to do."""

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from yaml import MarkedYAMLError, YAMLError  # type: ignore[import-untyped]

from patronage.errors import ConfigError
from patronage.paths import conf_folder

DUPLICATE = "found duplicate key "
TAB = "found character '\\t'"
"""How PyYAML and OmegaConf say what a line has wrong."""

FIRST_CHOICES = {"ledger": "files"}
"""The shipped option that an option of one's own most often begins with, by group."""


def unreadable(error: YAMLError | UnicodeDecodeError) -> ConfigError:
    """Say which line of a YAML file cannot be read, and what to do about it.

    Parameters
    ----------
    error : yaml.YAMLError or UnicodeDecodeError
        Of loading the file.
    """
    if isinstance(error, UnicodeDecodeError):
        return ConfigError(f"A file of settings is not written in UTF-8 ({error}). Save it as UTF-8.")
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(f"A file of settings is no YAML that can be read: {' '.join(str(error).split())}.")
    mark, problem = error.problem_mark, str(error.problem)
    if problem.startswith(DUPLICATE):
        key = problem.removeprefix(DUPLICATE)
        told = f"{key} is set a second time, in the same block. Keep one of the two"
    elif problem.startswith(TAB):
        told = "a tab stands where YAML takes spaces only. Indent with spaces"
    else:
        told = (
            f"this is no YAML ({problem}). Look here and in the lines above for a bracket, a brace or a quote that is "
            "not closed, a colon without a space after it, and lines that are not indented alike"
        )
    return ConfigError(f"{mark.name}, line {mark.line + 1}: {told}.")


def require_parts(config: DictConfig) -> None:
    """Refuse options of a user's own that do not say what they are.

    A ledger, an engine or a model is made from the class that its settings name, which those of a user's own take over
    from a shipped option by ``defaults``.

    Parameters
    ----------
    config : DictConfig
        What Hydra composed, while it runs.

    Raises
    ------
    ConfigError
        Naming the file, and the line that it lacks.
    """
    from hydra.core.hydra_config import HydraConfig

    runtime = HydraConfig.get().runtime
    folders = [Path(source.path) for source in runtime.config_sources if source.schema == "file"]
    values: Any = OmegaConf.to_container(config)
    for group, option in runtime.choices.items():
        file = _own_file(folders, group, option)
        if file is None or group not in values:
            continue
        shipped = _shipped_parts(group)
        value = values[group]
        if not shipped or (isinstance(value, dict) and "_target_" in value):
            continue
        first = FIRST_CHOICES.get(group, shipped[0])
        what = "holds no settings as NAME: VALUE and" if not isinstance(value, dict) else "is empty and" * (not value)
        raise ConfigError(
            " ".join(
                f"{file} {what} does not say what {group}={option} is made from. Write `defaults: [{first}]` into its "
                f"first line, or another of {', '.join(shipped)} instead of {first}, and below it what differs.".split()
            )
        )


def _own_file(folders: list[Path], group: str, option: Any) -> Path | None:
    """The file of an option, if it is not a shipped one."""
    for folder in folders:
        file = folder / group / f"{option}.yaml"
        if file.is_file():
            return None if folder == conf_folder() else file
    return None


def _shipped_parts(group: str) -> list[str]:
    """The shipped options of a group whose every option names a class; none of another group."""
    files = sorted((conf_folder() / group).glob("*.yaml"))
    named = [file.stem for file in files if "_target_" in (OmegaConf.load(file) or {})]
    return named if len(named) == len(files) else []
