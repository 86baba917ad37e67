"""The files of a bundle: JSON and trees with their hashes, nothing read that was altered or is beyond measure."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..errors import BundleError

MANIFEST = "manifest.json"
TREES = "churn.ubj"
LARGEST_BYTES = {
    MANIFEST: 2**20,
    "purchase.json": 2**16,
    "spend.json": 2**16,
    "churn.json": 2**24,
    TREES: 2**30,
}
"""More than any honest file of that name holds."""


def write_json(path: Path, value: Any) -> None:
    """Write JSON that is the same for the same value."""
    path.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def file_facts(path: Path) -> dict[str, Any]:
    """Hash and size of a file, as the manifest tells them."""
    content = path.read_bytes()
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def read_bytes(folder: Path, name: str) -> bytes:
    """Read a file of a bundle.

    Raises
    ------
    BundleError
        If it is missing, no plain file, or larger than any honest one.
    """
    path = folder / name
    if path.is_symlink() or not path.is_file():
        message = f"The bundle {folder} is incomplete: {name} is missing or not a plain file."
        raise BundleError(message)
    if path.stat().st_size > LARGEST_BYTES[name]:
        message = f"{path} is larger than the {LARGEST_BYTES[name]:,} bytes that a bundle may hold there."
        raise BundleError(message)
    return path.read_bytes()


def checked_member(folder: Path, name: str, manifest: dict[str, Any]) -> bytes:
    """Read a file whose hash is that of the manifest.

    Raises
    ------
    BundleError
        If it is missing or another.
    """
    content = read_bytes(folder, name)
    files = manifest.get("files")
    stated = files.get(name) if isinstance(files, dict) else None
    expected = stated.get("sha256") if isinstance(stated, dict) else None
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        message = (
            f"The bundle {folder} was altered or damaged: the SHA-256 of {name} is {found[:12]}..., "
            f"its manifest says {str(expected)[:12]}.... Do not use it; export or train it again."
        )
        raise BundleError(message)
    return content


def parsed(content: bytes, path: Path) -> dict[str, Any]:
    """The JSON object that a file holds.

    Raises
    ------
    BundleError
        If it holds anything else.
    """
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        message = f"{path} is not valid JSON: {error}. Export or train the bundle again."
        raise BundleError(message) from error
    if not isinstance(value, dict):
        message = f"{path} holds {type(value).__name__}, expected an object. Export or train the bundle again."
        raise BundleError(message)
    return value
