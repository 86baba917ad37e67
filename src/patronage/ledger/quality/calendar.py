"""The days of a table: where it is silent, and where it holds more than a day plausibly does."""

from collections.abc import Mapping
from dataclasses import dataclass
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
        Days in a row without any, between two that have some.
    gap_from, gap_until : date or None
        The first and last of them.
    missing_months : tuple of str
        Months between the first and the last without a row, as ``2024-02``.
    median_rows : float
        Rows of the median day that has any.
    implausible : dict of date to int
        Days with far more rows than those around them, the fullest first.
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


def days_of(rows: Mapping[date, int]) -> Days:
    """Look through the rows of each day.

    Parameters
    ----------
    rows : mapping of date to int
        Days with at least one row; at least one day.

    Examples
    --------
    >>> found = days_of({date(2024, 1, 30): 2, date(2024, 3, 2): 2})
    >>> found.longest_gap_days, found.gap_from, found.missing_months
    (31, datetime.date(2024, 1, 31), ('2024-02',))
    """
    days = sorted(rows)
    gaps = (((later - earlier).days - 1, earlier) for earlier, later in pairwise(days))
    silent, begin = max(gaps, default=(0, days[0]))
    full = [day for day in days if rows[day] > _limit(day, rows)]
    return Days(
        first=days[0],
        last=days[-1],
        days=len(days),
        longest_gap_days=silent,
        gap_from=begin + timedelta(days=1) if silent else None,
        gap_until=begin + timedelta(days=silent) if silent else None,
        missing_months=_missing_months(days),
        median_rows=float(median(rows.values())),
        implausible={day: rows[day] for day in sorted(full, key=lambda day: (-rows[day], day))},
    )


def _limit(day: date, rows: Mapping[date, int]) -> float:
    """The largest plausible number of rows of a day."""
    near = (day + timedelta(days=shift) for shift in range(-NEIGHBOURS_DAYS, NEIGHBOURS_DAYS + 1) if shift)
    counts = [rows[other] for other in near if other in rows]
    usual = median(counts) if counts else 1.0
    return max(IMPLAUSIBLE_FACTOR * usual, usual + IMPLAUSIBLE_DEVIATIONS * sqrt(usual))


def _missing_months(days: list[date]) -> tuple[str, ...]:
    present = {(day.year, day.month) for day in days}
    year, month = days[0].year, days[0].month
    missing = []
    while (year, month) < (days[-1].year, days[-1].month):
        if (year, month) not in present:
            missing.append(f"{year:04d}-{month:02d}")
        year, month = year + month // 12, month % 12 + 1
    return tuple(missing)
