"""``patronage monitor``: what it says of customers as they were, and of customers in whom something was planted."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main
from patronage.ledger.engines.duckdb import DuckDbEngine
from patronage.ledger.files_source import FilesSource
from patronage.ledger.opening import open_ledger
from patronage.pipelines import monitor as command
from patronage.pipelines.monitored import KEPT, reference_facts
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.covariates import CategoricalCovariate, Coefficient, Design, Effects
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.schema import Column, TableSchema
from patronage.schema.monitoring import MONITORING_TABLES
from patronage.tracking.store import TrackingStore
from value_bundle import bundle_of

DOCS = Path(__file__).parents[2] / "docs"
KNOWN, HORIZON, END = date(2024, 6, 30), 91, date(2024, 12, 31)
N = 1500


def sales(rng: np.random.Generator, prices_from: date | None = None) -> pd.DataFrame:
    """A business that wins customers evenly over two years; each buys at a pace of their own until they leave."""
    rows = []
    first = date(2023, 1, 1)
    for customer in range(N):
        day, pace = rng.uniform(0, 730), rng.gamma(1.0, 1 / 60)
        left, mean = day + rng.exponential(500), 20 * rng.gamma(4, 0.25)
        while day < min(left, (END - first).days):
            when = first + timedelta(days=int(day))
            factor = 3.0 if prices_from is not None and when > prices_from else 1.0
            rows.append((f"c{customer}", when.isoformat(), round(factor * mean * rng.gamma(6, 1 / 6) + 0.01, 2)))
            day += max(1.0, rng.exponential(1 / pace))
    return pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ledger as it is, one whose prices have trebled, and a model of what was known in the middle of 2024."""
    place = tmp_path_factory.mktemp("monitored")
    sales(np.random.default_rng(0)).to_csv(place / "sales.csv", index=False)
    sales(np.random.default_rng(0), KNOWN).to_csv(place / "dear.csv", index=False)
    ledger = open_ledger(FilesSource(str(place / "sales.csv")), DuckDbEngine())
    bundle = bundle_of(ledger.tables, KNOWN, HORIZON)
    write_bundle(bundle, place / "bundle")
    write_bundle(replace(bundle, training={**bundle.training, KEPT: reference_facts(ledger, bundle)}), place / "kept")
    return place


@pytest.fixture
def run(world, tmp_path, monkeypatch, capsys) -> Callable[..., tuple[int, str, Path]]:
    """Run the command; exit code, what it said in one line, and where it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.console.OUT, "_width", 300)

    def monitor(*settings: str, sales: str = "sales.csv", model: str = "bundle") -> tuple[int, str, Path]:
        GlobalHydra.instance().clear()
        of_ledger = [] if any(one.startswith("input=") for one in settings) else [
            "ledger=files", f"ledger.path={world / sales}", f"dates.observed_until={END}",
        ]  # fmt: skip
        given = [f"model={world / model}", *([] if "track=true" in settings else ["track=false"]), *of_ledger]
        code = 0
        try:
            main(["monitor", *given, *settings])
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return code, " ".join((said.out + said.err).split()), tmp_path / "outputs" / "monitoring"

    return monitor


def alarms(folder: Path, table: str = "drift") -> set[str]:
    found = pd.read_parquet(folder / f"{table}.parquet")
    label = "name" if table == "drift" else "quantity"
    return set(found[found["alarm"] == "yes"][label])


def test_prices_that_trebled_are_found_in_money_alone(run):
    """The churn rule of this model was never fitted, so what it foretells of churn is off in either ledger."""
    code, said, folder = run("acquired_within_days=180", sales="dear.csv")
    assert code == 7
    assert alarms(folder) <= {"monetary_value", "expected_spend", "clv"}
    assert "expected_spend" in alarms(folder)
    assert "value" in alarms(folder, "realised")
    assert "purchases" not in alarms(folder, "realised")
    assert "Train again: customers have changed" in said


def test_customers_like_those_before_give_no_drift(run):
    _, said, folder = run("acquired_within_days=180")
    assert alarms(folder) == set()
    assert not {"value", "purchases"} & alarms(folder, "realised")
    assert "if nothing had changed, the chance of any alarm would be at most 1.00%" in said


def test_tables_are_as_their_schema_says_and_the_page_needs_no_network(run):
    run("alarm_exit=false")
    folder = Path("outputs/monitoring")
    for name, schema in MONITORING_TABLES.items():
        assert tuple(pq.read_schema(folder / f"{name}.parquet").names) == schema.names
        assert len(pd.read_csv(folder / f"{name}.csv")) == len(pd.read_parquet(folder / f"{name}.parquet"))
    page = (folder / "monitoring.html").read_text(encoding="utf-8")
    assert "Control limits" in page or "control limits" in page
    assert not re.search(r"""(?:src|href)=["']https?:""", page)


