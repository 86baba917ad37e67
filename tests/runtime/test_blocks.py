"""Work in blocks on all processors."""

import warnings

import numpy as np

from patronage.runtime.blocks import Scratch, on_all_processors


def test_every_thread_keeps_the_error_state_of_its_caller():
    with warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.simplefilter("error")
        results = on_all_processors(lambda n: np.exp(np.full(200_000, 1000.0 * n))[0], [1.0] * 40)
    assert results == [np.inf] * 40


def test_scratch_is_never_shared_between_threads():
    scratch = Scratch(columns=2, rows=50_000)

    def sums(n):
        with scratch.taken(50_000) as (one, other):
            one[:] = n
            np.multiply(one, 2, out=other)
            return other.sum() - 2 * one.sum() + one[0]

    assert on_all_processors(sums, list(range(200))) == list(range(200))
    assert len(scratch._free) <= 2
