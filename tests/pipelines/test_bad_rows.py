"""A made-up ledger with some bad rows: few are counted, written aside and borne; many refuse the ledger."""

import shutil
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra
from mlflow import MlflowClient

from patronage.cli import main

FIRST_DAY = date(2022, 1, 1)
DAYS = 730
SPOILT = (
    ("amount", "twelve", "amount not a number"),
    ("amount", "", "amount missing"),
    ("timestamp", "31/31/2022", "timestamp not a date"),
    ("timestamp", "", "timestamp missing"),
    ("timestamp", "9999-12-31", "timestamp out of range"),
    ("customer_id", "", "customer_id missing"),
)
SETTINGS = (
    "dates.cutoff=2023-06-30", "dates.horizon_days=91", "dates.observed_until=2023-12-31", "refit=false",
    "churn.n_trees=5", "churn.n_folds=2", "panel.n_cutoffs=2", "tracking.experiment=shop",
)  # fmt: skip


def shop(rng: np.random.Generator, n_customers: int = 600) -> pd.DataFrame:
    """Poisson purchases at gamma rates; after each, the customer may leave for good."""
    rows = []
    for customer in range(n_customers):
        rate, leaving = rng.gamma(1.5, 1 / 60), rng.beta(1.0, 6.0)
        mean_amount, day = 20 * rng.lognormal(0, 0.5), rng.uniform(0, 365)
        while day < DAYS:
            when = FIRST_DAY + timedelta(days=int(day))
            rows.append((f"c{customer:04d}", when.isoformat(), f"{mean_amount * rng.gamma(6, 1 / 6):.2f}"))
            if rng.random() < leaving:
                break
            day += rng.exponential(1 / rate)
    return pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])


def spoil(ledger: pd.DataFrame, share: float, rng: np.random.Generator) -> tuple[pd.DataFrame, dict[int, str]]:
    """The ledger with a share of rows made bad, and the reason of each by its number, from 1."""
    spoilt = ledger.copy()
    bad = {}
    for k, row in enumerate(rng.choice(len(ledger), round(share * len(ledger)), replace=False)):
        column, value, reason = SPOILT[k % len(SPOILT)]
        spoilt.loc[row, column] = value
        bad[int(row) + 1] = reason
    return spoilt, bad


@pytest.fixture
def working_folder(full_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own; the copied database spares the making of one."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(full_run.folder / "mlruns" / "mlflow.db", tmp_path / "mlruns")
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    return tmp_path


def write(folder: Path, share: float) -> tuple[list[str], int, dict[int, str]]:
    rng = np.random.default_rng(20240229)
    ledger, bad = spoil(shop(rng), share, rng)
    ledger.to_csv(folder / "shop.csv", index=False)
    uri = f"tracking.uri=sqlite:///{folder}/mlruns/mlflow.db"
    return ["ledger=files", "ledger.path=shop.csv", uri, *SETTINGS], len(ledger), bad


def set_aside(folder: Path) -> dict[int, str]:
    rows = pq.read_table(folder / "outputs" / "set_aside.parquet").to_pylist()
    found = {row["source_row"]: row["reasons"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_few_bad_rows_are_counted_written_aside_and_borne(working_folder, capsys):
    arguments, total, bad = write(working_folder, 0.05)
    main(["train", *arguments])
    said = capsys.readouterr().out
    assert f"{total:,} rows in = {total - len(bad):,} used + {len(bad):,} set aside" in said
    for reason, count in Counter(bad.values()).items():
        assert f"{reason} {count:,}" in said
    assert set_aside(working_folder) == bad
    uri = f"sqlite:///{working_folder}/mlruns/mlflow.db"
    client = MlflowClient(uri, uri)
    (run,) = client.search_runs([client.get_experiment_by_name("shop").experiment_id])
    assert run.info.status == "FINISHED"
    assert f"{len(bad):,} set aside" in run.data.tags["patronage.ledger"]


def test_many_bad_rows_refuse_the_ledger(working_folder, capsys):
    arguments, total, bad = write(working_folder, 0.2)
    with pytest.raises(SystemExit) as stop:
        main(["train", *arguments])
    said = " ".join(capsys.readouterr().err.split())
    assert stop.value.code == 3
    assert f"{len(bad):,} of {total:,} rows" in said
    assert "at most 10.0% may" in said
    assert set_aside(working_folder) == bad
    uri = f"sqlite:///{working_folder}/mlruns/mlflow.db"
    assert MlflowClient(uri, uri).get_experiment_by_name("shop") is None
