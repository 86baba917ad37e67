"""Opening one table of a ledger: what is asked of its source, what is kept, and what is looked up anew at each use."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import ibis

from patronage.errors import ConfigError, ContractError
from patronage.ledger.account import Counts, LedgerAccount, account_of, counted
from patronage.ledger.codes import unmatched_codes
from patronage.ledger.contract import REFUSAL, Checked, checked_rows, fields_of
from patronage.ledger.engines.engine import Engine
from patronage.ledger.mapping import TableMapping
from patronage.ledger.refunds import with_netted_day
from patronage.ledger.rules import ContractRules
from patronage.ledger.set_aside import refused_rows, unreadable_lines
from patronage.ledger.source import SOURCE_FILE, SOURCE_ROW, RawTable, SourceOfTable
from patronage.ledger.words import how_many

REPEATED = "customer_id more than once"
"""Reason of every row of a customer but the first, where a table has one row a customer."""


@dataclass(frozen=True)
class OpenedTable:
    """A table that was held to its contract.

    Attributes
    ----------
    rows : ibis.Table
        Those that fit, in the columns of the ledger.
    set_aside : ibis.Table
        Those that do not; see `Ledger.set_aside`.
    account : LedgerAccount
    digest : str
    remarks : tuple of str
        Where the settings do not meet what the source holds.
    dates_read : str
        How dates in text were read, in words.
    """

    rows: Any
    set_aside: Any
    account: LedgerAccount
    digest: str
    remarks: tuple[str, ...]
    dates_read: str


def open_table(name: str, source: SourceOfTable, engine: Engine, rules: ContractRules, zone: str) -> OpenedTable:
    """Read one table and hold it to its contract; see `open_ledger` for what is refused.

    Rows of typed columns that the source holds (Parquet, a database) are not copied: a view of them is checked in one
    pass. Rows of text are read once and kept.
    """
    mapping = source.mapping.of_source(source.place.names(engine)) if source.mapping.as_named else source.mapping
    if mapping.timestamp_format is not None:
        _check_pattern(engine, mapping)
    fields = fields_of(mapping)
    raw = source.place.read(engine, fields, whole=rules.duplicates != "keep")
    remarks = unmatched_codes(raw.table, mapping, engine)
    apart = partial(engine.keep, name=f"{name}_read") if engine.repeats_work else None
    checked = checked_rows(raw, mapping, engine, rules, zone, source.place.location, apart)
    checked = _held(checked, raw, engine, name)
    counts = counted(checked, mapping.tolerated)
    if name == "customers":
        checked, counts = _once_a_customer(checked, counts, engine, mapping)
    if "currency" in checked.columns and rules.currency is None:
        _refuse_currencies(checked, source.place.location)
    used = engine.view(_used(checked, counts), name)
    if rules.refunds == "order" and {"order_id", "amount"} <= set(checked.columns) and counts.used.refunds:
        used = engine.keep(with_netted_day(used), name)
    lines = _line_reasons(raw)
    aside = refused_rows(name, checked, [column for column, _schema, _rule in mapping.columns()])
    if not counts.refused:
        aside = aside.limit(0)
    if lines:
        aside = aside.union(unreadable_lines(name, raw.unreadable))
    return OpenedTable(
        rows=used,
        set_aside=engine.keep(aside, f"{name}_set_aside"),
        account=account_of(name, used, counts, lines, mapping.tolerated),
        digest=raw.digest,
        remarks=remarks,
        dates_read=mapping.date_format_in_words(),
    )


def _check_pattern(engine: Engine, mapping: TableMapping) -> None:
    try:
        engine.check_pattern(str(mapping.timestamp_format))
    except ConfigError as error:
        message = str(error).replace("ledger.timestamp_format", f"{mapping.setting}.timestamp_format")
        raise ConfigError(message) from error


def _held(checked: Checked, raw: RawTable, engine: Engine, name: str) -> Checked:
    hold = engine.view if checked.lazy else engine.keep
    held = replace(checked, rows=hold(checked.rows, f"{name}_checked"))
    if not checked.lazy:
        for table in (*checked.temporary, *raw.temporary):
            engine.drop(table)
    return held


def _used(checked: Checked, counts: Counts) -> Any:
    """The rows that fit, without a test where all do, and without a trim where none is needed."""
    rows = checked.rows.filter(checked.rows[REFUSAL] == 0) if counts.refused else checked.rows
    as_they_stand = {name: plain for name, plain in checked.plain.items() if name not in counts.differing}
    return rows.select(**{name: rows[as_they_stand.get(name, name)] for name in checked.columns})


def _once_a_customer(checked: Checked, counts: Counts, engine: Engine, mapping: TableMapping) -> tuple[Checked, Counts]:
    """Refuse the second row of a customer, and all after it, in the order of the source."""
    fits = checked.rows.filter(checked.rows[REFUSAL] == 0)
    if fits.count().execute() == fits.customer_id.nunique().execute():
        return checked, counts
    rows = checked.rows
    earlier = ibis.window(
        group_by=[rows.customer_id, rows[REFUSAL] == 0], order_by=[rows[SOURCE_FILE], rows[SOURCE_ROW]]
    )
    again = (rows[REFUSAL] == 0) & (ibis.row_number().over(earlier) > 0)
    bit = ibis.literal(1 << len(checked.reasons), "int64")
    refusal = ibis.ifelse(again, bit, rows[REFUSAL])
    rows = rows.mutate(**{REFUSAL: refusal})
    marked = replace(
        checked, rows=engine.keep(rows, "customers_marked"), reasons=(*checked.reasons, REPEATED), lazy=False
    )
    return marked, counted(marked, mapping.tolerated)


def _refuse_currencies(checked: Checked, location: str) -> None:
    rows = checked.rows.filter((checked.rows[REFUSAL] == 0) & checked.rows.currency.notnull())
    found = rows.group_by("currency").aggregate(rows=rows.count()).to_pyarrow().to_pylist()
    if len(found) > 1:
        counts = {
            row["currency"]: row["rows"] for row in sorted(found, key=lambda row: (-row["rows"], row["currency"]))
        }
        message = (
            f"{location} holds amounts in {len(counts)} currencies: "
            + ", ".join(f"{currency} {how_many(count, 'row')}" for currency, count in list(counts.items())[:10])
            + ". Sums across currencies mean nothing: convert them, or set contract.currency to the one to use."
        )
        raise ContractError(message, counts=counts)


def _line_reasons(raw: RawTable) -> dict[str, int]:
    if raw.unreadable is None:
        return {}
    by_line = raw.unreadable.group_by("reason").aggregate(rows=raw.unreadable.count()).to_pyarrow().to_pylist()
    return {row["reason"]: int(row["rows"]) for row in sorted(by_line, key=lambda row: str(row["reason"]))}
