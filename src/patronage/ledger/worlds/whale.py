"""How unequal profit is: the whale curve, and the costs of contacts that give a world the curve it wants.

Customers ranked by profit, the best first, earn a growing share of the total until only unprofitable ones are left,
which bring it back to 1. Costs of contacts are spread otherwise than margins, so the dearer contacts are, the more
customers are unprofitable and the higher the curve: from the curve of margins alone to any height, as the total
approaches 0. So one number, the factor of all contact costs, is found by bisection on the first customers of the world,
whose margins and contacts do not depend on it.
"""

import numpy as np
from scipy import optimize

from patronage.errors import ConfigError
from patronage.ledger.worlds.block import draw_block, scene_of
from patronage.ledger.worlds.profit import realised
from patronage.ledger.worlds.settings import World
from patronage.runtime.histories import FloatArray

SAMPLE = 100_000
"""So many customers, the first of the world, are the sample; a world of this size gets exactly the share it wants."""

CLOSEST_TO_NOTHING = 0.02
"""The factor is sought up to where this share of the margin is left as profit."""


def share_of_best(profit: FloatArray, top_share: float) -> float:
    """Share of the total profit that the most profitable `top_share` of customers earn.

    Parameters
    ----------
    profit : ndarray of shape (n,)
        In money.
    top_share : float
        Share of customers, 0 to 1; whole customers are counted, rounded.

    Examples
    --------
    >>> share_of_best(np.array([60.0, 30.0, 20.0, 0.0, -10.0]), 0.2)
    0.6
    """
    best = np.sort(profit)[::-1][: round(top_share * len(profit))]
    return float(best.sum() / profit.sum())


def contact_cost_factor(world: World, seed: int) -> float:
    """The factor of contact costs with which the best customers earn the share that `world.whale` asks for.

    Parameters
    ----------
    world : World
    seed : int

    Returns
    -------
    float
        1 if the world does not ask for a share.

    Raises
    ------
    ConfigError
        If the share is below what margins alone give, or above what any costs give.
    """
    if world.whale is None:
        return 1.0
    scene = scene_of(world, seed)
    kept, cost = np.zeros(0), np.zeros(0)
    for first in range(0, SAMPLE, world.block_customers):
        n = min(world.block_customers, SAMPLE - first)
        block = draw_block(scene, first // world.block_customers, first, n)
        sums = realised(scene, block, 0.0, float(world.observed_days))
        kept = np.append(kept, sums.margin - sums.campaign_cost)
        cost = np.append(cost, sums.contact_cost)
    top, wanted = world.whale.top_share, world.whale.profit_share
    most = kept.sum() / cost.sum() * (1 - CLOSEST_TO_NOTHING) if cost.sum() > 0 else 0.0

    def beyond(factor: float) -> float:
        return share_of_best(kept - factor * cost, top) - wanted

    if most <= 0 or beyond(0.0) > 0 or beyond(most) < 0:
        low = beyond(0.0) + wanted
        message = (
            f"The best {top:.0%} of customers cannot earn {wanted:.0%} of the profit of the world {world.name!r}: "
            f"without any cost of contacts they earn {low:.0%}"
            + (f", with the highest {beyond(most) + wanted:.0%}." if most > 0 else ", and there is no profit to share.")
            + " Change world.whale.profit_share, or how much customers differ in rate, spend and contacts."
        )
        raise ConfigError(message)
    return float(optimize.brentq(beyond, 0.0, most, xtol=1e-6))
