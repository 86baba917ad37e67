"""The trees of a booster as numpy sees them: splits, leaf values, and how many training rows went which way."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray
from scipy import special

from ..errors import ModelError
from .histories import FloatArray


@dataclass(frozen=True)
class Split:
    """A question that a tree asks of a row.

    Attributes
    ----------
    feature : int
        Position of the feature.
    threshold : float32
        Smaller numbers go left.
    missing_left : bool
        Where a missing value goes.
    right : frozenset of int or None
        Codes of the categories that go right, of a feature that is text.
    """

    feature: int
    threshold: np.float32
    missing_left: bool
    right: frozenset[int] | None = None


@dataclass(frozen=True)
class Tree:
    """One tree; nodes are numbered from the root, 0.

    Attributes
    ----------
    splits : dict of int to Split
        Of the inner nodes.
    left, right : list of int
        Children of each node; -1 for leaves.
    value : ndarray of float64
        Log odds that a leaf adds; meaningless for inner nodes.
    share : ndarray of float64
        Part of the training weight (sum of hessians) of its parent that came into each node; 1 for the root.
    """

    splits: dict[int, Split]
    left: list[int]
    right: list[int]
    value: FloatArray
    share: FloatArray

    def inner_below(self, node: int) -> int:
        """Inner nodes from a node downwards, itself among them."""
        if node not in self.splits:
            return 0
        return 1 + self.inner_below(self.left[node]) + self.inner_below(self.right[node])


@dataclass(frozen=True)
class Forest:
    """All trees, and the log odds that they start from."""

    trees: tuple[Tree, ...]
    start: float

    @classmethod
    def of(cls, booster: xgboost.Booster) -> "Forest":
        """Read the trees out of a booster.

        Raises
        ------
        ModelError
            If it is no sum of trees with one output.
        """
        learner = json.loads(bytes(booster.save_raw("json")))["learner"]
        outputs = learner["learner_model_param"]
        made_of = learner["gradient_booster"]["name"]
        if made_of != "gbtree" or int(outputs["num_class"]) > 1 or int(outputs["num_target"]) > 1:
            message = f"Reasons are told of boosted trees (gbtree) with one output; this booster is {made_of}."
            raise ModelError(message)
        score = float(json.loads(str(outputs["base_score"]).strip("[]")))
        is_probability = str(learner["objective"]["name"]).endswith("logistic")
        start = float(special.logit(score)) if is_probability else score
        return cls(tuple(map(_tree, learner["gradient_booster"]["model"]["trees"])), start)


def _tree(stored: dict[str, Any]) -> Tree:
    left, right = stored["left_children"], stored["right_children"]
    cover = np.asarray(stored["sum_hessian"], dtype=np.float64)
    parents = np.asarray(stored["parents"])
    parents[0] = 0
    # A parent without weight tells nothing of the way: half and half.
    share = np.divide(cover, cover[parents], out=np.full(len(cover), 0.5), where=cover[parents] > 0)
    share[0] = 1.0
    sets = {
        node: frozenset(stored["categories"][begin : begin + size])
        for node, begin, size in zip(
            stored["categories_nodes"], stored["categories_segments"], stored["categories_sizes"], strict=True
        )
    }
    splits = {
        node: Split(
            feature,
            np.float32(stored["split_conditions"][node]),
            bool(stored["default_left"][node]),
            sets.get(node) if stored["split_type"][node] else None,
        )
        for node, feature in enumerate(stored["split_indices"])
        if left[node] != -1
    }
    return Tree(splits, left, right, np.asarray(stored["split_conditions"], dtype=np.float64), share)


Bits = NDArray[np.bool_]
"""Whether each row says yes to a question, shape (n,)."""


def answers(split: Split, values: NDArray[np.float32], out: Bits) -> None:
    """Put into `out` which rows do not go where missing values go.

    Parameters
    ----------
    split : Split
    values : ndarray of float32, shape (n,)
        The feature, missing as NaN.
    out : ndarray of bool, shape (n,)
    """
    if split.right is not None:
        known = int(max(split.right, default=-1)) + 2
        goes_right = np.zeros(known, dtype=bool)
        goes_right[list(split.right)] = True
        missing = np.isnan(values)
        codes = np.where(missing, known - 1, values).astype(np.intp)
        taken = np.take(goes_right, codes, mode="clip")
        np.copyto(out, taken if split.missing_left else ~taken & ~missing)
    elif split.missing_left:
        np.greater_equal(values, split.threshold, out=out)
    else:
        np.less(values, split.threshold, out=out)
