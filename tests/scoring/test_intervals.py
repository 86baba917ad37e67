"""Intervals of the scores, from the models and covariances that a bundle stores."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from patronage.errors import ModelError
from patronage.runtime.bundle import read_bundle
from patronage.runtime.scorer import Scorer, model_input
from patronage.schema import SCORE_INTERVALS
from patronage.scoring.intervals import ScoreIntervals


@pytest.fixture(scope="module")
def bundle(full_run):
    return read_bundle(full_run.bundle_folder)


@pytest.fixture(scope="module")
def customers(cdnow, bundle):
    """A few customers as they are scored."""
    from patronage.scoring.batch import scoring_input

    table = scoring_input(cdnow.tables, Scorer(bundle), bundle.as_of).limit(60).to_pandas()
    return model_input(table, bundle.inputs)


def test_score_lies_in_its_interval(bundle, customers):
    found = ScoreIntervals(bundle, 0.9).of(customers, 0)
    assert set(found) == set(SCORE_INTERVALS.names)
    scores = Scorer(bundle).score(customers)
    assert (found["purchases_low"] <= scores["expected_purchases"] + 0.5).all()
    assert (found["clv_low"] <= scores["clv"]).all()
    active = scores["probability_active"] > 0.5
    assert active.any()
    assert (found["purchases_high"][active] >= scores["expected_purchases"][active]).all()


def test_the_same_block_has_the_same_numbers_and_another_its_own(bundle, customers):
    once, again, other = (ScoreIntervals(bundle, 0.9).of(customers, block) for block in (3, 3, 4))
    assert all(np.array_equal(once[name], again[name]) for name in once)
    assert not np.array_equal(once["clv_high"], other["clv_high"])


def test_a_wider_level_is_wider(bundle, customers):
    half, most = (ScoreIntervals(bundle, level).of(customers, 0) for level in (0.5, 0.98))
    assert (most["purchases_low"] <= half["purchases_low"]).all()
    assert (most["clv_high"] >= half["clv_high"]).all()
    assert most["clv_high"].sum() > 1.2 * half["clv_high"].sum()


@pytest.mark.parametrize("stored", [None, {}, {"purchase": None, "spend": [[1.0]]}])
def test_a_bundle_without_covariance_has_no_intervals(bundle, stored):
    without = replace(bundle, training={**bundle.training, "covariance": stored})
    with pytest.raises(ModelError, match=r"No covariance of 4 parameters is stored .* Train again"):
        ScoreIntervals(without, 0.9)


def test_the_command_writes_them_beside_the_scores(full_run, patronage, tmp_path):
    out = tmp_path / "scores.parquet"
    model = str(full_run.bundle_folder)
    done = patronage(full_run.folder, "score", f"model={model}", f"out={out}", "interval=0.8")
    assert done.returncode == 0, done.stderr
    assert pq.read_schema(out).names[-4:] == list(SCORE_INTERVALS.names)
    usual = pq.read_table(full_run.scores)
    scored = pq.read_table(out)
    assert scored["clv"].equals(usual["clv"])


def test_an_impossible_level_is_refused(full_run, patronage):
    done = patronage(full_run.folder, "score", "interval=1.5")
    assert done.returncode == 2
    assert "interval" in done.stderr
