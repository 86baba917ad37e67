"""Opening a ledger: read a source, hold each of its tables to the contract, and account for every row."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from patronage.errors import ConfigError, ContractError, DateError, SourceError
from patronage.files import written_whole
from patronage.ledger.account import LedgerAccount
from patronage.ledger.contract import UNREADABLE_DATE
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.engines.engine import Engine, check_zone
from patronage.ledger.rules import ContractRules, Share, share_of
from patronage.ledger.set_aside import ORDER, write_parquet
from patronage.ledger.source import LedgerSource
from patronage.ledger.table_opening import OpenedTable, open_table
from patronage.ledger.tables import LedgerTables
from patronage.runtime.histories import FIRST_EXAMPLES
from patronage.schema import LEDGER_TABLES


@dataclass(frozen=True)
class Ledger:
    """Facts about customers that fit the contract, and the rows that do not.

    Attributes
    ----------
    tables : LedgerTables
        As described in `schema`; of the optional columns each table has those that its source knows.
    set_aside : ibis.Table
        Rows that were refused: table, source_file, source_row (among the rows of the file that could be read, from 1),
        reasons; customer_id, timestamp, amount as found; and record, all columns that were asked for as found. A line
        that could not be split has instead its source_line (the header being line 1) and its text, line.
    accounts : dict of str to LedgerAccount
        By table.
    engine : Engine
        What holds the tables.
    name, location, digest : str
        Where the rows came from, and the SHA-256 of what was read.
    time_zone : str
        In which days are cut.
    places : dict of str to str
        Where the rows of each table came from.
    remarks : dict of str to tuple of str
        By table, where the settings do not meet what the source holds: codes that no row has.
    dates_read : dict of str to str
        By table, how dates in text were read, in words.
    """

    tables: LedgerTables
    set_aside: Any
    accounts: dict[str, LedgerAccount]
    engine: Engine
    name: str
    location: str
    digest: str
    time_zone: str = "UTC"
    places: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    dates_read: dict[str, str] = field(default_factory=dict)

    @property
    def transactions(self) -> Any:
        """The transactions, as described in `schema.TRANSACTIONS`."""
        return self.tables.transactions

    @property
    def account(self) -> LedgerAccount:
        """The account of the transactions."""
        return self.accounts["transactions"]

    @property
    def span(self) -> tuple[date, date]:
        """First and last business day with a transaction."""
        first, last = self.account.first_day, self.account.last_day
        if first is None or last is None:
            message = f"{self.location} holds no transactions."
            raise SourceError(message)
        return first, last

    def require_facts_until(self, as_of: date, what: str = "as-of date") -> None:
        """Refuse a date on which nothing was known yet.

        Raises
        ------
        DateError
            If the first transaction lies after `as_of`.
        """
        first, last = self.span
        if first > as_of:
            message = (
                f"The {what} {as_of} lies before the first transaction of the ledger ({first}); nothing is known then. "
                f"The ledger spans {first} to {last}."
            )
            raise DateError(message)

    def require_fit(self, shares: Mapping[str, float], written: Path | None = None) -> None:
        """Refuse the ledger if there are no transactions, or more rows of a table were set aside than may be.

        Parameters
        ----------
        shares : mapping of str to float
            By table, the largest share of rows, 0 to 1, that may be set aside for reasons that are not expected.
        written : Path, optional
            Where the rows set aside can be looked at.

        Raises
        ------
        SourceError
            If there are no rows at all.
        ContractError
            If too many rows were set aside, or all.
        """
        if not self.account.rows_in:
            message = f"{self.places['transactions']} holds no transactions: a header, but no rows."
            raise SourceError(message)
        for name, account in self.accounts.items():
            too_many = account.share_set_aside > shares[name]
            if account.rows_in and (too_many or not account.rows_used):
                self._refuse(account, shares[name], written)

    def _refuse(self, account: LedgerAccount, max_share: float, written: Path | None) -> None:
        aside = self.set_aside.filter(self.set_aside.table == account.table)
        examples = aside.order_by(*ORDER).limit(FIRST_EXAMPLES).to_pyarrow().to_pylist()
        first = [_where(row) for row in examples]
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in account.reasons.items())
        expected = f", not counting {account.tolerated:,} that are expected" if account.tolerated else ""
        allowed = f"at most {max_share:.1%} may" if account.rows_used else "so none is left"
        setting = "ledger" if account.table == "transactions" else f"ledger.{account.table}"
        place = self.places[account.table]
        message = (
            f"{account.rows_set_aside - account.tolerated:,} of {account.rows_in:,} rows of {place} "
            f"({account.share_set_aside:.1%}{expected}) break the contract, {allowed}: {reasons}. "
            f"First: {'; '.join(first)}."
            + (f" They are written to {written}." if written else "")
            + (f" Convert the file to UTF-8, or set {setting}.encoding." if "encoding" in reasons else "")
            + _dates_in_words(account.reasons, self.dates_read[account.table])
            + f" Check {setting}.columns and {setting}.timestamp_format, correct the rows, "
            "or raise contract.max_set_aside_share."
        )
        raise ContractError(message, counts=account.reasons, first_ids=first)

    def write_set_aside(self, path: Path | str) -> Path | None:
        """Write the refused rows as Parquet; if there are none, remove those of an earlier run and return None.

        Raises
        ------
        OutputError
            If `path` cannot be written.
        """
        if not any(account.rows_set_aside for account in self.accounts.values()):
            Path(path).unlink(missing_ok=True)
            return None
        with written_whole(path) as unfinished:
            write_parquet(self.set_aside, unfinished, self.engine)
        return Path(path)


def open_ledger(
    source: LedgerSource,
    engine: Engine | Any = None,
    max_set_aside_share: Share = 0.1,
    set_aside_path: Path | str | None = None,
    rules: ContractRules | None = None,
) -> Ledger:
    """Read a source and hold it to the contract.

    Parameters
    ----------
    source : LedgerSource
        For example `CdnowSource`, `FilesSource` or `FrameSource`.
    engine : Engine or ibis.backends.duckdb.Backend, optional
        An engine, or an open DuckDB connection, of one's own; a new DuckDB in memory if not given.
    max_set_aside_share : float, or mapping of table to float
        Largest share of rows, 0 to 1, that may be set aside before the ledger as a whole is refused.
    set_aside_path : path, optional
        Where to write the rows that were set aside, as Parquet; written also when the ledger is refused.
    rules : ContractRules, optional
        What of the contract is a matter of choice.

    Raises
    ------
    SourceError
        If a file is missing, empty or unreadable.
    ContractError
        If columns are missing or of the wrong type, too many rows were set aside, or there are several currencies.
    ConfigError
        If a setting does not fit.
    """
    shares = {table: share_of(table, max_set_aside_share, "contract.max_set_aside_share") for table in LEDGER_TABLES}
    ledger = read_ledger(source, engine, rules)
    written = ledger.write_set_aside(set_aside_path) if set_aside_path is not None else None
    ledger.require_fit(shares, written)
    return ledger


def read_ledger(source: LedgerSource, engine: Engine | Any = None, rules: ContractRules | None = None) -> Ledger:
    """Read a source and account for its rows, however few of them are fit for use; see `open_ledger`.

    Raises
    ------
    SourceError, ContractError, ConfigError
        If the source cannot be read at all.
    """
    check_zone(source.time_zone)
    on = engine_of(engine)
    tables = source.tables
    opened = {
        name: open_table(name, tables[name], on, rules or ContractRules(), source.time_zone)
        for name in LEDGER_TABLES
        if name in tables
    }
    return Ledger(
        tables=LedgerTables(**{name: table.rows for name, table in opened.items()}),
        set_aside=on.view(_union([table.set_aside for table in opened.values()]), "set_aside"),
        accounts={name: table.account for name, table in opened.items()},
        engine=on,
        name=source.name,
        location=source.location,
        digest=_digest(opened),
        time_zone=source.time_zone,
        places={name: tables[name].place.location for name in opened},
        remarks={name: table.remarks for name, table in opened.items() if table.remarks},
        dates_read={name: table.dates_read for name, table in opened.items()},
    )


def engine_of(given: Engine | Any) -> Engine:
    """The engine itself, one around an open DuckDB connection, or a new one.

    Raises
    ------
    ConfigError
        If it is a connection to something else.
    """
    if given is None:
        return DuckDbEngine()
    if hasattr(given, "raw_sql"):
        if given.name != "duckdb":
            message = f"A bare connection must be one of DuckDB, got {given.name}: give the engine around it instead."
            raise ConfigError(message)
        return DuckDbEngine(connection=given)
    engine: Engine = given
    return engine


def _union(tables: list[Any]) -> Any:
    union = tables[0]
    for table in tables[1:]:
        union = union.union(table)
    return union


def _digest(opened: Mapping[str, OpenedTable]) -> str:
    if len(opened) == 1:
        return opened["transactions"].digest
    digest = hashlib.sha256()
    for name, table in opened.items():
        digest.update(f"{name}:{table.digest};".encode())
    return digest.hexdigest()


def _dates_in_words(reasons: Mapping[str, int], dates_read: str) -> str:
    unread = any(reason.endswith(UNREADABLE_DATE) for reason in reasons)
    return f" Dates are read {dates_read}." if unread else ""


def _where(row: dict[str, Any]) -> str:
    if row["source_line"] is not None:
        return f"line {row['source_line']}: {row['reasons']}"
    place = "a row" if row["source_row"] is None else f"row {row['source_row']}"
    return f"{place}: {row['reasons']}"
