"""Contributions of every kind of churn model: they sum to the margin that was scored."""

from dataclasses import replace

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import ConfigError, InputError, ModelError
from patronage.runtime import contributions as module
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn import ChurnModel, trees_input
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.churn_stack import StackedChurnModel
from patronage.runtime.contributions import Explainer

NONE = Calibration("none", (), ())
FEATURES = ("silence", "spend", "plan")
PLANS = {"plan": ("basic", "gold")}


def customers(n, seed=0):
    rng = np.random.default_rng(seed)
    plan = rng.choice(np.array(["basic", "gold", "unheard of", None], dtype=object), n)
    silence = rng.gamma(2, 40, n)
    silence[rng.random(n) < 0.1] = np.nan
    return {
        "silence": silence,
        "spend": rng.lognormal(3, 1, n),
        "plan": plan,
        "probability_active": rng.random(n).round(3),
    }


@pytest.fixture(scope="module")
def trees():
    columns = customers(3000)
    odds = np.nan_to_num(columns["silence"], nan=80) / 60 - np.log(columns["spend"]) / 2 + (columns["plan"] == "basic")
    churned = np.random.default_rng(1).random(3000) < 1 / (1 + np.exp(-odds))
    data = trees_input(columns, FEATURES, PLANS, churned)
    shape = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    return ChurnModel(xgboost.train(shape, data, 30), FEATURES, 91, Calibration("sigmoid", (), (-0.1, 0.9)), PLANS)


@pytest.fixture(scope="module")
def logistic():
    numbers = {"silence": NumberTerm(80.0, 50.0, 0.8, 0.3), "spend": NumberTerm(30.0, 40.0, -0.5, 0.0)}
    return LogisticChurnModel(FEATURES, 91, NONE, -1.0, numbers, {"plan": (0.4, -0.6, 0.1)}, PLANS)


@pytest.fixture(scope="module")
def stack(trees):
    return StackedChurnModel(trees, "probability_active", 0.2, 0.7, 0.5, NONE)


@pytest.mark.parametrize("name", ["trees", "logistic", "stack"])
@pytest.mark.parametrize("method", ["auto", "exact", "fast"])
def test_contributions_and_bias_sum_to_the_margin(request, name, method):
    model, new = request.getfixturevalue(name), customers(2000, seed=2)
    explainer = Explainer(model, {"probability_active": 0.8}, method)
    found = explainer.contributions(new)
    assert found.shape == (len(model.features), 2000)
    assert np.abs(found.sum(axis=0) + explainer.bias - model.margin(new)).max() < 1e-5
    # Probability scored is probability explained.
    explained = model.calibration.probability(found.sum(axis=0) + explainer.bias)
    np.testing.assert_allclose(explained, model.churn_probability(new), atol=1e-5)


def test_logistic_contributions_by_hand(logistic):
    row = {"silence": np.array([130.0, np.nan]), "spend": np.array([30.0, 70.0]),
           "plan": np.array(["gold", None], dtype=object)}  # fmt: skip
    explainer = Explainer(logistic)
    assert explainer.contributions(row).T.tolist() == [[0.8, 0.0, -0.6], [0.3, -0.5, 0.1]]
    assert (explainer.bias, explainer.method) == (-1.0, "terms")


def test_presence_is_told_relative_to_the_usual_customer(stack):
    """Log odds of absence: ln(0.2 / 0.8) = -1.386; the customer who is as usual has no reason there."""
    new = {**customers(2, seed=3), "probability_active": np.array([0.8, 0.5])}
    found = Explainer(stack, {"probability_active": 0.8}).contributions(new)[-1]
    assert found == pytest.approx([0.0, 0.5 * 1.3863], abs=1e-4)
    assert Explainer(stack).contributions(new)[-1] == pytest.approx([-0.5 * 1.3863, 0.0], abs=1e-4)


def test_trees_of_a_stack_weigh_as_in_the_stack(stack, trees):
    new = customers(100, seed=4)
    found, alone = Explainer(stack).contributions(new), Explainer(trees).contributions(new)
    np.testing.assert_allclose(found[:-1], 0.7 * alone)


def test_methods_by_name(trees, monkeypatch):
    assert [Explainer(trees, None, method).method for method in ("auto", "exact", "fast")] == [
        "tables", "tables", "approximate",
    ]  # fmt: skip
    monkeypatch.setattr(module, "MOST_CELLS", 10)
    assert [Explainer(trees, None, method).method for method in ("auto", "exact", "fast")] == [
        "approximate", "shapley", "approximate",
    ]  # fmt: skip
    new = customers(300, seed=5)
    slow = Explainer(trees, None, "exact")
    monkeypatch.undo()
    quick = Explainer(trees, None, "exact")
    np.testing.assert_allclose(slow.contributions(new), quick.contributions(new), atol=2e-6)
    assert slow.bias == pytest.approx(quick.bias, abs=1e-6)


def test_what_does_not_fit_is_refused(trees):
    with pytest.raises(ConfigError, match="explain_method must be one of auto, exact, fast"):
        Explainer(trees, None, "guess")  # type: ignore[arg-type]
    swapped = {**customers(5), "spend": np.array(["much"] * 5, dtype=object)}
    with pytest.raises(InputError, match="spend numbers"):
        Explainer(trees).contributions(swapped)


def test_contributions_that_miss_the_margin_are_noticed(trees):
    explainer = Explainer(trees)
    explainer.bias += 0.01
    with pytest.raises(ModelError, match=r"miss the scored log odds by up to 0\.01"):
        explainer.contributions(customers(10))


def test_no_customers_have_no_contributions(trees, logistic, stack):
    nobody = {name: column[:0] for name, column in customers(3).items()}
    for model in (trees, logistic, stack):
        assert Explainer(model).contributions(nobody).shape == (len(model.features), 0)


@given(
    st.lists(st.floats(-8, 8), min_size=2, max_size=20),
    st.sampled_from(
        [NONE, Calibration("temperature", (), (0.7,)), Calibration("sigmoid", (), (-1.0, 1.3)),
         Calibration("beta", (), (0.2, 0.8, 1.1)), Calibration("isotonic", (-2.0, 0.0, 3.0), (0.05, 0.3, 0.8))],
    ),
    st.floats(-2, 2),
)  # fmt: skip
def test_whatever_raises_the_margin_never_lowers_the_probability(margins, calibration, offset):
    probability = replace(calibration, offset=offset).probability(np.sort(np.array(margins)))
    assert (np.diff(probability) >= -1e-15).all()
