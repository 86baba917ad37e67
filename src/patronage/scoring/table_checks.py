"""Whether the columns of a whole table are still those that a model was trained with, before it is scored."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from patronage.errors import ContractError
from patronage.ledger.customer_rows import CustomerTable
from patronage.ledger.table_columns import ReadColumn
from patronage.runtime.bundle import AnyBundle, TableBundle
from patronage.runtime.column_checks import Counts, Judged, added, counted, judged
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.runtime.scorer import model_input

OF_TEXTS = (
    "Look how the table is written: decimal commas need ledger.decimal=',', words for missing values ledger.missing, "
    "and texts have to be spelt as in training."
)
"""What to do where texts were to be numbers."""

OF_VALUES = "Look how the table was made: its columns need values, and texts have to be spelt as in training."
"""What to do where they were not: nothing about how numbers are written can help there."""


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


def check_table(table: CustomerTable, bundle: TableBundle, advice: str | None = None) -> Checked:
    """Hold the columns of a customer table against those of the training.

    Parameters
    ----------
    table : CustomerTable
        Read with the columns of the bundle's inputs.
    bundle : TableBundle
        Older ones, which do not know what was missing in training, are held against nothing but themselves.
    advice : str, optional
        What to do where columns are refused, for a table that nobody wrote: one made of a ledger.

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
    counts = counted(model_input(table.frame, bundle.inputs), bundle.churn.categories)
    texts = {name: words for name, column in table.features.items() if (words := _no_numbers(column))}
    found = judged(counts, bundle, texts)
    _refuse(found, advice or (OF_TEXTS if texts else OF_VALUES))
    return Checked((*found.notes, *_repeated(table)), found.warnings)


def check_rows(parts: Iterable[pa.Table], location: str, bundle: AnyBundle) -> Checked:
    """Hold the columns of a table of features against those of the training, in one pass and bounded memory.

    Parameters
    ----------
    parts : iterable of pyarrow.Table
        The rows piece by piece, as `FeatureRows.parts` gives them.
    location : str
        Where they are, for messages.
    bundle : Bundle or TableBundle

    Returns
    -------
    Checked

    Raises
    ------
    ContractError
        As `check_table`.
    """
    counts: Counts | None = None
    for part in parts:
        columns = {name: part[name].to_numpy() for name in bundle.inputs.names}
        counts = added(counts, counted(columns, bundle.churn.categories))
    found = judged(counts or {}, bundle)
    _refuse(found, f"Look how {location} was made: texts have to be spelt as in training.")
    return Checked(found.notes, found.warnings)


def _refuse(found: Judged, advice: str) -> None:
    if found.refused:
        message = f"The columns are not those that the model was trained with: {'; '.join(found.refused)}. {advice}"
        raise ContractError(message)


def _no_numbers(column: ReadColumn) -> str:
    """Words on a column whose texts are no numbers; empty for any other."""
    unreadable = column.taken_as_missing.get("no number", 0)
    first = ", ".join(map(repr, column.no_numbers[:FIRST_EXAMPLES]))
    return f"{unreadable:,} of {len(column.values):,} are texts: {first}" if unreadable else ""


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
