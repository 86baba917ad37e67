"""NUL characters in texts, which PostgreSQL cannot hold: rows that have one are counted and refused."""

from typing import Any

from patronage.errors import SourceError
from patronage.ledger.engines.engine import BATCH_ROWS
from patronage.ledger.row_places import SOURCE_FILE, SOURCE_ROW

NUL = "\0"

FIRST_SHOWN = 5
"""So many rows are shown."""

SHOWN_BEFORE = 40
"""So many characters are shown before the NUL."""


class NulCharacters:
    """Counts rows with a NUL character in a text, batch by batch, and remembers the first of them."""

    def __init__(self) -> None:
        self._rows = self._found = 0
        self._first: list[str] = []

    def found_in(self, batch: Any, written: bytes) -> bool:
        """Whether this batch or one before it has such a row.

        Parameters
        ----------
        batch : pyarrow.RecordBatch
        written : bytes
            The same rows as text; only if it has a NUL are the rows looked at one by one.
        """
        self._rows += batch.num_rows
        if NUL.encode() in written:
            texts = batch.select(
                [field.name for field in batch.schema if field.name == SOURCE_ROW or _is_text(field.type)]
            )
            for start in range(0, batch.num_rows, BATCH_ROWS):
                for row in texts.slice(start, BATCH_ROWS).to_pylist():
                    self._see(row)
        return self._found > 0

    def refuse(self) -> None:
        """Refuse the rows if any was found.

        Raises
        ------
        SourceError
            With their number and the first of their texts.
        """
        if not self._found:
            return
        more = " ..." if self._found > len(self._first) else ""
        message = (
            f"PostgreSQL cannot hold NUL characters (\\x00), and {self._found} of {self._rows} rows have one in a "
            f"text: {', '.join(self._first)}{more}. Take them out of the data, or read it with engine=duckdb."
        )
        raise SourceError(message, counts={"NUL character": self._found}, first_ids=self._first)

    def _see(self, row: dict[str, Any]) -> None:
        """Take one row: its texts, and the file and number that rows of a source have."""
        text = next((value for value in row.values() if isinstance(value, str) and NUL in value), None)
        if text is None:
            return
        self._found += 1
        if len(self._first) < FIRST_SHOWN:
            number = row.get(SOURCE_ROW)
            place = "" if number is None else f" in row {number} of {row[SOURCE_FILE]}"
            end = text.index(NUL) + 1
            self._first.append(f"{text[max(0, end - SHOWN_BEFORE) : end]!r}{place}")


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
