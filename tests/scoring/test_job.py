"""Scoring jobs: every row is accounted for, whatever is in it and however often the job is stopped."""

import hashlib
import json
import os
import shutil
import subprocess
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from feature_rows import AS_OF, GOLDEN, columns_of, job_of, write_features
from patronage.errors import ConfigError, ContractError, InputError, OutputError, SourceError
from patronage.runtime.scorer import load_scorer
from patronage.schema import SCORES
from patronage.scoring import job as module
from patronage.scoring.batch import RowScorer, arrow_schema
from patronage.scoring.job import run_job
from patronage.scoring.outputs import output_of
from patronage.scoring.work import Work

N = 5500


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    return write_features(tmp_path_factory.mktemp("features") / "features.parquet", N, row_group=1700)


@pytest.fixture(scope="module")
def whole(features, tmp_path_factory):
    """The job done without a stop."""
    return run_job(job_of(features, tmp_path_factory.mktemp("whole") / "scores.parquet"))


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


class Stop(BaseException):
    """As when the process is killed, but from within."""


def stopped(job, after):
    """Run a job until some parts are finished, then stop it with nothing tidied up."""
    seen = []

    def watch(rows):
        seen.append(rows)
        if len(seen) == after:
            raise Stop

    with pytest.raises(Stop):
        run_job(replace(job, threads=1), watch)


def test_scores_are_those_of_the_scorer_in_the_order_of_the_file(whole):
    scores = pq.read_table(whole.path)
    assert scores.schema.remove_metadata().equals(arrow_schema(SCORES))
    assert scores["customer_id"].to_pylist() == [f"C{number:07d}" for number in range(N)]
    expected = load_scorer(GOLDEN).score(columns_of(N))
    for name, values in expected.items():
        assert scores[name].to_numpy().tobytes() == values.tobytes()
    assert set(scores["as_of"].to_pylist()) == {AS_OF}


def test_manifest_is_true_and_nothing_else_is_left(whole, features):
    assert names_in(whole.path.parent) == ["scores.manifest.json", "scores.parquet"]
    manifest = json.loads(whole.manifest.read_text())
    assert manifest["rows"] == {"in": N, "scored": N, "rejected": 0, "reasons": {}}
    (given,) = manifest["input"]["files"]
    assert given["sha256"] == hashlib.sha256(features.read_bytes()).hexdigest()
    (made,) = manifest["output"]["files"]
    assert made["sha256"] == hashlib.sha256(whole.path.read_bytes()).hexdigest()
    assert made["bytes"] == whole.path.stat().st_size
    assert [part["rows"] for part in manifest["parts"]] == [1000] * 5 + [500]
    assert [column["name"] for column in manifest["schema"]] == list(SCORES.names)
    assert manifest["model"] == {"version": "golden/1", "fingerprint": load_scorer(GOLDEN).bundle.fingerprint}


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_no_byte(features, whole, tmp_path, threads):
    again = run_job(job_of(features, tmp_path / "scores.parquet", threads=threads))
    assert again.path.read_bytes() == whole.path.read_bytes()
    assert again.totals == whole.totals


@pytest.mark.parametrize("part_rows", [700, 5499, 5500, 100_000])
def test_size_of_parts_changes_no_row(features, whole, tmp_path, part_rows):
    told = []
    again = run_job(job_of(features, tmp_path / "scores.parquet", part_rows), told.append)
    assert pq.read_table(again.path).equals(pq.read_table(whole.path))
    assert sum(told) == N
    assert max(told) <= part_rows
    assert again.most_valuable.equals(whole.most_valuable)


@pytest.mark.parametrize("after", [1, 3, 6])
def test_job_that_was_stopped_goes_on_and_ends_in_the_same_bytes(features, whole, tmp_path, after):
    job = job_of(features, tmp_path / "scores.parquet")
    stopped(job, after)
    assert names_in(tmp_path) == [".scores.parquet.work"]
    scored_again = []
    finished = run_job(job, scored_again.append)
    assert finished.parts_taken_over >= after
    assert finished.path.read_bytes() == whole.path.read_bytes()
    assert names_in(tmp_path) == ["scores.manifest.json", "scores.parquet"]
    assert json.loads(finished.manifest.read_text())["timing"]["parts_taken_over"] == finished.parts_taken_over


