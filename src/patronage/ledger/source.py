"""What a source of a ledger has to offer: for each of its tables a place to read from, and what its columns mean."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import ibis

from patronage.ledger.engines.engine import Engine
from patronage.ledger.mapping import TableMapping
from patronage.ledger.row_places import LINE as LINE
from patronage.ledger.row_places import SOURCE_FILE as SOURCE_FILE
from patronage.ledger.row_places import SOURCE_ROW as SOURCE_ROW

FieldKind = Literal["id", "text", "number", "time", "any"]


@dataclass(frozen=True)
class Field:
    """A column of the source that the ledger asks for.

    Attributes
    ----------
    name : str
        The source's own name of it.
    ours : str
        What it is wanted for, for messages.
    kind : {"id", "text", "number", "time", "any"}
        What its values shall be, for sources that must choose a type.
    setting : str
        The setting that names it, for messages.
    timestamp_format : str or None
        How texts of kind "time" are written; ISO 8601 if None.
    """

    name: str
    ours: str
    kind: FieldKind
    setting: str = "ledger.columns"
    timestamp_format: str | None = None


@dataclass(frozen=True)
class RawTable:
    """A table as it was found, nothing parsed or dropped yet.

    Attributes
    ----------
    table : ibis.Table
        Columns ``raw_0``, ``raw_1``, ... for the fields that were asked for, in that order and in whatever type the
        source has; ``source_file`` (string; a table's name where there is no file); ``source_row`` (int64; 1 for the
        first readable row of the file, missing where rows have no order); and ``source_text`` (string) if asked for.
    unreadable : ibis.Table or None
        Lines that the reader could not split into columns: source_file, source_line (the header being line 1), reason,
        content. None where there cannot be any.
    digest : str
        SHA-256 over the content that was read.
    lazy : bool
        Whether `table` is a query of typed columns that may be asked again and again. If not, it is computed once and
        `temporary` is dropped.
    temporary : tuple of ibis.Table
        What can be forgotten once the rows are computed.
    """

    table: Any
    unreadable: Any | None
    digest: str
    lazy: bool = False
    temporary: tuple[Any, ...] = ()


class TableSource(Protocol):
    """A place that one table comes from."""

    @property
    def location(self) -> str:
        """Where the rows lie, for messages and tracking."""

    def names(self, engine: Engine) -> tuple[str, ...]:
        """The names of the columns that are there.

        Raises
        ------
        SourceError
            If a file is missing, empty or unreadable.
        """

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Bring the columns asked for behind `engine`.

        Parameters
        ----------
        engine : Engine
        fields : sequence of Field
        whole : bool
            Whether to add `source_text`, in which two rows agree if they agree in every column of the source.

        Raises
        ------
        SourceError
            If a file is missing, empty or unreadable.
        ContractError
            If a column is missing.
        ConfigError
            If the engine cannot read such a source.
        """


@dataclass(frozen=True)
class SourceOfTable:
    """One table of a ledger: where its rows lie and what their columns mean."""

    place: TableSource
    mapping: TableMapping


class LedgerSource(Protocol):
    """A place that a ledger comes from."""

    @property
    def name(self) -> str:
        """Short name for messages and tracking."""

    @property
    def location(self) -> str:
        """Where the data lie, for messages and tracking."""

    @property
    def time_zone(self) -> str:
        """IANA name of the zone in which days are cut, and of timestamps that do not name one."""

    @property
    def tables(self) -> Mapping[str, SourceOfTable]:
        """By the names of `schema.LEDGER_TABLES`; ``transactions`` is always there."""


@dataclass(frozen=True)
class TablesSource:
    """A ledger put together from places for each of its tables; see `LedgerSource`."""

    name: str
    location: str
    tables: Mapping[str, SourceOfTable]
    time_zone: str = "UTC"


def row_text(table: Any, columns: Iterable[str]) -> Any:
    """A text in which two rows agree if and only if they agree in all columns, missing values included."""
    parts = []
    for column in columns:
        text = table[column].cast("string").replace("\x1f", "\x1f\x1f")
        parts += [text.fill_null("\x1f0"), ibis.literal("\x1f1")]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + part
    return joined
