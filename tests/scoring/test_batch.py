"""Batch scoring: the size of the batches changes nothing, and a failure leaves nothing."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from feature_rows import GOLDEN
from patronage import CdnowSource, open_ledger
from patronage.errors import BundleError, DateError, OutputError
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.tables import LedgerTables
from patronage.runtime.scorer import Scorer, load_scorer
from patronage.schema import SCORES
from patronage.scoring.job import score_ledger

AS_OF = date(1998, 6, 30)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return load_scorer(GOLDEN)


@pytest.fixture(scope="module")
def tables() -> LedgerTables:
    """The log in an engine of one thread, whose sums have one order, so that only the batches differ."""
    return open_ledger(CdnowSource(), DuckDbEngine(threads=1)).tables


@pytest.fixture(scope="module")
def in_one(tables: LedgerTables, scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("one") / "scores.parquet"
    return score_ledger(tables, scorer, AS_OF, "a/1", out, 100_000)


def test_small_batches_give_the_same_content(tables, scorer, in_one, tmp_path):
    sizes: list[int] = []
    out = tmp_path / "new" / "scores.parquet"
    scored = score_ledger(tables, scorer, AS_OF, "a/1", out, 3000, on_progress=sizes.append)
    assert len(sizes) >= 8
    assert max(sizes) <= 3000
    assert sum(sizes) == scored.customers == 23570
    assert pq.read_table(out).equals(pq.read_table(in_one.path))


def test_engine_of_many_threads_gives_the_same_bits(cdnow, scorer, in_one, tmp_path):
    """Who scores the same ledger with the same model twice gets the same file, whatever the engine's threads do."""
    again = score_ledger(cdnow.tables, scorer, AS_OF, "a/1", tmp_path / "scores.parquet", 100_000)
    found, expected = pq.read_table(again.path), pq.read_table(in_one.path)
    differing = {name: pc.sum(pc.not_equal(found[name], expected[name])).as_py() for name in found.column_names}
    assert {name: count for name, count in differing.items() if count} == {}


def test_totals_are_those_of_the_file(in_one):
    table = pq.read_table(in_one.path)
    assert set(in_one.totals) == {"expected_purchases", "clv", "churn_probability"}
    for name, total in in_one.totals.items():
        assert total == pytest.approx(table[name].to_numpy().sum(), rel=1e-12)


def test_most_valuable_are_those_of_the_file(tables, scorer, in_one, tmp_path):
    best = pq.read_table(in_one.path).to_pandas().nlargest(5, "clv")
    by_small_batches = score_ledger(tables, scorer, AS_OF, "a/1", tmp_path / "scores.parquet", 3000)
    for scored in (in_one, by_small_batches):
        assert scored.most_valuable["customer_id"].to_pylist() == best["customer_id"].tolist()


def test_only_customers_known_on_the_date_are_scored(cdnow, scorer, tmp_path):
    as_of = date(1997, 1, 15)
    scored = score_ledger(cdnow.tables, scorer, as_of, "a/1", tmp_path / "s.parquet", 100_000)
    known = cdnow.transactions.filter(cdnow.transactions.timestamp.date() <= as_of).customer_id.nunique().execute()
    assert 0 < scored.customers == known < 23570
    assert set(pq.read_table(scored.path)["as_of"].to_pylist()) == {as_of}


class FailsOnTheSecondBatch(Scorer):
    """A scorer whose second batch cannot be scored."""

    batches = 0

    def score(self, table: Any) -> dict[str, np.ndarray]:
        self.batches += 1
        if self.batches == 2:
            message = "the second batch"
            raise BundleError(message)
        return super().score(table)


@pytest.mark.parametrize("older", [b"scores of yesterday", None])
def test_failure_in_the_middle_leaves_what_was_there(cdnow, scorer, tmp_path, older):
    out = tmp_path / "scores.parquet"
    if older is not None:
        out.write_bytes(older)
    failing = FailsOnTheSecondBatch(scorer.bundle)
    with pytest.raises(BundleError, match="the second batch"):
        score_ledger(cdnow.tables, failing, AS_OF, "a/1", out, 1000)
    # Threads may have begun other parts before the failure was told, but nobody scores all 24.
    assert 2 <= failing.batches < 12
    assert [path.name for path in tmp_path.rglob("*")] == ([] if older is None else ["scores.parquet"])
    if older is not None:
        assert out.read_bytes() == older


def test_finished_file_replaces_the_older_one(cdnow, scorer, tmp_path):
    out = tmp_path / "scores.parquet"
    out.write_bytes(b"scores of yesterday")
    score_ledger(cdnow.tables, scorer, AS_OF, "a/1", out, 100_000)
    assert pq.read_schema(out).names == list(SCORES.names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.manifest.json", "scores.parquet"]


def test_nobody_to_score_is_refused_without_a_file(cdnow, scorer, tmp_path):
    with pytest.raises(DateError, match="nobody to score"):
        score_ledger(cdnow.tables, scorer, date(1996, 12, 31), "a/1", tmp_path / "s.parquet", 1000)
    assert not list(tmp_path.iterdir())


def test_place_that_cannot_be_written_is_refused(cdnow, scorer, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        score_ledger(cdnow.tables, scorer, AS_OF, "a/1", tmp_path / "file" / "s.parquet", 1000)
