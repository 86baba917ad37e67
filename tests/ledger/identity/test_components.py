"""From pairs to persons, against a plain union-find and against groups drawn by hand."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from patronage.ledger.identity.components import KEPT_APART, TOO_LARGE, USED, people


def joined(pairs, n_ids, max_component=20, apart=()):
    """People from (one, other, level) pairs."""
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 3).T
    return people(*columns, n_ids, max_component, apart)


def groups(found):
    sets = {}
    for node, person in enumerate(found.person.tolist()):
        sets.setdefault(person, set()).add(node)
    return sorted(sets.values(), key=min)


def plain_groups(pairs, n_ids):
    """The oracle: sets that are merged until nothing changes."""
    sets = [{node} for node in range(n_ids)]
    for one, other, *_ in pairs:
        mine = next(group for group in sets if one in group)
        theirs = next(group for group in sets if other in group)
        if mine is not theirs:
            mine |= theirs
            sets.remove(theirs)
    return sorted(sets, key=min)


@st.composite
def graphs(draw, max_ids=14):
    n_ids = draw(st.integers(1, max_ids))
    ids = st.integers(0, n_ids - 1)
    edges = draw(st.dictionaries(st.tuples(ids, ids).filter(lambda pair: pair[0] < pair[1]), st.integers(1, 4)))
    return n_ids, [(one, other, level) for (one, other), level in edges.items()]


@given(graphs())
def test_groups_are_those_of_a_plain_union_find(graph):
    n_ids, pairs = graph
    found = joined(pairs, n_ids, max_component=n_ids + 1)
    assert groups(found) == plain_groups(pairs, n_ids)
    assert (found.verdict == USED).all()
    assert not found.oversized
    assert all(person == min(group) for group in groups(found) for person in found.person[list(group)])


@given(graphs())
def test_the_weakest_pair_on_the_strongest_way_is_found(graph):
    """Oracle: the lowest level at which the id and its person are already in one group."""
    n_ids, pairs = graph
    found = joined(pairs, n_ids, max_component=n_ids + 1)
    for node in range(n_ids):
        person = found.person[node]
        if person == node:
            assert (found.pair[node], found.weakest_level[node]) == (-1, -1)
            continue
        enough = next(
            level
            for level in range(1, 5)
            if any({node, person} <= group for group in plain_groups([p for p in pairs if p[2] <= level], n_ids))
        )
        assert found.weakest_level[node] == enough
        assert node in pairs[found.pair[node]][:2]


@given(graphs(), st.integers(2, 5))
def test_no_group_is_too_large_and_each_is_whole_at_some_level(graph, limit):
    """Oracle: of all groups at all levels, the largest that fit; they are nested, so these are well defined."""
    n_ids, pairs = graph
    fitting = {frozenset({node}) for node in range(n_ids)}
    for level in range(1, 5):
        at_level = plain_groups([pair for pair in pairs if pair[2] <= level], n_ids)
        fitting |= {frozenset(group) for group in at_level if len(group) <= limit}
    wanted = [group for group in fitting if not any(group < other for other in fitting)]
    assert groups(joined(pairs, n_ids, limit)) == sorted(map(set, wanted), key=min)


@given(graphs(), st.integers(2, 5), st.randoms(use_true_random=False))
def test_the_order_of_pairs_and_of_their_ends_is_no_matter(graph, limit, random):
    n_ids, pairs = graph
    apart = [(0, n_ids - 1)] if n_ids > 1 else []
    shuffled = [(other, one, level) for one, other, level in random.sample(pairs, len(pairs))]
    first, second = joined(pairs, n_ids, limit, apart), joined(shuffled, n_ids, limit, apart)
    assert first.person.tolist() == second.person.tolist()
    assert first.weakest_level.tolist() == second.weakest_level.tolist()


@given(graphs(), st.data())
def test_ids_kept_apart_are_never_one_person(graph, data):
    n_ids, pairs = graph
    ids = st.integers(0, n_ids - 1)
    apart = data.draw(st.lists(st.tuples(ids, ids).filter(lambda pair: pair[0] != pair[1]), max_size=4))
    usable = [pair for pair in pairs if (pair[0], pair[1]) not in apart and (pair[1], pair[0]) not in apart]
    found = joined(usable, n_ids, n_ids + 1, apart)
    assert all(found.person[one] != found.person[other] for one, other in apart)
    # Whatever was not joined for their sake would indeed bring two of them together.
    for (one, other, _), verdict in zip(usable, found.verdict, strict=True):
        together = {found.person[one], found.person[other]}
        assert (verdict == KEPT_APART) == (len(together) == 2)
        if verdict == KEPT_APART:
            assert any({found.person[a], found.person[b]} == together for a, b in apart)


def test_a_group_too_large_is_taken_apart_at_its_weakest_level():
    # Two firm triangles, joined by a weak pair; six ids, five allowed.
    firm = [(0, 1, 1), (1, 2, 1), (0, 2, 1), (3, 4, 1), (4, 5, 1)]
    found = joined([*firm, (2, 3, 2)], 6, 5)
    assert groups(found) == [{0, 1, 2}, {3, 4, 5}]
    assert found.verdict.tolist() == [USED] * 5 + [TOO_LARGE]
    assert found.oversized == [(6, 2)]


def test_a_star_of_equals_that_is_too_large_falls_to_pieces():
    found = joined([(0, other, 1) for other in range(1, 30)], 30, 20)
    assert groups(found) == [{node} for node in range(30)]
    assert found.oversized == [(30, 30)]


def test_what_a_reviewer_joined_stays_together():
    found = joined([(0, other, 0) for other in range(1, 30)] + [(0, 30, 1)], 31, 20)
    assert groups(found) == [set(range(30)), {30}]


def test_nobody_and_nothing():
    assert joined([], 0).person.tolist() == []
    assert joined([], 3).person.tolist() == [0, 1, 2]


def test_a_long_chain_knows_its_weakest_pair():
    n_ids = 1000
    found = joined([(node, node + 1, 3 if node == 500 else 1) for node in range(n_ids - 1)], n_ids, n_ids)
    assert (found.person == 0).all()
    assert found.weakest_level.tolist() == [-1, *[1] * 500, *[3] * 499]