def test_columns_that_age_give_no_alarm_on_a_closed_ledger(run):
    code, said, folder = run("realised=false")
    assert code == 0, said
    drift = pd.read_parquet(folder / "drift.parquet")
    of_age = drift[(drift["name"] == "T") & (drift["test"] != "missing")]
    assert set(of_age["alarm"]) == {"ageing"}
    assert "No reason to train again" in said


def test_profile_kept_with_the_model_is_the_reference_and_gives_the_same(run):
    run("realised=false")
    first = pd.read_parquet("outputs/monitoring/drift.parquet")
    _, _, folder = run("realised=false", "reference=model", model="kept")
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "drift.parquet"), first)
    assert "kept with the model, as of 2024-06-30" in (folder / "monitoring.html").read_text(encoding="utf-8")


def test_table_of_features_is_compared_with_the_profile_and_bad_rows_are_counted(run, tmp_path):
    rng = np.random.default_rng(1)
    lifetime = rng.uniform(10, 60, 400)
    table = pd.DataFrame({
        "customer_id": [f"c{i}" for i in range(400)], "frequency": 0.0, "recency": 0.0, "T": lifetime,
        "monetary_value": 0.0, "days_since_last_purchase": lifetime * 7,
    })  # fmt: skip
    table.loc[0, "recency"] = 99.0
    table.to_parquet(tmp_path / "batch.parquet")
    code, said, folder = run(f"input={tmp_path / 'batch.parquet'}", "as_of=2024-12-31", "ageing=[]", model="kept")
    assert code == 7, said
    assert {"frequency", "days_since_last_purchase"} <= alarms(folder)
    assert "1 rows of" in said
    assert "a table of features does not tell it" in said


@pytest.fixture(scope="module")
def by_channel(world) -> Path:
    """A model whose purchases differ by channel, and 3,000 rows of features that it can score."""
    plain = read_bundle(world / "bundle")
    design = Design((CategoricalCovariate("channel", ("shop", "web")),))
    effects = Effects(design, (Coefficient("purchase.channel[web]", "channel[web]", (("alpha", -1.0),), 0.3),))
    inputs = TableSchema(plain.inputs.name, (*plain.inputs.columns, Column("channel", "string", "", True, "Won by.")))
    bundle = replace(plain, purchase=CovariateParams(plain.purchase, effects), inputs=inputs)
    write_bundle(bundle, world / "by_channel")
    rng = np.random.default_rng(1)
    frequency, lifetime = rng.poisson(1, 3000).astype(float), rng.uniform(20, 60, 3000)
    pd.DataFrame({
        "customer_id": [f"c{i}" for i in range(3000)], "frequency": frequency,
        "recency": np.where(frequency > 0, lifetime * rng.uniform(0.1, 1, 3000), 0), "T": lifetime,
        "monetary_value": np.where(frequency > 0, rng.gamma(4, 10, 3000), 0),
        "days_since_last_purchase": rng.uniform(0, 200, 3000), "channel": rng.choice(["shop", "web"], 3000),
    }).to_parquet(world / "features.parquet")  # fmt: skip
    return world / "features.parquet"


