"""What is taken for a column of numbers or texts, by every way of scoring, and what is refused in words."""

import datetime
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from feature_rows import GOLDEN, columns_of
from patronage.errors import InputError
from patronage.pipelines.monitored import _scored
from patronage.runtime.bundle import read_bundle
from patronage.runtime.column_checks import checked
from patronage.runtime.columns import level_names, numbers
from patronage.runtime.scorer import Scorer, TableScorer, model_input
from patronage.runtime.table_input import LARGEST, LARGEST_HISTORY, limits
from patronage.schema import Column, TableSchema
from patronage.scoring.usable import failures
from table_jobs import bundle_of_table

BUNDLE = read_bundle(GOLDEN)
NUMBER = TableSchema("model_input", (Column("x", "double", "", True, ""),))
TEXT = TableSchema("model_input", (Column("plan", "string", "", True, ""),))
DAY = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)


def taken(values):
    return model_input({"x": values}, NUMBER)["x"]


@pytest.mark.parametrize(
    "values",
    [
        ["1", "2"],
        [1.0, "2"],
        np.array(["1", "2"]),
        np.array([1.0, "2"], dtype=object),
        np.array([b"1", b"2"]),
        [b"1", None],
        pd.Series(["1", "2"]),
        pd.Series(["1", "2"], dtype="category"),
        pl.Series(["1", "2"]),
        pa.array(["1", "2"]),
        pa.array(["1", "2"]).dictionary_encode(),
        pa.array([b"1", b"2"]),
        np.ma.array(["1", "2"], mask=[True, False]),
        np.array(["1", "2"], dtype=np.dtypes.StringDType()),
    ],
)
def test_text_is_no_number(values):
    with pytest.raises(InputError, match=r"The column x is not numeric: it holds text or bytes, such as"):
        taken(values)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["2024-01-01"], dtype="datetime64[D]"),
        np.array([3], dtype="timedelta64[D]"),
        np.array([np.timedelta64(3, "D"), 1.0], dtype=object),
        [DAY],
        [datetime.timedelta(3)],
        pd.Series([DAY]),
        pd.Series([pd.Timedelta(days=3)]),
        pl.Series([DAY]),
        pl.Series([DAY.date(), None]),
        pl.Series([datetime.timedelta(3)]),
        pl.Series([datetime.time(3)]),
        pa.array([DAY.date()]),
        pa.array([DAY]),
        pa.array([datetime.timedelta(3)]),
    ],
)
def test_dates_and_durations_are_no_numbers(values):
    with pytest.raises(InputError, match=r"The column x is not numeric: it holds dates, times or durations, such as"):
        taken(values)


@pytest.mark.parametrize("values", [np.array([1 + 0j]), [1 + 2j], np.array([1 + 2j, None], dtype=object)])
def test_complex_numbers_are_none(values):
    with pytest.raises(InputError, match="complex numbers"):
        taken(values)


@pytest.mark.parametrize(
    "values",
    [
        [1, None, 0],
        [True, None, False],
        [Decimal(1), None, Decimal(0)],
        [1, pd.NA, 0],
        np.ma.array([1.0, 1e39, 0.0], mask=[False, True, False]),
        np.ma.array([1, -5, 0], mask=[False, True, False]),
        np.ma.array([1, "text", 0], mask=[False, True, False], dtype=object),
        pd.Series([1, None, 0], dtype="Int64"),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([1, None, 0], dtype="int64[pyarrow]"),
        pd.array([1, None, 0], dtype="Int64"),
        pl.Series([1, None, 0]),
        pl.Series([True, None, False]),
        pl.Series([Decimal(1), None, Decimal(0)]),
        pa.array([1, None, 0]),
        pa.array([True, None, False]),
        pa.array([Decimal(1), None, Decimal(0)]),
        pa.chunked_array([[1.0], [None, 0.0]]),
    ],
)
def test_numbers_of_any_kind_with_one_missing(values):
    found = taken(values)
    assert found.dtype == np.float64
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, [1.0, np.nan, 0.0])


