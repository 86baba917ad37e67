"""Ratios of gamma functions against sixty digits, from tiny to huge arguments."""

import mpmath as mp
import numpy as np
import pytest

from patronage.runtime.gamma_ratio import digamma_rise, log_beta_ratio, log_rising, trigamma_rise

POINTS = [(float(z), n) for z in 10.0 ** np.arange(-3, 13, 0.37) for n in (1.0, 3.0, 50.0, 5000.0)]


@pytest.mark.parametrize(
    ("ratio", "exact"),
    [
        (log_rising, lambda z, n: mp.loggamma(z + n) - mp.loggamma(z)),
        (digamma_rise, lambda z, n: mp.psi(0, z + n) - mp.psi(0, z)),
        (trigamma_rise, lambda z, n: mp.psi(1, z + n) - mp.psi(1, z)),
    ],
    ids=["log_rising", "digamma_rise", "trigamma_rise"],
)
def test_against_sixty_digits(ratio, exact):
    with mp.workdps(60):
        truth = [exact(mp.mpf(z), mp.mpf(n)) for z, n in POINTS]
        found = ratio(*np.array(POINTS).T)
        worst = max(abs(one / other - 1) for one, other in zip(map(mp.mpf, found.tolist()), truth, strict=True))
    assert worst < 1e-12


def test_ratios_of_the_beta_function_keep_their_digits_over_long_steps():
    rng = np.random.default_rng(8)
    a, x = 10 ** rng.uniform(-3, 4, 400), 10 ** rng.uniform(-3, 12, 400)
    n = np.floor(10 ** rng.uniform(0, np.log10(2.0**53), 400))
    with mp.workdps(80):
        for found, *point in zip(log_beta_ratio(a, x, n), a, x, n, strict=True):
            one, start, step = map(mp.mpf, map(float, point))
            exact = mp.loggamma(start + step) - mp.loggamma(start)
            exact += mp.loggamma(start + one) - mp.loggamma(start + one + step)
            assert abs(float(found - exact)) < 3e-12 * max(1.0, -float(exact)), point


def test_nothing_rises_by_nothing():
    z = np.array([1e-3, 1.0, 1e9])
    for ratio in (log_rising, digamma_rise, trigamma_rise):
        assert (ratio(z, 0.0) == 0).all()
    assert (log_beta_ratio(z[:, None], z, np.zeros(1)) == 0).all()
