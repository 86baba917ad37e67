"""Files appear whole or not at all, and what a killed process leaves is gone with the next one; never what is alive."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from patronage.errors import OutputError
from patronage.files import check_replaceable, written_whole

WRITES = """
import os, signal, sys
from pathlib import Path
import patronage.files
from patronage.files import written_whole

target, how = Path(sys.argv[1]), sys.argv[2]
if how == "between":  # The old folder is moved aside, the new one not yet in its place.
    replace = Path.replace
    def killed(self, other):
        if self.parent.name.endswith(".part"):
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, other)
    Path.replace = killed
with written_whole(target) as unfinished:
    if how == "between":
        unfinished.mkdir()
        (unfinished / "new").touch()
    else:
        unfinished.write_text("half")
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "alive":
        print("writing", flush=True)
        sys.stdin.readline()
"""


def writer(target, how):
    return subprocess.Popen(
        [sys.executable, "-c", WRITES, str(target), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def killed(target, how="killed"):
    assert writer(target, how).wait() == -signal.SIGKILL


def write(target, text="whole"):
    with written_whole(target) as unfinished:
        unfinished.write_text(text)


def test_a_file_appears_whole_and_nothing_else(tmp_path):
    with written_whole(tmp_path / "a" / "out.txt") as unfinished:
        unfinished.write_text("whole")
        assert not (tmp_path / "a" / "out.txt").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["out.txt"]
    with pytest.raises(UnicodeEncodeError):
        write(tmp_path / "a" / "out.txt", "half \ud800")
    assert [path.read_text() for path in (tmp_path / "a").iterdir()] == ["whole"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for name in ("old", "new"):
        with written_whole(tmp_path / "out") as unfinished:
            unfinished.mkdir()
            (unfinished / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/new"]


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path):
    target = tmp_path / "out.txt"
    killed(target)
    killed(target)
    assert len(list(tmp_path.glob(".out.txt.*.part"))) == 1
    write(target)
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_what_a_live_process_writes_is_left_alone(tmp_path):
    target = tmp_path / "out.txt"
    other = writer(target, "alive")
    assert other.stdout.readline() == "writing\n"
    write(target)
    assert target.read_text() == "whole"
    assert len(list(tmp_path.glob(".out.txt.*.part"))) == 1
    other.communicate("\n")
    assert other.returncode == 0
    assert target.read_text() == "half"
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_what_this_process_writes_is_left_alone(tmp_path):
    with written_whole(tmp_path / "out.txt") as outer:
        outer.write_text("outer")
        write(tmp_path / "out.txt", "inner")
    assert (tmp_path / "out.txt").read_text() == "outer"


def test_what_belongs_to_others_is_left_alone(tmp_path):
    killed(tmp_path / "out.txt.twelve12")
    strangers = [tmp_path / ".out.txt.abcdefgh.part", tmp_path / ".out.txt.part", tmp_path / ".out.txt.a.part"]
    for path in strangers:
        path.mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    write(tmp_path / "out.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "out.txt"])


def test_a_folder_that_was_moved_aside_stands_again(tmp_path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "old").touch()
    killed(target, "between")
    assert not target.exists()
    with pytest.raises(KeyError), written_whole(target):
        raise KeyError
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["out", "out/old"]


def test_a_place_without_locks_is_written_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr("patronage.files._locked", lambda _: False)
    with written_whole(tmp_path / "out.txt") as unfinished:
        unfinished.write_text("whole")
        assert [path.name for path in unfinished.parent.iterdir()] == ["out.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out.txt"]


def test_no_descriptor_is_left_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        write(tmp_path / "out.txt")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="Cannot write"), written_whole(tmp_path / "file" / "out.txt"):
        pass


MADE = ("page.html", "table.parquet")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "out"
    made.mkdir()
    return made


def test_a_free_place_an_empty_folder_and_an_earlier_result_may_be_replaced(folder):
    check_replaceable(folder / "missing", MADE)
    check_replaceable(folder, MADE)
    (folder / "page.html").touch()
    check_replaceable(folder, MADE)
    (folder / "curve.png").touch()
    check_replaceable(folder, MADE, ".png")


def test_files_of_others_are_named_and_left_alone(folder):
    for name in ("page.html", "weights.bin", "scores.parquet"):
        (folder / name).touch()
    with pytest.raises(OutputError, match=r"does not belong to such a result: scores\.parquet, weights\.bin\."):
        check_replaceable(folder, MADE)


def test_pictures_alone_are_no_result(folder):
    (folder / "holiday.png").touch()
    with pytest.raises(OutputError, match=r"holiday\.png"):
        check_replaceable(folder, MADE, ".png")


def test_a_folder_named_like_a_file_of_the_result_is_none(folder):
    (folder / "table.parquet").mkdir()
    with pytest.raises(OutputError, match=r"table\.parquet"):
        check_replaceable(folder, MADE)


def test_a_file_is_not_replaced_by_a_folder(folder):
    (folder / "ledger.csv").touch()
    with pytest.raises(OutputError, match="is a file"):
        check_replaceable(folder / "ledger.csv", MADE)