def test_values_keep_all_their_bits():
    for values in (np.array([0.1, 5e-324, -0.0, np.nan]), np.array([0.1, 1e38], np.float32), np.array([2**53 - 1, -7])):
        assert taken(values).tobytes() == values.astype(np.float64).tobytes()
    assert taken([0.1, 2**64]).tolist() == [0.1, float(2**64)]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([10**400], "not numeric: int too large"),
        ([[1.0], [2.0]], "one dimension"),
        ([[1.0], [2.0, 3.0]], "not numeric"),
        (3.0, "one dimension"),
        ([object()], "not numeric"),
        ([1.0, math.inf], r"1 of 2 rows cannot be used: x infinite \(1 row, first: 1\)"),
    ],
)
def test_what_is_no_column_is_refused(values, words):
    with pytest.raises(InputError, match=words):
        taken(values)


def no_columns() -> list[tuple[Any, str]]:
    """What numpy takes for one value, or for records, and how it is told."""
    return [
        ({0: 5.0, 7: 3.0}, r"Got a dict; of a pandas table, to_dict\('list'\) gives lists"),
        ({3.0, 1.0, 2.0}, "Got a set"),
        (frozenset([1.0]), "Got a frozenset"),
        ({"a": 1.0}.keys(), "Got a dict_keys"),
        ((value for value in [1.0, 2.0]), "Got a generator"),
        (map(float, [1]), "Got a map"),
        (np.array(3.0), "Got a ndarray"),
        (None, "Got a NoneType"),
        ("abc", "Got a str"),
        (pd.DataFrame({"a": [1.0], "b": [2.0]}), r"Got shape \(1, 2\)"),
    ]


RECORDS = np.array([(1.0,)], dtype=[("a", "f8")])


@pytest.mark.parametrize(("values", "came"), no_columns())
def test_only_what_has_one_dimension_and_an_order_is_a_column(values, came):
    for schema, name in ((NUMBER, "x"), (TEXT, "plan")):
        with pytest.raises(InputError, match=rf"The column {name} must have one dimension: a list, an array.*{came}"):
            model_input({name: values}, schema)
    for read in (numbers, level_names):
        with pytest.raises(InputError, match=rf"The covariate x must have one dimension.*{came}"):
            read(values, "x")


def test_records_of_fields_are_no_column():
    for refused in (lambda: taken(RECORDS), lambda: numbers(RECORDS, "x"), lambda: level_names(RECORDS, "x")):
        with pytest.raises(InputError, match="Got records of the fields a"):
            refused()
    with pytest.raises(InputError, match="Got raw memory"):
        taken(np.zeros(2, dtype="V8"))
    with pytest.raises(InputError, match="holds text; got"):
        model_input({"plan": RECORDS}, TEXT)


def test_a_table_as_dict_of_dicts_is_refused_and_as_dict_of_lists_scored():
    frame = pd.DataFrame(columns_of(3), index=[5, 9, 2])
    with pytest.raises(InputError, match="must have one dimension"):
        Scorer(BUNDLE).score(frame.to_dict())
    for name, values in Scorer(BUNDLE).score(frame.to_dict("list")).items():
        assert values.tobytes() == Scorer(BUNDLE).score(frame)[name].tobytes()


@pytest.mark.parametrize("values", [[["a", "b"], ["c", "d"]], [["a", "b"], ["c"]], [["a"]]])
def test_a_column_of_lists_holds_no_text(values):
    for column in (pa.array(values), pl.Series(values)):
        with pytest.raises(InputError, match=r"holds text; got|one dimension"):
            model_input({"plan": column}, TEXT)


def test_masked_texts_are_missing():
    for dtype in (object, "U5"):
        values = np.ma.array(["basic", "plus"], mask=[False, True], dtype=dtype)
        assert model_input({"plan": values}, TEXT)["plan"].tolist() == ["basic", None]


