r"""What every purchase model can tell, derived from two things that each kind defines.

A kind is a frozen class of parameters. It says how likely a history is that of a customer who has left
(`PurchaseParams.log_odds_of_death`), and what a customer who is still alive will do (`PurchaseParams.living`).
Everything else follows, because a customer who has left buys nothing:

.. math:: E[f(Y)] = P(\text{alive})\, E[f(Y) \mid \text{alive}] + \bigl(1 - P(\text{alive})\bigr) f(0)

A new customer is one with the history (0, 0, 0). Parameters may be numbers, or arrays with one value a row where
customers differ by covariates.
"""

import dataclasses
import reprlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ...errors import InputError
from ..distinct import distinct, representatives
from ..histories import FloatArray, Histories, IndexArray
from ..plain_numbers import one_number, plain_numbers
from ..summation import MOST_PERIODS

MOST_DISCOUNTED = 45.0
"""Rate times horizon beyond which what comes is worth less than rounding."""

MOST_PROBABILITIES = 10**9
"""Cells of the largest table of probabilities, which takes 8 GB."""

NEVER = 1e18
"""Time that counts as never, in any unit: no horizon lies beyond, and no rate above it."""


class Living(ABC):
    """The future of customers who are alive at the end of observation, one row each.

    Horizons are arrays of shape (n,), or numbers, in the model's time unit, 0 and above.
    """

    @abstractmethod
    def take(self, index: IndexArray) -> Self:
        """Return the rows at the positions `index`."""

    @abstractmethod
    def expected_purchases(self, horizon: FloatArray) -> FloatArray:
        """Expected purchases within the horizon, shape (n,)."""

    @abstractmethod
    def discounted_purchases(self, discount: float, horizon: FloatArray) -> FloatArray:
        r"""Expected purchases within the horizon, each weighted by :math:`e^{-\delta u}` at its time u, shape (n,).

        Parameters
        ----------
        discount : float
            δ, per time unit, 0 and above.
        """

    @abstractmethod
    def lived(self, horizon: FloatArray, discount: float = 0.0) -> FloatArray:
        r"""Expected time alive within the horizon, each moment u weighted by :math:`e^{-\delta u}`, shape (n,)."""

    @abstractmethod
    def survival(self, horizon: FloatArray) -> FloatArray:
        """Probability to be alive at the end of the horizon, shape (n,)."""

    @abstractmethod
    def probability_active(self, horizon: FloatArray) -> FloatArray:
        """Probability of at least one purchase within the horizon, shape (n,)."""

    @abstractmethod
    def purchase_probabilities(self, n_max: int, horizon: FloatArray) -> FloatArray:
        """Probability of 0 ... n_max purchases within the horizon, shape (n, n_max + 1)."""

    @abstractmethod
    def draw(self, horizon: FloatArray, rng: np.random.Generator) -> FloatArray:
        """One random number of purchases a row, shape (n,)."""

    def waited(self, share: FloatArray) -> FloatArray:
        """Time by which the next purchase has happened with probability `share`, shape (n,); infinite if it never has.

        The logarithm of the time is found by bisection.
        """
        low, high = np.full(len(share), np.log(1e-12)), np.full(len(share), np.log(NEVER))
        never = self.probability_active(np.exp(high)) < share
        for _ in range(64):
            middle = (low + high) / 2
            bought = self.probability_active(np.exp(middle)) >= share
            high, low = np.where(bought, middle, high), np.where(bought, low, middle)
        return np.where(never, np.inf, np.exp(high))

    @abstractmethod
    def moments(self) -> "Moments":
        """Mean and mean square of the customers' own rate and dropout."""


@dataclasses.dataclass(frozen=True, slots=True)
class Moments:
    """Mean and mean square of a purchase rate and of a dropout parameter, each of shape (n,)."""

    rate: FloatArray
    rate_square: FloatArray
    dropout: FloatArray
    dropout_square: FloatArray

    def mixed(self, other: "Moments", share: FloatArray) -> "Moments":
        """The mixture with `other`, which weighs 1 - share."""

        def mix(one: FloatArray, two: FloatArray) -> FloatArray:
            return np.where(share < 1, share * one + (1 - share) * np.where(share < 1, two, 0.0), one)

        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Moments(*(mix(one, two) for one, two in pairs))


