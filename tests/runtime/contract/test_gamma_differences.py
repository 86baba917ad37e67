"""Differences of gamma functions against mpmath with 120 digits."""

import mpmath
import numpy as np
import pytest

from patronage.runtime.contract.gamma_differences import digamma_gap, log_beta_drop, trigamma_gap


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(0)
    x = 10 ** rng.uniform(-3, 3, 400) + np.where(rng.random(400) < 0.5, 0, 10 ** rng.uniform(-3, 40, 400))
    return x, 10 ** rng.uniform(-3, 3, 400), 10 ** rng.uniform(-7, 40, 400)


def exact(function, points):
    with mpmath.workdps(120):
        return [function(*(mpmath.mpf(float(value)) for value in point)) for point in zip(*points, strict=True)]


def worst(got, want):
    return max(abs(float(mpmath.mpf(float(one)) / two - 1)) for one, two in zip(got, want, strict=True))


def test_fall_of_the_beta_function(points):
    lg = mpmath.loggamma
    want = exact(lambda x, a, d: lg(x) + lg(x + a + d) - lg(x + a) - lg(x + d), points)
    assert worst(log_beta_drop(*points), want) < 1e-13


@pytest.mark.parametrize(("gap", "order", "sign"), [(digamma_gap, 0, 1), (trigamma_gap, 1, -1)])
def test_gaps(points, gap, order, sign):
    x, _, d = points
    want = exact(lambda x, d: sign * (mpmath.psi(order, x + d) - mpmath.psi(order, x)), (x, d))
    assert worst(gap(x, d), want) < 1e-11


def test_nothing_falls_over_no_distance():
    x, none = np.array([1e-3, 1.0, 1e9]), np.zeros(3)
    for gap in (log_beta_drop(x, x, none), digamma_gap(x, none), trigamma_gap(x, none)):
        assert np.abs(gap).max() < 1e-40
