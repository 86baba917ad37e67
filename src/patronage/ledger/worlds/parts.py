"""The parts that a simulated world is made of, each with its numbers checked before anything is drawn.

The formulas that use them are in ``docs/simulated_worlds.md``. Effects on a rate, on dropout, on spend or on contacts
are log-linear: they are added to its logarithm (to the log odds of leaving, where there are contracts). An effect that
is not given is 0.
"""

from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag
from pydantic.dataclasses import dataclass

from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
"""Unknown keys and numbers that are none are refused."""

SCORES = (1, 2, 3, 4, 5)
"""How a contact can be lived through, from worst to best."""

NEUTRAL_SCORE = 3
"""The score that leaves the hazard of leaving as it is; customers start with it."""

Positive = Annotated[float, Field(gt=0)]
Amount = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[dict[str, Positive], Field(min_length=1)]
Days = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, config=STRICT)
class NumberAttribute:
    """An attribute of customers that is a normal number; effects are per standard deviation above its mean."""

    mean: float
    standard_deviation: Positive
    decimals: Annotated[int, Field(ge=0, le=6)] = 0
    log_rate: float = 0.0
    log_dropout: float = 0.0
    log_spend: float = 0.0
    log_contacts: float = 0.0
    log_effect: float = 0.0


@dataclass(frozen=True, config=STRICT)
class TextAttribute:
    """An attribute of customers with named levels; effects by level, and 0 for those without one."""

    shares: Shares
    log_rate: dict[str, float] = field(default_factory=dict)
    log_dropout: dict[str, float] = field(default_factory=dict)
    log_spend: dict[str, float] = field(default_factory=dict)
    log_contacts: dict[str, float] = field(default_factory=dict)
    log_effect: dict[str, float] = field(default_factory=dict)


def _kind_of_attribute(given: Any) -> str:
    """Texts have shares of levels."""
    return "text" if isinstance(given, TextAttribute) or (isinstance(given, dict) and "shares" in given) else "number"


Attribute = Annotated[
    Annotated[NumberAttribute, Tag("number")] | Annotated[TextAttribute, Tag("text")], Discriminator(_kind_of_attribute)
]


@dataclass(frozen=True, config=STRICT)
class AcquisitionChannel:
    """A way to win customers: its share of them, what one costs (log-normal), and what they are like."""

    share: Positive
    cost: Amount
    cost_spread: Amount = 0.0
    log_rate: float = 0.0
    log_dropout: float = 0.0
    log_spend: float = 0.0


@dataclass(frozen=True, config=STRICT)
class Acquisition:
    """When customers are won, over the whole observed time, and how."""

    growth_yearly: Annotated[float, Field(gt=-1)]
    follows_season: bool
    channels: dict[str, AcquisitionChannel]


@dataclass(frozen=True, config=STRICT)
class Season:
    """How busy days are: a cosine over the year, and a factor for every weekday from Monday on."""

    yearly_amplitude: Annotated[float, Field(ge=0, lt=1)]
    peak_day_of_year: Annotated[int, Field(ge=1, le=366)]
    weekdays: Annotated[tuple[Positive, ...], Field(min_length=7, max_length=7)]


@dataclass(frozen=True, config=STRICT)
class ParetoPurchasing:
    """Purchases as in Pareto/NBD; rates per day."""

    kind: Literal["pareto_nbd"]
    r: Positive
    alpha_days: Positive
    s: Positive
    beta_days: Positive

    @property
    def params(self) -> ParetoParams:
        """The model of customers without effects, in days."""
        return ParetoParams(self.r, self.alpha_days, self.s, self.beta_days)


@dataclass(frozen=True, config=STRICT)
class BetaGeometricPurchasing:
    """Purchases as in BG/NBD; rates per day."""

    kind: Literal["bg_nbd"]
    r: Positive
    alpha_days: Positive
    a: Positive
    b: Positive

    @property
    def params(self) -> BetaGeoParams:
        """The model of customers without effects, in days."""
        return BetaGeoParams(self.r, self.alpha_days, self.a, self.b)


@dataclass(frozen=True, config=STRICT)
class Plan:
    """A plan of a subscription: its share of new contracts, its price a month, its effect on the odds of leaving."""

    share: Positive
    price: Positive
    margin_rate: Annotated[float, Field(lt=1)]
    log_odds: float = 0.0


@dataclass(frozen=True, config=STRICT)
class Contract:
    """Contracts that are paid and renewed every 30.4375 days, unless the customer leaves then."""

    plans: Annotated[dict[str, Plan], Field(min_length=1)]
    log_odds: float
    spread: Amount
    log_odds_per_log_month: float


@dataclass(frozen=True, config=STRICT)
class Spend:
    """Gamma-Gamma: the value of an order before discounts."""

    p: Positive
    q: Annotated[float, Field(gt=1)]
    v: Positive


