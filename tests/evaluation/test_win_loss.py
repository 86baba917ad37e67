"""What separates those who left from those who stayed: sizes by hand, intervals that hold what they promise."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from patronage.errors import InputError
from patronage.evaluation.roc_variance import delong
from patronage.evaluation.win_loss import MOST_VALUES, win_loss
from patronage.schema import WIN_LOSS


def row(table, feature, value=None):
    chosen = table[
        (table["feature"] == feature) & (table["value"].isna() if value is None else table["value"] == value)
    ]
    return chosen.iloc[0]


def test_sizes_by_hand():
    frame = pd.DataFrame(
        {
            "churned": [1, 1, 1, 0, 0, 0, 0],
            "silence": [5.0, 4.0, np.nan, 1.0, 2.0, 4.0, 3.0],
            "plan": ["basic", "basic", "gold", "gold", "gold", None, "basic"],
        }
    )
    table = win_loss(frame)
    assert list(table.columns) == list(WIN_LOSS.names)
    silence = row(table, "silence")
    # 5 beats all four; 4 beats three and ties with one: 7.5 of 8 pairs, so the delta is 2 * 7.5 / 8 - 1.
    assert silence["effect"] == pytest.approx(0.875)
    assert silence["measure"] == "cliffs_delta"
    assert (silence["n_left"], silence["n_stayed"]) == (2, 4)
    assert (silence["mean_left"], silence["mean_stayed"]) == (4.5, 2.5)
    assert (silence["median_left"], silence["median_stayed"]) == (4.5, 2.5)
    assert (silence["missing_left"], silence["missing_stayed"]) == (pytest.approx(1 / 3), 0.0)
    # Variances 0.5 and 5/3 with 1 and 3 degrees of freedom: pooled 5.5 / 4.
    assert silence["standardised_difference"] == pytest.approx(2 / np.sqrt(5.5 / 4))
    basic = row(table, "plan", "basic")
    assert basic["effect"] == pytest.approx(2 / 3 - 1 / 3)
    assert basic["measure"] == "share_difference"
    assert (basic["mean_left"], basic["mean_stayed"]) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert basic["missing_stayed"] == 0.25
    assert np.isnan(basic["median_left"])
    assert np.isnan(basic["standardised_difference"])
    assert (table["effect"].abs().diff().dropna() <= 1e-12).all()


def drawn(n, seed, shift=0.4):
    rng = np.random.default_rng(seed)
    churned = (rng.random(n) < 0.3).astype(int)
    x = rng.normal(shift * churned)
    plan = np.where(rng.random(n) < 0.4 + 0.15 * churned, "basic", "gold")
    return pd.DataFrame({"churned": churned, "x": x, "plan": plan})


def test_interval_of_numbers_is_delongs():
    frame = drawn(800, 1)
    found = row(win_loss(frame), "x")
    areas = delong(frame["churned"], {"x": frame["x"]}).intervals().iloc[0]
    assert found["effect"] == pytest.approx(2 * roc_auc_score(frame["churned"], frame["x"]) - 1)
    # DeLong divides by n - 1 where the influences divide by n; score intervals are a little shorter.
    assert found["effect_high"] - found["effect_low"] == pytest.approx(2 * (areas["high"] - areas["low"]), rel=0.01)


def test_text_and_the_number_that_it_stands_for_are_told_alike():
    frame = drawn(500, 2)
    frame["is_basic"] = (frame["plan"] == "basic").astype(float)
    table = win_loss(frame)
    text, number = row(table, "plan", "basic"), row(table, "is_basic")
    for column in ("effect", "effect_low", "effect_high", "mean_left", "mean_stayed"):
        assert text[column] == pytest.approx(number[column])


def test_intervals_hold_the_truth_as_often_as_they_say():
    """120 worlds of 400 customers: normal values apart by 0.4 have a delta of 2 Phi(0.4 / sqrt 2) - 1."""
    true_delta, true_share = 2 * stats.norm.cdf(0.4 / np.sqrt(2)) - 1, 0.15
    held = np.zeros((120, 2))
    for seed in range(120):
        table = win_loss(drawn(400, seed))
        x, basic = row(table, "x"), row(table, "plan", "basic")
        held[seed] = (x["effect_low"] <= true_delta <= x["effect_high"],
                      basic["effect_low"] <= true_share <= basic["effect_high"])  # fmt: skip
    # Four standard errors of a share of 120 around 95 %.
    assert (np.abs(held.mean(axis=0) - 0.95) < 0.08).all()


@pytest.mark.parametrize(
    ("have", "of", "other_have", "other_of", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926), (10, 10, 0, 20, 0.6791, 1.0), (10, 10, 0, 10, 0.6075, 1.0),
    ],
)  # fmt: skip
def test_intervals_of_shares_are_newcombes(have, of, other_have, other_of, low, high):
    """Newcombe (1998), Statistics in Medicine 17(8), table II, method 10."""
    churned = np.r_[np.ones(of), np.zeros(other_of)]
    plan = ["a"] * have + ["b"] * (of - have) + ["a"] * other_have + ["b"] * (other_of - other_have)
    found = row(win_loss(pd.DataFrame({"churned": churned, "plan": plan})), "plan", "a")
    assert (found["effect_low"], found["effect_high"]) == pytest.approx((low, high), abs=6e-5)


def test_perfect_separation_of_a_few_is_not_sure():
    """Feng and Cliff (2004): at a delta of 1 the lower end is (n - z^2) / (n + z^2) of the smaller group."""
    frame = pd.DataFrame({"churned": [1, 1, 0, 0, 0], "x": [5, 6, 1, 2, 3]})
    found, square = row(win_loss(frame), "x"), stats.norm.ppf(0.975) ** 2
    assert (found["effect"], found["effect_high"]) == (1.0, 1.0)
    assert found["effect_low"] == pytest.approx((2 - square) / (2 + square))
    turned = row(win_loss(frame.assign(x=-frame["x"])), "x")
    assert (turned["effect_low"], turned["effect_high"]) == pytest.approx((-1.0, -found["effect_low"]))
    # The same customers told of three times are no more customers.
    again = win_loss(frame.loc[frame.index.repeat(3)], customers=np.repeat(range(5), 3))
    assert row(again, "x")["effect_low"] == pytest.approx(found["effect_low"])


def test_intervals_of_few_customers_far_apart_hold_the_truth():
    """Ten and ten, 2.5 standard deviations apart: half of the samples are told apart without an error, or nearly."""
    truth, rng, held = 2 * stats.norm.cdf(2.5 / np.sqrt(2)) - 1, np.random.default_rng(3), []
    churned = np.repeat([1, 0], 10)
    for _ in range(200):
        found = row(win_loss(pd.DataFrame({"churned": churned, "x": rng.normal(2.5 * churned)})), "x")
        held.append(found["effect_low"] <= truth <= found["effect_high"])
    assert np.mean(held) > 0.92


def test_the_order_of_rows_does_not_matter():
    """Twelve cities of as many customers each: the first ten in the alphabet are told."""
    cities = [f"c{number:02}" for number in range(12)] * 2
    frame = pd.DataFrame({"churned": [1] * 12 + [0] * 12, "city": cities})
    table = win_loss(frame)
    assert sorted(table["value"]) == cities[:MOST_VALUES]
    for seed in range(5):
        shuffled = win_loss(frame.sample(frac=1, random_state=seed, ignore_index=True))
        pd.testing.assert_frame_equal(shuffled, table)


def test_rows_of_the_same_customer_are_not_taken_for_several():
    one = drawn(300, 5)
    nine = one.loc[one.index.repeat(9)].reset_index(drop=True)
    ids = np.repeat(np.arange(300), 9)
    for feature, value in (("x", None), ("plan", "basic")):
        single, together = row(win_loss(one), feature, value), row(win_loss(nine, customers=ids), feature, value)
        for column in ("effect", "effect_low", "effect_high"):
            assert together[column] == pytest.approx(single[column])


def test_shuffled_labels_separate_nothing():
    frame = drawn(3000, 6)
    frame["churned"] = np.random.default_rng(7).permutation(frame["churned"])
    table = win_loss(frame, level=0.999)
    assert ((table["effect_low"] < 0) & (table["effect_high"] > 0)).all()


def test_frequent_values_are_told_and_empty_columns_are_not():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"left": rng.integers(0, 2, 900), "city": rng.choice([f"c{i}" for i in range(40)], 900)})
    frame["empty"] = np.nan
    frame["only_left"] = np.where(frame["left"] == 1, 1.0, np.nan)
    frame["constant"] = 3.0
    table = win_loss(frame, "left")
    assert (table["feature"] == "city").sum() == MOST_VALUES
    assert set(table["feature"]) == {"city", "constant"}
    constant = row(table, "constant")
    # What all of them have separates nothing, and a few more customers might lack it.
    assert constant["effect"] == 0
    assert -0.01 < constant["effect_low"] < 0 < constant["effect_high"] < 0.01
    assert np.isnan(constant["standardised_difference"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"churned": [1, 1, 1]}, "nobody to tell them from"),
        ({"churned": [1, 0, 2]}, "neither 0 nor 1"),
        ({"x": [1.0, np.inf, 2.0]}, "infinite"),
        ({"x": [1.0, "a", 2.0]}, "x"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    frame = pd.DataFrame({"churned": [1, 0, 1], "x": [1.0, 2.0, 3.0]}).assign(**change)
    with pytest.raises(InputError, match=message):
        win_loss(frame)


def test_missing_columns_and_ids_of_another_length_are_refused():
    frame = pd.DataFrame({"churned": [1, 0, 1], "x": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match="gone"):
        win_loss(frame, "gone")
    with pytest.raises(InputError, match="z"):
        win_loss(frame, features=["z"])
    with pytest.raises(InputError, match="each of 3 rows, got 2"):
        win_loss(frame, customers=[1, 2])
