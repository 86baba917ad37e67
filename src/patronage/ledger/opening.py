"""Opening a ledger: read a source, hold it to the contract, and account for every row."""

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import ibis

from patronage.errors import ContractError, DateError, OutputError, SourceError
from patronage.files import written_whole
from patronage.ledger.backend import connect_duckdb
from patronage.ledger.contract import REASONS, check_timestamp_format, checked_rows
from patronage.ledger.purchases import lone_refunds
from patronage.ledger.raw_tables import quoted
from patronage.ledger.source import TransactionSource
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.schema import TRANSACTIONS

SET_ASIDE_ORDER = ("source_file", "source_row", "source_line")


@dataclass(frozen=True)
class LedgerAccount:
    """What became of the rows: ``rows_in == rows_used + rows_set_aside``, always.

    Attributes
    ----------
    rows_in, rows_used, rows_set_aside : int
        Rows read, fit for use, and set aside.
    reasons : dict of str to int
        Rows by reason; a row may have several, so the sum may exceed `rows_set_aside`.
    customers : int
        Distinct customers among the rows used.
    first, last : datetime
        Span of the rows used.
    lone_refunds : int
        Refunds among the rows used that fall on a day without a purchase of their customer; they change no purchase.
    lone_refunds_amount : float
        Their sum, in money; negative or 0.
    """

    rows_in: int
    rows_used: int
    rows_set_aside: int
    customers: int
    first: datetime
    last: datetime
    reasons: dict[str, int] = field(default_factory=dict)
    lone_refunds: int = 0
    lone_refunds_amount: float = 0.0

    def __str__(self) -> str:
        text = (
            f"{self.rows_in:,} rows in = {self.rows_used:,} used + {self.rows_set_aside:,} set aside; "
            f"{self.customers:,} customers, {self.first:%Y-%m-%d} to {self.last:%Y-%m-%d}"
        )
        if self.reasons:
            text += "; set aside: " + ", ".join(f"{reason} {count:,}" for reason, count in self.reasons.items())
        if self.lone_refunds:
            text += (
                f"; {self.lone_refunds:,} refunds ({self.lone_refunds_amount:,.2f}) on days without a purchase, "
                "which no purchase is netted with"
            )
        return text


@dataclass(frozen=True)
class Ledger:
    """Transactions that fit the contract, and the rows that do not.

    Attributes
    ----------
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    set_aside : ibis.Table
        Rows that were refused: source_file, source_row (among the rows of the file that could be read, from 1),
        reasons, and customer_id, timestamp, amount as found. A line that could not be split has instead its
        source_line (the header being line 1) and its text, line.
    account : LedgerAccount
    name, location, digest : str
        Where the rows came from, and the SHA-256 of what was read.
    """

    transactions: Any
    set_aside: Any
    account: LedgerAccount
    name: str
    location: str
    digest: str

    def require_facts_until(self, as_of: date, what: str = "as-of date") -> None:
        """Refuse a date on which nothing was known yet.

        Raises
        ------
        DateError
            If the first row lies after `as_of`.
        """
        if self.account.first.date() > as_of:
            message = (
                f"The {what} {as_of} lies before the first transaction of the ledger ({self.account.first:%Y-%m-%d}); "
                f"nothing is known then. The ledger spans {self.account.first:%Y-%m-%d} to "
                f"{self.account.last:%Y-%m-%d}."
            )
            raise DateError(message)

    def write_set_aside(self, path: Path | str) -> Path | None:
        """Write the refused rows as Parquet; if there are none, remove those of an earlier run and return None.

        Raises
        ------
        OutputError
            If `path` cannot be written.
        """
        if not self.account.rows_set_aside:
            Path(path).unlink(missing_ok=True)
            return None
        with written_whole(path) as unfinished:
            try:
                self.set_aside.order_by(*SET_ASIDE_ORDER).to_parquet(unfinished)
            except duckdb.Error as error:  # a full disk, say
                message = f"Cannot write {path}: {str(error).splitlines()[0]}."
                raise OutputError(message) from error
        return Path(path)


