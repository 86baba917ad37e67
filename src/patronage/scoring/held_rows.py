"""Rows that are computed once and held in the work folder of a job, from where parts are scored again after a kill."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from patronage.errors import InputError
from patronage.schema import TableSchema
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.work import held_input, written_input

Rows = Callable[[Path], FeatureRows]
"""The rows to score, given the work folder, in which they may be held."""


def held_rows(
    batches: Callable[[], Any], inputs: TableSchema, nobody: InputError | None = None, own_days: bool = False
) -> Rows:
    """Rows that a job computes when it begins, and finds again when it goes on.

    Parameters
    ----------
    batches : callable
        Gives a `pyarrow.RecordBatchReader`: customer_id, the bundle's inputs, and `ROW_DAY` if rows tell their day.
    inputs : TableSchema
        Of the bundle.
    nobody : InputError, optional
        To be raised if there are no rows; else the words of `FeatureRows`.
    own_days : bool
        Whether rows tell their day.
    """

    def held(folder: Path) -> FeatureRows:
        path = held_input(folder)
        if not path.exists():
            written_input(batches(), path)
        try:
            return FeatureRows([path], inputs, own_days)
        except InputError as error:
            if nobody is None:
                raise
            raise nobody from error

    return held
