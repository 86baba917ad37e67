"""A customer table from first to last, and what is refused on the way."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from sklearn.metrics import roc_auc_score

from customer_tables import simulated
from patronage.errors import ConfigError, ContractError, FitError, InputError, PatronageError
from patronage.paths import conf_folder
from patronage.pipelines.settings import plain
from patronage.pipelines.train_customer_table import train_customer_table
from patronage.runtime.bundle import TableBundle, read_bundle
from patronage.runtime.scorer import load_scorer
from patronage.schema import TABLE_SCORES

GOLDEN = Path(__file__).parents[1] / "golden"
TABLE = ("ledger=customer_table", "ledger.path=table.csv", "ledger.customer_id=customer")
QUICK = ("churn.n_trees=40", "churn.early_stopping_rounds=null", "churn.n_threads=1", "validation.repeats=2")
CLEAN = (*TABLE, "ledger.label=left")


@pytest.fixture(scope="module")
def run(tmp_path_factory, patronage):
    """Train, score and export on a table with a column written down after the fact, and a blank among its numbers."""
    folder = tmp_path_factory.mktemp("table")
    frame, probability = simulated()
    frame = frame.assign(
        price=frame["price"].astype(str), reason=np.where(frame["left"] == "Yes", "moved away", None), idle=1,
    )  # fmt: skip
    frame.loc[0, "price"] = " "
    frame = pd.concat([frame, frame.iloc[:20].assign(customer=[f"d{number}" for number in range(20)])])
    frame.to_csv(folder / "table.csv", index=False)
    done = {
        "train": patronage(
            folder, "train", *CLEAN, "ledger.price=price", *QUICK, "evaluation.replicates=40",
            "validation.leaks=leave_out", "evaluation.slices=[plan]", "run_name=test",
        ),
        "score": patronage(folder, "score", *TABLE, "out=scores.parquet"),
        "export": patronage(folder, "export", "out=dist", "name=leavers"),
        "report": patronage(folder, "report", "scores=scores.parquet", "out=report"),
    }  # fmt: skip
    for name, process in done.items():
        assert process.returncode == 0, f"{name}: {process.stdout}\n{process.stderr}"
    return folder, frame, probability, done


@pytest.fixture(scope="module")
def bundle_folder(run):
    (folder,) = (run[0] / "mlruns" / "artifacts" / "models").iterdir()
    return folder / "artifacts" / "artifacts" / "bundle"


@pytest.mark.slow
def test_odd_rows_at_the_begin_of_a_table_are_not_told_to_be_unlike_it(tmp_path, patronage):
    """Each stored model has rows of the training as its example, and scores them once."""
    frame, _ = simulated()
    frame = frame.assign(price=frame["price"].astype(str))
    frame.loc[:20, "price"] = "unknown price"
    frame.to_csv(tmp_path / "table.csv", index=False)
    process = patronage(tmp_path, "train", *CLEAN, *QUICK, "evaluation.replicates=10", "evaluation.drivers=false")
    assert process.returncode == 0, process.stderr
    assert "unlike the training" not in process.stdout + process.stderr


@pytest.mark.slow
class TestFromFirstToLast:
    def test_the_leak_is_named_recorded_and_left_out(self, run, bundle_folder):
        output = run[3]["train"].stdout
        assert "reason" in output
        assert "filled_for_one_side" in output
        assert "idle is the same in every row: left out" in output
        assert "price: 2 blank taken as missing" in output  # the row and its copy
        bundle = read_bundle(bundle_folder)
        assert bundle.inputs.names == ("tenure", "price", "plan", "noise", "region")
        assert [column.type for column in bundle.inputs.columns] == ["long", "double", "string", "double", "string"]
        assert bundle.training["leaks"] == ["reason"]

    def test_copies_of_rows_were_kept_together(self, run):
        assert "620 rows are 600 groups" in run[3]["train"].stdout

    def test_the_run_holds_metrics_tables_figures_and_the_card(self, run):
        (config,) = (run[0] / "mlruns" / "artifacts").glob("*/artifacts/config.json")
        artifacts = config.parent
        tables = {path.stem for path in (artifacts / "tables").iterdir()}
        assert tables >= {
            "metrics", "differences", "folds", "churn_calibration", "churn_gain", "churn_lift", "churn_slices",
            "brier_parts", "profit_curve", "campaign_profit", "leaks", "win_loss",
        }  # fmt: skip
        assert (artifacts / "figures" / "churn_lift.png").stat().st_size > 1000
        assert "reason" in (artifacts / "model_card.md").read_text()
        assert json.loads(config.read_text())["validation"]["repeats"] == 2
        lift = pd.read_csv(artifacts / "tables" / "churn_lift.csv")
        assert lift["n_contacted"].max() == 124  # a fifth of 620 rows, whatever the number of repeats

    def test_the_report_tells_of_churn_alone(self, run):
        folder, frame, *_ = run
        text = (folder / "report" / "report.html").read_text("utf-8").partition("<script>")[0]
        for word in ("By what is saved", "What moves the scores", "plan: yearly", "Split by split", "reason"):
            assert word in text, word
        for word in ("CLV", "purchase"):
            assert word not in text, word
        (run_folder,) = (path for path in (folder / "mlruns" / "artifacts").iterdir() if path.name != "models")
        assert (run_folder / "artifacts" / "report" / "report.html").is_file()
        assert (run_folder / "artifacts" / "model_card_calibration.png").read_bytes().startswith(b"\x89PNG")
        assert f">{len(frame):,}<" in text

    def test_scores_of_another_kind_are_not_reported_on(self, run, patronage):
        scores = pd.read_parquet(run[0] / "scores.parquet")
        scores.drop(columns="churn_probability").to_parquet(run[0] / "bare.parquet")
        done = patronage(run[0], "report", "scores=bare.parquet", "out=none")
        assert done.returncode == 3
        assert "is no file of scores: it lacks churn_probability" in " ".join(done.stderr.split())

    def test_it_knows_about_as_much_as_there_is_to_know(self, run, bundle_folder):
        left = (run[1]["left"] == "Yes").to_numpy()[:600]
        best = roc_auc_score(left, run[2])
        found = read_bundle(bundle_folder).training["holdout"]["figures"]
        assert found["holdout.churn.model.roc_auc"] == pytest.approx(best, abs=0.05)
        assert found["holdout.churn.logistic.roc_auc"] == pytest.approx(best, abs=0.03)
        assert found["holdout.churn.model.calibration_error"] < 0.08

    def test_score_file_model_and_module_give_the_same_numbers(self, run, bundle_folder, tmp_path, monkeypatch):
        folder, frame, *_ = run
        scores = pd.read_parquet(folder / "scores.parquet")
        assert tuple(scores.columns) == TABLE_SCORES.names
        assert scores["customer_id"].tolist() == frame["customer"].tolist()
        assert scores["horizon_days"].isna().all()
        assert scores["model_version"].unique().tolist() == ["patronage/1"]
        given = frame.assign(price=pd.to_numeric(frame["price"], errors="coerce"))
        expected = scores["churn_probability"].to_numpy()
        assert np.array_equal(load_scorer(bundle_folder).score(given)["churn_probability"], expected)
        with zipfile.ZipFile(folder / "dist" / "leavers-0.1.0-py3-none-any.whl") as wheel:
            wheel.extractall(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        import leavers

        assert leavers.OUTPUT_COLUMNS == ("churn_probability",)
        assert np.array_equal(leavers.score(given)["churn_probability"], expected)
        readme = next(tmp_path.glob("*.dist-info/METADATA")).read_text()
        assert "left: left is 'Yes'" in readme
        assert "monthly, yearly." in readme or "yearly, monthly." in readme

    def test_the_tracked_model_takes_the_table_as_it_is(self, run):
        import mlflow

        folder, frame, *_ = run
        store = f"sqlite:///{folder}/mlruns/mlflow.db"
        mlflow.set_tracking_uri(store)
        # Another test of this process may have named another registry.
        mlflow.set_registry_uri(store)
        model = mlflow.pyfunc.load_model("models:/patronage@champion")
        given = frame.assign(price=pd.to_numeric(frame["price"], errors="coerce")).reset_index(drop=True)
        inputs = given[list(model.metadata.get_input_schema().input_names())]
        expected = pd.read_parquet(folder / "scores.parquet")["churn_probability"]
        assert np.array_equal(model.predict(inputs)["churn_probability"], expected)

    def test_new_rows_in_another_order_with_unheard_of_values(self, run, patronage):
        folder = run[0]
        rows = run[1].iloc[:3][["noise", "plan", "region", "price", "tenure", "customer"]]
        rows.assign(plan=["weekly", "monthly", "yearly"], noise=["?", 0.1, "x"]).to_csv(folder / "new.csv", index=False)
        done = patronage(folder, "score", *TABLE, "ledger.path=new.csv", "out=new.parquet", "as_of=2026-01-31")
        assert done.returncode == 0, done.stderr
        assert "noise: 1 words for missing, 1 no number taken as missing" in done.stdout
        assert "noise: 2 missing, which never was so in training: scored with the usual" in done.stdout
        assert "plan: 1 of 3 rows (33.3%) hold values that the model does not know: 'weekly'" in done.stdout
        scores = pd.read_parquet(folder / "new.parquet")
        assert scores["as_of"].astype(str).tolist() == ["2026-01-31"] * 3
        assert scores["churn_probability"].between(0, 1).all()

    def test_columns_that_cannot_be_read_are_refused_and_written_nowhere(self, run, patronage):
        folder = run[0]
        commas = run[1]["noise"].astype(str).str.replace(".", ",")
        run[1].assign(noise=commas, plan=run[1]["plan"].str.upper()).to_csv(folder / "comma.csv", index=False)
        done = patronage(folder, "score", *TABLE, "ledger.path=comma.csv", "out=comma.parquet")
        assert done.returncode == 3
        assert "noise holds no number (620 of 620 are texts" in done.stderr
        assert "'MONTHLY'" in done.stderr
        assert not (folder / "comma.parquet").exists()

    def test_the_bundle_keeps_what_was_missing_and_usual_and_the_next_command_is_whole(self, run, bundle_folder):
        training = read_bundle(bundle_folder).training
        assert training["missing_share"] == {"tenure": 0, "price": 2 / 620, "plan": 0, "noise": 0, "region": 0}
        assert training["unknown_share"] == {"plan": 0, "region": 0}
        assert training["usual"]["noise"] == pytest.approx(run[1]["noise"].median())
        assert "ledger.customer_id=customer" in run[3]["train"].stdout

    def test_missing_columns_are_named(self, run, patronage):
        folder = run[0]
        run[1][["customer", "tenure"]].to_csv(folder / "narrow.csv", index=False)
        done = patronage(folder, "score", *TABLE, "ledger.path=narrow.csv")
        assert done.returncode == 3
        assert "lacks the columns price (for the model), plan" in done.stderr

    def test_models_and_ledgers_that_do_not_belong_together_are_refused(self, run, bundle_folder, patronage):
        folder = run[0]
        of_ledger = patronage(folder, "score", *TABLE, f"model={GOLDEN / 'bundle_format_2' / 'bundle'}")
        assert (of_ledger.returncode, "trained on a ledger of transactions" in of_ledger.stderr) == (4, True)
        of_table = patronage(folder, "score", f"model={bundle_folder}")
        assert (of_table.returncode, "trained on a customer table" in of_table.stderr) == (4, True)
        checked = patronage(folder, "check", *TABLE)
        assert (checked.returncode, "not a ledger of transactions" in checked.stderr) == (2, True)


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Train on a frame, in this process; what is refused is raised before anything is recorded."""
    monkeypatch.chdir(tmp_path)

    def train(frame, *overrides):
        frame.to_csv("table.csv", index=False)
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            other = any(one.startswith("churn=") for one in overrides)  # which knows no settings of trees
            quick = [one for one in QUICK if not (other and one.startswith("churn."))]
            config = plain(compose("train", [*CLEAN, *quick, "evaluation.replicates=0", *overrides]))
        train_customer_table(config)

    yield train
    GlobalHydra.instance().clear()
    assert not (tmp_path / "mlruns").exists()


