"""The files of a bundle: JSON and trees with their hashes, nothing read that was altered or is beyond measure."""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from ..errors import BundleError

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
TREES = "churn.ubj"
LARGEST_BYTES = {
    MANIFEST: 2**20,
    SIGNATURE: 2**10,
    "purchase.json": 2**16,
    "spend.json": 2**16,
    "churn.json": 2**24,
    TREES: 2**28,
}
"""More than any honest file of that name holds."""

DEEPEST = 32
"""Levels of nesting of JSON; training facts have fewer than ten."""

LARGEST_NUMBER = 1e300
"""Larger ones, and whole numbers of as many digits, are no parameters of anything."""

_MARKS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', re.DOTALL)
"""Texts, whose brackets do not count, and brackets."""


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
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES[name] + 1)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise BundleError(message) from error
    if len(content) > LARGEST_BYTES[name]:
        message = f"{path} is larger than the {LARGEST_BYTES[name]:,} bytes that a bundle may hold there."
        raise BundleError(message)
    return content


def refuse_other_files(folder: Path, expected: Iterable[str], manifest: dict[str, Any]) -> None:
    """Refuse a bundle that holds, or names, anything but its own files.

    Parameters
    ----------
    folder : Path
    expected : iterable of str
        The members that a bundle of its setting has.
    manifest : dict

    Raises
    ------
    BundleError
    """
    named = set(expected)
    stated = manifest.get("files")
    other = sorted(set(stated) - named) if isinstance(stated, dict) else []
    if other:
        message = f"The manifest of the bundle {folder} names {_some(other)}; a bundle holds {_some(named)} alone."
        raise BundleError(message)
    found = sorted(path.name for path in folder.iterdir() if path.name not in {MANIFEST, SIGNATURE, *named})
    if found:
        message = (
            f"The bundle {folder} holds more than its manifest names: {_some(found)}. Remove that if you know where it "
            "comes from; otherwise do not use the bundle."
        )
        raise BundleError(message)


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
    expected, size = (stated.get("sha256"), stated.get("bytes")) if isinstance(stated, dict) else (None, None)
    found = hashlib.sha256(content).hexdigest()
    if found != expected or size != len(content):
        message = (
            f"The bundle {folder} was altered or damaged: the SHA-256 of {name} is {found[:12]}... at {len(content):,} "
            f"bytes, its manifest says {str(expected)[:12]}... at {size}. Do not use it; export or train it again."
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
        _refuse_depth(content)
        # Decoded here, because the parser would guess another encoding, in which brackets look otherwise.
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_number,
        )
    except (ValueError, RecursionError) as error:
        message = f"{path} is not valid JSON: {error}. Export or train the bundle again."
        raise BundleError(message) from error
    if not isinstance(value, dict):
        message = f"{path} holds {type(value).__name__}, expected an object. Export or train the bundle again."
        raise BundleError(message)
    return value


def _refuse_depth(content: bytes) -> None:
    """Count brackets before the parser does: how deep it can go is up to the program that it runs in."""
    depth = 0
    for mark in _MARKS.finditer(content):
        first = content[mark.start()]
        depth += 1 if first in b"[{" else -1 if first in b"]}" else 0
        if depth > DEEPEST:
            message = f"it is nested deeper than {DEEPEST} levels"
            raise ValueError(message)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a name stands twice in one object"
        raise ValueError(message)
    return found


def _number(text: str) -> int | float:
    value = float(text)
    if not (math.isfinite(value) and abs(value) <= LARGEST_NUMBER):
        message = f"the number {text[:20]} is beyond all measure"
        raise ValueError(message)
    return int(text) if text.removeprefix("-").isdigit() else value


def _no_number(text: str) -> NoReturn:
    message = f"{text} is no number"
    raise ValueError(message)


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(map(repr, listed[:5])) + (", ..." if len(listed) > 5 else "")
