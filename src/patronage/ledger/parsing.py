"""From the raw columns of a source to the typed columns of the ledger; what cannot be read is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ibis

from patronage.errors import ContractError
from patronage.ledger.engines.engine import Engine
from patronage.ledger.engines.reading import BLANKS
from patronage.ledger.mapping import ColumnRule, TableMapping
from patronage.schema import Column

LOOSE = f"^[{BLANKS}]|[{BLANKS}]$|^$"
"""Texts that are not what they should be before they are stripped: blanks around them, or nothing in them."""

FIRST_DATE, LAST_DATE = "0001-01-01", "9999-12-31"
"""Dates that every engine can turn into timestamps; a Parquet file may hold others."""


@dataclass(frozen=True)
class Parsed:
    """One column of the ledger as read from raw columns.

    Attributes
    ----------
    value : ibis column
        In the type of the ledger; missing where there is none or it cannot be read.
    blank : ibis boolean column
        Whether the source holds nothing.
    found : ibis string column
        The text of what the source holds.
    plain : ibis column or None
        The raw column itself if that would do as well as `value` wherever the two do not differ, and costs less.
    dear : bool
        Whether reading it anew at every use would cost much: numbers and dates in text, and time zones.
    """

    value: Any
    blank: Any
    found: Any
    plain: Any | None
    dear: bool


@dataclass(frozen=True)
class Reader:
    """How one table is read.

    Attributes
    ----------
    engine : Engine
    mapping : TableMapping
    zone : str
        In which days are cut; also of timestamps that do not name one, unless the mapping says otherwise.
    """

    engine: Engine
    mapping: TableMapping
    zone: str

    @property
    def clock(self) -> str:
        """The zone of timestamps that do not name one."""
        return self.mapping.timestamp_zone or self.zone

    def parsed(self, column: Column | None, rule: ColumnRule, raw: list[Any], sign_by: Any | None) -> Parsed:
        """Read one column.

        Parameters
        ----------
        column : Column or None
            Of the schema; None for an attribute.
        rule : ColumnRule
        raw : list of ibis columns
            What the rule's fields hold.
        sign_by : ibis boolean column or None
            Where it is true the value becomes negative.
        """
        raw = [_literal(rule.constant)] if rule.constant is not None else raw
        found = [value.cast("string") for value in raw]
        coded = bool(rule.values)
        if coded:
            raw = [self._decoded(text, rule) for text in found]
        kind = column.type if column is not None else _attribute_kind(rule, raw[0])
        read: Callable[[Any], Any] = {
            "string": self._text,
            "double": self._number,
            "long": self._flag,
            "timestamp": self._moment,
            "date": self._date,
        }[kind]
        values = [read(value) for value in raw]
        value = values[0]
        for factor in values[1:]:
            value = value * factor
        if rule.scale != 1:
            value = value * rule.scale
        if sign_by is not None:
            value = ibis.ifelse(sign_by, -value.abs(), value)
        if kind == "double" and (column is None or column.nullable) and any(one.type().is_floating() for one in raw):
            value = ibis.ifelse(value.isnan(), ibis.null("float64"), value)  # how data frames write a missing number
        joined = found[0]
        for text in found[1:]:
            joined = joined.fill_null("") + " * " + text.fill_null("")
        blank = ibis.or_(*(self._blank(one) for one in raw))
        dear = kind != "string" and not all(_costs_nothing(kind, value.type(), self.clock) for value in raw)
        plain = raw[0] if kind == "string" and raw[0].type().is_string() and not coded else None
        return Parsed(value, blank, joined, plain, dear)

    def _decoded(self, text: Any, rule: ColumnRule) -> Any:
        stripped = self.engine.strip(text)
        branches = [(stripped == theirs, _literal(ours)) for theirs, ours in rule.values.items()]
        return ibis.cases(*branches, else_=text)

    def _blank(self, raw: Any) -> Any:
        if raw.type().is_string():
            return raw.isnull() | (self.engine.strip(raw) == "")
        return raw.isnull()

    def _text(self, raw: Any) -> Any:
        """Texts without blanks around them; whole floats (ids that once had gaps) lose their ``.0``."""
        if raw.type().is_floating():
            fits = raw.abs() < 2.0**63
            whole = ibis.ifelse(fits, raw, None).cast("int64")
            text = ibis.ifelse(
                whole.notnull() & (whole.cast("float64") == raw.cast("float64")),
                whole.cast("string"),
                raw.cast("string"),
            )
            return ibis.ifelse(raw.isnan(), ibis.null("string"), text)
        text = raw.cast("string")
        # Looking whether there is something to strip costs a third of stripping.
        return ibis.ifelse(text.re_search(LOOSE), self.engine.strip(text).nullif(""), text)

    def _number(self, raw: Any) -> Any:
        if not raw.type().is_string():
            return raw.cast("float64")
        text = self.engine.strip(raw)
        decimal, thousands = self.mapping.decimal, self.mapping.thousands
        if (decimal, thousands) == (".", ""):
            return self.engine.number(text)
        return self.engine.number(_plain_number(text, decimal, thousands))

    def _flag(self, raw: Any) -> Any:
        """0 or 1, as a number or a truth value."""
        if raw.type().is_boolean():
            return raw.cast("int64")
        if raw.type().is_string():
            text = self.engine.strip(raw)
            number = ibis.cases(
                (text.lower() == "true", 1.0), (text.lower() == "false", 0.0), else_=self.engine.number(text)
            )
        else:
            number = raw.cast("float64")
        return ibis.cases((number == 1, 1), (number == 0, 0), else_=ibis.null("int64")).cast("int64")

    def _moment(self, raw: Any) -> Any:
        kind = raw.type()
        if kind.is_date():
            return self.engine.utc(_within_calendar(raw), self.clock)
        if kind.is_timestamp():
            return self.engine.utc(raw, self.clock)
        return self.engine.timestamp(raw.cast("string"), self.mapping.timestamp_format, self.clock)

    def _date(self, raw: Any) -> Any:
        """A day on the calendar of the ledger; a date that a source writes as such is that day in any zone."""
        kind = raw.type()
        if kind.is_date():
            return _within_calendar(raw)
        if kind.is_timestamp() and kind.timezone is None and self.clock == self.zone:
            return raw.date()
        return self.engine.day(self._moment(raw), self.zone)


def check_types(mapping: TableMapping, raw_types: dict[str, list[Any]], location: str) -> None:
    """Refuse columns of a type that cannot hold what is asked for; all of them at once.

    Parameters
    ----------
    mapping : TableMapping
    raw_types : dict of str to list of ibis types
        Our name to the types of the rule's fields.
    location : str

    Raises
    ------
    ContractError
        With the name and type of each, and what was expected.
    """
    wrong = []
    for name, column, rule in mapping.columns():
        kind = column.type if column is not None else "attribute"
        for theirs, found in zip(rule.fields, raw_types[name], strict=True):
            if not (found.is_null() or found.is_string() or _fits(kind, found, mapping.timestamp_format)):
                wrong.append(
                    f"{theirs} (for {name}) is of type {found}, expected {_EXPECTED[kind]}".replace(
                        "ledger.timestamp_format", f"{mapping.setting}.timestamp_format"
                    )
                )
    if wrong:
        message = f"{location} has columns of the wrong type: {'; '.join(wrong)}."
        raise ContractError(message)


_EXPECTED = {
    "string": "text or a number",
    "timestamp": "a date, a timestamp or text (or whole numbers with ledger.timestamp_format)",
    "date": "a date, a timestamp or text (or whole numbers with ledger.timestamp_format)",
    "double": "a number, or text that holds one",
    "long": "0 and 1, or true and false",
    "attribute": "text or a number",
}


def _fits(kind: str, found: Any, pattern: str | None) -> bool:
    number = found.is_numeric() and not found.is_boolean()
    if kind in ("timestamp", "date"):
        return bool(found.is_date() or found.is_timestamp() or (pattern is not None and found.is_integer()))
    if kind == "double":
        return bool(number)
    if kind == "long":
        return bool(number or found.is_boolean())
    if kind == "string":
        return bool(number or found.is_uuid())
    return not (found.is_nested() or found.is_binary())


def _attribute_kind(rule: ColumnRule, raw: Any) -> str:
    if rule.type is not None:
        return "double" if rule.type == "number" else "string"
    return "double" if raw.type().is_numeric() or raw.type().is_boolean() else "string"


def _costs_nothing(kind: str, found: Any, zone: str) -> bool:
    if kind in ("timestamp", "date"):
        return bool(found.is_date() or (found.is_timestamp() and found.timezone is None)) and zone == "UTC"
    return not found.is_string()


def _literal(value: str | None) -> Any:
    return ibis.null("string") if value is None else ibis.literal(value)


def _within_calendar(day: Any) -> Any:
    return ibis.ifelse(day.between(ibis.date(FIRST_DATE), ibis.date(LAST_DATE)), day, ibis.null("date"))


def _plain_number(text: Any, decimal: str, thousands: str) -> Any:
    """Numbers with a decimal point and nothing between their digits; missing if the marks do not stand where they may.

    ``1.234`` under a decimal comma is refused unless the point is the mark of thousands, and then it is 1234.
    """
    point = f"[{decimal}]"
    groups = f"[0-9]{{1,3}}([{thousands}][0-9]{{3}})+|" if thousands else ""
    shape = f"^[+-]?({groups}[0-9]*)({point}[0-9]*)?([eE][+-]?[0-9]+)?$|^[+-]?(nan|inf|infinity)$"
    plain = (text.replace(thousands, "") if thousands else text).replace(decimal, ".")
    return ibis.ifelse(text.lower().re_search(shape), plain, ibis.null("string"))
