"""Scores of a customer table: one row a customer, written whole or not at all."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from patronage.files import written_whole
from patronage.ledger.customer_table import CustomerTable
from patronage.runtime.histories import FloatArray
from patronage.runtime.scorer import TableScorer
from patronage.schema import SCORE_REASONS, TABLE_SCORES
from patronage.scoring.batch import arrow_schema
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.table_checks import Checked, check_table

MOST_AT_RISK = 5
"""Customers that are shown when a file is finished."""


@dataclass(frozen=True)
class ScoredTable:
    """A finished file of scores.

    Attributes
    ----------
    path : Path
    customers : int
        Rows of the file.
    expected_to_leave : float
        Sum of the probabilities.
    most_at_risk : DataFrame
        customer_id and churn_probability of the few rows with the highest, highest first.
    checked : Checked
        What was found in the columns.
    """

    path: Path
    customers: int
    expected_to_leave: float
    most_at_risk: pd.DataFrame
    checked: Checked


def score_table(
    table: CustomerTable,
    scorer: TableScorer,
    model_version: str,
    out: Path | str,
    batch_rows: int,
    as_of: date | None = None,
    reasons: ScoreReasons | None = None,
) -> ScoredTable:
    """Score every row of a customer table and write a Parquet file.

    Parameters
    ----------
    table : CustomerTable
        Read with the columns of the bundle's inputs.
    scorer : TableScorer
    model_version : str
        Written into every row.
    out : path
        The file to write; replaced if it exists.
    batch_rows : int
        Rows scored at once.
    as_of : date, optional
        The day of the scores where rows do not tell theirs.
    reasons : ScoreReasons, optional
        With them the file also has the columns of `schema.SCORE_REASONS`.

    Returns
    -------
    ScoredTable

    Raises
    ------
    InputError
        If a column is of another type than the model was trained with.
    ContractError
        As `check_table`.
    OutputError
        If the file cannot be written.
    """
    checked = check_table(table, scorer.bundle)
    probability = churn_probabilities(table.frame, scorer, batch_rows)
    n = len(table)
    days = [as_of] * n if table.day is None else table.day.dt.date.tolist()
    columns: dict[str, Any] = {
        "customer_id": pa.array(table.customer.tolist(), pa.string()),
        "as_of": pa.array(days, pa.date32()),
        "horizon_days": pa.array([scorer.bundle.horizon_days] * n, pa.int64()),
        "churn_probability": pa.array(probability),
        "model_version": pa.array([model_version] * n, pa.string()),
    }
    schema = arrow_schema(TABLE_SCORES, SCORE_REASONS) if reasons else arrow_schema(TABLE_SCORES)
    if reasons:
        columns |= reasons.of(table.frame, {})
    with written_whole(out) as unfinished:
        pq.write_table(pa.table([columns[name] for name in schema.names], schema=schema), unfinished)
    order = np.argsort(-probability, kind="stable")[:MOST_AT_RISK]
    most = pd.DataFrame({"customer_id": table.customer.iloc[order], "churn_probability": probability[order]})
    return ScoredTable(Path(out), n, float(probability.sum()), most.reset_index(drop=True), checked)


def churn_probabilities(frame: pd.DataFrame, scorer: TableScorer, batch_rows: int) -> FloatArray:
    """Churn probability of every row, computed in batches."""
    parts = [
        scorer.score(frame.iloc[start : start + batch_rows])["churn_probability"]
        for start in range(0, len(frame), batch_rows)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)