@pytest.mark.parametrize(
    ("change", "overrides", "error", "words"),
    [
        (lambda f: f.assign(left="No"), (), InputError, "0 of 600 customers left, so there is nobody"),
        (lambda f: f.iloc[:20], (), InputError, r"of 20 customers left: with fewer than 10 of either outcome"),
        (
            lambda f: f[["customer", "left"]].assign(one=1, none=None),
            (),
            ContractError,
            "no column that differs between customers",
        ),
        (lambda f: f.rename(columns={"tenure": "tenure [months]"}), (), ContractError, r"may not be called 'tenure \["),
        (lambda f: f.rename(columns={"tenure": "churned"}), (), ContractError, "may not be called 'churned'"),
        (lambda f: f, ("churn=purchase_model",), ConfigError, "knows nothing"),
        (lambda f: f, ("churn=stack",), ConfigError, "knows nothing"),
        (lambda f: f, ("hazard=boosted",), ConfigError, "a customer table says whether they left, and not on which"),
        (lambda f: f, ("churn.features=[age]",), ConfigError, r"Unknown churn.features: age. The table offers: tenure"),
        (lambda f: f, ("evaluation.slices=[age]",), ConfigError, "the table has no age"),
        (lambda f: f, ("validation.folds=1",), ConfigError, "validation.folds"),
        (lambda f: f, ("dates.cutoff=2024-01-01",), ConfigError, "dates.cutoff"),
        (lambda f: f, ("churn.horizon_days=60",), ConfigError, "set dates.horizon_days alone"),
        (
            lambda f: f.assign(why=np.where(f["left"] == "Yes", "price", None)),
            ("validation.leaks=refuse",),
            ContractError,
            "1 columns may give the answer away: why",
        ),
        (lambda f: f.assign(left=f["left"].where(f.index % 5 > 0)), (), ContractError, "label missing 120"),
        (lambda f: f.assign(day="2024-01-31"), ("ledger.snapshot=day", "validation.folds=400"), InputError, "not fill"),
        (
            lambda f: f.assign(day=np.where(f.index % 2, "2024-01-31", "2024-02-29")),
            ("ledger.snapshot=day",),
            ConfigError,
            "dates.horizon_days has to say",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_from_is_refused_in_words(trained, change, overrides, error, words):
    with pytest.raises(error, match=words) as caught:
        trained(change(simulated()[0]), *overrides)
    assert isinstance(caught.value, PatronageError)


def test_too_few_of_a_class_for_the_inner_folds_is_a_fit_error(trained):
    frame = simulated(400)[0]
    few = frame.assign(left=np.where(frame.index < 10, "Yes", "No"))
    with pytest.raises((FitError, InputError)):
        trained(few, "churn.n_folds=9")


@pytest.mark.slow
def test_the_bundle_is_of_its_own_kind(bundle_folder):
    assert isinstance(read_bundle(bundle_folder), TableBundle)
