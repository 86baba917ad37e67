"""Where trials are kept, so that a search that was cut off goes on where it was."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from patronage.errors import OutputError
from patronage.files import check_writable
from patronage.models.churn.optional import optional_library

SQLITE = "sqlite:///"

LOCK_SECONDS = 60
"""How long a process waits for another one that writes to the same SQLite file."""

HEARTBEAT_SECONDS = 60
"""How often a trial says that it is alive, in a database that several machines may use; after twice that it is dead."""


@contextmanager
def opened_storage(storage: Path | str | None, study: str) -> Iterator[Any]:
    """Open the storage of a study for one search, and turn its failures into errors of this package.

    A SQLite file lets one search at a time work on a study, so whatever seems to run there was cut off. Other databases
    may be shared by several machines: there a trial is taken for dead once its heartbeat has stopped.

    Parameters
    ----------
    storage : Path or str, optional
        SQLite file, or SQLAlchemy URL of a database that holds nothing but studies; memory if not given.
    study : str
        Name of the study.

    Yields
    ------
    optuna.storages.BaseStorage

    Raises
    ------
    OutputError
        If it cannot be opened or written, or another search works on the study.
    """
    optuna = optional_library("optuna", "tune")
    if storage is None:
        yield optuna.storages.InMemoryStorage()
        return
    url = _url(storage)
    from sqlalchemy.exc import SQLAlchemyError

    busy = f"Another search works on the study {study!r} in {storage}. Wait until it is done, or end it."
    with _locked(url, f".{study}", 0, busy):
        try:
            yield _rdb_storage(optuna, url)
        except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
            raise _unusable(url, error.__cause__ or error) from error


def study_name(storage: Path | str, name: str, *, anew: bool) -> str:
    """Name of the study to work on: the latest of that name, or the one after it.

    Parameters
    ----------
    storage : Path or str
        See `opened_storage`.
    name : str
        Of the first; later ones are called ``name-2``, ``name-3`` and so on.
    anew : bool
        Whether to begin another one if there is one already.

    Raises
    ------
    OutputError
        If the storage cannot be opened.
    """
    optuna = optional_library("optuna", "tune")
    taken = set(optuna.get_all_study_names(_rdb_storage(optuna, _url(storage))))
    number = 1
    while _numbered(name, number + 1) in taken:
        number += 1
    return _numbered(name, number + 1 if anew and name in taken else number)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _url(storage: Path | str) -> str:
    return storage if isinstance(storage, str) and "://" in storage else f"{SQLITE}{Path(storage).absolute()}"


def _rdb_storage(optuna: Any, url: str) -> Any:
    from sqlalchemy.exc import SQLAlchemyError

    sqlite = url.startswith(SQLITE)
    busy = f"Another process has held the studies in {url} for {LOCK_SECONDS} seconds. End it."
    # Two processes that make the tables at once would trip over each other.
    with _locked(url, "", LOCK_SECONDS, busy), warnings.catch_warnings():
        # The heartbeat is called experimental since Optuna 2.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            return optuna.storages.RDBStorage(
                url,
                engine_kwargs={"connect_args": {"timeout": LOCK_SECONDS}} if sqlite else {"pool_pre_ping": True},
                heartbeat_interval=None if sqlite else HEARTBEAT_SECONDS,
            )
        except (SQLAlchemyError, ImportError, ValueError, RuntimeError) as error:
            raise _unusable(url, error) from error


@contextmanager
def _locked(url: str, name: str, seconds: float, busy: str) -> Iterator[None]:
    """Keep other processes away where the database is a file; the system ends this with the process."""
    if not url.startswith(SQLITE):
        yield
        return
    from filelock import FileLock, Timeout

    file = Path(url.removeprefix(SQLITE))
    check_writable(file.parent)
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file.with_name(f"{file.name}{name}.lock"))
    try:
        lock.acquire(timeout=seconds)
    except Timeout as error:
        raise OutputError(busy) from error
    try:
        yield
    finally:
        lock.release()


def _unusable(url: str, reason: BaseException) -> OutputError:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        shown = make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        shown = "a place that is no URL of a database"
    return OutputError(
        f"The studies in {shown} cannot be used: {str(reason).splitlines()[0].rstrip('.')}. Name another file, or a "
        "database that holds studies and nothing else: the tables of MLflow and those of Optuna cannot share one."
    )
