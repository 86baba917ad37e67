r"""Exact contributions of features to the sum of trees (TreeSHAP), by looking them up.

What a tree says of a row depends on its answers to the questions that the tree asks, and a shallow tree asks few: with
seven, there are 128 ways to answer. So the Shapley values of each tree are computed once for every way to answer, and a
row costs as many comparisons as the tree has questions and one look into a table for each feature. A deeper tree is
cut into parts of so few questions that this still holds: leaves below a node depend only on the answers on the way to
the node and below it, and contributions add up over leaves.

For a leaf with value v, let :math:`o_i` be 1 if the row meets all its conditions on feature i, and :math:`w_i` the
share of the training rows that would, going by the shares at the nodes. The game of Lundberg et al. (2020), "From local
explanations to global understanding with explainable AI for trees", algorithm 1, is a product over the features on the
path, whose Shapley value is an integral of its multilinear extension (Owen 1972)

.. math:: \phi_i = v (o_i - w_i) \int_0^1 \prod_{j \ne i} (w_j (1 - t) + o_j t) \, dt,

a polynomial that Gauss-Legendre nodes integrate exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from .blocks import on_all_processors
from .histories import FloatArray
from .trees import Forest, Split, Tree, answers

MOST_QUESTIONS = 10
"""Of a part: 1024 ways to answer, whose table stays in the cache. A full tree of depth 6 falls into 8 such parts."""

MOST_CELLS = 2**25
"""Numbers in all tables, 256 MB: 400 full trees of depth 6, or any number of depth 3 that anybody grows."""

ROWS_AT_ONCE = 32_768
"""Rows that are looked up together: enough that numpy works more than it is called, few enough for the cache."""

FloatMatrix = NDArray[np.float32]
Condition = tuple[int, bool]
"""An inner node, and whether the way goes to its right."""


@dataclass(frozen=True)
class Part:
    """A few leaves of a tree.

    Attributes
    ----------
    questions : tuple of Split
        The first one is the lowest bit of the code of a row.
    features : tuple of int
        Positions of the features that the leaves ask for.
    table : ndarray of float64, shape (number of features, 2 ** number of questions)
        What each of them contributes, by the code of the row.
    """

    questions: tuple[Split, ...]
    features: tuple[int, ...]
    table: FloatArray


class TreeTables:
    """Tables of a booster.

    Parameters
    ----------
    booster : xgboost.Booster

    Attributes
    ----------
    bias : float
        What a row gets before any feature has a say: the mean over the training rows.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        forest = Forest.of(booster)
        self.n_features = booster.num_features()
        parts = [_part(tree, conditions, node) for tree in forest.trees for node, conditions in _cuts(tree)]
        self.parts = tuple(part for part in parts if part.features)
        self.bias = forest.start + sum(_mean(tree) for tree in forest.trees)

    def contributions(self, matrix: FloatMatrix) -> FloatArray:
        """What each feature adds to the margin of each row.

        Parameters
        ----------
        matrix : ndarray of float32, shape (n, number of features)
            As `churn.feature_matrix` gives it.

        Returns
        -------
        ndarray of float64, shape (number of features, n)
            With `bias` they sum to the margin.
        """
        total = np.zeros((self.n_features, len(matrix)))

        def fill(start: int) -> None:
            rows = slice(start, start + ROWS_AT_ONCE)
            total[:, rows] = self._of_block(np.ascontiguousarray(matrix[rows].T))

        on_all_processors(fill, range(0, len(matrix), ROWS_AT_ONCE))
        return total

    def _of_block(self, columns: FloatMatrix) -> FloatArray:
        n = columns.shape[1]
        total = np.zeros((self.n_features, n))
        bit, found = np.empty(n, dtype=bool), np.empty(n)
        byte, index, high = np.empty(n, dtype=np.uint8), np.empty(n, dtype=np.intp), np.empty(n, dtype=np.intp)
        for part in self.parts:
            _code(part.questions[:8], columns, bit, byte)
            np.copyto(index, byte)
            if len(part.questions) > 8:
                _code(part.questions[8:], columns, bit, byte)
                np.copyto(high, byte)
                index += high * 256
            for feature, values in zip(part.features, part.table, strict=True):
                # Every code is inside the table: the mode only spares the test.
                np.take(values, index, out=found, mode="clip")
                np.add(total[feature], found, out=total[feature])
        return total


