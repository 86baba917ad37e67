"""Ledgers from tables that are already open in Python: data frames, and tables of any Ibis connection."""

from collections.abc import Mapping, Sequence
from typing import Any

from patronage.errors import ConfigError
from patronage.ledger.mapping import table_mapping
from patronage.ledger.source import SourceOfTable, TableSource
from patronage.ledger.table_in_place import FrameTable, IbisTable
from patronage.schema import LEDGER_TABLES

Columns = Mapping[str, Mapping[str, Any]]


class FrameSource:
    """Data frames: pandas, Polars or Arrow.

    Parameters
    ----------
    transactions : pandas.DataFrame, polars.DataFrame, polars.LazyFrame or pyarrow.Table
    customers, contacts, campaigns : the same, optional
    columns : mapping of str to mapping, optional
        By table, our names to the frame's or to rules; see `mapping.table_mapping`. A table that is not named has our
        names.
    time_zone : str
        IANA name of the zone in which days are cut. Timestamps without a zone are local times of it.
    timestamp_zone : str, optional
        Zone of timestamps without one, if it is another: ``UTC`` for most databases.
    timestamp_format, decimal, thousands : str
        How timestamps and numbers are written in columns of text.
    attributes : sequence of str, or mapping, optional
        Further columns of customers; all there are if `columns` does not name customers.
    negative_where : mapping, optional
        Transactions that are refunds though their numbers are positive.
    tolerated : sequence of str
        Reasons that are expected among the transactions.
    name : str
        Name of the ledger for tracking.

    Raises
    ------
    ConfigError
        If a mapping does not fit.
    """

    location = "data frames"

    def __init__(
        self,
        transactions: Any,
        customers: Any = None,
        contacts: Any = None,
        campaigns: Any = None,
        *,
        columns: Columns | None = None,
        time_zone: str = "UTC",
        timestamp_zone: str | None = None,
        timestamp_format: str | None = None,
        decimal: str = ".",
        thousands: str | None = None,
        attributes: Sequence[str] | Mapping[str, Any] | None = None,
        negative_where: Mapping[str, Any] | None = None,
        tolerated: Sequence[str] = (),
        name: str = "frames",
    ) -> None:
        self.name = name
        self.time_zone = time_zone
        given = {"transactions": transactions, "customers": customers, "contacts": contacts, "campaigns": campaigns}
        places: dict[str, TableSource] = {
            table: FrameTable(frame, f"the frame of {table}") for table, frame in given.items() if frame is not None
        }
        self.tables = tables_with(
            places, columns, attributes, negative_where, tolerated,
            timestamp_format=timestamp_format, timestamp_zone=timestamp_zone, decimal=decimal, thousands=thousands,
        )  # fmt: skip


class IbisSource:
    """Tables or queries of an Ibis connection, whatever engine stands behind it.

    If it is the engine that the ledger is opened on, nothing is copied. The parameters are those of `FrameSource`, with
    Ibis tables instead of frames.
    """

    def __init__(
        self,
        transactions: Any,
        customers: Any = None,
        contacts: Any = None,
        campaigns: Any = None,
        *,
        columns: Columns | None = None,
        time_zone: str = "UTC",
        timestamp_zone: str | None = None,
        timestamp_format: str | None = None,
        decimal: str = ".",
        thousands: str | None = None,
        attributes: Sequence[str] | Mapping[str, Any] | None = None,
        negative_where: Mapping[str, Any] | None = None,
        tolerated: Sequence[str] = (),
        name: str = "ibis",
    ) -> None:
        self.name = name
        self.time_zone = time_zone
        given = {"transactions": transactions, "customers": customers, "contacts": contacts, "campaigns": campaigns}
        places: dict[str, TableSource] = {
            table: IbisTable(rows, _name_of(rows, table)) for table, rows in given.items() if rows is not None
        }
        self.location = places["transactions"].location
        self.tables = tables_with(
            places, columns, attributes, negative_where, tolerated,
            timestamp_format=timestamp_format, timestamp_zone=timestamp_zone, decimal=decimal, thousands=thousands,
        )  # fmt: skip


def tables_with(
    places: Mapping[str, TableSource],
    columns: Columns | None,
    attributes: Sequence[str] | Mapping[str, Any] | None = None,
    negative_where: Mapping[str, Any] | None = None,
    tolerated: Sequence[str] = (),
    **written: Any,
) -> dict[str, SourceOfTable]:
    """Give each place the mapping of its table.

    Parameters
    ----------
    places : mapping of str to TableSource
        By table.
    columns : mapping of str to mapping, optional
        By table; the source uses our names where it is silent.
    attributes
        Of customers.
    negative_where, tolerated
        Of transactions.
    **written
        `timestamp_format`, `timestamp_zone`, `decimal` and `thousands` of all tables.

    Raises
    ------
    ConfigError
        If a table is not known or not there, or a mapping does not fit.
    """
    mapped = dict(columns or {})
    unknown = sorted(set(mapped) - set(places))
    if unknown:
        message = f"columns are given for {', '.join(unknown)}, but the ledger has {', '.join(places)} only."
        raise ConfigError(message)
    tables = {}
    for name, place in places.items():
        setting = "ledger" if name == "transactions" else f"ledger.{name}"
        tables[name] = SourceOfTable(
            place,
            table_mapping(
                LEDGER_TABLES[name],
                mapped.get(name),
                setting=setting,
                attributes=attributes if name == "customers" else None,
                negative_where=negative_where if name == "transactions" else None,
                tolerated=tolerated if name == "transactions" else (),
                **written,
            ),
        )
    return tables


def _name_of(rows: Any, table: str) -> str:
    return str(rows.get_name()) if hasattr(rows.op(), "name") else f"the query of {table}"
