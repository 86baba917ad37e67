r"""How long customers are there: expected time alive, in the future and in the past, and futures with it.

Costs that come with time and not with purchases (to serve, to keep) need the time for which a customer will still be
there. With S the survival function of the living, which every kind of model has,

.. math:: E\Bigl[\int_0^{\min(L, h)} e^{-\delta u}\,du\Bigr] = P(\text{alive}) \int_0^h e^{-\delta u} S(u)\,du

In the past a customer was there until the last purchase at least. In models where customers leave at purchases, who has
left did so at the last one; in the others the moment has a density, over which the mean is taken.
"""

from dataclasses import dataclass
from functools import singledispatch
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ..distinct import distinct
from ..histories import FloatArray, Histories, IndexArray
from .bg_bb import BetaBernoulliLiving, BetaGeoBetaBinomialParams
from .bg_nbd import BetaGeoLiving, draw_geometric
from .lifetime import IndependentLifetime, IndependentLifetimeParams
from .model import Living, PurchaseParams
from .regular import RegularLiving


def expected_time_alive(
    params: PurchaseParams, histories: Histories, horizon: float | None = None, rate: float = 0.0
) -> FloatArray:
    r"""Expected time for which the customer is still there within the horizon, discounted.

    Parameters
    ----------
    params : PurchaseParams
        Numbers, or arrays with one value a row.
    histories : Histories
        n of them.
    horizon : float, optional
        In the model's time unit; all the future if there is none. Whole periods in models that count these.
    rate : float
        δ, continuous, per time unit: a moment u from now counts :math:`e^{-\delta u}`.

    Returns
    -------
    ndarray of float64, shape (n,)
        In the model's time unit.
    """
    end = params.discounted_until(rate, horizon)
    if end == 0:
        return np.zeros(len(histories))
    lived = params._if_alive(histories, lambda living, h: living.lived(h, float(rate)), end)
    return params.probability_alive(histories) * lived


def time_if_left(params: PurchaseParams, histories: Histories) -> FloatArray:
    """Expected time from the first purchase to leaving, for customers who have left, shape (n,).

    It says for how long they were there, what was seen of them after their last purchase being silence.
    """
    columns = [value for value in vars(params).values() if isinstance(value, np.ndarray)]
    first, inverse = distinct(*histories.columns, *columns)
    return _left_at(params.at(first), histories.take(first))[inverse]


@singledispatch
def _left_at(params: PurchaseParams, histories: Histories) -> FloatArray:  # noqa: ARG001
    """Customers who leave at purchases did so at the last one."""
    return histories.recency


@_left_at.register
def _(params: IndependentLifetimeParams, histories: Histories) -> FloatArray:
    """Mean over the density of dying u after the last purchase, without another one before."""
    then, silence = params.last_seen(histories)
    total, weighted = np.zeros((2, len(histories)))
    for rows, u, du in then.nodes(then.faded(silence, then.shape), then.shape):
        share = du * then.take(rows).silent_death(u)
        total[rows], weighted[rows] = share.sum(axis=0), (share * u).sum(axis=0)
    return histories.recency + np.divide(weighted, total, out=silence / 2, where=total > 0)


@_left_at.register
def _(params: BetaGeoBetaBinomialParams, histories: Histories) -> FloatArray:
    """Mean over the number of periods lived, by the ratio of one term of the likelihood to the next."""
    buys, leaves = params.alpha + histories.frequency, np.asarray(params.gamma, dtype=np.float64)
    missed = params.beta + histories.recency - histories.frequency
    lived = params.delta + histories.recency
    count = histories.T - histories.recency
    term, total, weighted = np.ones(len(count)), np.zeros(len(count)), np.zeros(len(count))
    for i in range(int(count.max(initial=0))):
        counted = np.where(i < count, term, 0.0)
        total, weighted = total + counted, weighted + i * counted
        term = term * (missed + i) / (buys + missed + i) * (lived + i) / (leaves + 1 + lived + i)
    return histories.recency + np.divide(weighted, total, out=np.zeros(len(count)), where=total > 0)


