"""The rows of a panel, checked once for all candidates, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from patronage.errors import FitError, InputError
from patronage.models.base import required_columns
from patronage.models.churn.columns import feature_columns

FIRST_IDS = 5
"""How many offending customers a message names."""


@dataclass(frozen=True)
class PanelRows:
    """Customers at their cut-offs, n rows.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n,)
        The features, from `feature_columns`.
    churned : ndarray of int8, shape (n,)
        1 if the customer did not buy within the horizon.
    customer : ndarray of int, shape (n,)
        Numbers that tell customers apart.
    cutoff : ndarray of int, shape (n,)
        Rank of the cut-off in time, 0 for the earliest.
    """

    columns: dict[str, NDArray[Any]]
    churned: NDArray[np.int8]
    customer: NDArray[np.intp]
    cutoff: NDArray[np.intp]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.churned)

    @property
    def latest(self) -> NDArray[np.bool_]:
        """Rows at the latest cut-off, the one nearest to the time of scoring."""
        return np.asarray(self.cutoff == self.cutoff.max())

    def take(self, rows: NDArray[Any]) -> "PanelRows":
        """Some of the rows, by their positions or by a mask."""
        columns = {name: values[rows] for name, values in self.columns.items()}
        return PanelRows(columns, self.churned[rows], self.customer[rows], self.cutoff[rows])

    @property
    def uninformative(self) -> tuple[str, ...]:
        """Features with the same value in every row, or with none at all: no model learns anything from them."""
        return tuple(name for name, values in self.columns.items() if pd.Series(values).nunique(dropna=False) < 2)


def panel_rows(panel: pd.DataFrame, features: Sequence[str], n_folds: int) -> PanelRows:
    """Check a panel and take it apart.

    Parameters
    ----------
    panel : DataFrame
        One row for every customer and cut-off: customer_id, cutoff (date), churned (0 or 1) and the features; missing
        features are NaN or None. A table without dates may do without cutoff, if no customer has two rows.
    features : sequence of str
    n_folds : int
        Into so many parts the customers are to be cut.

    Raises
    ------
    InputError
        If a column is missing or of an unusable type, a label is neither 0 nor 1, or a customer or cut-off is missing.
    FitError
        If there are too few customers for the folds, or only one class at the latest cut-off.
    """
    required_columns(panel, ("customer_id", "churned", *features))
    customers = panel["customer_id"]
    dated = "cutoff" in panel
    if not dated and customers.duplicated().any():
        required_columns(panel, ("cutoff",))
    refuse_missing(customers, panel["cutoff"] if dated else None)
    rows = PanelRows(
        columns=feature_columns(panel, features),
        churned=checked_labels(panel["churned"], customers),
        customer=pd.factorize(customers)[0],
        cutoff=pd.factorize(panel["cutoff"], sort=True)[0] if dated else np.zeros(len(panel), dtype=np.intp),
    )
    _refuse_few(rows, n_folds)
    return rows


def refuse_missing(customers: pd.Series, cutoffs: pd.Series | None) -> None:
    """Refuse rows without a customer or a cut-off.

    Raises
    ------
    InputError
        Saying how many there are.
    """
    counts = {"without customer_id": int(customers.isna().sum())}
    counts["without cutoff"] = 0 if cutoffs is None else int(cutoffs.isna().sum())
    found = {reason: count for reason, count in counts.items() if count}
    if found:
        listed = ", ".join(f"{count:,} rows {reason}" for reason, count in found.items())
        message = f"Every row of a churn panel belongs to a customer and a cut-off; there are {listed}. Leave them out."
        raise InputError(message, counts=found)


def checked_labels(churned: pd.Series, customers: pd.Series) -> NDArray[np.int8]:
    """Labels as 0 and 1.

    Raises
    ------
    InputError
        If there is anything else among them, naming the first customers.
    """
    values = pd.to_numeric(churned, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    wrong = ~np.isin(values, (0.0, 1.0))
    if wrong.any():
        first = [str(one) for one in customers[wrong].unique()[:FIRST_IDS]]
        examples = ", ".join(repr(one) for one in churned[wrong].unique()[:FIRST_IDS].tolist())
        message = (
            f"churned must be 1 for those who left and 0 for all others; {wrong.sum():,} of {len(values):,} rows hold "
            f"something else ({examples}). The first customers are {', '.join(first)}. Turn the labels into numbers."
        )
        raise InputError(message, counts={"neither 0 nor 1": int(wrong.sum())}, first_ids=first)
    return values.astype(np.int8)


def _refuse_few(rows: PanelRows, n_folds: int) -> None:
    customers = len(np.unique(rows.customer))
    classes = np.bincount(rows.churned[rows.latest], minlength=2) if len(rows) else np.zeros(2, dtype=np.intp)
    if customers < 2 * n_folds or classes.min() < n_folds:
        message = (
            f"The churn classifier needs at least {2 * n_folds} customers and {n_folds} of each class at "
            f"the latest cut-off; got {customers} customers, {classes[1]} churned and {classes[0]} active. "
            "Choose a horizon or cut-offs at which some customers leave and some stay."
        )
        raise FitError(message)
