"""The signature of a bundle: ed25519 over its manifest, which holds the hash of every other file.

A hash tells damage; only a signature tells who wrote a bundle. Keys are PEM files. Where one is configured, by argument
or in the environment, the package cryptography does the work; without one it is never imported.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import Any

from ..errors import BundleError, ConfigError
from .bundle_files import MANIFEST, SIGNATURE, parsed, read_bytes, write_json

PRIVATE_KEY = "PATRONAGE_PRIVATE_KEY"
"""Environment variable with the path of the key that new bundles are signed with."""

PUBLIC_KEY = "PATRONAGE_PUBLIC_KEY"
"""Environment variable with the path of the key that bundles must be signed for. An environment reaches the processes
that score for another one: workers of Spark, a model server, an exported module."""

ALGORITHM = "ed25519"
_SUBJECT = b"patronage bundle 1\n"
"""Stands before what is signed, so that a signature of something else never passes for that of a bundle."""

LARGEST_KEY_BYTES = 2**14


def sign_bundle(folder: Path, private_key: Path | str | None = None) -> bool:
    """Sign the bundle in a folder, if there is a key to sign with.

    Parameters
    ----------
    folder : Path
        Holds a complete bundle.
    private_key : path, optional
        PEM file without a password; that of the environment if not given.

    Returns
    -------
    bool
        Whether it was signed.

    Raises
    ------
    ConfigError
        If the key cannot be used.
    """
    path = private_key or _configured(PRIVATE_KEY)
    if path is None:
        return False
    signature = _private(Path(path)).sign(_SUBJECT + (folder / MANIFEST).read_bytes())
    write_json(folder / SIGNATURE, {"algorithm": ALGORITHM, "signature": base64.b64encode(signature).decode("ascii")})
    return True


def check_signature(folder: Path, manifest: bytes, public_key: Path | str | None = None) -> None:
    """Refuse a bundle that is not signed for the key, if there is one.

    Parameters
    ----------
    folder : Path
    manifest : bytes
        The manifest as it was read.
    public_key : path, optional
        PEM file; that of the environment if not given. Without either, nothing is checked.

    Raises
    ------
    BundleError
        If the signature is missing or another.
    ConfigError
        If the key cannot be used.
    """
    path = public_key or _configured(PUBLIC_KEY)
    if path is None:
        return
    key = _public(Path(path))
    if not (folder / SIGNATURE).exists():
        message = f"The bundle {folder} is not signed, and the key {path} asks for it. Sign it, or use one that is."
        raise BundleError(message)
    stored = parsed(read_bytes(folder, SIGNATURE), folder / SIGNATURE)
    from cryptography.exceptions import InvalidSignature

    try:
        if stored.get("algorithm") != ALGORITHM:
            raise InvalidSignature
        signature = base64.b64decode(str(stored.get("signature")), validate=True)
        key.verify(signature, _SUBJECT + manifest)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        message = (
            f"The signature of the bundle {folder} is not that of its manifest by the key {path}: it was altered, or "
            "somebody else signed it. Do not use it."
        )
        raise BundleError(message) from error


def check_keys() -> None:
    """Read the keys that the environment names, if any, before long work that ends in a signature or begins with one.

    Raises
    ------
    ConfigError
        If one cannot be used.
    """
    for variable, load in ((PRIVATE_KEY, _private), (PUBLIC_KEY, _public)):
        path = _configured(variable)
        if path is not None:
            load(Path(path))


def _configured(variable: str) -> str | None:
    """The path of a key in the environment. An empty one, as of a variable that was not set, must not open the door."""
    path = os.environ.get(variable)
    if path is not None and not path.strip():
        message = f"The environment variable {variable} is there and empty: name the file of a key, or unset it."
        raise ConfigError(message)
    return path


def _private(path: Path) -> Any:
    serialization, ed25519 = _library()
    return _key(path, "private", ed25519.Ed25519PrivateKey, lambda pem: serialization.load_pem_private_key(pem, None))


def _public(path: Path) -> Any:
    serialization, ed25519 = _library()
    return _key(path, "public", ed25519.Ed25519PublicKey, serialization.load_pem_public_key)


def _key(path: Path, which: str, kind: Any, load: Any) -> Any:
    try:
        with path.open("rb") as file:
            key = load(file.read(LARGEST_KEY_BYTES))
    except OSError as error:
        message = f"The {which} key {path} cannot be read: {error.strerror or error}."
        raise ConfigError(message) from error
    except Exception as error:
        # Its errors of reading have no common base: ValueError, TypeError for a password, UnsupportedAlgorithm.
        message = f"{path} holds no {which} key in PEM without a password: {error}."
        raise ConfigError(message) from error
    if not isinstance(key, kind):
        message = f"{path} holds a {which} key of another kind; expected {ALGORITHM}."
        raise ConfigError(message)
    return key


def _library() -> tuple[Any, Any]:
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        message = "A key for bundles is configured, but the package cryptography is missing: pip install cryptography."
        raise ConfigError(message) from error
    return serialization, ed25519
