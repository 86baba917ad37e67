"""A job that is killed without warning, again and again, ends in the file of a job that was not."""

import hashlib
import json
import time

import pyarrow.parquet as pq
import pytest

from feature_rows import job_of, write_features
from patronage.scoring.job import run_job
from scoring_kills import killed_until_done

N, KILLS = 120_000, 15


@pytest.mark.slow
@pytest.mark.parametrize(("name", "seed"), [("scores.parquet", 1), ("scores", 2)])
def test_killed_at_random_moments_it_ends_in_the_same_bytes(tmp_path, name, seed):
    source = write_features(tmp_path / "features.parquet", N, row_group=30_000)
    began = time.perf_counter()
    whole = run_job(job_of(source, tmp_path / "whole" / name, 10_000))
    took = time.perf_counter() - began
    place = tmp_path / "killed"
    place.mkdir()
    found = killed_until_done(source, place / name, 10_000, KILLS, longest=took, seed=seed)
    assert max(found) > 0
    assert sorted(path.name for path in place.iterdir()) == sorted([name, "scores.manifest.json"])
    files = [whole.path] if whole.path.is_file() else sorted(whole.path.iterdir())
    for file in files:
        assert (place / file.relative_to(tmp_path / "whole")).read_bytes() == file.read_bytes()
    manifest = json.loads((place / "scores.manifest.json").read_text())
    assert manifest["rows"] == {"in": N, "scored": N, "rejected": 0, "reasons": {}}
    for told in manifest["output"]["files"]:
        assert told["sha256"] == hashlib.sha256((place / told["name"]).read_bytes()).hexdigest()
    assert pq.read_table(place / name).num_rows == N
