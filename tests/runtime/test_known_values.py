"""What was never missing in training is scored, and explained, by its usual value."""

import numpy as np
import pytest

from patronage.runtime.bundle import TableBundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.known_values import filled, known_shares, missing, never_missing, unknown
from patronage.runtime.scorer import TableScorer
from patronage.schema import Column, TableSchema

INPUTS = TableSchema("model_input", (Column("tenure", "long", "", True, ""), Column("plan", "string", "", True, "")))
FACTS = {"missing_share": {"tenure": 0.0, "plan": 0.0}, "usual": {"tenure": 20.0, "plan": "plus"}}


def bundle(training):
    churn = LogisticChurnModel(
        features=("tenure", "plan"), horizon_days=0, calibration=Calibration("none", (), ()), intercept=-1.0,
        numbers={"tenure": NumberTerm(10.0, 5.0, -0.5, 0.25)}, levels={"plan": (0.3, -0.2, 0.7)},
        categories={"plan": ("basic", "plus")},
    )  # fmt: skip
    return TableBundle(churn=churn, inputs=INPUTS, training=training)


def test_shares_are_counted_by_hand():
    columns = {"x": np.array([1.0, np.nan, 3.0, np.nan]), "plan": np.array(["a", None, "z", "a"], dtype=object)}
    assert known_shares(columns, ["x", "plan"], {"plan": ("a",)}) == {
        "missing_share": {"x": 0.5, "plan": 0.25}, "unknown_share": {"plan": 0.25},
    }  # fmt: skip
    assert missing(columns["plan"]).tolist() == [False, True, False, False]
    assert unknown(columns["plan"], ("a",)).tolist() == [False, False, True, False]


def test_only_what_never_was_missing_is_filled_and_nothing_is_changed_in_place():
    columns = {"x": np.array([np.nan, 1.0]), "y": np.array([np.nan, 1.0])}
    facts = {"missing_share": {"x": 0.0, "y": 0.1}, "usual": {"x": 7.0, "y": 8.0}}
    assert never_missing(facts) == {"x": 7.0}
    result = filled(columns, facts)
    assert result["x"].tolist() == [7.0, 1.0]
    assert np.isnan(result["y"][0])
    assert np.isnan(columns["x"][0])


@pytest.mark.parametrize("facts", [{}, {"usual": {"tenure": 1.0}}, {"missing_share": {"tenure": 0.0}}])
def test_older_bundles_fill_nothing(facts):
    assert never_missing(facts) == {}


def test_scores_and_reasons_are_those_of_the_usual_value():
    scorer = TableScorer(bundle(FACTS))
    lacking = {"tenure": [np.nan, 5.0], "plan": ["basic", None]}
    usual = {"tenure": [20.0, 5.0], "plan": ["basic", "plus"]}
    probability = scorer.score(lacking)["churn_probability"]
    # By hand: -1 less half of (20 - 10) / 5, and 0.3 for basic; -1 and half of (10 - 5) / 5, less 0.2 for plus.
    np.testing.assert_allclose(np.log(probability / (1 - probability)), [-1.7, -0.7])
    assert np.array_equal(probability, scorer.score(usual)["churn_probability"])
    told, expected = scorer.reasons(lacking), scorer.reasons(usual)
    np.testing.assert_allclose(told.margin, [-1.7, -0.7])
    assert [list(one) for one in told.text] == [list(one) for one in expected.text]
    older = TableScorer(bundle({}))
    assert older.score(lacking)["churn_probability"][0] != pytest.approx(probability[0])
