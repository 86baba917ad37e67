r"""What it costs to serve, keep and win customers where the ledger does not say: activity rates, checked.

Costing is time-driven [1]_: a minute of a channel costs what its capacity costs over the minutes that it can supply,
and an activity costs its minutes times that. What the capacity was not used for is charged to no customer; it is
reported. Where the cost of a channel is known only as a bill for a span of days, it is a pool that is spread by
activity.

References
----------
.. [1] Kaplan, Anderson (2004), Time-driven activity-based costing. Harvard Business Review 82(11), 131-138.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from patronage.errors import ConfigError
from patronage.paths import conf_folder

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Unknown keys and numbers that are none are refused."""

Driver = Literal["contacts", "minutes", "orders", "order_lines", "returns"]
"""What a pool can be spread by."""

Amount = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class Capacity:
    """What a channel costs, and the minutes that it can supply for it, both over the same time.

    Attributes
    ----------
    cost : float
        Of all that is supplied, in money.
    minutes : float
        Practical capacity: paid time less breaks, training and the like, often 80 to 85 % of it.
    days : float
        The length of that time; a year has 365.25. Capacity of a period is taken in proportion.
    """

    cost: Amount
    minutes: Positive
    days: Positive = 365.25


@dataclass(frozen=True, config=STRICT)
class ContactRate:
    """What a contact costs if the ledger does not say.

    Attributes
    ----------
    channels, kinds : tuple of str, or None
        Names that it holds for, whatever their case; None is every one, also a missing one.
    cost : float
        Of a contact, in money, besides its minutes.
    minutes : float
        Of a contact whose duration is unknown.
    cost_per_minute : float or None
        In money.
    capacity : Capacity or None
        Gives the cost of a minute instead.
    """

    channels: tuple[Name, ...] | None = None
    kinds: tuple[Name, ...] | None = None
    cost: Amount = 0.0
    minutes: Amount = 0.0
    cost_per_minute: Amount | None = None
    capacity: Capacity | None = None

    def __post_init__(self) -> None:
        if self.cost_per_minute is not None and self.capacity is not None:
            message = "give cost_per_minute or capacity, not both"
            raise ValueError(message)

    @property
    def minute(self) -> float:
        """Cost of a minute, in money."""
        if self.capacity is not None:
            return self.capacity.cost / self.capacity.minutes
        return self.cost_per_minute or 0.0


@dataclass(frozen=True, config=STRICT)
class Delivery:
    """What it costs to bring an order to the customer, by the sales channels whose orders are brought; None is all."""

    cost: Amount
    sales_channels: tuple[Name, ...] | None = None


@dataclass(frozen=True, config=STRICT)
class Orders:
    """What an order costs besides its goods, in money: the order, each of its lines, each returned line, delivery."""

    order: Amount = 0.0
    order_line: Amount = 0.0
    returned_line: Amount = 0.0
    delivery: Delivery | None = None


@dataclass(frozen=True, config=STRICT)
class Pool:
    """A bill that belongs to no single customer, spread by what customers did in its span of days.

    Attributes
    ----------
    cost : float
        In money.
    first_day, last_day : date
        Both included. What customers did on these days, whatever the period, takes its part of the bill.
    by : {"contacts", "minutes", "orders", "order_lines", "returns"}
        What it is spread by. Minutes of a contact whose duration is unknown are those of its rate.
    channels : tuple of str, or None
        Channels of the contacts, or sales channels of the orders and lines, that it belongs to; None is all.
    """

    cost: Amount
    first_day: date
    last_day: date
    by: Driver
    channels: tuple[Name, ...] | None = None

    def __post_init__(self) -> None:
        if self.last_day < self.first_day:
            message = f"last_day {self.last_day} lies before first_day {self.first_day}"
            raise ValueError(message)


@dataclass(frozen=True, config=STRICT)
class ActivityCosts:
    """All that is assumed of costs.

    Attributes
    ----------
    margin_rate : float or None
        Margin as a share of the amount of lines whose cost is unknown; may be negative. None charges them no goods,
        and what is left is called revenue.
    observed : bool
        Whether the ledger's own cost of a contact or campaign comes before the rates.
    contacts : dict of str to ContactRate
        By a name of one's own; the first that fits a contact holds. Contacts that none fits cost nothing and are
        counted as such.
    retention_kinds : tuple of str
        Kinds of contact that are spend to keep the customer, not cost to serve.
    campaigns : dict of str to float
        Cost of an action by its name, for treated customers whose cost the ledger does not know.
    orders : Orders
    pools : dict of str to Pool
    """

    margin_rate: Annotated[float, Field(le=1)] | None = 0.3
    observed: bool = True
    contacts: dict[Name, ContactRate] = field(default_factory=dict)
    retention_kinds: tuple[Name, ...] = ("campaign", "retention")
    campaigns: dict[Name, Amount] = field(default_factory=dict)
    orders: Orders = Orders()
    pools: dict[Name, Pool] = field(default_factory=dict)


def activity_costs(values: Mapping[str, Any]) -> ActivityCosts:
    """Check costs that are given as plain values.

    Parameters
    ----------
    values : mapping
        As in ``conf/costs/*.yaml``.

    Raises
    ------
    ConfigError
        Naming every setting that is unknown, of the wrong type or out of range.
    """
    try:
        return TypeAdapter(ActivityCosts).validate_python(dict(values))
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            key = ".".join(("costs", *map(str, problem["loc"])))
            shown = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
            problems.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}{shown}")
        raise ConfigError("; ".join(problems) + ".") from error


def named_costs(name: str) -> ActivityCosts:
    """One of the cost models that come along.

    Parameters
    ----------
    name : str
        Name of a file in ``conf/costs/``, for example ``observed``.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    from omegaconf import OmegaConf

    folder = conf_folder() / "costs"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        message = f"There are no costs {name!r}; there are {', '.join(known)}."
        raise ConfigError(message)
    values = OmegaConf.to_container(OmegaConf.load(folder / f"{name}.yaml"), resolve=True)
    assert isinstance(values, dict)
    return activity_costs({str(key): value for key, value in values.items()})
