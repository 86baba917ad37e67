"""Codes of a mapping that the source does not hold: a misspelt one would leave every row as it is, unseen."""

from collections.abc import Iterable, Iterator
from typing import Any

from patronage.ledger.engines.engine import Engine
from patronage.ledger.mapping import TableMapping

SHOWN_VALUES = 8
"""Values of the source that a sentence names at most, the most frequent first."""

LONGEST_VALUE = 40
"""Longer ones are cut."""


def unmatched_codes(table: Any, mapping: TableMapping, engine: Engine) -> tuple[str, ...]:
    """Say of which codes no row holds one, and what the rows hold instead.

    Parameters
    ----------
    table : ibis.Table
        Raw columns, as `fields_of` asked for them.
    mapping : TableMapping
    engine : Engine

    Returns
    -------
    tuple of str
        A sentence for each setting with such codes; none if every code occurs, or there are no rows.
    """
    sentences = []
    for setting, theirs, raw, codes in _coded(mapping):
        text = engine.strip(table[raw].cast("string"))
        counts = {f"code_{number}": table.count(where=text == code) for number, code in enumerate(codes)}
        (found,) = table.aggregate(rows=table.count(), **counts).to_pyarrow().to_pylist()
        missed = [code for number, code in enumerate(codes) if not found[f"code_{number}"]]
        if missed and found["rows"]:
            sentences.append(
                f"{setting} names {_listed(missed)}, which no row holds: {theirs} has {_values(table, text)}."
            )
    return tuple(sentences)


def _coded(mapping: TableMapping) -> Iterator[tuple[str, str, str, list[str]]]:
    """Setting, the source's column, the raw column, and the codes."""
    position = 0
    for name, column, rule in mapping.columns():
        section = "attributes" if column is None else "columns"
        for offset, theirs in enumerate(rule.fields if rule.values else ()):
            yield f"{mapping.setting}.{section}.{name}.values", theirs, f"raw_{position + offset}", list(rule.values)
        position += len(rule.fields)
    if mapping.negative_where is not None:
        sign = mapping.negative_where
        yield f"{mapping.setting}.negative_where.values", sign.field, f"raw_{position}", list(sign.values)


def _values(table: Any, text: Any) -> str:
    """The most frequent values of a column, with their numbers of rows."""
    rows = table.select(value=text)
    by_value = rows.group_by("value").aggregate(rows=rows.count())
    top = by_value.order_by(by_value.rows.desc(), by_value.value.asc()).limit(SHOWN_VALUES + 1)
    found = top.to_pyarrow().to_pylist()
    shown = [f"{_short(row['value'])} ({row['rows']:,})" for row in found[:SHOWN_VALUES]]
    return ", ".join(shown) + (", and more" if len(found) > SHOWN_VALUES else "")


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(_short(code) for code in codes)


def _short(value: str | None) -> str:
    if value is None:
        return "nothing"
    return repr(value if len(value) <= LONGEST_VALUE else value[:LONGEST_VALUE] + "...")
