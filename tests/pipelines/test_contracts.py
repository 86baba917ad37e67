"""Churn from the contracts of a ledger: from a simulated world to scores, and what is refused on the way."""

from datetime import date, timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from patronage import SimulatedSource, open_ledger
from patronage.errors import ConfigError, ContractError, DateError, InputError, PatronageError
from patronage.paths import conf_folder
from patronage.pipelines.contract_silence import last_heard
from patronage.pipelines.contract_table import contract_table, contracts_to_score
from patronage.pipelines.remarks import note_contracts
from patronage.pipelines.settings import Features, plain
from patronage.pipelines.time_curves import read_hazard
from patronage.pipelines.train_customer_table import train_customer_table
from patronage.runtime.bundle import TableBundle, read_bundle
from patronage.schema import TABLE_SCORES, Column, TableSchema

LEDGER = ("setting=contracts", "ledger=simulated", "ledger.path=world")
QUICK = ("churn.n_trees=60", "churn.early_stopping_rounds=null", "churn.n_threads=1", "evaluation.replicates=100")
QUICK_HAZARD = (
    "hazard=boosted", "hazard.trees.n_trees=60", "hazard.trees.early_stopping_rounds=null", "hazard.trees.n_threads=1",
)  # fmt: skip
START = date(2023, 1, 1)
CUTOFF = date(2024, 1, 1)
HORIZON = 90
DATES = ("dates.cutoff=2024-01-01", f"dates.horizon_days={HORIZON}", "dates.observed_until=2024-03-31")


def customers_under_contract(n: int = 400) -> pd.DataFrame:
    """Contracts of 400 customers of one plan; two of five have ended, one each day from the start on."""
    numbers = np.arange(n)
    ended = [START + timedelta(days=int(30 + number)) if number % 5 < 2 else None for number in numbers]
    return pd.DataFrame(
        {
            "customer_id": [f"c{number:03d}" for number in numbers],
            "contract_start": START,
            "contract_end": pd.Series(ended, dtype=object),
            "plan": "basic",
            "price": 10.0 + numbers % 7,
            "points": numbers % 11,
        }
    )


def written(folder, customers: pd.DataFrame) -> None:
    """A ledger in which two customers have bought, one of them on the day before the last that anything is known of."""
    bought = pd.DataFrame(
        {
            "customer_id": ["c002", "c003"],
            "timestamp": pd.to_datetime(["2023-01-01", "2024-03-30"]),
            "amount": [5.0, 1.0],
        }
    )
    for name, frame in (("transactions", bought), ("customers", customers)):
        (folder / "world" / name).mkdir(parents=True)
        frame.to_parquet(folder / "world" / name / "part.parquet", index=False)


@pytest.fixture
def ledger(tmp_path):
    def opened(customers: pd.DataFrame | None = None):
        written(tmp_path, customers_under_contract() if customers is None else customers)
        return open_ledger(SimulatedSource(str(tmp_path / "world")))

    return opened


NO_FEATURES_LEFT_OUT = Features(groups=None, leave_out=["points"], purchase_model=False)


def test_the_table_has_a_row_for_each_cut_off_and_customer_under_contract(ledger):
    customers = customers_under_contract()
    cutoffs = [CUTOFF, CUTOFF - timedelta(days=HORIZON), START - timedelta(days=1)]
    table = contract_table(ledger(), cutoffs, HORIZON, NO_FEATURES_LEFT_OUT)
    expected = []
    for day in sorted(cutoffs[:2]):
        for one in customers.itertuples():
            if one.contract_end is None or one.contract_end > day:
                soon = one.contract_end is not None and one.contract_end <= day + timedelta(days=HORIZON)
                expected.append((one.customer_id, day, float(soon), one.price))
    found = zip(table.customer, table.day.dt.date, table.left, table.price, strict=True)
    assert list(found) == expected
    assert "points" not in table.features
    assert table.features["purchase_days"].values.isna().sum() == len(table) - 2  # c002; c003 bought after both days
    assert "nobody was under contract at the cut-offs 2022-12-31: left out" in table.notes
    assert table.rows_in == len(table) == len(table.frame)


def test_who_is_under_contract_on_a_day_is_scored_and_the_others_are_counted(ledger):
    inputs = TableSchema(
        "model_input", (Column("price", "double", "", True, ""), Column("plan", "string", "", True, ""))
    )
    table = contracts_to_score(ledger(), CUTOFF, inputs)
    ended = sum(end is not None and end <= CUTOFF for end in customers_under_contract()["contract_end"])
    assert len(table) == 400 - ended
    assert table.notes == (f"{ended} customers are not under contract on 2024-01-01: not scored",)
    assert list(table.features) == ["price", "plan"]
    with pytest.raises(DateError, match=r"Nobody is under contract on 2022-06-01: 400 customers .* from 2023-01-01"):
        contracts_to_score(open_ledger(SimulatedSource(table.location)), date(2022, 6, 1), inputs)


