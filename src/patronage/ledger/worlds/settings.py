"""A simulated world in settings: its parts, what they need of one another, and the worlds that come along."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from patronage.errors import ConfigError
from patronage.ledger.worlds.parts import (
    STRICT,
    Acquisition,
    Action,
    Attribute,
    BetaGeometricPurchasing,
    Catalogue,
    Contacts,
    Contract,
    Days,
    Discounts,
    Goods,
    ParetoPurchasing,
    Refunds,
    SalesChannels,
    Season,
    Spend,
    TextAttribute,
    Whale,
)
from patronage.paths import conf_folder
from patronage.schema import CUSTOMERS


@dataclass(frozen=True, config=STRICT)
class World:
    """A business and its customers.

    Attributes
    ----------
    name : str
    start : date
        First day; customers are won from it on.
    observed_days, future_days : int
        Days that the ledger covers, and days after them that are drawn as well.
    block_customers : int
        Customers of one part file, drawn at once; bounds the memory. Another number is another world.
    currency : str or None
    acquisition, attributes, season, spend, goods, catalogue, sales_channels, discounts, refunds, contacts, campaigns
        The parts of the model; null or empty where the business has no such thing.
    purchasing : ParetoPurchasing or BetaGeometricPurchasing or None
        How customers without contracts buy and leave.
    contract : Contract or None
        How customers with contracts pay and leave; either this or `purchasing`.
    whale : Whale or None
        How unequal profit is; null takes the costs of contacts as they are.
    """

    name: str
    start: date
    observed_days: Days
    future_days: Days
    block_customers: Annotated[int, Field(ge=1, le=1_000_000)]
    currency: Annotated[str, Field(min_length=1)] | None
    acquisition: Acquisition
    attributes: dict[str, Attribute]
    season: Season | None
    purchasing: Annotated[ParetoPurchasing | BetaGeometricPurchasing, Field(discriminator="kind")] | None
    contract: Contract | None
    spend: Spend | None
    goods: Goods | None
    catalogue: Catalogue | None
    sales_channels: SalesChannels | None
    discounts: Discounts | None
    refunds: Refunds | None
    contacts: Contacts | None
    campaigns: dict[str, Action]
    whale: Whale | None

    def __post_init__(self) -> None:
        problems = [*self._of_business(), *self._of_goods(), *self._of_customers()]
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def all_days(self) -> int:
        """Days from the first to the end of the future."""
        return self.observed_days + self.future_days

    @property
    def observed_until(self) -> date:
        """Last day that the ledger covers: the as-of date of the truth."""
        return self.start + timedelta(days=self.observed_days - 1)

    def _of_business(self) -> list[str]:
        problems = []
        if (self.purchasing is None) == (self.contract is None):
            problems.append("give either purchasing or contract, and null for the other")
        if (self.purchasing is None) != (self.spend is None):
            problems.append("spend belongs to purchasing: give both or neither")
        if self.contract is not None:
            foreign = ("season", "catalogue", "sales_channels", "discounts", "refunds")
            given = [name for name in foreign if getattr(self, name) is not None]
            if given:
                problems.append(f"a business with contracts has no {', '.join(given)}: set null")
            rates = [name for name, action in self.campaigns.items() if action.sells]
            if rates:
                problems.append(f"payments have no rate that {', '.join(rates)} could move: give log_dropout only")
        return problems

    def _of_goods(self) -> list[str]:
        problems = []
        own = self.catalogue is not None or self.contract is not None
        if own and self.goods is None:
            problems.append("categories and plans have margins: give goods")
        if self.goods is not None and (self.goods.margin_rate is None) != own:
            problems.append("goods.margin_rate must be null with a catalogue or contract, and a number without")
        if self.refunds is not None and self.refunds.latest_days > self.observed_days:
            problems.append("refunds.latest_days is longer than the observed time")
        if self.whale is not None and (self.goods is None or self.contacts is None):
            problems.append("whale needs goods and contacts, whose costs make customers unprofitable")
        if self.contacts is not None:
            problems.extend(_of_kinds(self.contacts))
        return problems

    def _of_customers(self) -> list[str]:
        taken = sorted({*CUSTOMERS.names} & {*self.attributes})
        problems = [f"attributes may not be called {', '.join(taken)}"] if taken else []
        for name, attribute in self.attributes.items():
            if isinstance(attribute, TextAttribute):
                effects = (attribute.log_rate, attribute.log_dropout, attribute.log_spend, attribute.log_contacts)
                unknown = sorted({level for effect in (*effects, attribute.log_effect) for level in effect})
                unknown = [level for level in unknown if level not in attribute.shares]
                if unknown:
                    problems.append(f"attributes.{name} has effects of unknown levels {', '.join(unknown)}")
        return problems


def _of_kinds(contacts: Contacts) -> list[str]:
    problems = []
    if sum(kind.open_days is not None for kind in contacts.kinds.values()) > 1:
        problems.append("only one kind of contact may have open_days")
    empty = [name for name, kind in contacts.kinds.items() if not sum(kind.scores)]
    if empty:
        problems.append(f"contacts.kinds {', '.join(empty)}: the probabilities of the scores are all 0")
    return problems


def world_from(values: Mapping[str, Any]) -> World:
    """Check the settings of a world.

    Parameters
    ----------
    values : mapping
        As in ``conf/world/*.yaml``.

    Raises
    ------
    ConfigError
        Naming every setting that is missing, unknown, of the wrong type or out of range.
    """
    try:
        return TypeAdapter(World).validate_python(dict(values))
    except ValidationError as error:
        problems = []
        for problem in error.errors():
            key = ".".join(("world", *map(str, problem["loc"])))
            shown = "" if isinstance(problem["input"], dict) else f" (got {problem['input']!r})"
            problems.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}{shown}")
        raise ConfigError("; ".join(problems) + ".") from error


def named_world(name: str) -> World:
    """One of the worlds that come along.

    Parameters
    ----------
    name : str
        Name of a file in ``conf/world/``, for example ``retailer``.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    from omegaconf import OmegaConf

    folder = conf_folder() / "world"
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        message = f"There is no world {name!r}; there are {', '.join(known)}."
        raise ConfigError(message)
    values = OmegaConf.to_container(OmegaConf.load(folder / f"{name}.yaml"), resolve=True)
    assert isinstance(values, dict)
    return world_from({str(key): value for key, value in values.items()})
