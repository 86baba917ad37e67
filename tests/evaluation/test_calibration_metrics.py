"""Calibration by hand, by identity, and by simulated worlds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss

from patronage.errors import ConfigError, InputError
from patronage.evaluation.bins import bin_numbers
from patronage.evaluation.calibration_metrics import (
    brier_parts,
    error_by_chance,
    expected_calibration_error,
    reliability_table,
)
from patronage.evaluation.tables import churn_calibration

forecasts = st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60)


@given(drawn=forecasts, n_bins=st.integers(1, 12))
def test_parts_add_up_to_the_brier_score_whatever_the_bins(drawn, n_bins):
    y, p = (np.array(column, dtype=float) for column in zip(*drawn, strict=True))
    parts = brier_parts(y, p, n_bins)
    total = parts.reliability - parts.resolution + parts.uncertainty
    total += parts.within_bin_variance - parts.within_bin_covariance
    assert total == pytest.approx(brier_score_loss(y, p, labels=[0, 1]), abs=1e-12)
    assert parts.brier == pytest.approx(total, abs=1e-12)
    generalised = parts.reliability - parts.generalised_resolution + parts.uncertainty
    assert generalised == pytest.approx(total, abs=1e-12)


def test_murphys_three_parts_by_hand():
    # Forecasts 0.2 (five times, one rain) and 0.7 (five times, four rains).
    y, p = np.array([1, 0, 0, 0, 0, 1, 1, 1, 1, 0.0]), np.repeat([0.2, 0.7], 5)
    parts = brier_parts(y, p, 2)
    assert parts.reliability == pytest.approx(0.5 * 0.0 + 0.5 * 0.1**2)
    assert parts.resolution == pytest.approx(0.3**2)
    assert parts.uncertainty == pytest.approx(0.25)
    assert (parts.within_bin_variance, parts.within_bin_covariance) == pytest.approx((0.0, 0.0))
    assert parts.skill == pytest.approx(1 - 0.165 / 0.25)


def test_resolution_without_bins_hardly_depends_on_their_number():
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(float)
    few, many = brier_parts(y, p, 4), brier_parts(y, p, 50)
    assert abs(few.generalised_resolution - many.generalised_resolution) < 5e-4
    assert abs(few.resolution - many.resolution) > 4e-3


def test_calibration_error_of_a_known_bias():
    rng = np.random.default_rng(1)
    p = rng.random(200_000)
    y = rng.random(200_000) < p
    assert expected_calibration_error(y, p) < 0.005
    # |p - p / 2| is a quarter on average.
    assert expected_calibration_error(y, p / 2) == pytest.approx(0.25, abs=0.005)


def test_chance_alone_is_foretold():
    rng = np.random.default_rng(2)
    p = rng.beta(2, 5, 2000)
    errors = [expected_calibration_error(rng.random(2000) < p, p) for _ in range(300)]
    mean, high = error_by_chance(p, rng=rng)
    assert mean == pytest.approx(np.mean(errors), rel=0.05)
    assert np.mean(np.array(errors) > high) == pytest.approx(0.05, abs=0.035)


def test_bins_are_those_of_the_report():
    rng = np.random.default_rng(3)
    p = np.round(rng.random(500), 1)
    y = (rng.random(500) < p).astype(float)
    table, report = reliability_table(y, p), churn_calibration(y, {"model": p})
    assert table["n_rows"].tolist() == report["n_customers"].tolist()
    for column in ("predicted", "observed", "observed_low", "observed_high"):
        np.testing.assert_allclose(table[column], report[column])
    assert (table["lowest"] <= table["predicted"]).all()
    assert (table["n_effective"] == table["n_rows"]).all()


def test_equal_probabilities_share_a_bin():
    assert bin_numbers(np.array([0.5, 0.1, 0.5, 0.5]), 4).tolist() == [2, 0, 2, 2]


def test_intervals_of_repeated_customers_are_as_wide_as_of_one_row_each():
    rng = np.random.default_rng(4)
    p = rng.random(1000)
    y = (rng.random(1000) < p).astype(float)
    once = reliability_table(y, p)
    ids = np.repeat(np.arange(1000), 5)
    five = reliability_table(np.repeat(y, 5), np.repeat(p, 5), customers=ids)
    blind = reliability_table(np.repeat(y, 5), np.repeat(p, 5))
    np.testing.assert_allclose(five["n_effective"], once["n_rows"], rtol=0.02)
    width = five["observed_high"] - five["observed_low"]
    np.testing.assert_allclose(width, once["observed_high"] - once["observed_low"], rtol=0.02)
    assert (width > 1.8 * (blind["observed_high"] - blind["observed_low"])).all()


def test_intervals_cover():
    rng = np.random.default_rng(5)
    inside = []
    for _ in range(60):
        p = rng.beta(2, 5, 1000)
        inside.extend(reliability_table(rng.random(1000) < p, p)["predicted_inside"])
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_a_bin_where_nobody_left_counts_customers():
    table = reliability_table(np.zeros(6), np.full(6, 0.1), customers=["a", "a", "b", "b", "c", "c"])
    assert table["n_effective"].tolist() == [3.0]


def test_refusals():
    with pytest.raises(InputError, match="1 of 2 probabilities lie outside 0 to 1"):
        expected_calibration_error([0, 1], [0.2, 1.3])
    with pytest.raises(InputError, match="2 of 2 outcomes are neither 0 nor 1"):
        brier_parts([2, 3], [0.2, 0.3])
    with pytest.raises(ConfigError, match="one bin or more; got 0"):
        brier_parts([0, 1], [0.2, 0.3], 0)
    with pytest.raises(InputError, match="customer id for each of 2 rows"):
        reliability_table([0, 1], [0.2, 0.3], customers=["a"])