@pytest.mark.parametrize(
    ("as_of", "learnt_from", "words"),
    [
        # The latest fact of the ledger is an order of 2024-03-30; of 365 days of 2023 each has ended a contract.
        ("2024-04-30", "simulated", None),
        ("2024-05-01", "simulated", "ended or was bought after 2024-03-30, 32 days before the as-of date 2024-05-01"),
        ("2024-03-31", "telco", "the model learnt from the ledger telco, and this one is simulated"),
        ("2024-03-31", None, None),
    ],
)
def test_days_of_which_the_ledger_knows_nothing_are_warned_of(ledger, capsys, as_of, learnt_from, words):
    opened = ledger()
    assert last_heard(opened, date(2023, 12, 1)) == date(2023, 12, 1)
    training = {} if learnt_from is None else {"ledger": {"name": learnt_from}}
    note_contracts(opened, SimpleNamespace(training=training), date.fromisoformat(as_of))
    said = capsys.readouterr().out
    assert said.count("Mind:") == (words is not None)
    assert words is None or words in said


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """Train in this process; what is refused is raised before anything is recorded."""
    monkeypatch.chdir(tmp_path)

    def train(customers, *overrides):
        written(tmp_path, customers)
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(conf_folder()), version_base="1.3"):
            config = plain(compose("train", [*LEDGER, *DATES, *overrides]), ("dates",))
        train_customer_table(config)

    yield train
    GlobalHydra.instance().clear()
    assert not (tmp_path / "mlruns" / "artifacts").exists()


