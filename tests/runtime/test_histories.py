"""Refusing histories that cannot be, and finding distinct rows."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import InputError
from patronage.runtime.blocks import ROWS, by_blocks
from patronage.runtime.counting import counted_histories
from patronage.runtime.distinct import coded, distinct, representatives
from patronage.runtime.histories import checked_histories


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


def some_histories(n, n_days, rng):
    """Whole days; a few customers buy so often that no table has room for them."""
    end = rng.integers(0, n_days, n)
    last = rng.integers(0, end + 1) * rng.integers(0, 2, n)
    times = np.where(rng.random(n) < 0.01, rng.integers(1, 5000, n), rng.geometric(0.4, n))
    return np.where(last > 0, times, 0).astype(float), last.astype(float), end.astype(float)


@pytest.mark.parametrize("unit", [1.0, 7.0, 365.25])
@pytest.mark.parametrize(("n", "n_days"), [(300, 20), (300, 4000), (200_000, 60), (60_000, 3000)])
def test_histories_are_counted_like_by_a_dictionary(unit, n, n_days):
    x, last, end = some_histories(n, n_days, np.random.default_rng(5))
    t_x, T = last / unit, end / unit
    cases, counts = counted_histories(x, t_x, T)
    found = dict(zip(zip(*cases.columns, strict=True), counts, strict=True))
    assert found == Counter(zip(x, t_x, T, strict=True))
    assert len(cases) == len(found)


@pytest.mark.parametrize("odd", [0.0, 1e-9])
def test_counted_histories_do_not_depend_on_the_order_of_rows(odd):
    """Also where one row is no whole day, so that all go the ordinary way; there the order of cases is free."""
    rng = np.random.default_rng(6)
    x, t_x, T = some_histories(200_000, 60, rng)
    T[150_000] += odd
    order = rng.permutation(len(x))
    one, two = counted_histories(x, t_x, T), counted_histories(x[order], t_x[order], T[order])
    tables = [np.stack([*cases.columns, counts]) for cases, counts in (one, two)]
    if odd:
        tables = [table[:, np.lexsort(table)] for table in tables]
    assert np.array_equal(*tables)
    assert one[1].sum() == len(x)


@pytest.mark.parametrize("column", [0, 1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 1e300, 0.5])
def test_counting_refuses_what_checking_refuses(column, value):
    columns = list(some_histories(150_000, 60, np.random.default_rng(7)))
    columns[0][140_000], columns[1][140_000], columns[2][140_000] = 2.0, 20.0, 30.0
    columns[column][140_000] = value
    if (column, value) in {(0, 1e300), (1, 0.5), (2, 1e300)}:
        cases, counts = counted_histories(*columns)
        assert counts.sum() == 150_000
        assert value in cases.columns[column]
    else:
        said = []
        for refuse in (checked_histories, counted_histories):
            with pytest.raises(InputError, match="1 of 150,000 purchase histories") as caught:
                refuse(*columns)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_no_histories_are_counted_as_none():
    cases, counts = counted_histories([], [], [])
    assert len(cases) == len(counts) == 0


@pytest.mark.parametrize(
    "values", [np.array([3.0, 1e300, 3.0]), np.arange(5.0) / 7, np.array([2.5, -1.0, 2.5]), np.empty(0)]
)
def test_a_column_is_put_together_from_its_table(values):
    table, place = coded(values)
    assert np.array_equal(table[place], values)


def test_histories_where_counts_or_days_are_beyond_all_numbers():
    """A number of purchases, or of days, that whole numbers cannot be told apart at."""
    for x, t_x, T in ((2.0**52, 700.0, 730.0), (3.0, 1e9, 2e9)):
        cases, counts = counted_histories([x, x, 0.0], [t_x, t_x, 0.0], [T, T, T])
        assert sorted(zip(*cases.columns, counts, strict=True)) == [(0.0, 0.0, T, 1.0), (x, t_x, T, 2.0)]
