"""``patronage tune`` on the CDNOW sample: found, compared, written, trained with; killed and resumed; and refused."""

import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from mlflow import MlflowClient
from omegaconf import OmegaConf

from full_run import patronage as run_command
from patronage.errors import ConfigError
from patronage.models.churn.tuning_space import Setting
from patronage.paths import conf_folder
from patronage.pipelines.churn_learning import candidate
from patronage.pipelines.search_space import search_space, with_settings
from patronage.pipelines.settings import built, plain
from patronage.pipelines.tune import verdict
from patronage.pipelines.tuning_question import Question, studies_of

pytest.importorskip("optuna")
lifetimes = pytest.importorskip("lifetimes.datasets")

MODELS = [path.stem for path in sorted((conf_folder() / "tuning").glob("*.yaml"))]
LEDGER = (
    "ledger=files", "ledger.path=sales.csv", "ledger.name=sample", "dates.cutoff=1997-12-30",
    "dates.horizon_days=182", "dates.observed_until=1998-06-30", "features=transactions",
)  # fmt: skip
TINY = ("churn.n_trees=25", "churn.early_stopping_rounds=null", "churn.n_folds=2", "churn.n_threads=1")
SEARCH = (*LEDGER, *TINY, "n_folds=2", "replicates=200", "trials=4")
CHEAP = ("backtest=none", "refit=false")


@pytest.fixture(scope="module")
def sample() -> pd.DataFrame:
    """The sample of 2,357 customers that comes with lifetimes, as a table of purchases."""
    table = lifetimes.load_dataset("CDNOW_sample.txt", header=None, sep=r"\s+")
    table.columns = ["master_id", "customer_id", "timestamp", "quantity", "amount"]
    table["timestamp"] = pd.to_datetime(table["timestamp"].astype(str)).dt.date
    return table[["customer_id", "timestamp", "amount"]]


