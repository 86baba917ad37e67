"""From the columns of a source to those of the ledger: renaming, signs, units and codes, declared, not executed."""

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from patronage.errors import ConfigError
from patronage.ledger.engines.engine import check_zone
from patronage.schema import BUSINESS_DAYS, Column, TableSchema

RULE_KEYS = {"column", "product_of", "constant", "scale", "negate", "values", "type"}
MADE_HERE = {*BUSINESS_DAYS.values(), "netted_day"}
"""Columns that no source may bring: they are made when the ledger is opened."""

RESERVED = {
    "source_file", "source_row", "source_text", "source_customer_id", "as_of", "age_days", "refusal", "copy_number",
    "day", "netted_day",
}  # fmt: skip
"""Names that an attribute of customers may not have, in any case; numbered ones are `RESERVED_NUMBERED`."""

RESERVED_NUMBERED = re.compile(r"(raw|blank|found|plain)_[0-9]+")

ISO = "iso"
"""A timestamp_format that says what none says: for a table that would inherit another."""

SIGNED = ("amount", "quantity")
"""What `negative_where` turns negative unless it says otherwise."""


@dataclass(frozen=True)
class ColumnRule:
    """How one column of the ledger is had from those of a source.

    Attributes
    ----------
    fields : tuple of str
        The source's columns; their product if there are several; none if the value is constant.
    constant : str or None
        The value of every row, as text.
    scale : float
        Factor, for example 0.01 for cents; negative to turn the sign.
    values : mapping of str to (str or None)
        Codes of the source to values of the ledger; None is a missing value. Others stay as they are.
    type : {"text", "number"} or None
        Of an attribute; None keeps that of the source.
    """

    fields: tuple[str, ...]
    constant: str | None = None
    scale: float = 1.0
    values: Mapping[str, str | None] = field(default_factory=dict)
    type: str | None = None


@dataclass(frozen=True)
class NegativeWhere:
    """Rows whose numbers are refunds though they are written as positive.

    Attributes
    ----------
    field : str
        The source's column that tells.
    values : tuple of str
        Its values on such rows.
    of : tuple of str
        Columns of the ledger that become negative there, whatever their sign was.
    """

    field: str
    values: tuple[str, ...]
    of: tuple[str, ...] = SIGNED


@dataclass(frozen=True)
class TableMapping:
    """What the columns of one table of a source mean.

    Attributes
    ----------
    schema : TableSchema
    rules : dict of str to ColumnRule
        For columns of the schema and for attributes.
    attributes : tuple of str
        Which of them are attributes.
    setting : str
        Where the settings stand, for messages: ``ledger`` or ``ledger.contacts``.
    timestamp_format : str or None
        strptime pattern of textual timestamps and dates; ISO 8601 if None.
    inherited_format : bool
        Whether the format is that of the transactions, because this table has none of its own.
    timestamp_zone : str or None
        IANA name of the zone of timestamps without an offset; None is the zone in which days are cut.
    decimal, thousands : str
        How numbers are written in text.
    negative_where : NegativeWhere or None
    tolerated : tuple of str
        Reasons that are expected and do not count against the share of rows that may be set aside.
    as_named : bool
        Whether the source's names are those of the ledger: columns that are not required are then read if they are
        there, and further ones of customers are attributes.
    """

    schema: TableSchema
    rules: dict[str, ColumnRule]
    attributes: tuple[str, ...] = ()
    setting: str = "ledger"
    timestamp_format: str | None = None
    inherited_format: bool = False
    timestamp_zone: str | None = None
    decimal: str = "."
    thousands: str = ""
    negative_where: NegativeWhere | None = None
    tolerated: tuple[str, ...] = ()
    as_named: bool = False

    def date_format_in_words(self) -> str:
        """How dates in text are read, and which setting says so."""
        read = "as ISO 8601" if self.timestamp_format is None else f"by the pattern {self.timestamp_format!r}"
        setting = f"{self.setting}.timestamp_format"
        if self.inherited_format:
            return f"{read}, inherited from the transactions; {setting}={ISO} or a pattern overrules it"
        return f"{read} ({setting})"

    def columns(self) -> list[tuple[str, Column | None, ColumnRule]]:
        """Name, schema (None for attributes) and rule of every column that is mapped, in the order of the schema."""
        known = [
            (column.name, column, self.rules[column.name])
            for column in self.schema.columns
            if column.name in self.rules
        ]
        return [*known, *((name, None, self.rules[name]) for name in self.attributes)]

    def of_source(self, names: Sequence[str]) -> "TableMapping":
        """The mapping without what a source named like the ledger does not have, and with the attributes it has."""
        if not self.as_named:
            return self
        optional = {column.name for column in self.schema.columns if column.optional}
        rules = {
            name: rule for name, rule in self.rules.items() if name not in optional or set(rule.fields) <= set(names)
        }
        attributes = self.attributes
        if self.schema.name == "customers":
            attributes = tuple(name for name in names if not _is_taken(name, self.schema))
            rules |= {name: ColumnRule((name,)) for name in attributes}
        return replace(self, rules=rules, attributes=attributes)


