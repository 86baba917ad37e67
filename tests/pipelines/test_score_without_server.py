"""A tracking server that dies while a job works: scores are made all the same, and a job that was killed can wait."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack

import pyarrow.parquet as pq
import pytest

from feature_rows import GOLDEN, columns_of, write_features
from mlflow_servers import free_port, serving
from patronage.runtime.bundle import read_bundle
from patronage.runtime.scorer import load_scorer
from patronage.tracking.pyfunc import log_bundle
from patronage.tracking.registry import register
from patronage.tracking.store import TrackingStore

pytestmark = pytest.mark.long

N = 30_000


@pytest.fixture
def server(tmp_path):
    """Start the server, the same one each time, until what is returned is closed; gives the address too."""
    port, stack = free_port(), ExitStack()
    folder = tmp_path / "server"
    folder.mkdir()
    arguments = [
        "server", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination",
        str(folder / "artifacts"), "--workers", "1",
    ]  # fmt: skip

    def start():
        return stack.enter_context(serving(arguments, port, "/health", folder))

    start.stop = stack.close
    yield start
    stack.close()


@pytest.fixture
def place(tmp_path):
    folder = tmp_path / "client"
    folder.mkdir()
    write_features(folder / "f.parquet", N)
    return folder


def registered(address):
    """Put the golden bundle into the registry, as its champion."""
    store = TrackingStore(address, None, "patronage", "patronage")
    example = {name: values[:2] for name, values in columns_of(2).items()}
    import pandas as pd

    with store.session(create=True) as mlflow:
        with mlflow.start_run(experiment_id=store.experiment_id(mlflow)) as run:
            logged = log_bundle(mlflow, GOLDEN, pd.DataFrame(example)[list(read_bundle(GOLDEN).inputs.names)])
        register(mlflow, "patronage", logged.model_uri, run.info.run_id)


def started(place, address, out):
    arguments = [
        "input=f.parquet", "as_of=1998-06-30", f"out={out}", "batch_rows=500", "threads=1",
        "model=models:/patronage@champion", "tracking=server", f"tracking.uri={address}",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "patronage.cli", "score", *arguments], cwd=place, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"},
    )  # fmt: skip


def held_at(process, sign):
    """Stop a job as soon as a file appears, so that it is in the middle of its work for certain."""
    end = time.monotonic() + 120
    while not sign.exists():
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGSTOP)


def test_scores_are_made_without_it_and_a_job_that_was_killed_goes_on_when_it_is_back(server, place):
    address = server()
    registered(address)

    job = started(place, address, "loaded.parquet")
    held_at(job, place / ".loaded.parquet.work" / "plan.json")
    server.stop()
    job.send_signal(signal.SIGCONT)
    said, complaints = job.communicate(timeout=300)
    assert job.returncode == 0, complaints
    assert "patronage/1" in said
    scores = pq.read_table(place / "loaded.parquet")
    assert scores["clv"].to_numpy().tobytes() == load_scorer(GOLDEN).score(columns_of(N))["clv"].tobytes()
    manifest = json.loads((place / "loaded.manifest.json").read_text())
    assert (manifest["model"]["version"], manifest["rows"]["scored"]) == ("patronage/1", N)

    address = server()
    job = started(place, address, "killed.parquet")
    work = place / ".killed.parquet.work"
    held_at(job, work / "part-00000.json")
    server.stop()
    job.kill()
    job.communicate(timeout=60)
    finished = len(list(work.glob("part-*.json")))
    job = started(place, address, "killed.parquet")
    _, complaints = job.communicate(timeout=300)
    assert job.returncode == 4, complaints
    assert "The tracking server http://127.0.0.1" in complaints
    assert "Traceback" not in complaints
    assert "search" not in complaints  # it is not asked again what it has instead
    assert len(list(work.glob("part-*.json"))) == finished >= 1
    assert not (place / "killed.parquet").exists()

    job = started(place, server(), "killed.parquet")
    said, complaints = job.communicate(timeout=300)
    assert job.returncode == 0, complaints
    assert "from a job that was stopped" in said
    assert (place / "killed.parquet").read_bytes() == (place / "loaded.parquet").read_bytes()
    assert not work.exists()
