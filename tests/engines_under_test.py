"""The engines that tests run on: one Spark session and one PostgreSQL server for the whole run of the tests.

Where Java, pyspark or the server is missing, tests that need it are skipped with the reason; with ``CI=true`` in the
environment they fail, so that they cannot go missing unseen.
"""

import atexit
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from patronage.ledger.engines.duckdb import DuckDbEngine

ENGINES = ("duckdb", "spark", "postgres")
SERVER_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql*/bin")


def engine_under_test(name: str) -> Any:
    """An engine by name, opened once."""
    return {"duckdb": duckdb_engine, "spark": spark_engine, "postgres": postgres_engine}[name]()


@cache
def duckdb_engine() -> DuckDbEngine:
    return DuckDbEngine(threads=2)


@cache
def spark_engine() -> Any:
    """Spark on two threads of this machine, and small."""
    _require(importlib.util.find_spec("pyspark") is not None, "pyspark is not installed")
    _require(shutil.which("java") is not None or "JAVA_HOME" in os.environ, "Java is not installed")
    from patronage.ledger.engines.spark import SparkEngine

    engine = SparkEngine(
        master="local[2]",
        config={
            "spark.sql.shuffle.partitions": "2",
            "spark.default.parallelism": "2",
            "spark.driver.memory": "2g",
            "spark.sql.warehouse.dir": str(_scratch() / "warehouse"),
        },
    )
    atexit.register(engine.close)
    return engine


@cache
def postgres_engine() -> Any:
    """A database of its own on the server of the tests."""
    from patronage.ledger.engines.postgres import PostgresEngine

    engine = PostgresEngine(uri=postgres_uri())
    atexit.register(engine.close)
    return engine


@cache
def postgres_uri() -> str:
    """Start a server on a free port of this machine and say where it is; it ends with the tests."""
    _require(importlib.util.find_spec("psycopg") is not None, "psycopg is not installed")
    found = [folder for pattern in SERVER_FOLDERS for folder in sorted(Path("/").glob(pattern[1:]))]
    binaries = next((folder for folder in reversed(found) if (folder / "initdb").exists()), None)
    _require(binaries is not None, "no PostgreSQL server is installed")
    folder = Path(tempfile.mkdtemp(prefix="patronage-postgres-"))
    port = _free_port()
    as_user = _as_server_user(folder)
    data = str(folder / "data")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=20"
    initdb = [*as_user, str(binaries / "initdb"), "-D", data, "-U", "patronage", "-A", "trust"]
    subprocess.run([*initdb, "-E", "UTF8", "--locale=C.UTF-8"], check=True, capture_output=True, cwd=folder)
    control = [*as_user, str(binaries / "pg_ctl"), "-D", data, "-w"]
    started = [*control, "-l", str(folder / "log"), "-o", options, "start"]
    subprocess.run(started, check=True, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(subprocess.run, [*control, "-m", "immediate", "stop"], cwd=folder, capture_output=True)
    return f"postgresql://patronage@127.0.0.1:{port}/postgres"


def _as_server_user(folder: Path) -> list[str]:
    """The server refuses to run as root: another user takes over then, and owns its folder."""
    if os.getuid() != 0:
        return []
    import pwd

    names = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in names else "nobody"
    shutil.chown(folder, user)
    return ["runuser", "-u", user, "--"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="patronage-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _require(there: bool, lacking: str) -> None:
    if there:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"{lacking}, and CI=true says that nothing may be skipped")
    pytest.skip(lacking)
