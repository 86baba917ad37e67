"""What ``patronage train`` leaves in the tracking store, read through MLflow's own client."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient

CHEAP = (
    "backtest=none", "evaluation=none",
    "refit=false", "churn.n_trees=5", "churn.n_folds=2", "panel.n_cutoffs=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(full_run: Any) -> MlflowClient:
    return MlflowClient(full_run.uri, full_run.uri)


@pytest.fixture(scope="module")
def run(client: MlflowClient) -> Any:
    (run,) = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return run


def test_training_leaves_one_finished_run_of_its_name(run):
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "cdnow-bg_nbd-native"


def test_run_holds_the_whole_configuration(run, client, tmp_path):
    assert run.data.params["dates.cutoff"] == "1997-12-30"
    assert run.data.params["churn.max_depth"] == "3"
    assert run.data.params["tracking.experiment"] == "patronage"
    config = json.loads(Path(client.download_artifacts(run.info.run_id, "config.json", str(tmp_path))).read_text())
    assert config["churn"]["horizon_days"] == config["dates"]["horizon_days"] == 182


def test_run_holds_metrics_of_model_and_baselines(run):
    metrics = run.data.metrics
    # A ranking no better than chance has one half.
    assert 0.7 < metrics["holdout.churn.model.roc_auc"] < 0.9
    assert metrics["holdout.churn.base_rate.roc_auc"] == pytest.approx(0.5)
    assert abs(metrics["holdout.purchases.model.total_error"]) < 0.1


def test_every_churn_measure_has_its_interval(run):
    metrics = run.data.metrics
    for name in ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error", "lift_10", "gain_1", "empc"):
        value, low, high = (metrics[f"holdout.churn.model.{name}{end}"] for end in ("", "_low", "_high"))
        assert low <= high, name
        # The interval of the calibration error lies too high by nature.
        assert name == "calibration_error" or low <= value <= high, name


def test_model_beats_the_rules_beyond_chance(run, client, tmp_path):
    place = client.download_artifacts(run.info.run_id, "tables/differences.csv", str(tmp_path))
    table = pd.read_csv(place).query("task == 'churn' and metric in ['roc_auc', 'log_loss']")
    assert set(table["rival"]) == {"not_active", "not_alive", "recency", "hiatus", "base_rate"}
    assert (table["verdict"] == "better").all()


def test_stability_shows_two_cut_offs(run, client, tmp_path):
    place = client.download_artifacts(run.info.run_id, "tables/churn_stability.csv", str(tmp_path))
    table = pd.read_csv(place)
    assert table["cutoff"].unique().tolist() == ["1997-12-30", "1997-11-30"]
    assert set(table["model"]) == {"model", "not_active", "recency"}
    assert table["low"].notna().all()


def test_model_card_is_an_artifact_and_the_description_of_the_version(run, client, tmp_path):
    paths = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"model_card.md", "model_card.html"} <= paths
    text = Path(client.download_artifacts(run.info.run_id, "model_card.md", str(tmp_path))).read_text()
    told = ("no purchase within 182 days", "1997-01-01 to 1998-06-30", "23,570", "one ageing cohort", "@champion")
    for words in told:
        assert words in text, words
    assert run.data.tags["patronage.ledger"].split(":")[0] in text
    (version,) = client.search_model_versions("name = 'patronage'")
    assert "ROC AUC 0.8" in version.description
    assert "Mind:" in version.description


def test_run_holds_the_dataset(run, full_run):
    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "cdnow"
    assert {tag.key: tag.value for tag in given.tags}["mlflow.data.context"] == "holdout"
    assert json.loads(given.dataset.profile)["num_rows"] == 23570
    columns = [column["name"] for column in json.loads(given.dataset.schema)["mlflow_colspec"]]
    assert columns[:4] == ["frequency", "recency", "T", "monetary_value"]


def test_run_holds_figures_and_tables(run, client):
    figures = {item.path for item in client.list_artifacts(run.info.run_id, "figures")}
    assert {"figures/tracking.png", "figures/frequency.png", "figures/churn_calibration.png"} <= figures
    tables = {item.path for item in client.list_artifacts(run.info.run_id, "tables")}
    assert {"tables/metrics.csv", "tables/churn_gain.csv", "tables/intervals.csv", "tables/backtest.csv"} <= tables
    judged = ("differences", "churn_lift", "churn_slices", "churn_stability", "brier_parts", "profit_curve",
              "campaign_profit", "leaks", "drivers", "win_loss")  # fmt: skip
    assert {f"tables/{name}.csv" for name in judged} <= tables
    for path in figures:
        local = client.download_artifacts(run.info.run_id, path)
        assert Path(local).read_bytes().startswith(b"\x89PNG\r\n")


def test_report_joins_the_run(run, client):
    assert "report/report.html" in {item.path for item in client.list_artifacts(run.info.run_id, "report")}


def test_run_holds_the_model(run):
    (model,) = run.outputs.model_outputs
    assert model.model_id.startswith("m-")


def test_first_model_is_challenger_and_champion(client, run):
    (registered,) = client.search_registered_models()
    assert registered.name == "patronage"
    assert {name: str(version) for name, version in registered.aliases.items()} == {"challenger": "1", "champion": "1"}
    (version,) = client.search_model_versions("name = 'patronage'")
    assert version.run_id == run.info.run_id


@pytest.fixture
def second_folder(full_run: Any, tmp_path: Path) -> Path:
    """Another working folder with a copy of the database, which spares a training and the making of a database."""
    (tmp_path / "mlruns").mkdir()
    shutil.copy(full_run.folder / "mlruns" / "mlflow.db", tmp_path / "mlruns")
    return tmp_path


def test_second_model_is_challenger_and_leaves_the_champion(second_folder: Path, patronage: Callable[..., Any]):
    # An experiment of its own keeps the artifacts in this folder: experiments hold an absolute place for them.
    done = patronage(second_folder, "train", *CHEAP, "tracking.experiment=second")
    assert done.returncode == 0, done.stderr
    uri = f"sqlite:///{second_folder}/mlruns/mlflow.db"
    aliases = MlflowClient(uri, uri).get_registered_model("patronage").aliases
    assert {name: str(version) for name, version in aliases.items()} == {"challenger": "2", "champion": "1"}


@pytest.mark.slow
def test_both_engines_in_one_sweep_agree(second_folder: Path, patronage: Callable[..., Any]):
    done = patronage(
        second_folder, "train", "--multirun", "model_engine=native,lifetimes", *CHEAP, "tracking.experiment=engines"
    )
    assert done.returncode == 0, done.stderr
    uri = f"sqlite:///{second_folder}/mlruns/mlflow.db"
    client = MlflowClient(uri, uri)
    runs = client.search_runs([client.get_experiment_by_name("engines").experiment_id])
    by_engine = {run.data.params["model_engine"]: run.data.metrics for run in runs}
    assert set(by_engine) == {"native", "lifetimes"}
    native, other = by_engine["native"], by_engine["lifetimes"]
    holdout = {name for name in native if name.startswith("holdout.")}
    assert len(holdout) > 20
    assert holdout == {name for name in other if name.startswith("holdout.")}
    assert {name: native[name] for name in holdout} == pytest.approx({name: other[name] for name in holdout}, rel=1e-3)
    # Two engines that are one would agree to the last digit.
    assert native["evaluated.alpha"] != other["evaluated.alpha"]


def test_commands_say_where_things_lie(full_run):
    said = {name: process.stdout for name, process in full_run.commands.items()}
    assert "patronage/1 (@challenger, @champion)" in said["train"]
    assert "69,659 rows in = 69,659 used + 0 set aside" in said["train"]
    assert "next: patronage score model=models:/patronage/1\n" in said["train"]
    assert "23,570" in said["score"]
    assert full_run.wheel.name in said["export"]
    assert "outputs/report/report.html" in said["report"]
    assert all("Traceback" not in process.stderr for process in full_run.commands.values())
