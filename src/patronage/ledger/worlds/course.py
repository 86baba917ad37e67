"""The course of customers: spans of time during which their purchase rate and their hazard of leaving are steady.

Every contact, every matter that is opened or closed, every campaign and the end of its effect begins a new span. Within
one the process is that of the model, so numbers and times are drawn exactly.
"""

from dataclasses import dataclass

import numpy as np

from patronage.ledger.worlds.campaigns import CampaignLog
from patronage.ledger.worlds.contacts import ContactLog
from patronage.ledger.worlds.customers import Customers
from patronage.ledger.worlds.parts import NEUTRAL_SCORE
from patronage.ledger.worlds.settings import World
from patronage.runtime.histories import FloatArray, IndexArray

CAUSES = ("log_rate", "satisfaction", "complaint", "campaign")
"""What changes from span to span: the purchase rate, and three causes of leaving."""


DECIMALS = 10
"""Digits of what causes add, beyond which it is rounding."""


@dataclass(frozen=True)
class Course:
    """Spans, in order of customer and time; those of a customer follow each other without gaps.

    Attributes
    ----------
    owner : ndarray of int
    start, end : ndarray
        In days from the start of the world.
    log_rate : ndarray
        What campaigns add to the logarithm of the purchase rate.
    satisfaction, complaint, campaign : ndarray
        What each adds to the log hazard of leaving.
    """

    owner: IndexArray
    start: FloatArray
    end: FloatArray
    log_rate: FloatArray
    satisfaction: FloatArray
    complaint: FloatArray
    campaign: FloatArray

    @property
    def log_dropout(self) -> FloatArray:
        """What all causes add to the log hazard of leaving."""
        return self.satisfaction + self.complaint + self.campaign

    def at(self, owner: IndexArray, time: FloatArray, span: float) -> IndexArray:
        """Positions of the spans in which customers were at a time (at its very start: the one before).

        Parameters
        ----------
        owner : ndarray of int
        time : ndarray
            At or after the customer was won.
        span : float
            Longer than the world.
        """
        place = np.searchsorted(self.owner * span + self.start, owner * span + time, side="left") - 1
        first = np.searchsorted(self.owner, owner)
        position: IndexArray = np.maximum(place, first)
        return position


def course_of(world: World, customers: Customers, contacts: ContactLog | None, campaigns: CampaignLog | None) -> Course:
    """Cut the time of every customer into spans, as if nobody left."""
    n = len(customers)
    changes = [_changes(np.arange(n), customers.won)]
    if contacts is not None and world.contacts is not None and world.contacts.moves_dropout:
        changes += _of_contacts(world, contacts)
    if campaigns is not None:
        changes += _of_campaigns(world, customers, campaigns)
    changes = [{name: values[change["time"] < world.all_days] for name, values in change.items()} for change in changes]
    joined = {name: np.concatenate([change[name] for change in changes]) for name in ("owner", "time", *CAUSES)}
    if len(changes) > 1:
        order = np.lexsort((joined["time"], joined["owner"]))
        joined = {name: values[order] for name, values in joined.items()}
    owner, start = joined["owner"], joined["time"]
    end = np.append(start[1:], 0.0)
    end[np.append(owner[1:] != owner[:-1], True)] = world.all_days
    # What ends must leave nothing behind, not even a rounding error.
    levels = {name: np.round(summed_within(joined[name], owner), DECIMALS) for name in CAUSES}
    return Course(owner, start, end, **levels)


def summed_within(values: FloatArray, owner: IndexArray) -> FloatArray:
    """Running sums that begin anew with each owner; `owner` is sorted."""
    if not len(values) or not values.any():
        return np.zeros(len(values))
    sums = np.cumsum(values)
    first = np.flatnonzero(np.append(True, owner[1:] != owner[:-1]))
    lengths = np.diff(np.append(first, len(owner)))
    running: FloatArray = sums - np.repeat(sums[first] - values[first], lengths)
    return running


def _changes(owner: IndexArray, time: FloatArray, **deltas: FloatArray) -> dict[str, FloatArray | IndexArray]:
    return {"owner": owner, "time": time, **{name: deltas.get(name, np.zeros(len(owner))) for name in CAUSES}}


def _of_contacts(world: World, contacts: ContactLog) -> list[dict[str, FloatArray | IndexArray]]:
    """Each contact sets the satisfaction anew; open matters weigh while they are open."""
    assert world.contacts is not None
    level = world.contacts.log_dropout_per_point * (NEUTRAL_SCORE - contacts.score).astype(float)
    same = np.append(False, contacts.owner[1:] == contacts.owner[:-1])[: len(level)]
    before = np.where(same, np.append(0.0, level[:-1])[: len(level)], 0.0)
    opened = np.flatnonzero(~np.isnan(contacts.closed))
    owner, closed = contacts.owner[opened], contacts.closed[opened]
    # Matters that were joined close at the same moment, and weigh once: the first opens, and all close together.
    first = np.append(True, (owner[1:] != owner[:-1]) | (closed[1:] != closed[:-1]))[: len(opened)]
    owner, closed, since = owner[first], closed[first], contacts.time[opened][first]
    weight = np.full(len(owner), world.contacts.log_dropout_open)
    return [
        _changes(contacts.owner, contacts.time, satisfaction=level - before),
        _changes(owner, since, complaint=weight),
        _changes(owner, closed, complaint=-weight),
    ]


def _of_campaigns(
    world: World, customers: Customers, campaigns: CampaignLog
) -> list[dict[str, FloatArray | IndexArray]]:
    changes = []
    for position, (name, action) in enumerate(world.campaigns.items()):
        if not (action.sells or action.keeps):
            continue
        treated = campaigns.treated & (campaigns.action == position)
        owner, time = campaigns.owner[treated], campaigns.time[treated]
        rate, dropout = customers.rate_effect[name][owner], customers.dropout_effect[name][owner]
        changes.append(_changes(owner, time, log_rate=rate, campaign=dropout))
        changes.append(_changes(owner, time + action.effect_days, log_rate=-rate, campaign=-dropout))
    return changes
