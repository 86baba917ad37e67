"""A report speaks of one model: scores of another, or of nobody in particular, are refused."""

import pandas as pd
import pytest

INPUT = 3


@pytest.fixture
def report_on(refused, full_run, tmp_path):
    """Try to report on the champion with changed scores."""

    def run(change):
        change(pd.read_parquet(full_run.scores)).to_parquet(tmp_path / "changed.parquet")
        return refused("report", f"tracking.uri={full_run.uri}", "scores=changed.parquet", "out=report")

    return run


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda scores: scores.assign(model_version="patronage/7"), "model=models:/patronage/7"),
        (lambda scores: scores.assign(horizon_days=30), "30 days ahead; the report is on patronage/1, 182 days"),
        (lambda scores: pd.concat([scores, scores.head(2)]), "2 customers more than once, first: 00001, 00002"),
        (lambda scores: scores.drop(columns=["clv", "as_of"]), "lacks as_of, clv"),
    ],
    ids=["another model", "another horizon", "a customer twice", "no scores"],
)
def test_scores_that_do_not_belong_to_the_model(report_on, change, named):
    code, said = report_on(change)
    assert code == INPUT
    assert named in said
