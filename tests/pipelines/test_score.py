"""The file of scores: its schema, its rows, and what its values may be."""

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.schema import SCORES

ARROW = {"string": pa.string(), "date": pa.date32(), "long": pa.int64(), "double": pa.float64()}


@pytest.fixture(scope="module")
def scores(full_run: Any) -> pa.Table:
    return pq.read_table(full_run.scores)


def test_schema_is_the_stated_one(scores):
    expected = [pa.field(column.name, ARROW[column.type], column.nullable) for column in SCORES.columns]
    assert scores.schema.remove_metadata().equals(pa.schema(expected))


def test_one_row_for_every_customer_in_order(scores, cdnow):
    ids = scores["customer_id"].to_pylist()
    # 23,570 customers: Fader and Hardie (2001).
    assert len(ids) == 23570
    assert ids == sorted(set(ids))
    assert set(ids) == set(cdnow.transactions.select("customer_id").distinct().to_pyarrow()["customer_id"].to_pylist())


def test_nothing_is_missing_or_infinite(scores):
    frame = scores.to_pandas()
    assert not frame.isna().any().any()
    figures = frame.select_dtypes("number")
    assert figures.abs().max().max() < float("inf")
    assert (figures >= 0).all().all()


@pytest.mark.parametrize("name", ["probability_alive", "probability_active", "churn_probability"])
def test_probabilities_lie_between_0_and_1_and_differ(scores, name):
    values = scores[name].to_pandas()
    assert values.between(0, 1).all()
    assert values.nunique() > 100


def test_every_row_says_when_how_far_and_by_which_model(scores):
    assert set(scores["as_of"].to_pylist()) == {date(1998, 6, 30)}
    assert set(scores["horizon_days"].to_pylist()) == {182}
    assert set(scores["model_version"].to_pylist()) == {"patronage/1"}
