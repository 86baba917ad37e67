"""What a source of transactions has to offer, and what it hands to the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class RawTransactions:
    """Transactions as they were found, nothing parsed or dropped yet.

    Attributes
    ----------
    table : ibis.Table
        Columns customer_id, timestamp, amount in whatever type the source has, then source_file (string) and
        source_row (1 for the first readable row of the file).
    unreadable : ibis.Table
        Lines that the reader could not split into columns: source_file, source_line (the header being line 1), reason,
        content.
    timestamp_format : str or None
        strptime pattern of textual timestamps; ISO 8601 if None.
    digest : str
        SHA-256 over the content that was read.
    """

    table: Any
    unreadable: Any
    timestamp_format: str | None
    digest: str


class TransactionSource(Protocol):
    """A place that transactions come from."""

    @property
    def name(self) -> str:
        """Short name for messages and tracking."""

    @property
    def location(self) -> str:
        """Where the data lie, for messages and tracking."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Our column names to the source's own, for messages."""

    def read(self, connection: Any) -> RawTransactions:
        """Load the transactions into the DuckDB behind `connection`.

        Raises
        ------
        SourceError
            If a file is missing, empty or unreadable.
        ContractError
            If a required column is missing.
        """