@dataclass(frozen=True, config=STRICT)
class Goods:
    """What is left of the price: the margin rate of all goods, and how customers differ in what they cost.

    The margin rate is null where categories or plans have their own.
    """

    margin_rate: Annotated[float, Field(lt=1)] | None
    customer_spread: Amount


@dataclass(frozen=True, config=STRICT)
class Category:
    """A kind of product: share of lines, median list price and margin rate of products, and their spreads."""

    share: Positive
    price: Positive
    price_spread: Amount
    margin_rate: Annotated[float, Field(lt=1)]
    margin_spread: Amount


@dataclass(frozen=True, config=STRICT)
class Catalogue:
    """Products, how popular they are (Zipf), and how many lines an order has."""

    categories: Annotated[dict[str, Category], Field(min_length=1)]
    products_per_category: Annotated[int, Field(ge=1, le=100_000)]
    popularity: Amount
    more_lines: Amount
    loyalty: Share


@dataclass(frozen=True, config=STRICT)
class SalesChannels:
    """Where orders are placed: each customer has a favourite, used with the probability `loyalty`."""

    shares: Shares
    loyalty: Share


@dataclass(frozen=True, config=STRICT)
class Discounts:
    """Discounted orders: the mean share, how alike customers are in it (Beta), and the depths."""

    share: Annotated[float, Field(gt=0, lt=1)]
    concentration: Positive
    depths: Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=1)]


@dataclass(frozen=True, config=STRICT)
class Refunds:
    """Lines that come back: the mean share, how alike customers are in it (Beta), when, what goods are worth then."""

    share: Annotated[float, Field(gt=0, lt=1)]
    concentration: Positive
    mean_delay_days: Positive
    latest_days: Positive
    restocked: Share


@dataclass(frozen=True, config=STRICT)
class ContactChannel:
    """A way to talk: its share, its cost for each contact and minute, its mean duration."""

    share: Positive
    cost: Amount
    cost_per_minute: Amount
    minutes: Positive


@dataclass(frozen=True, config=STRICT)
class ContactKind:
    """A reason to talk: its share, the probabilities of the scores 1 to 5, and how long it stays open if it does."""

    share: Positive
    scores: Annotated[tuple[Amount, ...], Field(min_length=5, max_length=5)]
    open_days: Positive | None = None


@dataclass(frozen=True, config=STRICT)
class Contacts:
    """How often customers are in touch, what it costs, and what it does to their loyalty.

    Attributes
    ----------
    rate_yearly : float
        Contacts a year of a customer with the mean purchase rate.
    shape : float
        Shape of the gamma distribution of rates across customers: the smaller, the more they differ.
    follows_rate : float
        Elasticity of the contact rate to the purchase rate.
    answered : float
        Probability that the score is given, and so known.
    loyalty : float
        Probability of the favourite channel.
    log_dropout_per_point : float
        Effect on the hazard of leaving of each point that the latest contact lay below 3.
    log_dropout_open : float
        Effect on it while a matter is open.
    """

    rate_yearly: Positive
    shape: Positive
    follows_rate: Amount
    answered: Share
    loyalty: Share
    log_dropout_per_point: float
    log_dropout_open: float
    channels: Annotated[dict[str, ContactChannel], Field(min_length=1)]
    kinds: Annotated[dict[str, ContactKind], Field(min_length=1)]

    @property
    def moves_dropout(self) -> bool:
        """Whether contacts change the hazard of leaving at all."""
        return bool(self.log_dropout_per_point or self.log_dropout_open)


@dataclass(frozen=True, config=STRICT)
class Action:
    """A campaign that is repeated: whom it reaches, at random, and what it does to those who are treated.

    Every `every_days` days from `first_day` on a share `reach` of all customers won by then is chosen, and of these a
    share `treated_share` treated; the others are controls. For `effect_days` days a treated customer's purchase rate is
    multiplied by the exponential of an effect of their own, normal around `log_rate`, and their hazard of leaving
    likewise around `log_dropout`.
    """

    cost: Amount
    first_day: Annotated[int, Field(ge=0)]
    every_days: Days
    reach: Share
    treated_share: Share
    effect_days: Days
    log_rate: float = 0.0
    log_rate_spread: Amount = 0.0
    log_dropout: float = 0.0
    log_dropout_spread: Amount = 0.0

    @property
    def sells(self) -> bool:
        """Whether it moves the purchase rate."""
        return bool(self.log_rate or self.log_rate_spread)

    @property
    def keeps(self) -> bool:
        """Whether it moves the hazard of leaving."""
        return bool(self.log_dropout or self.log_dropout_spread)


@dataclass(frozen=True, config=STRICT)
class Whale:
    """Share of the profit that the most profitable `top_share` of customers shall earn."""

    top_share: Annotated[float, Field(gt=0, lt=1)]
    profit_share: Positive
