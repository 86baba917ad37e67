"""strptime patterns on engines that have none: a pattern becomes a regular expression, its groups an ISO text.

The directives mean what they mean to DuckDB, whose own strptime is the reference: one or two digits where numbers stand
apart, names of months and weekdays in English and in any case, weekdays read and not believed, parts of the date that
are not named taken from 1900-01-01.
"""

from dataclasses import dataclass, replace
from typing import Any, NoReturn

import ibis

from patronage.errors import ConfigError
from patronage.ledger.engines.reading import LOCAL_MOMENT, Reading, iso_with_offset

MONTHS = (
    "january", "february", "march", "april", "may", "june",
    "july", "august", "september", "october", "november", "december",
)  # fmt: skip
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

ABBREVIATION = 3
"""Letters of an abbreviated name of a month or weekday."""

LAST_YEAR_OF_2000S = 68
"""Two digits up to here are years after 2000, later ones years of the century before (POSIX)."""

_SPECIAL = ".$*+?()[{|"
_SHORTHANDS = {"%T": "%H:%M:%S"}


def _any_case(word: str) -> str:
    return "".join(f"[{letter.upper()}{letter.lower()}]" for letter in word)


def _one_of(words: tuple[str, ...], length: int | None = None) -> str:
    return "(" + "|".join(_any_case(word[:length]) for word in words) + ")"


_NUMBERS = {"Y": (1, 4), "y": (2, 2), "m": (1, 2), "d": (1, 2), "H": (1, 2), "M": (1, 2), "S": (1, 2), "f": (1, 6)}
"""Directives that read digits, with the fewest and the most of them."""

_WORDS = {
    "I": "(0?[1-9]|1[0-2])", "p": _one_of(("am", "pm")), "b": _one_of(MONTHS, ABBREVIATION), "B": _one_of(MONTHS),
    "a": _one_of(WEEKDAYS, ABBREVIATION), "A": _one_of(WEEKDAYS), "z": "([+-][0-9]{2}(:?[0-9]{2})?)",
}  # fmt: skip
"""The other directives, with what they match."""


@dataclass(frozen=True)
class Strptime:
    """A strptime pattern, translated.

    Attributes
    ----------
    expression : str
        Regular expression that the whole text has to match.
    groups : dict of str to int
        Directive to the number of its group in the expression.
    """

    expression: str
    groups: dict[str, int]

    def readings(self, text: Any) -> tuple[Reading, ...]:
        """The one way to read texts of this pattern."""
        moment = self._iso_text(text)
        read = iso_with_offset(moment) if "z" in self.groups else Reading(moment.re_search(LOCAL_MOMENT), moment)
        return (replace(read, fits=text.re_search(self.expression) & read.fits),)

    def _iso_text(self, text: Any) -> Any:
        part = {name: text.re_extract(self.expression, group).nullif("") for name, group in self.groups.items()}
        pieces = [_year(part), "-", _month(part), "-", part.get("d", "01")]
        pieces += [" ", _hour(part), ":", part.get("M", "00"), ":", part.get("S", "00")]
        pieces += [".", part["f"]] if "f" in part else []
        pieces += [part["z"]] if "z" in part else []
        iso = ibis.literal("")
        for piece in pieces:
            iso = iso.concat(piece)
        return iso


def translated(pattern: str) -> Strptime:
    """Translate a strptime pattern.

    Raises
    ------
    ConfigError
        Naming the part that is not understood.
    """
    tokens = _tokens(pattern)
    expression, groups, n_groups = "", {}, 0
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if not token.startswith("%"):
            expression += _literal(token, pattern)
            continue
        name = token[1:]
        if name in groups:
            _refuse(pattern, f"{token} comes twice")
        matched = _NUMBERS.get(name) and _digits(name, before_digits=following[1:] in _NUMBERS)
        expression += matched or _WORDS[name]
        groups[name] = n_groups + 1
        n_groups += (matched or _WORDS[name]).count("(")
    if ("I" in groups) != ("p" in groups):
        _refuse(pattern, "%I and %p go together")
    return Strptime(f"^{expression}$", groups)


def _tokens(pattern: str) -> list[str]:
    """Directives with their percent sign, and single characters between them; the percent sign itself is ``""``."""
    for shorthand, meaning in _SHORTHANDS.items():
        pattern = pattern.replace(shorthand, meaning)
    tokens, rest = [], pattern
    while rest:
        if not rest.startswith("%"):
            tokens.append(rest[0])
            rest = rest[1:]
            continue
        name = rest[1:].removeprefix("-")[:1]
        if name != "%" and name not in _NUMBERS and name not in _WORDS:
            _refuse(pattern, f"%{name} is not understood")
        tokens.append("" if name == "%" else f"%{name}")
        rest = rest[1:].removeprefix("-")[1:]
    return tokens


def _digits(name: str, before_digits: bool) -> str:
    fewest, most = _NUMBERS[name]
    return f"([0-9]{{{most if before_digits else fewest},{most}}})"


def _literal(token: str, pattern: str) -> str:
    if token == "":
        return "%"
    if token in "^\\]}":
        _refuse(pattern, f"{token} is not understood")
    if token == " ":
        return " +"
    return f"[{token}]" if token in _SPECIAL else token


def _refuse(pattern: str, reason: str) -> NoReturn:
    message = (
        f"ledger.timestamp_format {pattern!r} is not a strptime pattern that this engine understands: {reason}. "
        f"It reads {', '.join(f'%{name}' for name in (*_NUMBERS, *_WORDS))} and %%."
    )
    raise ConfigError(message)


def _year(part: dict[str, Any]) -> Any:
    if "Y" in part:
        return part["Y"].lpad(4, "0")
    if "y" in part:
        recent = part["y"].cast("int64") <= LAST_YEAR_OF_2000S
        return ibis.ifelse(recent, "20", "19").concat(part["y"])
    return "1900"


def _month(part: dict[str, Any]) -> Any:
    if "m" in part:
        return part["m"]
    if not part.keys() & {"b", "B"}:
        return "01"
    name = part["B" if "B" in part else "b"].lower().substr(0, ABBREVIATION)
    numbers = [(name == month[:ABBREVIATION], f"{number:02d}") for number, month in enumerate(MONTHS, start=1)]
    return ibis.cases(*numbers)


def _hour(part: dict[str, Any]) -> Any:
    if "I" not in part:
        return part.get("H", "00")
    afternoon = part["p"].lower() == "pm"
    return (part["I"].cast("int64") % 12 + ibis.ifelse(afternoon, 12, 0)).cast("string")
