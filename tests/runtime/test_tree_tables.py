"""Contributions of trees from tables: against a plain-Python Shapley value, XGBoost's own TreeSHAP, and by hand."""

import json
import math
from itertools import combinations

import numpy as np
import pytest
import xgboost

from patronage.errors import ModelError
from patronage.runtime.tree_tables import MOST_QUESTIONS, TreeTables, table_cells
from patronage.runtime.trees import Forest


def rows(n, seed=0):
    """Five numbers, coarse enough to lie on thresholds, and a category; a tenth of the values missing."""
    rng = np.random.default_rng(seed)
    matrix = np.round(rng.normal(size=(n, 6)), 1).astype(np.float32)
    matrix[:, 5] = rng.integers(0, 12, n)
    matrix[rng.random(matrix.shape) < 0.1] = np.nan
    return matrix


def data(matrix, label=None):
    types = ["q"] * 5 + ["c"]
    return xgboost.DMatrix(matrix, label=label, feature_types=types, enable_categorical=True)


def booster(depth, n_trees=8, **settings):
    matrix = rows(4000)
    known = np.nan_to_num(matrix)
    odds = known[:, 0] + known[:, 1] * known[:, 2] + np.where(np.isin(known[:, 5], (1, 4, 9)), 1.5, -0.5)
    label = np.random.default_rng(1).random(4000) < 1 / (1 + np.exp(-odds))
    shape = {"objective": "binary:logistic", "max_depth": depth, "learning_rate": 0.5, "nthread": 1, **settings}
    return xgboost.train(shape, data(matrix, label), n_trees)


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 6, 8])
def test_tables_are_xgboosts_exact_contributions(depth):
    trees, new = booster(depth), rows(500, seed=2)
    tables = TreeTables(trees)
    exact = trees.predict(data(new), pred_contribs=True)
    np.testing.assert_allclose(tables.contributions(new).T, exact[:, :-1], atol=2e-6)
    assert tables.bias == pytest.approx(float(exact[0, -1]), abs=1e-6)


@pytest.mark.parametrize("depth", [3, 6])
def test_contributions_sum_to_the_margin_of_every_row(depth):
    trees, new = booster(depth, n_trees=40, learning_rate=0.1), rows(5000, seed=3)
    tables = TreeTables(trees)
    margin = trees.predict(data(new), output_margin=True)
    assert np.abs(tables.contributions(new).sum(axis=0) + tables.bias - margin).max() < 1e-5


@pytest.mark.parametrize("strange", [0.0, -0.0, 1e-45, 3.4e38, -3.4e38, np.nan])
def test_strange_numbers_go_where_xgboost_sends_them(strange):
    trees = booster(4)
    new = np.full((3, 6), strange, dtype=np.float32)
    new[:, 5] = (0, 11, np.nan)
    tables = TreeTables(trees)
    margin = trees.predict(data(new), output_margin=True)
    np.testing.assert_allclose(tables.contributions(new).sum(axis=0) + tables.bias, margin, atol=1e-5)


def shapley_of_a_tree(stored, row):
    """Shapley values of the game of Lundberg et al. (2018), by going through all sets of features."""
    left, right = stored["left_children"], stored["right_children"]
    used = sorted({f for node, f in enumerate(stored["split_indices"]) if left[node] != -1})

    def goes_left(node):
        value = row[stored["split_indices"][node]]
        return (
            bool(stored["default_left"][node])
            if math.isnan(value)
            else np.float32(value) < np.float32(stored["split_conditions"][node])
        )

    def worth(known, node=0):
        if left[node] == -1:
            return stored["split_conditions"][node]
        if stored["split_indices"][node] in known:
            return worth(known, left[node] if goes_left(node) else right[node])
        cover = stored["sum_hessian"]
        return sum(cover[child] / cover[node] * worth(known, child) for child in (left[node], right[node]))

    values = dict.fromkeys(used, 0.0)
    for feature in used:
        others = [other for other in used if other != feature]
        for size in range(len(others) + 1):
            weight = math.factorial(size) * math.factorial(len(others) - size) / math.factorial(len(used))
            for known in combinations(others, size):
                values[feature] += weight * (worth({*known, feature}) - worth(set(known)))
    return values, worth(set())


def test_tables_are_shapley_values_by_definition():
    matrix = rows(4000)[:, :5]
    label = (np.nan_to_num(matrix[:, 0] * matrix[:, 1]) + np.nan_to_num(matrix[:, 2]) > 0.3).astype(int)
    shape = {"objective": "binary:logistic", "max_depth": 5, "nthread": 1}
    trees = xgboost.train(shape, xgboost.DMatrix(matrix, label=label), 2)
    stored = json.loads(bytes(trees.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    tables, new = TreeTables(trees), rows(12, seed=5)[:, :5]
    found = tables.contributions(new)
    for position, row in enumerate(new.tolist()):
        expected = np.zeros(5)
        for tree in stored:
            values, _ = shapley_of_a_tree(tree, row)
            for feature, value in values.items():
                expected[feature] += value
        np.testing.assert_allclose(found[:, position], expected, atol=1e-6)
    means = sum(shapley_of_a_tree(tree, new[0].tolist())[1] for tree in stored)
    assert tables.bias - Forest.of(trees).start == pytest.approx(means, abs=1e-6)


def test_a_stump_by_hand():
    """Half of the rows leave: leaves of -0.6 and 0.6 around their mean, 0, and a base rate of one half."""
    x = np.array([[0.0], [0.0], [1.0], [1.0]], dtype=np.float32)
    shape = {"objective": "binary:logistic", "max_depth": 1, "reg_lambda": 0, "learning_rate": 0.3, "base_score": 0.5,
             "min_child_weight": 0, "nthread": 1}  # fmt: skip
    trees = xgboost.train(shape, xgboost.DMatrix(x, label=[0, 0, 1, 1]), 1)
    # The step of Newton is (1 - 1/2) / (1/4) = 2 in either leaf, times 0.3.
    tables = TreeTables(trees)
    assert tables.contributions(x).tolist() == [pytest.approx([-0.6, -0.6, 0.6, 0.6], abs=1e-6)]
    assert tables.bias == pytest.approx(0, abs=1e-6)


def test_trees_without_a_split_contribute_nothing():
    trees = xgboost.train(
        {"objective": "binary:logistic", "gamma": 1e9, "nthread": 1}, data(rows(50), np.arange(50) % 2), 3
    )
    tables, new = TreeTables(trees), rows(4)
    assert not tables.contributions(new).any()
    assert trees.predict(data(new), output_margin=True) == pytest.approx(tables.bias, abs=1e-6)


def test_deep_trees_are_cut_into_parts_of_few_questions():
    parts = TreeTables(booster(8, n_trees=2)).parts
    assert len(parts) > 2
    assert max(len(part.questions) for part in parts) <= MOST_QUESTIONS
    assert table_cells(booster(3)) <= 8 * 7 * 2**7


def test_a_row_has_the_same_contributions_whatever_rows_are_beside_it():
    tables, new = TreeTables(booster(3)), rows(70_000, seed=4)
    whole = tables.contributions(new)
    assert (whole[:, 65_000:65_100] == tables.contributions(new[65_000:65_100])).all()


def test_a_sum_of_no_trees_is_refused():
    linear = xgboost.train({"booster": "gblinear", "nthread": 1}, xgboost.DMatrix(np.eye(4), label=[0, 1, 0, 1]), 1)
    with pytest.raises(ModelError, match="gblinear"):
        TreeTables(linear)
