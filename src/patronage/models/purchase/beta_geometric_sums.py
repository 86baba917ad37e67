r"""The log-likelihood of BG/NBD and MBG/NBD summed over distinct histories that share their parameters.

It is the sum of `patronage.models.purchase.bg_nbd.beta_geometric_rows`, in the notation of that file. All but the last
term depends on x alone or on T alone, so it is summed over the few distinct values of these. The last one,
:math:`\ln(1 + e^D)`, is visited for every history: in blocks on all processors, most of which hold histories with one
number of purchases x, in which all that depends on x is a number.
"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from patronage.models.likelihood import Evaluation
from patronage.models.rows import total
from patronage.runtime.distinct import coded_histories
from patronage.runtime.gamma_ratio import digamma_rise, log_rising, trigamma_rise
from patronage.runtime.histories import FloatArray, Histories, IndexArray

ROWS_AT_ONCE = 32_768
"""Histories evaluated at once: few enough for the cache. One step of the formula takes some ten microseconds for them,
less than two threads take to hand the interpreter to each other, so there is one."""

LONG_RUN = 4096
"""Histories with one number of purchases from which on it pays to evaluate them by themselves: what depends on this
number alone is then looked up once, and need not be summed."""

FACTORS_A_VALUE = 64
"""Purchases for each distinct number of them, up to which rising factorials are the products of their factors."""

LARGEST_LOG_ODDS = 690.0
"""Above it, where the logarithm of 1 + odds is that of the odds, odds overflow."""


class BetaGeoLikelihood:
    """Log-likelihood summed over distinct histories, with gradient and Hessian by (r, alpha, a, b).

    Parameters
    ----------
    histories : Histories
        Distinct histories.
    counts : ndarray, shape (n,)
        Customers behind each.
    chances_at_start : {0, 1}
        1 if customers may leave after the first purchase too (MBG/NBD).
    """

    def __init__(self, histories: Histories, counts: FloatArray, chances_at_start: int = 0) -> None:
        self.chances_at_start = chances_at_start
        self.total = counts.sum()
        # What depends on x, t_x or T alone is computed once for every value of it and looked up.
        (self.x, at_x), (self.t_x, at_t_x), (self.T, at_T) = coded_histories(histories)
        # Counted histories are in order, so they are summed by run first.
        starts = _run_starts(at_x, at_T)
        x_of_run, T_of_run, of_run = at_x[starts], at_T[starts], np.add.reduceat(counts, starts)
        self.x_count = np.bincount(x_of_run, of_run, len(self.x))
        self.T_count = np.bincount(T_of_run, of_run, len(self.T))
        self.T_purchases = np.bincount(T_of_run, of_run * self.x[x_of_run], len(self.T))
        repeat = _places(histories.frequency + chances_at_start > 0)
        self.repeat_count, self.at_x, self.at_t_x, self.at_T = (
            counts[repeat],
            at_x[repeat],
            at_t_x[repeat],
            at_T[repeat],
        )
        self.rising = RisingSums(self.x, self.x_count)
        self.rising_by_chances = RisingSums(self.x + chances_at_start, self.x_count)
        self.blocks = _blocks(self.at_x)
        self.scratch = np.empty((7, min(len(self.at_x), ROWS_AT_ONCE)))

    def __call__(self, values: FloatArray) -> Evaluation:
        """Evaluate at (r, alpha, a, b)."""
        with np.errstate(over="ignore", invalid="ignore"):
            first, second = self._by_x_and_T(values), self._leaving(values)
        return Evaluation(first.value + second.value, first.gradient + second.gradient, first.hessian + second.hessian)

    def _by_x_and_T(self, values: FloatArray) -> Evaluation:  # noqa: N802
        """All terms but the last."""
        r, alpha, a, b = values
        n = self.total
        power, until, grown = r * self.T_count + self.T_purchases, alpha + self.T, np.log1p(self.T / alpha)
        # The rising factorials of r by x steps, of b and of a + b by as many as there were chances to leave.
        by_r, by_b, by_both = self.rising(r), self.rising_by_chances(b), self.rising_by_chances(a + b)
        value = by_r.value + by_b.value - by_both.value - r * (self.T_count @ grown) - self.T_purchases @ np.log(until)
        gradient = np.array(
            [
                by_r.slope - self.T_count @ grown,
                n * r / alpha - (power / until).sum(),
                -by_both.slope,
                by_b.slope - by_both.slope,
            ]
        )
        hessian = np.zeros((4, 4))
        hessian[0, 0] = by_r.bend
        hessian[0, 1] = hessian[1, 0] = n / alpha - (self.T_count / until).sum()
        hessian[1, 1] = -n * r / alpha**2 + (power / until**2).sum()
        hessian[2:, 2:] = -by_both.bend
        hessian[3, 3] += by_b.bend
        return Evaluation(float(value), gradient, hessian)

    def _leaving(self, values: FloatArray) -> Evaluation:
        """The last term, ln(1 + exp(D)), over customers who had a chance to leave."""
        r, alpha, a, b = values
        log_T, log_t_x = np.log(alpha + self.T), np.log(alpha + self.t_x)
        until, since = 1 / (alpha + self.T), 1 / (alpha + self.t_x)
        # Nobody had a chance to leave where this is not above 0, and no row looks there.
        stays = np.maximum(b + (self.x - 1 + self.chances_at_start), np.finfo(np.float64).tiny)
        power, log_chance, by_stays = r + self.x, np.log(a) - np.log(stays), -1 / stays

        def of_block(block: Block) -> Evaluation:
            rows, common = block
            n, at_t_x, at_T = self.repeat_count[rows], self.at_t_x[rows], self.at_T[rows]
            factor, log_odds_at_last, by_b = (
                table.take(self.at_x[rows] if common is None else common) for table in (power, log_chance, by_stays)
            )
            by_r, gap, sum_of_both, odds, alive, w, v = self.scratch[:, : len(n)]
            # Derivatives of D by r and alpha; those by a and b are 1 / a and by_b. Of places that are known to
            # exist, take writes those it may clip at once, others by way of a copy.
            np.take(log_T, at_T, out=by_r, mode="clip")
            by_r -= np.take(log_t_x, at_t_x, out=w, mode="clip")
            np.take(until, at_T, out=gap, mode="clip")
            np.take(since, at_t_x, out=w, mode="clip")
            np.add(gap, w, out=sum_of_both)
            gap -= w

            log_odds = np.multiply(by_r, factor, out=odds)
            log_odds += log_odds_at_last
            value = _cap(log_odds, n, out=w)
            np.exp(log_odds, out=odds)
            np.add(odds, 1, out=alive)
            value += n @ np.log(alive, out=w)
            np.divide(1, alive, out=alive)
            np.multiply(n, odds, out=w)
            w *= alive
            np.multiply(w, alive, out=v)

            # One factor of all rows is left out of the derivative by alpha until the sums are made.
            by_alpha, left_out = (gap, float(factor)) if common is not None else (np.multiply(gap, factor, out=odds), 1)
            cross = w @ gap / left_out
            bend = w @ np.multiply(sum_of_both, by_alpha, out=sum_of_both) / left_out
            v_r, v_alpha = np.multiply(v, by_r, out=sum_of_both), np.multiply(v, by_alpha, out=alive)
            all_w, all_v, all_v_r, all_v_alpha = w.sum(), v.sum(), v_r.sum(), v_alpha.sum()
            w_b, v_b = _weighted(w, all_w, by_b), _weighted(v, all_v, by_b)
            gradient = np.array([w @ by_r, w @ by_alpha, all_w / a, w_b])
            hessian = np.zeros((4, 4))
            hessian[0] = v_r @ by_r, v_r @ by_alpha + cross, all_v_r / a, _weighted(v_r, all_v_r, by_b)
            hessian[1, 1:] = v_alpha @ by_alpha - bend, all_v_alpha / a, _weighted(v_alpha, all_v_alpha, by_b)
            hessian[2, 2:] = (all_v - all_w) / a**2, v_b / a
            hessian[3, 3] = _weighted(v, all_v, by_b**2) + _weighted(w, all_w, by_b**2)
            units = np.array([1, left_out, 1, 1])
            hessian *= np.outer(units, units)
            return Evaluation(float(value), gradient * units, hessian)

        value, gradient, above_diagonal = total([of_block(block) for block in self.blocks])
        return Evaluation(value, gradient, above_diagonal + above_diagonal.T - np.diag(above_diagonal.diagonal()))


class RisingSums:
    r"""The logarithm of the rising factorial, summed over steps n with weights, and its derivatives.

    .. math:: \sum_i w_i \ln (z)_{n_i} = \sum_j \ln(z + j) \sum_{i:\, n_i > j} w_i

    Where a number of steps is so large that the right side has too many terms, the left one is taken.

    Parameters
    ----------
    steps : ndarray, shape (m,)
        Whole, 0 and above.
    weights : ndarray, shape (m,)
    """

    def __init__(self, steps: FloatArray, weights: NDArray[Any]) -> None:
        self.steps, self.weights = steps, weights
        self.places: IndexArray | None = None
        if steps.max(initial=0) <= FACTORS_A_VALUE * len(steps):
            at_least = np.cumsum(np.bincount(steps.astype(np.intp), weights)[::-1])[::-1]
            self.weights, self.places = at_least[1:], np.arange(len(at_least) - 1)

    def __call__(self, z: float) -> "RisingSum":
        """Evaluate at z above 0."""
        if self.places is None:
            rises = (log_rising, digamma_rise, trigamma_rise)
            return RisingSum(*(float(rise(z, self.steps) @ self.weights) for rise in rises))
        factor = z + self.places
        value, inverse = self.weights @ np.log(factor), 1 / factor
        by_z = self.weights * inverse
        return RisingSum(float(value), float(by_z.sum()), -float(by_z @ inverse))


class RisingSum(NamedTuple):
    """A sum of logarithms of rising factorials of z, and its first and second derivative by z."""

    value: float
    slope: float
    bend: float


class Block(NamedTuple):
    """Histories that are evaluated at once.

    Attributes
    ----------
    rows : slice
    common : int, optional
        Where their one number of purchases stands in the table of these; None where they differ.
    """

    rows: slice
    common: int | None


def _blocks(at_x: IndexArray) -> list[Block]:
    """Blocks of at most `ROWS_AT_ONCE` rows; long runs with one number of purchases have blocks of their own."""
    if not len(at_x):
        return []
    edges = np.append(_run_starts(at_x), len(at_x))
    is_long = np.diff(edges) >= LONG_RUN
    long_runs = dict(zip(edges[:-1][is_long].tolist(), edges[1:][is_long].tolist(), strict=True))
    cuts = sorted({0, len(at_x), *long_runs, *long_runs.values()})
    blocks = list[Block]()
    for first, end in pairwise(cuts):
        n_blocks = -(-(end - first) // ROWS_AT_ONCE)
        parts = np.linspace(first, end, n_blocks + 1).astype(int).tolist()
        common = int(at_x[first]) if first in long_runs else None
        blocks += [Block(slice(*part), common) for part in pairwise(parts)]
    return blocks


def _run_starts(place: IndexArray, *others: IndexArray) -> IndexArray:
    """Where runs of rows with equal places start."""
    changes = place[1:] != place[:-1]
    for other in others:
        changes |= other[1:] != other[:-1]
    return np.append(0, np.flatnonzero(changes) + 1)


def _cap(log_odds: FloatArray, n: FloatArray, out: FloatArray) -> float:
    """Cap log odds that would overflow, in place; by how much all together, weighted by n."""
    if not log_odds.max() > LARGEST_LOG_ODDS:
        return 0.0
    beyond = np.maximum(np.subtract(log_odds, LARGEST_LOG_ODDS, out=out), 0.0, out=out)
    log_odds -= beyond
    return float(n @ beyond)


def _weighted(column: FloatArray, total: float, factor: FloatArray | float) -> float:
    """Sum of a column of that total, weighted by a factor of each row, or by one of all rows."""
    return float(factor @ column if isinstance(factor, np.ndarray) else factor * total)


def _places(mask: NDArray[np.bool_]) -> slice | IndexArray:
    """Where a mask is true: a slice if that is from some place on, so that nothing is copied."""
    first = int(mask.argmax())
    return slice(first, None) if mask[first:].all() else np.flatnonzero(mask)
