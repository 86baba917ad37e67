"""The customers of a block: who they are, when they were won, and what is true of them and nobody sees."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from patronage.ledger.worlds.activity import acquisition_of
from patronage.ledger.worlds.catalogue import Products
from patronage.ledger.worlds.parts import Discounts, NumberAttribute, ParetoPurchasing, Refunds, TextAttribute
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.streams import Part, choose, stream
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.time_unit import DAYS_PER_YEAR

MOST_DEVIATIONS = 3.0
"""Numbers farther than this many standard deviations from their mean are cut."""

HAZARD_RANGE = (1e-300, 700.0)
"""Hazards beyond it mean never and at once; cut, so that their logarithms and exponentials stay finite."""

EFFECTS = ("log_rate", "log_dropout", "log_spend", "log_contacts", "log_effect")
"""What attributes may change."""


@dataclass(frozen=True)
class Customers:
    """Everything about the customers of a block but what they do; arrays have one value a customer.

    Attributes
    ----------
    number : ndarray of int
        Number of each in the whole world, from 0.
    won : ndarray
        When each was won, in days from the start; their first purchase or the start of their contract.
    attributes : dict of str to ndarray
        Values of numbers, positions of levels of texts.
    acquisition_channel : ndarray of int or None
    acquisition_cost : ndarray or None
        In money, by the cent.
    dropout_terms : dict of str to ndarray
        What each named cause adds to the log hazard of leaving, 0 being the average of all customers; ``nature`` is
        what nothing explains.
    rate : ndarray
        Purchases a day, at activity 1.
    hazard : ndarray
        Pareto/NBD: hazard of leaving a day; BG/NBD: -ln(1 - p) at each purchase; contracts: log odds of leaving at the
        first renewal. Without satisfaction, complaints and campaigns.
    plan : ndarray of int or None
    order_value : ndarray
        Mean value of an order before discounts, in money.
    cost_factor : ndarray
        What goods cost for this customer over what they cost on average.
    favourite_category, favourite_sales_channel, favourite_contact_channel : ndarray of int or None
    discount_share, refund_share : ndarray
        Probability that an order is discounted, and that a line comes back.
    contact_rate : ndarray
        Contacts a day.
    rate_effect, dropout_effect : dict of str to ndarray
        Of every campaign on the customer, in logarithms.
    """

    number: IndexArray
    won: FloatArray
    attributes: dict[str, FloatArray | IndexArray]
    acquisition_channel: IndexArray | None
    acquisition_cost: FloatArray | None
    dropout_terms: dict[str, FloatArray]
    rate: FloatArray
    hazard: FloatArray
    plan: IndexArray | None
    order_value: FloatArray
    cost_factor: FloatArray
    favourite_category: IndexArray | None
    favourite_sales_channel: IndexArray | None
    favourite_contact_channel: IndexArray | None
    discount_share: FloatArray
    refund_share: FloatArray
    contact_rate: FloatArray
    rate_effect: dict[str, FloatArray]
    dropout_effect: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.number)


def draw_customers(world: World, products: Products | None, seed: int, block: int, first: int, n: int) -> Customers:
    """Draw the customers of a block.

    Parameters
    ----------
    world : World
    products : Products or None
        The catalogue, if the world has one.
    seed, block : int
        Which random numbers to use.
    first, n : int
        Number of the first customer, and how many.
    """
    rng = stream(seed, block, Part.CUSTOMERS)
    winning = acquisition_of(world)
    won = np.minimum(winning.when(rng.random(n) * winning.elapsed[-1]), np.nextafter(world.observed_days, 0))
    effects = {name: np.zeros(n) for name in EFFECTS}
    terms: dict[str, FloatArray] = {}
    attributes = _attributes(world, n, rng, effects, terms)
    channel, cost = _acquisition(world, n, rng, effects, terms)
    rate, hazard, plan = _habits(world, n, rng, effects, terms)
    spend = world.spend
    # A shape above 1 keeps the population mean finite; the value of one order varies around p / nu.
    value = spend.p * spend.v / rng.standard_gamma(spend.q, n) if spend is not None else np.zeros(n)

    def of(part: Part) -> np.random.Generator:
        return stream(seed, block, part)

    contact_rate, favourite_contact_channel = _contact_habits(
        world, rate, effects["log_contacts"], of(Part.CONTACT_HABITS)
    )
    rate_effect, dropout_effect = _effects(world, effects["log_effect"], of(Part.EFFECTS))
    ways = np.array(list(world.sales_channels.shares.values())) if world.sales_channels is not None else None
    spread = world.goods.customer_spread if world.goods is not None else 0.0
    return Customers(
        number=np.arange(first, first + n),
        won=won,
        attributes=attributes,
        acquisition_channel=channel,
        acquisition_cost=cost,
        dropout_terms=terms,
        rate=rate,
        hazard=hazard,
        plan=plan,
        order_value=value * np.exp(effects["log_spend"]),
        cost_factor=np.exp(spread * of(Part.COST_FACTORS).standard_normal(n) - spread**2 / 2),
        favourite_category=None if products is None else choose(products.shares, n, of(Part.CATEGORY_HABITS)),
        favourite_sales_channel=None if ways is None else choose(ways, n, of(Part.CHANNEL_HABITS)),
        favourite_contact_channel=favourite_contact_channel,
        discount_share=_beta(world.discounts, n, of(Part.DISCOUNT_HABITS)),
        refund_share=_beta(world.refunds, n, of(Part.RETURN_HABITS)),
        contact_rate=contact_rate,
        rate_effect=rate_effect,
        dropout_effect=dropout_effect,
    )


def _contact_habits(
    world: World, rate: FloatArray, log_contacts: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, IndexArray | None]:
    """Contacts a day, and the favourite channel."""
    contacts, n = world.contacts, len(rate)
    if contacts is None:
        return np.zeros(n), None
    own = rng.standard_gamma(contacts.shape, n) / contacts.shape
    contact_rate = contacts.rate_yearly / DAYS_PER_YEAR * own * np.exp(log_contacts)
    if world.purchasing is not None:
        contact_rate *= (rate * world.purchasing.alpha_days / world.purchasing.r) ** contacts.follows_rate
    return contact_rate, choose(np.array([way.share for way in contacts.channels.values()]), n, rng)


def _effects(
    world: World, log_effect: FloatArray, rng: np.random.Generator
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Effects of every action on the purchase rate, and on the hazard of leaving."""
    on_rate, on_dropout = {}, {}
    for name, action in world.campaigns.items():
        own = rng.standard_normal((2, len(log_effect)))
        on_rate[name] = action.log_rate + action.log_rate_spread * own[0] + log_effect * action.sells
        on_dropout[name] = action.log_dropout + action.log_dropout_spread * own[1]
    return on_rate, on_dropout


