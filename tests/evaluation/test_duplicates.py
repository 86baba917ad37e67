"""Groups of equal rows, joined groups, and that nothing straddles."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import InputError
from patronage.evaluation.duplicates import duplicate_groups, joined_groups, straddling_groups

cells = st.tuples(st.sampled_from([1.0, 2.0, None]), st.sampled_from(["a", "b", None]), st.booleans())


@given(rows=st.lists(cells, min_size=1, max_size=30))
def test_equal_rows_and_only_they_share_a_number(rows):
    frame = pd.DataFrame(rows, columns=["number", "text", "flag"]).astype({"number": "float64"})
    first = {}
    expected = [first.setdefault(row, len(first)) for row in rows]
    assert duplicate_groups(frame).tolist() == expected


def test_only_the_features_count():
    frame = pd.DataFrame({"id": [1, 2, 3], "age": [30, 30, 31], "left": [0, 1, 0]})
    assert duplicate_groups(frame, ["age"]).tolist() == [0, 0, 1]
    assert duplicate_groups(frame).tolist() == [0, 1, 2]
    assert duplicate_groups(frame.astype({"age": "category"}), ["age"]).tolist() == [0, 0, 1]


def test_iranian_churn_has_its_300_duplicates():
    from pathlib import Path

    path = Path(__file__).parents[3] / "shared" / "data" / "iranian_churn" / "iranian_churn_with_cost.parquet"
    if not path.exists():
        pytest.skip("the development data are not here")
    frame = pd.read_parquet(path).drop(columns=["FN", "FP"])
    assert len(frame) - (duplicate_groups(frame).max() + 1) == 300


def by_hand(*groups):
    """Spread the lowest row number through every group until nothing changes."""
    label = list(range(len(groups[0])))
    while True:
        before = list(label)
        for group in groups:
            for name in set(group):
                members = [i for i, one in enumerate(group) if one == name]
                for i in members:
                    label[i] = min(label[j] for j in members)
        if label == before:
            return [sorted(set(label)).index(one) for one in label]


@given(data=st.data(), n=st.integers(1, 12))
def test_joined_groups_are_the_connected_ones(data, n):
    groups = [data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n)) for _ in range(2)]
    assert joined_groups(*groups).tolist() == by_hand(*groups)


def test_straddling_groups_are_named():
    groups = np.array([0, 0, 1, 2, 2])
    assert straddling_groups(groups, [0, 3], [1, 2]).tolist() == [0]
    assert straddling_groups(groups, [0, 1], [2, 3, 4]).tolist() == []


def test_refusals():
    frame = pd.DataFrame({"a": [1, 2], "b": [[1], [2]]})
    with pytest.raises(InputError, match="no column c; it has a, b"):
        duplicate_groups(frame, ["a", "c"])
    with pytest.raises(InputError, match="Column b holds values that cannot be compared"):
        duplicate_groups(frame)
    with pytest.raises(InputError, match="groupings of the same rows"):
        joined_groups([1, 2], [1])
    with pytest.raises(InputError, match="groupings of the same rows"):
        joined_groups()