class Weights(NamedTuple):
    """Discount factors of so many events, each at a random time: what sums of random amounts at these times need.

    Attributes
    ----------
    total : ndarray
        Expected sum of the factors.
    squares : ndarray
        Expected sum of their squares.
    spread : ndarray
        Variance of their sum, given the number of events.
    """

    total: FloatArray
    squares: FloatArray
    spread: FloatArray

    def and_now(self, number: float) -> "Weights":
        """With so many events more, which happen at once."""
        return Weights(self.total + number, self.squares + number, self.spread)


@dataclass(frozen=True, slots=True)
class Lives:
    """One future of n customers: how much they buy, and until when they are there.

    Given both, purchases are spread evenly over the time, as those of a Poisson process are; of customers who leave at
    a purchase that one is at the end. Regular purchases (models with k stages) are taken for even, too.

    Attributes
    ----------
    purchases : ndarray of float64, shape (n,)
        Within the horizon.
    time : ndarray of float64, shape (n,)
        Alive within the horizon, in the model's time unit.
    leaves_buying : ndarray of bool, shape (n,)
        Whether the last purchase was the end.
    discrete : bool
        Whether time is counted in whole periods, in each of which there is one purchase at most, at its end.
    """

    purchases: FloatArray
    time: FloatArray
    leaves_buying: NDArray[np.bool_]
    discrete: bool = False

    def take(self, index: IndexArray) -> Self:
        """The futures of the customers at the positions `index`."""
        return type(self)(self.purchases[index], self.time[index], self.leaves_buying[index], self.discrete)

    def weights(self, rate: float) -> Weights:
        """Discount factors of the purchases, at the continuous rate δ per time unit."""
        even = np.where(self.leaves_buying, self.purchases - 1, self.purchases)
        own = even_weights(even, self.time, rate)
        if self.discrete and rate > 0:
            once, twice = rate / np.expm1(rate), 2 * rate / np.expm1(2 * rate)
            total, squares = own.total * once, own.squares * twice
            spread = np.where(even > 0, np.maximum(squares - total**2 / np.maximum(even, 1), 0.0), 0.0)
            return Weights(total, squares, spread)
        last = np.where(self.leaves_buying, np.exp(-rate * self.time), 0.0)
        return Weights(own.total + last, own.squares + last**2, own.spread)

    def discounted_time(self, rate: float) -> FloatArray:
        """Time alive, each moment counted with its discount."""
        if self.discrete:
            return self.time if rate == 0 else -np.expm1(-rate * self.time) / np.expm1(rate)
        return self.time * _mean_factor(rate * self.time)

    def times(self, rng: np.random.Generator) -> tuple[IndexArray, FloatArray]:
        """Whose purchases they are, and when each is made, in no particular order; shapes (m,)."""
        owner = np.repeat(np.arange(len(self.time)), self.purchases.astype(np.int64))
        time = rng.random(len(owner)) * self.time[owner]
        last = np.flatnonzero(np.append(owner[1:] != owner[:-1], True)[: len(owner)])
        leaving = last[self.leaves_buying[owner[last]]]
        time[leaving] = self.time[owner[leaving]]
        return owner, np.ceil(time) if self.discrete else time


def even_weights(number: FloatArray, time: FloatArray, rate: float) -> Weights:
    """Discount factors of events that lie evenly in [0, time], at the continuous rate δ per time unit."""
    mean, square = _mean_factor(rate * time), _mean_factor(2 * rate * time)
    return Weights(number * mean, number * square, number * np.maximum(square - mean**2, 0.0))


def _mean_factor(strain: FloatArray) -> FloatArray:
    """Mean of exp(-x) over x in [0, strain], which is 1 at 0."""
    factor: FloatArray = np.divide(-np.expm1(-strain), strain, out=np.ones_like(strain), where=strain > 0)
    return factor


