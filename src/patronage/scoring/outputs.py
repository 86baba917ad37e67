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
from patronage.schema import Column
from patronage.scoring.batch import arrow_schema
from patronage.scoring.lock import only_writer
from patronage.scoring.manifest import write_manifest
from patronage.scoring.publishing import Output, Published, Results, Watch
from patronage.scoring.usable import REJECTS
from patronage.scoring.work import sha256_of

SUFFIX = ".parquet"

DATABASES = ("postgresql://", "postgres://")
"""How the address of a database begins."""


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

    @contextmanager
    def publishing(self, results: Results, work: Path) -> Iterator[Published]:
        """Put everything together beside its place, and then there: scores, rejects, and the manifest last."""
        rejects, manifest = beside(self.path, "rejects.parquet"), beside(self.path, "manifest.json")
        rejected = _joined_rejects(results, work) if results.rejects else None
        finished, facts = self._put_together(results, work)
        with writing(self.path):
            # A manifest beside other scores than its own would not be true, so the earlier one goes first.
            manifest.unlink(missing_ok=True)
            rejects.unlink(missing_ok=True)
            put_in_place(finished, self.path, _free(work / "replaced"))
            if rejected is not None:
                rejected.replace(rejects)
        yield Published(
            facts, rejects if rejected else None, manifest, lambda told: write_manifest(told, manifest, work)
        )

    def put_rejects(self, results: Results, work: Path) -> Path:
        """Put rejects alone in their place; earlier scores stay."""
        rejects = beside(self.path, "rejects.parquet")
        _joined_rejects(results, work).replace(rejects)
        return rejects

    @abstractmethod
    def _put_together(self, results: Results, work: Path) -> tuple[Path, list[dict[str, Any]]]:
        """Make the output in the work folder; return it with name, bytes and SHA-256 of its files."""


class FileOutput(_Files):
    """One Parquet file, with a row group for each part."""

    kind = "file"
    encoding: ClassVar[dict[str, Any]] = {"compression": "none", "use_dictionary": False, "write_statistics": False}

    def check(self, columns: Sequence[Column] | None = None) -> None:  # noqa: ARG002
        """Refuse a folder of that name."""
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

    def check(self, columns: Sequence[Column] | None = None) -> None:  # noqa: ARG002
        """Refuse a folder that holds anything but an earlier dataset, which would be lost."""
        if self.path.is_file():
            message = f"{self.path} is a file; for one file of scores give out a name that ends in {SUFFIX}."
            raise OutputError(message)
        if not self.path.is_dir():
            return
        other = sorted(one.name for one in self.path.iterdir() if not _is_part(one))
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
    if path.suffix == SUFFIX:
        return FileOutput(path)
    if out.strip() and path.name and not path.suffix:
        return DatasetOutput(path)
    message = (
        f"Scores are written as Parquet, but out is {out}: give it a name that ends in {SUFFIX}, or one without an "
        "ending for a folder of such files."
    )
    raise ConfigError(message)


def beside(output: Path, ending: str) -> Path:
    """A file that belongs to an output: ``scores.parquet`` has ``scores.rejects.parquet`` and the like."""
    return output.with_name(f"{output.name.removesuffix(SUFFIX)}.{ending}")


def joined(parts: Sequence[Path], schema: pa.Schema, path: Path, watch: Watch | None = None) -> Path:
    """Write Parquet files as one, a row group each.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    # The ids of customers differ from row to row: looking for equal ones takes time and saves nothing.
    repeated = [name for name in schema.names if name != "customer_id"]
    with writing(path), pq.ParquetWriter(path, schema, use_dictionary=repeated) as writer:
        for part in parts:
            table = pq.read_table(part, schema=schema, memory_map=True)
            writer.write_table(table, row_group_size=table.num_rows)
            if watch is not None:
                watch(table)
    return path


def file_facts(path: Path, name: str) -> dict[str, Any]:
    """Name, bytes and SHA-256 of a file."""
    return {"name": name, "bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _is_part(path: Path) -> bool:
    return path.is_file() and path.name.startswith("part-") and path.suffix == SUFFIX


def _joined_rejects(results: Results, work: Path) -> Path:
    return joined(results.rejects, arrow_schema(REJECTS), work / "rejects.unfinished")


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
