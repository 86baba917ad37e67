"""The four commands on the whole CDNOW log, run once for all rooms that look at what they leave behind."""

import os
import subprocess
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

COMMANDS = ("train", "score", "export", "report")
_done: dict[str, "FullRun"] = {}


@dataclass(frozen=True)
class FullRun:
    """A working folder after ``patronage train``, ``score``, ``export`` and ``report``."""

    folder: Path
    commands: dict[str, subprocess.CompletedProcess[str]]

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlruns/mlflow.db"

    @property
    def scores(self) -> Path:
        return self.folder / "outputs" / "scores.parquet"

    @property
    def wheel(self) -> Path:
        return self.folder / "dist" / "patronage_scorer-0.1.0-py3-none-any.whl"

    @property
    def model_folder(self) -> Path:
        (folder,) = (self.folder / "mlruns" / "artifacts" / "models").iterdir()
        return folder / "artifacts"

    @property
    def bundle_folder(self) -> Path:
        return self.model_folder / "artifacts" / "bundle"

    @property
    def train_run(self) -> Path:
        (config,) = (self.folder / "mlruns" / "artifacts").glob("*/artifacts/config.json")
        return config.parent


def patronage(folder: Path, *arguments: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """Run the program as a user would, in `folder`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "patronage.cli", *arguments],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def run_once(folder: Path) -> FullRun:
    """Run all commands in `folder`; later calls return the first one's result, whatever folder they name."""
    if "run" not in _done:
        commands: dict[str, subprocess.CompletedProcess[str]] = {}
        for command in COMMANDS:
            commands[command] = patronage(folder, command)
            if commands[command].returncode:
                break
        _done["run"] = FullRun(folder, commands)
        with warnings.catch_warnings():
            # MLflow warns of a type hint of its own while it is imported.
            warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
            import mlflow.pyfunc  # noqa: F401
    run = _done["run"]
    for command, process in run.commands.items():
        assert process.returncode == 0, f"patronage {command} failed:\n{process.stdout}\n{process.stderr}"
    return run