@pytest.fixture(scope="module")
def searched(sample, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder after a search of four trials; read only."""
    folder = tmp_path_factory.mktemp("tuned")
    sample.to_csv(folder / "sales.csv", index=False)
    done = run_command(folder, "tune", *SEARCH)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done


def runs(folder):
    """The run of the study, those of its trials in order, and the client."""
    client = MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    found = client.search_runs([one.experiment_id for one in client.search_experiments()])
    (parent,) = [one for one in found if "patronage.study" in one.data.tags]
    children = [one for one in found if one.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return parent, sorted(children, key=lambda one: int(one.data.tags["patronage.trial"])), client


def table(folder, name):
    (path,) = (folder / "mlruns" / "artifacts").glob(f"*/artifacts/tables/{name}.csv")
    return pd.read_csv(path)


@pytest.mark.long
def test_a_search_leaves_nested_runs(searched):
    folder, _ = searched
    parent, children, _ = runs(folder)
    trials = table(folder, "trials")
    assert parent.info.status == "FINISHED"
    assert parent.info.run_name.startswith("sample-xgboost-")
    assert parent.data.params["trials"] == "4"
    assert len(children) == len(trials) == 4
    assert [child.data.metrics["log_loss"] for child in children] == pytest.approx(trials["value"].tolist())
    assert parent.data.metrics["best.log_loss"] == trials["value"].min()
    in_use = OmegaConf.load(conf_folder() / "churn" / "xgboost.yaml")
    assert {name: children[0].data.params[name] for name in ("max_depth", "learning_rate")} == {
        "max_depth": str(in_use.max_depth), "learning_rate": str(in_use.learning_rate),
    }  # fmt: skip


@pytest.mark.long
def test_the_best_settings_are_written_and_compared_on_later_customers(searched, sample):
    folder, done = searched
    trials, comparison = table(folder, "trials"), table(folder, "comparison").set_index("metric")
    best = trials.loc[trials["value"].idxmin()]
    written = OmegaConf.load(folder / "outputs" / "experiment" / "tuned_xgboost.yaml")
    assert written.churn.max_depth == best["max_depth"]
    assert written.churn.reg_lambda == best["reg_lambda"]
    assert written.churn.n_trees == 25
    first = (folder / "outputs" / "experiment" / "tuned_xgboost.yaml").read_text().splitlines()
    assert first[0] == "# @package _global_"
    assert list(comparison.index) == ["log_loss", "brier", "roc_auc", "lift_10"]
    assert comparison["difference"].to_numpy() == pytest.approx((comparison["tuned"] - comparison["in_use"]).to_numpy())
    assert ((comparison["low"] <= comparison["difference"]) & (comparison["difference"] <= comparison["high"])).all()
    # A constant at the rate of the later half year has this log loss; the customers are those of the sample.
    days = pd.to_datetime(sample["timestamp"])
    known = set(sample.loc[days <= "1997-12-30", "customer_id"])
    later = set(sample.loc[(days > "1997-12-30") & (days <= "1998-06-30"), "customer_id"])
    rate = 1 - len(known & later) / len(known)
    constant = -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    assert comparison.loc["log_loss", "tuned"] < constant
    assert "On data that the search did not touch, log loss" in done.stdout or "both are the same" in done.stdout


@pytest.mark.long
def test_the_command_that_is_told_trains_with_the_best(searched):
    """The words after "train with it", as they stand; a few more keep the other parts of the training short."""
    folder, done = searched
    (line,) = [line for line in done.stdout.splitlines() if "train with it:" in line]
    words = shlex.split(line.partition("train with it: patronage ")[2])
    assert words[:4] == ["train", "--config-dir", "outputs", "experiment=tuned_xgboost"]
    assert "ledger.path=sales.csv" in words
    assert not [word for word in words if word.startswith(("trials", "churn", "replicates", "features"))]
    trained = run_command(folder, *words, *CHEAP, "tracking.uri=sqlite:///other/mlflow.db", "tracking.artifacts=other")
    assert trained.returncode == 0, trained.stdout + trained.stderr
    client = MlflowClient(f"sqlite:///{folder}/other/mlflow.db")
    (run,) = client.search_runs([one.experiment_id for one in client.search_experiments()])
    comparison = table(folder, "comparison").set_index("metric")
    # The same panel, customers and settings: what was compared is what was trained.
    assert run.data.metrics["holdout.churn.model.log_loss"] == pytest.approx(
        comparison.loc["log_loss", "tuned"], abs=1e-9
    )
    assert run.data.params["features.groups"] == "['purchases', 'purchase_windows', 'gaps', 'trend', 'refunds']"


@pytest.mark.long
def test_a_search_that_was_killed_goes_on(searched, sample, tmp_path):
    """Killed after its second trial; the same command does the rest, and finds what was found at one go."""
    sample.to_csv(tmp_path / "sales.csv", index=False)
    process = subprocess.Popen(
        [sys.executable, "-m", "patronage.cli", "tune", *SEARCH],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for_trials(tmp_path / "mlruns" / "tuning.db", 2, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "outputs" / "experiment").exists()
    done = run_command(tmp_path, "tune", *SEARCH)
    assert done.returncode == 0, done.stdout + done.stderr
    parent, children, _ = runs(tmp_path)
    assert parent.info.status == "FINISHED"
    assert [child.data.tags["patronage.trial"] for child in children] == ["0", "1", "2", "3"]
    for name in ("trials", "comparison"):
        one, other = table(tmp_path, name), table(searched[0], name)
        pd.testing.assert_frame_equal(
            one.drop(columns="seconds", errors="ignore"), other.drop(columns="seconds", errors="ignore")
        )


def wait_for_trials(database, n, process):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        if database.exists():
            try:
                with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
                    query = "select count(*) from trials where state = 'COMPLETE'"
                    if connection.execute(query).fetchone()[0] >= n:
                        return
            except sqlite3.OperationalError:
                pass
        time.sleep(0.1)
    pytest.fail(f"the search did not get to {n} trials")


@pytest.mark.long
def test_another_question_has_another_study(sample, tmp_path, monkeypatch):
    """One more purchase in the ledger, or another end of a range: the trials of the first question are not mixed in."""
    monkeypatch.chdir(tmp_path)
    sample.to_csv("sales.csv", index=False)
    changes = ((), ("tuning.max_depth.high=5",), ("objective=roc_auc",), ("dates.cutoff=1997-12-29",), ("seed=1",))
    names = [study(*change) for change in changes]
    pd.concat([sample, sample.tail(1).assign(amount=3.0)]).to_csv("sales.csv", index=False)
    names.append(study())
    assert len(set(names)) == 6
    sample.to_csv("sales.csv", index=False)
    assert study("trials=9", "replicates=7", "run_name=again") == names[0]


def study(*change):
    """Name of the study that a search would work on."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = plain(compose("tune", [*SEARCH, *change]))
    question = Question.from_config(config)
    material = question.read()
    return question.study(material, search_space(config["tuning"], material.part))


@pytest.mark.parametrize(
    ("settings", "code", "said"),
    [
        (("trials=0",), 2, "trials: Input should be greater than or equal to 1 (got 0)"),
        (("minutes=0",), 2, "minutes: Input should be greater than 0"),
        (("trials=null",), 2, "needs a budget: set trials, minutes, or both"),
        (("objective=accuracy",), 2, "objective"),
        (("out=outputs/tuned.yaml",), 2, "out=outputs/experiment/tuned.yaml"),
        (("storage=sqlite:///mlruns/mlflow.db",), 2, "cannot share one"),
        (("tracking=server", "tracking.uri=http://127.0.0.1:9"), 2, "Set storage to a database of their own"),
        (("storage=/proc/tuning.db",), 5, "Cannot write into the folder /proc"),
        (("splits=rolling_origins",), 3, "None of 3 cut-offs"),
        (("churn.horizon_days=30",), 2, "Set dates.horizon_days alone"),
        (("tuning.max_depth=3",), 2, "tuning.max_depth must be a range"),
        (("+tuning.max_dept.low=3", "+tuning.max_dept.high=4"), 2, "no setting tuning.max_dept that could be tuned"),
        (("+tuning.seed.low=3", "+tuning.seed.high=4"), 2, "no setting tuning.seed"),
        (("tuning.learning_rate.high=3",), 2, "tuning.learning_rate cannot go to 3: learning_rate must be"),
        (("tuning.max_depth.low=9",), 2, "from low up to high"),
        (("+tuning.max_depth.hihg=9",), 2, "tuning.max_depth.hihg: Extra inputs"),
        (("~tuning", "+tuning={}"), 2, "There is nothing to tune"),
        (("trails=3",), 2, "trails"),
    ],
)
def test_bad_settings_are_refused_before_the_search(settings, code, said, refused, sample, tmp_path):
    sample.head(2000).to_csv(tmp_path / "sales.csv", index=False)
    given, told = refused("tune", *LEDGER, *TINY, *settings)
    assert (given, said in told) == (code, True), told


def test_a_file_of_someone_else_is_left_alone(refused, sample, tmp_path):
    sample.to_csv(tmp_path / "sales.csv", index=False)
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text("# @package _global_\nseed: 1\n")
    code, told = refused("tune", *LEDGER, *TINY, "out=experiment/mine.yaml")
    assert (code, "left alone" in told) == (5, True)


@pytest.mark.long
def test_a_customer_table_is_tuned_and_trained(tmp_path):
    """A quarter of the customers is held back; an experiment in force is built on, and so is its own result."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"id": np.arange(1200), "calls": rng.poisson(2, 1200), "plan": rng.choice(["a", "b"], 1200)})
    table["minutes"] = rng.gamma(2.0, 30.0, 1200).round(3)
    table["left"] = np.where(rng.random(1200) < 1 / (1 + np.exp(2.5 - table["calls"])), "yes", "no")
    table.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    (tmp_path / "own" / "experiment" / "shop.yaml").write_text(
        "# @package _global_\ndefaults:\n- override /ledger: customer_table\n- override /churn: logistic\n"
        "ledger:\n  path: table.csv\n  label: left\n  customer_id: id\n"
    )
    search = ("--config-dir", "own", "trials=3", "n_folds=2", "replicates=50", "out=own/experiment/tuned.yaml")
    done = run_command(tmp_path, "tune", *search, "experiment=shop")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(299|300|301) customers who are held back", done.stdout)
    assert "train with it: patronage train --config-dir own experiment=tuned churn=logistic" in done.stdout
    again = run_command(tmp_path, "tune", *search, "experiment=tuned", "churn=logistic")
    assert again.returncode == 0, again.stdout + again.stderr
    written = OmegaConf.load(tmp_path / "own" / "experiment" / "tuned.yaml")
    assert written.defaults == ["shop", "_self_"]
    trained = run_command(
        tmp_path, "train", "--config-dir", "own", "experiment=tuned", "churn=logistic", "validation.repeats=1",
        "evaluation.replicates=50", "tracking.experiment=trained",
    )  # fmt: skip
    assert trained.returncode == 0, trained.stdout + trained.stderr
    client = MlflowClient(f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("trained").experiment_id])
    assert float(run.data.params["churn.inverse_penalty"]) == written.churn.inverse_penalty


@pytest.mark.parametrize("model", MODELS)
def test_every_space_fits_its_model(model):
    """Both ends of every setting are taken by the model, and what is in use is among what may be tried."""
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = plain(compose("tune", [f"churn={model}"]))
    space = search_space(config["tuning"], config["churn"])
    assert space
    for name, setting in space.items():
        value = config["churn"]
        for one in name.split("."):
            value = value[one]
        assert setting.holds(value), name


def test_every_model_has_a_space():
    assert set(MODELS) == {path.stem for path in (conf_folder() / "churn").glob("*.yaml")}


def test_an_experiment_may_be_tuned_and_its_model_stays(tmp_path):
    """The file overrides the choice of the model, and values on the command line override the file."""
    folder = tmp_path / "experiment"
    folder.mkdir()
    (folder / "tuned.yaml").write_text(
        "# @package _global_\ndefaults:\n- override /churn: logistic\n- _self_\nchurn:\n  inverse_penalty: 0.25\n"
    )
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        searchpath = f"hydra.searchpath=[file://{tmp_path}]"
        config = plain(
            compose("tune", [searchpath, "experiment=tuned", "dates.horizon_days=91"], return_hydra_config=False)
        )
    assert set(config["tuning"]) == {"inverse_penalty", "calibration"}
    model = built(config, "churn")
    assert (model.inverse_penalty, model.horizon_days) == (0.25, 91)


def test_settings_of_a_part_lie_one_level_deeper():
    part = {"_target_": "patronage.models.churn.stack.StackedClassifier", "presence": "probability_alive"}
    trees = {"_target_": "patronage.models.churn.xgboost_classifier.ChurnClassifier", "horizon_days": 9, "max_depth": 3}
    part["trees"] = trees
    space = search_space({"trees": {"max_depth": {"low": 1, "high": 4}}}, part)
    assert space == {"trees.max_depth": Setting(1, 4)}
    assert candidate(with_settings(part, {"trees.max_depth": 4})).trees.tree_settings["max_depth"] == 4
    assert trees["max_depth"] == 3
    with pytest.raises(ConfigError, match=r"no setting tuning.trees.depth .* it has presence, trees.max_depth"):
        search_space({"trees": {"depth": {"low": 1, "high": 4}}}, part)


def test_trials_lie_beside_the_database_of_mlflow():
    assert studies_of(None, "sqlite:///here/mlflow.db") == "here/tuning.db"
    assert studies_of("postgresql://host/studies", "http://host") == "postgresql://host/studies"


@pytest.mark.parametrize(
    ("objective", "difference", "said"),
    [
        ("log_loss", (-0.02, -0.03, -0.01), "the tuned settings are better"),
        ("log_loss", (0.02, 0.01, 0.03), "the tuned settings are worse"),
        ("roc_auc", (0.02, 0.01, 0.03), "the tuned settings are better"),
        ("empc", (0.02, -0.01, 0.05), "too close to tell them apart"),
        ("log_loss", (0.0, 0.0, 0.0), "both are the same"),
    ],
)
def test_the_verdict_says_which_is_better(objective, difference, said):
    value, low, high = difference
    row = {"metric": objective, "in_use": 0.5, "tuned": 0.5 + value, "difference": value, "low": low, "high": high}
    assert said in verdict(pd.DataFrame([{**row, "p_value": 0.01, "decided": low * high > 0}]), objective)
