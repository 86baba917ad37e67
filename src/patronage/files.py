"""Files that appear whole or not at all."""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import OutputError

PART = ".part"
"""Ends the name of a folder in which something is being written."""

REPLACED = "replaced"
"""What stood at a target that is a folder, while its successor takes its place."""

MOST_NAMED = 5
"""Files that a message names."""


@contextmanager
def written_whole(target: Path | str) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it to `target` if the block succeeds, remove it if not.

    The block may create a file or a folder there. A file at `target` is replaced in one step; a folder is
    moved aside first and removed after the new one is in place. What a process that was killed has left of the same
    target is removed first; see `remove_leftovers`.

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
    lock: int | None = None
    try:
        with writing(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(target)
            workplace = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent))
            lock = _held(workplace / _lock_name(target))
            unfinished = workplace / target.name
            yield unfinished
            if unfinished.is_dir() and target.exists():
                target.replace(workplace / REPLACED)
            unfinished.replace(target)
    finally:
        if workplace is not None:
            shutil.rmtree(workplace, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def remove_leftovers(target: Path) -> None:
    """Remove what processes that were killed while they wrote `target` have left beside it.

    Who writes holds a lock, which the system releases with the process, however it ends; so nothing is touched that is
    being written, nor anything without a lock, as on disks and systems that have none. A folder that was moved aside
    and whose successor did not get to its place is put back.

    Parameters
    ----------
    target : Path
        As of `written_whole`.
    """
    ours = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}{re.escape(PART)}")
    found: list[Path] = []
    with suppress(PermissionError):  # A folder may be one to write in, but not to look into.
        found = [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]
    for workplace in found:
        lock = _taken_over(workplace / _lock_name(target))
        if lock is None:
            continue
        try:
            aside = workplace / REPLACED
            if aside.exists() and not target.exists():
                aside.replace(target)
            shutil.rmtree(workplace, ignore_errors=True)
        finally:
            os.close(lock)


def _lock_name(target: Path) -> str:
    return f"{target.name}.lock"


def _held(path: Path) -> int | None:
    """Make a file and lock it before it has its name; its descriptor, or None where nothing can be locked."""
    unlocked = path.with_name(f"{path.name}.new")
    descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    if not _locked(descriptor):
        os.close(descriptor)
        unlocked.unlink()
        return None
    unlocked.rename(path)
    return descriptor


def _taken_over(path: Path) -> int | None:
    """Lock a file whose process has ended; None if it is being held, or is not there."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError:
        return None
    if _locked(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def _locked(descriptor: int) -> bool:
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


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


def check_replaceable(folder: Path | str, made: Collection[str], suffix: str | None = None) -> None:
    """Refuse to replace anything that is not an earlier result of the same kind, or an empty folder.

    Called before a folder is replaced as a whole, and before the work whose result it is.

    Parameters
    ----------
    folder : path
        Where the result shall stand.
    made : collection of str
        Names of the files that such a result may have; one of them at least is in every result.
    suffix : str, optional
        Of further files that it may have, such as ``.png``.

    Raises
    ------
    OutputError
        Naming what does not belong to such a result.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if not folder.is_dir():
        message = f"{folder} is a file, and the result is a folder that would replace it: choose another place."
        raise OutputError(message)
    found = sorted(folder.iterdir())
    known = [one for one in found if one.is_file() and one.name in made]
    others = [one for one in found if one not in known and not (known and suffix and one.suffix == suffix)]
    if others:
        named = ", ".join(one.name for one in others[:MOST_NAMED]) + (", ..." if len(others) > MOST_NAMED else "")
        message = (
            f"{folder} would be replaced as a whole, and holds what does not belong to such a result: {named}. It is "
            "left alone: choose another folder, or an empty one."
        )
        raise OutputError(message)


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
