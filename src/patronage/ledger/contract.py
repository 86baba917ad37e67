"""The contract of the tables: every row either fits or is set aside with all its reasons; none is lost.

A row is used if what its table may not lack is there, and what is there can be read and lies within bounds. What is
wrong with a row is held as one number, a bit for each reason, so that counting the reasons of a hundred million rows is
one pass over them and nothing has to be stored for the rows that fit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ibis

from patronage.ledger.engines.engine import Engine
from patronage.ledger.mapping import ColumnRule, TableMapping
from patronage.ledger.parsing import Parsed, Reader, check_types
from patronage.ledger.rules import ContractRules
from patronage.ledger.source import LINE, SOURCE_FILE, SOURCE_ROW, Field, FieldKind, RawTable
from patronage.schema import BUSINESS_DAYS, Column

TIMESTAMP_RANGE = ("1900-01-01", "2200-01-01")
"""Dates outside are taken for errors of the file (a year 0202, a sentinel 9999-12-31)."""

UNBOUNDED = ("contract_end",)
"""Dates that may lie in any future: 9999-12-31 is how many systems write that a contract runs."""

LARGEST_AMOUNT = 1e12
"""Numbers from here on are taken for errors too; they would not fit the decimals that amounts are summed as."""

NOT_NEGATIVE = ("discount", "acquisition_cost", "price", "cost", "duration_minutes")
"""Numbers that have no meaning below zero."""

ORDERED = {"contract_end": "contract_start", "closed_at": "timestamp", "responded_at": "timestamp"}
"""What ends, and what it may not end before."""

UNREADABLE_DATE = "not a date"
"""What reasons end with where a text could not be read as a date."""

REFUSAL = "refusal"
"""Column with the bits of the reasons of a row; 0 if it fits."""

FOUND = ("customer_id", "timestamp", "amount")
"""Columns of whatever table that a row set aside shows as found, each in a column of its own."""

COPY = "copy_number"
"""1 for the first of the rows that agree in every column of the source, 2 for the second."""


@dataclass(frozen=True)
class Checked:
    """A table held to its contract.

    Attributes
    ----------
    rows : ibis.Table
        The columns of the ledger, typed; ``refusal``; source_file, source_row; and ``found_0``, ... , the text of each
        column as found, present only where a row was refused.
    columns : tuple of str
        The columns of the ledger, in the order of the schema.
    reasons : tuple of str
        Bit ``i`` of ``refusal`` stands for the i-th.
    found : tuple of str
        Columns of `rows` with the text of each column that was read, as found.
    plain : dict of str to str
        Column to the column of `rows` that holds its raw text, which may be used instead where the two never differ.
    lazy : bool
        Whether `rows` are a cheap query of typed columns.
    copies : bool
        Whether `rows` have `COPY`.
    temporary : tuple of ibis.Table
        What can be forgotten once the rows are computed.
    """

    rows: Any
    columns: tuple[str, ...]
    reasons: tuple[str, ...]
    found: tuple[str, ...]
    plain: dict[str, str]
    lazy: bool
    copies: bool
    temporary: tuple[Any, ...] = ()


def fields_of(mapping: TableMapping) -> list[Field]:
    """What to ask the source for: the fields of all rules, and that which tells the sign."""
    asked = []
    for name, column, rule in mapping.columns():
        kind = _field_kind(column, rule)
        section = "columns" if column is not None else "attributes"
        setting = f"{mapping.setting}.{section}"
        asked += [Field(theirs, name, kind, setting, mapping.timestamp_format) for theirs in rule.fields]
    if mapping.negative_where is not None:
        setting = f"{mapping.setting}.negative_where"
        asked.append(Field(mapping.negative_where.field, "negative_where", "any", setting))
    return asked


def checked_rows(
    raw: RawTable,
    mapping: TableMapping,
    engine: Engine,
    rules: ContractRules,
    zone: str,
    location: str,
    apart: Callable[[Any], Any] | None = None,
) -> Checked:
    """Read the raw columns and note, for every row, why it cannot be used.

    Parameters
    ----------
    raw : RawTable
    mapping : TableMapping
    engine : Engine
    rules : ContractRules
    zone : str
        In which days are cut.
    location : str
    apart : callable, optional
        From rows that were dear to read to the same rows, read once and for all; the checks mention each column many
        times, and an engine may read it anew each time.

    Raises
    ------
    ContractError
        If a column is of a type that cannot hold what is asked for; all such columns at once.
    """
    table = _with_copies(raw.table, rules)
    groups = _raw_by_column(mapping, table)
    check_types(mapping, {name: [value.type() for value in values] for name, values in groups.items()}, location)
    reader = Reader(engine, mapping, zone)
    signs = _signs(mapping, table, engine)
    parsed = {
        name: reader.parsed(column, rule, groups[name], signs.get(name)) for name, column, rule in mapping.columns()
    }
    columns = tuple(parsed)
    kept = [SOURCE_FILE, SOURCE_ROW, *([COPY] if COPY in table.columns else [])]
    lazy = raw.lazy and COPY not in kept and not any(one.dear for one in parsed.values())
    named = enumerate(columns) if lazy else ()
    plain = {name: f"plain_{number}" for number, name in named if parsed[name].plain is not None}
    rows = table.select(
        *kept,
        **{name: one.value for name, one in parsed.items()},
        **{f"blank_{number}": one.blank for number, one in enumerate(parsed.values())},
        **{f"found_{number}": one.found for number, one in enumerate(parsed.values())},
        **{plain[name]: parsed[name].plain for name in plain},
    )
    temporary: tuple[Any, ...] = ()
    if apart is not None and any(one.dear for one in parsed.values()):
        rows = apart(rows)
        temporary = (rows,)
    for moment, day in BUSINESS_DAYS.items():
        if moment in columns:
            rows = rows.mutate(**{day: engine.day(rows[moment], zone)})
            position = columns.index(moment) + 1
            columns = (*columns[:position], day, *columns[position:])
    checks = _checks(rows, mapping, parsed, groups, rules)
    if rules.duplicates == "drop" and COPY in rows.columns:
        checks["copy of an earlier row"] = rows[COPY] > 1
    refusal = sum((_bit(position, failed) for position, failed in enumerate(checks.values())), ibis.literal(0, "int64"))
    rows = rows.mutate(**{REFUSAL: refusal})
    found = tuple(f"found_{number}" for number in range(len(parsed)))
    rows = rows.select(
        *kept, *columns, REFUSAL, *plain.values(),
        **{name: ibis.ifelse(rows[REFUSAL] != 0, rows[name], ibis.null("string")) for name in found},
    )  # fmt: skip
    return Checked(rows, columns, tuple(checks), found, plain, lazy, COPY in kept, temporary)


def reason_text(refusal: Any, reasons: Sequence[str]) -> Any:
    """The reasons of a row as text, with semicolons between them."""
    text = ibis.literal("")
    for position, reason in enumerate(reasons):
        text = text + ibis.ifelse(has_reason(refusal, position), f"; {reason}", "")
    return text.substr(2)


def has_reason(refusal: Any, position: int) -> Any:
    """Whether the bit of a reason is set."""
    return (refusal & (1 << position)) != 0


def _bit(position: int, failed: Any) -> Any:
    return ibis.ifelse(failed, ibis.literal(1 << position, "int64"), ibis.literal(0, "int64"))


def _field_kind(column: Column | None, rule: ColumnRule) -> FieldKind:
    if column is None or rule.values:
        return "any"
    if column.name == "customer_id":
        return "id"
    kinds: dict[str, FieldKind] = {"double": "number", "long": "any", "timestamp": "time", "date": "time"}
    return kinds.get(column.type, "text")


def _raw_by_column(mapping: TableMapping, table: Any) -> dict[str, list[Any]]:
    """The raw columns of every column of the ledger, in the order in which `fields_of` asked for them."""
    position = 0
    groups = {}
    for name, _column, rule in mapping.columns():
        groups[name] = [table[f"raw_{position + offset}"] for offset in range(len(rule.fields))]
        position += len(rule.fields)
    return groups


def _signs(mapping: TableMapping, table: Any, engine: Engine) -> dict[str, Any]:
    rule = mapping.negative_where
    if rule is None:
        return {}
    position = sum(len(one.fields) for _name, _column, one in mapping.columns())
    tells = engine.strip(table[f"raw_{position}"].cast("string")).isin(rule.values).fill_null(False)
    return dict.fromkeys(rule.of, tells)


def _with_copies(table: Any, rules: ContractRules) -> Any:
    if LINE not in table.columns or rules.duplicates == "keep":
        return table
    earlier = ibis.window(group_by=table[LINE], order_by=[table[SOURCE_FILE], table[SOURCE_ROW]])
    return table.mutate(**{COPY: ibis.row_number().over(earlier) + 1}).drop(LINE)


def _checks(
    rows: Any, mapping: TableMapping, parsed: dict[str, Parsed], groups: dict[str, list[Any]], rules: ContractRules
) -> dict[str, Any]:
    checks: dict[str, Any] = {}
    unreadable = []
    for number, (name, column, rule) in enumerate(mapping.columns()):
        may_fail = rule.constant is not None or bool(rule.values) or any(one.type().is_string() for one in groups[name])
        if column is not None:
            checks |= _column_checks(rows[name], column, rows[f"blank_{number}"], may_fail)
        elif parsed[name].value.type().is_numeric():
            unreadable.append(~rows[f"blank_{number}"] & (rows[name].isnull() | ~_finite(rows[name])).fill_null(True))
    if unreadable:
        checks["attribute not a number"] = ibis.or_(*unreadable)
    for end, begin in ORDERED.items():
        if end in parsed and begin in parsed:
            checks[f"{end} before {begin}"] = (rows[end] < rows[begin]).fill_null(False)
    if rules.largest_amount is not None and "amount" in parsed:
        within = rows.amount.abs() <= rules.largest_amount
        checks["amount larger than allowed"] = ~within.fill_null(True)
    if rules.latest is not None and "day" in rows.columns:
        checks[f"later than {rules.latest}"] = (rows.day > ibis.date(rules.latest.isoformat())).fill_null(False)
    if rules.currency is not None and "currency" in parsed:
        checks["currency missing"] = rows.currency.isnull()
        checks[f"currency not {rules.currency}"] = (rows.currency != rules.currency).fill_null(False)
    return checks


def _column_checks(value: Any, column: Column, blank: Any, may_fail: bool) -> dict[str, Any]:
    name = column.name
    if column.type == "string":
        return {} if column.nullable else {f"{name} missing": value.isnull()}
    checks = {} if column.nullable else {f"{name} missing": blank}
    if column.type == "long":
        return checks | {f"{name} not 0 or 1": ~blank & value.isnull()}
    if column.type == "double":
        checks |= {f"{name} not a number": ~blank & value.isnull()} if may_fail else {}
        checks |= {
            f"{name} out of range": value.notnull() & _finite(value) & (value.abs() >= LARGEST_AMOUNT),
            f"{name} not finite": value.notnull() & ~_finite(value),
        }
        if name in NOT_NEGATIVE:
            checks[f"{name} negative"] = value.notnull() & _finite(value) & (value < 0)
        return checks
    low, high = (ibis.date(day) if column.type == "date" else ibis.timestamp(day) for day in TIMESTAMP_RANGE)
    outside = value < low if name in UNBOUNDED else ~value.between(low, high)
    return checks | {
        f"{name} {UNREADABLE_DATE}": ~blank & value.isnull(),
        f"{name} out of range": value.notnull() & outside,
    }


def _finite(value: Any) -> Any:
    return ~(value.isnan() | value.isinf())
