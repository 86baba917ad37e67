"""Rows are rejected exactly when the model, given them alone, refuses them."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_rows import AS_OF, GOLDEN, columns_of
from patronage.errors import InputError
from patronage.runtime.bundle import read_bundle
from patronage.runtime.scorer import Scorer
from patronage.schema import MODEL_INPUT
from patronage.scoring.batch import RowScorer
from patronage.scoring.usable import LARGEST_HISTORY, failures

BUNDLE = read_bundle(GOLDEN)
ODD = st.sampled_from([float("nan"), float("inf"), -float("inf"), -1.0, 0.0, 0.5, 1.0, 7.0, 1e6, -1e-300, 1e30])
CHANGES = st.lists(st.tuples(st.integers(0, 11), st.sampled_from(MODEL_INPUT.names), ODD), max_size=8)


def alone(columns, row):
    """What the scorer says of one row."""
    with np.errstate(all="ignore"):
        try:
            scores = Scorer(BUNDLE).score({name: values[[row]] for name, values in columns.items()})
        except InputError:
            return None
    found = [float(values[0]) for values in scores.values()]
    return found if np.isfinite(found).all() else None


@given(CHANGES)
def test_rejected_are_those_that_the_scorer_refuses_alone(changes):
    columns = columns_of(12)
    for row, name, value in changes:
        columns[name][row] = value
    table = pa.table({"customer_id": [f"c{row}" for row in range(12)]} | columns)
    scored = RowScorer(Scorer(BUNDLE), AS_OF, "golden/1").of(table, 100, 0)
    expected = {row: alone(columns, row) for row in range(12)}
    rejected = {row - 101 for row in scored.rejects["row"].to_pylist()}
    beyond = {row for row in range(12) if max(columns["frequency"][row], columns["T"][row]) > LARGEST_HISTORY}
    assert rejected == {row for row, scores in expected.items() if scores is None} | beyond
    for row, scores in zip(sorted(set(range(12)) - rejected), scored.scores.to_pylist(), strict=True):
        assert scores["customer_id"] == f"c{row}"
        assert [scores[name] for name in BUNDLE.outputs.names] == pytest.approx(expected[row], rel=1e-12, abs=1e-300)
    for reasons in scored.rejects["reasons"].to_pylist():
        assert reasons


def test_who_has_no_name_is_rejected():
    ids = ["a", "", "  ", "\t\u3000", None, "a\x00b", " b ", "\\x00"]
    scored = RowScorer(Scorer(BUNDLE), AS_OF, "golden/1").of(pa.table({"customer_id": ids} | columns_of(8)), 0, 0)
    assert scored.scores["customer_id"].to_pylist() == ["a", " b ", "\\x00"]
    found = [tuple(row.values())[:3] for row in scored.rejects.to_pylist()]
    missing = "customer_id missing"
    assert found == [
        (2, "", missing), (3, "  ", missing), (4, "\t\u3000", missing), (5, None, missing),
        (6, "a\\x00b", "customer_id with a NUL character"),
    ]  # fmt: skip


def test_reasons_name_the_column():
    columns = columns_of(3)
    columns["spend_90d"][0], columns["T"][1], columns["spend_total"][2] = np.inf, np.nan, 1e39
    found = {reason: np.flatnonzero(mask).tolist() for reason, mask in failures(BUNDLE, columns).items()}
    assert found == {"spend_90d infinite": [0], "T missing": [1], "spend_total too large": [2]}


def test_endless_spend_is_rejected_where_the_customer_has_too_few_purchases():
    endless = replace(BUNDLE, spend=replace(BUNDLE.spend, q=0.5, p=0.3))
    columns = columns_of(40)
    (mask,) = [mask for reason, mask in failures(endless, columns).items() if reason == "no finite expected spend"]
    assert mask.tolist() == (0.3 * columns["frequency"] + 0.5 <= 1).tolist()


def test_the_record_is_json_as_found():
    columns = columns_of(2)
    columns["recency"][1] = np.inf
    table = pa.table({"customer_id": ["a", None]} | columns)
    scored = RowScorer(Scorer(BUNDLE), AS_OF, "golden/1").of(table, 0, 0)
    record = json.loads(scored.rejects["record"][0].as_py())
    assert list(record) == list(BUNDLE.inputs.names)
    assert record["recency"] == "inf"
