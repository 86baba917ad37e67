"""The scoring job on Spark ends in the bytes of the job on one machine, whatever happens on the way."""

import hashlib
import json
import os
import signal
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines_under_test import duckdb_engine, spark_engine
from feature_rows import AS_OF, GOLDEN, columns_of, job_of, write_features
from patronage.errors import ContractError, DateError, InputError, OutputError, SourceError
from patronage.ledger.opening import open_ledger
from patronage.ledger.simulated_source import SimulatedSource
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import simulate_world
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.scorer import load_scorer
from patronage.scoring.batch import RowScorer
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.job import ScoreJob, ledger_rows, run_job
from patronage.scoring.outputs import output_of
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.spark_job import SparkWorkers
from patronage.scoring.spark_rows import SparkTable, spark_ledger_rows
from patronage.scoring.spark_worker import Recipe

pytestmark = pytest.mark.slow

N, SIZE = 5500, 500
END = date(2024, 7, 2)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A folder of three files, some of whose rows cannot be scored; parts begin anywhere in them."""
    folder = tmp_path_factory.mktemp("features")
    columns = columns_of(N)
    columns["T"][[3, 1999, 5400]] = np.nan
    columns["recency"][[3, 700]] = -1.0
    columns["monetary_value"][2500] = np.inf
    ids = [None if number == 4321 else f"C{number:07d}" for number in range(N)]
    table = pa.table({"customer_id": ids} | columns)
    for name, start, stop in (("a", 0, 1800), ("b", 1800, 1803), ("c", 1803, N)):
        pq.write_table(table.slice(start, stop - start), folder / f"{name}.parquet", row_group_size=700)
    return folder


@pytest.fixture(scope="module")
def bundle_with_covariance(tmp_path_factory):
    """The golden model, told how well its parameters are known."""
    golden = read_bundle(GOLDEN)
    covariance = {"purchase": np.diag([1e-3] * 4).tolist(), "spend": np.diag([1e-3] * 3).tolist()}
    training = dict(golden.training) | {"covariance": covariance}
    return write_bundle(replace(golden, training=training), tmp_path_factory.mktemp("bundle") / "bundle")


def on_spark(job, bundle_folder=GOLDEN, **recipe):
    """The same job on Spark."""
    made = Recipe(
        job.row_scorer.scorer.bundle.fingerprint, job.row_scorer.as_of, job.row_scorer.model_version, **recipe
    )
    return SparkWorkers(spark_engine(), made, bundle_folder).on(job)


def job_of_folder(folder, out, **others):
    """The job that scores all files of a folder."""
    first = next(iter(sorted(folder.iterdir())))
    rows = FeatureRows(sorted(folder.iterdir()), load_scorer(GOLDEN).bundle.inputs)
    return replace(job_of(first, out, SIZE, **others), rows=lambda _: rows, input_facts={"files": rows.facts()})


def bytes_of(path):
    return {one.name: one.read_bytes() for one in (sorted(path.iterdir()) if path.is_dir() else [path])}


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_table_that_only_spark_reaches(features, tmp_path):
    """It is read by its address, in the order of the files, so that all is as if it lay in a folder."""
    here = run_job(job_of_folder(features, tmp_path / "here"))
    table = SparkTable(f"file://{features}", load_scorer(GOLDEN).bundle.inputs, spark_engine())
    assert len(table) == N
    assert [(file["rows"], file["bytes"]) for file in table.facts()] == [
        (pq.read_metadata(path).num_rows, path.stat().st_size) for path in sorted(features.iterdir())
    ]
    job = replace(job_of_folder(features, tmp_path / "there"), rows=table.rows, input_facts={"files": table.facts()})
    there = run_job(on_spark(job))
    assert bytes_of(there.path) == bytes_of(here.path)
    assert there.rejects.read_bytes() == here.rejects.read_bytes()


def test_tables_in_storage_that_do_not_fit_are_refused(tmp_path):
    inputs = load_scorer(GOLDEN).bundle.inputs
    with pytest.raises(SourceError, match="nowhere cannot be read"):
        SparkTable(f"file://{tmp_path}/nowhere", inputs, spark_engine())
    nothing = pa.table(
        {"customer_id": pa.array([], pa.string())} | {name: pa.array([], pa.float64()) for name in inputs.names}
    )
    pq.write_table(nothing, tmp_path / "empty.parquet")
    with pytest.raises(SourceError, match="no file of it has a row"):
        SparkTable(f"file://{tmp_path}/empty.parquet", inputs, spark_engine())
    table = pa.table({"customer_id": ["1"], "T": ["x"], "frequency": [1]})
    pq.write_table(table, tmp_path / "other.parquet")
    with pytest.raises(ContractError, match=r"lacks .* columns .*T as string, not numbers.* It has: customer_id, T"):
        SparkTable(f"file://{tmp_path}/other.parquet", inputs, spark_engine())


class Stop(BaseException):
    """As when the process is killed, but from within."""


@pytest.mark.parametrize("name", ["scores", "scores.parquet"])
def test_it_ends_in_the_same_bytes(features, tmp_path, name):
    """Scores, rejected rows with their numbers and reasons, and what the manifest tells of them."""
    here = run_job(job_of_folder(features, tmp_path / "here" / name))
    told = []
    there = run_job(on_spark(job_of_folder(features, tmp_path / "there" / name)), told.append)
    assert sum(told) == N
    assert bytes_of(there.path) == bytes_of(here.path)
    assert there.rejects.read_bytes() == here.rejects.read_bytes()
    assert names_in(tmp_path / "there") == names_in(tmp_path / "here")
    one, other = (json.loads(job.manifest.read_text()) for job in (here, there))
    assert other["rows"] == one["rows"]
    assert one["rows"]["in"] == N == one["rows"]["scored"] + one["rows"]["rejected"]
    assert one["rows"]["rejected"] == 6
    for key in ("input", "model", "versions", "totals", "schema", "parts"):
        assert other[key] == one[key]
    assert other["settings"] == one["settings"] | {"engine": "spark"}
    for file in other["output"]["files"]:
        assert hashlib.sha256((tmp_path / "there" / file["name"]).read_bytes()).hexdigest() == file["sha256"]


def test_what_stands_beside_the_scores_is_the_same_too(features, bundle_with_covariance, tmp_path):
    """Draws of intervals are seeded by the part, and parts are the same."""
    scorer = load_scorer(bundle_with_covariance)
    intervals, reasons = ScoreIntervals(scorer.bundle, 0.8), ScoreReasons(scorer.bundle, "exact", "raises")
    made = RowScorer(scorer, AS_OF, "golden/1", intervals, reasons)
    base = replace(job_of_folder(features, tmp_path / "here", limit=1200), row_scorer=made)
    here = run_job(base)
    recipe = {"interval": 0.8, "explain_method": "exact", "explain_direction": "raises"}
    there = replace(base, output=output_of(str(tmp_path / "there")))
    there = run_job(on_spark(there, bundle_with_covariance, **recipe))
    assert bytes_of(there.path) == bytes_of(here.path)
    assert {"clv_high", "reason_1"} <= set(pq.read_schema(there.path / "part-00000.parquet").names)
    assert there.customers + there.rejected == 1200


def test_a_job_that_was_stopped_goes_on(features, tmp_path):
    here = run_job(job_of_folder(features, tmp_path / "here"))
    job = on_spark(job_of_folder(features, tmp_path / "scores"))

    def stop(rows):
        raise Stop

    with pytest.raises(Stop):
        run_job(job, stop)
    assert names_in(tmp_path) == sorted(
        ["here", *(f"here.{one}" for one in ("manifest.json", "rejects.parquet")), ".scores.work"]
    )
    there = run_job(job)
    assert there.parts_taken_over >= 1
    assert bytes_of(there.path) == bytes_of(here.path)
    assert not list(tmp_path.glob(".scores*"))


def test_a_worker_that_is_killed_costs_its_own_part_alone(features, tmp_path):
    """The system kills it, as it does when memory ends: finished parts stay, and the same job goes on from there."""
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    here = run_job(job_of_folder(features, tmp_path / "here"))
    job = job_of_folder(features, tmp_path / "scores")
    rows = job.rows(tmp_path)
    deadly = Deadly(rows.paths, rows.inputs)
    with pytest.raises(OutputError, match=r"Spark gave up on the job.*finished parts are kept"):
        run_job(on_spark(replace(job, rows=lambda _: deadly)))
    there = run_job(on_spark(job))
    assert 1 <= there.parts_taken_over < 11
    assert bytes_of(there.path) == bytes_of(here.path)


class Deadly(FeatureRows):
    """Rows that kill who reads the last of them."""

    def parts(self, start, size, limit=None):
        for number, table in enumerate(super().parts(start, size, limit)):
            if start + number * size >= 5000:
                os.kill(os.getpid(), signal.SIGKILL)
            yield table


def test_what_a_worker_finds_wrong_is_said_and_nothing_is_left(tmp_path):
    source = write_features(tmp_path / "features.parquet", 3000, row_group=600)
    content = source.read_bytes()
    source.write_bytes(content[:4] + bytes(len(content) // 2) + content[4 + len(content) // 2 :])
    job = on_spark(job_of(source, tmp_path / "scores", SIZE))
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        run_job(job)
    assert names_in(tmp_path) == ["features.parquet"]


def test_workers_begin_in_other_folders(tmp_path, monkeypatch):
    """Names of files that are relative to the driver's folder reach them too."""
    spark_engine()
    monkeypatch.chdir(tmp_path)
    write_features("features.parquet", 300)
    done = run_job(on_spark(job_of("features.parquet", "scores", SIZE)))
    assert done.customers == 300
    assert names_in(tmp_path) == ["features.parquet", "scores", "scores.manifest.json"]


