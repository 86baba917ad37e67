"""MLflow's own servers, started for real on a free port of this machine and stopped with the test."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

STARTS_WITHIN = 180
"""Seconds that a server has to answer; a busy machine needs a minute for the imports alone."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(arguments: Sequence[str], port: int, ready: str, folder: Path, **environment: str) -> Iterator[str]:
    """Run ``mlflow ARGUMENTS`` until the block ends; gives the address, once `ready` is answered there."""
    log = folder / f"server-{port}.log"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts uvicorn by its name
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", *arguments, "-h", "127.0.0.1", "-p", str(port)],
            cwd=folder, env={**os.environ, **quiet, **environment, "PATH": path},
            stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{address}{ready}", log)
        yield address
    finally:
        # The server has children of its own: all of its session go.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _wait(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise AssertionError(f"the server did not answer at {address}: {log.read_text(errors='replace')[-3000:]}")