def test_finished_parts_are_not_scored_again(features, tmp_path, monkeypatch):
    job = job_of(features, tmp_path / "scores.parquet")
    stopped(job, 4)
    seen = []
    of = RowScorer.of
    monkeypatch.setattr(RowScorer, "of", lambda self, *given: seen.append(given[2]) or of(self, *given))
    finished = run_job(job)
    assert len(seen) == finished.parts - finished.parts_taken_over <= 2


@pytest.mark.parametrize("harm", ["altered", "truncated", "removed", "record", "foreign"])
def test_part_that_was_harmed_is_scored_again(features, whole, tmp_path, harm):
    job = job_of(features, tmp_path / "scores.parquet")
    stopped(job, 4)
    part = job.work_folder / "part-00002.parquet"
    content = part.read_bytes()
    if harm == "altered":
        part.write_bytes(content[:500] + bytes([content[500] ^ 1]) + content[501:])
    elif harm == "truncated":
        part.write_bytes(content[:-7])
    elif harm == "removed":
        part.unlink()
    elif harm == "record":
        (job.work_folder / "part-00002.json").write_text("{")
    else:
        (job.work_folder / "part-00099.parquet").write_bytes(b"stray")
    finished = run_job(job)
    assert finished.path.read_bytes() == whole.path.read_bytes()
    assert finished.parts_taken_over >= (4 if harm == "foreign" else 3)


def test_input_that_changed_between_is_noticed_and_scored_anew(tmp_path):
    source = write_features(tmp_path / "features.parquet", 3000)
    job = job_of(source, tmp_path / "scores.parquet")
    stopped(job, 2)
    write_features(source, 3000, seed=2)
    told = []
    finished = run_job(job_of(source, tmp_path / "scores.parquet"), on_dropped=told.append)
    assert told == ["the input has changed"] == [finished.dropped]
    assert finished.parts_taken_over == 0
    expected = load_scorer(GOLDEN).score(columns_of(3000, 2))["clv"]
    assert pq.read_table(finished.path)["clv"].to_numpy().tobytes() == expected.tobytes()


def test_other_settings_do_not_take_over_parts(features, tmp_path):
    stopped(job_of(features, tmp_path / "scores.parquet"), 2)
    assert run_job(job_of(features, tmp_path / "scores.parquet", 500)).dropped == "the settings are others"
    stopped(job_of(features, tmp_path / "scores.parquet"), 2)
    job = job_of(features, tmp_path / "scores.parquet", settings={"interval": 0.9})
    assert run_job(job).dropped == "the settings are others"
    stopped(job_of(features, tmp_path / "scores.parquet"), 2)
    job = job_of(features, tmp_path / "scores.parquet")
    other = replace(job, row_scorer=replace(job.row_scorer, model_version="golden/2"))
    assert run_job(other).dropped == "the model is another"


def test_fresh_takes_nothing_over(features, tmp_path):
    job = job_of(features, tmp_path / "scores.parquet", fresh=True)
    stopped(job, 2)
    finished = run_job(job)
    assert (finished.parts_taken_over, finished.dropped) == (0, "restart=fresh was asked for")


def test_input_that_changes_meanwhile_is_refused_and_leaves_what_was_there(tmp_path):
    source = write_features(tmp_path / "features.parquet", 3000)
    out = tmp_path / "scores.parquet"
    out.write_bytes(b"scores of yesterday")

    def touch(rows):
        os.utime(source, ns=(1, 1))

    with pytest.raises(SourceError, match="has changed while it was scored"):
        run_job(job_of(source, out), touch)
    assert out.read_bytes() == b"scores of yesterday"
    assert names_in(tmp_path) == ["features.parquet", "scores.parquet"]


