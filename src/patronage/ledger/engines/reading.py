"""What counts as a number or a moment in a text: one grammar, which every engine matches before it casts.

The patterns keep to what RE2 (DuckDB), Java (Spark) and PostgreSQL read alike: no backslashes, no lookarounds, no back
references.
"""

from dataclasses import dataclass
from typing import Any

import ibis

BLANKS = " \t\n\v\f\r"
"""What is stripped around a text."""

NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$"

NOT_FINITE = {
    "^[+-]?nan$": float("nan"),
    "^[+]?(inf|infinity)$": float("inf"),
    "^-(inf|infinity)$": float("-inf"),
}
"""Numbers that have names, in small letters."""

_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_MONTH = "(0?[1-9]|1[0-2])"
_DAY = "(0?[1-9]|[12][0-9]|3[01])"
_DATE = f"{_YEAR}(-{_MONTH}-|/{_MONTH}/){_DAY}"
_CLOCK = "([01]?[0-9]|2[0-3]):[0-5]?[0-9](:[0-5]?[0-9]([.][0-9]{1,9})?)?"
_OFFSET = "(Z|UTC|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)"

LOCAL_MOMENT = f"^{_DATE}([T ] *{_CLOCK})?$"
"""A date, or a date and a time, without an offset. The day may still lie beyond the end of its month."""

MOMENT_WITH_OFFSET = f"^{_DATE}[T ] *{_CLOCK} ?{_OFFSET}$"
"""A date and a time that say how far they are from UTC."""

_OFFSET_AT_END = f" ?{_OFFSET}$"
_HOURS_AT_END = "([+-])([0-9]{2}):?([0-9]{2})?$"


@dataclass(frozen=True)
class Reading:
    """One way to read a text as a moment.

    Attributes
    ----------
    fits : ibis column of booleans
        Whether the text can be read so, but for days beyond the end of their month.
    local : ibis column of strings
        The date and time in it, in ISO 8601.
    minutes_ahead : ibis column of int64, or None
        How far they are ahead of UTC; None if they are a local time.
    """

    fits: Any
    local: Any
    minutes_ahead: Any | None = None


def iso(text: Any) -> tuple[Reading, ...]:
    """The two ways to read ISO 8601: without an offset and with one."""
    return (Reading(text.re_search(LOCAL_MOMENT), text), iso_with_offset(text))


def iso_with_offset(text: Any) -> Reading:
    """ISO 8601 with an offset."""
    hours = text.re_extract(_HOURS_AT_END, 2).nullif("").cast("int64").fill_null(0)
    minutes = text.re_extract(_HOURS_AT_END, 3).nullif("").cast("int64").fill_null(0)
    ahead = hours * 60 + minutes
    return Reading(
        fits=text.re_search(MOMENT_WITH_OFFSET),
        local=text.re_replace(_OFFSET_AT_END, ""),
        minutes_ahead=ibis.ifelse(text.re_extract(_HOURS_AT_END, 1) == "-", -ahead, ahead),
    )
