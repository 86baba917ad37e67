r"""A clock that runs with the season: without it, customers won before Christmas look like frequent buyers.

Purchase models know no season. Where the as-of date lies near a peak, recent customers have been seen in busy weeks
only, and a year's profit would be foretold from these. In the time of the business

.. math:: F(t) = \int^t f(u)\,du, \qquad \ln f(u) = c_0 + \sum_k a_k \cos\frac{2\pi k u}{365.25} +
    b_k \sin\frac{2\pi k u}{365.25}

with a mean of 1 over a year, purchases come at a steady rate again: recency and T are counted by F, the models are
fitted and predict as ever, and a horizon of whole years stays as it is. f is estimated from the repeat purchases of all
days against those that the model expects of the customers won before (Poisson regression), in turns with the model.

Leaving is counted by the same clock, which shifts its time within a year by weeks at most. Contacts are not: the time
under observation by the calendar stays beside T.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from patronage.errors import DateError
from patronage.models.purchase.model import PurchaseModel
from patronage.runtime.histories import FloatArray
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit
from patronage.summary.daily_counts import daily_counts

LEAST_DAYS = 730
"""In less than two years a season cannot be told from customers leaving."""

ROUNDS = 3
"""Turns of model and season; the third changes the season by less than 1 % of its size."""

_GRID = 3653
_STEPS = 25


@dataclass(frozen=True)
class Season:
    """How busy the days of a year are.

    Attributes
    ----------
    waves : ndarray of float64, shape (2, k)
        Coefficients a and b of the cosines and sines.
    """

    waves: FloatArray
    _year: FloatArray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        middles = (np.arange(_GRID) + 0.5) * DAYS_PER_YEAR / _GRID
        busy = np.exp(_harmonics(middles, self.waves.shape[1]) @ self.waves.ravel())
        total = np.append(0.0, np.cumsum(busy))
        object.__setattr__(self, "_year", total / total[-1] * DAYS_PER_YEAR)

    @classmethod
    def none(cls, harmonics: int = 1) -> "Season":
        """No season: the clock is that of the calendar."""
        return cls(np.zeros((2, harmonics)))

    def clock(self, ordinal: Any) -> FloatArray:
        """F of days, counted as by `datetime.date.toordinal`; over a year it advances by 365.25."""
        day = np.asarray(ordinal, dtype=np.float64)
        years = np.floor(day / DAYS_PER_YEAR)
        phase = day - years * DAYS_PER_YEAR
        within = np.interp(phase, np.linspace(0.0, DAYS_PER_YEAR, _GRID + 1), self._year)
        return np.asarray(years * DAYS_PER_YEAR + within, dtype=np.float64)

    def activity(self, ordinal: Any) -> FloatArray:
        """How busy days are against the mean of a year: f."""
        day = np.asarray(ordinal, dtype=np.float64)
        return self.clock(day + 0.5) - self.clock(day - 0.5)

    @property
    def extent(self) -> float:
        """How far the busiest day of the year is above the mean, as a share of it."""
        return float(self.activity(np.arange(1.0, np.ceil(DAYS_PER_YEAR))).max() - 1)

    def horizon_days(self, as_of: date, horizon_days: float) -> float:
        """A horizon in days of the clock."""
        start = as_of.toordinal()
        return float(self.clock(start + horizon_days) - self.clock(start))

    def adjusted(self, frame: pd.DataFrame, as_of: date, time_unit: TimeUnit | str) -> pd.DataFrame:
        """A frame of `profit_facts` with recency and T by the clock.

        Returns
        -------
        DataFrame
            A copy, with T by the calendar as T_calendar. An observation in an idle season is shorter than by the
            calendar, and longer in a busy one.
        """
        unit = TimeUnit(time_unit)
        first = _ordinals(frame["first_day"])
        start, end = self.clock(first), self.clock(as_of.toordinal())
        last = self.clock(first + np.rint(frame["recency"].to_numpy() * unit.days))
        return frame.assign(
            recency=(last - start) / unit.days, T=(end - start) / unit.days, T_calendar=frame["T"].to_numpy(np.float64)
        )


@dataclass(frozen=True)
class SeasonalFit:
    """A season, the frame by its clock, and the purchase model fitted to that frame."""

    season: Season
    frame: pd.DataFrame
    purchase: PurchaseModel


def fit_season(
    purchase: PurchaseModel,
    frame: pd.DataFrame,
    transactions: Any,
    as_of: date,
    time_unit: TimeUnit | str,
    harmonics: int = 1,
) -> SeasonalFit:
    """Estimate season and purchase model in turns.

    Parameters
    ----------
    purchase : PurchaseModel
        Its options count; it need not be fitted.
    frame : DataFrame
        `profit_facts(...).frame`.
    transactions : ibis.Table
        As described in `schema.TRANSACTIONS`.
    as_of : date
    time_unit : {"day", "week", "year"}
    harmonics : int
        Waves a year; more than one where there is more than one peak.

    Raises
    ------
    DateError
        If the ledger is shorter than two years up to the as-of date.
    """
    counts = daily_counts(transactions, acquired_until=as_of, until=as_of)
    days = _ordinals(counts["day"])
    if len(days) == 0 or as_of.toordinal() - days[0] < LEAST_DAYS:
        seen = 0 if len(days) == 0 else as_of.toordinal() - int(days[0])
        message = (
            f"A season takes two years of purchases up to the as-of date, {LEAST_DAYS} days; there are {seen} up "
            f"to {as_of}. Leave the season out."
        )
        raise DateError(message)
    every = np.arange(days[0], as_of.toordinal() + 1.0)
    won, repeats = (_on_each(every, days, counts[name]) for name in ("new_customers", "repeat_purchases"))
    season, unit = Season.none(harmonics), TimeUnit(time_unit)
    # Covariates tell customers apart, and not the days of a year.
    alike = type(purchase)() if purchase._plan else purchase.unfitted()
    for _ in range(ROUNDS):
        model = alike.unfitted().fit(season.adjusted(frame, as_of, unit))
        expected = _expected_repeats(model, season, every, won, unit)
        season = replace(season, waves=season.waves + _waves(every, repeats, expected, harmonics))
    adjusted = season.adjusted(frame, as_of, unit)
    return SeasonalFit(season, adjusted, purchase.unfitted().fit(adjusted))


def _harmonics(day: FloatArray, number: int) -> FloatArray:
    """Cosines, then sines, shape (n, 2 number)."""
    angle = 2 * np.pi * day[:, None] * np.arange(1, number + 1) / DAYS_PER_YEAR
    return np.hstack([np.cos(angle), np.sin(angle)])


def _ordinals(days: pd.Series) -> FloatArray:
    """Days as counted by `datetime.date.toordinal`."""
    since = pd.to_datetime(days) - pd.Timestamp("1970-01-01")
    return np.asarray(since.dt.days, dtype=np.float64) + date(1970, 1, 1).toordinal()


def _on_each(every: FloatArray, days: FloatArray, counts: pd.Series) -> FloatArray:
    """Counts of consecutive days, 0 where there are none."""
    table = np.zeros(len(every))
    table[(days - every[0]).astype(np.intp)] = counts.to_numpy(np.float64)
    return table


def _expected_repeats(
    model: PurchaseModel, season: Season, every: FloatArray, won: FloatArray, unit: TimeUnit
) -> FloatArray:
    """Repeat purchases of each day that the model expects of the customers won before."""
    grid = np.arange(0.0, float(season.clock(every[-1] + 0.5) - season.clock(every[0])) + 8.0)
    by_age = np.append(0.0, model.expected_purchases_new(grid[1:] / unit.days))
    begins = season.clock(every)
    expected = np.zeros(len(every))
    for place in np.flatnonzero(won):
        later = slice(place + 1, len(every))
        reached = np.interp(np.append(begins[place], begins[later]) - begins[place], grid, by_age)
        expected[later] += won[place] * np.diff(reached)
    return expected


def _waves(every: FloatArray, repeats: FloatArray, expected: FloatArray, number: int) -> FloatArray:
    """Coefficients by which the season explains actual over expected repeats: Newton steps of a Poisson regression."""
    used = expected > 0
    design = np.hstack([np.ones((int(used.sum()), 1)), _harmonics(every[used], number)])
    actual, offset = repeats[used], expected[used]
    values = np.zeros(design.shape[1])
    values[0] = np.log(max(actual.sum(), 1.0) / offset.sum())
    for _ in range(_STEPS):
        mean = offset * np.exp(design @ values)
        step = np.linalg.solve((design * mean[:, None]).T @ design, design.T @ (actual - mean))
        values = values + step
        if np.abs(step).max() < 1e-10:
            break
    return values[1:].reshape(2, number)
