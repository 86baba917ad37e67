"""What workers of Spark do, without Spark: runs of parts, two attempts at once, and what a worker refuses."""

import json
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_rows import AS_OF, GOLDEN, job_of, write_features
from patronage.errors import BundleError, OutputError, SourceError
from patronage.runtime.bundle import read_bundle
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.job import run_job
from patronage.scoring.manifest import versions
from patronage.scoring.spark_job import LONGEST_RUN, TASKS_PER_CORE, runs_of
from patronage.scoring.spark_place import Place, require_programs
from patronage.scoring.spark_rows import in_words
from patronage.scoring.spark_worker import Assignment, Recipe, finished_part, outcomes
from patronage.scoring.work import PLAN, Work

N, SIZE = 2300, 500
RECIPE = Recipe(read_bundle(GOLDEN).fingerprint, AS_OF, "golden/1")
BUNDLE = SimpleNamespace(value={path.name: path.read_bytes() for path in GOLDEN.iterdir()})


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp("features") / "features.parquet", N, row_group=700)


def assigned(source, folder, runs=(range(5),), **others):
    """What the driver would tell the workers of a job that has begun."""
    folder.mkdir(exist_ok=True)
    Work(folder).begin({"a": "plan"}, fresh=False)
    rows = FeatureRows([source], read_bundle(GOLDEN).inputs)
    given = Assignment(Place.of(folder), versions(), RECIPE, BUNDLE, rows, N, SIZE, {}, tuple(runs))
    return replace(given, **others)


def failures(told):
    return [outcome["failure"]["message"] for outcome in told if "failure" in outcome]


@given(st.sets(st.integers(0, 60)), st.integers(1, 20))
def test_every_missing_part_is_in_one_run(missing, cores):
    runs = runs_of(missing, cores)
    assert [number for run in runs for number in run] == sorted(missing)
    assert all(1 <= len(run) <= LONGEST_RUN for run in runs)


def test_there_are_tasks_for_all_cores_and_none_is_long():
    assert len(runs_of(set(range(160)), 10)) == 10 * TASKS_PER_CORE
    assert {len(run) for run in runs_of(set(range(8000)), 10)} == {LONGEST_RUN}


def test_parts_are_those_of_threads(features, tmp_path):
    """Whatever the runs: a part that begins within a row group and a file is cut where threads cut it."""
    whole = run_job(job_of(features, tmp_path / "whole", SIZE))
    work = tmp_path / "work"
    job = assigned(features, work, (range(3, 5), range(3)))
    told = [outcome for run in job.runs for outcome in outcomes(job, run)]
    assert not failures(told)
    assert [outcome["part"]["number"] for outcome in told] == [3, 4, 0, 1, 2]
    for path in sorted(whole.path.iterdir()):
        assert (work / path.name).read_bytes() == path.read_bytes()
    assert sum(outcome["part"]["scored"] for outcome in told) == N
    assert sorted(path.name for path in work.iterdir() if not path.name.startswith("part-")) == [PLAN]


def test_attempts_that_work_at_the_same_time_leave_whole_parts(features, tmp_path):
    work = tmp_path / "work"
    job = assigned(features, work)
    threads = [threading.Thread(target=lambda: list(outcomes(job, range(5)))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    parts = Work(work).finished()
    assert sorted(parts) == list(range(5))
    assert not list(work.glob("attempt-*"))
    assert not list(work.glob("failure-*"))


def test_what_an_earlier_attempt_finished_is_not_scored_again(features, tmp_path):
    work = tmp_path / "work"
    job = assigned(features, work)
    list(outcomes(job, range(2)))
    before = {path.name: path.stat().st_mtime_ns for path in work.glob("part-*")}
    told = list(outcomes(job, range(5)))
    assert [outcome["part"]["number"] for outcome in told] == list(range(5))
    assert before.items() <= {path.name: path.stat().st_mtime_ns for path in work.glob("part-*")}.items()
    assert finished_part(work, 4).rows == N - 4 * SIZE
    assert finished_part(work, 5) is None


def test_a_worker_elsewhere_writes_nothing(features, tmp_path):
    job = assigned(features, tmp_path / "work")
    elsewhere = tmp_path / "elsewhere"
    (message,) = failures(outcomes(replace(job, place=replace(job.place, folder=elsewhere)), range(5)))
    assert "does not see the work folder" in message
    assert not elsewhere.exists()


def test_a_worker_of_a_job_that_is_over_writes_nothing_into_the_next(features, tmp_path):
    """The driver was killed and another job has begun at the same place while a worker still goes on."""
    work = tmp_path / "work"
    job = assigned(features, work)
    going_on = outcomes(job, range(5))
    next(going_on)
    Work(work).begin({"another": "plan"}, fresh=False)
    told = list(going_on)
    assert ["another job" in message for message in failures(told)] == [True]
    assert not list(work.glob("part-*"))
    assert not list(work.glob("attempt-*"))


def test_a_failure_is_told_at_once_and_ends_the_run(features, tmp_path):
    source = tmp_path / "features.parquet"
    source.write_bytes(features.read_bytes())
    job = assigned(source, tmp_path / "work")
    source.write_bytes(features.read_bytes()[:5000])
    (message,) = failures(outcomes(job, range(5)))
    assert "cannot be read as Parquet" in message
    (word,) = (tmp_path / "work").glob("failure-*.json")
    assert json.loads(word.read_text())["failure"] == {"kind": SourceError.__name__, "message": message}


def test_rows_that_have_gone_are_missed(features, tmp_path):
    source = write_features(tmp_path / "features.parquet", N)
    job = assigned(source, tmp_path / "work")
    write_features(source, N - 600)
    told = list(outcomes(job, range(5)))
    assert "fewer rows than when the job began" in failures(told)[0]


def test_other_programs_are_refused_by_name():
    require_programs(versions())
    with pytest.raises(OutputError, match=r"xgboost \S+ instead of 1\.0, nothing None instead of 2"):
        require_programs(versions() | {"xgboost": "1.0", "nothing": "2"})


def test_another_bundle_is_refused(features, tmp_path):
    job = assigned(features, tmp_path / "work", recipe=replace(RECIPE, fingerprint="0" * 12))
    (outcome,) = outcomes(job, range(5))
    assert outcome["failure"]["kind"] == BundleError.__name__


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            "Job aborted.\nModuleNotFoundError: No module named 'patronage'\n",
            "lack the Python package patronage: install",
        ),
        (
            "Job aborted due to a lost executor.\n\tat org.apache",
            "Spark gave up: Job aborted due to a lost executor. The",
        ),
    ],
)
def test_what_spark_says_is_put_in_words(told, words):
    """As an error that keeps finished parts."""
    exceptions = pytest.importorskip("pyspark.errors")
    with pytest.raises(OutputError, match=words), in_words("Spark gave up"):
        raise exceptions.PySparkException(told)
