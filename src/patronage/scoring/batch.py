"""Batch scoring: a ledger and a date in, one row of scores a customer out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patronage.errors import DateError
from patronage.features.model_input import model_input
from patronage.files import written_whole
from patronage.ledger.tables import LedgerTables
from patronage.runtime.scorer import Scorer
from patronage.schema import SCORE_INTERVALS, SCORE_REASONS, SCORE_VALUES, SCORES, ColumnType, TableSchema
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.reasons import ScoreReasons

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "date": pa.date32(),
    "long": pa.int64(),
    "double": pa.float64(),
    "timestamp": pa.timestamp("us"),
}


def arrow_schema(*tables: TableSchema) -> pa.Schema:
    """The columns of some tables, side by side, in Arrow's terms."""
    columns = [column for table in tables for column in table.columns]
    return pa.schema([pa.field(column.name, ARROW_TYPES[column.type], column.nullable) for column in columns])


MOST_VALUABLE = 5
"""Customers that are shown when a file is finished."""


@dataclass(frozen=True)
class ScoredFile:
    """A finished file of scores.

    Attributes
    ----------
    path : Path
    customers : int
        Rows of the file.
    totals : dict of str to float
        Sums of expected_purchases and clv, and of churn_probability (expected number of churners).
    most_valuable : pyarrow.Table
        The few rows with the highest clv, highest first.
    """

    path: Path
    customers: int
    totals: dict[str, float]
    most_valuable: pa.Table


def score_ledger(
    tables: LedgerTables,
    scorer: Scorer,
    as_of: date,
    model_version: str,
    out: Path | str,
    batch_rows: int,
    on_progress: Callable[[int], None] | None = None,
    intervals: ScoreIntervals | None = None,
    reasons: ScoreReasons | None = None,
) -> ScoredFile:
    """Score every customer known on a date and write a Parquet file, whole or not at all.

    Parameters
    ----------
    tables : LedgerTables
        The facts.
    scorer : Scorer
    as_of : date
        The last day whose facts count.
    model_version : str
        Written into every row.
    out : path
        The file to write; replaced if it exists.
    batch_rows : int
        Customers scored at once, which bounds the memory.
    on_progress : callable, optional
        Told the number of customers after every batch.
    intervals : ScoreIntervals, optional
        With them the file also has the columns of `schema.SCORE_INTERVALS`.
    reasons : ScoreReasons, optional
        With them the file also has the columns of `schema.SCORE_REASONS`.

    Returns
    -------
    ScoredFile

    Raises
    ------
    DateError
        If no customer is known on that date.
    ContractError
        If the ledger lacks facts that the model reads.
    OutputError
        If the file cannot be written.
    """
    table = scoring_input(tables, scorer, as_of)
    totals = dict.fromkeys(("expected_purchases", "clv", "churn_probability"), 0.0)
    further = [table for table, wanted in ((SCORE_INTERVALS, intervals), (SCORE_REASONS, reasons)) if wanted]
    schema = arrow_schema(SCORES, *further)
    customers, most_valuable = 0, schema.empty_table()
    with written_whole(out) as unfinished:
        with pq.ParquetWriter(unfinished, schema) as writer:
            for block, batch in enumerate(table.to_pyarrow_batches(chunk_size=batch_rows)):
                if not batch.num_rows:
                    continue
                scored = score_batch(batch, scorer, as_of, model_version)
                if intervals:
                    scored = beside(scored, SCORE_INTERVALS, intervals.of(dict(_named_columns(batch)), block))
                if reasons:
                    scores = {name: scored[name].to_numpy() for name in SCORE_VALUES.names}
                    scored = beside(scored, SCORE_REASONS, reasons.of(dict(_named_columns(batch)), scores))
                writer.write_table(scored)
                customers += scored.num_rows
                ranked = pa.concat_tables([most_valuable, scored]).sort_by([("clv", "descending")])
                most_valuable = ranked.slice(0, MOST_VALUABLE)
                for name in totals:
                    totals[name] += float(np.sum(scored[name].to_numpy()))
                if on_progress is not None:
                    on_progress(scored.num_rows)
        if not customers:
            message = f"No customer had made a purchase by {as_of}: there is nobody to score."
            raise DateError(message)
    return ScoredFile(Path(out), customers, totals, most_valuable)


def scoring_input(tables: LedgerTables, scorer: Scorer, as_of: date) -> Any:
    """The table that is scored: customer_id and the bundle's inputs, in order of customer_id (an Ibis table)."""
    known = model_input(tables, as_of, scorer.bundle.time_unit, scorer.bundle.inputs)
    return known.drop("as_of").order_by("customer_id")


def score_batch(batch: pa.RecordBatch, scorer: Scorer, as_of: date, model_version: str) -> pa.Table:
    """Score the customers of one batch of `scoring_input`, as `schema.SCORES`."""
    columns: dict[str, Any] = scorer.score(dict(_named_columns(batch)))
    columns |= {
        "customer_id": batch.column("customer_id"),
        "as_of": pa.repeat(pa.scalar(as_of, pa.date32()), batch.num_rows),
        "horizon_days": pa.repeat(pa.scalar(scorer.bundle.horizon_days, pa.int64()), batch.num_rows),
        "model_version": pa.repeat(pa.scalar(model_version), batch.num_rows),
    }
    return pa.table([columns[name] for name in SCORES.names], schema=arrow_schema(SCORES))


def beside(scored: pa.Table, table: TableSchema, columns: Mapping[str, Any]) -> pa.Table:
    """Scores with the columns of a further table beside them; NaN is missing where the table says it may be."""
    schema = arrow_schema(table)
    arrays = [pa.array(columns[field.name], field.type, from_pandas=field.nullable) for field in schema]
    return pa.table([*scored.columns, *arrays], schema=pa.schema([*scored.schema, *schema]))


def _named_columns(batch: pa.RecordBatch) -> Iterator[tuple[str, Any]]:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name != "customer_id":
            yield name, column.to_numpy(zero_copy_only=False)
