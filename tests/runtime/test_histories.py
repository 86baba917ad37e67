"""Refusing histories that cannot be, and finding distinct rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import InputError
from patronage.runtime.blocks import ROWS, by_blocks
from patronage.runtime.histories import checked_histories, distinct, representatives


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


def test_rows_that_hardly_repeat_are_left_as_they_are():
    rng = np.random.default_rng(0)
    few, continuous = rng.integers(0, 90, 100_000) / 7, rng.random(100_000)
    assert representatives(few, continuous) is None
    first, inverse = representatives(few)
    assert len(first) == 90
    assert np.array_equal(few[first][inverse], few)
    assert representatives(continuous[:1000]) is not None


def test_blocks_give_what_the_whole_gives():
    values = np.random.default_rng(0).random(5 * ROWS + 17)
    assert np.array_equal(by_blocks(lambda v, c: v * c, values, 3.0), values * 3.0)
    assert by_blocks(lambda v: v > 0.5, values, dtype=np.bool_).dtype == np.bool_


def test_an_error_in_a_block_is_not_lost():
    def refuse(block):
        message = "no"
        raise ArithmeticError(message)

    with pytest.raises(ArithmeticError):
        by_blocks(refuse, np.zeros(10 * ROWS))


def test_a_single_bad_row_in_a_long_table_is_found():
    x = np.ones(4 * ROWS)
    x[-3] = np.nan
    with pytest.raises(InputError, match="missing or not finite"):
        checked_histories(x, np.ones(len(x)), np.ones(len(x)))


@pytest.mark.parametrize("unit", [1.0, 7.0, 365.25])
@pytest.mark.parametrize("n_days", [40, 5000])
def test_days_in_any_unit_are_told_apart(unit, n_days):
    """Few days take the table of codes, many the packed hash; one odd row sends all to the ordinary way."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 9, 60_000).astype(float)
    days = rng.integers(0, n_days, (2, 60_000)) / unit
    for odd in (0.0, 1e-9):
        days[1, 31_000] += odd
        first, inverse = distinct(x, *days)
        rows = np.stack([x, *days])
        assert np.array_equal(rows[:, first][:, inverse], rows)
        assert len(first) == len(np.unique(rows, axis=1).T)