def test_rows_in_are_rows_scored_and_rejected(tmp_path):
    columns = columns_of(3000)
    for row, name, value in (
        (3, "recency", -1.0), (1003, "T", np.nan), (1004, "frequency", 1.5), (1004, "spend_30d", np.inf),
        (2999, "frequency", 0.0),
    ):  # fmt: skip
        columns[name][row] = value
    columns["recency"][2999] = 3.0
    ids = np.array([f"C{number:07d}" for number in range(3000)], dtype=object)
    ids[7] = None
    source = write_features(tmp_path / "features.parquet", 3000, **columns, customer_id=ids)
    finished = run_job(job_of(source, tmp_path / "scores.parquet"))
    assert (finished.customers, finished.rejected) == (2995, 5)
    rejects = pq.read_table(finished.rejects).to_pandas().set_index("row")["reasons"].to_dict()
    assert rejects == {
        4: "recency negative",
        8: "customer_id missing",
        1004: "T missing",
        1005: "spend_30d infinite; frequency negative or not whole",
        3000: "frequency 0 with recency above 0",
    }
    assert json.loads(pq.read_table(finished.rejects)["record"][3].as_py())["spend_30d"] == "inf"
    manifest = json.loads(finished.manifest.read_text())
    assert manifest["rows"]["in"] == 3000 == manifest["rows"]["scored"] + manifest["rows"]["rejected"]
    assert manifest["rows"]["reasons"] == finished.reasons
    kept = sorted(set(range(3000)) - {row - 1 for row in rejects})
    scores = pq.read_table(finished.path)
    assert scores["customer_id"].to_pylist() == [f"C{row:07d}" for row in kept]
    expected = load_scorer(GOLDEN).score({name: values[kept] for name, values in columns.items()})
    assert scores["clv"].to_numpy().tobytes() == expected["clv"].tobytes()
    # A later job without rejects takes the older file away.
    write_features(source, 3000)
    assert run_job(job_of(source, tmp_path / "scores.parquet")).rejects is None
    assert names_in(tmp_path) == ["features.parquet", "scores.manifest.json", "scores.parquet"]


def test_a_table_of_rejects_alone_is_no_table_of_scores(tmp_path):
    source = write_features(tmp_path / "features.parquet", 20, T=np.full(20, -1.0))
    out = tmp_path / "scores.parquet"
    with pytest.raises(InputError, match=r"None of 20 rows can be scored: .*recency above T"):
        run_job(job_of(source, out))
    assert names_in(tmp_path) == ["features.parquet", "scores.unscored.parquet"]


@pytest.mark.parametrize("name", ["scores.parquet", "scores"])
def test_job_that_can_score_nobody_leaves_all_that_the_earlier_manifest_tells_of(tmp_path, name):
    T = columns_of(30)["T"]
    T[3] = np.nan
    source = write_features(tmp_path / "features.parquet", 30, T=T)
    earlier = run_job(job_of(source, tmp_path / name))
    kept = {path: path.read_bytes() for path in (earlier.rejects, earlier.manifest)}
    scores = pq.read_table(earlier.path)
    write_features(source, 20, T=np.full(20, -1.0))
    with pytest.raises(InputError, match=r"They are written to .*scores\.unscored\.parquet; .* stay as they are"):
        run_job(job_of(source, tmp_path / name))
    assert {path: path.read_bytes() for path in kept} == kept
    assert pq.read_table(earlier.path).equals(scores)
    assert pq.read_table(tmp_path / "scores.unscored.parquet")["row"].to_pylist() == list(range(1, 21))
    # It is gone with the next job that scores somebody.
    write_features(source, 20)
    run_job(job_of(source, tmp_path / name))
    assert names_in(tmp_path) == sorted(["features.parquet", "scores.manifest.json", name])


def test_folder_holds_the_same_rows_and_replaces_only_its_like(features, whole, tmp_path):
    out = tmp_path / "scores"
    for _ in range(2):
        run_job(job_of(features, out))
        assert pq.read_table(out).equals(pq.read_table(whole.path))
        assert names_in(tmp_path) == ["scores", "scores.manifest.json"]
        assert names_in(out) == [f"part-{number:05d}.parquet" for number in range(6)]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds 1 things that are no parts of scores, such as notes.txt"):
        run_job(job_of(features, out))
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("out", ["scores.csv", "a/scores.json", "scores.parquet.gz", " "])
def test_other_endings_are_refused(out):
    with pytest.raises(ConfigError, match=r"Scores are written as Parquet, but out is .*\.parquet"):
        output_of(out)


def test_limit_takes_the_first_rows(features, whole, tmp_path):
    finished = run_job(job_of(features, tmp_path / "scores.parquet", limit=2300))
    assert (finished.customers, finished.parts) == (2300, 3)
    assert pq.read_table(finished.path).equals(pq.read_table(whole.path).slice(0, 2300))


