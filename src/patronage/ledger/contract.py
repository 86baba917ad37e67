"""The contract of the transactions: every row either fits or is set aside with its reasons; none is lost.

A row is used if its customer id is there, its timestamp can be read, and its amount is a number below a trillion. A
column whose type cannot hold such values at all is refused as a whole.
"""

from collections.abc import Callable
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from patronage.errors import ConfigError, ContractError
from patronage.ledger.source import RawTransactions, TransactionSource

TIMESTAMP_RANGE = ("1900-01-01", "2200-01-01")
"""Dates outside are taken for errors of the file (a year 0202, a sentinel 9999-12-31)."""

LARGEST_AMOUNT = 1e12
"""Amounts from here on are taken for errors too; they would not fit the decimals that amounts are summed as."""


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, pattern: str) -> dt.timestamp:
    """DuckDB's strptime that gives a missing value where the text does not fit."""


def checked_rows(raw: RawTransactions, source: TransactionSource) -> Any:
    """Parse the raw columns and note, for every row, why it cannot be used.

    Returns
    -------
    ibis.Table
        customer_id (string), timestamp, amount (double) as parsed; raw_customer_id, raw_timestamp, raw_amount (string)
        as found; source_file, source_row; and one boolean column for every reason of `REASONS`, true if it applies.

    Raises
    ------
    ContractError
        If a column is of a type that cannot hold what is asked for; all such columns at once.
    """
    table = raw.table
    types = dict(table.schema().items())
    _refuse_types(types, raw.timestamp_format, source)
    raw_text = {f"raw_{name}": table[name].cast("string") for name in ("customer_id", "timestamp", "amount")}
    table = table.mutate(
        **raw_text,
        customer_id=_customer_id(table.customer_id),
        timestamp=_timestamp(table.timestamp, raw.timestamp_format),
        amount=table.amount.try_cast("float64"),
    )
    return table.mutate(**{reason: expression(table) for reason, expression in _CHECKS.items()})


def _blank(column: Any) -> Any:
    return column.isnull() | (column.strip() == "")


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "customer_id missing": lambda t: t.customer_id.isnull(),
    "timestamp missing": lambda t: _blank(t.raw_timestamp),
    "timestamp not a date": lambda t: ~_blank(t.raw_timestamp) & t.timestamp.isnull(),
    "timestamp out of range": lambda t: (
        t.timestamp.notnull() & ~t.timestamp.between(*(ibis.timestamp(day) for day in TIMESTAMP_RANGE))
    ),
    "amount missing": lambda t: _blank(t.raw_amount),
    "amount not a number": lambda t: ~_blank(t.raw_amount) & t.amount.isnull(),
    "amount out of range": lambda t: (
        t.amount.notnull() & ~t.amount.isnan() & ~t.amount.isinf() & (t.amount.abs() >= LARGEST_AMOUNT)
    ),
    "amount not finite": lambda t: t.amount.notnull() & (t.amount.isnan() | t.amount.isinf()),
}

REASONS = tuple(_CHECKS)


def _customer_id(column: Any) -> Any:
    """Ids as text: whole floats (ids that once had gaps) lose their ``.0``; blanks are missing."""
    if column.type().is_floating():
        whole = column.try_cast("int64")
        text = ibis.ifelse(whole.cast("float64") == column.cast("float64"), whole.cast("string"), column.cast("string"))
        return text.nullif("nan")
    text = column.cast("string").strip()
    return text.nullif("")


def _timestamp(column: Any, pattern: str | None) -> Any:
    if column.type().is_temporal():
        return column.try_cast("timestamp")
    text = column.cast("string").strip()
    return text.try_cast("timestamp") if pattern is None else _try_strptime(text, pattern)


def _refuse_types(types: dict[str, Any], pattern: str | None, source: TransactionSource) -> None:
    fits: dict[str, Callable[[Any], bool]] = {
        "customer_id": lambda t: t.is_string() or (t.is_numeric() and not t.is_boolean()) or t.is_uuid(),
        "timestamp": lambda t: (
            t.is_string() or t.is_date() or t.is_timestamp() or (pattern is not None and t.is_integer())
        ),
        "amount": lambda t: t.is_string() or (t.is_numeric() and not t.is_boolean()),
    }
    expected = {
        "customer_id": "text or a number",
        "timestamp": "a date, a timestamp or text (or whole numbers with ledger.timestamp_format)",
        "amount": "a number, or text that holds one",
    }
    wrong = [
        f"{source.columns[name]} (for {name}) is of type {types[name]}, expected {expected[name]}"
        for name, test in fits.items()
        if not (test(types[name]) or types[name].is_null())
    ]
    if wrong:
        message = f"{source.location} has columns of the wrong type: {'; '.join(wrong)}."
        raise ContractError(message)


def check_timestamp_format(pattern: str | None, connection: Any) -> None:
    """Refuse a pattern that DuckDB's strptime does not understand.

    Raises
    ------
    ConfigError
        With the engine's own explanation.
    """
    import duckdb

    if pattern is None:
        return
    try:
        connection.con.execute("SELECT try_strptime('x', ?)", [pattern]).fetchall()
    except duckdb.Error as error:
        message = f"ledger.timestamp_format {pattern!r} is not a strptime pattern: {str(error).splitlines()[0]}."
        raise ConfigError(message) from error
