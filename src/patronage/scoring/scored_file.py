"""What is known of finished scores."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa


@dataclass(frozen=True)
class ScoredFile:
    """A finished output.

    Attributes
    ----------
    path : Path or str
        Of the scores: a file or folder, or the table of a database in words.
    customers : int
        Rows of them.
    totals : dict of str to float
        Sums of the scores that can be summed: expected_purchases, clv and churn_probability (expected number of
        churners), as far as the model tells them.
    most_valuable : pyarrow.Table
        The few rows with the highest clv (of a customer table's model, churn_probability), highest first.
    rejected : int
        Rows that could not be scored.
    reasons : dict of str to int
        Their number by reason.
    rejects : Path, str or None
        Where they are.
    manifest : Path or str
    parts, parts_taken_over : int
        All parts, and those that an earlier job had finished.
    dropped : str or None
        Why what an earlier job had finished was of no use, in words.
    """

    path: Path | str
    customers: int
    totals: dict[str, float]
    most_valuable: pa.Table
    rejected: int
    reasons: dict[str, int]
    rejects: Path | str | None
    manifest: Path | str
    parts: int
    parts_taken_over: int
    dropped: str | None

    @property
    def share_rejected(self) -> float:
        """Of the rows in."""
        return self.rejected / (self.customers + self.rejected)
