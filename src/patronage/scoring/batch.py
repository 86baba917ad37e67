"""One batch of customers scored: their rows in, the columns of a file of scores out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from patronage.features.model_input import model_input
from patronage.ledger.tables import LedgerTables
from patronage.runtime.bundle import Bundle
from patronage.runtime.scorer import AnyScorer, Scorer
from patronage.schema import (
    SCORE_INTERVALS,
    SCORE_REASONS,
    SCORES,
    TABLE_SCORES,
    Column,
    ColumnType,
    TableSchema,
)
from patronage.schema.value import SCORE_PROFIT
from patronage.scoring.feature_rows import CUSTOMER_ID, ROW_DAY
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.profit import ScoreProfit
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.usable import REJECTS, Masks, failures, rejected, unnamed

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


def scoring_input(tables: LedgerTables, scorer: Scorer, as_of: date) -> Any:
    """The table that is scored: customer_id and the bundle's inputs, in order of customer_id (an Ibis table)."""
    known = model_input(tables, as_of, scorer.bundle.time_unit, scorer.bundle.inputs)
    return known.drop("as_of").order_by("customer_id")


@dataclass(frozen=True)
class ScoredRows:
    """What became of some rows: every one of them is in one of the two tables.

    Attributes
    ----------
    scores : pyarrow.Table
        As `RowScorer.schema`.
    rejects : pyarrow.Table
        As `usable.REJECTS`.
    """

    scores: pa.Table
    rejects: pa.Table


@dataclass(frozen=True)
class RowScorer:
    """Scores tables of customers, and sets aside the rows that cannot be scored.

    Attributes
    ----------
    scorer : Scorer or TableScorer
    as_of : date or None
        The day of the scores where rows do not tell theirs; only the model of a customer table may do without.
    model_version : str
        Written into every row.
    intervals, reasons, profit : optional
        What stands beside the scores; the model of a customer table has reasons alone.
    """

    scorer: AnyScorer
    as_of: date | None
    model_version: str
    intervals: ScoreIntervals | None = None
    reasons: ScoreReasons | None = None
    profit: ScoreProfit | None = None

    @property
    def tables(self) -> tuple[TableSchema, ...]:
        """The tables of the schema whose columns are written, side by side."""
        scores = SCORES if isinstance(self.scorer.bundle, Bundle) else TABLE_SCORES
        further = ((SCORE_INTERVALS, self.intervals), (SCORE_REASONS, self.reasons), (SCORE_PROFIT, self.profit))
        return (scores, *(table for table, wanted in further if wanted))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Of the scores."""
        return tuple(column for table in self.tables for column in table.columns)

    @property
    def schema(self) -> pa.Schema:
        """Of the scores."""
        return arrow_schema(*self.tables)

    def of(self, table: pa.Table, first_row: int, part: int) -> ScoredRows:
        """Score some customers.

        Parameters
        ----------
        table : pyarrow.Table
            customer_id and the bundle's inputs, as `feature_rows.FeatureRows` gives them.
        first_row : int
            Number of the first row in the input, from 0.
        part : int
            Number of the part, which seeds the draws of intervals.
        """
        masks = failures(self.scorer.bundle, dict(_named_columns(table))) | unnamed(table[CUSTOMER_ID])
        rows, kept = _without(table, masks, np.arange(table.num_rows))
        scores = self._scored(rows, part)
        beyond = _beyond_numbers(scores, self.schema)
        if beyond:
            for reason, mask in beyond.items():
                masks[reason] = np.zeros(table.num_rows, dtype=bool)
                masks[reason][kept[mask]] = True
            scores, _ = _without(scores, beyond, kept)
        schema = arrow_schema(REJECTS)
        return ScoredRows(scores, rejected(table, masks, first_row, schema) if masks else schema.empty_table())

    def _scored(self, rows: pa.Table, part: int) -> pa.Table:
        if not rows.num_rows:
            return self.schema.empty_table()
        columns = dict(_named_columns(rows))
        # What overflows ends as a score that is no number, and its row among those set aside.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
            scored = score_batch(rows, self.scorer, self.as_of, self.model_version)
        scores = {name: scored[name].to_numpy() for name in self.scorer.bundle.outputs.names}
        if self.intervals:
            scored = beside(scored, SCORE_INTERVALS, self.intervals.of(columns, part))
        if self.reasons:
            scored = beside(scored, SCORE_REASONS, self.reasons.of(columns, scores))
        if self.profit:
            known = self.profit.of(rows["customer_id"].to_numpy(), scores["churn_probability"])
            scored = beside(scored, SCORE_PROFIT, known)
        return scored


def score_batch(
    batch: pa.RecordBatch | pa.Table, scorer: AnyScorer, as_of: date | None, model_version: str
) -> pa.Table:
    """Score the customers of one batch of `scoring_input`, as `schema.SCORES` (of a table's model, `TABLE_SCORES`)."""
    own_days = ROW_DAY in batch.schema.names
    table = SCORES if isinstance(scorer.bundle, Bundle) else TABLE_SCORES
    columns: dict[str, Any] = dict(scorer.score(dict(_named_columns(batch))))
    columns |= {
        "customer_id": batch.column("customer_id"),
        "as_of": batch.column(ROW_DAY) if own_days else pa.repeat(pa.scalar(as_of, pa.date32()), batch.num_rows),
        "horizon_days": pa.repeat(pa.scalar(scorer.bundle.horizon_days, pa.int64()), batch.num_rows),
        "model_version": pa.repeat(pa.scalar(model_version), batch.num_rows),
    }
    return pa.table([columns[name] for name in table.names], schema=arrow_schema(table))


def beside(scored: pa.Table, table: TableSchema, columns: Mapping[str, Any]) -> pa.Table:
    """Scores with the columns of a further table beside them; NaN is missing where the table says it may be."""
    schema = arrow_schema(table)
    arrays = [pa.array(columns[field.name], field.type, from_pandas=field.nullable) for field in schema]
    return pa.table([*scored.columns, *arrays], schema=pa.schema([*scored.schema, *schema]))


def _without(table: pa.Table, masks: Masks, numbers: Any) -> tuple[pa.Table, Any]:
    """The rows that no mask names, with their numbers."""
    if not masks:
        return table, numbers
    kept = np.flatnonzero(~np.logical_or.reduce(list(masks.values())))
    return table.take(pa.array(kept)), numbers[kept]


def _beyond_numbers(scores: pa.Table, schema: pa.Schema) -> Masks:
    """Rows with a score that is no number, by the score."""
    numbers = [field.name for field in schema if field.type == pa.float64() and not field.nullable]
    found = {f"{name} beyond all numbers": ~np.isfinite(scores[name].to_numpy()) for name in numbers}
    return {reason: mask for reason, mask in found.items() if mask.any()}


def _named_columns(batch: pa.RecordBatch | pa.Table) -> Iterator[tuple[str, Any]]:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if name not in (CUSTOMER_ID, ROW_DAY):
            yield name, column.to_numpy() if isinstance(batch, pa.Table) else column.to_numpy(zero_copy_only=False)
