"""Rows that are scored from a table of a DuckDB file, which is opened to be read only."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from patronage.errors import ConfigError, SourceError
from patronage.schema import TableSchema
from patronage.scoring.feature_rows import CUSTOMER_ID, check_columns
from patronage.scoring.stated import as_stated, ids_as_text

MAGIC, MAGIC_AT = b"DUCK", 8
"""What a DuckDB file holds near its beginning, and where."""

ROWS_AT_ONCE = 100_000
"""Rows that are read together."""


def is_duckdb(location: str) -> bool:
    """Whether there is a DuckDB file at some place."""
    try:
        with Path(location).open("rb") as file:
            return file.read(MAGIC_AT + len(MAGIC))[MAGIC_AT:] == MAGIC
    except OSError:
        return False


class DuckDbRows:
    """Customers with the columns that a model reads, in a table or view of a DuckDB file.

    Parameters
    ----------
    path : str
        The file.
    table : str or None
        NAME or SCHEMA.NAME.
    inputs : TableSchema
        The columns of the model; others in the table are ignored, and order does not matter.

    Raises
    ------
    ConfigError
        If no table is named, with those that there are.
    SourceError
        If there is no such file or table, or the table has no rows.
    ContractError
        If it lacks columns, or has them of another type; all of them at once.
    """

    def __init__(self, path: str, table: str | None, inputs: TableSchema) -> None:
        self.path, self.inputs = path, inputs
        with self._reading() as connection:
            self._catalogue = str(connection.execute("SELECT current_database()").fetchone()[0])
            self.schema, self.table, self._is_view = self._found(connection, table)
            columns = connection.execute(f"SELECT * FROM {self._name} LIMIT 0").to_arrow_reader().schema
            check_columns(columns, inputs, self.location)
            self._length, self._digest = self._summary(connection, columns)
        if not self._length:
            message = f"{self.location} holds no customers: the table has no rows."
            raise SourceError(message)

    def __len__(self) -> int:
        return self._length

    @property
    def location(self) -> str:
        """File and table, for messages."""
        return f"{self.path} ({self.schema}.{self.table})"

    def facts(self) -> dict[str, Any]:
        """What tells this table from another: its place, number of rows, and a hash that knows no order of rows."""
        table = f"{self.schema}.{self.table}"
        return {"location": self.path, "table": table, "rows": self._length, "sha256": self._digest}

    def batches(self) -> pa.RecordBatchReader:
        """The rows as they stand in the table; those of a view in order of customer_id."""
        return pa.RecordBatchReader.from_batches(self._arrow(), self._pieces())

    def parts(self) -> Iterator[pa.Table]:
        """The rows piece by piece, text and numbers as `FeatureRows.parts` gives them."""
        for batch in self._pieces():
            yield as_stated(pa.table(batch), self.inputs, self.location)

    def ids(self) -> Iterator[pa.RecordBatch]:
        """The customers alone, as text."""
        with self._reading() as connection:
            query = f"SELECT {_quoted(CUSTOMER_ID)} FROM {self._name}"
            for batch in connection.execute(query).to_arrow_reader(ROWS_AT_ONCE):
                yield from ids_as_text(pa.table(batch))

    def _arrow(self) -> pa.Schema:
        with self._reading() as connection:
            return connection.execute(f"{self._query} LIMIT 0").to_arrow_reader().schema

    def _pieces(self) -> Iterator[pa.RecordBatch]:
        with self._reading() as connection:
            # Whoever reads a table gets its rows as they lie there; a view would give them in any order.
            yield from connection.execute(self._query).to_arrow_reader(ROWS_AT_ONCE)

    @property
    def _name(self) -> str:
        return ".".join(map(_quoted, (self._catalogue, self.schema, self.table)))

    @property
    def _query(self) -> str:
        columns = ", ".join(map(_quoted, (CUSTOMER_ID, *self.inputs.names)))
        return f"SELECT {columns} FROM {self._name}" + (" ORDER BY ALL" if self._is_view else "")

    def _summary(self, connection: Any, columns: pa.Schema) -> tuple[int, str]:
        names = (CUSTOMER_ID, *self.inputs.names)
        hashed = f"hash({', '.join(map(_quoted, names))})"
        rows, *sums = connection.execute(
            f"SELECT count(*), sum({hashed}), bit_xor({hashed}) FROM {self._name}"
        ).fetchone()
        kinds = [str(columns.field(name).type) for name in names]
        return int(rows), hashlib.sha256(f"{names}{kinds}{rows}{sums}".encode()).hexdigest()

    def _found(self, connection: Any, table: str | None) -> tuple[str, str, bool]:
        """Schema and name of the table, and whether it is a view."""
        there = connection.execute(
            "SELECT table_schema, table_name, table_type = 'VIEW' FROM information_schema.tables "
            "WHERE table_catalog = current_database() ORDER BY ALL"
        ).fetchall()
        names = ", ".join(name if schema == "main" else f"{schema}.{name}" for schema, name, _ in there) or "none"
        if table is None:
            message = f"{self.path} is a DuckDB file: name its table of features as input_table=...; it has: {names}."
            raise ConfigError(message)
        schema, _, name = table.rpartition(".")
        for found in there:
            if found[:2] == (schema or "main", name):
                return str(found[0]), str(found[1]), bool(found[2])
        message = f"{self.path} has no table {table}; it has: {names}. Set input_table to NAME or SCHEMA.NAME."
        raise SourceError(message)

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        if not Path(self.path).is_file():
            message = f"The DuckDB file {Path(self.path).absolute()} does not exist. Set input."
            raise SourceError(message)
        if not is_duckdb(self.path):
            message = (
                f"{self.path} cannot be read as a DuckDB file, for it is none. Of Parquet leave input_table unset."
            )
            raise SourceError(message)
        try:
            with duckdb.connect(self.path, read_only=True) as connection:
                yield connection
        except duckdb.Error as error:
            message = f"{self.path} cannot be read as a DuckDB file: {str(error).splitlines()[0].rstrip('.')}."
            raise SourceError(message) from error


def _quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
