"""Running a command under Hydra: its configuration, its errors, its exit code."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from patronage.errors import ConfigError, PatronageError
from patronage.files import check_writable
from patronage.paths import conf_folder
from patronage.pipelines import console
from patronage.pipelines.argument_passwords import (
    no_passwords_logged,
    no_passwords_shown,
    passwords_read,
    without_argument_passwords,
)
from patronage.pipelines.composition import explained
from patronage.pipelines.own_files import require_parts
from patronage.pipelines.settings import plain
from patronage.pipelines.signing import use_keys
from patronage.tracking.passwords import lines_without_passwords

OPTIONAL_GROUPS = {"score": ("dates",), "value": ("dates",), "sql": ("dates",), "monitor": ("dates",)}
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
    from hydra.errors import HydraException

    composed = False
    arguments = sys.argv[1:]

    def job(config: DictConfig) -> None:
        nonlocal composed
        composed = True
        # It tells of every index of an array that it renders for another dialect.
        logging.getLogger("sqlglot").setLevel(logging.WARNING)
        _forget_passwords()
        try:
            require_parts(config)
            with passwords_read():
                values = plain(config, OPTIONAL_GROUPS.get(name, ()))
            use_keys(values.pop("signing"))
            getattr(import_module(f"patronage.pipelines.{name}"), name)(values)
        except PatronageError as error:
            console.refuse(error)
            sys.exit(error.exit_code)

    try:
        # Hydra would fail with a traceback of its own if its logs had nowhere to go.
        if not any(argument.startswith(("-", "hydra.")) for argument in arguments):
            check_writable("outputs/logs")
        sys.argv[1:] = without_argument_passwords(arguments)
        with _raising(), no_passwords_logged(), no_passwords_shown(arguments):
            hydra.main(version_base="1.3", config_path=str(conf_folder()), config_name=name)(job)()
    except PatronageError as error:
        console.refuse(error)
        sys.exit(error.exit_code)
    except (HydraException, OmegaConfBaseException, YAMLError, ValueError) as error:
        if composed:
            raise
        told = explained(error, name, arguments)
        console.refuse(told)
        sys.exit(told.exit_code)
    except SystemExit as stop:
        if stop.code == 1 and not composed:
            raise SystemExit(ConfigError.exit_code) from stop
        raise


def _forget_passwords() -> None:
    """Take passwords that came from files out of the configuration that Hydra has written."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    config = HydraConfig.get()
    written = [Path(config.sweep.dir) / "multirun.yaml"] if config.mode == RunMode.MULTIRUN else []
    if config.output_subdir is not None:
        written += (Path(config.runtime.output_dir) / config.output_subdir).glob("*.yaml")
    for path in written:
        logged = path.read_text(encoding="utf-8")
        if (kept := lines_without_passwords(logged)) != logged:
            path.write_text(kept, encoding="utf-8")


@contextmanager
def _raising() -> Iterator[None]:
    """Have Hydra raise what went wrong, instead of printing its own words and ending the process."""
    before = os.environ.get("HYDRA_FULL_ERROR")
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = before
