"""Files that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import OutputError


@contextmanager
def written_whole(target: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` if the block succeeds, remove it if not.

    The block may create a file or a folder there. A file at `target` is replaced in one step; a folder is
    moved aside first and removed after the new one is in place.

    Parameters
    ----------
    target : path
        Where the finished file or folder shall stand. Missing parent folders are created.

    Raises
    ------
    OutputError
        If the folder cannot be created or written.
    """
    target = Path(target)
    workplace: Path | None = None
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            workplace = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
            unfinished = workplace / target.name
            yield unfinished
            if unfinished.is_dir() and target.exists():
                target.replace(workplace / "replaced")
            unfinished.replace(target)
    finally:
        if workplace is not None:
            shutil.rmtree(workplace, ignore_errors=True)


def check_writable(folder: Path | str) -> None:
    """Prove that a folder can be written, or made, and leave no trace.

    Called before long work, so that a run does not end in a result that has nowhere to go.

    Raises
    ------
    OutputError
        If nothing can be written in the folder or, where it is missing, in the nearest one above it.
    """
    folder = Path(folder).absolute()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        message = (
            f"Cannot write into the folder {folder}: {error.strerror or error}. "
            "Choose another folder or change its permissions."
        )
        raise OutputError(message) from error


@contextmanager
def writing(target: Path | str) -> Iterator[None]:
    """Say in words that something cannot be written: the system's error becomes one of ours.

    Raises
    ------
    OutputError
        If the disk is full, or the place cannot be written.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        message = f"Cannot write {target}: {error.strerror or error}. Choose another path or free the place."
        raise OutputError(message) from error


def put_in_place(finished: Path, target: Path, aside: Path) -> None:
    """Move a finished file or folder to its place, after the disk holds it all.

    A file at `target` is replaced in one step; a folder is moved to `aside` first.

    Parameters
    ----------
    finished : Path
        On the same disk as `target`.
    target : Path
    aside : Path
        Where nothing lies yet, on the same disk.
    """
    synced(finished)
    if finished.is_dir() and target.exists():
        target.replace(aside)
    finished.replace(target)
    _sync(target.parent)


def synced(path: Path) -> None:
    """Have the disk hold a file, or a folder with all its files, before anyone relies on it."""
    if path.is_dir():
        for member in path.iterdir():
            synced(member)
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
