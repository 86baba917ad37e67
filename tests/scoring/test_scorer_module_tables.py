"""The exported module of a customer table says when the columns of a file are not those of the training."""

import subprocess
import sys
import zipfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.runtime.bundle import write_bundle
from patronage.scoring.table_checks import check_table
from patronage.scoring.wheel import export_wheel
from table_jobs import bundle_of_table, frame_of, table_of

N = 100


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    place = tmp_path_factory.mktemp("module")
    bundle = write_bundle(bundle_of_table(), place / "bundle")
    with zipfile.ZipFile(export_wheel(bundle, place / "dist", "who_leaves", "1.0.0")) as archive:
        archive.extractall(place)
    return place


@pytest.fixture(scope="module")
def module(unpacked):
    sys.path.insert(0, str(unpacked))
    import who_leaves  # type: ignore[import-not-found]
    import who_leaves.__main__

    yield who_leaves
    sys.path.remove(str(unpacked))
    for name in [name for name in sys.modules if name.partition(".")[0] == "who_leaves"]:
        del sys.modules[name]


def written(path, **changes):
    frame = frame_of(N, **changes)
    frame["x"] = pd.to_numeric(frame["x"].replace("", None), errors="coerce")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    return frame


CHANGES = {"x": [""] * 10, "plan": ["gold", "pro", "gold"]}


def test_the_words_are_those_of_a_scoring_job(module, tmp_path):
    found = module.check(written(tmp_path / "f.parquet", **CHANGES))
    expected = check_table(table_of(N, **CHANGES), bundle_of_table())
    assert (found.refused, found.warnings, found.notes) == ((), expected.warnings, expected.notes)
    assert len(found.warnings) == 2


@pytest.mark.parametrize("rows", ["7", "65536"])
def test_a_file_is_scored_with_warnings(module, tmp_path, capsys, rows):
    frame = written(tmp_path / "f.parquet", **CHANGES)
    arguments = [str(tmp_path / "f.parquet"), str(tmp_path / "s.parquet"), "--rows", rows]
    assert module.__main__.main(arguments) == 0
    said = capsys.readouterr().err
    assert "Mind: x: 10.0% of 100 rows are missing or no numbers, in training 0.0%" in said
    assert "Mind: plan: 3 of 100 rows (3.0%) hold values that the model does not know: 'gold', 'pro'" in said
    scores = pq.read_table(tmp_path / "s.parquet")
    assert scores["churn_probability"].to_numpy().tobytes() == module.score(frame)["churn_probability"].tobytes()


def test_columns_of_another_kind_are_refused_and_nothing_is_written(module, tmp_path, capsys):
    written(tmp_path / "f.parquet", x=[""] * N, plan=["PLUS"] * N)
    assert module.__main__.main([str(tmp_path / "f.parquet"), str(tmp_path / "s.parquet")]) == 3
    said = capsys.readouterr().err
    assert "x holds no value at all (100.0% missing, in training 0.0%); plan: 100 of 100 rows" in said
    assert not (tmp_path / "s.parquet").exists()


def test_rows_that_cannot_be_are_refused_with_their_place(module, tmp_path, capsys):
    frame = written(tmp_path / "f.parquet")
    frame.loc[42, "x"] = float("inf")
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), tmp_path / "f.parquet")
    arguments = [str(tmp_path / "f.parquet"), str(tmp_path / "s.parquet"), "--rows", "30"]
    assert module.__main__.main(arguments) == 3
    assert "In rows 31 to 60 of the file" in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_needs_no_patronage(unpacked, tmp_path):
    written(tmp_path / "f.parquet", **CHANGES)
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, "f.parquet", "s.parquet"], cwd=tmp_path, capture_output=True, text=True,
        env={"PYTHONPATH": str(unpacked), "OMP_NUM_THREADS": "1"}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Mind: x: 10.0%" in done.stderr


BLOCKED = """
import runpy, sys
sys.modules["patronage"] = None
runpy.run_module("who_leaves", run_name="__main__", alter_sys=True)
"""