def open_ledger(
    source: TransactionSource,
    connection: Any = None,
    max_set_aside_share: float = 0.1,
    set_aside_path: Path | str | None = None,
) -> Ledger:
    """Read a source and hold it to the contract.

    Parameters
    ----------
    source : TransactionSource
        For example `CdnowSource` or `FilesSource`.
    connection : ibis.backends.duckdb.Backend, optional
        An engine of one's own; a new one in memory if not given.
    max_set_aside_share : float
        Largest share of rows, 0 to 1, that may be set aside before the ledger as a whole is refused.
    set_aside_path : path, optional
        Where to write the rows that were set aside, as Parquet; written also when the ledger is refused.

    Raises
    ------
    SourceError
        If a file is missing, empty or unreadable.
    ContractError
        If columns are missing or of the wrong type, or too many rows were set aside.
    """
    connection = connect_duckdb() if connection is None else connection
    raw = source.read(connection)
    check_timestamp_format(raw.timestamp_format, connection)
    checked = _kept(connection, "checked", checked_rows(raw, source))
    set_aside = _kept(connection, "set_aside", _set_aside(checked, raw.unreadable))
    transactions = _kept(connection, "transactions", checked.filter(~_any_reason(checked)).select(*TRANSACTIONS.names))
    counts, total, aside = _count(checked, set_aside, raw.unreadable)
    connection.raw_sql(f"DROP TABLE {quoted(checked.get_name())}")
    if not total:
        message = f"{source.location} holds no transactions: a header, but no rows."
        raise SourceError(message)
    span = transactions.aggregate(
        rows=transactions.count(),
        customers=transactions.customer_id.nunique(),
        first=transactions.timestamp.min(),
        last=transactions.timestamp.max(),
    ).to_pyarrow().to_pylist()[0]  # fmt: skip
    refunds = lone_refunds(transactions).to_pyarrow().to_pylist()[0]
    ledger = Ledger(
        transactions=transactions,
        set_aside=set_aside,
        account=LedgerAccount(
            rows_in=total,
            rows_used=span["rows"],
            rows_set_aside=aside,
            customers=span["customers"],
            first=span["first"],
            last=span["last"],
            reasons=counts,
            lone_refunds=refunds["refunds"],
            lone_refunds_amount=refunds["amount"],
        ),
        name=source.name,
        location=source.location,
        digest=raw.digest,
    )
    written = ledger.write_set_aside(set_aside_path) if set_aside_path is not None else None
    if aside > max_set_aside_share * total or not ledger.account.rows_used:
        _refuse(ledger, max_set_aside_share, written)
    return ledger


def _kept(connection: Any, name: str, rows: Any) -> Any:
    """Compute rows once, under a name of their own: a connection may hold several ledgers, and the user's tables."""
    unique = ibis.util.gen_name(f"patronage_{name}")
    connection.raw_sql(f"CREATE TEMP TABLE {quoted(unique)} AS {connection.compile(rows)}")
    return connection.table(unique)


def _any_reason(checked: Any) -> Any:
    return ibis.or_(*(checked[reason] for reason in REASONS))


def _set_aside(checked: Any, unreadable: Any) -> Any:
    reasons = ibis.array([ibis.ifelse(checked[reason], reason, ibis.null("string")) for reason in REASONS])
    refused = checked.mutate(reasons=reasons.filter(lambda reason: reason.notnull()).join("; "))
    refused = refused.filter(_any_reason(checked)).select(
        "source_file", "source_row", "reasons",
        customer_id="raw_customer_id", timestamp="raw_timestamp", amount="raw_amount",
        source_line=ibis.null("int64"), line=ibis.null("string"),
    )  # fmt: skip
    lines = unreadable.select(
        "source_file", source_row=ibis.null("int64"), reasons=unreadable.reason,
        customer_id=ibis.null("string"), timestamp=ibis.null("string"), amount=ibis.null("string"),
        source_line=unreadable.source_line, line=unreadable.content,
    )  # fmt: skip
    return refused.union(lines)


def _count(checked: Any, set_aside: Any, unreadable: Any) -> tuple[dict[str, int], int, int]:
    by_check = checked.aggregate(**{reason: checked[reason].sum() for reason in REASONS}).to_pyarrow().to_pylist()[0]
    by_line = unreadable.group_by("reason").aggregate(rows=unreadable.count()).to_pyarrow().to_pylist()
    counts = {reason: int(count) for reason, count in by_check.items() if count}
    counts |= {row["reason"]: row["rows"] for row in sorted(by_line, key=lambda row: str(row["reason"]))}
    lines = int(unreadable.count().execute())
    return counts, int(checked.count().execute()) + lines, int(set_aside.count().execute())


def _refuse(ledger: Ledger, max_share: float, written: Path | None) -> None:
    account = ledger.account
    examples = ledger.set_aside.order_by(*SET_ASIDE_ORDER).limit(FIRST_EXAMPLES).to_pyarrow().to_pylist()
    first = [
        f"row {row['source_row']}: {row['reasons']}"
        if row["source_line"] is None
        else f"line {row['source_line']}: {row['reasons']}"
        for row in examples
    ]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in account.reasons.items())
    share = account.rows_set_aside / account.rows_in
    allowed = f"at most {max_share:.1%} may" if account.rows_used else "so none is left"
    message = (
        f"{account.rows_set_aside:,} of {account.rows_in:,} rows of {ledger.location} ({share:.1%}) "
        f"break the contract, {allowed}: {reasons}. First: {'; '.join(first)}."
        + (f" They are written to {written}." if written else "")
        + (" Convert the file to UTF-8." if "encoding" in reasons else "")
        + " Check ledger.columns and ledger.timestamp_format, correct the rows, or raise contract.max_set_aside_share."
    )
    raise ContractError(message, counts=account.reasons, first_ids=first)
