"""Units of time: one calendar for the whole package.

A week has 7 days and a year 365.25; there are no months, because a month is not a length.
"""

from enum import StrEnum

DAYS_PER_WEEK = 7.0
DAYS_PER_YEAR = 365.25


class TimeUnit(StrEnum):
    """The unit in which a purchase model counts time.

    Examples
    --------
    >>> TimeUnit("week").from_days(273)
    39.0
    """

    DAY = "day"
    WEEK = "week"
    YEAR = "year"

    @property
    def days(self) -> float:
        """Length of the unit in days."""
        return {TimeUnit.DAY: 1.0, TimeUnit.WEEK: DAYS_PER_WEEK, TimeUnit.YEAR: DAYS_PER_YEAR}[self]

    def from_days(self, days: float) -> float:
        """Convert a number of days into this unit."""
        return days / self.days
