"""What a scoring job asks of the place its results go to."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from patronage.schema import Column, TableSchema
from patronage.scoring.batch import arrow_schema
from patronage.scoring.places import Written

Watch = Callable[[pa.Table], None]
"""Told every table of scores in order, while the output is put together."""


@dataclass(frozen=True)
class Results:
    """What all parts of a job have come to.

    Attributes
    ----------
    scores, rejects : sequence of Path
        Parquet files of the finished parts, in order.
    columns : sequence of Column
        Of the scores.
    watch : callable
        See `Watch`.
    """

    scores: Sequence[Path]
    rejects: Sequence[Path]
    columns: Sequence[Column]
    watch: Watch

    @property
    def schema(self) -> pa.Schema:
        """Of the scores."""
        return arrow_schema_of(self.columns)


@dataclass(frozen=True)
class Published:
    """Results that are in their place, or will be with the manifest.

    Attributes
    ----------
    files : list of dict
        What the manifest says of the output.
    rejects : Path, str or None
        Where rows that could not be scored are; None if there are none.
    manifest : Path or str
        Where the manifest will be.
    tell : callable
        Writes the manifest.
    """

    files: list[dict[str, Any]]
    rejects: Path | str | None
    manifest: Path | str
    tell: Callable[[Mapping[str, Any]], None]


class Output(Protocol):
    """A place for scores."""

    @property
    def path(self) -> Path:
        """Beside which finished parts are kept, and the lock; of files the output itself."""

    @property
    def place(self) -> Path | str:
        """Where it is, for messages and the manifest."""

    @property
    def kind(self) -> str:
        """What it is, in a word."""

    @property
    def encoding(self) -> dict[str, Any]:
        """How parts are written; see `pyarrow.parquet.write_table`."""

    @property
    def writes(self) -> tuple[Written, ...]:
        """Every file and folder that appears on this machine's disk, but for the work folder."""

    def is_there(self) -> bool:
        """Whether there are scores of an earlier job."""

    def check(self, columns: Sequence[Column] | None = None) -> None:
        """Refuse, before the work, a place that holds something else.

        Parameters
        ----------
        columns : sequence of Column, optional
            Of the scores, once they are known.

        Raises
        ------
        OutputError
        """

    def only_writer(self, holder: Path) -> AbstractContextManager[None]:
        """Keep other jobs away; see `lock.only_writer`."""

    def publishing(self, results: Results, work: Path) -> AbstractContextManager[Published]:
        """Put results in place; the block writes the manifest, and with its end all of it stands.

        Raises
        ------
        OutputError
            If it cannot be written.
        """

    def put_unscored(self, results: Results, work: Path) -> Path:
        """Put the rows of a job that could score none of them in a file of their own, and say where that is.

        Earlier scores stay with all that their manifest tells of.

        Raises
        ------
        OutputError
            If it cannot be written.
        """


def work_folder_of(output: Output) -> Path:
    """The hidden folder beside an output."""
    return output.path.with_name(f".{output.path.name}.work")


def writes_of(output: Output) -> tuple[Written, ...]:
    """Every place on the disk that a job with some output writes."""
    return (*output.writes, Written("The work folder of the job", work_folder_of(output), stays=False))


def arrow_schema_of(columns: Sequence[Column]) -> pa.Schema:
    """Columns in Arrow's terms."""
    return arrow_schema(TableSchema("columns", tuple(columns)))