def table_mapping(
    schema: TableSchema,
    columns: Mapping[str, Any] | None,
    *,
    setting: str = "ledger",
    attributes: Sequence[str] | Mapping[str, Any] | None = None,
    negative_where: Mapping[str, Any] | None = None,
    timestamp_format: str | None = None,
    timestamp_zone: str | None = None,
    decimal: str = ".",
    thousands: str | None = None,
    tolerated: Sequence[str] = (),
) -> TableMapping:
    """Check the settings of a mapping.

    Parameters
    ----------
    schema : TableSchema
    columns : mapping or None
        Our name to a rule: the name of a column of the source; or a mapping with one of ``column``, ``product_of`` (a
        list of columns) and ``constant``, and any of ``scale``, ``negate`` and ``values``. None or ``""`` leaves a
        column out. None instead of a mapping: the source uses our names.
    setting : str
        Where the settings stand, for messages.
    attributes : list of str, or mapping, optional
        Further columns of customers: their names, or our names to rules, which may have a ``type``.
    negative_where : mapping, optional
        ``column``, ``values`` and, if need be, ``of``; see `NegativeWhere`.
    timestamp_format, timestamp_zone, decimal, thousands, tolerated
        See `TableMapping`; ``"iso"`` is the same as None.

    Raises
    ------
    ConfigError
        If a required column is not mapped, a name is not known, or a rule does not fit.
    """
    as_named = columns is None
    given: dict[str, Any] = (
        {name: name for name in schema.names if name not in MADE_HERE} if columns is None else dict(columns)
    )
    known = [column for column in schema.names if column not in MADE_HERE]
    needed = [column for column in schema.required if column not in MADE_HERE]
    lacking = [column for column in needed if given.get(column) in (None, "")]
    unknown = [column for column in given if column not in known]
    if lacking or unknown:
        message = (
            f"{setting}.columns must map {', '.join(needed)} to columns of the source; "
            f"not mapped: {', '.join(lacking) or 'none'}; not known: {', '.join(unknown) or 'none'}."
        )
        raise ConfigError(message)
    kinds = {column.name: column.type for column in schema.columns}
    rules = {
        name: _rule(given[name], f"{setting}.columns.{name}", number=kinds[name] in ("double", "long"))
        for name in known
        if given.get(name) not in (None, "")
    }
    extra = _attributes(attributes, schema, f"{setting}.attributes")
    _check_number_format(setting, decimal, thousands or "")
    if timestamp_zone is not None:
        check_zone(timestamp_zone)
    return TableMapping(
        schema=schema,
        rules=rules | extra,
        attributes=tuple(extra),
        setting=setting,
        timestamp_format=None if (timestamp_format or ISO).lower() == ISO else timestamp_format,
        timestamp_zone=timestamp_zone,
        decimal=decimal,
        thousands=thousands or "",
        negative_where=_negative_where(negative_where, rules, f"{setting}.negative_where"),
        tolerated=tuple(tolerated),
        as_named=as_named,
    )


def _rule(given: Any, setting: str, number: bool, attribute: bool = False) -> ColumnRule:
    if isinstance(given, str):
        return ColumnRule((given,))
    if not isinstance(given, Mapping):
        message = f"{setting} must be the name of a column or a rule ({', '.join(sorted(RULE_KEYS))}), got {given!r}."
        raise ConfigError(message)
    unknown = sorted(set(map(str, given)) - (RULE_KEYS if attribute else RULE_KEYS - {"type"}))
    origins = [key for key in ("column", "product_of", "constant") if given.get(key) is not None]
    if unknown or len(origins) != 1:
        message = (
            f"{setting} must have exactly one of column, product_of and constant (has {', '.join(origins) or 'none'}), "
            f"and may have scale, negate and values; not known: {', '.join(unknown) or 'none'}."
        )
        raise ConfigError(message)
    rule_type = given.get("type")
    if rule_type not in (None, "text", "number"):
        message = f"{setting}.type must be text or number, got {rule_type!r}."
        raise ConfigError(message)
    numeric = number or rule_type == "number"
    for key in ("scale", "negate", "product_of"):
        if given.get(key) is not None and not numeric:
            message = f"{setting}.{key} is for numbers only{'; set type to number' if attribute else ''}."
            raise ConfigError(message)
    return ColumnRule(
        fields=_fields(given, origins[0], setting),
        constant=_text(given["constant"]) if origins[0] == "constant" else None,
        scale=_scale(given, setting),
        values=_values(given.get("values"), setting),
        type=rule_type,
    )


