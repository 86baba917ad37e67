"""Refusing histories that cannot be, and finding distinct rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import InputError
from patronage.runtime.histories import checked_histories, distinct


def test_all_reasons_are_named_at_once_with_counts_and_ids():
    with pytest.raises(InputError) as caught:
        checked_histories(
            [2, 0, 1.5, np.nan, 3, 1, 1, -1, 2],
            [10, 3, 1, 2, -1, 0, 1, 0, 1],
            [8, 4, 2, 3, 4, 5, np.inf, 4, 3],
            ids=list("abcdefghi"),
        )
    assert caught.value.counts == {
        "a value that is missing or not finite": 2,
        "frequency negative or not whole": 2,
        "recency negative": 1,
        "recency above T": 1,
        "frequency 0 with recency above 0": 1,
        "frequency above 0 with recency 0": 1,
    }
    assert caught.value.first_ids == ("a", "b", "c", "d", "e")
    assert "8 of 9 purchase histories" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_columns_of_different_length_are_refused():
    with pytest.raises(InputError, match="one length"):
        checked_histories([1, 2], [1.0, 1.0], [2.0])


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0.0, -0.0, 1 / 7, 2 / 7, 1e300, 5e-324])), min_size=1, max_size=60
    )
)
def test_distinct_equals_a_dictionary(rows):
    columns = [np.array(column, dtype=np.float64) for column in zip(*rows, strict=True)]
    first, inverse = distinct(*columns)
    assert len(first) == len(set(rows))
    for column in columns:
        assert np.array_equal(column[first][inverse], column)


def test_distinct_is_exact_when_slots_are_contested():
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 400, 200_000) / 7, rng.integers(0, 400, 200_000) / 7]
    first, inverse = distinct(*columns)
    assert len(first) == len({*zip(*columns, strict=True)})
    for column in columns:
        assert np.array_equal(column[first][inverse], column)
