"""Contacts of customers with the business: when, why, how, at what cost, and how they were lived through.

Drawn for the whole time of the world as if nobody left; what a customer does after leaving is dropped later.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from patronage.ledger.worlds.customers import Customers
from patronage.ledger.worlds.parts import Contacts
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.streams import Part, favourite_or_any, stream
from patronage.runtime.histories import FloatArray, IndexArray

MINUTES_SHAPE = 2.0
"""Durations are gamma distributed with this shape: short ones are usual, long ones happen."""


@dataclass(frozen=True)
class ContactLog:
    """Contacts, in order of customer and time.

    Attributes
    ----------
    owner : ndarray of int
        Position of the customer in the block.
    time, closed : ndarray
        In days from the start; closed is NaN where a contact of this kind does not stay open.
    kind, channel, score : ndarray of int
        Positions of kind and channel; how it was lived through, 1 to 5.
    answered : ndarray of bool
        Whether the score is known.
    minutes : ndarray
        Duration.
    """

    owner: IndexArray
    time: FloatArray
    closed: FloatArray
    kind: IndexArray
    channel: IndexArray
    score: IndexArray
    answered: NDArray[np.bool_]
    minutes: FloatArray

    def before(self, end: FloatArray) -> "ContactLog":
        """The contacts that were made before `end`, one value a customer."""
        kept = self.time < end[self.owner]
        return replace(self, **{name: values[kept] for name, values in vars(self).items()})

    def cost(self, contacts: Contacts, factor: float) -> FloatArray:
        """Cost of each, to the cent; `factor` multiplies what the channels cost."""
        ways = list(contacts.channels.values())
        fixed, by_minute = np.array([way.cost for way in ways]), np.array([way.cost_per_minute for way in ways])
        cost: FloatArray = np.round(factor * (fixed[self.channel] + by_minute[self.channel] * self.minutes), 2)
        return cost


def drawn_within(
    counts: IndexArray, low: FloatArray, high: FloatArray, rng: np.random.Generator
) -> tuple[IndexArray, FloatArray]:
    """Uniform numbers within intervals, so many in each, ascending.

    Parameters
    ----------
    counts : ndarray of int of shape (n,)
    low, high : ndarray of shape (n,)

    Returns
    -------
    tuple of ndarray
        Position of the interval, and the number, both of shape (sum of counts,).
    """
    interval = np.repeat(np.arange(len(counts)), counts)
    # Sorted by their sum, numbers below 1 are sorted within each interval, and a plain sort is the fastest there is.
    place = np.sort(interval + rng.random(len(interval))) - interval
    return interval, low[interval] + np.clip(place, 0.0, 1.0) * (high - low)[interval]


def draw_contacts(world: World, customers: Customers, seed: int, block: int) -> ContactLog:
    """Draw the contacts of a block from when customers were won to the end of the world."""
    contacts = world.contacts
    assert contacts is not None
    rng = stream(seed, block, Part.CONTACTS)
    end = np.full(len(customers), float(world.all_days))
    counts = rng.poisson(customers.contact_rate * (end - customers.won))
    owner, time = drawn_within(counts, customers.won, end, rng)
    n = len(owner)
    kinds, ways = list(contacts.kinds.values()), list(contacts.channels.values())
    shares = np.array([kind.share for kind in kinds])
    kind = np.minimum(np.searchsorted(np.cumsum(shares) / shares.sum(), rng.random(n), side="right"), len(kinds) - 1)
    edges = np.cumsum(score_shares(contacts), axis=1) + np.arange(len(kinds))[:, None]
    score = np.minimum(np.searchsorted(edges.ravel(), kind + rng.random(n), side="right") - 5 * kind, 4) + 1
    assert customers.favourite_contact_channel is not None
    weights = np.array([way.share for way in ways])
    channel = favourite_or_any(customers.favourite_contact_channel[owner], weights, contacts.loyalty, rng)
    mean_minutes = np.array([way.minutes for way in ways])
    minutes = np.round(mean_minutes[channel] * rng.standard_gamma(MINUTES_SHAPE, n) / MINUTES_SHAPE, 1)
    answered = rng.random(n) < contacts.answered
    closed = np.full(n, np.nan)
    for position, reason in enumerate(kinds):
        if reason.open_days is not None:
            opened = np.flatnonzero(kind == position)
            own = time[opened] + reason.open_days * rng.standard_exponential(len(opened))
            closed[opened] = _joined(owner[opened], time[opened], own)
    return ContactLog(owner, time, closed, kind, channel, score, answered, minutes)


def score_shares(contacts: Contacts) -> FloatArray:
    """Probabilities of the scores 1 to 5 by kind, shape (n_kinds, 5)."""
    given = np.array([kind.scores for kind in contacts.kinds.values()], dtype=float)
    shares: FloatArray = given / given.sum(axis=1, keepdims=True)
    return shares


def _joined(owner: IndexArray, opened: FloatArray, closed: FloatArray) -> FloatArray:
    """Closing times of matters of which one that is opened while another is open settles both.

    The exponential forgets, so that together they stay open as long as the last one alone.
    """
    if not len(owner):
        return closed
    joins_next = (owner[1:] == owner[:-1]) & (opened[1:] < closed[:-1])
    last = np.append(~joins_next, True)
    group = np.concatenate([[0], np.cumsum(last[:-1])])
    joined: FloatArray = closed[np.flatnonzero(last)[group]]
    return joined
