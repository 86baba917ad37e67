"""Smaller tables: a large fit climbs on them first, so that two evaluations of all customers are enough.

They are of merged histories, or of samples where rows do not merge. The fit ends at the maximum of all.
"""

from collections.abc import Sequence

import numpy as np

from patronage.models.likelihood import ARRIVED, Alike, Climb, Estimate, Objective, climb, maximise, same_maximum
from patronage.models.purchase.merging import merged_histories
from patronage.models.purchase.samples import samples_of
from patronage.runtime.histories import FloatArray, Histories

N_STARTS = 3
"""Starts that must converge before a fit is believed."""

FEW = 500
"""Distinct histories below which a fit climbs from all starts: their likelihood may have several maxima, and it costs
little."""

WORTHWHILE = 10_000
"""Distinct histories from which on a fit starts from smaller tables."""

LEAST_MERGED = 4
"""Distinct histories for each merged one, from which on merging pays."""

NEAR_ENOUGH = 5e-5
"""Gradient at which climbs on all tables but the first stop, where starts have to agree; the maximum of all data lies
farther away."""

LEAST_CURVATURE = 1e-4
"""Curvature of the mean log-likelihood by the log parameters below which a maximum may be one of a small table alone.
"""


def maximise_by_way_of(smaller: Sequence[Objective], objective: Objective, starts: Sequence[FloatArray]) -> Estimate:
    """Climb from all starts on the smallest of several problems, and from the best end on, up to the whole.

    Parameters
    ----------
    smaller : sequence of Objective
        Problems that stand for the whole, the smallest first; none for a small one.
    objective : Objective
        The whole problem.
    starts : sequence of ndarray, shape (k,)
        The likeliest first.
    """
    climbs, begun, elsewhere = list[Climb](), list(starts[:N_STARTS]), list[FloatArray]()
    for some in smaller:
        made = [climb(some, start, NEAR_ENOUGH if climbs else ARRIVED)[0] for start in begun]
        best = max(made, key=lambda one: one.mean_log_likelihood)
        # Another maximum of the small problem may be the highest one of the whole.
        elsewhere += [one.end for one in made if not same_maximum(one.mean_log_likelihood, best.mean_log_likelihood)]
        climbs += made
        begun = [best.end]
    begun = [*begun, *elsewhere, *starts] if climbs else list(starts)
    alike = Alike(smaller[-1], climbs[-1].at_end) if climbs else None
    n_starts = len(begun) if objective.n_histories < FEW else 1 if _settled(climbs) else N_STARTS
    return maximise(objective, begun, tuple(climbs), n_starts, alike)


def smaller_tables(
    histories: Histories, counts: FloatArray, encoded: FloatArray | None, may_merge: bool
) -> list[tuple[Histories, FloatArray, FloatArray | None]]:
    """Tables that stand for a large one, the smallest first: of merged histories, or samples where rows do not merge.

    Parameters
    ----------
    histories, counts
        Distinct histories and the customers behind each.
    encoded : ndarray, shape (n, k), optional
        Covariates of each, by which equal histories differ.
    may_merge : bool
        Whether the model knows histories of any times.
    """
    if len(counts) < WORTHWHILE:
        return []
    if may_merge and encoded is None:
        merged = merged_histories(histories, counts)
        if LEAST_MERGED * len(merged[-1][1]) <= len(counts):
            return [(some, customers, None) for some, customers in merged]
    return [
        (histories.take(sample), weights, None if encoded is None else encoded[sample])
        for sample, weights in samples_of(counts)
    ]


def _settled(climbs: Sequence[Climb]) -> bool:
    """Whether all starts led to one inner maximum of the small tables, so that one climb on all data will do.

    On a ridge the maximum of a small table may lie on the wrong side of that of the whole.
    """
    if not climbs:
        return False
    first = [one for one in climbs if one.n_histories == climbs[0].n_histories]
    highest = max(one.mean_log_likelihood for one in first)
    agree = all(same_maximum(one.mean_log_likelihood, highest) for one in first)
    curvature = np.linalg.eigvalsh(-climbs[-1].at_end.hessian)
    return agree and bool(curvature[0] > LEAST_CURVATURE)
