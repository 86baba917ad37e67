"""Until when future profit counts, what it is worth today, and what no table holds."""

from dataclasses import dataclass

import numpy as np

from patronage.errors import ConfigError
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.time_unit import DAYS_PER_YEAR, TimeUnit
from patronage.value.calendar import checked_rate


@dataclass(frozen=True)
class ProfitTerms:
    """Until when profit counts, what it is worth today, and costs that no table holds.

    Attributes
    ----------
    horizon_days : float or None
        How far to look ahead; 365.25 is a year. None is all the future, which needs a discount rate above 0.
    discount_rate_yearly : float
        0.1: money a year from now is worth 1 / 1.1 today.
    cost_per_purchase : float
        Money that each purchase day costs beside its goods: picking, delivery, payment.
    retention_cost_yearly : float
        Money that is spent in a year on keeping a customer who is there.
    purchases_lost, purchases_lost_error : float
        Share of the purchases foretold that will not be made, because what caused them in the past ends, and the
        standard error of it; see `campaign_uplift`.
    """

    horizon_days: float | None = DAYS_PER_YEAR
    discount_rate_yearly: float = 0.1
    cost_per_purchase: float = 0.0
    retention_cost_yearly: float = 0.0
    purchases_lost: float = 0.0
    purchases_lost_error: float = 0.0

    def __post_init__(self) -> None:
        problems = []
        checked_rate(self.discount_rate_yearly)
        if self.horizon_days is None and self.discount_rate_yearly == 0:
            problems.append("without a horizon discount_rate_yearly must be above 0")
        if self.horizon_days is not None and not 0 <= self.horizon_days < np.inf:
            problems.append(f"horizon_days must be a finite number of days, 0 and above; got {self.horizon_days}")
        costs = {"cost_per_purchase": self.cost_per_purchase, "retention_cost_yearly": self.retention_cost_yearly}
        problems += [
            f"{name} must be a finite amount of money; got {cost}"
            for name, cost in costs.items()
            if not np.isfinite(cost)
        ]
        if not self.purchases_lost < 1 or not 0 <= self.purchases_lost_error < np.inf:
            problems.append(
                "purchases_lost must be a share below 1, and its error a number of 0 and above; got "
                f"{self.purchases_lost} and {self.purchases_lost_error}"
            )
        if problems:
            raise ConfigError("; ".join(problems) + ".")

    def in_unit(self, time_unit: TimeUnit, discrete: bool = False) -> "UnitTerms":
        """The terms in a model's time unit; models that count periods look ahead for whole ones."""
        rate = time_unit.continuous_rate(self.discount_rate_yearly)
        horizon = None if self.horizon_days is None else time_unit.from_days(float(self.horizon_days))
        end = PurchaseParams.discounted_until(rate, horizon)
        retention = self.retention_cost_yearly * time_unit.days / DAYS_PER_YEAR
        whole = float(np.ceil(end)) if discrete else end
        return UnitTerms(whole, rate, self.cost_per_purchase, retention, 1 - self.purchases_lost)


@dataclass(frozen=True)
class UnitTerms:
    """`ProfitTerms` in the time unit of a model: horizon, continuous discount rate, costs of a purchase and of time.

    `kept` is the share of purchases that will be made.
    """

    horizon: float
    rate: float
    cost_per_purchase: float
    retention_cost: float
    kept: float = 1.0
