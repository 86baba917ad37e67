"""What is measured of the tables of a ledger, each in a pass over the table that it concerns."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from ibis import _

from patronage.ledger.account import LedgerAccount
from patronage.ledger.mapping import MADE_HERE
from patronage.ledger.opening import Ledger
from patronage.ledger.quality.calendar import Days, days_of
from patronage.ledger.set_aside import ORDER
from patronage.runtime.histories import FIRST_EXAMPLES

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""Quantiles of the amounts that are reported, between the smallest and the largest."""


@dataclass(frozen=True)
class TableQuality:
    """One table of a ledger.

    Attributes
    ----------
    account : LedgerAccount
    examples : dict of str to list of str
        By reason, where the first rows stand that were set aside for it, with what was found.
    missing : dict of str to float
        Share of the rows used, 0 to 1, that have no value, by column of the source; empty if no row is used.
    days : Days or None
        None for a table without times, or without rows.
    ids_without_transactions : int
        Customers that the table names and the transactions do not.
    rows_without_transactions : int
        Its rows that name them.
    remarks : tuple of str
        Where the settings do not meet what the source holds.
    dates_read : str
        How dates in text were read, in words.
    """

    account: LedgerAccount
    examples: dict[str, list[str]]
    missing: dict[str, float]
    days: Days | None
    ids_without_transactions: int = 0
    rows_without_transactions: int = 0
    remarks: tuple[str, ...] = ()
    dates_read: str = ""


@dataclass(frozen=True)
class Quality:
    """A ledger.

    Attributes
    ----------
    name, location, digest, time_zone : str
    tables : dict of str to TableQuality
    amounts : dict of str to float
        Distribution of the amounts of the transactions used: ``min``, quantiles such as ``0.25``, ``max``.
    zero_amounts : int
        Transactions used whose amount is 0.
    unknown_customers : int or None
        Customers with transactions that the table of customers does not hold; None without such a table.
    """

    name: str
    location: str
    digest: str
    time_zone: str
    tables: dict[str, TableQuality]
    amounts: dict[str, float]
    zero_amounts: int
    unknown_customers: int | None


def measured(ledger: Ledger, today: date | None = None) -> Quality:
    """Measure an open ledger; its copies of rows are counted if it was opened with ``duplicates="flag"``.

    Parameters
    ----------
    ledger : Ledger
    today : date, optional
        Rows of later days are told apart; none are if not given.
    """
    buyers = ledger.transactions.select("customer_id").distinct()
    tables = {
        name: _table_quality(ledger, name, rows, None if name == "transactions" else buyers, today)
        for name, rows in ledger.tables.present.items()
    }
    customers = ledger.tables.customers
    amounts, zeros = _amounts(ledger.transactions)
    return Quality(
        name=ledger.name,
        location=ledger.location,
        digest=ledger.digest,
        time_zone=ledger.time_zone,
        tables=tables,
        amounts=amounts,
        zero_amounts=zeros,
        unknown_customers=None if customers is None else _count(buyers.anti_join(customers, "customer_id")),
    )


def _table_quality(ledger: Ledger, name: str, rows: Any, buyers: Any | None, today: date | None) -> TableQuality:
    account = ledger.accounts[name]
    strangers = (0, 0)
    if buyers is not None:
        unknown = rows.anti_join(buyers, "customer_id")
        strangers = (_count(unknown.select("customer_id").distinct()), _count(unknown))
    return TableQuality(
        account=account,
        examples=_examples(ledger, account),
        missing=_missing(rows, account.rows_used),
        days=_days(rows, today) if "day" in rows.columns and account.rows_used else None,
        ids_without_transactions=strangers[0],
        rows_without_transactions=strangers[1],
        remarks=ledger.remarks.get(name, ()),
        dates_read=ledger.dates_read[name],
    )


def _count(rows: Any) -> int:
    return int(rows.count().execute())


def _days(rows: Any, today: date | None) -> Days:
    by_day = rows.group_by("day").aggregate(rows=_.count()).to_pyarrow().to_pylist()
    return days_of({row["day"]: row["rows"] for row in by_day}, today)


def _missing(rows: Any, total: int) -> dict[str, float]:
    """Of the columns that come from the source; nothing where there is nothing to have a share of."""
    if not total:
        return {}
    names = [name for name in rows.columns if name not in MADE_HERE]
    counts = {f"missing_{number}": rows[name].isnull().sum() for number, name in enumerate(names)}
    found = rows.aggregate(**counts).to_pyarrow().to_pylist()[0]
    return {name: found[f"missing_{number}"] / total for number, name in enumerate(names)}


def _examples(ledger: Ledger, account: LedgerAccount) -> dict[str, list[str]]:
    aside = ledger.set_aside.filter(_.table == account.table)
    examples = {}
    for reason in account.reasons:
        told = aside.filter(_.reasons.contains(reason)).order_by(*ORDER).limit(FIRST_EXAMPLES)
        examples[reason] = [_example(row) for row in told.to_pyarrow().to_pylist()]
    return examples


def _example(row: dict[str, Any]) -> str:
    if row["line"] is not None:
        line = "" if row["source_line"] is None else f" line {row['source_line']}"
        return f"{row['source_file']}{line}: {row['line']}"
    place = "" if row["source_row"] is None else f" row {row['source_row']}"
    return f"{row['source_file']}{place}: {row['record']}"


def _amounts(transactions: Any) -> tuple[dict[str, float], int]:
    amount = transactions.amount
    measures = {f"quantile_{number}": amount.quantile(level) for number, level in enumerate(QUANTILES)}
    found = transactions.aggregate(min=amount.min(), max=amount.max(), zero=(amount == 0).sum(), **measures)
    row = found.to_pyarrow().to_pylist()[0]
    if row["min"] is None:
        return {}, 0
    between = {str(level): float(row[f"quantile_{number}"]) for number, level in enumerate(QUANTILES)}
    return {"min": float(row["min"]), **between, "max": float(row["max"])}, int(row["zero"])
