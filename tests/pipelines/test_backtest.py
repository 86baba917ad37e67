"""``patronage backtest`` on the CDNOW sample: figures against plain Python, runs in runs, files, and refusals."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra
from mlflow import MlflowClient

from patronage.cli import main

pytestmark = pytest.mark.long

lifetimes = pytest.importorskip("lifetimes.datasets")

LEDGER = (
    "ledger=files", "ledger.path=sales.csv", "ledger.name=sample", "dates.cutoff=1997-12-30",
    "dates.horizon_days=182", "dates.observed_until=1998-06-30", "features=transactions", "panel.n_cutoffs=2",
)  # fmt: skip
CANDIDATES = (
    "candidates=none", "+candidates.plain={churn: logistic}",
    "+candidates.pareto={churn: logistic, purchase: pareto_nbd}",
)  # fmt: skip


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    table = lifetimes.load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+")
    table.columns = ["master_id", "customer_id", "timestamp", "quantity", "amount"]
    table["timestamp"] = pd.to_datetime(table["timestamp"].astype(str)).dt.date
    return table[["customer_id", "timestamp", "amount"]]


@pytest.fixture(scope="module")
def folder(sample, tmp_path_factory) -> Path:
    """A folder after a backtest of two candidates at two origins; read only."""
    place = tmp_path_factory.mktemp("backtest")
    sample.to_csv(place / "sales.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        GlobalHydra.instance().clear()
        main(["backtest", *LEDGER, *CANDIDATES, "n_origins=2", "evaluation.replicates=50"])
    return place


@pytest.fixture(scope="module")
def tables(folder) -> dict[str, pd.DataFrame]:
    return {path.stem: pd.read_parquet(path) for path in (folder / "outputs" / "backtest").glob("*.parquet")}


def test_metrics_have_every_candidate_at_every_origin_and_all_together(tables):
    metrics = tables["metrics"]
    assert set(metrics["candidate"]) == {"plain", "pareto"}
    days = [str(day) for day in sorted(metrics["cutoff"].dropna().unique())]
    assert days == ["1997-11-30", "1997-12-30"]
    assert metrics["cutoff"].isna().sum() == metrics["cutoff"].notna().sum() / 2
    assert set(metrics["n_rows"]) == {2357, 2 * 2357}


def test_total_error_counts_the_purchase_days_of_the_file(tables, sample):
    """The actual total is counted by hand: days with a purchase in the 182 days after the cut-off."""
    metrics = tables["metrics"]
    days = sample.assign(day=pd.to_datetime(sample["timestamp"])).drop_duplicates(["customer_id", "day"])["day"]
    row = metrics[
        (metrics["candidate"] == "plain") & (metrics["task"] == "purchases") & (metrics["metric"] == "total_error")
    ].set_index("cutoff")["value"]
    actual = ((days > "1997-12-30") & (days <= "1998-06-30")).sum()
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import summary_data_from_transaction_data

    known = sample[pd.to_datetime(sample["timestamp"]) <= "1997-12-30"]
    summary = summary_data_from_transaction_data(
        known.astype({"timestamp": str}), "customer_id", "timestamp", observation_period_end="1997-12-30"
    )
    summary[["recency", "T"]] /= 7
    fitted = BetaGeoFitter().fit(summary["frequency"], summary["recency"], summary["T"])
    told = fitted.conditional_expected_number_of_purchases_up_to_time(
        26, summary["frequency"], summary["recency"], summary["T"]
    ).sum()
    found = {str(day): value for day, value in row.items()}["1997-12-30"]
    assert found == pytest.approx(told / actual - 1, abs=2e-3)


def test_board_is_ordered_and_differences_are_paired(tables):
    board = tables["leaderboard"]
    assert board["place"].tolist() == [1, 2]
    assert board["value"].is_monotonic_increasing
    assert np.isnan(board["difference"].iloc[0])
    assert board["difference"].iloc[1] == pytest.approx(board["value"].iloc[0] - board["value"].iloc[1], abs=1e-12)


def test_page_needs_no_network_and_names_the_candidates(folder):
    html = (folder / "outputs" / "backtest" / "backtest.html").read_text(encoding="utf-8")
    assert "Which model foretells best" in html
    assert "pareto (churn=logistic, purchase=pareto_nbd)" in html
    assert "connect-src" not in html
    assert "default-src &#39;none&#39;" in html or "default-src 'none'" in html


def test_runs_lie_in_runs(folder):
    uri = f"sqlite:///{folder}/mlruns/mlflow.db"
    client = MlflowClient(uri, uri)
    (experiment,) = client.search_experiments(filter_string="name = 'patronage'")
    runs = client.search_runs([experiment.experiment_id])
    kinds: dict[str, list] = {}
    for run in runs:
        kinds.setdefault(run.data.tags["patronage.kind"], []).append(run)
    assert {kind: len(found) for kind, found in kinds.items()} == {
        "backtest": 1, "backtest candidate": 2, "backtest origin": 4,
    }  # fmt: skip
    (whole,) = kinds["backtest"]
    assert {run.data.tags["mlflow.parentRunId"] for run in kinds["backtest candidate"]} == {whole.info.run_id}
    assert {run.data.tags["mlflow.parentRunId"] for run in kinds["backtest origin"]} == {
        run.info.run_id for run in kinds["backtest candidate"]
    }
    assert "churn.log_loss_low" in kinds["backtest origin"][0].data.metrics
    assert "plain.churn.log_loss" in whole.data.metrics
    assert {file.path for file in client.list_artifacts(whole.info.run_id, "backtest")} >= {
        "backtest/backtest.html", "backtest/leaderboard.parquet",
    }  # fmt: skip


def test_dates_without_a_past_are_refused(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    GlobalHydra.instance().clear()
    with pytest.raises(SystemExit) as stop:
        main(["backtest", *LEDGER, *CANDIDATES, "dates.horizon_days=300", "dates.cutoff=1997-08-01"])
    assert stop.value.code == 3
    assert "Traceback" not in capsys.readouterr().err
