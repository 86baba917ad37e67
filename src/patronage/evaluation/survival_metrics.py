"""How good survival curves are, when some customers are still there and their time is not known.

The weights of the inverse probability of censoring stand for those who were censored before: each of the others counts
for ``1 / G``, with G the chance of being observed for so long, by Kaplan and Meier (1958).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from patronage.errors import InputError
from patronage.runtime.histories import FloatArray

BLOCK_ROWS = 1024
"""Customers that are compared with all others at a time."""


@dataclass(frozen=True)
class Staying:
    """A curve of Kaplan and Meier (1958): constant between the times, 1 before the first.

    Attributes
    ----------
    times : ndarray of float64, shape (m,)
        In ascending order.
    chance : ndarray of float64, shape (m,)
        Of staying longer than each time.
    """

    times: FloatArray
    chance: FloatArray

    def after(self, time: ArrayLike) -> FloatArray:
        """Chance of staying longer than a time."""
        return self._at(np.searchsorted(self.times, time, side="right"))

    def until(self, time: ArrayLike) -> FloatArray:
        """Chance of staying as long as a time or longer."""
        return self._at(np.searchsorted(self.times, time, side="left"))

    def _at(self, steps: NDArray[np.intp]) -> FloatArray:
        return np.concatenate([[1.0], self.chance])[steps]


def kaplan_meier(duration: ArrayLike, churned: ArrayLike) -> Staying:
    """The curve of customers some of whom are still there.

    Parameters
    ----------
    duration : array-like of float, shape (n,)
        How long each was seen.
    churned : array-like of 0 and 1, shape (n,)
        1 if the customer left then, 0 if the customer was still there. Who left and who was last seen at the same time:
        the latter was still at risk.
    """
    times, left, _, at_risk = _counts(duration, churned)
    return Staying(times, np.asarray(np.cumprod(1 - left / at_risk), np.float64))


def censoring(duration: ArrayLike, churned: ArrayLike) -> Staying:
    """The curve of being observed: who left at a time cannot be censored at that time any more."""
    times, left, censored, at_risk = _counts(duration, churned)
    share = np.divide(censored, at_risk - left, out=np.zeros(len(times)), where=censored > 0)
    return Staying(times, np.cumprod(1 - share))


def harrell_concordance(duration: ArrayLike, churned: ArrayLike, risk: ArrayLike) -> float:
    """Share of pairs in which the customer with the higher risk left first.

    A pair counts if one is known to have left before the other; equal risks count one half. Harrell, Lee and Mark
    (1996), Multivariable prognostic models, Statistics in Medicine 15. It depends on the censoring; see
    `uno_concordance`.

    Parameters
    ----------
    duration, churned : array-like, shape (n,)
        See `kaplan_meier`.
    risk : array-like of float, shape (n,)
        Higher for those who should leave earlier.

    Returns
    -------
    float
        0 to 1; 0.5 means nothing is known. NaN without any such pair.
    """
    duration, churned = _checked(duration, churned)
    return _concordance(duration, churned, _as_long_as(duration, risk), np.ones(len(duration)))


def uno_concordance(
    duration: ArrayLike, churned: ArrayLike, risk: ArrayLike, observed: Staying, until: float | None = None
) -> float:
    """Harrell's share of pairs, weighted so that it does not depend on the censoring.

    Uno et al. (2011), On the C-statistics for evaluating overall adequacy of risk prediction procedures with censored
    survival data, Statistics in Medicine 30(10), equation (6).

    Parameters
    ----------
    duration, churned, risk : array-like, shape (n,)
        See `harrell_concordance`.
    observed : Staying
        From `censoring`, of the customers that the model learnt from.
    until : float, optional
        Only those who left before this time count as the earlier of a pair. It should lie before the time at which the
        last customers are censored, where the weights become large.

    Raises
    ------
    InputError
        If someone left when, by `observed`, nobody was watched any more.
    """
    duration, churned = _checked(duration, churned)
    counted, weight = _uno_weights(duration, churned, observed, until)
    return _concordance(duration, counted, _as_long_as(duration, risk), weight)


def uno_pairs(
    duration: ArrayLike, churned: ArrayLike, risk: ArrayLike, observed: Staying, until: float | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """All pairs behind `uno_concordance`, for resamples of the same customers; parameters and errors as there.

    Returns
    -------
    agreed, counted : ndarray of float32, shape (n, n)
        Weight of each pair (row: who left first) if the order agrees, and its weight at all. With counts c of how often
        each customer was drawn, the concordance is ``(c @ agreed @ c) / (c @ counted @ c)``.
    """
    duration, churned = _checked(duration, churned)
    earlier, weight = _uno_weights(duration, churned, observed, until)
    risk = _as_long_as(duration, risk)
    later = (duration[:, None] < duration) | ((duration[:, None] == duration) & (earlier != 1))
    counted = (later * weight[:, None]).astype(np.float32)
    agreed = counted * (np.sign(risk[:, None] - risk) / 2 + 0.5).astype(np.float32)
    return agreed, counted


def brier_scores(
    duration: ArrayLike, churned: ArrayLike, staying: ArrayLike, times: ArrayLike, observed: Staying
) -> FloatArray:
    """Mean squared gap between the predicted chance of staying and what happened, at each time.

    Graf, Schmoor, Sauerbrei and Schumacher (1999), Assessment and comparison of prognostic classification schemes for
    survival data, Statistics in Medicine 18, section 3.2.

    Parameters
    ----------
    duration, churned : array-like, shape (n,)
        See `kaplan_meier`.
    staying : array-like of float, shape (n, m)
        Predicted chance that each customer stays longer than each time.
    times : array-like of float, shape (m,)
    observed : Staying
        From `censoring`, of the customers that the model learnt from.

    Returns
    -------
    ndarray of float64, shape (m,)
        0 to 1; 0.25 is what a constant prediction of one half gives.

    Raises
    ------
    InputError
        If the shapes do not fit, or a time lies where nobody is observed any more.
    """
    return np.asarray(brier_contributions(duration, churned, staying, times, observed).mean(axis=0))


def brier_contributions(
    duration: ArrayLike, churned: ArrayLike, staying: ArrayLike, times: ArrayLike, observed: Staying
) -> FloatArray:
    """What each customer adds to the `brier_scores`, which are their means; parameters and errors as there.

    Returns
    -------
    ndarray of float64, shape (n, m)
    """
    duration, churned = _checked(duration, churned)
    times, staying = np.asarray(times, np.float64), np.asarray(staying, np.float64)
    if staying.shape != (len(duration), len(times)):
        message = f"staying must have shape ({len(duration)}, {len(times)}), one row a customer; got {staying.shape}."
        raise InputError(message)
    left = (duration[:, None] <= times) & (churned[:, None] == 1)
    stayed = duration[:, None] > times
    weight = np.zeros_like(staying)
    own = np.zeros(len(duration))
    needed = left.any(axis=1)
    own[needed] = _inverse(observed.until(duration[needed]))
    weight[left] = np.broadcast_to(own[:, None], staying.shape)[left]
    weight[stayed] = np.broadcast_to(_inverse(observed.after(times)), staying.shape)[stayed]
    return np.asarray(weight * (stayed - staying) ** 2)


def integrated_brier_score(
    duration: ArrayLike, churned: ArrayLike, staying: ArrayLike, times: ArrayLike, observed: Staying
) -> float:
    """Mean of `brier_scores` over the time from the first to the last of `times`, by the trapezoidal rule."""
    times = np.asarray(times, np.float64)
    if len(times) < 2 or (np.diff(times) <= 0).any():
        message = f"times must be two or more, in ascending order; got {times.tolist()}."
        raise InputError(message)
    scores = brier_scores(duration, churned, staying, times, observed)
    return float(np.trapezoid(scores, times) / (times[-1] - times[0]))


def _counts(duration: ArrayLike, churned: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """At each time, in ascending order: who left, who was last seen, and who had been there until then."""
    durations, labels = _checked(duration, churned)
    times, position, seen = np.unique(durations, return_inverse=True, return_counts=True)
    left = np.bincount(position, labels, minlength=len(times)).astype(np.float64)
    at_risk = (len(durations) - np.concatenate([[0], np.cumsum(seen)[:-1]])).astype(np.float64)
    return times, left, seen.astype(np.float64) - left, at_risk


def _concordance(duration: FloatArray, earlier: FloatArray, risk: FloatArray, weight: FloatArray) -> float:
    """Of all pairs in which the first left before the second, the weighted share with the higher risk."""
    agreed = counted = 0.0
    first = np.flatnonzero(earlier == 1)
    still_there = earlier != 1
    for start in range(0, len(first), BLOCK_ROWS):
        block = first[start : start + BLOCK_ROWS]
        later = (duration[block, None] < duration) | ((duration[block, None] == duration) & still_there)
        higher = np.sign(risk[block, None] - risk) / 2 + 0.5
        agreed += float(weight[block] @ (later * higher).sum(axis=1))
        counted += float(weight[block] @ later.sum(axis=1))
    return agreed / counted if counted else float("nan")


def _uno_weights(
    duration: FloatArray, churned: FloatArray, observed: Staying, until: float | None
) -> tuple[FloatArray, FloatArray]:
    """Who counts as the earlier of a pair, and with what weight."""
    counted = churned * (duration < until) if until is not None else churned
    weight = np.zeros(len(duration))
    left = counted == 1
    weight[left] = _inverse(observed.until(duration[left])) ** 2
    return counted, weight


def _inverse(chance: FloatArray) -> FloatArray:
    if (chance <= 0).any():
        message = (
            f"{int((chance <= 0).sum()):,} times lie where nobody is observed any more, so nothing is known there. "
            "Judge the curves at earlier times."
        )
        raise InputError(message)
    return 1 / chance


def _checked(duration: ArrayLike, churned: ArrayLike) -> tuple[FloatArray, FloatArray]:
    times, left = np.asarray(duration, np.float64), np.asarray(churned, np.float64)
    if times.ndim != 1 or times.shape != left.shape or not len(times):
        message = f"duration and churned must be as long as each other; got shapes {times.shape} and {left.shape}."
        raise InputError(message)
    if not (np.isfinite(times).all() and (times >= 0).all() and np.isin(left, (0, 1)).all()):
        message = "Durations must be finite and 0 or more, and churned must be 0 or 1."
        raise InputError(message)
    return times, left


def _as_long_as(duration: FloatArray, risk: ArrayLike) -> FloatArray:
    values = np.asarray(risk, np.float64)
    if values.shape != duration.shape or np.isnan(values).any():
        message = f"risk must be {len(duration):,} numbers, one a customer, none missing; got shape {values.shape}."
        raise InputError(message)
    return values
