"""``patronage train purchase=auto``: a ranking on the terminal, words, and one nested run a candidate."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

pytestmark = pytest.mark.long

CHEAP = ("backtest=none", "churn.n_trees=5", "churn.n_folds=2", "panel.n_cutoffs=1", "tracking.experiment=choice")
CANDIDATES = "purchase.candidates=[bg_nbd,mbg_nbd,pareto_nbd]"


@pytest.fixture(scope="module")
def done(full_run, patronage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("choice")
    (folder / "mlruns").mkdir()
    shutil.copy(full_run.folder / "mlruns" / "mlflow.db", folder / "mlruns")
    process = patronage(folder, "train", "purchase=auto", CANDIDATES, *CHEAP)
    assert process.returncode == 0, process.stderr
    return folder, process.stdout


@pytest.fixture(scope="module")
def runs(done):
    uri = f"sqlite:///{done[0]}/mlruns/mlflow.db"
    client = MlflowClient(uri, uri)
    found = client.search_runs([client.get_experiment_by_name("choice").experiment_id])
    return client, {run.info.run_name: run for run in found}


def test_ranking_agrees_with_the_literature(done):
    """Complete CDNOW log, 78 weeks: MBG/NBD -173294.442, Pareto/NBD -173327.996, BG/NBD -173425.916."""
    after = done[1].partition("fitted up to 1998-06-30")[2]
    places = [after.index(figure) for figure in ("-173,294.442", "-173,327.996", "-173,425.916")]
    assert places == sorted(places)


def test_words_say_which_and_why(done):
    assert "MBG/NBD is chosen: its AIC of 248,878.2 is the lowest, 85.6 below that of BG/NBD" in done[1]
    assert "On the holdout" in done[1]


def test_every_candidate_is_a_nested_run(runs):
    client, by_name = runs
    parent = by_name["cdnow-mbg_nbd-native"]
    nested = {name: run for name, run in by_name.items() if run is not parent}
    assert set(nested) == {"BG/NBD", "MBG/NBD", "Pareto/NBD"}
    for run in nested.values():
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert {"log_likelihood", "aic", "bic", "holdout_total_error", "holdout_log_score"} <= set(run.data.metrics)
    assert [name for name, run in nested.items() if run.data.params["chosen"] == "True"] == ["MBG/NBD"]
    stored = client.download_artifacts(by_name["Pareto/NBD"].info.run_id, "certificate.json")
    assert json.loads(Path(stored).read_text())["model"] == "Pareto/NBD"


def test_the_comparison_is_a_table_of_the_run(runs):
    client, by_name = runs
    run_id = by_name["cdnow-mbg_nbd-native"].info.run_id
    table = pd.read_csv(client.download_artifacts(run_id, "tables/model_choice.csv"))
    assert table["model"].tolist() == ["MBG/NBD", "BG/NBD", "Pareto/NBD"]
    registered = pd.read_csv(client.download_artifacts(run_id, "tables/model_choice_registered.csv"))
    assert registered["model"].tolist() == ["MBG/NBD", "Pareto/NBD", "BG/NBD"]


def test_scores_come_from_the_chosen_model(done, patronage):
    process = patronage(done[0], "score", "model=models:/patronage@challenger", "out=scores.parquet")
    assert process.returncode == 0, process.stderr
    scores = pd.read_parquet(done[0] / "scores.parquet")
    assert len(scores) == 23570
    # Under BG/NBD one-time buyers would be alive with certainty; the chosen model lets them leave at once.
    assert scores["probability_alive"].max() < 1
