"""The keys that bundles are signed with and checked against, for a whole process and those that it starts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patronage.errors import ConfigError
from patronage.pipelines.settings import Settings, settings_from
from patronage.runtime.bundle_signature import PRIVATE_KEY, PUBLIC_KEY, check_keys


class Signing(Settings):
    """PEM files of ed25519 keys."""

    private_key: str | None
    public_key: str | None


def use_keys(config: Mapping[str, Any]) -> None:
    """Put the keys of the configuration into the environment, where the runtime and its workers look for them.

    Parameters
    ----------
    config : mapping
        ``private_key`` and ``public_key``; one that is null leaves the environment as it is.

    Raises
    ------
    ConfigError
        If a file is not there, or holds no such key.
    """
    settings = settings_from(Signing, config, "signing")
    for key, variable in (("private_key", PRIVATE_KEY), ("public_key", PUBLIC_KEY)):
        given = getattr(settings, key)
        if given is None:
            continue
        if not Path(given).is_file():
            message = f"signing.{key}: there is no file {given}."
            raise ConfigError(message)
        os.environ[variable] = str(Path(given).absolute())
    check_keys()
