r"""What customers will do in the future, on average, given all that is true of them when the observed time ends.

A customer without contract is a Markov chain in continuous time with the states (score of the latest contact, matter
open or not), killed with a hazard that depends on the state. Contacts come at the rate :math:`\kappa`, a share of them
opens a matter, open matters close at the rate :math:`\omega`. Between two nodes of a grid the killing and the moves are
applied in turn, half a step, a step, half a step (Strang splitting); each of the two is exact, so only their interplay
has an error, of second order in the step. Without effects of contacts there is one state and no error.

Within a half step with the integrated hazard h the mean survival of a state is :math:`(1 - e^{-h}) / h`.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import special

from patronage.ledger.worlds.activity import Activity
from patronage.ledger.worlds.contacts import score_shares
from patronage.ledger.worlds.contracts import PERIOD_DAYS, renewal_log_odds
from patronage.ledger.worlds.orders import returned_within
from patronage.ledger.worlds.parts import NEUTRAL_SCORE, SCORES, Contacts, ParetoPurchasing
from patronage.ledger.worlds.settings import World
from patronage.runtime.histories import FloatArray, IndexArray

STEP_DAYS = 7
"""Length of the steps of the grid: a week, so that weekdays even out. Totals are then within 0.1 %."""


@dataclass(frozen=True)
class Future:
    """Expectations of customers who are there at the end of the observed time, one value each.

    Attributes
    ----------
    orders : ndarray
        Orders, or payments.
    refundable : ndarray
        Orders weighted by the probability that what comes back of them does so before the future ends.
    days : ndarray
        Days before leaving.
    alive : ndarray
        Probability not to have left at the end.
    """

    orders: FloatArray
    refundable: FloatArray
    days: FloatArray
    alive: FloatArray


@dataclass(frozen=True)
class Standing:
    """What is true of each customer at the end of the observed time, and moves the future.

    Attributes
    ----------
    rate, hazard, contact_rate : ndarray
        As in `Customers`.
    score : ndarray of int
        Of the latest contact, 3 if there was none.
    is_open : ndarray of bool
        Whether a matter is open.
    renewals : ndarray of int
        Renewals of the contract so far; the next one comes at `next_renewal`.
    next_renewal : ndarray
        In days from the end of the observed time.
    """

    rate: FloatArray
    hazard: FloatArray
    contact_rate: FloatArray
    score: IndexArray
    is_open: NDArray[np.bool_]
    renewals: IndexArray
    next_renewal: FloatArray


@dataclass(frozen=True)
class Treatment:
    """An action at the end of the observed time: effects on the customers, and for how many days."""

    rate_effect: FloatArray
    dropout_effect: FloatArray
    days: float


class Moods:
    """Probabilities of the states of customers, shape (matter open or not, score, customer), and how they move."""

    def __init__(self, contacts: Contacts | None, standing: Standing) -> None:
        n = len(standing.rate)
        self.contacts = contacts if contacts is not None and contacts.moves_dropout else None
        self.levels = np.zeros((1, 1, 1))
        self.mass = np.ones((1, 1, n))
        if self.contacts is None:
            return
        kinds = list(self.contacts.kinds.values())
        shares = np.array([kind.share for kind in kinds]) / sum(kind.share for kind in kinds)
        opens = np.array([kind.open_days is not None for kind in kinds])
        scores = score_shares(self.contacts)
        self.rate = standing.contact_rate
        self.opening_share = float(shares[opens].sum())
        self.closing = next((1 / kind.open_days for kind in kinds if kind.open_days is not None), 1.0)
        # Rows are the scores after a contact that opens nothing, and after one that opens a matter.
        self.after = [
            (shares * which) @ scores / (shares @ which) if (shares @ which) > 0 else np.zeros(len(SCORES))
            for which in (~opens, opens)
        ]
        below = np.array([NEUTRAL_SCORE - score for score in SCORES], dtype=float)
        points = self.contacts.log_dropout_per_point * below
        self.levels = np.stack([points, points + self.contacts.log_dropout_open])[:, :, None]
        self.mass = np.zeros((2, len(SCORES), n))
        self.mass[standing.is_open.astype(int), standing.score - 1, np.arange(n)] = 1.0

    @property
    def alive(self) -> FloatArray:
        """Probability of each customer not to have left."""
        total: FloatArray = self.mass.sum(axis=(0, 1))
        return total

    def sum(self, weights: FloatArray) -> FloatArray:
        """Sum over the states of each customer, weighted, shape of `mass`."""
        total: FloatArray = np.einsum("osn,osn->n", self.mass, weights)
        return total

    def kill(self, survives: FloatArray) -> None:
        """Keep the share `survives`, shape of `mass`, of every state."""
        self.mass = self.mass * survives

    def move(self, days: FloatArray | float) -> None:
        r"""Let contacts come and matters close for so many days.

        By whether there is a contact and whether the latest one opens a matter; the matter is then open at the end if
        it was not closed since, or, for other contacts, if it was open when the latest one came.
        """
        if self.contacts is None:
            return
        kappa, omega, share = self.rate, self.closing, self.opening_share
        opening = share * kappa
        none, still_open = np.exp(-kappa * days), np.exp(-omega * days)
        total, was_open = self.alive, self.mass[1].sum(axis=0)
        neither = none * still_open
        waited = kappa / (kappa + omega) * (1 - neither)
        steady = opening / (opening + omega) * total
        relaxed = np.exp(-(opening + omega) * days)
        open_after_other = (1 - share) * waited * steady + (was_open - steady) * (relaxed - neither)
        after_other = (1 - share) * (1 - none) * total
        open_after_opening = share * waited * total
        after_opening = share * (1 - none) * total
        plain, opened = self.after[0][:, None], self.after[1][:, None]
        closed_mass = none * (self.mass[0] + (1 - still_open) * self.mass[1])
        open_mass = neither * self.mass[1]
        closed_mass = (
            closed_mass + plain * (after_other - open_after_other) + opened * (after_opening - open_after_opening)
        )
        open_mass = open_mass + plain * open_after_other + opened * open_after_opening
        self.mass = np.stack([closed_mass, open_mass])


def expected_future(world: World, activity: Activity, standing: Standing, treatment: Treatment | None = None) -> Future:
    """Expectations over the future of the world.

    Parameters
    ----------
    world : World
    activity : Activity
        Of the world.
    standing : Standing
        Customers who have not left.
    treatment : Treatment, optional
        What is done to them at the end of the observed time; nothing if not given.
    """
    if world.contract is not None:
        return _of_contracts(world, standing, treatment)
    return _of_purchases(world, activity, standing, treatment)


@dataclass(frozen=True)
class _HalfStep:
    """Shares of every state that survive half a step, and that live in it on average, halved; for steps alike."""

    clock: float
    treated: bool
    survives: FloatArray
    lived: FloatArray


def _of_purchases(world: World, activity: Activity, standing: Standing, treatment: Treatment | None) -> Future:
    moods = Moods(world.contacts, standing)
    by_day = isinstance(world.purchasing, ParetoPurchasing)
    n = len(standing.rate)
    orders, refundable, days = np.zeros(n), np.zeros(n), np.zeros(n)
    edges = _edges(world, treatment)
    factors: _HalfStep | None = None
    for begin, end in pairwise(edges):
        busy, weighted = _busy(world, activity, begin, end)
        treated = treatment is not None and end <= world.observed_days + treatment.days
        rate = standing.rate * np.exp(treatment.rate_effect) if treatment is not None and treated else standing.rate
        clock = end - begin if by_day else busy
        if factors is None or (clock, treated) != (factors.clock, factors.treated):
            added = treatment.dropout_effect if treatment is not None and treated else 0.0
            own = standing.hazard * np.exp(moods.levels + added)
            strain = (own if by_day else rate * -np.expm1(-own)) * (clock / 2)
            died = np.expm1(-strain)
            factors = _HalfStep(clock, treated, 1 + died, -died / strain / 2)
        lived = moods.sum(factors.lived)
        moods.kill(factors.survives)
        moods.move(end - begin)
        lived = lived + moods.sum(factors.lived)
        moods.kill(factors.survives)
        orders += rate * busy * lived
        refundable += rate * weighted * lived
        days += (end - begin) * lived
    return Future(orders, refundable, days, moods.alive)


def _edges(world: World, treatment: Treatment | None) -> FloatArray:
    edges = set(np.arange(world.observed_days, world.all_days, STEP_DAYS, dtype=float)) | {float(world.all_days)}
    if treatment is not None:
        edges.add(min(world.observed_days + treatment.days, float(world.all_days)))
    return np.array(sorted(edges))


def _busy(world: World, activity: Activity, begin: float, end: float) -> tuple[float, float]:
    """F over a step, and F weighted by the probability that a return comes back before the world ends."""
    at = np.linspace(begin, end, 2 * STEP_DAYS + 1)
    steps = np.diff(activity.at(at))
    if world.refunds is None:
        return float(steps.sum()), 0.0
    left = world.all_days - (at[1:] + at[:-1]) / 2
    return float(steps.sum()), float(steps @ returned_within(world.refunds, left))


def _of_contracts(world: World, standing: Standing, treatment: Treatment | None) -> Future:
    moods = Moods(world.contacts, standing)
    n = len(standing.rate)
    payments, days, now = np.zeros(n), np.zeros(n), np.zeros(n)
    horizon = float(world.future_days)
    for ahead in range(int(horizon // PERIOD_DAYS) + 2):
        renewal = np.minimum(standing.next_renewal + ahead * PERIOD_DAYS, horizon)
        alive = moods.alive
        days += alive * (renewal - now)
        moods.move(renewal - now)
        now = renewal
        added = np.broadcast_to(moods.levels, moods.mass.shape)
        if treatment is not None:
            added = added + np.where(renewal <= treatment.days, treatment.dropout_effect, 0.0)
        leaves = special.expit(renewal_log_odds(world, standing.hazard, standing.renewals + ahead + 1, added))
        due = renewal < horizon
        moods.kill(np.where(due, 1 - leaves, 1.0))
        payments += np.where(due, moods.alive, 0.0)
    return Future(payments, np.zeros(n), days, moods.alive)
