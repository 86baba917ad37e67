"""Where scores go: one Parquet file, a folder of them, or a table of PostgreSQL; each appears whole or not at all."""

import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import ConfigError, OutputError
from patronage.files import put_in_place, writing
from patronage.schema import SCORES, TABLE_SCORES, Column
from patronage.scoring.beside import (
    MANIFEST,
    REJECTED,
    SUFFIX,
    UNSCORED,
    alone_with,
    beside,
    joined,
    joined_rejects,
    require_own_manifest,
    unscored,
)
from patronage.scoring.lock import only_writer
from patronage.scoring.manifest import write_manifest
from patronage.scoring.places import Written
from patronage.scoring.publishing import Output, Published, Results
from patronage.scoring.work import sha256_of

DATABASES = ("postgresql://", "postgres://")
"""How the address of a database begins."""

OF_ALL_SCORES = frozenset(SCORES.names) & frozenset(TABLE_SCORES.names)
"""Columns by which a file is known as one of scores, whatever model made it."""


class _Files(ABC):
    """What one file of scores and a folder of them have in common."""

    kind: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def place(self) -> Path:
        """The file or the folder."""
        return self.path

    def is_there(self) -> bool:
        """Whether there is something at that place."""
        return self.path.exists()

    def only_writer(self, holder: Path) -> AbstractContextManager[None]:
        """Keep other jobs away; see `lock.only_writer`."""
        return only_writer(self.path, holder)

    @property
    def writes(self) -> tuple[Written, ...]:
        """See `publishing.Output.writes`."""
        return (
            Written(f"out={self.path}", self.path, is_folder=self.kind == DatasetOutput.kind),
            *(
                Written(f"The {what} of out={self.path}", beside(self.path, ending))
                for what, ending in (("manifest", MANIFEST), ("rejects", REJECTED), ("unscored rows", UNSCORED))
            ),
        )

    def check(self, columns: Sequence[Column] | None = None) -> None:  # noqa: ARG002
        """Refuse a place that holds something else, or whose manifest is that of another output."""
        self._check_place()
        require_own_manifest(self.path, self.kind)

    @contextmanager
    def publishing(self, results: Results, work: Path) -> Iterator[Published]:
        """Put everything together beside its place, and then there: scores, rejects, and the manifest last."""
        rejects, manifest = beside(self.path, REJECTED), beside(self.path, MANIFEST)
        rejected = joined_rejects(results, work) if results.rejects else None
        finished, facts = self._put_together(results, work)
        with alone_with(manifest):
            require_own_manifest(self.path, self.kind)
            with writing(self.path):
                # A manifest beside other scores than its own would not be true, so the earlier one goes first.
                manifest.unlink(missing_ok=True)
                rejects.unlink(missing_ok=True)
                beside(self.path, UNSCORED).unlink(missing_ok=True)
                put_in_place(finished, self.path, _free(work / "replaced"))
                if rejected is not None:
                    rejected.replace(rejects)
            yield Published(
                facts, rejects if rejected else None, manifest, lambda told: write_manifest(told, manifest, work)
            )

    def put_unscored(self, results: Results, work: Path) -> Path:
        """See `publishing.Output.put_unscored`."""
        return unscored(results, self.path, work)

    @abstractmethod
    def _check_place(self) -> None:
        """Refuse a place that holds something else."""

    @abstractmethod
    def _put_together(self, results: Results, work: Path) -> tuple[Path, list[dict[str, Any]]]:
        """Make the output in the work folder; return it with name, bytes and SHA-256 of its files."""


class FileOutput(_Files):
    """One Parquet file, with a row group for each part."""

    kind = "file"
    encoding: ClassVar[dict[str, Any]] = {"compression": "none", "use_dictionary": False, "write_statistics": False}

    def _check_place(self) -> None:
        if self.path.is_dir():
            message = f"{self.path} is a folder, but scores are to be one file. Name another out=..., or remove it."
            raise OutputError(message)

    def _put_together(self, results: Results, work: Path) -> tuple[Path, list[dict[str, Any]]]:
        unfinished = joined(results.scores, results.schema, work / "result.unfinished", results.watch)
        return unfinished, [file_facts(unfinished, self.path.name)]