@dataclasses.dataclass(frozen=True)
class PurchaseParams(ABC):
    """Base of the parameters of a purchase model.

    Attributes
    ----------
    kind : str
        Name of the model in bundles and configurations.
    title : str
        Name of the model in print.
    living_columns : tuple of str
        Columns of a history that the future of a living customer depends on.
    times : tuple of str
        Parameters that are lengths of time.
    rates : tuple of str
        Parameters that are per length of time.
    discrete : bool
        Whether time is counted in whole periods.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    living_columns: ClassVar[tuple[str, ...]] = ("frequency", "T")
    times: ClassVar[tuple[str, ...]] = ("alpha",)
    rates: ClassVar[tuple[str, ...]] = ()
    discrete: ClassVar[bool] = False

    @abstractmethod
    def log_odds_of_death(self, histories: Histories) -> FloatArray:
        """Log odds that the customer has left by the end of observation, shape (n,); minus infinity if impossible."""

    @abstractmethod
    def living(self, histories: Histories) -> Living:
        """The customers' future, given that they are alive."""

    @abstractmethod
    def moments_if_dead(self, histories: Histories) -> Moments:
        """Moments of rate and dropout given that the customer has left; NaN where that is impossible."""

    @classmethod
    def checked_horizon(cls, horizon: Any) -> float:
        """Return one horizon, or refuse what is none.

        Raises
        ------
        InputError
            If it is no number, or not 0 to `NEVER`; where time is counted in whole periods, if it is not whole or lies
            beyond `MOST_PERIODS`.
        """
        number = one_number(horizon)
        if number is None or not cls._are_horizons(np.asarray(number)):
            message = f"horizon must be {cls._horizons_in_words()}; got {reprlib.repr(horizon)}."
            raise InputError(message)
        return abs(number)

    @classmethod
    def checked_horizons(cls, given: ArrayLike) -> FloatArray:
        """Return a number or a flat sequence of them as horizons, shape (m,), or refuse them; see `checked_horizon`."""
        array = plain_numbers(given)
        if array is None or array.ndim > 1:
            message = (
                f"horizon must be a number or a flat sequence of numbers, each {cls._horizons_in_words()}; got "
                f"{reprlib.repr(given)}."
            )
            raise InputError(message)
        horizons = np.atleast_1d(array)
        wrong = ~cls._are_horizons(horizons)
        if wrong.any():
            message = (
                f"Each horizon must be {cls._horizons_in_words()}; {wrong.sum()} of {len(horizons)} are not, first: "
                f"{horizons[wrong][0]}."
            )
            raise InputError(message)
        return np.abs(horizons)

    @classmethod
    def discounted_until(cls, rate: float, horizon: Any = None) -> float:
        """The horizon, or where the discount has made what comes later worth less than rounding.

        Parameters
        ----------
        rate : float
            Continuous, per time unit, 0 and above.
        horizon : float, optional
            None for all the future, which needs a rate that makes it worth nothing before the last horizon there is.

        Raises
        ------
        InputError
            If the rate or the horizon is none, or both leave the time without an end.
        """
        number = one_number(rate)
        if number is None or not 0 <= number <= NEVER:
            message = f"rate must be a finite discount rate per time unit, 0 to {NEVER:g}; got {reprlib.repr(rate)}."
            raise InputError(message)
        last = MOST_PERIODS if cls.discrete else NEVER
        if horizon is None and number < MOST_DISCOUNTED / last:
            message = (
                f"Without a horizon the discount rate must be above 0, {MOST_DISCOUNTED / last:.2g} or more, so that "
                f"nothing counts beyond {last:g}; got {rate!r}. Give a horizon or a larger rate."
            )
            raise InputError(message)
        end = MOST_DISCOUNTED / number if number > 0 else np.inf
        if cls.discrete:
            end = np.ceil(end)
        return float(end if horizon is None else min(end, cls.checked_horizon(horizon)))

    @classmethod
    def _are_horizons(cls, times: FloatArray) -> NDArray[np.bool_]:
        within: NDArray[np.bool_] = (times >= 0) & (times <= (MOST_PERIODS if cls.discrete else NEVER))
        return within & (times == np.floor(times)) if cls.discrete else within

    @classmethod
    def _horizons_in_words(cls) -> str:
        if cls.discrete:
            return f"a whole number of periods, 0 to {MOST_PERIODS:,.0f}"
        return f"a finite time, 0 to {NEVER:g}"

    def at_rows(self, frame: Any) -> "PurchaseParams":  # noqa: ARG002
        """Parameters of the customers in the rows of a frame: the same for all, where there are no covariates."""
        return self

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of a frame that `at_rows` reads."""
        return ()

    @property
    def figures(self) -> dict[str, float]:
        """The parameters by name, and coefficients of covariates behind them."""
        return {name: value for name, value in dataclasses.asdict(self).items() if isinstance(value, int | float)}

    def as_json(self) -> dict[str, Any]:
        """JSON values, for a bundle: the kind and the parameters."""
        return {"kind": self.kind, **dataclasses.asdict(self)}

    def at(self, index: IndexArray) -> Self:
        """Parameters of the rows at the positions `index`; the same if all rows share them."""
        arrays = self.arrays()
        return dataclasses.replace(self, **{name: value[index] for name, value in arrays.items()}) if arrays else self

    def probability_alive(self, histories: Histories, horizon: float = 0.0) -> FloatArray:
        """Probability that the customer has not left by `horizon` after the end of observation.

        Returns
        -------
        ndarray of float64, shape (n,)
            Between 0 and 1.
        """
        end, now = self.checked_horizon(horizon), self._alive(histories)
        if end == 0:
            return now
        return now * self._if_alive(histories, lambda living, h: living.survival(h), end)

    def probability_active(self, histories: Histories, horizon: float) -> FloatArray:
        """Probability of at least one purchase within the horizon, shape (n,)."""
        some = self._if_alive(histories, lambda living, h: living.probability_active(h), self.checked_horizon(horizon))
        return self._alive(histories) * some

    def expected_purchases(self, histories: Histories, horizon: float) -> FloatArray:
        """Expected number of purchases within the horizon, given the history, shape (n,)."""
        expected = self._alive(histories)
        expected *= self.expected_purchases_if_alive(histories, horizon)
        return expected

    def expected_purchases_if_alive(self, histories: Histories, horizon: float) -> FloatArray:
        """Expected number of purchases within the horizon of a customer who is alive, shape (n,)."""
        return self._if_alive(histories, lambda living, h: living.expected_purchases(h), self.checked_horizon(horizon))

    def purchase_probabilities(self, histories: Histories, n_max: int, horizon: float) -> FloatArray:
        """Distribution of the number of purchases within the horizon.

        Returns
        -------
        ndarray of float64, shape (n, n_max + 1)
            Probability of 0, 1, ..., n_max purchases.
        """
        n_max = _checked_count(n_max, len(histories))
        log_odds = self.log_odds_of_death(histories)
        table = special.expit(-log_odds)[:, None] * self._if_alive(
            histories, lambda living, h: living.purchase_probabilities(n_max, h), self.checked_horizon(horizon)
        )
        table[:, 0] = np.minimum(table[:, 0] + special.expit(log_odds), 1.0)
        return table  # type: ignore[no-any-return]

    def expected_purchases_new(self, horizon: ArrayLike) -> FloatArray:
        """Expected repeat purchases of a customer just acquired within each of m horizons, shape (m,)."""
        horizon = self.checked_horizons(horizon)
        new = newcomers(len(horizon))
        return self._alive(new) * self.living(new).expected_purchases(horizon)

    def expected_purchases_of_newcomers(self, horizon: FloatArray) -> FloatArray:
        """The same, computed once for newcomers with equal horizons and parameters, shape (m,)."""
        first, inverse = distinct(horizon, *self.arrays().values())
        return self.at(first).expected_purchases_new(horizon[first])[inverse]

    def purchase_probabilities_new(self, n_max: int, horizon: ArrayLike) -> FloatArray:
        """Distribution of the repeat purchases of a customer just acquired, shape (m, n_max + 1)."""
        horizon = self.checked_horizons(horizon)
        n_max = _checked_count(n_max, len(horizon))
        new = newcomers(len(horizon))
        log_odds = self.log_odds_of_death(new)
        table = special.expit(-log_odds)[:, None] * self.living(new).purchase_probabilities(n_max, horizon)
        table[:, 0] = np.minimum(table[:, 0] + special.expit(log_odds), 1.0)
        return table  # type: ignore[no-any-return]

    def weighted_purchases(self, histories: Histories, ends: Sequence[float], weights: FloatArray) -> FloatArray:
        """Expected purchases in consecutive periods, summed with a weight for each, shape (n,).

        Parameters
        ----------
        ends : sequence of float, length m
            Ends of the periods after the end of observation, ascending; the first one begins at 0.
        weights : ndarray, shape (m,)
        """

        def weighted(living: Living, _: FloatArray) -> FloatArray:
            total = before = np.zeros(1)
            for end, weight in zip(ends, weights, strict=True):
                until = living.expected_purchases(np.asarray(end, dtype=np.float64))
                total, before = total + weight * (until - before), until
            return total

        return self._alive(histories) * self._if_alive(histories, weighted, 0.0)

    def discounted_purchases(self, histories: Histories, rate: float, horizon: float | None = None) -> FloatArray:
        r"""Expected purchases, each weighted by what money at its time is worth today.

        Parameters
        ----------
        rate : float
            δ, continuous, per time unit, 0 and above: money at time u is worth :math:`e^{-\delta u}`.
        horizon : float, optional
            H; all the future if there is none, which needs a rate that ends it, see `discounted_until`.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        end = self.discounted_until(rate, horizon)
        rate = float(rate)
        if rate == 0:
            return self.expected_purchases(histories, end)
        if end == 0:
            return np.zeros(len(histories))

        def discounted(living: Living, h: FloatArray) -> FloatArray:
            return living.discounted_purchases(rate, h)

        return self._alive(histories) * self._if_alive(histories, discounted, end)

    def expected_lifetime(self, histories: Histories, horizon: float) -> FloatArray:
        """Expected time for which the customer is still alive, counted up to the horizon at most, shape (n,)."""
        end = self.checked_horizon(horizon)
        if end == 0:
            return np.zeros(len(histories))
        return self._alive(histories) * self._if_alive(histories, lambda living, h: living.lived(h), end)

    def next_purchase_quantiles(self, histories: Histories, q: float) -> FloatArray:
        """Time by which the next purchase has happened with probability q.

        Returns
        -------
        ndarray of float64, shape (n,)
            In the model's time unit, from the end of observation; infinite where the customer may never buy again with
            a probability above 1 - q.
        """
        probability = one_number(q)
        if probability is None or not 0 < probability < 1:
            message = f"q must lie between 0 and 1, both excluded; got {reprlib.repr(q)}."
            raise InputError(message)
        columns = (histories.frequency, histories.recency, histories.T)
        first, inverse = distinct(*columns, *self.arrays().values())
        one, cases = self.at(first), histories.take(first)
        alive, living = one._alive(cases), one.living(cases)
        with np.errstate(divide="ignore"):
            share = probability / alive
        waited = np.full(len(first), np.inf)
        some = np.flatnonzero(share < 1)
        waited[some] = living.take(some).waited(share[some])
        return np.where(waited < NEVER, waited, np.inf)[inverse]

    def draw(self, histories: Histories, horizon: float, size: int, rng: np.random.Generator) -> FloatArray:
        """Random numbers of purchases within the horizon, for given parameters.

        Returns
        -------
        ndarray of float64, shape (size, n)
            Each row is one future of all customers.
        """
        horizons = np.full(len(histories), self.checked_horizon(horizon))
        alive, living = self._alive(histories), self.living(histories)
        futures = np.empty((size, len(histories)))
        for future in futures:
            future[:] = np.where(rng.random(len(histories)) < alive, living.draw(horizons, rng), 0.0)
        return futures

    def moments(self, histories: Histories) -> Moments:
        """Posterior moments of every customer's own purchase rate and dropout."""
        return self.living(histories).moments().mixed(self.moments_if_dead(histories), self._alive(histories))

    def _alive(self, histories: Histories) -> FloatArray:
        """P(alive) at the end of observation; kinds whose odds are dear compute them once for equal histories."""
        return special.expit(-self.log_odds_of_death(histories))  # type: ignore[no-any-return]

    def _if_alive(self, histories: Histories, quantity: Any, horizon: float) -> FloatArray:
        """A quantity of the living, computed once for customers whose future is the same."""
        columns = [getattr(histories, name) for name in self.living_columns]
        found = representatives(*columns, *self.arrays().values())
        if found is None:
            every: FloatArray = quantity(self.living(histories), np.full(len(histories), float(horizon)))
            return every
        first, inverse = found
        living = self.at(first).living(histories.take(first))
        values: FloatArray = quantity(living, np.full(len(first), float(horizon)))
        return values.take(inverse, axis=0)

    def arrays(self) -> dict[str, FloatArray]:
        """The parameters that differ by customer."""
        return {
            item.name: value
            for item in dataclasses.fields(self)
            if isinstance(value := getattr(self, item.name), np.ndarray)
        }


def newcomers(n: int) -> Histories:
    """Histories of customers just acquired."""
    none = np.zeros(n)
    return Histories(none, none, none)


def _checked_count(n_max: int, n: int) -> int:
    most = one_number(n_max)
    if most is None or most < 0 or not most.is_integer():
        message = f"n_max must be a whole number of purchases, 0 and above; got {reprlib.repr(n_max)}."
        raise InputError(message)
    cells = n * (int(most) + 1)
    if cells > MOST_PROBABILITIES:
        message = (
            f"The probabilities of 0 to {int(most):,} purchases of {n:,} customers are {cells:,} numbers, above the "
            f"{MOST_PROBABILITIES:,} that one call computes. Choose a smaller n_max or ask for fewer customers at once."
        )
        raise InputError(message)
    return int(most)
