"""Rejected rows counted by their reasons: a row's reason names its own value, a count those of all its rows."""

import re
from ast import literal_eval
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from patronage.runtime.unknown_levels import OF_UNKNOWN_LEVEL, listed

_LITERAL = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_OF_ONE = re.compile(rf"(?<= {OF_UNKNOWN_LEVEL} )\((?P<value>{_LITERAL})\)")
"""The value that a row's reason names, as Python writes it."""

_OF_MANY = re.compile(rf"(?<= {OF_UNKNOWN_LEVEL} )\(\)")
"""Where values are named, once they are taken out."""


def counted_reasons(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts of all parts together, where reasons that differ by the values of their rows alone are one.

    Parameters
    ----------
    parts : iterable of mapping of str to int
        Of each part, rows by the reasons of the row.

    Returns
    -------
    dict of str to int
        The most frequent values are named first.

    Examples
    --------
    >>> counted_reasons([{"channel of an unknown level ('fax')": 2}, {"channel of an unknown level ('tv')": 1}])
    {"channel of an unknown level ('fax', 'tv')": 3}
    """
    counts: Counter[str] = Counter()
    values: dict[str, list[Counter[str]]] = {}
    for reasons in parts:
        for reason, count in reasons.items():
            alike = _OF_ONE.sub("()", reason)
            counts[alike] += count
            places = values.setdefault(alike, [Counter() for _ in _OF_ONE.findall(reason)])
            for place, found in zip(places, _OF_ONE.finditer(reason), strict=True):
                place[found["value"]] += count
    return {_named(alike, values[alike]): count for alike, count in counts.items()}


def reasons_in_words(reasons: Mapping[str, int]) -> str:
    """Counts by reason, the most frequent first."""
    ranked = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{reason} ({count:,} row{'s' if count > 1 else ''})" for reason, count in ranked)


def _named(alike: str, values: Sequence[Counter[str]]) -> str:
    """A reason with the values of all its rows."""
    words = iter([listed(literal_eval(value) for value, _ in place.most_common()) for place in values])
    return _OF_MANY.sub(lambda _: next(words), alike)
