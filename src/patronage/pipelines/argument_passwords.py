"""Passwords in the arguments of a command, kept in this process instead of in what Hydra writes, logs and prints.

Hydra keeps the arguments it is given, prints those of every job of a multirun, and prints the configuration it composes
where it is asked to. So it is given ``postgresql://user:${patronage.password:0}@host/database`` instead, which only the
command itself reads as the address that it was.
"""

import io
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import Any
from urllib.parse import quote

from omegaconf import OmegaConf

from patronage.errors import ConfigError
from patronage.pipelines.next_command import quoted
from patronage.tracking.passwords import (
    STARS,
    forget_passwords,
    lines_without_passwords,
    refused_letters,
    remember,
    remember_passwords,
    replaced,
    without_passwords,
)

RESOLVER = "patronage.password"

_passwords: list[str] = []
_read = False


def without_argument_passwords(arguments: Sequence[str]) -> list[str]:
    """Arguments in which references stand for passwords.

    Parameters
    ----------
    arguments : sequence of str
        Of the command line, after the command. What Hydra cannot read as ``key=value`` stays as it is: it is refused
        before anything is kept.

    Raises
    ------
    ConfigError
        If a password is put together of several values, holds what an address cannot, or is cut by commas of a sweep.
    """
    _passwords.clear()
    forget_passwords()
    OmegaConf.register_new_resolver(RESOLVER, _password, replace=True)
    return [_argument(given) for given in arguments]


@contextmanager
def passwords_read() -> Iterator[None]:
    """Within it, references are the passwords that they stand for; outside they are stars."""
    global _read
    _read = True
    try:
        yield
    finally:
        _read = False


@contextmanager
def no_passwords_shown(arguments: Sequence[str]) -> Iterator[None]:
    """Within it, a configuration that Hydra is asked to print has stars, also for passwords from the environment."""
    if not any(given in ("-c", "--cfg") or given.startswith("--cfg=") for given in arguments):
        yield
        return
    shown = io.StringIO()
    try:
        with redirect_stdout(shown):
            yield
    finally:
        sys.stdout.write(lines_without_passwords(shown.getvalue()))


@contextmanager
def no_passwords_logged() -> Iterator[None]:
    """Within it, no record that is logged tells a password, also not one that came from a file."""
    before = logging.getLogRecordFactory()

    def record(*arguments: Any, **named: Any) -> logging.LogRecord:
        made = before(*arguments, **named)
        told = made.getMessage
        made.getMessage = lambda: str(without_passwords(told()))  # type: ignore[method-assign]
        return made

    logging.setLogRecordFactory(record)
    try:
        yield
    finally:
        logging.setLogRecordFactory(before)


def _password(number: str) -> str:
    return _passwords[int(number)] if _read else STARS


def _argument(given: str) -> str:
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    key, _, typed = given.partition("=")
    if given.startswith("-") or not ("://" in given or "password" in given.lower()):
        return given
    try:
        override = OverridesParser.create().parse_override(given)
    except HydraException:
        remember_passwords(typed.strip("'\""))
        return given
    # As it was parsed: the reading of a sweep that Hydra offers no longer knows what was quoted.
    value: Any = override._value
    before = len(_passwords)
    if override.is_choice_sweep():
        kept = ",".join(_written(one, key) for one in value.list)
        if len(_passwords) == before and without_passwords(typed) != typed:
            message = (
                f"A comma cuts the password in {key}: write it as %2C, or the whole address in quotes, '{key}=\"...\"'."
            )
            raise ConfigError(message)
    elif not override.is_sweep_override():
        kept = _written(value, key)
    return given if len(_passwords) == before else f"{key}={kept}"


def _written(value: Any, key: str) -> str:
    """A value as an override holds it, with references for its passwords."""
    from hydra.core.override_parser.types import Override, QuotedString

    if isinstance(value, list):
        return f"[{','.join(_written(one, key) for one in value)}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(name, key)}:{_written(one, key)}" for name, one in value.items()) + "}"
    text = value.text if isinstance(value, QuotedString) else value
    if isinstance(text, str) and (letters := refused_letters(text)):
        codes = ", ".join(f"{letter!r} as {quote(letter, safe='')}" for letter in letters)
        raise ConfigError(f"The password in {key} holds letters that an address cannot: write {codes}.")
    kept = replaced(text, lambda secret: _reference(secret, key)) if isinstance(text, str) else text
    return Override._get_value_element_as_str(value) if kept == text else quoted(kept)


def _reference(secret: str, key: str) -> str:
    if "${" in secret:
        message = (
            f"The password in {key} is put together of several values: keep all of it in one environment variable, "
            f"'{key}=postgresql://user:${{oc.env:NAME}}@host/database', or leave it to PGPASSWORD or ~/.pgpass."
        )
        raise ConfigError(message)
    _passwords.append(secret)
    remember(secret)
    return f"${{{RESOLVER}:{len(_passwords) - 1}}}"
