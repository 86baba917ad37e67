"""The rows that were set aside: one table for all tables of the ledger, with the reasons and what was found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis

from patronage.errors import OutputError
from patronage.ledger.contract import FOUND, REFUSAL, Checked, reason_text
from patronage.ledger.engines.engine import Engine

ORDER = ("table", "source_file", "source_row", "source_line")
COLUMNS = (
    "table", "source_file", "source_row", "reasons", "customer_id", "timestamp", "amount", "record", "source_line",
    "line",
)  # fmt: skip


def refused_rows(table: str, checked: Checked, names: Sequence[str]) -> Any:
    """The rows that broke the contract.

    Parameters
    ----------
    table : str
    checked : Checked
    names : sequence of str
        Our names of the columns that were read, in the order of ``checked.found``.
    """
    rows = checked.rows.filter(checked.rows[REFUSAL] != 0)
    found = dict(zip(names, checked.found, strict=True))
    record = ibis.literal("")
    for name, column in found.items():
        record = record + ibis.ifelse(rows[column].isnull(), "", ibis.literal(f", {name}=") + rows[column])
    return rows.select(
        "source_file", "source_row", table=ibis.literal(table), reasons=reason_text(rows[REFUSAL], checked.reasons),
        **{name: rows[found[name]] if name in found else ibis.null("string") for name in FOUND},
        record=record.substr(2), source_line=ibis.null("int64"), line=ibis.null("string"),
    ).select(*COLUMNS)  # fmt: skip


def unreadable_lines(table: str, unreadable: Any) -> Any:
    """The lines that could not be split into columns, in the same columns."""
    return unreadable.select(
        "source_file", "source_line",
        table=ibis.literal(table), source_row=ibis.null("int64"), reasons=unreadable.reason,
        **{name: ibis.null("string") for name in (*FOUND, "record")}, line=unreadable.content,
    ).select(*COLUMNS)  # fmt: skip


def write_parquet(rows: Any, path: Path, engine: Engine) -> None:
    """Write rows that were set aside, in the order of their places.

    Raises
    ------
    OutputError
        If the engine cannot write the file: a full disk, say.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        batches = engine.batches(rows.order_by(*ORDER))
        with pyarrow.parquet.ParquetWriter(path, batches.schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
    except pyarrow.ArrowException as error:
        message = f"Cannot write {path}: {str(error).splitlines()[0]}."
        raise OutputError(message) from error
