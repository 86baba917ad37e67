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
from patronage.runtime.bundle import AnyBundle, Bundle
from patronage.runtime.scorer import AnyScorer, Scorer
from patronage.runtime.scorer import model_input as checked_input
from patronage.runtime.table_input import limits
from patronage.runtime.unknown_levels import with_levels
from patronage.schema import TableSchema
from patronage.scoring.feature_rows import CUSTOMER_ID, FeatureRows, found_files
from patronage.scoring.usable import Masks, failures, unnamed

READ_ROWS = 100_000
"""Rows of a table of features that are read at a time."""

KEPT = "reference"
"""Where the training facts of a bundle keep the profile of the customers that the model was made of."""


@dataclass(frozen=True)
class Monitored:
    """Customers with what the model reads of them, and the scores it gives them.

    Attributes
    ----------
    inputs : mapping of str to ndarray, shape (n,)
        Of all rows; numbers that are infinite or too large for the model are missing.
    scores : mapping of str to ndarray, shape (m,)
        Of the rows that can be scored.
    unscored : dict of str to int
        Rows that cannot be scored, by reason; a row may have several.
    where : str
        Whose customers these are, in words.
    """

    inputs: Mapping[str, NDArray[Any]]
    scores: Mapping[str, NDArray[Any]]
    unscored: dict[str, int]
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
    table = pa.concat_tables(rows.parts(0, READ_ROWS))
    return _scored(table, scorer, str(location), unnamed(table[CUSTOMER_ID]))


def reference_facts(ledger: Ledger, bundle: Bundle) -> dict[str, Any]:
    """The profile of the customers that a model was made of, for its training facts.

    Parameters
    ----------
    ledger : Ledger
    bundle : Bundle
        Its as_of is the day.
    """
    return customers_of(ledger, Scorer(bundle), bundle.as_of).profile.facts()


def _scored(table: Any, scorer: AnyScorer, whose: str, nameless: Masks | None = None) -> Monitored:
    bundle = scorer.bundle
    raw = _columns(table, bundle.inputs)
    masks = failures(bundle, raw) | (nameless or {})
    rows = len(next(iter(raw.values())))
    usable = ~np.logical_or.reduce([np.zeros(rows, dtype=bool), *masks.values()])
    unscored = {reason: int(mask.sum()) for reason, mask in with_levels(masks, raw).items()}
    if not usable.any():
        told = ", ".join(f"{reason} ({count:,})" for reason, count in unscored.items()) or "there are none"
        message = f"None of the {rows:,} customers of {whose} can be scored: {told}. Choose another day or table."
        raise InputError(message, counts=unscored)
    scores = scorer.score({name: values[usable] for name, values in raw.items()})
    return Monitored(_without_unusable(raw, bundle), scores, unscored, whose)


def _columns(table: Any, inputs: TableSchema) -> dict[str, NDArray[Any]]:
    """The columns as scorers read them, but with every number that a single row may hold, infinite ones too."""
    lenient = TableSchema(inputs.name, tuple(replace(column, nullable=True) for column in inputs.columns))
    numbers = {
        column.name: np.array(table[column.name], dtype=np.float64)
        for column in inputs.columns
        if column.type != "string"
    }
    finite = {name: np.where(np.isinf(values), np.nan, values) for name, values in numbers.items()}
    found = checked_input({name: finite.get(name, table[name]) for name in inputs.names}, lenient)
    return found | numbers


def _without_unusable(columns: dict[str, NDArray[Any]], bundle: AnyBundle) -> dict[str, NDArray[Any]]:
    """The columns, in which numbers that are infinite or too large for the model count as missing."""
    largest = limits(bundle)
    return {
        name: np.where(np.abs(values) > largest[name], np.nan, values) if name in largest else values
        for name, values in columns.items()
    }
