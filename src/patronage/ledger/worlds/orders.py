"""What is bought: the lines of orders, their discounts and costs, and what comes back."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from patronage.ledger.worlds.catalogue import Products
from patronage.ledger.worlds.customers import Customers
from patronage.ledger.worlds.parts import Refunds
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.streams import Part, choose, favourite_or_any, stream
from patronage.runtime.histories import FloatArray, IndexArray

CENTS = 100
"""Money is drawn to the cent and kept in whole cents until it is written, so that sums are exact."""


@dataclass(frozen=True)
class Lines:
    """Lines of orders and of refunds; arrays have one value a line.

    Attributes
    ----------
    owner, order, line : ndarray of int
        Position of the customer in the block, and numbers of the order and of the line in it; refunds have those of
        what comes back.
    time : ndarray
        In days from the start.
    amount, cost, discount : ndarray of int
        In cents; refunds are negative.
    product, sales_channel : ndarray of int or None
    quantity : ndarray or None
    """

    owner: IndexArray
    order: IndexArray
    line: IndexArray
    time: FloatArray
    amount: IndexArray
    cost: IndexArray
    discount: IndexArray
    product: IndexArray | None
    quantity: FloatArray | None
    sales_channel: IndexArray | None

    def take(self, index: IndexArray) -> "Lines":
        """Return the lines at the positions `index`."""
        taken: dict[str, Any] = {name: None if all_ is None else all_[index] for name, all_ in vars(self).items()}
        return Lines(**taken)

    def __len__(self) -> int:
        return len(self.owner)


def draw_lines(
    world: World,
    products: Products | None,
    customers: Customers,
    owner: IndexArray,
    time: FloatArray,
    seed: int,
    block: int,
) -> Lines:
    """Draw what is bought in orders.

    The value of an order before discounts is Gamma(p, nu) with the customer's own p / nu; the shares of its lines are
    uniform on the simplex. Discounts are for whole orders.
    """
    if world.contract is not None:
        return _payments(world, customers, owner, time)
    assert world.spend is not None
    n_orders = len(owner)
    rng = stream(seed, block, Part.ORDERS)
    value = customers.order_value[owner] * rng.standard_gamma(world.spend.p, n_orders) / world.spend.p
    off = np.zeros(n_orders)
    if world.discounts is not None:
        rng = stream(seed, block, Part.DISCOUNTS)
        depths = np.array(world.discounts.depths)
        depth = depths[choose(np.ones(len(depths)), n_orders, rng)]
        off = np.where(rng.random(n_orders) < customers.discount_share[owner], depth, 0.0)
    sold_in = None
    if world.sales_channels is not None and customers.favourite_sales_channel is not None:
        rng = stream(seed, block, Part.SALES_CHANNELS)
        ways = np.array(list(world.sales_channels.shares.values()))
        sold_in = favourite_or_any(customers.favourite_sales_channel[owner], ways, world.sales_channels.loyalty, rng)
    order = np.arange(n_orders)
    product, quantity = None, None
    cost_share = np.full(1, 1 - (world.goods.margin_rate or 0.0) if world.goods is not None else 0.0)
    if world.catalogue is not None and products is not None:
        rng = stream(seed, block, Part.LINES)
        counts = 1 + rng.poisson(world.catalogue.more_lines, n_orders)
        order = np.repeat(order, counts)
        part = rng.standard_exponential(len(order))
        value = value[order] * part / np.add.reduceat(part, np.cumsum(counts) - counts)[order]
        off = off[order]
        assert customers.favourite_category is not None
        favourite = customers.favourite_category[owner[order]]
        category = favourite_or_any(favourite, products.shares, world.catalogue.loyalty, rng)
        product = products.choose(category, rng)
        quantity = np.maximum(np.rint(value / products.price[product]), 1.0)
        cost_share = 1 - products.margin_rate[product]
    gross = _cents(value, least=1)
    discount = _cents(gross * off / CENTS)
    whose = owner[order]
    return Lines(
        owner=whose,
        order=order,
        line=np.arange(len(order)),
        time=time[order],
        amount=gross - discount,
        cost=_cents(gross / CENTS * cost_share * customers.cost_factor[whose]),
        discount=discount,
        product=product,
        quantity=quantity,
        sales_channel=None if sold_in is None else sold_in[order],
    )


def draw_refunds(world: World, customers: Customers, lines: Lines, seed: int, block: int) -> Lines:
    """Lines that come back, each whole, some days after its order.

    What was paid is paid back; of the cost of goods the share `restocked` comes back into stock.
    """
    assert world.refunds is not None
    rng = stream(seed, block, Part.REFUNDS)
    returned = np.flatnonzero(rng.random(len(lines)) < customers.refund_share[lines.owner])
    back = lines.take(returned)
    latest = -np.expm1(-world.refunds.latest_days / world.refunds.mean_delay_days)
    delay = -world.refunds.mean_delay_days * np.log1p(-rng.random(len(back)) * latest)
    return Lines(
        owner=back.owner,
        order=back.order,
        line=back.line,
        time=back.time + delay,
        amount=-back.amount,
        cost=-_cents(back.cost * world.refunds.restocked / CENTS),
        discount=np.zeros_like(back.discount),
        product=back.product,
        quantity=None if back.quantity is None else -back.quantity,
        sales_channel=back.sales_channel,
    )


def returned_within(refunds: Refunds, days: FloatArray) -> FloatArray:
    """Probability that a line that comes back does so within so many days: an exponential, cut at the latest day."""
    days = np.clip(days, 0.0, refunds.latest_days)
    share: FloatArray = np.expm1(-days / refunds.mean_delay_days) / np.expm1(
        -refunds.latest_days / refunds.mean_delay_days
    )
    return share


def _payments(world: World, customers: Customers, owner: IndexArray, time: FloatArray) -> Lines:
    """The payments of contracts: the price of the plan, each an order of its own."""
    assert world.contract is not None
    assert customers.plan is not None
    plans = list(world.contract.plans.values())
    plan = customers.plan[owner]
    price, margin = np.array([one.price for one in plans])[plan], np.array([one.margin_rate for one in plans])[plan]
    return Lines(
        owner=owner,
        order=np.arange(len(owner)),
        line=np.arange(len(owner)),
        time=time,
        amount=_cents(price),
        cost=_cents(price * (1 - margin) * customers.cost_factor[owner]),
        discount=np.zeros(len(owner), dtype=np.int64),
        product=plan,
        quantity=np.ones(len(owner)),
        sales_channel=None,
    )


def _cents(money: FloatArray, least: int = 0) -> IndexArray:
    cents: IndexArray = np.maximum(np.rint(money * CENTS), least).astype(np.int64)
    return cents
