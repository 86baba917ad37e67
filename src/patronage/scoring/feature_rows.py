"""The rows that are scored: Parquet files, read in their order and a part at a time."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import ContractError, SourceError
from patronage.schema import TableSchema
from patronage.scoring.stated import CUSTOMER_ID as CUSTOMER_ID
from patronage.scoring.stated import ROW_DAY as ROW_DAY
from patronage.scoring.stated import as_stated, ids_as_text

ROWS_AT_ONCE = 250_000
"""Rows of small row groups that one reader reads."""

BUFFER_BYTES = 2**20
"""Columns are read in pieces of this size, so that a file with one huge row group needs no more memory."""


class FeatureRows:
    """Customers with the columns that a model reads, in Parquet files.

    Parameters
    ----------
    paths : sequence of Path
        The files, whose rows follow one another.
    inputs : TableSchema
        The columns of the model; others in the files are ignored, and order does not matter.
    own_days : bool
        Whether the files have the column `ROW_DAY` too.

    Raises
    ------
    SourceError
        If a file is missing, no Parquet, or all of them hold no rows.
    ContractError
        If a file lacks columns, or has them of another type; all of them at once.
    """

    def __init__(self, paths: Sequence[Path], inputs: TableSchema, own_days: bool = False) -> None:
        self.paths, self.inputs = tuple(paths), inputs
        self.names = (CUSTOMER_ID, *([ROW_DAY] if own_days else []), *inputs.names)
        self._lengths = []
        for path in self.paths:
            with _opened(path) as file:
                check_columns(file.schema_arrow, inputs, str(path))
                self._lengths.append(int(file.metadata.num_rows))
        self._states = [_state(path) for path in self.paths]
        if not len(self):
            message = f"{self.location} holds no customers: no file of it has a row."
            raise SourceError(message)

    def __len__(self) -> int:
        return sum(self._lengths)

    @property
    def location(self) -> str:
        """Where the rows are, for messages."""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"{self.paths[0]}{more}" if self.paths else "the input"

    def facts(self) -> list[dict[str, Any]]:
        """Path, rows, bytes and SHA-256 of every file."""
        found = []
        for path, rows in zip(self.paths, self._lengths, strict=True):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found.append({"path": str(path), "rows": rows, "bytes": path.stat().st_size, "sha256": digest})
        return found

    def ids(self) -> Iterator[pa.RecordBatch]:
        """The customers alone, as text, in the order of the rows."""
        for path in self.paths:
            with _opened(path) as file:
                try:
                    for groups in _together(file, 0):
                        for batch in file.iter_batches(row_groups=groups, columns=[CUSTOMER_ID]):
                            yield from ids_as_text(pa.table(batch))
                except (pa.ArrowException, OSError) as error:
                    raise _unreadable(path, error) from error

    def require_unchanged(self) -> None:
        """Refuse files that are not those that were opened.

        Raises
        ------
        SourceError
            If the size or time of a file has changed since.
        """
        for path, before in zip(self.paths, self._states, strict=True):
            if not path.exists() or _state(path) != before:
                message = (
                    f"{path} has changed while it was scored, so the scores would be of two tables. Nothing was "
                    "written; start again when the file is complete."
                )
                raise SourceError(message)

    def parts(self, start: int, size: int, limit: int | None = None) -> Iterator[pa.Table]:
        """Tables of `size` rows (the last may have fewer), from row `start` on, in the order of the files.

        Parameters
        ----------
        start : int
            A multiple of `size`.
        size : int
        limit : int, optional
            Rows after this number are left out.

        Yields
        ------
        pyarrow.Table
            customer_id, the day if rows tell theirs, and the bundle's inputs: text, and numbers as float64.
        """
        left = min(limit if limit is not None else len(self), len(self)) - start
        pending: list[pa.Table] = []
        held = 0
        for table in self._tables(start, size):
            pending.append(table.slice(0, left))
            held += pending[-1].num_rows
            left -= pending[-1].num_rows
            while held >= size:
                joined = pa.concat_tables(pending)
                yield joined.slice(0, size)
                pending = [joined.slice(size)]
                held -= size
            if left <= 0:
                break
        if held:
            yield pa.concat_tables(pending)

    def _tables(self, start: int, size: int) -> Iterator[pa.Table]:
        """The rows from one on in the types of scorers: files of one table may hold a column in several types."""
        for path, length in zip(self.paths, self._lengths, strict=True):
            if start >= length:
                start -= length
                continue
            with _opened(path) as file:
                first = 0
                while start >= file.metadata.row_group(first).num_rows:
                    start -= file.metadata.row_group(first).num_rows
                    first += 1
                try:
                    for groups in _together(file, first):
                        for batch in file.iter_batches(batch_size=size, row_groups=groups, columns=list(self.names)):
                            if batch.num_rows <= start:
                                start -= batch.num_rows
                                continue
                            found = pa.table(batch.slice(start)).select(list(self.names))
                            yield as_stated(found, self.inputs, str(path))
                            start = 0
                except (pa.ArrowException, OSError) as error:
                    raise _unreadable(path, error) from error


def found_files(location: str | Path) -> list[Path]:
    """The Parquet files of a file, a folder or a glob, in order of their names.

    Raises
    ------
    SourceError
        If there is none.
    """
    path = Path(location)
    if path.is_dir():
        files = sorted(one for one in path.rglob("*.parquet") if not _is_hidden(one.relative_to(path)))
    elif any(sign in str(location) for sign in "*?["):
        anchor = Path(path.anchor) if path.anchor else Path()
        files = sorted(one for one in anchor.glob(str(path.relative_to(anchor))) if one.is_file())
    else:
        files = [path] if path.is_file() else []
    if not files:
        message = (
            f"No Parquet file at {location}: expected a file, a folder with .parquet files, or a glob such as "
            "features/*.parquet."
        )
        raise SourceError(message)
    return files


def _is_hidden(path: Path) -> bool:
    """Whether a file is hidden, or in a hidden folder: such as the finished parts of a job that was stopped.

    As Spark has it, which leaves unfinished files in ``_temporary`` and names the folder of a partition ``_day=1``.
    """
    return any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in path.parts)


def _opened(path: Path) -> Any:
    try:
        return pq.ParquetFile(path, buffer_size=BUFFER_BYTES)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from error


def _together(file: Any, first: int) -> Iterator[list[int]]:
    """Row groups from one on, as many as are read at once: a reader holds all that it has read until it ends."""
    groups: list[int] = []
    rows = 0
    for group in range(first, file.metadata.num_row_groups):
        groups.append(group)
        rows += file.metadata.row_group(group).num_rows
        if rows >= ROWS_AT_ONCE:
            yield groups
            groups, rows = [], 0
    if groups:
        yield groups


def _unreadable(path: Path, error: Exception) -> SourceError:
    reason = str(getattr(error, "strerror", None) or error).splitlines()[0].rstrip(".")
    return SourceError(f"{path} cannot be read as Parquet: {reason}. Feature tables are Parquet files.")


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def check_columns(schema: pa.Schema, inputs: TableSchema, location: str) -> None:
    """Refuse a table whose columns are not those of a model.

    Raises
    ------
    ContractError
        Naming what is lacking, there twice, or of another type; all of it at once.
    """
    if CUSTOMER_ID in inputs.names:
        message = (
            f"The model reads {CUSTOMER_ID} as a feature, so nothing can name the customers of {location}: train it "
            f"again with ledger.customer_id={CUSTOMER_ID}, or with the column left out."
        )
        raise ContractError(message)
    wanted = {CUSTOMER_ID: "text"} | {
        column.name: "text" if column.type == "string" else "numbers" for column in inputs.columns
    }
    lacking = [name for name in wanted if name not in schema.names]
    twice = [name for name in wanted if schema.names.count(name) > 1]
    other = {
        name: str(schema.field(name).type)
        for name, kind in wanted.items()
        if name not in [*lacking, *twice] and not _fits(schema.field(name).type, kind, name == CUSTOMER_ID)
    }
    problems = []
    if lacking:
        problems.append(f"lacks {len(lacking)} of {len(wanted)} columns ({', '.join(lacking)})")
    if twice:
        problems.append(f"has {', '.join(twice)} more than once")
    if other:
        problems.append("has " + ", ".join(f"{name} as {kind}, not {wanted[name]}" for name, kind in other.items()))
    if problems:
        message = (
            f"{location} {', and '.join(problems)}. It has: {', '.join(schema.names) or 'no columns'}. The query that "
            "patronage sql prints computes such a table."
        )
        raise ContractError(message, counts=dict.fromkeys([*lacking, *twice, *other], 1))


def _fits(kind: pa.DataType, wanted: str, is_id: bool) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_null(kind):
        return True
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    if wanted == "text":
        return text or (is_id and pa.types.is_integer(kind))
    return any(
        test(kind) for test in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    )