@pytest.mark.parametrize(
    ("change", "overrides", "error", "words"),
    [
        (lambda f: f.drop(columns="contract_end"), (), ContractError, "this ledger has no contract_end there"),
        (
            lambda f: f.drop(columns=["contract_start", "contract_end"]),
            (),
            ContractError,
            "no contract_start and no contract_end there",
        ),
        (lambda f: f.assign(contract_end=pd.NaT), (), InputError, r"None of the [\d,]+ contracts .* 0 of the ledger's"),
        (
            lambda f: f.assign(contract_start=date(2024, 2, 1), contract_end=pd.NaT),
            (),
            DateError,
            "Nobody is under contract on 2024-01-01",
        ),
        (lambda f: f, ("dates.horizon_days=91",), ConfigError, "observed only until 2024-03-31"),
        (lambda f: f, ("dates.observed_until=2024-12-31",), DateError, "nothing began, ended or was bought after"),
        (lambda f: f, ("features.purchase_model=true",), ConfigError, "features.purchase_model tells of purchases"),
        (lambda f: f, ("churn=purchase_model",), ConfigError, "knows nothing"),
        (lambda f: f, ("churn.features=[age]",), ConfigError, "Unknown churn.features: age"),
        (lambda f: f, ("hazard=boosted", "hazard.n_periods=-1"), ConfigError, r"hazard\.n_periods"),
        (lambda f: f, ("hazard=boosted", "hazard.trees.max_depth=0"), ConfigError, "max_depth must be a whole number"),
        (lambda f: f, ("setting.churn_is=whatever",), ConfigError, "setting.churn_is"),
        (
            lambda f: f,
            ("ledger=customer_table", "ledger.path=t.csv", "dates.cutoff=null"),
            ConfigError,
            "a customer table has a label of its own",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_learnt_from_is_refused_in_words(trained, change, overrides, error, words):
    with pytest.raises(error, match=words) as caught:
        trained(change(customers_under_contract()), *overrides)
    assert isinstance(caught.value, PatronageError)


@pytest.fixture(scope="module")
def run(tmp_path_factory, patronage):
    """A world of monthly contracts, a tenth of whose customers have no transaction, from training to scores."""
    folder = tmp_path_factory.mktemp("contracts")
    made = patronage(folder, "simulate", "world=subscription", "customers=2500", "out=world")
    assert made.returncode == 0, made.stderr
    for path in (folder / "world" / "transactions").iterdir():
        bought = pd.read_parquet(path)
        bought[~bought["customer_id"].str.endswith("7")].to_parquet(path, index=False)
    done = {
        "train": patronage(folder, "train", *LEDGER, *QUICK, *QUICK_HAZARD, "evaluation.drivers=false"),
        "score": patronage(folder, "score", *LEDGER, "as_of=2024-10-01", "explain=true"),
        "report": patronage(folder, "report"),
    }
    for name, process in done.items():
        assert process.returncode == 0, f"{name}: {process.stdout}\n{process.stderr}"
    return folder, done


@pytest.mark.long
class TestFromFirstToLast:
    def test_later_cut_offs_are_foretold_by_earlier_ones_a_horizon_before(self, run):
        (folder,) = (run[0] / "mlruns" / "artifacts" / "models").iterdir()
        bundle = read_bundle(folder / "artifacts" / "artifacts" / "bundle")
        assert isinstance(bundle, TableBundle)
        assert bundle.training["holdout"]["splits"] == ["2023-10-03", "2024-01-02", "2024-07-02"]
        assert (bundle.as_of, bundle.horizon_days) == (date(2024, 7, 2), 182)
        assert not {"contract_end", "contract_ended", "days_since_contract_end"} & set(bundle.inputs.names)

    def test_it_knows_more_than_nothing_and_its_probabilities_are_true(self, run):
        (path,) = (run[0] / "mlruns" / "artifacts").glob("*/artifacts/tables/metrics.csv")
        metrics = pd.read_csv(path).query("model == 'model'").set_index("metric")
        assert metrics.loc["roc_auc", "low"] > 0.52
        assert metrics.loc["roc_auc", "value"] < 0.75  # chance alone decides the rest of this world
        assert metrics.loc["calibration_error", "value"] < 0.05

    def test_the_command_that_comes_next_scores_these_contracts(self, run):
        scored = "patronage score setting=contracts ledger=simulated ledger.path=world model=models:/patronage"
        assert f"next: {scored}/1\n" in run[1]["train"].stdout
        (card,) = (run[0] / "mlruns" / "artifacts").glob("*/artifacts/**/model_card.md")
        assert f"{scored}@champion" in card.read_text("utf-8")

    def test_a_day_far_beyond_the_ledger_is_warned_of_and_not_blamed_on_decimal_commas(self, run, patronage):
        done = patronage(run[0], "score", *LEDGER, "as_of=2025-06-30", "out=later.parquet")
        assert "before the as-of date 2025-06-30: if the ledger is not complete until then" in done.stdout
        done = patronage(run[0], "score", *LEDGER, "as_of=2027-06-30", "out=later.parquet")
        assert done.returncode == 3
        assert "give as as_of a day until which it is complete" in " ".join(done.stderr.split())
        assert "decimal" not in done.stderr

    def test_it_tells_when_they_leave_too(self, run):
        (artifacts,) = (path.parent for path in (run[0] / "mlruns" / "artifacts").glob("*/artifacts/tables"))
        metrics = pd.read_csv(artifacts / "tables" / "metrics.csv").query("task == 'time_to_churn'")
        figures = metrics.set_index(["model", "metric"])["value"]
        assert figures["model", "concordance"] > figures["same_curve", "concordance"] + 0.02
        assert figures["model", "integrated_brier"] < figures["same_curve", "integrated_brier"] + 0.002
        everyone = pd.read_csv(artifacts / "tables" / "survival_calibration.csv").query("group == 0")
        assert (everyone["predicted"] - everyone["observed"]).abs().max() < 0.06
        curves = pd.read_parquet(artifacts / "time_to_churn" / "curves.parquet")
        customers = pd.read_parquet(run[0] / "world" / "customers")
        last = date(2024, 12, 31)
        running = customers[(customers["contract_start"] <= last) & ~(customers["contract_end"] <= last)]
        assert curves["customer_id"].tolist() == sorted(running["customer_id"])
        staying = curves.filter(like="staying_").to_numpy()
        assert (np.diff(staying, axis=1) <= 1e-12).all()
        assert list(curves.columns[-4:]) == ["staying_330", "staying_360", "median_days", "expected_days"]
        model = read_hazard(artifacts / "time_to_churn")
        assert (model.period_days, model.longest_period_) == (30, 12)

    def test_the_report_shows_the_curves(self, run):
        text = (run[0] / "outputs" / "report" / "report.html").read_text("utf-8").partition("<script>")[0]
        for word in (
            "Who is still there: foretold and seen",
            "Time to churn",
            "the same curve for all",
            "of contracts",
        ):
            assert word in text, word
        assert "CLV" not in text

    def test_everybody_under_contract_is_scored_whether_they_bought_or_not(self, run):
        folder = run[0]
        scores = pd.read_parquet(folder / "outputs" / "scores.parquet")
        customers = pd.read_parquet(folder / "world" / "customers")
        day = date(2024, 10, 1)
        running = customers[(customers["contract_start"] <= day) & ~(customers["contract_end"] <= day)]
        assert scores["customer_id"].tolist() == sorted(running["customer_id"])
        assert tuple(scores.columns[:4]) == TABLE_SCORES.names[:4]
        assert scores["as_of"].astype(str).unique().tolist() == ["2024-10-01"]
        assert scores["reason_1"].notna().all()
        assert scores["customer_id"].str.endswith("7").sum() > 50

    def test_those_expected_to_leave_are_about_as_many_as_left(self, run):
        """The world was observed for half of the horizon of these scores."""
        folder = run[0]
        scores = pd.read_parquet(folder / "outputs" / "scores.parquet")
        customers = pd.read_parquet(folder / "world" / "customers").set_index("customer_id")
        assert 0.1 < scores["churn_probability"].mean() < 0.35
        soon = pd.to_datetime(customers.loc[scores["customer_id"], "contract_end"]) <= "2024-12-31"
        assert 0.6 < 2 * soon.mean() / scores["churn_probability"].mean() < 1.5
