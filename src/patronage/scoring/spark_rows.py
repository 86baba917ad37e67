"""The rows of a scoring job that Spark computes or reads: sorted by it, and held in the work folder as Parquet.

From there parts are scored, and scored again after a kill, as if the rows had always been files; see `held_rows`.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

from patronage.errors import DateError, InputError, OutputError, SourceError
from patronage.ledger.engines.spark import SparkEngine
from patronage.ledger.spark_files import readable
from patronage.ledger.tables import LedgerTables
from patronage.runtime.scorer import Scorer
from patronage.schema import TableSchema
from patronage.scoring.batch import scoring_input
from patronage.scoring.feature_rows import CUSTOMER_ID, FeatureRows, check_columns, found_files
from patronage.scoring.held_rows import Rows

HELD = "input.spark"
"""Folder in the work folder with the rows that Spark has written."""

SUCCESS = "_SUCCESS"
"""The file that Spark writes last into a folder of results."""

FILE, POSITION = "patronage source file", "patronage source row"
"""Names, for the time of sorting, of what tells the order of rows in stored files."""


def spark_ledger_rows(tables: LedgerTables, scorer: Scorer, as_of: date, engine: SparkEngine) -> Rows:
    """The customers of a ledger on a date, in order of customer_id, computed once by Spark into the work folder.

    Parameters
    ----------
    tables : LedgerTables
        Of `engine`.
    scorer : Scorer
    as_of : date
    engine : SparkEngine
    """
    wanted = scoring_input(tables, scorer, as_of)
    nobody = DateError(f"No customer had made a purchase by {as_of}: there is nobody to score.")

    def write(address: str) -> None:
        view = engine.view(wanted, "scoring_input")
        try:
            engine.session.table(view.get_name()).orderBy(CUSTOMER_ID).write.parquet(address)
        finally:
            engine.drop(view)

    return _held_by_spark(write, scorer.bundle.inputs, nobody)


class SparkTable:
    """A table of features in storage that only Spark reaches: Parquet at an address such as ``s3a://bucket/features``.

    Parameters
    ----------
    location : str
    inputs : TableSchema
        The columns of the model; others are ignored, and order does not matter.
    engine : SparkEngine

    Raises
    ------
    SourceError
        If there is no Parquet, or no row in it.
    ContractError
        As `feature_rows.check_columns`.
    """

    def __init__(self, location: str, inputs: TableSchema, engine: SparkEngine) -> None:
        from pyspark.sql import functions as F  # noqa: N812

        self.location, self.inputs = location, inputs
        place = [F.col(f"_metadata.{name}") for name in ("file_path", "file_size", "file_modification_time")]
        with readable(location):
            self._frame = engine.session.read.parquet(location)
            check_columns(_arrow_types(self._frame, {CUSTOMER_ID, *inputs.names}), inputs, location)
            listed = self._frame.select(*place).groupBy("file_path", "file_size", "file_modification_time").count()
            self._files = sorted(listed.collect())
        if not len(self):
            message = f"{location} holds no customers: no file of it has a row."
            raise SourceError(message)

    def __len__(self) -> int:
        return sum(int(file["count"]) for file in self._files)

    def facts(self) -> list[dict[str, Any]]:
        """Path, rows, bytes and time of every file, which tell this table from another; it is not read for a hash."""
        return [
            {
                "path": file.file_path,
                "rows": int(file["count"]),
                "bytes": int(file.file_size),
                "modified": str(file.file_modification_time),
            }
            for file in self._files
        ]

    @property
    def rows(self) -> Rows:
        """The rows in the order of the files, brought into the work folder once."""
        from pyspark.sql import functions as F  # noqa: N812

        def write(address: str) -> None:
            order = (F.col("_metadata.file_path").alias(FILE), F.col("_metadata.row_index").alias(POSITION))
            columns = [F.col(f"`{name}`") for name in (CUSTOMER_ID, *self.inputs.names)]
            ordered = self._frame.select(*columns, *order).orderBy(f"`{FILE}`", f"`{POSITION}`")
            ordered.drop(FILE, POSITION).write.parquet(address)

        return _held_by_spark(write, self.inputs)


def _held_by_spark(write: Callable[[str], None], inputs: TableSchema, nobody: InputError | None = None) -> Rows:
    """Rows that Spark writes to an address when a job begins, and that are found again when it goes on."""

    def held(folder: Path) -> FeatureRows:
        place = folder.absolute() / HELD
        if not (place / SUCCESS).exists():
            shutil.rmtree(place, ignore_errors=True)
            with in_words(f"Spark could not compute the customers into {place}"):
                write(f"file://{place}")  # without a scheme it would be a place in the cluster's own file system
        try:
            return FeatureRows(found_files(place), inputs)
        except InputError as error:
            if nobody is None:
                raise
            raise nobody from error

    return held


def _arrow_types(frame: Any, wanted: set[str]) -> pa.Schema:
    """The columns of a frame in Arrow's terms; of those that are not wanted the names alone."""
    from pyspark.sql.pandas.types import to_arrow_type

    return pa.schema(
        [
            (field.name, to_arrow_type(field.dataType) if field.name in wanted else pa.null())
            for field in frame.schema.fields
        ]
    )


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Turn what Spark says into an `OutputError`, which keeps the finished parts of a job."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        told = str(getattr(error, "java_exception", None) or error)
        if "ModuleNotFoundError: No module named" in told:
            module = told.partition("No module named")[2].split()[0].strip("'\"")
            message = (
                f"The workers of Spark lack the Python package {module}: install on all machines what the driver has, "
                "and name their Python by PYSPARK_PYTHON."
            )
            raise OutputError(message) from error
        lines = [line.strip() for line in told.splitlines() if line.strip()] or [type(error).__name__]
        message = f"{what}: {lines[0].rstrip('.')}. The logs of its workers say more."
        raise OutputError(message) from error
