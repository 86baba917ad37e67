"""Reasons beside the scores of a file."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from patronage import CdnowSource, open_ledger
from patronage.errors import ConfigError
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.runtime.bundle import read_bundle
from patronage.runtime.scorer import Scorer
from patronage.schema import N_REASONS, SCORE_REASONS, SCORES
from patronage.scoring.batch import arrow_schema, scoring_input
from patronage.scoring.job import score_ledger
from patronage.scoring.reasons import ScoreReasons

AS_OF = date(1998, 6, 30)
GOLDEN = Path(__file__).parents[1] / "golden" / "bundle_format_1" / "bundle"


@pytest.fixture(scope="module")
def scorer():
    return Scorer(read_bundle(GOLDEN))


@pytest.fixture(scope="module")
def tables():
    return open_ledger(CdnowSource(), DuckDbEngine(threads=1)).tables


@pytest.fixture(scope="module")
def explained(tables, scorer, tmp_path_factory):
    out = tmp_path_factory.mktemp("explained") / "scores.parquet"
    return pq.read_table(
        score_ledger(tables, scorer, AS_OF, "a/1", out, 100_000, reasons=ScoreReasons(scorer.bundle)).path
    )


def test_columns_are_the_stated_ones(explained):
    assert explained.schema.remove_metadata().equals(arrow_schema(SCORES, SCORE_REASONS))


def test_scores_are_those_without_reasons(tables, scorer, explained, tmp_path):
    plain = pq.read_table(score_ledger(tables, scorer, AS_OF, "a/1", tmp_path / "plain.parquet", 100_000).path)
    assert explained.select(plain.column_names).equals(plain)


def test_small_batches_give_the_same_reasons(tables, scorer, explained, tmp_path):
    reasons = ScoreReasons(scorer.bundle)
    small = score_ledger(tables, scorer, AS_OF, "a/1", tmp_path / "small.parquet", 3000, reasons=reasons)
    assert pq.read_table(small.path).equals(explained)


def test_effects_are_sorted_and_missing_where_nothing_is_told(explained):
    frame = explained.to_pandas()
    effects = frame[[f"reason_{place}_effect" for place in range(1, N_REASONS + 1)]]
    strengths = effects.abs().fillna(0).to_numpy()
    assert (np.diff(strengths, axis=1) <= 0).all()
    for place in range(1, N_REASONS + 1):
        assert (frame[f"reason_{place}"].isna() == frame[f"reason_{place}_effect"].isna()).all()
        assert explained[f"reason_{place}_effect"].null_count == frame[f"reason_{place}"].isna().sum()
    assert pc.is_nan(explained["reason_3_effect"].drop_null()).to_pylist().count(True) == 0


def test_words_are_those_of_the_customer(tables, scorer, explained):
    """What the text says of the silence is what the ledger knows of it."""
    known = scoring_input(tables, scorer, AS_OF).select("customer_id", "days_since_last_purchase").execute()
    frame = explained.to_pandas().merge(known, on="customer_id")
    told = frame["reason_1"].str.extract(r"(?:no order for|last order) ([\d,]+) day")[0].dropna()
    assert len(told) > 1000
    assert (told.str.replace(",", "").astype(float) == frame.loc[told.index, "days_since_last_purchase"]).all()


def test_direction_and_method_are_those_asked_for(tables, scorer, tmp_path):
    reasons = ScoreReasons(scorer.bundle, "fast", "keeps")
    assert reasons.method_in_words == "approximate (by XGBoost)"
    scored = score_ledger(tables, scorer, AS_OF, "a/1", tmp_path / "keeps.parquet", 100_000, reasons=reasons)
    effects = pq.read_table(scored.path)["reason_1_effect"].to_pandas().dropna()
    assert len(effects) > 100
    assert (effects < 0).all()


def test_an_unknown_method_is_refused(scorer):
    with pytest.raises(ConfigError, match="auto, exact, fast"):
        ScoreReasons(scorer.bundle, "best")  # type: ignore[arg-type]
