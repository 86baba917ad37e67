"""Units of time: one calendar for the whole package.

A week has 7 days and a year 365.25; there are no months, because a month is not a length.
"""

import math
from enum import StrEnum

from ..errors import ConfigError

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

    @classmethod
    def _missing_(cls, value: object) -> "TimeUnit":
        message = (
            f"time_unit must be one of {', '.join(cls)}; got {value!r}. There are no months: their lengths differ."
        )
        raise ConfigError(message)

    @property
    def days(self) -> float:
        """Length of the unit in days."""
        return {TimeUnit.DAY: 1.0, TimeUnit.WEEK: DAYS_PER_WEEK, TimeUnit.YEAR: DAYS_PER_YEAR}[self]

    def from_days(self, days: float) -> float:
        """Convert a number of days into this unit."""
        return days / self.days

    def continuous_rate(self, yearly: float) -> float:
        """Continuous rate per unit of time that is worth as much as a yearly one, ln(1 + yearly) per year.

        Examples
        --------
        >>> round(TimeUnit("week").continuous_rate(0.15), 5)
        0.00268
        """
        return math.log1p(yearly) * self.days / DAYS_PER_YEAR
