"""Whether the columns of a customer table are still those that a model was trained with.

Shares are looked at here, where a whole table is scored: a single row says nothing of them. What becomes of a single
missing value is the same everywhere, see `runtime.known_values`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from patronage.errors import ContractError
from patronage.ledger.customer_table import CustomerTable
from patronage.ledger.table_columns import ReadColumn
from patronage.runtime.bundle import TableBundle
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.runtime.known_values import MISSING_SHARE, UNKNOWN_SHARE, missing, never_missing, unknown
from patronage.runtime.scorer import model_input

UNLIKELY = 1e-6
"""Chance below which more missing values than in training are no accident, small enough for tables of many columns."""

FAR_ABOVE = 0.05
"""How much the missing share must lie above that of training to be warned of: less changes few scores."""

WORTH_WARNING = 0.01
"""The same of values that are none of the model's categories, which training hardly ever holds."""


@dataclass(frozen=True)
class Checked:
    """What was found in the columns of a table.

    Attributes
    ----------
    notes : tuple of str
        What was filled in, or is repeated.
    warnings : tuple of str
        What makes scores worse than they were when they were judged.
    """

    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def check_table(table: CustomerTable, bundle: TableBundle) -> Checked:
    """Hold the columns of a table against those of the training.

    Parameters
    ----------
    table : CustomerTable
        Read with the columns of the bundle's inputs.
    bundle : TableBundle
        Older ones, which do not know what was missing in training, are held against nothing but themselves.

    Returns
    -------
    Checked

    Raises
    ------
    ContractError
        If a column that was known in training holds no number at all, no value at all, or only texts that the model
        does not know; all such columns at once. One or two rows are too few to refuse for what they lack.
    InputError
        If a column is of another type than in training.
    """
    if not len(table):
        return Checked((), ())
    columns = model_input(table.frame, bundle.inputs)
    one_row = 1 / (int(bundle.training.get("ledger", {}).get("customers", 0)) + 1)
    shares: Mapping[str, float] = bundle.training.get(MISSING_SHARE) or {}
    refused, notes, warnings = [], [], []
    for name, values in columns.items():
        found = _Lacking(name, missing(values), shares.get(name), one_row)
        refused += found.refused(table.features[name])
        warnings += found.warnings()
        notes += found.notes(never_missing(bundle.training))
    unknown_shares: Mapping[str, float] = bundle.training.get(UNKNOWN_SHARE) or {}
    for name, known in bundle.churn.categories.items():
        strange = _Strange(name, columns[name], tuple(known), unknown_shares.get(name, 0.0), one_row)
        (refused if strange.is_whole else warnings if strange.is_common else notes).extend(strange.words())
    if refused:
        message = (
            f"The columns are not those that the model was trained with: {'; '.join(refused)}. Look how the table is "
            "written: decimal commas need ledger.decimal=',', words for missing values ledger.missing, and texts have "
            "to be spelt as in training."
        )
        raise ContractError(message)
    return Checked((*notes, *_repeated(table)), tuple(warnings))


@dataclass(frozen=True)
class _Lacking:
    """The missing values of a column; `share` is that of training, if it is known."""

    name: str
    rows: NDArray[np.bool_]
    share: float | None
    one_row: float

    @property
    def in_training(self) -> str:
        return "" if self.share is None else f", in training {self.share:.1%}"

    @property
    def is_no_accident(self) -> bool:
        """Whether so many would be missing by chance in fewer than a millionth of such tables."""
        if self.share is None:
            return False
        # None missing among n rows of training still leaves one in n + 1 to be expected.
        expected = max(self.share, self.one_row)
        return bool(stats.binom.sf(int(self.rows.sum()) - 1, len(self.rows), expected) < UNLIKELY)

    def refused(self, column: ReadColumn) -> list[str]:
        if not self.rows.all() or self.share == 1:
            return []
        n, unreadable = len(self.rows), column.taken_as_missing.get("no number", 0)
        if unreadable:
            first = ", ".join(map(repr, column.no_numbers[:FIRST_EXAMPLES]))
            return [f"{self.name} holds no number ({unreadable:,} of {n:,} are texts: {first}{self._missing_then})"]
        return [f"{self.name} holds no value at all (100.0% missing{self.in_training})"] * self.is_no_accident

    @property
    def _missing_then(self) -> str:
        return "" if self.share is None else f"; in training {self.share:.1%} were missing"

    def warnings(self) -> list[str]:
        now = float(self.rows.mean())
        if self.share is None or now - self.share <= FAR_ABOVE or not self.is_no_accident:
            return []
        return [
            f"{self.name}: {now:.1%} of {len(self.rows):,} rows are missing or no numbers{self.in_training}; the "
            "scores of these customers are worth little"
        ]

    def notes(self, usual: Mapping[str, float | str]) -> list[str]:
        if self.name not in usual or not self.rows.any():
            return []
        value = usual[self.name]
        told = value if isinstance(value, str) else f"{value:.6g}"
        return [
            f"{self.name}: {self.rows.sum():,} missing, which never was so in training: scored with the usual {told}"
        ]


@dataclass(frozen=True)
class _Strange:
    """The values of a column of text that are none of the model's categories; `share` is that of training."""

    name: str
    values: NDArray[np.object_]
    known: tuple[str, ...]
    share: float
    one_row: float

    @property
    def rows(self) -> NDArray[np.bool_]:
        return unknown(self.values, self.known)

    @property
    def is_whole(self) -> bool:
        """Whether no value is known, which a row or two may show by chance."""
        told = ~missing(self.values)
        by_chance = max(self.share, self.one_row) ** int(told.sum())
        return bool(told.any() and self.rows[told].all() and by_chance < UNLIKELY)

    @property
    def is_common(self) -> bool:
        return bool(self.rows.mean() - self.share > WORTH_WARNING)

    def words(self) -> list[str]:
        rows = self.rows
        if not rows.any():
            return []
        first = ", ".join(map(repr, list(dict.fromkeys(self.values[rows].tolist()))[:FIRST_EXAMPLES]))
        known = ", ".join(map(repr, self.known[:FIRST_EXAMPLES])) + ", ..." * (len(self.known) > FIRST_EXAMPLES)
        return [
            f"{self.name}: {rows.sum():,} of {len(rows):,} rows ({rows.mean():.1%}) hold values that the model does "
            f"not know: {first}; it knows {known}"
        ]


def _repeated(table: CustomerTable) -> list[str]:
    """Customers of several rows, which a table of one row a customer should not have."""
    rows = table.customer.to_frame("customer")
    if table.day is not None:
        rows = rows.assign(day=table.day)
    repeated = rows.duplicated()
    if not repeated.any():
        return []
    ids = rows.loc[repeated, "customer"].drop_duplicates()
    first = ", ".join(ids.head(FIRST_EXAMPLES)) + ", ..." * (len(ids) > FIRST_EXAMPLES)
    several = "customer ids are" if len(ids) > 1 else "customer id is"
    return [f"{len(ids):,} {several} repeated ({first}), {repeated.sum():,} rows too many: every row is scored"]
