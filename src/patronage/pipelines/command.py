"""Running a command under Hydra: its configuration, its errors, its exit code."""

import sys
from collections.abc import Callable
from typing import Any

from omegaconf import DictConfig

from patronage.errors import ConfigError, PatronageError
from patronage.paths import conf_folder
from patronage.pipelines import console
from patronage.pipelines.settings import plain

Task = Callable[[dict[str, Any]], None]


def run(name: str, task: Task, optional: tuple[str, ...] = ()) -> None:
    """Run a command with the arguments of the process: Hydra overrides and flags.

    Parameters
    ----------
    name : str
        Name of the command and of its YAML file in ``conf/``.
    task : callable
        Told the resolved configuration as plain values.
    optional : tuple of str
        Configuration groups that may stay unset.

    Raises
    ------
    SystemExit
        With the exit code of the error, 2 if the configuration could not even be composed.
    """
    import hydra

    composed = False

    def job(config: DictConfig) -> None:
        nonlocal composed
        composed = True
        try:
            task(plain(config, optional))
        except PatronageError as error:
            console.refuse(error)
            sys.exit(error.exit_code)

    try:
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(job)()
    except SystemExit as stop:
        if stop.code == 1 and not composed:
            raise SystemExit(ConfigError.exit_code) from stop
        raise
