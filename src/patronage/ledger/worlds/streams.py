"""Randomness: a generator of its own for every part of every block, so that the order of work changes nothing."""

from enum import IntEnum

import numpy as np
from numpy.random import Generator, SeedSequence

from patronage.runtime.histories import FloatArray, IndexArray


class Part(IntEnum):
    """What a stream of random numbers is for; a part that is switched off leaves the others as they are."""

    CATALOGUE = 0
    CUSTOMERS = 1
    CAMPAIGNS = 2
    CONTACTS = 3
    LEAVING = 4
    PURCHASES = 5
    ORDERS = 6
    REFUNDS = 7
    LINES = 8
    DISCOUNTS = 9
    SALES_CHANNELS = 10
    CONTACT_HABITS = 11
    RETURN_HABITS = 12
    DISCOUNT_HABITS = 13
    CHANNEL_HABITS = 14
    CATEGORY_HABITS = 15
    COST_FACTORS = 16
    EFFECTS = 17


CATALOGUE_BLOCK = 2**31
"""Blocks are numbered from 0; this number stands for the draws that all blocks share."""


def stream(seed: int, block: int, part: Part) -> Generator:
    """The generator of one part of one block.

    Parameters
    ----------
    seed : int
        Seed of the world, 0 or above.
    block : int
    part : Part
    """
    return np.random.Generator(np.random.PCG64DXSM(SeedSequence(seed, spawn_key=(block, int(part)))))


def choose(weights: FloatArray, n: int, rng: Generator) -> IndexArray:
    """Positions 0 ... len(weights) - 1 drawn with probabilities in proportion to `weights`, shape (n,)."""
    edges = np.cumsum(weights / np.sum(weights))
    chosen: IndexArray = np.minimum(np.searchsorted(edges, rng.random(n), side="right"), len(edges) - 1)
    return chosen


def favourite_or_any(favourite: IndexArray, weights: FloatArray, loyalty: float, rng: Generator) -> IndexArray:
    """The favourite with the probability `loyalty`, else any by weight; same shape as `favourite`."""
    anything = choose(weights, len(favourite), rng)
    chosen: IndexArray = np.where(rng.random(len(favourite)) < loyalty, favourite, anything)
    return chosen
