"""Contact rates of customers each of whom is there or has left, and how leaving goes with contacts, estimated together.

Rates of contacts, and what they go with, need to know who was there for how long, and who is there (`presence`) needs
both, so they are estimated in turns, by the EM algorithm [1]_. Given who is there and for how long all were, A and b
have the highest likelihood of a regression of leaving on what customers were exposed to.

References
----------
.. [1] Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm. Journal of the Royal
   Statistical Society B 39(1), 1-38.
"""

from collections.abc import Sequence

import numpy as np

from patronage.runtime.histories import FloatArray, Histories
from patronage.runtime.purchase.lifetime import IndependentLifetimeParams
from patronage.runtime.purchase.model import PurchaseParams
from patronage.runtime.purchase.time_alive import time_if_left
from patronage.runtime.time_unit import TimeUnit
from patronage.value.contact_rates import Contacted, ContactRates, FittedRates, fit_contact_rates
from patronage.value.presence import Leaving, Presence, Touch, presence_of

ROUNDS = 40
"""Most turns."""

SETTLED = 2e-3
"""Relative change of all that is estimated, below which no further turn is taken."""

INNER_ROUNDS = 50
"""Turns of A and b, which are cheap, for each turn of the rest."""

FIRST_GUESS = 0.05
"""Share of leaving that goes with contacts at first; from 0 the turns would not move."""


def fit_contacts(
    params: PurchaseParams, histories: Histories, touch: Touch, n_segments: int, time_unit: TimeUnit
) -> tuple[FittedRates, Leaving]:
    """Estimate contact rates, and how leaving goes with them.

    Where the purchase model has customers leave at purchases, contacts do not tell who is there: then the probabilities
    are those of the purchase model, and leaving goes with nothing. One-time buyers would have left on their first day,
    and a few contacts be hundreds a year; they are taken to have been there until the last contact, and what of their
    contacts lies on the first day tells no rate, and does not count.

    Parameters
    ----------
    params : PurchaseParams
        Numbers, or arrays with one value a row.
    histories : Histories
        n of them.
    touch : Touch
    n_segments : int
    time_unit : TimeUnit
        Of the histories.

    Raises
    ------
    InputError
        If there are contacts in no time at all.
    FitError
        If no maximum is reached.
    """
    there, left_at = params.probability_alive(histories), time_if_left(params, histories) * touch.stretch
    at_once = left_at <= histories.recency * touch.stretch
    until = np.maximum(left_at, np.where(at_once, np.minimum(touch.last, touch.contacts.exposure), 0.0))
    least = 1 / time_unit.days
    fitted, leaving = _rates(touch.contacts, there, [until], n_segments, least), Leaving()
    if not isinstance(params, IndependentLifetimeParams) or fitted.estimate is None:
        return fitted, leaving
    rate = float(there @ fitted.model.expected(touch.contacts) / there.sum())
    leaving = Leaving(1 - FIRST_GUESS, FIRST_GUESS / rate)
    for _ in range(ROUNDS):
        before = _all_of(fitted.model, leaving)
        told = presence_of(params, histories, touch, fitted.model, leaving)
        seen = _longer(touch.contacts, leaving.by_contact * told.strain)
        leaving = _leaving(told, fitted.model.expected(seen), leaving)
        ends = [np.maximum(until, least) for until in told.left_between]
        fitted = _rates(seen, told.there, ends, n_segments, least, told.by_contacts)
        if np.abs(_all_of(fitted.model, leaving) - before).max() < SETTLED:
            break
    return fitted, leaving


def _all_of(rates: ContactRates, leaving: Leaving) -> FloatArray:
    """What is estimated, so that a difference of 0.01 is one of a hundredth."""
    by_contact = leaving.by_contact * float(rates.mean.mean())
    return np.array([leaving.base, by_contact, np.log(rates.shape), *np.log(rates.mean[rates.mean > 0])])


def _longer(seen: Contacted, time: FloatArray) -> Contacted:
    return Contacted(seen.number, seen.exposure + time, seen.segment)


def _leaving(told: Presence, rate: FloatArray, before: Leaving) -> Leaving:
    """A and b: leaving is shared among what may have caused it, and each cause held against what it had time for."""
    gone = 1 - told.there
    exposed = told.there @ told.strain + gone @ told.left_strain
    touched = told.there @ (rate * told.strain) + gone @ told.left_touched
    base, by_contact = before.base, before.by_contact
    # From the shares of the two causes by the last A and b follows the rate that tells shares by others.
    odds = np.divide(told.by_contacts, 1 - told.by_contacts)
    for _ in range(INNER_ROUNDS):
        shifted = odds * (by_contact / before.by_contact) / (base / before.base)
        of_contacts = shifted / (1 + shifted)
        base, by_contact = float(gone @ (1 - of_contacts) / exposed), float(gone @ of_contacts / touched)
    return Leaving(base, by_contact)


def _rates(
    seen: Contacted,
    there: FloatArray,
    ends: Sequence[FloatArray],
    n_segments: int,
    least: float,
    by_contacts: FloatArray | None = None,
) -> FittedRates:
    """Rates of customers, each counted as one who is there and as one who left, with the probability of either.

    Who left did so at one of `ends`, all equally likely: of a time that is known with a spread, one below and one above
    the mean. Leaving because of contacts tells of the rate what one more contact would.
    """
    cause = np.zeros(len(seen)) if by_contacts is None else by_contacts
    parts = [(seen.number, seen.exposure, there)]
    for until in ends:
        gone = np.where(until >= least, 1 - there, 0.0) / len(ends)
        parts += [(seen.number, until, gone * (1 - cause)), (seen.number + 1, until, gone * cause)]
    number, exposure, weight = (np.concatenate(one) for one in zip(*parts, strict=True))
    return fit_contact_rates(Contacted(number, exposure, np.tile(seen.segment, len(parts))), n_segments, weight)