def _fields(given: Mapping[str, Any], origin: str, setting: str) -> tuple[str, ...]:
    if origin == "constant":
        return ()
    if origin == "column":
        names: Any = [given["column"]]
    else:
        names = given["product_of"]
    fits = (
        isinstance(names, Sequence)
        and not isinstance(names, str)
        and len(names) >= (2 if origin == "product_of" else 1)
    )
    if not fits or not all(isinstance(name, str) and name for name in names):
        wanted = "the name of a column" if origin == "column" else "a list of two columns or more"
        message = f"{setting}.{origin} must be {wanted}, got {given[origin]!r}."
        raise ConfigError(message)
    return tuple(names)


def _scale(given: Mapping[str, Any], setting: str) -> float:
    scale, negate = given.get("scale"), given.get("negate")
    scale = 1.0 if scale is None else scale
    if isinstance(scale, bool) or not isinstance(scale, int | float) or not isfinite(scale) or scale == 0:
        message = f"{setting}.scale must be a number other than 0, got {scale!r}."
        raise ConfigError(message)
    if negate not in (None, True, False):
        message = f"{setting}.negate must be true or false, got {negate!r}."
        raise ConfigError(message)
    return -float(scale) if negate else float(scale)


def _values(given: Any, setting: str) -> dict[str, str | None]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or any(isinstance(value, Mapping | list) for value in given.values()):
        message = f"{setting}.values must map values of the source to values of the ledger, got {given!r}."
        raise ConfigError(message)
    return {_text(theirs): None if ours is None else _text(ours) for theirs, ours in given.items()}


def _text(value: Any) -> str:
    """What YAML read as a number or a truth value, as the text that it was."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _attributes(given: Any, schema: TableSchema, setting: str) -> dict[str, ColumnRule]:
    if not given:
        return {}
    if schema.name != "customers":
        message = f"{setting}: only customers have attributes."
        raise ConfigError(message)
    wanted = dict(given) if isinstance(given, Mapping) else {name: name for name in given}
    taken = sorted(name for name in wanted if _is_taken(name, schema))
    alike = sorted(name for name in wanted if [other.lower() for other in wanted].count(name.lower()) > 1)
    if taken or alike:
        problem = (
            f"{', '.join(taken)}: the ledger uses these names"
            if taken
            else f"{', '.join(alike)}: they differ by case only"
        )
        message = f"{setting} may not be called {problem}. Give others as OURS: THEIRS."
        raise ConfigError(message)
    return {
        name: _rule(rule, f"{setting}.{name}", number=False, attribute=True) for name, rule in wanted.items() if rule
    }


def _is_taken(name: str, schema: TableSchema) -> bool:
    lower = name.lower()
    return lower in schema.names or lower in RESERVED or RESERVED_NUMBERED.fullmatch(lower) is not None


def _negative_where(
    given: Mapping[str, Any] | None, rules: Mapping[str, ColumnRule], setting: str
) -> NegativeWhere | None:
    if not given:
        return None
    unknown = sorted(set(given) - {"column", "values", "of"})
    column, values, of = given.get("column"), given.get("values"), given.get("of")
    if unknown or not isinstance(column, str) or not values or isinstance(values, str):
        message = f"{setting} must have a column and a list of values, and may have of; got {dict(given)!r}."
        raise ConfigError(message)
    signed = tuple(name for name in SIGNED if name in rules) if of is None else tuple(of)
    lacking = [name for name in signed if name not in rules]
    if lacking:
        message = f"{setting}.of names {', '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} not mapped."
        raise ConfigError(message)
    return NegativeWhere(column, tuple(_text(value) for value in values), signed)


def mapping_given(schema: TableSchema, given: Mapping[str, Any], known: Set[str], setting: str) -> TableMapping:
    """The mapping among the settings of one table of a source.

    Parameters
    ----------
    schema : TableSchema
    given : mapping of str to object
        The settings of the table; those of the mapping are named as the parameters of `table_mapping`.
    known : set of str
        All that the source knows.
    setting : str
        Where they stand, for messages.

    Raises
    ------
    ConfigError
        If the source does not know one of them, or the mapping does not fit.
    """
    unknown = sorted(set(given) - known)
    if unknown:
        message = f"{setting} does not know {', '.join(unknown)}; it knows {', '.join(sorted(known))}."
        raise ConfigError(message)
    return table_mapping(
        schema,
        given.get("columns"),
        setting=setting,
        attributes=given.get("attributes"),
        negative_where=given.get("negative_where"),
        timestamp_format=given.get("timestamp_format"),
        timestamp_zone=given.get("timestamp_zone"),
        decimal=given.get("decimal") or ".",
        thousands=given.get("thousands"),
        tolerated=tuple(given.get("tolerated") or ()),
    )


def _check_number_format(setting: str, decimal: str, thousands: str) -> None:
    if (
        decimal not in (".", ",")
        or thousands not in ("", ".", ",", " ", "'", "’", "_", "\u00a0", "\u202f")
        or decimal == thousands
    ):
        message = (
            f"{setting}.decimal must be a point or a comma and {setting}.thousands another mark (point, comma, space, "
            f"apostrophe) or null, got {decimal!r} and {thousands!r}."
        )
        raise ConfigError(message)
