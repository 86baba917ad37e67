"""Fixtures of this room."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Run a command in this process in an empty working folder; it must refuse, cleanly and without leftovers.

    Hydra's logs and the rows that were set aside are meant to stay.
    """
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        GlobalHydra.instance().clear()
        before = listing(tmp_path)
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert said.strip()
        kept = {"outputs/set_aside.parquet"} if arguments[0] == "train" else set()
        assert listing(tmp_path) - kept == before
        return int(stop.value.code or 0), " ".join(said.split())

    return run


def listing(folder: Path) -> set[str]:
    """Files below `folder` without Hydra's logs."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())
    return {name for name in names if not name.startswith("outputs/logs/")}


@pytest.fixture
def ledger_of(tmp_path: Path) -> Callable[..., list[str]]:
    """Write a small CSV and return the settings that train on it."""

    def write(
        rows: Iterable[str] = (), header: str = "customer_id,timestamp,amount", name: str = "sales.csv"
    ) -> list[str]:
        (tmp_path / name).write_text("\n".join([header, *rows]) + "\n")
        return ["ledger=files", f"ledger.path={tmp_path / name}", *DATES]

    return write


DATES = ("dates.cutoff=2023-06-30", "dates.horizon_days=91", "dates.observed_until=2023-12-31")


@pytest.fixture
def own_ledger(tmp_path: Path) -> Callable[[str | bytes], list[str]]:
    """Write ``own/ledger/my_shop.yaml`` and return the settings that choose it."""

    def write(text: str | bytes) -> list[str]:
        folder = tmp_path / "own" / "ledger"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "my_shop.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return ["--config-dir", str(tmp_path / "own"), "ledger=my_shop"]

    return write