def _attributes(
    world: World, n: int, rng: np.random.Generator, effects: dict[str, FloatArray], terms: dict[str, FloatArray]
) -> dict[str, FloatArray | IndexArray]:
    """Draw the attributes and add up what they change."""
    attributes: dict[str, FloatArray | IndexArray] = {}
    for name, attribute in world.attributes.items():
        if isinstance(attribute, NumberAttribute):
            deviation = np.clip(rng.standard_normal(n), -MOST_DEVIATIONS, MOST_DEVIATIONS)
            value = np.round(attribute.mean + attribute.standard_deviation * deviation, attribute.decimals)
            deviation = (value - attribute.mean) / attribute.standard_deviation
            attributes[name] = value
            for effect in EFFECTS:
                effects[effect] += getattr(attribute, effect) * deviation
            if attribute.log_dropout:
                terms[name] = attribute.log_dropout * deviation
        else:
            shares = np.array(list(attribute.shares.values()))
            level = choose(shares, n, rng)
            attributes[name] = level
            for effect in EFFECTS:
                effects[effect] += _by_level(attribute, effect)[level]
            if attribute.log_dropout:
                by_level = _by_level(attribute, "log_dropout")
                terms[name] = (by_level - shares @ by_level / shares.sum())[level]
    return attributes


def _by_level(attribute: TextAttribute, effect: str) -> FloatArray:
    given: dict[str, float] = getattr(attribute, effect)
    return np.array([given.get(level, 0.0) for level in attribute.shares])


def _acquisition(
    world: World, n: int, rng: np.random.Generator, effects: dict[str, FloatArray], terms: dict[str, FloatArray]
) -> tuple[IndexArray | None, FloatArray | None]:
    ways = list(world.acquisition.channels.values())
    if not ways:
        return None, None
    shares = np.array([way.share for way in ways])
    channel = choose(shares, n, rng)
    for effect in ("log_rate", "log_dropout", "log_spend"):
        effects[effect] += np.array([getattr(way, effect) for way in ways])[channel]
    dropout = np.array([way.log_dropout for way in ways])
    if dropout.any():
        terms["acquisition_channel"] = (dropout - shares @ dropout / shares.sum())[channel]
    mean, spread = np.array([way.cost for way in ways])[channel], np.array([way.cost_spread for way in ways])[channel]
    cost = np.round(mean * np.exp(spread * rng.standard_normal(n) - spread**2 / 2), 2)
    return channel, cost


def _habits(
    world: World, n: int, rng: np.random.Generator, effects: dict[str, FloatArray], terms: dict[str, FloatArray]
) -> tuple[FloatArray, FloatArray, IndexArray | None]:
    """Purchase rate, hazard of leaving, and plan."""
    if world.contract is not None:
        plans = list(world.contract.plans.values())
        shares, odds = np.array([plan.share for plan in plans]), np.array([plan.log_odds for plan in plans])
        plan = choose(shares, n, rng)
        if odds.any():
            terms["plan"] = (odds - shares @ odds / shares.sum())[plan]
        terms["nature"] = world.contract.spread * rng.standard_normal(n)
        log_odds = world.contract.log_odds + terms["nature"] + odds[plan] + effects["log_dropout"]
        return np.zeros(n), log_odds, plan
    buying = world.purchasing
    assert buying is not None
    rate = rng.standard_gamma(buying.r, n) / buying.alpha_days * np.exp(effects["log_rate"])
    if isinstance(buying, ParetoPurchasing):
        own, mean = rng.standard_gamma(buying.s, n) / buying.beta_days, buying.s / buying.beta_days
    else:
        # -ln(1 - p) has the mean psi(a + b) - psi(b) when p is Beta(a, b).
        with np.errstate(divide="ignore"):
            own = -np.log1p(-rng.beta(buying.a, buying.b, n))
        mean = special.digamma(buying.a + buying.b) - special.digamma(buying.b)
    own = np.clip(own, *HAZARD_RANGE)
    terms["nature"] = np.log(own / mean)
    return rate, own * np.exp(effects["log_dropout"]), None


def _beta(part: Discounts | Refunds | None, n: int, rng: np.random.Generator) -> FloatArray:
    """Probabilities of customers, Beta with the part's mean share and concentration; 0 without the part."""
    if part is None:
        return np.zeros(n)
    return rng.beta(part.share * part.concentration, (1 - part.share) * part.concentration, n)
