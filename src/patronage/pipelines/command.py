"""Running a command under Hydra: its configuration, its errors, its exit code."""

import sys
from importlib import import_module

from omegaconf import DictConfig

from patronage.errors import ConfigError, PatronageError
from patronage.files import check_writable
from patronage.paths import conf_folder
from patronage.pipelines import console
from patronage.pipelines.settings import plain

OPTIONAL_GROUPS = {"score": ("dates",), "sql": ("dates",)}
"""Groups that may stay unset, by command, because they only lend their values to other keys."""


def run(name: str) -> None:
    """Run a command with the arguments of the process: Hydra overrides and flags.

    The stages are imported once the configuration stands, so help and misspelt keys are answered at once.

    Parameters
    ----------
    name : str
        Name of the command, of its YAML file in ``conf/``, of its module here and of the function in it.

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
            values = plain(config, OPTIONAL_GROUPS.get(name, ()))
            getattr(import_module(f"patronage.pipelines.{name}"), name)(values)
        except PatronageError as error:
            console.refuse(error)
            sys.exit(error.exit_code)

    try:
        # Hydra would fail with a traceback of its own if its logs had nowhere to go.
        if not any(argument.startswith(("-", "hydra.")) for argument in sys.argv[1:]):
            check_writable("outputs/logs")
        hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(job)()
    except PatronageError as error:
        console.refuse(error)
        sys.exit(error.exit_code)
    except SystemExit as stop:
        if stop.code == 1 and not composed:
            raise SystemExit(ConfigError.exit_code) from stop
        raise
