"""One table of a ledger that an Ibis connection or a data frame already holds."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ibis
from ibis.common.exceptions import IbisError

from patronage.errors import ContractError, SourceError
from patronage.ledger.engines.engine import Engine
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, RawTable, row_text


@dataclass(frozen=True)
class IbisTable:
    """A table or query of an Ibis connection; see `TableSource`.

    Behind the engine's own connection it stays where it is. Behind another it is brought over batch by batch.

    Attributes
    ----------
    table : ibis.Table
    location : str
        Its name, for messages.
    """

    table: Any
    location: str

    def names(self, engine: Engine) -> tuple[str, ...]:  # noqa: ARG002
        """The columns of the table."""
        return tuple(self.table.columns)

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Look into the table at each use, or bring it over once; see `TableSource.read`."""
        require_fields(self.location, self.names(engine), fields)
        wanted = {f"raw_{number}": self.table[field.name] for number, field in enumerate(fields)}
        if whole:
            wanted[LINE] = row_text(self.table, self.table.columns)
        rows = self.table.select(**wanted, **{SOURCE_FILE: ibis.literal(self.location), SOURCE_ROW: ibis.null("int64")})
        if self._is_behind(engine):
            return RawTable(rows, None, rows_digest(rows), lazy=True)
        try:
            held = engine.load(rows.to_pyarrow_batches(), "rows")
        except IbisError as error:
            message = f"{self.location} cannot be read: {str(error).splitlines()[0]}."
            raise SourceError(message) from error
        return RawTable(held, None, rows_digest(held), temporary=(held,))

    def _is_behind(self, engine: Engine) -> bool:
        backends, _ = self.table._find_backends()
        return not backends or backends == [engine.connection]


@dataclass(frozen=True, eq=False)
class FrameTable:
    """A pandas, Polars or Arrow table; see `TableSource`.

    Attributes
    ----------
    frame : pandas.DataFrame, polars.DataFrame, polars.LazyFrame or pyarrow.Table
    location : str
        What messages call it.
    """

    frame: Any
    location: str

    def names(self, engine: Engine) -> tuple[str, ...]:  # noqa: ARG002
        """The columns of the frame."""
        return tuple(_columns(self.frame))

    def read(self, engine: Engine, fields: Sequence[Field], whole: bool = False) -> RawTable:
        """Bring the frame behind the engine; see `TableSource.read`."""
        import pyarrow

        names = _columns(self.frame)
        doubled = sorted({field.name for field in fields if names.count(field.name) > 1})
        if doubled:
            message = f"{self.location} names these columns more than once: {', '.join(doubled)}. Rename them."
            raise ContractError(message)
        require_fields(self.location, names, fields)
        arrow = _as_arrow(
            self.frame, names if whole else list(dict.fromkeys(field.name for field in fields)), self.location
        )
        columns = {f"raw_{number}": arrow[field.name] for number, field in enumerate(fields)}
        if whole:
            columns |= {f"all_{number}": column for number, column in enumerate(arrow.columns)}
        columns[SOURCE_FILE] = pyarrow.repeat(self.location, arrow.num_rows)
        columns[SOURCE_ROW] = pyarrow.array(range(1, arrow.num_rows + 1), pyarrow.int64())
        table = pyarrow.table(columns)
        held = engine.load(table, "rows")
        rows = held
        if whole:
            every = [name for name in held.columns if name.startswith("all_")]
            rows = held.mutate(**{LINE: row_text(held, every)}).drop(*every)
        return RawTable(rows, None, _arrow_digest(table), temporary=(held,))


def require_fields(location: str, names: Sequence[str], fields: Sequence[Field]) -> None:
    """Refuse a table that lacks a column asked for.

    Raises
    ------
    ContractError
        Naming all such columns, and those that are there.
    """
    lacking = [field for field in fields if field.name not in names]
    if lacking:
        message = (
            f"{location} lacks the column{'s' if len(lacking) > 1 else ''} "
            f"{', '.join(f'{field.name} (for {field.ours})' for field in lacking)}. It has: {', '.join(names)}. "
            f"Set {' and '.join(dict.fromkeys(field.setting for field in lacking))} to the names in the table."
        )
        raise ContractError(message)


def rows_digest(rows: Any) -> str:
    """SHA-256 of a summary of rows that does not depend on their order: their number, and sums of their hashes.

    Engines hash differently, so it is the same only on the same engine.
    """
    columns = [name for name in rows.columns if name not in (SOURCE_FILE, SOURCE_ROW)]
    hashed = row_text(rows, columns).hash()
    summary = rows.aggregate(rows=rows.count(), low=(hashed % 1_000_003).sum(), high=(hashed % 2_147_483_647).sum())
    found = summary.to_pyarrow().to_pylist()[0]
    return hashlib.sha256(f"{columns}{sorted(found.items())}".encode()).hexdigest()


def _columns(frame: Any) -> list[str]:
    names = frame.collect_schema().names() if hasattr(frame, "collect_schema") else _names(frame)
    return [str(name) for name in names]


def _names(frame: Any) -> list[Any]:
    return list(frame.column_names) if hasattr(frame, "column_names") else list(frame.columns)


def _as_arrow(frame: Any, names: list[str], location: str) -> Any:
    import pyarrow

    if isinstance(frame, pyarrow.Table):
        return frame.select(names) if len(set(names)) == len(names) else frame
    if hasattr(frame, "collect"):  # a lazy frame of Polars
        frame = frame.collect()
    try:
        if hasattr(frame, "to_arrow"):
            return frame.select(names).to_arrow()
        frame = frame.set_axis([str(name) for name in frame.columns], axis="columns")
        return pyarrow.Table.from_pandas(frame[names], preserve_index=False)
    except (pyarrow.ArrowException, ValueError) as error:
        message = (
            f"{location} holds a column with values of several types: {str(error).splitlines()[0]}. "
            "Give each column one type, for example astype(str)."
        )
        raise ContractError(message) from error


def _arrow_digest(table: Any) -> str:
    import pyarrow

    class Sink:
        """What is written to it is hashed and forgotten."""

        closed = False

        def __init__(self) -> None:
            self.digest = hashlib.sha256()

        def write(self, piece: Any) -> int:
            self.digest.update(piece)
            return len(piece)

        def flush(self) -> None:
            """Nothing is held back."""

    sink = Sink()
    with pyarrow.ipc.new_stream(pyarrow.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.digest.hexdigest()
