"""The randomised transform is uniform if the prediction is right, and only then."""

import numpy as np
import pytest
from scipy import stats

from patronage.errors import InputError
from patronage.evaluation.coverage import interval_coverage, randomised_coverage, randomised_pit


def poisson_case(n=20_000, seed=1):
    rng = np.random.default_rng(seed)
    means = rng.gamma(0.5, 2.0, n)
    return means, rng.poisson(means)


def test_right_predictions_give_uniform_transforms_by_every_way():
    means, counts = poisson_case()
    rng = np.random.default_rng(2)
    pmf = stats.poisson.pmf(np.arange(12), means[:, None])
    exact = stats.poisson.cdf(counts - 1, means), stats.poisson.cdf(counts, means)
    draws = rng.poisson(means[:, None], (len(means), 200))
    for given in ({"pmf": pmf}, {"distribution": exact}, {"draws": draws}):
        pit = randomised_pit(counts, rng, **given)
        assert stats.kstest(pit, "uniform").pvalue > 0.001
        assert randomised_coverage(pit, 0.9) == pytest.approx(0.9, abs=0.01)


def test_wrong_predictions_do_not():
    means, counts = poisson_case()
    pit = randomised_pit(counts, np.random.default_rng(2), pmf=stats.poisson.pmf(np.arange(40), 1.5 * means[:, None]))
    assert stats.kstest(pit, "uniform").pvalue < 1e-6


def test_the_transform_lies_within_the_jump_at_the_count():
    pmf = np.array([[0.5, 0.25, 0.125]] * 4)
    counts = np.array([0, 1, 2, 7])
    pits = np.array([randomised_pit(counts, np.random.default_rng(seed), pmf=pmf) for seed in range(300)])
    assert pits.min(axis=0) == pytest.approx([0, 0.5, 0.75, 0.875], abs=0.01)
    assert pits.max(axis=0) == pytest.approx([0.5, 0.75, 0.875, 1.0], abs=0.01)
    draws = np.array([[0, 1, 1, 3]] * 4)
    by_draws = randomised_pit([0, 1, 2, 3], np.random.default_rng(1), draws=draws)
    assert (np.floor(by_draws * 4) / 4 == [0, 0.25, 0.75, 0.75]).sum() >= 3
    assert by_draws[2] == 0.75


def test_coverage_counts_ends():
    assert interval_coverage([0, 1, 2, 3], [0, 1, 3, 0], [0, 2, 4, 2]) == 0.5
    assert randomised_coverage([0.04, 0.05, 0.5, 0.96], 0.9) == 0.5


@pytest.mark.parametrize(
    ("counts", "given", "said"),
    [
        ([1.5], {"pmf": [[1.0]]}, "whole numbers"),
        ([-1], {"pmf": [[1.0]]}, "whole numbers"),
        ([1], {}, "exactly one"),
        ([1], {"pmf": [[1.0]], "draws": [[1]]}, "exactly one"),
        ([1, 2], {"pmf": [[1.0]]}, "one row for each of 2 counts"),
        ([1, 2], {"draws": [1, 2]}, "one row for each of 2 counts"),
    ],
)
def test_what_cannot_be_judged_is_refused(counts, given, said):
    with pytest.raises(InputError, match=said):
        randomised_pit(counts, np.random.default_rng(1), **given)


def test_a_level_is_a_share():
    with pytest.raises(InputError, match="level"):
        randomised_coverage([0.5], 90)
