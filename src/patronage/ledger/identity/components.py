"""From pairs of ids to persons: connected components, with guards against chains of chance agreements."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

IntArray = NDArray[np.int64]

USED, TOO_LARGE, KEPT_APART = 0, 1, 2
"""What became of a pair: it joins; its group would be too large; it would join ids that must stay apart."""


@dataclass(frozen=True)
class People:
    """Which ids are one person; ids are whole numbers in the order first seen.

    Attributes
    ----------
    person : array of int, shape (ids,)
        The person's lowest id; an id's own number if it is linked with none.
    pair : array of int, shape (ids,)
        The pair that links an id towards that lowest id, by position; -1 for the lowest ids themselves.
    weakest_level : array of int, shape (ids,)
        Level of the weakest pair on that way; -1 for the lowest ids themselves.
    verdict : array of int, shape (pairs,)
        `USED`, `TOO_LARGE` or `KEPT_APART`.
    oversized : list of tuple of int
        For every group of ids that was too large: its ids, and how many persons it was taken apart to.
    """

    person: IntArray
    pair: IntArray
    weakest_level: IntArray
    verdict: IntArray
    oversized: list[tuple[int, int]]


def people(
    left: IntArray,
    right: IntArray,
    level: IntArray,
    n_ids: int,
    max_component: int,
    apart: Iterable[tuple[int, int]] = (),
) -> People:
    """Join ids by pairs, the strongest first.

    Parameters
    ----------
    left, right : arrays of int, shape (pairs,)
        The two ids of every pair, each pair once, in any order.
    level : array of int, shape (pairs,)
        How strong a pair is: 0 for the pairs that a reviewer accepted, then 1, 2, ... from the strongest down.
    n_ids : int
        Ids are 0, ..., n_ids - 1.
    max_component : int
        Largest number of ids of one person. A larger group is taken apart at its weakest level, as often as needed: no
        pair of that level is used within it, so the result does not depend on the order of the pairs. Ids that a
        reviewer joined stay together whatever their number.
    apart : pairs of int
        Ids that must not be one person. The pairs that would join them are left out, the weakest first.

    Returns
    -------
    People

    Notes
    -----
    Groups that no guard touches are found by sparse graph routines in linear time; the others pass one by one through a
    union-find (Kruskal's order), which takes about a second for a million pairs.
    """
    apart = list(apart)
    group = _components(left, right, n_ids)
    sizes = np.bincount(group, minlength=n_ids)
    guarded = sizes > max_component
    for first, second in apart:
        if group[first] == group[second]:
            guarded[group[first]] = True
    verdict = np.full(len(left), USED)
    in_question = np.flatnonzero(guarded[group[left]])
    oversized: list[tuple[int, int]] = []
    if len(in_question):
        verdict[in_question] = _guarded(left[in_question], right[in_question], level[in_question], max_component, apart)
        after = _components(left[verdict == USED], right[verdict == USED], n_ids)
        for large in np.flatnonzero(sizes > max_component):
            parts = len(np.unique(after[group == large]))
            if parts > 1:
                oversized.append((int(sizes[large]), parts))
    return _rooted(left, right, level, n_ids, verdict, oversized)


def _components(left: IntArray, right: IntArray, n_ids: int) -> IntArray:
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(n_ids, n_ids))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _rooted(
    left: IntArray, right: IntArray, level: IntArray, n_ids: int, verdict: IntArray, oversized: list[tuple[int, int]]
) -> People:
    """Hang every group from its lowest id, along its strongest pairs."""
    kept = np.flatnonzero(verdict == USED)
    group = _components(left[kept], right[kept], n_ids)
    roots = np.unique(group, return_index=True)[1].astype(np.int64)
    # Weights begin at 2 because a weight of 0 means no pair, and those of the ties to the common root are 1.
    low, high = np.minimum(left[kept], right[kept]), np.maximum(left[kept], right[kept])
    tree = minimum_spanning_tree(coo_array((level[kept] + 2.0, (low, high)), shape=(n_ids, n_ids)).tocsr()).tocoo()
    ends = (np.append(tree.row, np.full(len(roots), n_ids)), np.append(tree.col, roots))
    whole = coo_array((np.ones(len(ends[0])), ends), shape=(n_ids + 1, n_ids + 1)).tocsr()
    parent = np.asarray(breadth_first_order(whole, n_ids, directed=False)[1][:n_ids], dtype=np.int64)
    ids = np.arange(n_ids)
    hangs = parent < n_ids
    pair = np.full(n_ids, -1, np.int64)
    pair[hangs] = kept[_positions(low, high, ids[hangs], parent[hangs], n_ids)]
    weakest = np.where(hangs, level[pair] if len(level) else -1, -1)
    parent = np.where(hangs, parent, ids)
    while hangs.any():  # each round doubles the way that is looked along
        weakest = np.maximum(weakest, weakest[parent])
        hangs = parent[parent] != parent
        parent = parent[parent]
    return People(roots[group], pair, weakest, verdict, oversized)


def _positions(low: IntArray, high: IntArray, one: IntArray, other: IntArray, n_ids: int) -> IntArray:
    """Positions of pairs among all pairs, by their ids."""
    keys = low * n_ids + high
    order = np.argsort(keys)
    wanted = np.minimum(one, other) * n_ids + np.maximum(one, other)
    return np.asarray(order[np.searchsorted(keys, wanted, sorter=order)], dtype=np.int64)


def _guarded(
    left: IntArray, right: IntArray, level: IntArray, max_component: int, apart: list[tuple[int, int]]
) -> IntArray:
    """What becomes of pairs, level by level."""
    forest = _Forest(apart)
    verdict = np.full(len(left), TOO_LARGE)
    order = np.lexsort((np.maximum(left, right), np.minimum(left, right), level))
    for positions in np.split(order, np.flatnonzero(np.diff(level[order])) + 1):
        pairs = [(int(left[p]), int(right[p]), int(p)) for p in positions]
        for together in forest.groups(pairs):
            size = sum(len(forest.members[root]) for root in together.roots)
            reviewed = level[positions[0]] == 0
            if not reviewed and (size > max_component or not forest.closed.isdisjoint(together.roots)):
                # One more level down these ids would be one group again, and larger still.
                forest.closed.update(together.roots)
                continue
            for one, other, position in together.pairs:
                verdict[position] = USED if forest.join(one, other) else KEPT_APART
    return verdict


@dataclass
class _Together:
    """Groups of ids that the pairs of one level would join, and those pairs."""

    roots: set[int]
    pairs: list[tuple[int, int, int]]


class _Forest:
    """A union-find that knows its members, the groups that are closed, and who must stay apart."""

    def __init__(self, apart: Iterable[tuple[int, int]]) -> None:
        self.root: dict[int, int] = {}
        self.members: dict[int, list[int]] = {}
        self.closed: set[int] = set()
        self.enemies: dict[int, set[int]] = {}
        for one, other in apart:
            self.enemies.setdefault(one, set()).add(other)
            self.enemies.setdefault(other, set()).add(one)

    def find(self, node: int) -> int:
        if node not in self.root:
            self.root[node] = node
            self.members[node] = [node]
        return self.root[node]

    def groups(self, pairs: list[tuple[int, int, int]]) -> list[_Together]:
        """The pairs of a level by the group they would make; pairs within a group that stands are a group alone."""
        trial: dict[int, int] = {}

        def top(node: int) -> int:
            while trial.setdefault(node, node) != node:
                trial[node] = trial[trial[node]]
                node = trial[node]
            return node

        for one, other, _ in pairs:
            trial[top(self.find(one))] = top(self.find(other))
        found: dict[int, Any] = {}
        for one, other, position in pairs:
            together = found.setdefault(top(self.find(one)), _Together(set(), []))
            together.roots |= {self.find(one), self.find(other)}
            together.pairs.append((one, other, position))
        return list(found.values())

    def join(self, one: int, other: int) -> bool:
        """Join two groups unless two of their members must stay apart; True if they are one group now."""
        small, large = self.find(one), self.find(other)
        if small == large:
            return True
        if len(self.members[small]) > len(self.members[large]):
            small, large = large, small
        mine, theirs = self.members[small], set(self.members[large])
        if any(not theirs.isdisjoint(self.enemies.get(member, ())) for member in mine):
            return False
        for member in mine:
            self.root[member] = large
        self.members[large].extend(self.members.pop(small))
        return True
