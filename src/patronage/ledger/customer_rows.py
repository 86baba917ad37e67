"""The rows of a customer table: those that are used, and an account of those that are not."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from patronage.errors import ContractError, SourceError
from patronage.files import written_whole
from patronage.ledger.table_columns import ReadColumn
from patronage.runtime.histories import FIRST_EXAMPLES, FloatArray


@dataclass(frozen=True)
class CustomerTable:
    """The rows of a customer table that can be used, and an account of those that cannot.

    Attributes
    ----------
    features : dict of str to ReadColumn, n rows each
        Numbers and texts, by the table's own names.
    customer : Series of str, shape (n,)
        Who; the number of the row where the table names nobody.
    left : ndarray of float64, shape (n,), or None
        1 for those who left; None where the label was not asked for.
    group : Series or None
        What holds rows together beside the customer.
    day : Series of datetime64 or None
        The day that a row describes.
    price : ndarray of float64, shape (n,), or None
        What the customer pays in a month; missing as NaN.
    dates : dict of str to Series
        Columns of dates, which are no features.
    rows_in : int
        Rows that the source holds.
    set_aside : DataFrame
        source_file, source_row, reasons, record (the row as found).
    notes : tuple of str
        What was not taken as it stands.
    name, location, digest : str
        Where the rows came from, and the SHA-256 of what was read.
    label_words : str
        How the label was understood; empty where it was not asked for.
    """

    features: dict[str, ReadColumn]
    customer: pd.Series
    left: FloatArray | None
    group: pd.Series | None
    day: pd.Series | None
    price: FloatArray | None
    dates: dict[str, pd.Series]
    rows_in: int
    set_aside: pd.DataFrame
    notes: tuple[str, ...]
    name: str
    location: str
    digest: str
    label_words: str = ""

    def __len__(self) -> int:
        """Number of rows that are used."""
        return len(self.customer)

    @property
    def account(self) -> str:
        """The account of the rows in words."""
        counts = self.set_aside["reasons"].value_counts()
        reasons = "".join(f"; {reason}: {count:,}" for reason, count in counts.items())
        return f"{self.rows_in:,} rows in, {len(self):,} used, {len(self.set_aside):,} set aside{reasons}"

    @property
    def frame(self) -> pd.DataFrame:
        """The features side by side."""
        return pd.DataFrame({name: column.values for name, column in self.features.items()})

    def require_fit(self, max_share: float, written: Path | None = None) -> None:
        """Refuse the table if it is empty, or if too many of its rows were set aside.

        Raises
        ------
        SourceError
            If there are no rows at all.
        ContractError
            Saying how many rows were set aside, for which reasons, and the first of them.
        """
        if not self.rows_in:
            message = f"{self.location} holds no customers: a header, but no rows."
            raise SourceError(message)
        share = len(self.set_aside) / self.rows_in
        if len(self) and share <= max_share:
            return
        counts = {str(reason): int(count) for reason, count in self.set_aside["reasons"].value_counts().items()}
        first = [str(row) for row in self.set_aside["source_row"].head(FIRST_EXAMPLES)]
        message = (
            f"{len(self.set_aside):,} of {self.rows_in:,} rows of {self.location} were set aside ({share:.1%}, at most "
            f"{max_share:.1%} may be): {', '.join(f'{reason} {count:,}' for reason, count in counts.items())}. The "
            f"first are the rows {', '.join(first)}."
            + (f" They are written to {written}." if written else "")
            + " Repair the table, or raise contract.max_set_aside_share."
        )
        raise ContractError(message, counts=counts, first_ids=first)

    def write_set_aside(self, path: Path | str) -> None:
        """Write the rows that were set aside as Parquet, if there are any."""
        if len(self.set_aside):
            with written_whole(path) as unfinished:
                self.set_aside.to_parquet(unfinished, index=False)
