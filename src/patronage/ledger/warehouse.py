"""The tables of a ledger as queries over the tables of somebody's warehouse, for SQL that is handed out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.datatypes as dt

from patronage.errors import ConfigError
from patronage.ledger.contract import REFUSAL, checked_rows, fields_of
from patronage.ledger.engines.dialects import Dialect
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.mapping import ColumnRule, TableMapping
from patronage.ledger.refunds import with_netted_day
from patronage.ledger.rules import ContractRules
from patronage.ledger.source import SOURCE_FILE, SOURCE_ROW, LedgerSource, RawTable, SourceOfTable
from patronage.ledger.tables import LedgerTables
from patronage.schema import LEDGER_TABLES, Column

PREFIX = "patronage_"
"""Of the names of the queries that map the user's tables, so that they cannot be taken for the tables themselves."""

NAME_PARTS = ("name", "database", "catalog")
"""What Ibis calls the parts of the name of a table, the last part first."""

TYPES = {"string": "string", "timestamp": "timestamp", "date": "date", "double": "float64", "long": "int64"}
"""Schema type to the type of Ibis that a column of a warehouse is taken to have, or cast to."""


@dataclass(frozen=True)
class WarehouseTables:
    """A ledger that lies in a warehouse.

    Attributes
    ----------
    tables : LedgerTables
        Tables without data, named by `PREFIX` and the name of the table.
    mappings : dict of str to ibis.Table
        The same name to the query over the user's own table, in which every row keeps the contract.
    """

    tables: LedgerTables
    mappings: dict[str, Any]


def warehouse_tables(
    source: LedgerSource, dialect: Dialect, names: Mapping[str, str | None], rules: ContractRules
) -> WarehouseTables:
    """Map the tables of a source, which is not read but for the names of its columns where its mapping has none.

    Parameters
    ----------
    source : LedgerSource
        What the columns mean.
    dialect : Dialect
    names : mapping of str to (str or None)
        Table of the ledger to the user's: ``sales``, ``shop.sales`` or ``project.shop.sales``. A table that is not
        named, or None, has the name that the source gives it, or the ledger's.
    rules : ContractRules

    Raises
    ------
    ConfigError
        If a name is given for a table that the source does not have, or the contract asks for what a query of this
        kind cannot do.
    """
    unknown = sorted(name for name, given in names.items() if given and name not in source.tables)
    if unknown:
        message = f"tables names {', '.join(unknown)}, but the ledger has {', '.join(source.tables)} only."
        raise ConfigError(message)
    if rules.duplicates == "drop":
        message = "contract.duplicates=drop needs all columns of the source, which a query does not know: use keep."
        raise ConfigError(message)
    mappings, unbound = {}, {}
    for name in LEDGER_TABLES:
        if name not in source.tables:
            continue
        table = source.tables[name]
        theirs = names.get(name) or getattr(table.place, "table", None) or name
        query = _mapped(table, theirs, dialect, rules, source.time_zone)
        mappings[f"{PREFIX}{name}"] = query
        unbound[name] = ibis.table(query.schema(), name=f"{PREFIX}{name}")
    return WarehouseTables(LedgerTables(**unbound), mappings)


def _mapped(source: SourceOfTable, theirs: str, dialect: Dialect, rules: ContractRules, zone: str) -> Any:
    mapping = source.mapping
    if mapping.as_named:
        mapping = mapping.of_source(source.place.names(DuckDbEngine()))
    if mapping.timestamp_format is not None:
        dialect.expressions.check_pattern(mapping.timestamp_format)
    if (mapping.decimal, mapping.thousands) != (".", ""):
        message = (
            "A query casts the columns of a warehouse, which holds numbers: it cannot read texts with the marks of "
            f"{mapping.setting}.decimal and {mapping.setting}.thousands. Leave both out."
        )
        raise ConfigError(message)
    kinds = _kinds(mapping)
    fields = fields_of(mapping)
    # The types of the columns are the warehouse's: each is cast to what its meaning asks for.
    table = ibis.table({field.name: dt.unknown for field in fields}, **_identifier(theirs))
    raw = {f"raw_{number}": table[field.name].cast(kinds[field.name]) for number, field in enumerate(fields)}
    place = {SOURCE_FILE: ibis.literal(theirs), SOURCE_ROW: ibis.null("int64")}
    rows = table.select(**raw, **place)
    there = RawTable(rows, None, "", lazy=True)
    checked = checked_rows(there, mapping, dialect.expressions, rules, zone, theirs, apart=_apart)
    used = checked.rows.filter(checked.rows[REFUSAL] == 0).select(*checked.columns)
    if rules.refunds == "order" and {"order_id", "amount"} <= set(checked.columns):
        used = with_netted_day(used)
    return used


def _apart(rows: Any) -> Any:
    """The same rows from a query within the query, which the checks around it name instead of repeating it."""
    return rows.view()


def _identifier(theirs: str) -> dict[str, str]:
    """The parts of a name of one to three parts.

    Raises
    ------
    ConfigError
        If it has more, or an empty one.
    """
    parts = theirs.split(".")
    if len(parts) > len(NAME_PARTS) or not all(parts):
        message = f"The name of a table has one to three parts (project.schema.table), got {theirs!r}."
        raise ConfigError(message)
    return dict(zip(NAME_PARTS, reversed(parts), strict=False))


def _kinds(mapping: TableMapping) -> dict[str, str]:
    """The user's column to the type it is cast to."""
    kinds: dict[str, str] = {}
    for _name, column, rule in mapping.columns():
        kinds |= dict.fromkeys(rule.fields, _kind(column, rule, mapping))
    if mapping.negative_where is not None:
        kinds[mapping.negative_where.field] = "string"
    return kinds


def _kind(column: Column | None, rule: ColumnRule, mapping: TableMapping) -> str:
    if rule.values:
        return "string"
    if column is None:
        return "float64" if rule.type == "number" else "string"
    in_text = column.type in ("timestamp", "date") and mapping.timestamp_format is not None
    return "string" if in_text else TYPES[column.type]