def test_nobody_that_can_be_scored(tmp_path):
    source = write_features(tmp_path / "features.parquet", 300, T=np.full(300, np.nan))
    with pytest.raises(InputError, match="None of 300 rows can be scored: T missing"):
        run_job(on_spark(job_of(source, tmp_path / "scores", SIZE)))
    assert names_in(tmp_path) == ["features.parquet", "scores.unscored.parquet"]


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory):
    world = replace(named_world("retailer"), whale=None)
    source = SimulatedSource(
        str(simulate_world(world, 300, tmp_path_factory.mktemp("worlds") / "retailer", seed=3).path)
    )
    return [open_ledger(source, engine) for engine in (duckdb_engine(), spark_engine())]


def jobs_of_ledgers(ledgers, folder, as_of=END):
    scorer = load_scorer(GOLDEN)
    here, there = ledgers
    rows = (
        ledger_rows(here.tables, scorer, as_of, here.engine.batches),
        spark_ledger_rows(there.tables, scorer, as_of, there.engine),
    )
    made = RowScorer(scorer, as_of, "golden/1")
    one, other = (
        ScoreJob(row, {"sha256": ledger.digest}, made, output_of(str(folder / name)), 70)
        for row, ledger, name in zip(rows, ledgers, ("here", "there"), strict=True)
    )
    return one, on_spark(other)


