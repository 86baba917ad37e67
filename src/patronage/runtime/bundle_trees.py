"""The trees of a bundle, looked through before XGBoost loads them.

XGBoost follows the positions in a file of trees without looking whether they are there: a child beyond the last node
ends the process, a circle of nodes never ends. What passes here is a forest: every node is reached from its root once,
every question is asked of a feature that there is, every leaf is a number.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .bundle_ubjson import read_ubjson

MOST_CATEGORIES = 2**20
"""Codes of categories; XGBoost keeps a bit for each, in every node that asks."""

DEEPEST_TREE = 512
"""Levels of one tree."""

DELETED = 2**31 - 1
"""What XGBoost writes as the feature of a node that pruning took away."""

_ARRAYS = ("left_children", "right_children", "parents", "split_indices", "split_conditions", "default_left",
           "split_type", "sum_hessian", "loss_changes", "base_weights")  # fmt: skip
"""One value for each node."""

_CATEGORY_ARRAYS = ("categories", "categories_nodes", "categories_segments", "categories_sizes")


def check_trees(content: bytes) -> tuple[str, ...]:
    """Look through trees as XGBoost stores them.

    Parameters
    ----------
    content : bytes
        The file ``churn.ubj``.

    Returns
    -------
    tuple of str
        The names of the features that the trees look at.

    Raises
    ------
    KeyError, TypeError, ValueError
        If they are cut off, no forest with one output, or hold a value that cannot be.
    """
    stored = _mapping(read_ubjson(content), "the file")
    _require(set(stored) == {"learner", "version"}, "it does not hold a learner and a version alone")
    learner = _mapping(stored["learner"], "the learner")
    n_features = _outputs(_mapping(learner["learner_model_param"], "learner_model_param"), learner)
    names = learner["feature_names"]
    _require(
        isinstance(names, list) and len(names) == n_features and all(isinstance(name, str) for name in names),
        f"its feature names are not {n_features} texts",
    )
    types = learner["feature_types"]
    _require(isinstance(types, list) and len(types) in (0, n_features), f"its feature types are not {n_features}")
    booster = _mapping(learner["gradient_booster"], "the booster")
    _require(booster["name"] == "gbtree", f"its booster is {booster['name']!r}, not gbtree")
    model = _mapping(booster["model"], "the model")
    _require(not _mapping(model.get("cats", {}), "cats").get("enc"), "it brings categories of its own")
    trees = model["trees"]
    _require(isinstance(trees, list) and len(trees) > 0, "it holds no trees")
    stated = _mapping(model["gbtree_model_param"], "gbtree_model_param")
    _require(
        _whole(stated["num_trees"]) == len(trees), f"it states {stated['num_trees']!r} trees, there are {len(trees)}"
    )
    _require(_whole(stated["num_parallel_tree"]) >= 1, "num_parallel_tree is below 1")
    groups, rounds = _integers(model["tree_info"]), _integers(model["iteration_indptr"])
    _require(len(groups) == len(trees) and not groups.any(), "its trees are not all of one output")
    _require(
        len(rounds) > 1 and rounds[0] == 0 and rounds[-1] == len(trees) and bool((np.diff(rounds) >= 0).all()),
        "its rounds do not cover its trees",
    )
    _check_forest([_mapping(tree, "a tree") for tree in trees], n_features)
    return tuple(names)


def _outputs(stated: Mapping[str, Any], learner: Mapping[str, Any]) -> int:
    """The number of features, after a look at what comes out."""
    _require(_whole(stated["num_class"]) <= 1 and _whole(stated.get("num_target", "1")) == 1, "it has several outputs")
    objective = str(_mapping(learner["objective"], "the objective")["name"])
    _require(objective.startswith(("binary:", "reg:")), f"its objective is {objective!r}")
    start = float(str(stated["base_score"]).removeprefix("[").removesuffix("]"))
    _require(math.isfinite(start), f"it starts from {start}")
    _require(not objective.endswith("logistic") or 0 < start < 1, f"it starts from the probability {start}")
    return _whole(stated["num_feature"])


def _check_forest(trees: list[Mapping[str, Any]], n_features: int) -> None:
    """Look through the nodes of all trees together, one tree behind the other."""
    sizes, deleted = np.array([_sizes(_mapping(tree["tree_param"], "tree_param"), n_features) for tree in trees]).T
    nodes = {name: _joined(trees, name, sizes) for name in _ARRAYS}
    tree_of = np.repeat(np.arange(len(trees)), sizes)
    starts = np.cumsum(sizes) - sizes
    left, right = _integers(nodes["left_children"]), _integers(nodes["right_children"])
    reached = _reached(left, right, _integers(nodes["parents"]), starts, tree_of)
    asked = _integers(nodes["split_indices"])
    others = np.setdiff1d(np.arange(len(left)), reached, assume_unique=True)
    _require_all(np.bincount(tree_of[others], minlength=len(trees)) == deleted, None, "nodes are out of reach")
    _require_all(asked[others] == DELETED, tree_of[others], "a node is out of reach")
    is_leaf = left[reached] == -1
    inner, leaves = reached[~is_leaf], reached[is_leaf]
    on_inner = tree_of[inner]
    _require_all((asked[inner] >= 0) & (asked[inner] < n_features), on_inner, "it asks for a feature that is not there")
    values, kinds = nodes["split_conditions"], nodes["split_type"]
    _require_all(np.isfinite(values[leaves]), tree_of[leaves], "a leaf is not a finite number")
    _require_all((kinds == 0) | (kinds == 1), tree_of, "a question is neither of a number nor of a category")
    of_category = kinds[inner] == 1
    _require_all(~np.isnan(values[inner]) | of_category, on_inner, "a threshold is not a number")
    _require_all(nodes["sum_hessian"][reached] >= 0, tree_of[reached], "a node has a negative weight")
    _check_categories(trees, starts, sizes, inner[of_category])


def _sizes(stated: Mapping[str, Any], n_features: int) -> tuple[int, int]:
    """Nodes of a tree, and how many of them pruning took away."""
    _require(_whole(stated["size_leaf_vector"]) <= 1, "its leaves are vectors")
    _require(_whole(stated["num_feature"]) == n_features, f"a tree is of {stated['num_feature']!r} features")
    n_nodes = _whole(stated["num_nodes"])
    _require(n_nodes >= 1, "a tree has no nodes")
    return n_nodes, _whole(stated["num_deleted"])


def _joined(trees: list[Mapping[str, Any]], name: str, sizes: NDArray[np.int64]) -> NDArray[Any]:
    arrays = [np.asarray(tree[name]) for tree in trees]
    fits = [array.shape == (size,) and array.dtype.kind in "iuf" for array, size in zip(arrays, sizes, strict=True)]
    _require_all(np.array(fits), None, f"{name} is not a number for each node")
    return np.concatenate(arrays)


def _reached(
    left: NDArray[np.int64],
    right: NDArray[np.int64],
    parents: NDArray[np.int64],
    starts: NDArray[np.int64],
    tree_of: NDArray[np.int64],
) -> NDArray[np.int64]:
    """The nodes below the roots and themselves, in order; every one has one parent."""
    sizes = np.bincount(tree_of)
    levels = [starts]
    while True:
        level = levels[-1]
        ends = left[level] == -1
        _require_all(ends == (right[level] == -1), tree_of[level], "a node has one child")
        inner = level[~ends]
        if not len(inner):
            break
        parent, child = np.tile(inner, 2), np.concatenate([left[inner], right[inner]])
        tree = tree_of[parent]
        _require_all((child > 0) & (child < sizes[tree]), tree, "a child is not there")
        level = child + starts[tree]
        _require_all(parents[level] + starts[tree] == parent, tree, "a child has another parent")
        levels.append(level)
        _require(len(levels) <= DEEPEST_TREE, f"a tree is deeper than {DEEPEST_TREE} levels, or a circle")
    reached = np.sort(np.concatenate(levels))
    _require_all(np.diff(reached) > 0, tree_of[reached[1:]], "a node is reached twice")
    return reached


def _check_categories(
    trees: list[Mapping[str, Any]], starts: NDArray[np.int64], sizes: NDArray[np.int64], asking: NDArray[np.int64]
) -> None:
    sets = {name: [_integers(tree[name]) for tree in trees] for name in _CATEGORY_ARRAYS}
    lengths = {name: np.array([len(values) for values in arrays]) for name, arrays in sets.items()}
    n_codes, per_tree = lengths["categories"], lengths["categories_nodes"]
    alike = (lengths["categories_segments"] == per_tree) & (lengths["categories_sizes"] == per_tree)
    _require_all(alike, None, "its categories are not told apart")
    codes, nodes, begins, counts = (np.concatenate(sets[name]) for name in _CATEGORY_ARRAYS)
    tree = np.repeat(np.arange(len(trees)), per_tree)
    _require_all((nodes >= 0) & (nodes < sizes[tree]), tree, "its categories are of nodes that are not there")
    _require(np.array_equal(nodes + starts[tree], asking), "categories do not belong to the nodes that ask for one")
    fits = (begins >= 0) & (counts >= 0) & (begins <= n_codes[tree]) & (counts <= n_codes[tree] - begins)
    _require_all(fits, tree, "a node asks for categories that are not there")
    known = (codes >= 0) & (codes < MOST_CATEGORIES)
    _require_all(known, np.repeat(np.arange(len(trees)), n_codes), f"a category is not below {MOST_CATEGORIES:,}")


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    _require(isinstance(value, dict), f"{what} is no object")
    return value  # type: ignore[no-any-return]


def _whole(text: Any) -> int:
    """A whole number, which XGBoost writes as text."""
    _require(isinstance(text, str) and re.fullmatch(r"\d{1,9}", text) is not None, f"{text!r} is no whole number")
    return int(text)


def _integers(values: Any) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    _require(array.ndim == 1 and array.dtype.kind in "iu", "positions are no whole numbers")
    return array.astype(np.int64)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _require_all(holds: NDArray[np.bool_], tree_of: NDArray[np.int64] | None, otherwise: str) -> None:
    """Refuse the first tree for which something does not hold; without `tree_of`, there is a value for each tree."""
    if not holds.all():
        first = int(holds.argmin())
        message = f"tree {first if tree_of is None else tree_of[first]}: {otherwise}"
        raise ValueError(message)
