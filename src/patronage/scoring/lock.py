"""One job at a time for one output."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from patronage.errors import OutputError
from patronage.files import writing


@contextmanager
def only_writer(target: Path, holder: Path) -> Iterator[None]:
    """Keep other jobs away from an output; the system ends this with the process, however it ends.

    Parameters
    ----------
    target : Path
        The output; the lock is a hidden file beside it, which is gone afterwards.
    holder : Path
        File that says to others who is at work.

    Raises
    ------
    OutputError
        If another job writes this output, saying which process, on which machine, since when.
    """
    from filelock import FileLock, Timeout

    path = target.with_name(f".{target.name}.lock")
    lock = FileLock(path)
    with writing(target):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            message = f"{target} is being written by another job{_who(holder)}. Wait for it, or choose another out=..."
            raise OutputError(message) from error
    try:
        with writing(target):
            holder.parent.mkdir(exist_ok=True)
            since = datetime.now(UTC).isoformat(timespec="seconds")
            facts = {"process": os.getpid(), "machine": socket.gethostname(), "since": since}
            holder.write_text(json.dumps(facts), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        # Taken away while it is held: who opened the file before finds a file without a name, and tries again.
        path.unlink(missing_ok=True)
        lock.release()


def _who(holder: Path) -> str:
    try:
        facts = json.loads(holder.read_text(encoding="utf-8"))
        return f": process {facts['process']} on {facts['machine']}, since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ", which has only begun"
