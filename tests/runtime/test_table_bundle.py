"""The bundle of a customer table: churn alone, and no confusion with that of a ledger."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from patronage.errors import BundleError, InputError
from patronage.runtime.bundle import TableBundle, ledger_bundle, read_bundle, table_bundle, write_bundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.scorer import TableScorer, load_scorer
from patronage.schema import TABLE_SCORE_VALUES, Column, TableSchema

INPUTS = TableSchema("model_input", (Column("tenure", "long", "", True, ""), Column("plan", "string", "", True, "")))


@pytest.fixture
def bundle():
    churn = LogisticChurnModel(
        features=("tenure", "plan"), horizon_days=0, calibration=Calibration("none", (), ()), intercept=-1.0,
        numbers={"tenure": NumberTerm(10.0, 5.0, -0.5, 0.25)}, levels={"plan": (0.3, -0.2, 0.7)},
        categories={"plan": ("basic", "plus")},
    )  # fmt: skip
    return TableBundle(churn=churn, inputs=INPUTS, training={"label": "Churn"})


def expected(log_odds):
    return 1 / (1 + np.exp(-np.array(log_odds)))


def test_scores_are_those_worked_by_hand(bundle, tmp_path):
    scorer = load_scorer(write_bundle(bundle, tmp_path / "b"))
    assert isinstance(scorer, TableScorer)
    plans = ["basic", None, "never seen", "plus"]
    scores = scorer.score({"plan": plans, "tenure": [10.0, np.nan, 5.0, 20.0], "more": [1, 2, 3, 4]})
    assert tuple(scores) == TABLE_SCORE_VALUES.names == ("churn_probability",)
    np.testing.assert_allclose(
        scores["churn_probability"], expected([-1 + 0.3, -1 + 0.25 + 0.7, -1 + 0.5 + 0.7, -1 - 1.0 - 0.2])
    )


def test_it_comes_back_as_it_was_written(bundle, tmp_path):
    back = read_bundle(write_bundle(bundle, tmp_path / "b"))
    assert isinstance(back, TableBundle)
    assert (back.as_of, back.horizon_days, back.inputs, back.churn) == (None, None, INPUTS, bundle.churn)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["churn.json", "manifest.json"]
    manifest = json.loads((tmp_path / "b" / "manifest.json").read_text())
    assert (manifest["format"], manifest["setting"]) == (3, "customer_table")
    assert [column["name"] for column in manifest["output"]] == ["churn_probability"]


def test_days_and_horizon_come_back(bundle, tmp_path):
    dated = TableBundle(bundle.churn, INPUTS, date(2024, 6, 30), 30)
    back = read_bundle(write_bundle(dated, tmp_path / "b"))
    assert (back.as_of, back.horizon_days) == (date(2024, 6, 30), 30)


def test_it_is_refused_where_that_of_a_ledger_is_needed(bundle):
    with pytest.raises(BundleError, match=r"Scoring needs the model of a ledger.*\(tenure, plan\).*customer_table"):
        ledger_bundle(bundle, "Scoring")
    assert table_bundle(bundle, "Scoring") is bundle


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"setting": "hearsay"}, "of the setting 'hearsay'"),
        ({"setting": "ledger"}, "purchase.json is missing"),
        ({"input": []}, "looks at plan, tenure, which are no inputs"),
        ({"horizon_days": "soon"}, "does not fit"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(bundle, tmp_path, change, words):
    folder = write_bundle(bundle, tmp_path / "b")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(BundleError, match=words):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"tenure": [1.0]}, "lacks 1 of 2 columns: plan"),
        ({"tenure": ["long"], "plan": ["plus"]}, "tenure is not numeric"),
        ({"tenure": [np.inf], "plan": ["plus"]}, "tenure infinite"),
        ({"tenure": [1.0], "plan": [2]}, "plan holds text; got 2"),
        ({"tenure": [1.0, 2.0], "plan": ["plus"]}, "differ in length"),
    ],
)
def test_rows_that_cannot_be_are_refused(bundle, table, words):
    with pytest.raises(InputError, match=words):
        TableScorer(bundle).score(table)


def test_order_and_types_of_numbers_do_not_matter_and_no_rows_give_no_scores(bundle):
    frame = pd.DataFrame({"plan": ["plus", "basic"], "tenure": [3, 4]})
    one = TableScorer(bundle).score(frame)["churn_probability"]
    other = TableScorer(bundle).score({"tenure": np.array([3.0, 4.0]), "plan": np.array(["plus", "basic"], object)})
    assert np.array_equal(one, other["churn_probability"])
    assert len(TableScorer(bundle).score(frame.iloc[:0])["churn_probability"]) == 0
