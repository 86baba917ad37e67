r"""Purchases and leaving without a contract: Pareto/NBD and BG/NBD along the course of a customer.

With :math:`m` the multiplier of dropout and :math:`c` that of the rate in a span, and F the activity clock:

* Pareto/NBD: customers leave with the hazard :math:`\mu m` a day and buy at the rate :math:`\lambda c` in F until then.
* BG/NBD: after a purchase they leave with the probability :math:`1 - (1-p)^m`. Thinning splits purchases into those
  that are followed by another, a Poisson process with rate :math:`\lambda c (1-p)^m` in F, and the last one, which
  comes with the hazard :math:`\lambda c (1 - (1-p)^m)` in F, independently. So the last purchase is drawn first, and
  no purchase has to be drawn that is thrown away.

Leaving happens when the integral of the hazard exceeds a standard exponential variate.
"""

import numpy as np

from patronage.ledger.worlds.activity import Activity
from patronage.ledger.worlds.contacts import drawn_within
from patronage.ledger.worlds.course import Course, summed_within
from patronage.ledger.worlds.customers import Customers
from patronage.ledger.worlds.parts import ParetoPurchasing
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.streams import Part, stream
from patronage.runtime.histories import FloatArray, IndexArray


def draw_leaving(
    world: World, activity: Activity, customers: Customers, course: Course, seed: int, block: int
) -> FloatArray:
    """When customers leave, in days from the start; infinite for those who are still there when the world ends."""
    rng = stream(seed, block, Part.LEAVING)
    threshold = rng.standard_exponential(len(customers))
    hazard = _hazard(world, customers, course)
    by_day = isinstance(world.purchasing, ParetoPurchasing)
    start, end = (course.start, course.end) if by_day else (activity.at(course.start), activity.at(course.end))
    strain = hazard * (end - start)
    after = summed_within(strain, course.owner)
    target = threshold[course.owner]
    crossed = np.flatnonzero((after >= target) & (after - strain < target))
    # Rounding may let a sum cross twice; the first time counts.
    owner, first = np.unique(course.owner[crossed], return_index=True)
    at = crossed[first]
    moment = end[at] - (after[at] - target[at]) / hazard[at]
    leaving = np.full(len(customers), np.inf)
    moment = np.clip(moment, start[at], end[at])
    leaving[owner] = moment if by_day else activity.when(moment)
    return leaving


def draw_purchases(
    world: World, activity: Activity, customers: Customers, course: Course, leaving: FloatArray, seed: int, block: int
) -> tuple[IndexArray, FloatArray]:
    """All purchases of a block, the first of every customer included, in order of customer and time.

    Returns
    -------
    tuple of ndarray
        Position of the customer, and time in days from the start.
    """
    rng = stream(seed, block, Part.PURCHASES)
    gone = leaving[course.owner]
    lived = np.flatnonzero(course.start < gone)
    of, end = course.owner[lived], np.minimum(course.end[lived], gone[lived])
    rate = customers.rate[of] * np.exp(course.log_rate[lived])
    last: IndexArray = np.zeros(0, dtype=np.int64)
    if not isinstance(world.purchasing, ParetoPurchasing):
        rate = rate * np.exp(-customers.hazard[of] * np.exp(course.log_dropout[lived]))
        last = np.flatnonzero(np.isfinite(leaving))
    low, high = activity.at(course.start[lived]), activity.at(end)
    span, elapsed = drawn_within(rng.poisson(rate * (high - low)), low, high, rng)
    return with_first_and_last(customers.won, of[span], activity.when(elapsed), last, leaving[last])


def with_first_and_last(
    first_time: FloatArray, owner: IndexArray, time: FloatArray, last: IndexArray, last_time: FloatArray
) -> tuple[IndexArray, FloatArray]:
    """Put the first event of every customer before, and the last one of some behind, the others.

    Parameters
    ----------
    first_time : ndarray of shape (n,)
        Of every customer.
    owner, time : ndarray
        The other events, in order of customer and time.
    last, last_time : ndarray
        Customers, ascending, with a last event, and when it is.
    """
    n = len(first_time)
    lasts = np.bincount(last, minlength=n)
    counts = 1 + np.bincount(owner, minlength=n) + lasts
    begin = np.cumsum(counts) - counts
    times = np.empty(counts.sum())
    times[begin] = first_time
    times[np.arange(len(owner)) + owner + 1 + (np.cumsum(lasts) - lasts)[owner]] = time
    times[(begin + counts - 1)[last]] = last_time
    return np.repeat(np.arange(n), counts), times


def _hazard(world: World, customers: Customers, course: Course) -> FloatArray:
    """Hazard of leaving in each span: a day in Pareto/NBD, per unit of F in BG/NBD."""
    own = customers.hazard[course.owner] * np.exp(course.log_dropout)
    if isinstance(world.purchasing, ParetoPurchasing):
        return own
    hazard: FloatArray = customers.rate[course.owner] * np.exp(course.log_rate) * -np.expm1(-own)
    return hazard
