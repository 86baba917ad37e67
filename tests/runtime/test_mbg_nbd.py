"""MBG/NBD kernels against published numbers, another package, Bayes' rule by integration, and a simulated world."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from lifetimes import ModifiedBetaGeoFitter
from lifetimes.datasets import load_cdnow_summary

from patronage.runtime.histories import Histories, checked_histories
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams

CDNOW = ModifiedBetaGeoParams(r=0.524843, alpha=6.183086, a=0.891359, b=1.614003)
"""Estimates of the 1/10 sample of CDNOW; .525, 6.183, .891, 1.614 in the tests of lifetimes."""


def one(x, t_x, T):
    return checked_histories([x], [t_x], [T])


@pytest.fixture(scope="module")
def peer():
    fitter = ModifiedBetaGeoFitter()
    fitter.params_ = pd.Series(vars(CDNOW))
    return fitter


@pytest.fixture(scope="module")
def customers():
    table = load_cdnow_summary().iloc[::10]
    return Histories(*(table[name].to_numpy(float) for name in ("frequency", "recency", "T")))


def test_probability_alive_is_that_of_lifetimes(peer, customers):
    expected = peer.conditional_probability_alive(*customers.columns)
    assert CDNOW.probability_alive(customers) == pytest.approx(expected, rel=1e-10)


def test_expected_purchases_are_those_of_lifetimes(peer, customers):
    expected = peer.conditional_expected_number_of_purchases_up_to_time(39.0, *customers.columns)
    assert CDNOW.expected_purchases(customers, 39.0) == pytest.approx(expected, rel=1e-8)


def test_sums_over_the_sample():
    # Found by two independent implementations at these estimates.
    table = load_cdnow_summary()
    everybody = Histories(*(table[name].to_numpy(float) for name in ("frequency", "recency", "T")))
    assert CDNOW.expected_purchases(everybody, 39.0).sum() == pytest.approx(1576.7, abs=0.06)
    assert CDNOW.probability_alive(everybody).mean() == pytest.approx(0.4487, abs=5e-5)


def test_one_time_buyers_may_have_left():
    alive = CDNOW.probability_alive(checked_histories([0, 0, 0], [0, 0, 0], [0, 10, 1000]))
    assert alive[0] == pytest.approx(CDNOW.b / (CDNOW.a + CDNOW.b), rel=1e-12)
    assert alive[0] > alive[1] > alive[2]


def test_probability_alive_by_bayes_on_a_grid():
    """P(alive) is the likelihood of having stayed over the whole likelihood, here by integration over rate and p."""
    x, t_x, T = 3, 20.0, 30.0
    with mp.workdps(20):

        def gamma_moment(t):
            density = lambda lam: lam ** (x + CDNOW.r - 1) * mp.exp(-lam * (CDNOW.alpha + t))  # noqa: E731
            return mp.quad(density, [0, 0.1, 1, 10])

        stayed = mp.beta(CDNOW.a, CDNOW.b + x + 1) * gamma_moment(T)
        left = mp.beta(CDNOW.a + 1, CDNOW.b + x) * gamma_moment(t_x)
        expected = float(stayed / (stayed + left))
    assert CDNOW.probability_alive(one(x, t_x, T))[0] == pytest.approx(expected, rel=1e-8)


def test_distribution_sums_to_one_and_has_the_mean():
    horizons = np.array([1.0, 39.0, 200.0])
    probabilities = CDNOW.purchase_probabilities_new(3000, horizons)
    assert probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
    assert probabilities @ np.arange(3001) == pytest.approx(CDNOW.expected_purchases_new(horizons), rel=1e-6)


def test_distribution_of_an_existing_customer_has_the_mean():
    probabilities = CDNOW.purchase_probabilities(one(4, 30.0, 39.0), 2000, 26.0)[0]
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-10)
    mean = probabilities @ np.arange(2001)
    assert mean == pytest.approx(CDNOW.expected_purchases(one(4, 30.0, 39.0), 26.0)[0], rel=1e-8)
