"""Copies the runtime's own source, so that an exported model carries the very code that evaluated it."""

import hashlib
import shutil
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_MODULES = ("errors.py", "files.py", "schema", "runtime")


def copy_runtime(destination: Path) -> None:
    """Write the runtime and what it leans on as the package `destination`.

    The modules refer to one another by relative imports only, so the copy works under any name.

    Parameters
    ----------
    destination : Path
        Folder to create; its name becomes the name of the package.
    """
    destination.mkdir(parents=True)
    (destination / "__init__.py").write_text('"""The runtime of patronage, copied unchanged."""\n', encoding="utf-8")
    for name in _MODULES:
        source = _PACKAGE / name
        if source.is_dir():
            shutil.copytree(source, destination / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copyfile(source, destination / name)


def runtime_fingerprint() -> str:
    """First 12 digits of a SHA-256 over the source files that `copy_runtime` copies."""
    digest = hashlib.sha256()
    for name in _MODULES:
        source = _PACKAGE / name
        for path in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
            digest.update(str(path.relative_to(_PACKAGE)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
