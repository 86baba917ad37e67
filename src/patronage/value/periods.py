"""Spans of days that money is summed over: named, apart from one another, in order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Literal

import ibis

from patronage.errors import ConfigError

Every = Literal["month", "quarter", "year"]

MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}
"""Months of each kind of calendar period."""


@dataclass(frozen=True)
class Period:
    """Days from first_day to last_day, both included; its name sorts as time does if it begins with the year."""

    name: str
    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.last_day - self.first_day).days + 1


def calendar_periods(first_day: date, last_day: date, every: Every) -> tuple[Period, ...]:
    """Months, quarters or years from one day to another; the first and the last may be cut short.

    Examples
    --------
    >>> [period.name for period in calendar_periods(date(2023, 12, 31), date(2024, 4, 1), "quarter")]
    ['2023-Q4', '2024-Q1', '2024-Q2']
    """
    if every not in MONTHS:
        message = f"Periods are every {', '.join(MONTHS)}; got {every!r}."
        raise ConfigError(message)
    length = MONTHS[every]
    found = []
    at = first_day
    while at <= last_day:
        block = (at.month - 1) // length
        months = at.year * 12 + (block + 1) * length
        ends = date(months // 12, months % 12 + 1, 1) - timedelta(days=1)
        name = {"month": f"{at:%Y-%m}", "quarter": f"{at.year:04d}-Q{block + 1}", "year": f"{at.year:04d}"}[every]
        found.append(Period(name, at, min(ends, last_day)))
        at = ends + timedelta(days=1)
    return checked_periods(found)


def checked_periods(periods: Iterable[Period]) -> tuple[Period, ...]:
    """Periods in order of time.

    Raises
    ------
    ConfigError
        If there is none, names repeat, one ends before it begins, or two share a day: money would count twice.
    """
    ordered = tuple(sorted(periods, key=lambda period: period.first_day))
    problems = [] if ordered else ["there is none"]
    problems += [f"{period.name} ends before it begins" for period in ordered if period.last_day < period.first_day]
    problems += [
        f"{earlier.name} and {later.name} share days, so that their money would count twice"
        for earlier, later in pairwise(ordered)
        if later.first_day <= earlier.last_day
    ]
    if len({period.name for period in ordered}) < len(ordered):
        problems.append("names repeat")
    if problems:
        message = f"Expected periods with names of their own that share no day: {'; '.join(problems)}."
        raise ConfigError(message)
    return ordered


def period_of(day: Any, periods: Sequence[Period]) -> Any:
    """The name of the period of every day; missing outside all of them.

    Parameters
    ----------
    day : ibis.expr.types.DateValue
    periods : sequence of Period

    Returns
    -------
    ibis.expr.types.StringValue
    """
    spans = [(ibis.date(one.first_day.isoformat()), ibis.date(one.last_day.isoformat())) for one in periods]
    branches = [((day >= first) & (day <= last), one.name) for one, (first, last) in zip(periods, spans, strict=True)]
    return ibis.cases(*branches, else_=ibis.null("string"))
