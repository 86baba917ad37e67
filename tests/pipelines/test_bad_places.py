"""Models that are not there or were altered, and folders that cannot be written."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main
from patronage.runtime.bundle_signature import PRIVATE_KEY

CONFIG, MODEL, OUTPUT = 2, 4, 5
DATES = ("dates.cutoff=2023-06-30", "dates.horizon_days=91", "dates.observed_until=2023-12-31")


def test_unknown_alias_names_the_ones_there_are(refused, full_run):
    code, said = refused("score", f"tracking.uri={full_run.uri}", "model=models:/patronage@winner", "out=s.parquet")
    assert code == MODEL
    assert "@challenger (version 1)" in said
    assert "@champion (version 1)" in said


def test_no_store_is_said_and_none_is_made(refused):
    code, said = refused("score", "out=s.parquet")
    assert code == MODEL
    assert "patronage train" in said


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / "churn.ubj").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "churn.ubj").write_bytes(content)


def break_manifest(folder: Path) -> None:
    content = bytearray((folder / "manifest.json").read_bytes())
    content[0] ^= 1
    (folder / "manifest.json").write_bytes(content)


def restate_hash(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    stated = manifest["files"]["spend.json"]["sha256"]
    manifest["files"]["spend.json"]["sha256"] = ("0" if stated[0] != "0" else "1") + stated[1:]
    (folder / "manifest.json").write_text(json.dumps(manifest))


def of_the_future(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))


def lose_a_file(folder: Path) -> None:
    (folder / "purchase.json").unlink()


@pytest.mark.parametrize(
    ("harm", "part"),
    [
        (flip_a_byte, "churn.ubj"),
        (break_manifest, "manifest.json is not valid JSON"),
        (restate_hash, "spend.json"),
        (of_the_future, "format 99"),
        (lose_a_file, "purchase.json is missing"),
    ],
)
@pytest.mark.parametrize("command", [("score", "out=s.parquet"), ("export", "out=dist")])
def test_altered_bundle(refused: Any, full_run: Any, tmp_path: Path, command: Any, harm: Callable, part: str):
    bundle = tmp_path / "bundle"
    shutil.copytree(full_run.bundle_folder, bundle)
    harm(bundle)
    code, said = refused(*command, f"model={bundle}")
    assert code == MODEL
    assert "BundleError" in said
    assert part in said


@pytest.mark.parametrize(
    ("command", "key", "below"),
    [
        ("score", "out", "scores.parquet"),
        ("export", "out", "dist"),
        ("report", "out", "report"),
        ("train", "tracking.artifacts", "artifacts"),
    ],
)
@pytest.mark.parametrize("place", ["file", "/proc"])
def test_folder_that_cannot_be_written(refused, full_run, tmp_path, command, key, below, place):
    (tmp_path / "file").touch()
    settings = [f"tracking.uri={full_run.uri}", f"{key}={place}/nested/{below}"]
    if command == "report":
        settings.append(f"scores={full_run.scores}")
    code, said = refused(command, *settings)
    assert code == OUTPUT
    assert place in said


@pytest.mark.parametrize(
    ("uri", "exit_code"), [("sqlite:////proc/nested/mlflow.db", OUTPUT), ("nowhere://nested", CONFIG)]
)
def test_store_that_cannot_be_written_is_refused_before_the_ledger_is_read(refused, uri, exit_code):
    code, said = refused("train", f"tracking.uri={uri}", "ledger=files", "ledger.path=gone.csv", *DATES)
    assert "nested" in said
    assert code == exit_code


def test_whole_process_says_the_same(patronage, tmp_path):
    done = patronage(tmp_path, "score")
    assert done.returncode == MODEL
    assert "There is no tracking store" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize("command", ["train", "score", "export", "report"])
def test_working_folder_that_cannot_be_written(command, monkeypatch, capsys):
    GlobalHydra.instance().clear()
    monkeypatch.chdir("/proc")
    with pytest.raises(SystemExit) as stop:
        main([command])
    said = capsys.readouterr().err
    assert stop.value.code == OUTPUT
    assert "Cannot write into the folder /proc/outputs/logs" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("command", ["value", "monitor", "backtest"])
def test_a_folder_that_holds_other_things_is_not_replaced(refused, command):
    precious = Path("precious")
    precious.mkdir()
    (precious / "weights.bin").write_bytes(b"of somebody")
    (precious / "sub").mkdir()
    code, said = refused(command, "out=precious")
    assert (code, "does not belong to such a result: sub, weights.bin" in said) == (OUTPUT, True), said
    assert (precious / "weights.bin").read_bytes() == b"of somebody"
    code, said = refused(command, "out=precious/weights.bin")
    assert (code, "is a file" in said) == (OUTPUT, True), said


def test_a_key_that_is_none_is_refused_before_the_training(refused, monkeypatch):
    monkeypatch.setenv(PRIVATE_KEY, "forgotten when the test ends")
    Path("signing.pem").write_text("no key", encoding="utf-8")
    code, said = refused("train", "signing.private_key=signing.pem")
    assert (code, "holds no private key" in said) == (CONFIG, True), said
