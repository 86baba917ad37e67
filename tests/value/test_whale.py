"""The whale curve against worked examples, brute force, and futures whose truth is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from patronage.errors import ConfigError, InputError
from patronage.schema import WHALE_CURVE, WHALE_SHARES
from patronage.value.whale import pattern_in_words, whale_curve, whale_shares, whale_shares_by
from patronage.value.whale_draws import whale_curve_of_draws, whale_shares_of_draws

PROFITS = arrays(np.float64, st.integers(2, 40), elements=st.integers(-4000, 4000).map(lambda quarters: quarters / 4))


def test_ten_customers_by_hand():
    """Best two of ten: 90 + 60 of 100; the last loses 80; the seven between make 30."""
    profit = [10, 90, -80, 60, 5, 5, 5, 5, 0, 0]
    shares = whale_shares(profit)
    assert list(shares) == list(WHALE_SHARES.names)
    assert (shares["customers"], shares["unprofitable"], shares["total"]) == (10, 1, 100)
    assert [shares[name] for name in ("top_share", "middle_share", "last_share")] == pytest.approx([1.5, 0.3, -0.8])
    assert shares["peak_share"] == pytest.approx(1.8)
    curve = whale_curve(profit)
    assert list(curve.columns) == list(WHALE_CURVE.names)
    assert curve["profit"].tolist() == [0, 90, 150, 160, 165, 170, 175, 180, 180, 180, 100]


@given(PROFITS)
def test_shares_and_gini_equal_brute_force(profit):
    shares = whale_shares(profit)
    n, total = len(profit), profit.sum()
    pairs = np.abs(profit[:, None] - profit[None, :]).sum()
    if total > 0:
        assert shares["top_share"] + shares["middle_share"] + shares["last_share"] == pytest.approx(1)
        assert shares["gini"] == pytest.approx(pairs / (2 * n * total), abs=1e-9)
        assert shares["peak_share"] == pytest.approx(profit[profit > 0].sum() / total)
    else:
        assert np.isnan([shares["top_share"], shares["peak_share"], shares["gini"]]).all()
    if np.abs(profit).sum() > 0:
        assert shares["gini_normalised"] == pytest.approx(pairs / (2 * (n - 1) * np.abs(profit).sum()), abs=1e-9)
        assert -1e-12 <= shares["gini_normalised"] <= 1 + 1e-12


def test_gini_of_known_distributions():
    """1/3 for a uniform and 1/2 for an exponential distribution; 1 where one has all; 0 where all have the same."""
    middle = (np.arange(100_000) + 0.5) / 100_000
    assert whale_shares(middle)["gini"] == pytest.approx(1 / 3, abs=1e-4)
    assert whale_shares(-np.log(middle))["gini"] == pytest.approx(1 / 2, abs=1e-3)
    assert whale_shares([0, 0, 0, 7])["gini_normalised"] == 1
    assert whale_shares([7, 0, 0, -3])["gini_normalised"] == 1
    assert whale_shares([4, 4, 4])["gini"] == 0
    assert whale_shares([60, -50])["gini"] == pytest.approx(110 * 2 / (2 * 2 * 10))


@given(PROFITS, st.integers(1, 60))
def test_the_curve_rises_then_falls_and_ends_at_the_total(profit, points):
    curve = whale_curve(profit, points)
    assert curve["customers"].iloc[[0, -1]].tolist() == [0, len(profit)]
    assert curve["profit"].iloc[-1] == pytest.approx(profit.sum())
    best = sorted(profit, reverse=True)
    assert curve["profit"].tolist() == pytest.approx([sum(best[:number]) for number in curve["customers"]])


def test_a_curve_of_expected_values_is_too_flat_and_that_of_draws_is_right():
    """Profits are gamma around means that differ: the truth is one more draw, of many customers."""
    rng = np.random.default_rng(3)
    mean = rng.gamma(1.0, 1.0, 4_000)

    def future(size):
        return rng.gamma(0.5, 2 * mean, (size, len(mean))) - 0.3

    draws = future(60)
    truth = whale_shares(future(1)[0])
    found = whale_shares_of_draws(draws, expected=mean - 0.3).set_index("measure")
    for name in ("top_share", "last_share", "gini", "peak_share"):
        assert found.loc[name, "mean"] == pytest.approx(truth[name], rel=0.1)
    assert found.loc["top_share", "of_expected"] < 0.9 * truth["top_share"]
    assert found.loc["gini", "of_expected"] < 0.9 * truth["gini"]
    curve = whale_curve_of_draws(draws, expected=mean - 0.3)
    inside = curve["customer_share"].between(0.01, 0.99)
    assert (curve["of_expected"] < curve["profit_share"])[inside].all()
    assert ((curve["low"] <= curve["profit_share"]) & (curve["profit_share"] <= curve["high"]))[inside].all()
    assert curve["profit_share"].iloc[-1] == pytest.approx(1)


def test_groups_add_up_and_the_best_comes_first():
    frame = pd.DataFrame({"channel": ["a", "b", "a", None, "b"], "contribution": [1.0, 5.0, 2.0, 0.5, -1.0]})
    found = whale_shares_by(frame, "channel")
    assert found["channel"].tolist()[:2] == ["b", "a"]
    assert found["channel"].isna().tolist() == [False, False, True]
    assert found["total"].tolist() == [4, 3, 0.5]
    assert found["share_of_total"].sum() == pytest.approx(1)
    assert found["unprofitable"].tolist() == [1, 0, 0]


def test_the_pattern_in_words():
    assert "flatter than the usual pattern" in pattern_in_words(whale_shares(np.ones(10)))
    assert "steeper" in pattern_in_words(whale_shares([400, 10, 0, 0, 0, 0, 0, 0, 0, -310]))
    assert "make no profit" in pattern_in_words(whale_shares([1, -2]))


@pytest.mark.parametrize(
    ("profit", "named"),
    [([], "at least one customer"), ([1, np.nan, np.inf], "2 of 3 customers .*rows 1, 2"), ([[1.0]], "shape")],
)
def test_what_is_no_profit_is_refused(profit, named):
    with pytest.raises(InputError, match=named):
        whale_shares(profit)


def test_tiers_that_overlap_and_draws_of_the_wrong_shape_are_refused():
    with pytest.raises(ConfigError, match="together at most 1"):
        whale_shares([1.0], top=0.7, last=0.4)
    with pytest.raises(InputError, match=r"shape \(size, n\)"):
        whale_curve_of_draws([1.0, 2.0])
    with pytest.raises(ConfigError, match="at least one step"):
        whale_curve([1.0], points=0)
