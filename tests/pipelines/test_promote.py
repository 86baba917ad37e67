"""``patronage promote`` on the CDNOW log: the worse is refused, the better promoted, of two at once one; and back."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main
from patronage.pipelines import promote as command
from patronage.pipelines.churn_learning import ChurnLearning
from patronage.tracking.promotion import history, read_head
from patronage.tracking.store import TrackingStore

pytestmark = pytest.mark.long

QUICK = ("evaluation=none", "backtest=none", "features=transactions", "panel.n_cutoffs=2")
TREES = (
    "churn.n_trees=40", "churn.learning_rate=0.2", "churn.early_stopping_rounds=null", "churn.n_folds=2",
    "churn.n_threads=1",
)  # fmt: skip
JUDGED = ("replicates=100",)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of four versions: logistic, trees of shuffled customers, trees, and trees that know the whole log."""
    place = tmp_path_factory.mktemp("promotion")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        trained("churn=logistic", "refit=false")
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(ChurnLearning, "rows", shuffled(ChurnLearning.rows))
            trained(*TREES, "refit=false")
        trained(*TREES, "refit=false")
        trained(*TREES, "refit=true")
    return place


def shuffled(rows: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """The panel, in which everybody has the outcome of somebody else."""

    def of_somebody_else(*arguments, **settings) -> pd.DataFrame:
        panel = rows(*arguments, **settings)
        return panel.assign(churned=np.random.default_rng(0).permutation(panel["churned"].to_numpy()))

    return of_somebody_else


def trained(*settings: str) -> None:
    GlobalHydra.instance().clear()
    main(["train", *QUICK, *settings])


@pytest.fixture
def run(folder, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    """Run ``patronage promote`` there; its exit code and what it said, in one line."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(command.console.OUT, "_width", 300)

    def promote(*settings: str) -> tuple[int, str]:
        GlobalHydra.instance().clear()
        code = 0
        try:
            main(["promote", *JUDGED, *settings])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, " ".join((said.out + said.err).split())

    return promote


@pytest.fixture
def store(folder) -> TrackingStore:
    return TrackingStore(f"sqlite:///{folder}/mlruns/mlflow.db", None, "patronage", "patronage")


@pytest.fixture
def champion(store) -> Callable[[str], None]:
    def make(version: str) -> None:
        with store.session() as mlflow:
            mlflow.tracking.MlflowClient().set_registered_model_alias("patronage", "champion", version)

    return make


def test_worse_challenger_is_refused_with_the_reason(run, store, champion):
    champion("1")
    code, said = run("challenger=models:/patronage/2", "by=ann")
    assert code == 8
    assert "Version 2 does not become champion, version 1 stays: churn, log loss worse by" in said
    assert read_head(store).champion == "1"
    with store.session() as mlflow:
        version = mlflow.tracking.MlflowClient().get_model_version("patronage", "2")
        evidence = mlflow.artifacts.load_dict(f"runs:/{version.tags['patronage.promotion.run_id']}/decision.json")
    assert version.tags["patronage.promotion.decision"] == "refused"
    assert "log loss worse by" in version.description
    assert (evidence["earned"], evidence["judge"], evidence["customers"]) == (False, "registered", 23570)
    assert len(evidence["checks"]) == 6


def test_dry_run_writes_nothing(run, store, champion):
    champion("1")
    before = (read_head(store), len(history(store)))
    code, said = run("challenger=models:/patronage/3", "dry_run=true")
    assert code == 0
    assert "version 3 would be promoted; nothing was written" in said
    assert (read_head(store), len(history(store))) == before


def test_better_challenger_is_promoted_and_rolled_back(run, store, champion):
    champion("1")
    code, said = run("challenger=models:/patronage/3", 'reason="after the spring"')
    assert code == 0, said
    assert "version 3 was promoted, instead of 1" in said
    assert read_head(store).champion == "3"
    assert history(store)[-1].decision.reason.endswith("after the spring")
    code, said = run("rollback=1", "by=bob", 'reason="wrong prices"')
    assert code == 0
    assert read_head(store).champion == "1"
    code, said = run("history=true")
    assert code == 0
    assert "3 promoted; champion then: 1" in said
    assert "1 rolled back; champion then: 3" in said
    assert "wrong prices" in said


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told_why(run, store, champion, monkeypatch, folder):
    """While the first is judging, the second is judged and carried out from beginning to end."""
    champion("1")
    judge, inner = command.judge_challenger, []

    def judging(*arguments, **settings):
        found = judge(*arguments, **settings)
        if not inner:
            inner.append("begun")
            inner[0] = run("challenger=models:/patronage/4", "judge=refitted", "by=second")
        return found

    monkeypatch.setattr(command, "judge_challenger", judging)
    code, said = run("challenger=models:/patronage/3", "by=first")
    assert inner[0][0] == 0, inner[0][1]
    assert code == 8
    assert "Another promotion was faster" in said
    assert "second: version 4 was promoted" in said
    assert read_head(store).champion == "4"
    assert [one.state for one in history(store)[-2:]] == ["done", "withdrawn"]


def test_models_that_know_the_whole_ledger_are_judged_by_their_recipes(run, champion):
    champion("3")
    code, said = run("challenger=models:/patronage/4", "judge=registered", "dry_run=true")
    assert code == 3
    assert "no later data: version 4 knows facts up to 1998-06-30" in said
    code, said = run("challenger=models:/patronage/4", "dry_run=true")
    assert code == 0
    # The same recipe at the same cut-off: not better than itself.
    assert "version 4 would be refused" in said
    assert "no difference can be seen" in said


def test_part_of_a_stored_configuration_that_is_no_model_is_not_made(run, store, champion, folder, tmp_path):
    champion("3")
    with store.session() as mlflow:
        client = mlflow.tracking.MlflowClient()
        run_id = client.get_model_version("patronage", "4").run_id
        stored = mlflow.artifacts.load_dict(f"runs:/{run_id}/config.json")
        client.log_dict(
            run_id, {**stored, "spend": {"_target_": "os.mkdir", "path": str(tmp_path / "made")}}, "config.json"
        )
    try:
        code, said = run("challenger=models:/patronage/4", "dry_run=true")
    finally:
        with store.session() as mlflow:
            mlflow.tracking.MlflowClient().log_dict(run_id, stored, "config.json")
    assert code == 4
    assert "names os.mkdir, which is no model of patronage" in said
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (("challenger=models:/patronage@champion",), 8, "is champion already"),
        (("rollback=1",), 8, "Version 1 is champion already"),
        (("rollback=77",), 4, "has versions 1, 2, 3, 4"),
        (("challenger=models:/other/1",), 4, "registered models"),
        (("metric=churn.logloss",), 2, "churn.log_loss"),
        (("replicates=5",), 2, "100 replicates"),
        (("history=true", "rollback=1"), 2, "give one of them"),
        (("challenger=models:/patronage/3", "cutoff=1998-05-01"), 3, "Take a cut-off up to 1997-12-30"),
        (("challenger=models:/patronage/3", "guards.max_total=1"), 2, "guards.max_total_error"),
        (("tracking.registered_model=nobody",), 4, "no model 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(run, champion, settings, code, words):
    champion("1")
    found, said = run(*settings)
    assert (found, words in said) == (code, True), said


def test_history_is_plain_json_in_the_evidence(folder):
    files = list((folder / "mlruns" / "artifacts").rglob("decision.json"))
    assert files
    assert {"challenger", "champion", "terms", "checks", "reason"} <= set(json.loads(files[0].read_text()))
