"""Churn models as the runtime has them: by hand, and there and back through JSON."""

import json

import numpy as np
import pytest
import xgboost
from scipy import special

from patronage.errors import InputError
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn import ChurnModel, trees_input
from patronage.runtime.churn_kinds import KINDS, churn_facts, churn_model, churn_trees
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.churn_stack import StackedChurnModel

FEATURES, CATEGORIES = ("x", "plan"), {"plan": ("gold", "silver")}
COLUMNS = {
    "x": np.array([0.5, -1.0, np.nan, 2.0]),
    "plan": np.array(["gold", "silver", None, "brass"], dtype=object),
    "probability_active": np.array([0.5, 0.9, 1.0, 0.0]),
}
SIGMOID = Calibration("sigmoid", (), (0.1, 0.9), -0.2)


@pytest.fixture(scope="module")
def trees():
    rng = np.random.default_rng(0)
    columns = {"x": rng.normal(size=500), "plan": rng.choice(["gold", "silver"], 500).astype(object)}
    label = (columns["x"] + (columns["plan"] == "gold") > 0).astype(int)
    data = trees_input(columns, FEATURES, CATEGORIES, label)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 5)
    return ChurnModel(booster, FEATURES, 91, SIGMOID, CATEGORIES)


@pytest.fixture(scope="module")
def sums():
    numbers = {"x": NumberTerm(centre=0.5, scale=2.0, slope=1.5, missing=-0.25)}
    return LogisticChurnModel(FEATURES, 91, SIGMOID, -1.0, numbers, {"plan": (0.3, -0.4, 0.05)}, CATEGORIES)


@pytest.fixture(scope="module")
def stack(trees):
    return StackedChurnModel(trees, "probability_active", 0.2, 0.8, 0.5, Calibration("none", (), ()))


def test_logistic_terms_by_hand(sums):
    margins = [-1.0 + 0.0 + 0.3, -1.0 - 1.125 - 0.4, -1.0 - 0.25 + 0.05, -1.0 + 1.125 + 0.05]
    assert sums.margin(COLUMNS) == pytest.approx(margins, abs=1e-15)
    assert sums.terms(COLUMNS)[1] == pytest.approx([-1.125, -0.4])
    expected = special.expit(0.1 + 0.9 * np.array(margins) - 0.2)
    assert sums.churn_probability(COLUMNS) == pytest.approx(expected, abs=1e-15)
    with pytest.raises(InputError, match="expected: plan text"):
        sums.margin({**COLUMNS, "plan": COLUMNS["x"]})


def test_the_stack_by_hand(stack, trees):
    absence = [0.0, np.log(0.1 / 0.9), np.log(1e-6 / (1 - 1e-6)), np.log((1 - 1e-6) / 1e-6)]
    margins = 0.2 + 0.8 * trees.margin(COLUMNS) + 0.5 * np.array(absence)
    assert stack.margin(COLUMNS) == pytest.approx(margins, abs=1e-9)
    assert stack.churn_probability(COLUMNS) == pytest.approx(special.expit(margins), abs=1e-9)
    assert stack.features == ("x", "plan", "probability_active")
    assert (stack.horizon_days, stack.categories) == (91, CATEGORIES)


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back(kind, request):
    name = {"xgboost": "trees", "logistic": "sums", "stack": "stack"}[kind]
    model = request.getfixturevalue(name)
    stored, trees = json.loads(json.dumps(churn_facts(model))), churn_trees(model)
    assert stored["kind"] == kind
    again = churn_model(stored, None if trees is None else bytes(trees.save_raw("ubj")))
    assert type(again) is type(model)
    assert again.churn_probability(COLUMNS).tolist() == model.churn_probability(COLUMNS).tolist()
    assert churn_facts(again) == churn_facts(model)


def test_facts_of_older_bundles_are_read(trees):
    """They know no kind, no categories and no offset."""
    calibration = {"kind": "sigmoid", "knots_x": [], "knots_y": [0.0, 1.0]}
    facts = {"features": ["x", "plan"], "horizon_days": 91, "calibration": calibration}
    model = churn_model(facts, bytes(trees.booster.save_raw("ubj")))
    assert model.calibration == Calibration("sigmoid", (), (0.0, 1.0), 0.0)
    assert model.categories == {}


def test_facts_that_do_not_fit(trees):
    facts, stored = churn_facts(trees), bytes(trees.booster.save_raw("ubj"))
    with pytest.raises(ValueError, match="'oracle' is not known, only xgboost, stack, logistic"):
        churn_model({**facts, "kind": "oracle"}, b"")
    for nothing in (None, b""):
        with pytest.raises(ValueError, match="needs its trees"):
            churn_model(facts, nothing)
    with pytest.raises(ValueError, match="does not go with 1 numbers"):
        churn_model({**facts, "calibration": {"kind": "sigmoid", "knots_x": [], "knots_y": [1.0]}}, stored)