def test_a_column_that_is_there_twice_is_refused():
    twice = pa.table([pa.array([1.0]), pa.array([2.0])], names=["x", "x"])
    for table in (twice, twice.to_batches()[0], twice.to_pandas()):
        with pytest.raises(InputError, match="more than once, of which one can be scored: x"):
            model_input(table, NUMBER)
    other = pa.table([pa.array([1.0]), pa.array([2.0]), pa.array([3.0])], names=["noise", "x", "noise"])
    assert model_input(other, NUMBER)["x"].tolist() == [2.0]


def test_a_query_is_not_a_table():
    with pytest.raises(InputError, match=r"LazyFrame is a query that was not run yet: call collect\(\)"):
        model_input(pl.LazyFrame({"x": [1.0]}), NUMBER)


def test_columns_may_be_called_as_methods_are():
    frame = pd.DataFrame({"column_names": ["a"], "collect": ["b"], "x": [1.0]})
    assert model_input(frame, NUMBER)["x"].tolist() == [1.0]


@pytest.mark.parametrize("name", BUNDLE.inputs.names)
def test_each_input_of_a_ledger_has_a_limit_in_words(name):
    limit = limits(BUNDLE)[name]
    assert limit == (LARGEST_HISTORY if name in {"frequency", "recency", "T", BUNDLE.spend.columns[0]} else LARGEST)
    beyond = float(np.nextafter(limit, math.inf))
    columns = columns_of(4)
    columns[name][2] = beyond
    for way in (Scorer(BUNDLE).score, Scorer(BUNDLE).reasons, lambda table: checked(table, BUNDLE)):
        with pytest.raises(InputError, match=rf"{name} too large \(1 row, first: 2\)") as refused:
            way(columns)
        assert refused.value.counts[f"{name} too large"] == 1
    assert failures(BUNDLE, columns)[f"{name} too large"].tolist() == [False, False, True, False]


def test_numbers_at_the_limit_have_finite_scores():
    columns = columns_of(4)
    for name in set(BUNDLE.inputs.names) - {"frequency", "recency", "T", "purchase_days"}:
        columns[name][0], columns[name][1] = LARGEST, -LARGEST
    for name in ("frequency", "recency", "T", "purchase_days"):
        columns[name][0] = LARGEST_HISTORY
    assert all(np.isfinite(values).all() for values in Scorer(BUNDLE).score(columns).values())


def test_all_reasons_are_told_at_once():
    columns = columns_of(5)
    columns["T"][0], columns["spend_total"][1], columns["spend_90d"][2] = np.nan, -1e39, -np.inf
    with pytest.raises(InputError, match="3 of 5 rows") as refused:
        Scorer(BUNDLE).score(columns)
    assert refused.value.counts == {"T missing": 1, "spend_total too large": 1, "spend_90d infinite": 1}


@pytest.mark.parametrize("value", [1e39, -1e39, 1e308])
def test_a_table_s_number_that_single_precision_cannot_hold_is_refused(value):
    scorer, table = TableScorer(bundle_of_table()), {"x": [0.5, value], "plan": ["basic", "plus"]}
    for way in (scorer.score, scorer.reasons, lambda given: checked(given, scorer.bundle)):
        with pytest.raises(InputError, match=r"x too large \(1 row, first: 1\)"):
            way(table)


def test_monitoring_scores_the_rows_that_scoring_does():
    columns = columns_of(5)
    columns["spend_total"][1], columns["T"][3] = 1e39, 1e12
    found = _scored(columns, Scorer(BUNDLE), "a test")
    assert found.unscored == {"spend_total too large": 1, "T too large": 1}
    assert {len(values) for values in found.scores.values()} == {3}
    assert {name: int(np.isnan(found.inputs[name]).sum()) for name in ("spend_total", "T", "recency")} == {
        "spend_total": 1, "T": 1, "recency": 0,
    }  # fmt: skip


def test_the_columns_of_a_ledger_are_checked_as_they_are_scored():
    with pytest.raises(InputError, match="lacks"):
        checked({}, BUNDLE)
    columns = columns_of(3)
    assert checked(columns, BUNDLE).warnings == ()
    columns["recency"][1] = columns["T"][1] + 1
    with pytest.raises(InputError, match="recency above T"):
        checked(columns, BUNDLE)