def draw_lives(
    params: PurchaseParams,
    cases: Histories,
    inverse: IndexArray,
    horizon: float,
    rng: np.random.Generator,
) -> Lives:
    """One future of customers under given parameters.

    Parameters
    ----------
    params : PurchaseParams
        Numbers, or arrays with one value a case.
    cases : Histories
        Distinct histories, m of them.
    inverse : ndarray of int, shape (n,)
        The case of each customer.
    horizon : float
        In the model's time unit.
    rng : numpy.random.Generator
    """
    n = len(inverse)
    alive = np.flatnonzero(rng.random(n) < params.probability_alive(cases)[inverse])
    purchases, time, leaves_buying = np.zeros(n), np.zeros(n), np.zeros(n, dtype=bool)
    case = inverse[alive]
    living = params.at(case).living(cases.take(case))
    purchases[alive], time[alive], leaves_buying[alive] = _drawn(living, np.full(len(alive), float(horizon)), rng)
    return Lives(purchases, time, leaves_buying, params.discrete)


Drawn = tuple[FloatArray, FloatArray, NDArray[np.bool_]]


@singledispatch
def _drawn(living: Living, horizon: FloatArray, rng: np.random.Generator) -> Drawn:
    """Purchases, time alive within the horizon, and whether the customer left at the last purchase."""
    message = f"How {type(living).__name__} lives on is not known here."
    raise NotImplementedError(message)


@_drawn.register
def _(living: IndependentLifetime, horizon: FloatArray, rng: np.random.Generator) -> Drawn:
    """A lifetime, and a Poisson process within it."""
    time = np.minimum(living.draw_lifetime(rng), horizon)
    purchases = rng.poisson(rng.gamma(living.shape) / living.rate * time).astype(np.float64)
    return purchases, time, np.zeros(len(time), dtype=bool)


@_drawn.register
def _(living: BetaGeoLiving, horizon: FloatArray, rng: np.random.Generator) -> Drawn:
    """The events of a Poisson process; the one after which the customer leaves is an order statistic of their times."""
    events = rng.poisson(rng.gamma(living.shape) / living.rate * horizon).astype(np.float64)
    return _cut(events, draw_geometric(living.a, living.b, rng), horizon, rng)


@_drawn.register
def _(living: RegularLiving, horizon: FloatArray, rng: np.random.Generator) -> Drawn:
    """Every k-th event of a Poisson process, as above."""
    n, k = living.phases.shape
    phase = (rng.random((n, 1)) > np.cumsum(living.phases, axis=1)[:, :-1]).sum(axis=1)
    stages = rng.poisson(rng.gamma(living.shape + phase) / living.rate * horizon).astype(np.float64)
    trial = draw_geometric(living.a, living.b, rng)
    _, time, leaves = _cut(stages, trial * k - phase, horizon, rng)
    return np.minimum((phase + stages) // k, trial), time, leaves


@_drawn.register
def _(living: BetaBernoulliLiving, horizon: FloatArray, rng: np.random.Generator) -> Drawn:
    """Whole periods until death, in each of which the customer buys or not."""
    time = np.minimum(draw_geometric(living.gamma, living.delta, rng) - 1, horizon)
    purchases = rng.binomial(time.astype(np.int64), rng.beta(living.a, living.b)).astype(np.float64)
    return purchases, time, np.zeros(len(time), dtype=bool)


def _cut(events: FloatArray, last: FloatArray, horizon: FloatArray, rng: np.random.Generator) -> Drawn:
    """Events that lie evenly in the horizon, cut after the one of the number `last`."""
    leaves = last <= events
    rows = np.flatnonzero(leaves)
    time = horizon.copy()
    time[rows] *= rng.beta(last[rows], events[rows] - last[rows] + 1)
    return np.minimum(events, last), time, leaves
