r"""Leaving and paying under contracts: at every renewal the customer may leave.

Contracts are paid when they start and renewed every 30.4375 days, the twelfth of a year. At the k-th renewal the log
odds of leaving are those of the customer, plus a term in ln k, plus what satisfaction, open complaints and campaigns
add at that moment; see `customers` and `course`. Who leaves does not pay.
"""

import numpy as np
from scipy import special

from patronage.ledger.worlds.course import Course
from patronage.ledger.worlds.customers import Customers
from patronage.ledger.worlds.purchasing import with_first_and_last
from patronage.ledger.worlds.settings import World
from patronage.ledger.worlds.streams import Part, stream
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.time_unit import DAYS_PER_YEAR

PERIOD_DAYS = DAYS_PER_YEAR / 12
"""From one payment to the next."""


def renewal_log_odds(world: World, log_odds: FloatArray, renewal: IndexArray | int, added: FloatArray) -> FloatArray:
    """Log odds of leaving at the k-th renewal.

    Parameters
    ----------
    log_odds : ndarray
        Of the customer, as in `Customers.hazard`.
    renewal : ndarray of int or int
        k, 1 for the first.
    added : ndarray
        By satisfaction, complaints and campaigns.
    """
    assert world.contract is not None
    odds: FloatArray = log_odds + world.contract.log_odds_per_log_month * np.log(renewal) + added
    return odds


def draw_contracts(
    world: World, customers: Customers, course: Course, seed: int, block: int
) -> tuple[FloatArray, IndexArray, FloatArray]:
    """When customers leave, and all payments.

    Returns
    -------
    tuple of ndarray
        Time of leaving, infinite for those who are still there when the world ends; then, for every payment in order
        of customer and time, position of the customer and time in days from the start.
    """
    rng = stream(seed, block, Part.LEAVING)
    renewals = np.ceil((world.all_days - customers.won) / PERIOD_DAYS).astype(np.int64) - 1
    owner = np.repeat(np.arange(len(customers)), renewals)
    begin = np.cumsum(renewals) - renewals
    number = np.arange(len(owner)) - begin[owner] + 1
    time = customers.won[owner] + number * PERIOD_DAYS
    added = course.log_dropout[course.at(owner, time, world.all_days + 1.0)]
    leaves = rng.random(len(owner)) < special.expit(renewal_log_odds(world, customers.hazard[owner], number, added))
    leaving = np.full(len(customers), np.inf)
    # Assigned backwards, the first renewal that fails is the one that stays.
    failed = np.flatnonzero(leaves)[::-1]
    leaving[owner[failed]] = time[failed]
    paid = time < leaving[owner]
    nobody = np.zeros(0, dtype=np.int64)
    payer, when = with_first_and_last(customers.won, owner[paid], time[paid], nobody, np.zeros(0))
    return leaving, payer, when
