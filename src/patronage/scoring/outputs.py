"""Where scores go: one Parquet file, or a folder of them; each appears whole or not at all."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import ConfigError, OutputError
from patronage.files import put_in_place, writing
from patronage.scoring.work import sha256_of

SUFFIX = ".parquet"

Watch = Callable[[pa.Table], None]
"""Told every table of scores in order, while the output is put together."""


class Output(Protocol):
    """A place for scores."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def kind(self) -> str:
        """What it is, in a word."""

    @property
    def encoding(self) -> dict[str, Any]:
        """How parts are written; see `pyarrow.parquet.write_table`."""

    def check(self) -> None:
        """Refuse, before the work, a place that holds something else.

        Raises
        ------
        OutputError
        """

    def publish(self, parts: Sequence[Path], schema: pa.Schema, work: Path, watch: Watch) -> list[dict[str, Any]]:
        """Put finished parts together and in place; return name, bytes and SHA-256 of every file."""


class FileOutput:
    """One Parquet file, with a row group for each part."""

    kind = "file"
    encoding: ClassVar[dict[str, Any]] = {"compression": "none", "use_dictionary": False, "write_statistics": False}

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
        """Refuse a folder of that name."""
        if self.path.is_dir():
            message = f"{self.path} is a folder, but scores are to be one file. Name another out=..., or remove it."
            raise OutputError(message)

    def publish(self, parts: Sequence[Path], schema: pa.Schema, work: Path, watch: Watch) -> list[dict[str, Any]]:
        """Write all parts into one file beside the target, then put it there in one step."""
        unfinished = joined(parts, schema, work / "result.unfinished", watch)
        facts = [file_facts(unfinished, self.path.name)]
        with writing(self.path):
            put_in_place(unfinished, self.path, work / "replaced")
        return facts


class DatasetOutput:
    """A folder with one Parquet file for each part, in order of their names."""

    kind = "dataset"
    encoding: ClassVar[dict[str, Any]] = {}

    def __init__(self, path: Path) -> None:
        self.path = path

    def check(self) -> None:
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

    def publish(self, parts: Sequence[Path], schema: pa.Schema, work: Path, watch: Watch) -> list[dict[str, Any]]:  # noqa: ARG002
        """Gather the parts in a folder, then put it in the place of an earlier one."""
        gathered = work / "result.folder"
        with writing(self.path):
            if gathered.exists():
                shutil.rmtree(gathered)
            gathered.mkdir()
            for part in parts:
                _linked(part, gathered / part.name)
                watch(pq.read_table(part))
            facts = [file_facts(path, f"{self.path.name}/{path.name}") for path in sorted(gathered.iterdir())]
            aside = work / "replaced"
            if aside.exists():
                shutil.rmtree(aside)
            put_in_place(gathered, self.path, aside)
        return facts


def output_of(out: str) -> Output:
    """The output that ``out=`` names: a file by its ending, a folder if it has none.

    Raises
    ------
    ConfigError
        If it has another ending.
    """
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


def _linked(part: Path, target: Path) -> None:
    """Give a file a second name; copy it where the disk knows no such names."""
    try:
        os.link(part, target)
    except OSError:
        shutil.copyfile(part, target)
