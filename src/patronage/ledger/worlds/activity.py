r"""How busy days are, and the clock that runs by it.

Purchases come as a Poisson process whose intensity is a customer's rate times the activity f(t) of the day. With
:math:`F(t) = \int_0^t f` the process is homogeneous in F: numbers are Poisson in differences of F, and given the number
the times are uniform in F. So nothing has to be thinned, and expectations need F only.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from patronage.ledger.worlds.settings import World
from patronage.runtime.histories import FloatArray
from patronage.runtime.time_unit import DAYS_PER_YEAR


@dataclass(frozen=True)
class Activity:
    """The activity of every day of a world.

    Attributes
    ----------
    elapsed : ndarray of shape (days + 1,)
        F at the beginning of each day and at the end of the last one.
    steady : bool
        Whether f is 1 on all days, so that F(t) = t.
    """

    elapsed: FloatArray
    steady: bool

    def at(self, days: FloatArray) -> FloatArray:
        """F, at times in days from the start."""
        return days if self.steady else np.interp(days, np.arange(len(self.elapsed)), self.elapsed)

    def when(self, elapsed: FloatArray) -> FloatArray:
        """The times, in days from the start, at which F has these values."""
        return elapsed if self.steady else np.interp(elapsed, self.elapsed, np.arange(len(self.elapsed)))


def daily_activity(world: World) -> FloatArray:
    """The activity f of every day of the world, future included; 1 on average over a year."""
    if world.season is None:
        return np.ones(world.all_days)
    season = world.season
    days = [world.start + timedelta(days=day) for day in range(world.all_days)]
    of_year = np.array([day.timetuple().tm_yday for day in days])
    weekday = np.array([day.weekday() for day in days])
    wave = 1 + season.yearly_amplitude * np.cos(2 * np.pi * (of_year - season.peak_day_of_year) / DAYS_PER_YEAR)
    weekly = np.asarray(season.weekdays)
    daily: FloatArray = wave * (weekly / weekly.mean())[weekday]
    return daily


def activity_of(world: World) -> Activity:
    """The activity of a world."""
    return Activity(np.concatenate([[0.0], np.cumsum(daily_activity(world))]), world.season is None)


def acquisition_of(world: World) -> Activity:
    """How many customers are won on each observed day, up to a factor: growth, and the season if it counts."""
    days = np.arange(world.observed_days)
    winning = (1 + world.acquisition.growth_yearly) ** (days / DAYS_PER_YEAR)
    if world.acquisition.follows_season:
        winning = winning * daily_activity(world)[: world.observed_days]
    steady = world.acquisition.growth_yearly == 0 and not world.acquisition.follows_season
    return Activity(np.concatenate([[0.0], np.cumsum(winning)]), steady or bool(np.all(winning == 1)))
