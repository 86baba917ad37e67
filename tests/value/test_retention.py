"""Value at risk by hand, and the satisfaction curve against counts and a published interval."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import InputError
from patronage.schema import SATISFACTION_LOYALTY, VALUE_AT_RISK
from patronage.value.retention import lists_compared, satisfaction_loyalty, value_at_risk, wilson_interval

FIVE = pd.DataFrame(
    {
        "customer_id": ["riskiest", "both", "rich", "poor", "loss"],
        "churn_probability": [0.9, 0.5, 0.1, 0.2, 0.8],
        "future_profit": [10.0, 100.0, 200.0, 5.0, -40.0],
    }
)


def test_the_list_is_of_value_not_of_risk():
    found = value_at_risk(FIVE)
    assert list(found.columns) == list(VALUE_AT_RISK.names)
    assert found["customer_id"].tolist() == ["both", "rich", "riskiest", "poor", "loss"]
    assert found["value_at_risk"].tolist() == pytest.approx([50, 20, 9, 1, -32])
    assert found["rank_by_risk"].tolist() == [3, 5, 1, 4, 2]
    assert found["cumulative_share"].tolist() == pytest.approx([50 / 80, 70 / 80, 79 / 80, 1, 1])


def test_lists_of_equal_length_compared():
    found = lists_compared(value_at_risk(FIVE), [0.4])
    assert found["customers"].tolist() == [2]
    assert found.loc[0, "by_value_at_risk"] == pytest.approx(70 / 80)
    assert found.loc[0, "by_risk"] == pytest.approx((9 - 32) / 80)
    assert found.loc[0, "by_profit"] == pytest.approx(70 / 80)


def test_no_list_holds_more_than_that_by_value_at_risk():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"churn_probability": rng.random(500), "future_profit": rng.normal(20, 60, 500)})
    found = lists_compared(value_at_risk(frame), np.linspace(0, 1, 21))
    assert (found["by_value_at_risk"] >= found[["by_risk", "by_profit"]].max(axis=1) - 1e-12).all()
    assert found.iloc[-1, 2:].tolist() == pytest.approx([found.iloc[-1]["by_value_at_risk"]] * 3)


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("churn_probability", 1.2, r"1 of 5 customers have a churn probability outside 0 to 1 \(first: rich\)"),
        ("future_profit", np.nan, r"no finite future profit \(first: rich\)"),
    ],
)
def test_bad_inputs_are_named(column, value, named):
    with pytest.raises(InputError, match=named):
        value_at_risk(FIVE.assign(**{column: FIVE[column].where(FIVE["customer_id"] != "rich", value)}))
    with pytest.raises(InputError, match="churn_probability is not there"):
        value_at_risk(FIVE.drop(columns="churn_probability"))


def test_wilson_equals_published_intervals():
    """Newcombe (1998), Statistics in Medicine 17, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29."""
    low, high = wilson_interval(np.array([81.0, 15, 0, 1]), np.array([263.0, 148, 20, 29]), 0.95)
    assert low.round(4).tolist() == [0.2553, 0.0624, 0.0, 0.0061]
    assert high.round(4).tolist() == [0.3662, 0.1605, 0.1611, 0.1718]


def test_levels_and_changes_by_hand():
    score = [1, 1, 1, 1, 5, 5, np.nan, 3]
    left = [1, 1, 1, 0, 0, 0, 1, 0]
    value = [10.0, 10, 10, 10, 80, 120, 7, 3]
    change = [-1, -2, 0, np.nan, 1, 0, np.nan, np.nan]
    found = satisfaction_loyalty(score, left, value, change, rng=np.random.default_rng(1))
    assert list(found.columns) == list(SATISFACTION_LOYALTY.names)
    level = found[found["by"] == "level"].set_index("group")
    assert level.index.tolist() == ["1", "3", "5", "no score"]
    assert level["customers"].tolist() == [4, 1, 2, 1]
    assert level["churn_rate"].tolist() == [0.75, 0, 0, 1]
    assert level["value_mean"].tolist() == [10, 3, 100, 7]
    assert level.loc["1", ["value_low", "value_high"]].tolist() == [10, 10]
    assert (level.loc["5", "value_low"], level.loc["5", "value_high"]) == (80, 120)
    moved = found[found["by"] == "change"].set_index("group")
    assert moved["customers"].to_dict() == {"fell": 2, "stayed": 2, "rose": 1, "not known": 3}
    assert moved.loc["fell", "churn_rate"] == 1
    assert "association, not effect" in found.attrs["caution"]


def test_a_fine_scale_is_told_in_fifths():
    rng = np.random.default_rng(2)
    score = rng.random(1_000)
    found = satisfaction_loyalty(score, (rng.random(1_000) > score).astype(float), np.ones(1_000), rng=rng)
    assert found["customers"].tolist() == [200] * 5
    assert found["churn_rate"].is_monotonic_decreasing
    assert (found["churn_low"] < found["churn_rate"]).all()


def test_what_is_no_outcome_is_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(InputError, match="neither 0 nor 1"):
        satisfaction_loyalty([1.0], [2.0], [1.0], rng=rng)
    with pytest.raises(InputError, match="numbers differ"):
        satisfaction_loyalty([1.0], [1.0, 0.0], [1.0], rng=rng)