def test_a_ledger_is_scored_the_same(ledgers, tmp_path):
    here, there = (run_job(job) for job in jobs_of_ledgers(ledgers, tmp_path))
    one, other = (pq.read_table(job.path) for job in (here, there))
    assert other.schema.equals(one.schema)
    assert other["customer_id"].to_pylist() == one["customer_id"].to_pylist()
    assert here.customers > 200
    for name in load_scorer(GOLDEN).bundle.outputs.names:
        np.testing.assert_allclose(other[name].to_numpy(), one[name].to_numpy(), rtol=1e-12, atol=0, err_msg=name)
    assert names_in(tmp_path) == sorted(f"{name}{end}" for name in ("here", "there") for end in ("", ".manifest.json"))


def test_features_that_were_computed_are_found_again(ledgers, tmp_path, monkeypatch):
    _, job = jobs_of_ledgers(ledgers, tmp_path)

    def stop(rows):
        raise Stop

    with pytest.raises(Stop):
        run_job(job, stop)
    monkeypatch.setattr(spark_engine(), "view", None)  # nothing is computed again
    assert run_job(job).parts_taken_over >= 1


def test_a_day_before_the_first_purchase(ledgers, tmp_path):
    _, job = jobs_of_ledgers(ledgers, tmp_path, date(1990, 1, 1))
    with pytest.raises(DateError, match="there is nobody to score"):
        run_job(job)
    assert names_in(tmp_path) == []
