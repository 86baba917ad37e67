"""Samples of distinct histories: a large fit climbs on small ones first, so that few evaluations of all are needed."""

from collections.abc import Callable, Sequence

import numpy as np

from patronage.models.likelihood import ARRIVED, Climb, Estimate, Objective, climb, maximise, same_maximum
from patronage.runtime.histories import FloatArray, IndexArray

N_STARTS = 3
"""Starts that must converge before a fit is believed."""

SAMPLE_SIZES = (1_500, 20_000, 150_000)
"""Distinct histories in the samples that a large fit starts from: all starts climb on the first, the best goes on."""

WORTH_SAMPLING = 25_000
"""Distinct histories from which on a fit starts from samples."""

SAMPLE_TOLERANCE = 5e-5
"""Gradient at which climbs on all samples but the first stop, where starts have to agree; the maximum of all data lies
farther away."""

LEAST_CURVATURE = 1e-4
"""Curvature of the mean log-likelihood by the log parameters below which a maximum may be one of the sample alone."""

MOST_COUNTED = 4096
"""Customers behind a history from which on it counts as equally frequent."""

TELLING = 8192
"""Histories that tell how frequent the others are."""


def maximise_by_samples(
    objective: Objective,
    part: Callable[[IndexArray, FloatArray], Objective],
    counts: FloatArray,
    starts: Sequence[FloatArray],
) -> Estimate:
    """Climb from all starts on a small sample of a large problem, and from the best end on, up to the whole of it.

    Parameters
    ----------
    objective : Objective
        The whole problem.
    part : callable
        From positions of distinct histories and their weights to the problem of this sample.
    counts : ndarray, shape (n,)
        Customers behind each distinct history.
    starts : sequence of ndarray, shape (k,)
        The likeliest first.
    """
    climbs, begun, elsewhere = list[Climb](), list(starts[:N_STARTS]), list[FloatArray]()
    for sample, weights in samples_of(counts):
        some, tolerance = part(sample, weights), SAMPLE_TOLERANCE if climbs else ARRIVED
        made = [climb(some, start, tolerance)[0] for start in begun]
        best = max(made, key=lambda one: one.mean_log_likelihood)
        # Another maximum of the small sample may be the highest one of the whole.
        elsewhere += [one.end for one in made if not same_maximum(one.mean_log_likelihood, best.mean_log_likelihood)]
        climbs += made
        begun = [best.end]
    begun = [*begun, *elsewhere, *starts] if climbs else list(starts)
    return maximise(objective, begun, tuple(climbs), n_starts=1 if _settled(climbs) else N_STARTS)


def samples_of(counts: FloatArray) -> list[tuple[IndexArray, FloatArray]]:
    """Samples of distinct histories, each drawn from the next larger one, the smallest first; none of few histories."""
    found: list[tuple[IndexArray, FloatArray]] = []
    for size in sorted(SAMPLE_SIZES, reverse=True):
        if len(counts) < max(WORTH_SAMPLING, 4 * size):
            continue
        index, weights = _sample(found[-1][1] if found else counts, size)
        found.append((found[-1][0][index] if found else index, weights))
    return found[::-1]


def _sample(counts: FloatArray, size: int) -> tuple[IndexArray, FloatArray]:
    """A sample of distinct histories that stands for all customers.

    The most frequent histories are all in it, of the others every so-many-th with a weight for those left out; so its
    maximum lies near that of the whole.

    Returns
    -------
    index : ndarray of int
        About `size` positions.
    weights : ndarray
        Customers behind each; they sum to those of all.
    """
    # How many are more frequent than 0, 1, 2, ..., as far as some of them tell.
    some = np.minimum(counts[:: max(len(counts) // TELLING, 1)], MOST_COUNTED).astype(np.intp)
    more_often = 1 - np.cumsum(np.bincount(some)) / len(some)
    often = np.argmax(more_often * len(counts) <= size // 2)
    is_in = counts >= often + 1
    others = np.flatnonzero(~is_in)
    is_in[others[:: max(len(others) // max(size - (len(counts) - len(others)), 1), 1)]] = True
    index = np.flatnonzero(is_in)
    weights = counts[index]
    drawn = weights < often + 1
    if (of_drawn := weights[drawn].sum()) > 0:
        weights[drawn] *= (counts.sum() - weights[~drawn].sum()) / of_drawn
    return index, weights


def _settled(climbs: Sequence[Climb]) -> bool:
    """Whether all starts led to one and the same inner maximum of the samples, so that one climb on all data will do.

    On a ridge the maximum of a sample may lie on the wrong side of that of the whole.
    """
    if not climbs:
        return False
    first = [one for one in climbs if one.n_histories == climbs[0].n_histories]
    highest = max(one.mean_log_likelihood for one in first)
    agree = all(same_maximum(one.mean_log_likelihood, highest) for one in first)
    curvature = np.linalg.eigvalsh(-climbs[-1].at_end.hessian)
    return agree and bool(curvature[0] > LEAST_CURVATURE)