def test_two_jobs_cannot_write_one_output(features, tmp_path):
    job = job_of(features, tmp_path / "scores.parquet")
    begun, go_on, said = threading.Event(), threading.Event(), []

    def hold(rows):
        begun.set()
        assert go_on.wait(30)

    first = threading.Thread(target=lambda: said.append(run_job(job, hold)))
    first.start()
    assert begun.wait(30)
    with pytest.raises(OutputError, match=rf"is being written by another job: process {os.getpid()} on .*, since 20"):
        run_job(job)
    go_on.set()
    first.join(30)
    assert said[0].customers == N
    assert names_in(tmp_path) == ["scores.manifest.json", "scores.parquet"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
class TestSmallDisk:
    @pytest.fixture
    def disk(self, tmp_path):
        place = tmp_path / "disk"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1300k", "none", place], check=False, capture_output=True
        )
        if done.returncode:
            pytest.skip("no tmpfs can be mounted here")
        yield place
        subprocess.run(["mount", "-o", "remount,rw", place], check=False, capture_output=True)
        subprocess.run(["umount", "-l", place], check=True)

    def test_full_disk_leaves_what_was_there_and_the_job_goes_on_when_there_is_room(self, disk, features, whole):
        out = disk / "scores.parquet"
        out.write_bytes(b"scores of yesterday")
        filler = disk / "filler"
        filler.write_bytes(bytes(1_000_000))
        with pytest.raises(OutputError, match=r"No space left.*finished parts are kept"):
            run_job(job_of(features, out))
        assert out.read_bytes() == b"scores of yesterday"
        filler.unlink()
        finished = run_job(job_of(features, out))
        assert finished.parts_taken_over >= 1
        assert out.read_bytes() == whole.path.read_bytes()
        assert names_in(disk) == ["scores.manifest.json", "scores.parquet"]

    def test_disk_that_is_read_only_is_refused(self, disk, features):
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        with pytest.raises(OutputError, match="Read-only file system"):
            run_job(job_of(features, disk / "scores.parquet"))


class TestTables:
    def test_order_and_further_columns_do_not_matter_and_kinds_are_widened(self, tmp_path, features, whole):
        table = pq.read_table(features)
        columns = {name: table[name] for name in reversed(table.column_names)} | {"more": pa.nulls(N)}
        columns["frequency"] = table["frequency"].cast(pa.int32())
        columns["customer_id"] = table["customer_id"].dictionary_encode()
        pq.write_table(pa.table(columns), tmp_path / "other.parquet")
        finished = run_job(job_of(tmp_path / "other.parquet", tmp_path / "scores.parquet"))
        assert finished.path.read_bytes() == whole.path.read_bytes()

    def test_what_lacks_or_is_of_another_kind_is_named_at_once(self, tmp_path):
        path = tmp_path / "f.parquet"
        pq.write_table(pa.table({"customer_id": [1.5], "frequency": ["3"], "T": [2.0]}), path)
        with pytest.raises(ContractError) as refusal:
            job_of(path, tmp_path / "scores.parquet")
        said = str(refusal.value)
        assert "customer_id as double, not text, frequency as string, not numbers" in said
        assert "recency, monetary_value" in said

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"customer_id,T\n1,2\n", bytes(1000)])
    def test_what_is_no_parquet_is_refused(self, tmp_path, content):
        path = tmp_path / "f.parquet"
        path.write_bytes(content)
        with pytest.raises(SourceError, match="cannot be read as Parquet"):
            job_of(path, tmp_path / "scores.parquet")

    def test_file_that_is_damaged_within_is_refused(self, tmp_path):
        path = write_features(tmp_path / "f.parquet", 3000)
        content = bytearray(path.read_bytes())
        content[1000:60_000] = bytes(59_000)
        path.write_bytes(bytes(content))
        with pytest.raises(InputError):
            run_job(job_of(path, tmp_path / "scores.parquet"))
        assert names_in(tmp_path) == ["f.parquet"]

    def test_table_without_rows_is_refused(self, tmp_path):
        with pytest.raises(SourceError, match="holds no customers"):
            job_of(write_features(tmp_path / "f.parquet", 0, row_group=1), tmp_path / "scores.parquet")


def test_a_failure_of_the_program_leaves_the_output_alone(features, tmp_path, monkeypatch):
    out = tmp_path / "scores.parquet"
    out.write_bytes(b"scores of yesterday")

    def fail(*given):
        raise RuntimeError("a bug")

    monkeypatch.setattr(module, "_published", fail)
    with pytest.raises(RuntimeError, match="a bug"):
        run_job(job_of(features, out))
    assert out.read_bytes() == b"scores of yesterday"
    monkeypatch.undo()
    assert run_job(job_of(features, out)).parts_taken_over == 6


def test_work_of_nobody_is_removed(tmp_path):
    work = Work(tmp_path / "work")
    work.begin({"input": 1}, fresh=False)
    assert work.finished() == {}
    work.remove()
    assert not (tmp_path / "work").exists()
    shutil.rmtree(tmp_path)