@pytest.mark.parametrize(
    ("column", "value", "alarm", "words"),
    [
        ("channel", "tiktok", ("channel", "new_categories"), "750 rows of batch.parquet cannot be scored: channel of "
         "an unknown level ('tiktok')"),
        ("channel", None, ("channel", "missing"), "channel missing"),
        ("days_since_last_purchase", np.nan, ("days_since_last_purchase", "missing"), "last_purchase missing"),
        ("monetary_value", np.inf, ("monetary_value", "missing"), "monetary_value infinite"),
        ("monetary_value", 1e39, ("monetary_value", "missing"), "monetary_value too large"),
        ("customer_id", "\t", ("all inputs", "unscored"), "customer_id missing"),
        ("frequency", 0.5, ("all inputs", "unscored"), "frequency negative or not whole"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_scored_are_seen(run, by_channel, tmp_path, column, value, alarm, words):
    """A quarter of the batch; the columns that age by default are left as they are."""
    calm = run(f"input={by_channel}", f"reference={by_channel}", model="by_channel")
    assert (calm[0], "No reason to train again" in calm[1]) == (0, True), calm[1]
    batch = pd.read_parquet(by_channel)
    batch.loc[batch.index % 4 == 0, column] = value
    batch.to_parquet(tmp_path / "batch.parquet")
    code, said, folder = run("input=batch.parquet", f"reference={by_channel}", model="by_channel")
    assert (code, "Check the data before anything else" in said, words in said) == (7, True, True), said
    drift = pd.read_parquet(folder / "drift.parquet").set_index(["name", "test"])
    assert drift.loc[alarm, "alarm"] == "yes"
    unscored = drift.loc[("all inputs", "unscored")]
    assert (unscored["alarm"], unscored["batch"], unscored["n_batch"]) == ("yes", 0.25, 3000)
    assert drift.loc[("clv", "psi"), "n_batch"] == 2250
    assert "rows that cannot be scored 0.0%, in the batch 25.0%" in (folder / "monitoring.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("settings", "code", "words"),
    [
        (("realised=true", "cutoff=2024-12-01"), 3, "are not over by 2024-12-31"),
        (("cutoff=2024-01-31",), 3, "the model knows facts up to 2024-06-30"),
        (("reference=model",), 2, "keeps no profile"),
        (("alpha=0",), 2, "alpha"),
        (("limits.psy=1",), 2, "limits.psi"),
        (("limits.ks=-1",), 2, "ks must be 0 or more"),
        (("realised=perhaps",), 2, "auto, true or false"),
        (("acquired_within_days=180", "reference=other.parquet"), 2, "needs reference=ledger"),
        (("acquired_within_days=1",), 3, "nothing can be told apart"),
        (("reference=other.parquet",), 3, "No Parquet file at other.parquet"),
        (("as_of=2022-01-01",), 3, "2022-01-01"),
        (("slices=[colour]",), 2, "has no colour"),
        (("model=nowhere",), 4, "nowhere"),
        (("input=nowhere.parquet",), 3, "nowhere.parquet"),
        (("input=nowhere.parquet", "realised=true"), 2, "leave input"),
    ],
)
def test_what_cannot_be_done_is_said(run, settings, code, words):
    found, said, folder = run(*settings)
    assert (found, words in said) == (code, True), said
    assert not folder.exists()


@pytest.mark.long
def test_run_is_kept_and_the_version_tagged(run, world):
    code, said, _ = run("track=true", "realised=false")
    assert code == 0, said
    store = TrackingStore("sqlite:///mlruns/mlflow.db", None, "patronage", "patronage")
    with store.session() as mlflow:
        (found,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
        files = {
            one.path for one in mlflow.artifacts.list_artifacts(run_id=found.info.run_id, artifact_path="monitoring")
        }
    assert found.data.tags["patronage.kind"] == "monitoring"
    assert found.data.tags["patronage.advice"] == "keep"
    assert found.data.metrics["alarms"] == 0
    assert "monitoring/monitoring.html" in files


def block(language: str) -> str:
    """The one block of a language in the recipes."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", (DOCS / "scheduling.md").read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.mark.long
def test_recipes_of_the_schedule_run_as_they_stand(world, tmp_path):
    """The line of cron starts the target of make, which starts the job."""
    job = tmp_path / "nightly.sh"
    job.write_text(block("sh"))
    job.chmod(0o755)
    (tmp_path / "Makefile").write_text(block("make"))
    (tmp_path / "sales.csv").write_bytes((world / "sales.csv").read_bytes())
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    *times, line = block("cron").strip().split(maxsplit=5)
    assert all(re.fullmatch(r"\*|\d+", one) for one in times)
    line = line.replace("/srv/patronage", str(tmp_path)).replace("make nightly", f"make nightly DAY={END}")
    environment = {"HOME": os.environ.get("HOME", "/"), "MODEL": str(world / "bundle"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(["/bin/sh", "-c", line], env=environment, timeout=300, check=False)
    log = (tmp_path / "nightly.log").read_text()
    assert done.returncode == 0, log
    assert f"{END}: ALARM, read outputs/monitoring/{END}/monitoring.html" in log
    assert (tmp_path / "outputs" / "scores" / f"{END}.parquet").is_file()
    assert (tmp_path / "outputs" / "monitoring" / f"{END}" / "drift.parquet").is_file()
