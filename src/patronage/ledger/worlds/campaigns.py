"""Campaigns: who was chosen, and who of these was treated, at random."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patronage.ledger.worlds.customers import Customers
from patronage.ledger.worlds.parts import Action
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.streams import Part, stream
from patronage.runtime.histories import FloatArray, IndexArray

HOUR_OF_CAMPAIGNS = 9 / 24
"""Campaigns go out at nine in the morning, in days."""


@dataclass(frozen=True)
class CampaignLog:
    """Choices of campaigns.

    Attributes
    ----------
    owner : ndarray of int
        Position of the customer in the block.
    time : ndarray
        In days from the start.
    action : ndarray of int
        Position of the action in the settings.
    treated : ndarray of bool
    """

    owner: IndexArray
    time: FloatArray
    action: IndexArray
    treated: NDArray[np.bool_]


def waves(world: World, action: Action) -> FloatArray:
    """When an action is done: only where its effect is over by the end of the observed time, so none reaches beyond."""
    latest = world.observed_days - action.effect_days
    return np.arange(action.first_day, latest, action.every_days).astype(float) + HOUR_OF_CAMPAIGNS


def draw_campaigns(world: World, customers: Customers, seed: int, block: int) -> CampaignLog:
    """Choose customers for every wave, and the treated among them."""
    rng = stream(seed, block, Part.CAMPAIGNS)
    owners: list[IndexArray] = []
    times: list[FloatArray] = []
    actions: list[IndexArray] = []
    treated: list[NDArray[np.bool_]] = []
    for position, action in enumerate(world.campaigns.values()):
        for time in waves(world, action):
            chosen = np.flatnonzero((rng.random(len(customers)) < action.reach) & (customers.won < time))
            owners.append(chosen)
            times.append(np.full(len(chosen), time))
            actions.append(np.full(len(chosen), position))
            treated.append(rng.random(len(chosen)) < action.treated_share)
    if not owners:
        nobody = np.zeros(0, dtype=np.int64)
        return CampaignLog(nobody, np.zeros(0), nobody, np.zeros(0, dtype=bool))
    joined = np.concatenate
    return CampaignLog(joined(owners), joined(times), joined(actions), joined(treated))
