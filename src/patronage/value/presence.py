r"""Who is still there, by purchases and contacts together: whoever is in touch has not left.

Purchase models tell from a silence of purchases alone who has left. Contacts tell more: a customer was there at the
last purchase and at the last contact, and one who was often in touch and then falls silent has left. Nor do customers
who are often in touch stay as long as others: they had a reason. With the rate of contacts κ of each, Gamma(s, s/M) as
in `contact_rates`, and the hazard h of the purchase model, customers leave with the hazard

.. math:: h(t)\,(A + b\,\kappa_i), \qquad A > 0,\; b \ge 0

which is conjugate: with a the time of the last purchase or contact, whichever was later, and from there on the
cumulative hazard H of the purchase model and its chance q to see no purchase, the odds of having left in the time τ
since, after c contacts, are

.. math::
    \frac{\int_0^\tau h(u)\,\bigl(A + b\,\hat\kappa(u)\bigr)\,e^{-A H(u)}\,q(u)\,R(u)^{-(s+c)}\,du}
    {e^{-A H(\tau)}\,q(\tau)\,R(\tau)^{-(s+c)}}, \qquad
    R(u) = s/M + a + u + b\,H(a+u), \quad \hat\kappa(u) = \frac{s + c}{R(u)}

Given that a customer is there, contacts say nothing of purchases to come but for how long they will be made:
expectations change with the probability to be there and with the hazard, at the customer's expected rate of contacts.

Customers are taken to be in touch only while they are there. Where a model lets them leave at a purchase only, any
later contact would prove that they did not, which asks too much of such a model: there contacts tell nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from patronage.runtime.histories import FloatArray, Histories, IndexArray
from patronage.runtime.purchase.lifetime import IndependentLifetime, IndependentLifetimeParams
from patronage.runtime.purchase.model import PurchaseParams
from patronage.value.contact_rates import Contacted, ContactRates
from patronage.value.profit_seen import calendar_stretch, numbers_of


@dataclass(frozen=True, slots=True)
class Touch:
    """Contacts of n customers, and when the last one was.

    Attributes
    ----------
    contacts : Contacted
        By the calendar.
    last : ndarray of float64, shape (n,)
        Time of the last contact after the first purchase, by the calendar, 0 and above.
    stretch : ndarray of float64, shape (n,)
        Time by the calendar over that of purchase histories, where these are by the clock of a season; 1 otherwise.
    """

    contacts: Contacted
    last: FloatArray
    stretch: FloatArray

    @classmethod
    def of(cls, frame: pd.DataFrame, contacts: Contacted) -> "Touch":
        """What a frame of `profit_facts` tells beside the contacts taken out of it."""
        return cls(contacts, numbers_of(frame, "last_contact"), calendar_stretch(frame))


@dataclass(frozen=True)
class Leaving:
    """How the hazard of leaving goes with contacts: that of the purchase model times A + b κ.

    Attributes
    ----------
    base : float
        A.
    by_contact : float
        b, in time units by the calendar: what one contact more per time unit adds.
    """

    base: float = 1.0
    by_contact: float = 0.0

    def factor(self, rate: FloatArray) -> FloatArray:
        """A + b κ of customers with these rates of contacts, shape (n,)."""
        return np.asarray(self.base + self.by_contact * rate, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Presence:
    """What purchases and contacts tell of n customers; arrays of shape (n,).

    Attributes
    ----------
    there : ndarray of float64
        Probability to be there.
    evidence : ndarray of float64
        What contacts add to the log odds of having left; minus infinity for customers in touch on the last day.
    left_at : ndarray of float64
        Expected time from the first purchase to leaving, by the calendar, of customers who have left.
    left_between : tuple of two ndarray of float64
        Two times that stand for all in which they may have left, with b H added: one standard deviation below and above
        the mean, by the logarithm of R.
    by_contacts : ndarray of float64
        Probability that b κ, and not A, had them leave.
    strain, left_strain : ndarray of float64
        Cumulative hazard of the purchase model until now, and until leaving, expected.
    left_touched : ndarray of float64
        The latter times the rate of contacts of who has left so, expected.
    """

    there: FloatArray
    evidence: FloatArray
    left_at: FloatArray
    left_between: tuple[FloatArray, FloatArray]
    by_contacts: FloatArray
    strain: FloatArray
    left_strain: FloatArray
    left_touched: FloatArray


def tells_presence(params: PurchaseParams) -> bool:
    """Whether contacts tell who is there: where customers may leave at any time, and not at purchases only."""
    return isinstance(params, IndependentLifetimeParams)


def there_with(log_odds: FloatArray, evidence: FloatArray) -> FloatArray:
    """Probability to be there, of log odds of having left by purchases and what contacts add to them, shape (n,)."""
    certain = np.isneginf(log_odds) | np.isneginf(evidence)
    with np.errstate(over="ignore"):
        there = 1 / (1 + np.exp(np.where(certain, -np.inf, log_odds + np.where(certain, 0.0, evidence))))
    return np.asarray(there, dtype=np.float64)


def hastened(params: PurchaseParams, factor: FloatArray) -> PurchaseParams:
    """The parameters of customers whose hazard of leaving is so many times as high, shape (n,).

    In all models in which customers leave at any time it is proportional to the shape s.
    """
    own: Any = params
    changed: PurchaseParams = replace(own, s=own.s * factor)
    return changed


def presence_of(
    params: IndependentLifetimeParams, histories: Histories, touch: Touch, rates: ContactRates, leaving: Leaving
) -> Presence:
    """What purchases and contacts tell of customers.

    Parameters
    ----------
    params : IndependentLifetimeParams
        Numbers, or arrays with one value a row.
    histories : Histories
        n of them.
    touch : Touch
    rates : ContactRates
    leaving : Leaving
    """
    silences = _Silences.of(params, histories, touch, rates, leaving)
    sums = np.zeros((7, len(histories)))
    for rows, weight, values in silences.deaths():
        sums[0, rows] = weight.sum(axis=0)
        for at, value in enumerate(values, start=1):
            sums[at, rows] = (weight * value).sum(axis=0)
    left = sums[0]
    with np.errstate(divide="ignore"):
        odds = np.log(left) - silences.log_there()
    before = params.log_odds_of_death(histories)
    known = np.isfinite(before)
    evidence = np.where(known, odds - np.where(known, before, 0.0), 0.0)
    time, reach, square, cause, strain, touched = np.divide(
        sums[1:], left, out=np.zeros((6, len(left))), where=left > 0
    )
    return Presence(
        there=there_with(odds, np.zeros(len(odds))),
        evidence=evidence,
        left_at=(silences.since + time) * touch.stretch,
        left_between=silences.between(reach, np.sqrt(np.maximum(square - reach**2, 0.0))),
        by_contacts=cause,
        strain=silences.strained - silences.then.log_survival(silences.silence),
        left_strain=silences.strained + strain,
        left_touched=touched,
    )


@dataclass(frozen=True)
class _Silences:
    """Customers as they were last seen, and the time since.

    Attributes
    ----------
    then : IndependentLifetime
        By the purchase model.
    since, silence : ndarray
        Time of the last purchase or contact, and from then on, by the clock of the histories.
    strained : ndarray
        Cumulative hazard of the purchase model until `since`.
    power, reach : ndarray
        s + c and R(0), the latter in time by the calendar; without contacts in the segment both tell nothing.
    stretch : ndarray
    leaving : Leaving
    """

    then: IndependentLifetime
    since: FloatArray
    silence: FloatArray
    strained: FloatArray
    power: FloatArray
    reach: FloatArray
    stretch: FloatArray
    leaving: Leaving

    @classmethod
    def of(
        cls,
        params: IndependentLifetimeParams,
        histories: Histories,
        touch: Touch,
        rates: ContactRates,
        leaving: Leaving,
    ) -> "_Silences":
        since = np.clip(touch.last / touch.stretch, histories.recency, histories.T)
        then, none = params.living(Histories(histories.frequency, since, since)), np.zeros(len(histories))
        strained = -params.living(Histories(none, none, none)).log_survival(since)
        mean = rates.mean[touch.contacts.segment]
        some = mean > 0
        power = np.where(some, rates.shape + touch.contacts.number, 0.0)
        reach = np.divide(rates.shape, mean, out=np.ones(len(mean)), where=some)
        reach = reach + since * touch.stretch + leaving.by_contact * strained
        return cls(then, since, histories.T - since, strained, power, reach, touch.stretch, leaving)

    def deaths(self) -> Iterator[tuple[IndexArray, FloatArray, tuple[FloatArray, ...]]]:
        """Rows; weights of leaving, of shape (nodes, rows); and what is meant by them: see `presence_of`."""
        then, base = self.then, self.leaving.base
        steep = then.shape + self.power * then.rate * self.stretch / self.reach
        for rows, u, du in then.nodes(then.faded(self.silence, then.shape), steep):
            some = then.take(rows)
            strain = -some.log_survival(u)
            reach = self._reach(rows, u, strain)
            rate = self.power[rows] / reach
            log_weight = some.log_hazard(u) - base * strain - some.shape * np.log1p(u / some.rate)
            log_weight -= self.power[rows] * np.log(reach / self.reach[rows])
            factor = self.leaving.factor(rate)
            cause = self.leaving.by_contact * rate / factor
            # Who left because of contacts has one more of them, as it were.
            left_rate = (self.power[rows] + cause) / reach
            far = np.log(reach / self.reach[rows])
            yield (
                rows,
                du * factor * np.exp(log_weight),
                (u, far, far**2, cause, strain, left_rate * (self.strained[rows] + strain)),
            )

    def between(self, mean: FloatArray, deviation: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Times from the first purchase, with b H, at which the logarithm of R / R(0) is below and above its mean."""
        seen = self.since * self.stretch + self.leaving.by_contact * self.strained
        low, high = (seen + self.reach * np.expm1(np.maximum(mean + side * deviation, 0.0)) for side in (-1, 1))
        return low, high

    def log_there(self) -> FloatArray:
        """Log likelihood of the silence of a customer who is there, shape (n,)."""
        strain, every = -self.then.log_survival(self.silence), np.arange(len(self.silence))
        silent = -self.then.shape * np.log1p(self.silence / self.then.rate)
        reach = self._reach(every, self.silence, strain)
        found: FloatArray = silent - self.leaving.base * strain - self.power * np.log(reach / self.reach)
        return found

    def _reach(self, rows: IndexArray, u: FloatArray, strain: FloatArray) -> FloatArray:
        return self.reach[rows] + self.stretch[rows] * u + self.leaving.by_contact * strain
