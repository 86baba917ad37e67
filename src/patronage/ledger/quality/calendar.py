"""The days of a table: where it is silent, and where it holds more than a day plausibly does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from math import sqrt
from statistics import median

NEIGHBOURS_DAYS = 28
"""A day is compared with the days that lie so close to it, before and after: businesses grow and have seasons."""

IMPLAUSIBLE_FACTOR = 5.0
"""A day with more rows than this many times the median of its neighbours is worth a look..."""

IMPLAUSIBLE_DEVIATIONS = 10.0
"""... if it also lies so many standard deviations above it, taking the rows of a day to be Poisson distributed."""


@dataclass(frozen=True)
class Days:
    """What a table holds day by day.

    Attributes
    ----------
    first, last : date
    days : int
        Days with rows.
    longest_gap_days : int
        Days in a row without any, between two that have some and are not in the future.
    gap_from, gap_until : date or None
        The first and last of them.
    missing_months : tuple of str
        Months without a row between the first and the last that is not in the future, as ``2024-02``.
    median_rows : float
        Rows of the median day that has any.
    implausible : dict of date to int
        Days with far more rows than those around them, the fullest first; empty if there is one day only.
    future_rows : int
        Rows of days that have not come yet.
    future_days : tuple of date
        The first and the last such day; empty if there is none.
    rows_by_month : dict of str to int
        Rows of every month from the first to the last that is not in the future, also of those without any.
    """

    first: date
    last: date
    days: int
    longest_gap_days: int
    gap_from: date | None
    gap_until: date | None
    missing_months: tuple[str, ...]
    median_rows: float
    implausible: dict[date, int]
    future_rows: int = 0
    future_days: tuple[date, ...] = ()
    rows_by_month: dict[str, int] = field(default_factory=dict)


def days_of(rows: Mapping[date, int], today: date | None = None) -> Days:
    """Look through the rows of each day.

    Parameters
    ----------
    rows : mapping of date to int
        Days with at least one row; at least one day.
    today : date, optional
        Later days are in the future, and no gap is looked for between them; none is if not given.

    Examples
    --------
    >>> found = days_of({date(2024, 1, 30): 2, date(2024, 3, 2): 2})
    >>> found.longest_gap_days, found.gap_from, found.missing_months
    (31, datetime.date(2024, 1, 31), ('2024-02',))
    """
    every = sorted(rows)
    future = [] if today is None else [day for day in every if day > today]
    days = every[: len(every) - len(future)] or every
    gaps = (((later - earlier).days - 1, earlier) for earlier, later in pairwise(days))
    silent, begin = max(gaps, default=(0, days[0]))
    by_month = _by_month({day: rows[day] for day in days})
    full = [day for day in days if len(rows) > 1 and rows[day] > _limit(day, rows)]
    return Days(
        first=every[0],
        last=every[-1],
        days=len(every),
        longest_gap_days=silent,
        gap_from=begin + timedelta(days=1) if silent else None,
        gap_until=begin + timedelta(days=silent) if silent else None,
        missing_months=tuple(month for month, count in by_month.items() if not count),
        median_rows=float(median(rows.values())),
        implausible={day: rows[day] for day in sorted(full, key=lambda day: (-rows[day], day))},
        future_rows=sum(rows[day] for day in future),
        future_days=(future[0], future[-1]) if future else (),
        rows_by_month=by_month,
    )


def month_ranges(months: Sequence[str]) -> list[str]:
    """Months in order, those that follow one another as one range.

    Examples
    --------
    >>> month_ranges(("2023-11", "2023-12", "2024-01", "2024-03"))
    ['2023-11 to 2024-01', '2024-03']
    """
    runs: list[list[str]] = []
    for month in months:
        if runs and _next_month(runs[-1][-1]) == month:
            runs[-1].append(month)
        else:
            runs.append([month])
    return [run[0] if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]


def _next_month(month: str) -> str:
    year, number = map(int, month.split("-"))
    return f"{year + number // 12:04d}-{number % 12 + 1:02d}"


def _limit(day: date, rows: Mapping[date, int]) -> float:
    """The largest plausible number of rows of a day."""
    near = (day + timedelta(days=shift) for shift in range(-NEIGHBOURS_DAYS, NEIGHBOURS_DAYS + 1) if shift)
    counts = [rows[other] for other in near if other in rows]
    usual = median(counts) if counts else 1.0
    return max(IMPLAUSIBLE_FACTOR * usual, usual + IMPLAUSIBLE_DEVIATIONS * sqrt(usual))


def _by_month(rows: Mapping[date, int]) -> dict[str, int]:
    month, last = (f"{day:%Y-%m}" for day in (min(rows), max(rows)))
    counts = {month: 0}
    while month < last:
        month = _next_month(month)
        counts[month] = 0
    for day, count in rows.items():
        counts[f"{day:%Y-%m}"] += count
    return counts
