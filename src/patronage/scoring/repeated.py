"""Customers that an input holds more than once: they are scored as often, and whoever joins the scores should know."""

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from patronage.errors import OutputError, PatronageError
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.scoring.usable import unnamed

MEMORY_LIMIT = "200MB"
"""What counting may take; beyond it DuckDB goes to the disk, which costs it little."""


def repeated_customers(ids: Callable[[], Iterator[pa.RecordBatch]]) -> dict[str, Any]:
    """Count the customers that occur more than once.

    Parameters
    ----------
    ids : callable
        Gives record batches of one column of text, customer_id, from the beginning; those that name nobody, as
        `usable.unnamed` finds them, are not counted. It is called again only if some hash occurs twice.

    Returns
    -------
    dict
        ``customers``: how many occur more than once; ``rows``: in how many rows all of them are; ``first``: the first
        of them, in their order.

    Raises
    ------
    OutputError
        If there is no room for it on the disk of temporary files.
    PatronageError
        What reading the customers raises.
    """
    failures: list[PatronageError] = []

    def watched() -> Iterator[pa.RecordBatch]:
        # DuckDB would turn an error of ours into one of its own.
        try:
            yield from map(_named, ids())
        except PatronageError as error:
            failures.append(error)

    with tempfile.TemporaryDirectory() as folder:
        try:
            found = _counted(watched, folder)
        except (duckdb.Error, OSError) as error:
            message = (
                f"Cannot count the customers of the input in the folder {folder}: {str(error).splitlines()[0]}. Name "
                "a folder with more room by TMPDIR."
            )
            raise OutputError(message) from error
    if failures:
        raise failures[0]
    return found


def _counted(ids: Callable[[], Iterator[pa.RecordBatch]], folder: str) -> dict[str, Any]:
    schema = pa.schema([("customer_id", pa.string())])
    with duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("SET temp_directory = ?", [folder])
        connection.execute("SET preserve_insertion_order = false")
        # Hashes take a third of the room of names, and nearly always tell already that nobody is there twice.
        connection.register("ids", pa.RecordBatchReader.from_batches(schema, ids()))
        connection.execute(
            "CREATE TEMP TABLE suspected AS SELECT name FROM (SELECT hash(customer_id) AS name FROM ids) "
            "GROUP BY name HAVING count(*) > 1"
        )
        if connection.execute("SELECT count(*) FROM suspected").fetchone() == (0,):
            return {"customers": 0, "rows": 0, "first": []}
        connection.register("again", pa.RecordBatchReader.from_batches(schema, ids()))
        connection.execute(
            "CREATE TEMP TABLE repeated AS SELECT customer_id, count(*) AS n FROM again "
            "SEMI JOIN suspected ON hash(customer_id) = name GROUP BY customer_id HAVING count(*) > 1"
        )
        customers, rows = connection.execute("SELECT count(*), coalesce(sum(n), 0) FROM repeated").fetchone() or (0, 0)
        first = connection.execute(
            f"SELECT customer_id FROM repeated ORDER BY customer_id LIMIT {FIRST_EXAMPLES}"
        ).fetchall()
    return {"customers": int(customers), "rows": int(rows), "first": [name for (name,) in first]}


def _named(ids: pa.RecordBatch) -> pa.RecordBatch:
    """Those of a batch that name a customer: rows of the others are rejected."""
    nobody = list(unnamed(pa.chunked_array([ids.column(0)])).values())
    return ids.filter(pa.array(~np.logical_or.reduce(nobody))) if nobody else ids


def repeated_in_words(found: dict[str, Any], location: str) -> str | None:
    """What is to be said of customers that occur more than once; None if there are none."""
    if not found["customers"]:
        return None
    more = ", ..." if found["customers"] > len(found["first"]) else ""
    return (
        f"{found['customers']:,} customers are more than once in {location}, in {found['rows']:,} rows "
        f"({', '.join(found['first'])}{more}): each of these rows gets scores of its own"
    )
