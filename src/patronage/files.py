"""Files that appear whole or not at all."""

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
        target.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        unfinished = workplace / target.name
        yield unfinished
        if unfinished.is_dir() and target.exists():
            target.replace(workplace / "replaced")
        unfinished.replace(target)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        message = f"Cannot write {target}: {error.strerror or error}. Choose another path or free the place."
        raise OutputError(message) from error
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
