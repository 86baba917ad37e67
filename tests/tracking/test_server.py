"""A tracking server on PostgreSQL that keeps the artifacts: train, load by alias, promote; nothing but its address."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from engines_under_test import postgres_uri
from mlflow_servers import free_port, serving
from patronage.cli import main
from patronage.errors import PromotionError
from patronage.tracking.promotion import Decision, carry_out, history, read_head
from patronage.tracking.registry import resolve_model
from patronage.tracking.store import TrackingStore

pytestmark = pytest.mark.long

lifetimes = pytest.importorskip("lifetimes.datasets")

LEDGER = (
    "ledger=files", "ledger.path=sales.csv", "dates.cutoff=1997-12-30", "dates.horizon_days=182",
    "dates.observed_until=1998-06-30",
)  # fmt: skip
QUICK = ("evaluation=none", "backtest=none", "features=transactions", "refit=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with the CDNOW sample, of a machine that is not the server's."""
    place = tmp_path_factory.mktemp("client")
    table = lifetimes.load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+")
    table.columns = ["master_id", "customer_id", "timestamp", "quantity", "amount"]
    table["timestamp"] = pd.to_datetime(table["timestamp"].astype(str)).dt.date
    table[["customer_id", "timestamp", "amount"]].to_csv(place / "sales.csv", index=False)
    return place


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    import psycopg

    with psycopg.connect(postgres_uri(), autocommit=True) as connection:
        connection.execute("create database tracking")
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    database = postgres_uri().replace("postgresql://", "postgresql+psycopg://").rpartition("/")[0] + "/tracking"
    arguments = [
        "server", "--backend-store-uri", database, "--artifacts-destination", str(folder / "artifacts"),
        "--workers", "1",
    ]  # fmt: skip
    with serving(arguments, port, "/health", folder) as address:
        yield address


@pytest.fixture
def run(server, folder, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Run a command that knows of the server by its address alone; its exit code and what it said."""
    monkeypatch.chdir(folder)

    def command(*arguments: str) -> tuple[int, str]:
        GlobalHydra.instance().clear()
        code = 0
        try:
            main([*arguments, "tracking=server", f"tracking.uri={server}"])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return command


def test_train_load_by_alias_and_promote_on_a_server(server, folder, run):
    assert run("train", *LEDGER, *QUICK, "churn=logistic")[0] == 0
    code, said = run("train", *LEDGER, *QUICK, "churn.n_trees=30", "churn.early_stopping_rounds=null")
    assert code == 0, said
    assert not (folder / "mlruns").exists()
    store = TrackingStore(server, None, "patronage", "patronage")
    assert resolve_model(store, "models:/patronage@champion").label == "patronage/1"
    assert resolve_model(store, "models:/patronage@challenger").label == "patronage/2"
    code, said = run("describe", "models:/patronage@champion", "format=json")
    assert (code, json.loads(said)["version"]) == (0, "1")
    code, said = run("promote", *LEDGER, "replicates=100")
    assert code in (0, 8), said
    assert history(store)[-1].decision.action == ("promoted" if code == 0 else "refused")
    assert read_head(store).champion == ("2" if code == 0 else "1")
    head = read_head(store)
    other = "1" if head.champion == "2" else "2"
    code, said = run("promote", f"rollback={other}")
    assert code == 0, said
    assert read_head(store).champion == other
    # Somebody who judged against the champion before that.
    with pytest.raises(PromotionError, match="Another promotion was faster"):
        carry_out(store, head, Decision("promoted", other, head.champion, "better", "late"))
    scored = ("score", "ledger=files", "ledger.path=sales.csv", "as_of=1998-06-30", "out=scores.parquet")
    code, said = run(*scored)
    assert code == 0, said
    scores = pd.read_parquet(folder / "scores.parquet")
    assert len(scores) == 2357
    assert set(scores["model_version"]) == {f"patronage/{other}"}
