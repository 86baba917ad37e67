"""Calibration: known distortions are undone, and the kind is chosen on data of its own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from patronage.errors import ConfigError
from patronage.models.churn.calibration import (
    KINDS,
    choose_calibration,
    estimate_population_rate,
    fit_calibration,
    with_population_rate,
)
from patronage.runtime.calibration import Calibration

N = 100_000


def labels(rng, probability):
    return (rng.random(len(probability)) < probability).astype(np.int8)


def test_sigmoid_recovers_a_known_distortion():
    rng = np.random.default_rng(0)
    margin = rng.normal(size=N) * 3
    calibration = fit_calibration("sigmoid", margin, labels(rng, special.expit(0.4 + 0.5 * margin)))
    assert calibration.knots_y == pytest.approx((0.4, 0.5), abs=0.03)
    assert calibration.probability(np.array([0.0]))[0] == pytest.approx(special.expit(0.4), abs=0.01)


def test_temperature_recovers_how_sure_the_margins_are():
    rng = np.random.default_rng(0)
    margin = rng.normal(size=N) * 3
    calibration = fit_calibration("temperature", margin, labels(rng, special.expit(margin / 2.5)))
    assert calibration.knots_y[0] == pytest.approx(1 / 2.5, abs=0.01)


def test_beta_recovers_its_own_family():
    """Kull et al. (2017), equation (3): 1 / (1 + 1 / (e^c s^a / (1 - s)^b)), with s the probability of the margin."""
    rng = np.random.default_rng(0)
    margin, (a, b, c) = rng.normal(size=N) * 2, (0.4, 1.6, -0.3)
    s = special.expit(margin)
    truth = 1 / (1 + 1 / (np.exp(c) * s**a / (1 - s) ** b))
    calibration = fit_calibration("beta", margin, labels(rng, truth))
    assert calibration.knots_y == pytest.approx((c, a, b), abs=0.05)
    assert np.abs(calibration.probability(margin) - truth).max() < 0.02


def test_beta_is_the_identity_at_one_one_nought():
    margin = np.linspace(-8, 8, 33)
    calibration = Calibration("beta", (), (0.0, 1.0, 1.0))
    assert calibration.probability(margin) == pytest.approx(special.expit(margin), abs=1e-15)


def test_beta_maximises_the_likelihood():
    rng = np.random.default_rng(1)
    margin = rng.normal(size=2000) * 2
    churned = labels(rng, special.expit(0.2 + 0.6 * margin))
    log_s, log_rest = special.log_expit(margin), special.log_expit(-margin)

    def loss(k):
        z = k[0] + k[1] * log_s - k[2] * log_rest
        return -(churned * special.log_expit(z) + (1 - churned) * special.log_expit(-z)).sum()

    best = optimize.minimize(loss, [0.0, 1.0, 1.0], bounds=[(None, None), (0, None), (0, None)])
    assert fit_calibration("beta", margin, churned).knots_y == pytest.approx(tuple(best.x), abs=0.01)


@given(st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
def test_every_kind_rises_and_stays_a_probability(seed, kind):
    """Even where the labels have nothing to do with the margins, beta and isotonic do not turn the order round."""
    rng = np.random.default_rng(seed)
    margin = rng.normal(size=60) * rng.uniform(0.1, 5)
    churned = rng.permutation(np.repeat([0, 1], 30)).astype(np.int8)
    probability = fit_calibration(kind, margin, churned).probability(np.linspace(-12, 12, 99))
    assert ((probability >= 0) & (probability <= 1)).all()
    if kind in ("none", "beta", "isotonic"):
        assert (np.diff(probability) >= -1e-15).all()


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (lambda margin: special.expit(0.4 + 0.5 * margin), "sigmoid"),
        (lambda margin: 1 / (1 + 1 / (special.expit(margin) ** 0.1 / special.expit(-margin) ** 2.0)), "beta"),
        (lambda margin: np.where(np.abs(margin) < 1.5, 0.5, np.where(margin > 0, 0.55, 0.1)), "isotonic"),
    ],
)
def test_the_kind_that_made_the_world_is_chosen(truth, expected):
    rng = np.random.default_rng(0)
    margin = rng.normal(size=20_000) * 2
    kind, table = choose_calibration(margin, labels(rng, truth(margin)), np.arange(len(margin)) % 5)
    assert kind == expected
    assert table.set_index("kind")["chosen"].to_dict() == {name: name == expected for name in table["kind"]}


def test_the_choice_is_made_on_data_of_its_own():
    """On few rows of noise, isotonic wins wherever it is judged on the rows that it learnt from; here it does not."""
    rng = np.random.default_rng(0)
    margin = rng.normal(size=300)
    churned = labels(rng, np.full(300, 0.5))
    kind, table = choose_calibration(margin, churned, np.arange(300) % 5)
    losses = table.set_index("kind")["log_loss"]
    assert kind == "sigmoid"
    assert losses["isotonic"] > losses["sigmoid"]


def test_prior_correction_by_a_worked_example():
    """Half the sample churned, a tenth of all do; 0.8 becomes 0.8 * 0.2 / (0.8 * 0.2 + 0.2 * 1.8) = 4/13 (Bayes)."""
    moved = with_population_rate(Calibration("none", (), ()), 0.5, 0.1)
    assert moved.probability(np.array([special.logit(0.8)]))[0] == pytest.approx(4 / 13, abs=1e-12)
    knots = Calibration("isotonic", (-1.0, 1.0), (0.0, 0.8))
    corrected = with_population_rate(knots, 0.5, 0.1).probability(np.array([-2.0, 1.0]))
    assert corrected == pytest.approx([0.0, 4 / 13], abs=1e-12)


def test_an_unknown_rate_is_found_by_expectation_maximisation():
    """A classifier calibrated where half churn, on customers of whom one in five does."""
    rng = np.random.default_rng(0)
    churned = labels(rng, np.full(N, 0.2))
    score = rng.normal(loc=2.0 * churned - 1.0)
    for_half = special.expit(2.0 * score)
    assert estimate_population_rate(for_half, 0.5) == pytest.approx(churned.mean(), abs=0.005)


def test_calibrations_that_do_not_fit():
    with pytest.raises(ConfigError, match="none, temperature, sigmoid, beta, isotonic, auto"):
        fit_calibration("prayer", np.zeros(2), np.array([0, 1], np.int8))
    with pytest.raises(ValueError, match="does not go with 1 numbers"):
        Calibration("sigmoid", (), (1.0,))
