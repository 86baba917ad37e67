"""The four commands on the whole CDNOW log, for all rooms that look at what they leave behind."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMMANDS = ("train", "score", "export", "report")


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


def run_commands(folder: Path) -> FullRun:
    """Run the four commands in `folder`, each of which must succeed."""
    commands: dict[str, subprocess.CompletedProcess[str]] = {}
    for command in COMMANDS:
        process = commands[command] = patronage(folder, command)
        assert process.returncode == 0, f"patronage {command} failed:\n{process.stdout}\n{process.stderr}"
    return FullRun(folder, commands)