def table_cells(booster: xgboost.Booster) -> int:
    """Numbers that the tables of a booster would hold, about; see `MOST_CELLS`."""
    cells = 0
    for tree in Forest.of(booster).trees:
        for node, conditions in _cuts(tree):
            questions = len(conditions) + tree.inner_below(node)
            cells += questions * 2**questions
    return cells


def _code(questions: Sequence[Split], columns: FloatMatrix, bit: NDArray[np.bool_], code: NDArray[np.uint8]) -> None:
    """The answers of each row as the bits of a number, the first one lowest."""
    code.fill(0)
    for split in reversed(questions):
        answers(split, columns[split.feature], bit)
        np.add(code, code, out=code)
        np.add(code, bit.view(np.uint8), out=code)


def _cuts(
    tree: Tree, node: int = 0, conditions: tuple[Condition, ...] = ()
) -> Iterator[tuple[int, tuple[Condition, ...]]]:
    """Nodes that parts begin with, and the way to them."""
    inner = tree.inner_below(node)
    if inner <= 1 or inner + len(conditions) <= MOST_QUESTIONS:
        yield node, conditions
        return
    yield from _cuts(tree, tree.left[node], (*conditions, (node, False)))
    yield from _cuts(tree, tree.right[node], (*conditions, (node, True)))


def _leaves(tree: Tree, node: int, conditions: tuple[Condition, ...]) -> Iterator[tuple[int, tuple[Condition, ...]]]:
    if node not in tree.splits:
        yield node, conditions
        return
    yield from _leaves(tree, tree.left[node], (*conditions, (node, False)))
    yield from _leaves(tree, tree.right[node], (*conditions, (node, True)))


def _part(tree: Tree, way: tuple[Condition, ...], node: int) -> Part:
    leaves = list(_leaves(tree, node, way))
    asked = {tree.splits[inner]: None for _, conditions in leaves for inner, _ in conditions}
    bits = {split: position for position, split in enumerate(asked)}
    features = sorted({split.feature for split in asked})
    codes = np.arange(2 ** len(bits))
    answered = [(codes >> position & 1).astype(bool) for position in range(len(bits))]
    table = np.zeros((len(features), len(codes)))
    for leaf, conditions in leaves:
        weight, met = dict[int, float](), dict[int, NDArray[np.bool_]]()
        for inner, to_right in conditions:
            split = tree.splits[inner]
            child = tree.right[inner] if to_right else tree.left[inner]
            # A bit says that the row does not go where missing values go.
            goes = answered[bits[split]] == (to_right == split.missing_left)
            weight[split.feature] = weight.get(split.feature, 1.0) * float(tree.share[child])
            met[split.feature] = met[split.feature] & goes if split.feature in met else goes
        pattern = sum(one.astype(np.intp) << position for position, one in enumerate(met.values()))
        by_pattern = tree.value[leaf] * _shapley(np.array(list(weight.values())))
        for position, feature in enumerate(met):
            table[features.index(feature)] += by_pattern[position][pattern]
    return Part(tuple(asked), tuple(features), table)


def _shapley(weight: FloatArray) -> FloatArray:
    """Shapley values of the features of a leaf of value 1, for each pattern of conditions met.

    Parameters
    ----------
    weight : ndarray of float64, shape (m,)
        Share of the training rows that meet the conditions on each feature.

    Returns
    -------
    ndarray of float64, shape (m, 2 ** m)
        The lowest bit of a pattern says that the conditions on the first feature are met.
    """
    m = len(weight)
    met = (np.arange(2**m) >> np.arange(m)[:, None] & 1).astype(np.float64)
    nodes, node_weights = np.polynomial.legendre.leggauss(m // 2 + 1)
    t, dt = (nodes + 1) / 2, node_weights / 2
    factors = weight[:, None, None] * (1 - t) + met[:, :, None] * t
    # Products of all factors but one, without dividing by any, as a factor may be 0.
    before = np.cumprod(np.concatenate([np.ones_like(factors[:1]), factors[:-1]]), axis=0)
    after = np.cumprod(np.concatenate([np.ones_like(factors[:1]), factors[:0:-1]]), axis=0)[::-1]
    shapley: FloatArray = (met - weight[:, None]) * ((before * after) @ dt)
    return shapley


def _mean(tree: Tree) -> float:
    """Mean of a tree over its training rows."""
    return float(
        sum(
            tree.value[leaf]
            * np.prod([tree.share[tree.right[inner] if right else tree.left[inner]] for inner, right in conditions])
            for leaf, conditions in _leaves(tree, 0, ())
        )
    )