class DatasetOutput(_Files):
    """A folder with one Parquet file for each part, in order of their names."""

    kind = "dataset"
    encoding: ClassVar[dict[str, Any]] = {}

    def _check_place(self) -> None:
        if self.path.is_file():
            message = f"{self.path} is a file; for one file of scores give out a name that ends in {SUFFIX}."
            raise OutputError(message)
        if not self.path.is_dir():
            return
        other = sorted(one.name for one in self.path.iterdir() if not _is_part_of_scores(one))
        if other:
            message = (
                f"The folder {self.path} holds {len(other):,} things that are no parts of scores, such as {other[0]}, "
                "and would be replaced. Name another out=... or empty it."
            )
            raise OutputError(message)

    def _put_together(self, results: Results, work: Path) -> tuple[Path, list[dict[str, Any]]]:
        with writing(self.path):
            gathered = _free(work / "result.folder")
            gathered.mkdir()
            for part in results.scores:
                _linked(part, gathered / part.name)
                results.watch(pq.read_table(part))
            return gathered, [file_facts(path, f"{self.path.name}/{path.name}") for path in sorted(gathered.iterdir())]


def output_of(out: str, table: str | None = None, work_folder: str = "outputs") -> Output:
    """The output that ``out=`` names: a file by its ending, a folder if it has none, a table of a database.

    Parameters
    ----------
    out : str
        A path, or ``postgresql://user@host:port/database``.
    table : str, optional
        NAME or SCHEMA.NAME of a table of that database.
    work_folder : str
        Where finished parts are kept until the table is complete.

    Raises
    ------
    ConfigError
        If it has another ending, or a table is named without a database or the other way round.
    """
    if out.startswith(DATABASES):
        from patronage.scoring.postgres_output import PostgresOutput

        return PostgresOutput(out, table, Path(work_folder))
    if table is not None:
        message = f"out_table={table} is of a database, and out names none: give it as out=postgresql://user@host/db."
        raise ConfigError(message)
    path = Path(out)
    if path.name.endswith((f".{REJECTED}", f".{UNSCORED}")):
        message = (
            f"out={out} has the name of a file that goes with scores: those that end in .{REJECTED} or .{UNSCORED} "
            "hold rows without scores. Name another out=..."
        )
        raise ConfigError(message)
    if path.suffix == SUFFIX:
        return FileOutput(_followed(path))
    if out.strip() and path.name and not path.suffix:
        return DatasetOutput(_followed(path))
    message = (
        f"Scores are written as Parquet, but out is {out}: give it a name that ends in {SUFFIX}, or one without an "
        "ending for a folder of such files."
    )
    raise ConfigError(message)


def file_facts(path: Path, name: str) -> dict[str, Any]:
    """Name, bytes and SHA-256 of a file."""
    return {"name": name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _is_part_of_scores(path: Path) -> bool:
    """Whether a file has the name and the columns of a part of scores; tables of features have such names too."""
    if not (path.is_file() and path.name.startswith("part-") and path.suffix == SUFFIX):
        return False
    try:
        return OF_ALL_SCORES.issubset(pq.read_schema(path).names)
    except (pa.ArrowException, OSError):
        return False


def _followed(path: Path) -> Path:
    """Where a link leads; other paths as they are."""
    if not path.is_symlink():
        return path
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        message = f"out={path} is a link that leads nowhere: {error}. Name another out=..."
        raise ConfigError(message) from error


def _free(path: Path) -> Path:
    """A path at which nothing lies, not even what a job left that was killed."""
    if path.is_dir():
        shutil.rmtree(path)
    return path


def _linked(part: Path, target: Path) -> None:
    """Give a file a second name; copy it where the disk knows no such names."""
    try:
        os.link(part, target)
    except OSError:
        shutil.copyfile(part, target)
