r"""Time and its price: one calendar and one discounting for all figures of value.

A year has 365.25 days and a month a twelfth of it, 30.4375: twelve months are a year, not 360 days. Money that comes u
days from now is worth

.. math:: (1 + d)^{-u / 365.25} = e^{-\delta u}, \qquad \delta = \ln(1 + d) / 365.25

today, with the yearly rate d. Where the moment of a payment is modelled, that moment counts. Where only the sum of a
period is known it counts from the middle of the period (mid-period convention): payments that are spread evenly over a
year at d = 0.1 are then worth 0.04 % less than by their moments, over a quarter 0.002 %.
"""

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from patronage.errors import ConfigError
from patronage.runtime.histories import FloatArray
from patronage.runtime.time_unit import DAYS_PER_YEAR

MONTHS_PER_YEAR = 12

DAYS_PER_MONTH = DAYS_PER_YEAR / MONTHS_PER_YEAR
"""30.4375: a month as a length of time. A month of the calendar is a label, see `cohort_of`."""

Cohort = Literal["month", "quarter", "year"]
COHORTS: tuple[Cohort, ...] = ("month", "quarter", "year")


def checked_rate(discount_rate_yearly: float) -> float:
    """Return a yearly discount rate, or refuse it.

    Raises
    ------
    ConfigError
        If it is not a finite number, 0 and above; 0.1 is 10 %.
    """
    if not 0 <= discount_rate_yearly < np.inf:
        message = (
            f"discount_rate_yearly must be a finite rate, 0 and above (0.1 is 10 % a year); got {discount_rate_yearly}."
        )
        raise ConfigError(message)
    return float(discount_rate_yearly)


def worth_today(days: ArrayLike, discount_rate_yearly: float) -> FloatArray:
    """What one unit of money that comes in so many days is worth today.

    Examples
    --------
    >>> worth_today([0.0, 365.25, -365.25], 0.25).tolist()
    [1.0, 0.8, 1.25]
    """
    years = np.asarray(days, dtype=np.float64) / DAYS_PER_YEAR
    return np.asarray((1 + checked_rate(discount_rate_yearly)) ** -years, dtype=np.float64)


@dataclass(frozen=True)
class Periods:
    """Consecutive periods from today on.

    Attributes
    ----------
    ends : ndarray of float64, shape (m,)
        In days from today, ascending and above 0; the first period begins today.
    """

    ends: FloatArray

    @classmethod
    def of(cls, number: int, days: float = DAYS_PER_MONTH) -> "Periods":
        """So many periods of equal length.

        Raises
        ------
        ConfigError
            If there is none, or the length is not above 0.

        Examples
        --------
        >>> float(Periods.of(12).ends[-1])
        365.25
        """
        if isinstance(number, bool) or not isinstance(number, int | np.integer) or number < 1 or not 0 < days < np.inf:
            message = f"Periods need a whole number of 1 or more and a length above 0 days; got {number} of {days}."
            raise ConfigError(message)
        return cls(np.arange(1.0, int(number) + 1) * float(days))

    @property
    def starts(self) -> FloatArray:
        """Starts, in days from today."""
        return np.append(0.0, self.ends[:-1])

    @property
    def middles(self) -> FloatArray:
        """Middles, from which sums of the periods are discounted."""
        middles: FloatArray = (self.starts + self.ends) / 2
        return middles

    def __len__(self) -> int:
        return len(self.ends)


def cohort_of(day: date, by: Cohort = "month") -> str:
    """The month, quarter or year of the calendar that a day lies in: ``2024-03``, ``2024-Q1`` or ``2024``.

    Raises
    ------
    ConfigError
        If `by` is none of these.

    Examples
    --------
    >>> [cohort_of(date(2024, 3, 31), by) for by in COHORTS]
    ['2024-03', '2024-Q1', '2024']
    """
    if by not in COHORTS:
        message = f"Cohorts are by {', '.join(COHORTS)}; got {by!r}."
        raise ConfigError(message)
    labels = {"month": f"{day:%Y-%m}", "quarter": f"{day:%Y}-Q{(day.month + 2) // 3}", "year": f"{day:%Y}"}
    return labels[by]
