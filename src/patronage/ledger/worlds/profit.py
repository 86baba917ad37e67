"""What customers bring and cost over a span of time, summed from their facts."""

from dataclasses import dataclass

import numpy as np

from patronage.ledger.worlds.block import Block, Scene
from patronage.ledger.worlds.orders import CENTS, Lines
from patronage.runtime.histories import FloatArray


@dataclass(frozen=True)
class Realised:
    """Facts of a span by customer, one value each; money to the cent.

    Attributes
    ----------
    orders : ndarray
        Orders or payments.
    revenue, margin : ndarray
        Of lines and refunds in the span.
    contacts, contact_cost, campaign_cost : ndarray
    """

    orders: FloatArray
    revenue: FloatArray
    margin: FloatArray
    contacts: FloatArray
    contact_cost: FloatArray
    campaign_cost: FloatArray

    @property
    def profit(self) -> FloatArray:
        """Margin less the costs of contacts and campaigns; what it cost to win the customer is not in it."""
        profit: FloatArray = np.round(self.margin - self.contact_cost - self.campaign_cost, 2)
        return profit


def realised(scene: Scene, block: Block, begin: float, end: float) -> Realised:
    """Sum what happened in [begin, end), in days from the start of the world."""
    n = len(block.customers)
    within = (block.order_time >= begin) & (block.order_time < end)
    revenue, cost = np.zeros(n), np.zeros(n)
    for lines in (block.lines, block.refunds):
        counted = (lines.time >= begin) & (lines.time < end)
        owner = lines.owner[counted]
        revenue += np.bincount(owner, lines.amount[counted], n)
        cost += np.bincount(owner, lines.cost[counted], n)
    contacts, contact_cost = _contacts(scene, block, begin, end)
    return Realised(
        orders=np.bincount(block.order_owner[within], minlength=n).astype(float),
        revenue=revenue / CENTS,
        margin=(revenue - cost) / CENTS,
        contacts=contacts,
        contact_cost=contact_cost,
        campaign_cost=_campaign_cost(scene, block, begin, end),
    )


def _contacts(scene: Scene, block: Block, begin: float, end: float) -> tuple[FloatArray, FloatArray]:
    n = len(block.customers)
    if block.contacts is None or scene.world.contacts is None:
        return np.zeros(n), np.zeros(n)
    within = (block.contacts.time >= begin) & (block.contacts.time < end)
    owner = block.contacts.owner[within]
    cost = block.contacts.cost(scene.world.contacts, scene.contact_cost_factor)[within]
    return np.bincount(owner, minlength=n).astype(float), np.round(np.bincount(owner, cost, n), 2)


def _campaign_cost(scene: Scene, block: Block, begin: float, end: float) -> FloatArray:
    n = len(block.customers)
    if block.campaigns is None:
        return np.zeros(n)
    log = block.campaigns
    counted = log.treated & (log.time >= begin) & (log.time < end)
    cost = np.array([action.cost for action in scene.world.campaigns.values()])
    return np.round(np.bincount(log.owner[counted], cost[log.action[counted]], n), 2)


def pending(scene: Scene, lines: Lines, back: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Revenue and margin that go when a share `back` of every line comes back, by customer, in money."""
    assert scene.world.refunds is not None
    amount = np.bincount(lines.owner, lines.amount * back, n) / CENTS
    cost = np.bincount(lines.owner, lines.cost * back, n) / CENTS * scene.world.refunds.restocked
    return amount, amount - cost
