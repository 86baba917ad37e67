"""Draws of parameters against the distribution that they come from, and of futures against closed forms."""

import numpy as np
import pytest

from patronage.errors import ModelError
from patronage.runtime.histories import Histories
from patronage.runtime.posterior import MOST_SPREAD, certain, draw_future, laplace_posterior, ridge_posterior
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

VALUES = np.array([0.25, 4.5, 0.8, 2.5])
LOG_COVARIANCE = np.array(
    [[0.004, 0.003, 0.0, 0.0], [0.003, 0.006, 0.001, 0.0], [0.0, 0.001, 0.04, 0.05], [0.0, 0.0, 0.05, 0.09]]
)


def natural(log_covariance, values=VALUES):
    return log_covariance * np.outer(values, values)


def test_logarithms_of_draws_have_the_covariance_of_the_estimates():
    drawn = np.log(laplace_posterior(VALUES, natural(LOG_COVARIANCE)).draw(200_000, np.random.default_rng(1)))
    assert drawn.mean(axis=0) == pytest.approx(np.log(VALUES), abs=0.003)
    assert np.cov(drawn.T) == pytest.approx(LOG_COVARIANCE, abs=0.001)


def test_a_ridge_is_cut_and_what_the_data_tell_is_kept():
    # a and b are known by their ratio alone.
    ridge = LOG_COVARIANCE.copy()
    ridge[2:, 2:] += 400.0
    drawn = np.log(laplace_posterior(VALUES, natural(ridge)).draw(100_000, np.random.default_rng(1)))
    spread = drawn.std(axis=0)
    assert (spread[2:] <= MOST_SPREAD * 1.01).all()
    assert (spread[2:] > MOST_SPREAD / 2).all()
    assert spread[:2] == pytest.approx(np.sqrt(np.diag(LOG_COVARIANCE))[:2], rel=0.05)
    assert (drawn[:, 2] - drawn[:, 3]).std() == pytest.approx(np.sqrt(0.04 + 0.09 - 2 * 0.05), rel=0.1)


def test_coefficients_are_not_logarithms_and_their_unit_does_not_matter():
    values, positive = np.array([0.25, -3.0]), np.array([True, False])
    covariance = np.array([[0.01 * 0.25**2, 0.2 * 0.25], [0.2 * 0.25, 9.0]])
    drawn = laplace_posterior(values, covariance, positive).draw(100_000, np.random.default_rng(1))
    assert (drawn[:, 1] < 0).mean() == pytest.approx(0.841, abs=0.005)
    # A coefficient per day instead of per year: 1 / 365 of it.
    unit = np.array([1.0, 1 / 365])
    rescaled = laplace_posterior(values * unit, covariance * np.outer(unit, unit), positive)
    assert rescaled.draw(100, np.random.default_rng(2)) == pytest.approx(
        laplace_posterior(values, covariance, positive).draw(100, np.random.default_rng(2)) * unit
    )


@pytest.mark.parametrize(
    "covariance",
    [
        np.full((4, 4), np.nan),
        natural(np.diag([0.01, 0.01, 0.01, -0.01])),
        natural(LOG_COVARIANCE - np.diag([0, 0, 0.02, 0.02])),
    ],
    ids=["unknown", "negative variance", "indefinite"],
)
def test_a_covariance_that_is_none_is_refused(covariance):
    with pytest.raises(ModelError, match="parameter_uncertainty=False"):
        laplace_posterior(VALUES, covariance)


def test_a_direction_without_information_is_as_good_as_unknown():
    flat = np.array([0.0, 0.0, 1.0, -1.0]) / np.sqrt(2)
    across = np.array([0.0, 0.0, 1.0, 1.0]) / np.sqrt(2)
    information = 100 * np.diag([1.0, 1, 0, 0]) + 25 * np.outer(across, across) - 1e-9 * np.outer(flat, flat)
    drawn = np.log(ridge_posterior(VALUES, information).draw(100_000, np.random.default_rng(1))) - np.log(VALUES)
    assert (drawn @ flat).std() == pytest.approx(MOST_SPREAD, rel=0.02)
    assert (drawn @ across).std() == pytest.approx(0.2, rel=0.02)
    assert drawn[:, :2].std(axis=0) == pytest.approx([0.1, 0.1], rel=0.02)
    with pytest.raises(ModelError, match="no maximum"):
        ridge_posterior(VALUES, information - np.outer(flat, flat))


def test_certain_parameters_are_drawn_as_they_are():
    values, positive = np.array([0.25, 4.5, -3.0]), np.array([True, True, False])
    assert certain(values, positive).draw(3, np.random.default_rng(1)) == pytest.approx(np.tile(values, (3, 1)))


@pytest.mark.parametrize(
    "params",
    [
        BetaGeoParams(0.25, 4.5, 0.8, 2.5),
        ModifiedBetaGeoParams(0.5, 6.0, 0.9, 2.0),
        ParetoParams(0.55, 10.5, 0.6, 11.5),
        BetaGeoParams(0.25, np.array([4.5, 9.0, 2.0]), 0.8, 2.5),
    ],
    ids=["BG/NBD", "MBG/NBD", "Pareto/NBD", "by row"],
)
def test_futures_have_the_expectation_and_distribution_of_the_closed_forms(params):
    cases = Histories(np.array([0.0, 3.0, 12.0]), np.array([0.0, 20.0, 36.0]), np.array([10.0, 39.0, 39.0]))
    futures = draw_future(params, cases, np.array([2, 0, 1, 0]), 26.0, np.random.default_rng(5), 100_000)
    expected = params.expected_purchases(cases, 26.0)[[2, 0, 1, 0]]
    error = futures.std(axis=0) / np.sqrt(len(futures))
    assert (np.abs(futures.mean(axis=0) - expected) < 4 * error).all()
    shares = np.stack([(futures == n).mean(axis=0) for n in range(6)], axis=1)
    assert shares == pytest.approx(params.purchase_probabilities(cases, 5, 26.0)[[2, 0, 1, 0]], abs=0.007)
