"""What a statement of value is asked for: dates, periods, horizon, prices of time, and how finely to look."""

from dataclasses import dataclass, field
from datetime import date

from patronage.errors import ConfigError
from patronage.models.base import checked_level
from patronage.runtime.time_unit import DAYS_PER_YEAR
from patronage.value.calendar import COHORTS, DAYS_PER_MONTH, Cohort, checked_rate
from patronage.value.periods import MONTHS, Every
from patronage.value.valuation import AcquisitionForecast

MOST_DISCOUNT = 1.0
"""A yearly rate above 100 % is a percentage written as a number."""

MOST_WAVES = 6
"""More waves a year would follow single months."""

LEAST_AGES = 2
"""Retention is told from the second month of age on."""


@dataclass(frozen=True)
class Shift:
    """A share of contacts that moves from each dearer channel to the cheapest; see `channels.saving_of_shift`."""

    share: float = 0.2
    repeat_share: float = 0.1
    saved_share: float = 0.5


@dataclass(frozen=True)
class Firm:
    """What turns customers into the value of a firm: a forecast of acquisition, and what belongs to no customer."""

    forecast: AcquisitionForecast
    fixed_costs: float = 0.0
    tax_rate: float = 0.0
    net_debt: float = 0.0


@dataclass(frozen=True)
class StatementTerms:
    """Settings of a statement.

    Attributes
    ----------
    as_of : date
        The last day whose facts count.
    since : date or None
        Day that the equity bridge starts from; without it there is none.
    every : {"month", "quarter", "year"}
        Periods of the calendar that the past is told in.
    horizon_days : float or None
        How far the future is looked at; None is all of it.
    discount_rate_yearly : float
    cost_per_purchase : float
        Money that a purchase day costs beside what the rates of orders say.
    retention_cost_yearly : float or None
        Money spent in a year to keep a customer who is there; None is what campaigns cost in the last year. Where less
        is stated, campaigns end, and with them the purchases that they caused.
    season : int or None
        Waves a year of the season in purchases, which the purchase model is fitted again with; None for no season.
    cohort : {"month", "quarter", "year"}
    ages : int
        Months of age that cohort curves and payback go to, 2 or more.
    futures : int
        Drawn futures that intervals rest on.
    level : float
        Of intervals.
    clusters : bool
        Whether segments by behaviour are looked for.
    shift : Shift
    firm : Firm or None
        For a valuation.
    renewal_days : float
        Of contracts: days from one renewal, and payment, to the next.
    seed : int
    """

    as_of: date
    since: date | None = None
    every: Every = "quarter"
    horizon_days: float | None = DAYS_PER_YEAR
    discount_rate_yearly: float = 0.1
    cost_per_purchase: float = 0.0
    retention_cost_yearly: float | None = None
    season: int | None = None
    cohort: Cohort = "quarter"
    ages: int = 24
    futures: int = 200
    level: float = 0.9
    clusters: bool = True
    shift: Shift = field(default_factory=Shift)
    firm: Firm | None = None
    renewal_days: float = DAYS_PER_MONTH
    seed: int = 0

    def __post_init__(self) -> None:
        checked_rate(self.discount_rate_yearly)
        checked_level(self.level)
        problems = []
        if self.since is not None and self.since >= self.as_of:
            problems.append(f"since must lie before as_of, {self.as_of}; got {self.since}")
        if self.every not in MONTHS:
            problems.append(f"every must be one of {', '.join(MONTHS)}; got {self.every!r}")
        if self.cohort not in COHORTS:
            problems.append(f"cohort must be one of {', '.join(COHORTS)}; got {self.cohort!r}")
        if self.discount_rate_yearly > MOST_DISCOUNT:
            problems.append(
                f"discount_rate_yearly is {100 * self.discount_rate_yearly:,.0f} % a year; write 0.1 for 10 %, and "
                f"{MOST_DISCOUNT:g} at most"
            )
        if self.season is not None and not 1 <= self.season <= MOST_WAVES:
            problems.append(f"season must be null or 1 to {MOST_WAVES} waves a year; got {self.season}")
        if not 0 < self.renewal_days < float("inf"):
            problems.append(f"renewal_days must be above 0; got {self.renewal_days}")
        if self.ages < LEAST_AGES:
            problems.append(f"ages must be {LEAST_AGES} months or more, or there is no retention; got {self.ages}")
        least = 2 / (1 - self.level)
        if self.futures < least - 1e-9:
            problems.append(f"futures must be {least:.0f} or more for intervals of {self.level:g}; got {self.futures}")
        if self.horizon_days is None and self.discount_rate_yearly == 0:
            problems.append("without horizon_days, discount_rate_yearly must be above 0")
        if problems:
            raise ConfigError("; ".join(problems) + ".")
