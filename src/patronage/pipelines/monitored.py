"""The customers that monitoring compares: of a ledger on a day, or of a table of features; and their profile."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from patronage.errors import InputError
from patronage.evaluation.profile import Profile, profile_of
from patronage.features.model_input import model_input
from patronage.ledger.opening import Ledger
from patronage.runtime.bundle import Bundle
from patronage.runtime.scorer import AnyScorer, Scorer
from patronage.runtime.scorer import model_input as checked_input
from patronage.schema import TableSchema
from patronage.scoring.feature_rows import FeatureRows, found_files
from patronage.scoring.usable import failures

READ_ROWS = 100_000
"""Rows of a table of features that are read at a time."""

KEPT = "reference"
"""Where the training facts of a bundle keep the profile of the customers that the model was made of."""


@dataclass(frozen=True)
class Monitored:
    """Customers with what the model reads of them, and the scores it gives them.

    Attributes
    ----------
    inputs, scores : mapping of str to ndarray, shape (n,)
    left_out : dict of str to int
        Rows that cannot be scored, by reason.
    where : str
        Whose customers these are, in words.
    """

    inputs: Mapping[str, NDArray[Any]]
    scores: Mapping[str, NDArray[Any]]
    left_out: dict[str, int]
    where: str

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def profile(self) -> Profile:
        """Counts of all columns."""
        return profile_of(self.inputs, self.scores)


def customers_of(ledger: Ledger, scorer: Scorer, as_of: date, within_days: int | None = None) -> Monitored:
    """The customers of a ledger on a day, or those of them who are new.

    Parameters
    ----------
    ledger : Ledger
    scorer : Scorer
    as_of : date
    within_days : int, optional
        Only those who first bought at most so many days before.

    Raises
    ------
    InputError
        If there are none.
    """
    bundle = scorer.bundle
    table = model_input(ledger.tables, as_of, bundle.time_unit, bundle.inputs)
    whose = f"{ledger.name} as of {as_of}"
    if within_days is not None:
        table = table.filter(table["T"] * bundle.time_unit.days <= within_days + 0.5)
        whose += f", first purchase within {within_days:,} days"
    return _scored(table.select(*bundle.inputs.names).execute(), scorer, whose)


def customers_in(location: str, scorer: AnyScorer) -> Monitored:
    """The customers of a table of features.

    Raises
    ------
    SourceError, ContractError
        If it cannot be read, or lacks columns.
    InputError
        If it has none that can be scored.
    """
    rows = FeatureRows(found_files(location), scorer.bundle.inputs)
    return _scored(pa.concat_tables(rows.parts(0, READ_ROWS)), scorer, str(location))


def reference_facts(ledger: Ledger, bundle: Bundle) -> dict[str, Any]:
    """The profile of the customers that a model was made of, for its training facts.

    Parameters
    ----------
    ledger : Ledger
    bundle : Bundle
        Its as_of is the day.
    """
    return customers_of(ledger, Scorer(bundle), bundle.as_of).profile.facts()


def _scored(table: Any, scorer: AnyScorer, whose: str) -> Monitored:
    # What may be wrong with single rows is found below, and counted.
    lenient = TableSchema("batch", tuple(replace(column, nullable=True) for column in scorer.bundle.inputs.columns))
    columns = checked_input(_without_infinite(table, lenient), lenient)
    rows = len(next(iter(columns.values())))
    masks = failures(scorer.bundle, columns)
    usable = ~np.logical_or.reduce([np.zeros(rows, dtype=bool), *masks.values()])
    left_out = {reason: int(mask.sum()) for reason, mask in masks.items()}
    if not usable.any():
        told = ", ".join(f"{reason} ({count:,})" for reason, count in left_out.items()) or "there are none"
        message = f"None of the {rows:,} customers of {whose} can be scored: {told}. Choose another day or table."
        raise InputError(message, counts=left_out)
    inputs = {name: values[usable] for name, values in columns.items()}
    return Monitored(inputs, scorer.score(inputs), left_out, whose)


def _without_infinite(table: Any, inputs: TableSchema) -> dict[str, Any]:
    """The columns, in which infinite numbers count as missing: a customer is not left out of all for one of them."""
    found: dict[str, Any] = {}
    for column in inputs.columns:
        values = table[column.name]
        if column.type != "string":
            numbers = np.array(values, dtype=np.float64)
            values = np.where(np.isinf(numbers), np.nan, numbers)
        found[column.name] = values
    return found
