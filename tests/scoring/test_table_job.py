"""Customer tables go through the very job of ledgers: parts, rejects, manifest, lock, same bytes after a stop."""

import json
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from patronage.errors import ContractError, OutputError
from patronage.schema import TABLE_SCORES, Column, TableSchema
from patronage.scoring.batch import arrow_schema
from patronage.scoring.job import run_job
from patronage.scoring.table_scores import customer_table_rows
from scoring_kills import killed_until_done
from table_jobs import bundle_of_table, frame_of, job_of, job_of_table, table_of

N = 5500


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run_job(job_of_table(table_of(N), tmp_path_factory.mktemp("whole") / "scores.parquet"))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


class Stop(BaseException):
    """As when the process is killed, but from within."""


def test_scores_are_the_formula_in_the_order_of_the_table(whole):
    scores = pq.read_table(whole.path)
    assert scores.schema.remove_metadata().equals(arrow_schema(TABLE_SCORES))
    assert scores["customer_id"].to_pylist() == [f"c{row}" for row in range(N)]
    assert set(scores["as_of"].to_pylist()) == {None}
    x = np.linspace(-1, 1, N).round(3)
    expected = 1 / (1 + np.exp(-(-1 - 0.5 * x - 0.2)))
    assert scores["churn_probability"].to_numpy() == pytest.approx(expected, rel=1e-12)
    assert whole.totals == {"churn_probability": pytest.approx(expected.sum())}
    assert whole.most_valuable["customer_id"].to_pylist() == ["c0", "c1", "c2", "c3", "c4"]


def test_the_manifest_accounts_for_every_row_and_nothing_else_is_left(whole):
    assert names_in(whole.path.parent) == ["scores.manifest.json", "scores.parquet"]
    manifest = json.loads(whole.manifest.read_text())
    assert manifest["rows"] == {"in": N, "scored": N, "rejected": 0, "reasons": {}}
    assert [part["rows"] for part in manifest["parts"]] == [1000] * 5 + [500]
    assert manifest["input"]["kind"] == "customer table"


@pytest.mark.parametrize("after", [1, 4])
def test_a_job_that_was_stopped_goes_on_and_ends_in_the_same_bytes(whole, tmp_path, after):
    seen = []

    def stop(rows):
        seen.append(rows)
        if len(seen) == after:
            raise Stop

    table = table_of(N)
    with pytest.raises(Stop):
        run_job(job_of_table(table, tmp_path / "scores.parquet", threads=1), stop)
    assert names_in(tmp_path) == [".scores.parquet.work"]
    finished = run_job(job_of_table(table, tmp_path / "scores.parquet"))
    assert finished.parts_taken_over >= after
    assert finished.path.read_bytes() == whole.path.read_bytes()
    assert names_in(tmp_path) == ["scores.manifest.json", "scores.parquet"]


def test_a_table_that_changed_between_is_scored_anew(tmp_path):
    def stop(rows):
        raise Stop

    with pytest.raises(Stop):
        run_job(job_of_table(table_of(3000), tmp_path / "scores.parquet", threads=1), stop)
    finished = run_job(job_of_table(table_of(3000, x=["0.25"]), tmp_path / "scores.parquet"))
    assert (finished.dropped, finished.parts_taken_over) == ("the input has changed", 0)
    first = pq.read_table(finished.path)["churn_probability"][0].as_py()
    assert first == pytest.approx(1 / (1 + np.exp(1 + 0.125 + 0.2)))


def test_rows_that_trees_could_not_hold_are_set_aside(tmp_path):
    finished = run_job(job_of_table(table_of(50, x=["0", "1e39", "-1e300"]), tmp_path / "scores.parquet", 20))
    assert (finished.customers, finished.rejected, finished.reasons) == (48, 2, {"x too large": 2})
    rejects = pq.read_table(finished.rejects).to_pylist()
    assert [(row["row"], row["customer_id"]) for row in rejects] == [(2, "c1"), (3, "c2")]
    assert json.loads(rejects[0]["record"]) == {"x": 1e39, "plan": "plus"}


def test_rows_tell_their_own_days(tmp_path):
    days = [f"2024-01-{1 + row % 28:02d}" for row in range(60)]
    changes = {"x": ["1e39"], "day": days}
    finished = run_job(job_of_table(table_of(60, snapshot="day", **changes), tmp_path / "scores", 25))
    told = [str(day) for day in pq.read_table(finished.path)["as_of"].to_pylist()]
    assert told == days[1:]
    assert json.loads(pq.read_table(finished.rejects)["record"][0].as_py()) == {"x": 1e39, "plan": "plus"}


def test_two_jobs_cannot_write_one_output(tmp_path):
    table = table_of(50)

    def second(rows):
        with pytest.raises(OutputError, match="is being written by another job"):
            run_job(job_of_table(table, tmp_path / "scores.parquet"))

    assert run_job(job_of_table(table, tmp_path / "scores.parquet"), second).customers == 50


def test_a_model_that_takes_the_customer_for_a_feature_is_refused():
    inputs = TableSchema("model_input", (Column("customer_id", "string", "", True, ""),))
    bundle = bundle_of_table()
    other = type(bundle)(bundle.churn, inputs, training={})
    with pytest.raises(ContractError, match=r"ledger\.customer_id=customer_id"):
        customer_table_rows(table_of(5), other)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_in_the_same_bytes(tmp_path):
    source = tmp_path / "table.csv"
    frame_of(20_000).to_csv(source, index=False)
    began = time.perf_counter()
    whole = run_job(job_of(source, tmp_path / "whole" / "scores.parquet", 200))
    took = time.perf_counter() - began
    place = tmp_path / "killed"
    place.mkdir()
    found = killed_until_done(source, place / "scores.parquet", 200, 10, longest=took, seed=3, maker="table_jobs")
    assert max(found) > 0
    assert names_in(place) == ["scores.manifest.json", "scores.parquet"]
    assert (place / "scores.parquet").read_bytes() == whole.path.read_bytes()
    assert json.loads((place / "scores.manifest.json").read_text())["rows"]["scored"] == 20_000
