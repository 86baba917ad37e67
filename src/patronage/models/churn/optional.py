"""Libraries that come with an extra of this package."""

from importlib import import_module
from typing import Any

from patronage.errors import ConfigError


def optional_library(name: str, extra: str) -> Any:
    """Import a library that not everyone has.

    Parameters
    ----------
    name : str
        Of the library.
    extra : str
        Of this package, that brings it.

    Raises
    ------
    ConfigError
        If it is not installed, saying how to get it.
    """
    try:
        return import_module(name)
    except ImportError as error:
        message = f"This needs the library {name}, which is not installed: pip install 'patronage[{extra}]'."
        raise ConfigError(message) from error
