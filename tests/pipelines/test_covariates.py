"""Training with covariates from a ledger: the fit of a frame that was joined by hand, and its scores."""

import json
import math
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import mlflow
import numpy as np
import pandas as pd
import pytest

from patronage.models import ParetoNBD
from patronage.runtime.bundle import read_bundle

CUTOFF, END, HORIZON = date(2023, 6, 30), date(2023, 12, 31), 184
COVARIATES = ["acquisition_channel", "age"]
SETTINGS = (
    "ledger=simulated", "ledger.path=world", "dates=files", f"dates.cutoff={CUTOFF}", f"dates.observed_until={END}",
    f"dates.horizon_days={HORIZON}",
)  # fmt: skip
MODEL = (
    "purchase=pareto_nbd", "purchase.purchase_covariates=[acquisition_channel,age]",
    "purchase.dropout_covariates=[acquisition_channel]", "purchase.l2=0.5",
)  # fmt: skip
CHEAP = ("refit=false", "churn.n_trees=5", "churn.n_folds=2", "panel.n_cutoffs=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, patronage: Any) -> Path:
    """A simulated business whose channels differ, some of them unknown, with a trained model and its scores."""
    place = tmp_path_factory.mktemp("covariates")

    def run(*arguments: str) -> None:
        done = patronage(place, *arguments)
        assert done.returncode == 0, done.stderr

    run("simulate", "world=retailer", "customers=900", "seed=3", "world.observed_days=730", "out=world")
    for part in (place / "world" / "customers").glob("*.parquet"):
        customers = pd.read_parquet(part)
        customers.loc[customers.index % 11 == 0, "acquisition_channel"] = None
        customers.to_parquet(part, index=False)
    run("train", *SETTINGS, *MODEL, *CHEAP, "evaluation=none", "features.groups=[purchase_windows]")
    run("score", "ledger=simulated", "ledger.path=world", f"as_of={CUTOFF}", "interval=0.9")
    return place


@pytest.fixture(scope="module")
def customers(folder: Path) -> pd.DataFrame:
    """frequency, recency, T in weeks and the covariates, by SQL that knows nothing of this project."""
    query = f"""
        WITH days AS (
            SELECT customer_id, timestamp::DATE AS day, sum(amount) AS spend, max(amount) AS largest
            FROM read_parquet('{folder}/world/transactions/*.parquet') WHERE timestamp::DATE <= DATE '{CUTOFF}'
            GROUP BY ALL HAVING largest >= 0
        )
        SELECT customer_id, (count(*) - 1)::DOUBLE AS frequency, (max(day) - min(day)) / 7 AS recency,
            (DATE '{CUTOFF}' - min(day)) / 7 AS T, any_value(acquisition_channel) AS acquisition_channel,
            any_value(age) AS age
        FROM days JOIN read_parquet('{folder}/world/customers/*.parquet') USING (customer_id)
        GROUP BY customer_id ORDER BY customer_id
    """
    return duckdb.sql(query).df().set_index("customer_id")


@pytest.fixture(scope="module")
def model(customers: pd.DataFrame) -> ParetoNBD:
    """Fitted to the customers one by one."""
    options = {"purchase_covariates": COVARIATES, "dropout_covariates": COVARIATES[:1], "l2": 0.5}
    return ParetoNBD(**options).fit(customers)


@pytest.fixture(scope="module")
def run(folder: Path) -> Any:
    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlruns/mlflow.db")
    return client.search_runs([one.experiment_id for one in client.search_experiments()])[0]


@pytest.fixture(scope="module")
def bundle(run: Any, folder: Path) -> Any:
    (manifest,) = (folder / "mlruns").rglob("bundle/manifest.json")
    return read_bundle(manifest.parent)


def test_counted_on_the_engine_the_fit_is_that_of_single_customers(model, bundle):
    assert dict(bundle.purchase.figures) == pytest.approx(model.params_, rel=1e-7)
    assert "dropout.acquisition_channel[unknown]" in bundle.purchase.figures
    assert {"acquisition_channel", "age"} <= set(bundle.inputs.names)


def test_customers_are_told_apart(model):
    """Simulated channels differ in how often their customers buy."""
    effects = [value for name, value in model.params_.items() if "acquisition_channel" in name]
    assert np.ptp(effects) > 0.2


def test_the_run_keeps_every_coefficient(run, bundle):
    told = {name for name in run.data.metrics if name.startswith("registered.purchase.")}
    assert "registered.purchase.acquisition_channel/unknown" in told
    assert run.data.metrics["registered.purchase.age"] == bundle.purchase.figures["purchase.age"]
    assert run.data.params["purchase.purchase_covariates"] == "['acquisition_channel', 'age']"


def test_scores_are_those_of_each_customer_s_own_parameters(folder, customers, model):
    scores = pd.read_parquet(folder / "outputs" / "scores.parquet").set_index("customer_id")
    assert list(scores.index) == list(customers.index)
    expected = model.expected_purchases(customers, HORIZON / 7)
    assert scores["expected_purchases"].to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-6)
    alive = model.probability_alive(customers)
    assert scores["probability_alive"].to_numpy() == pytest.approx(alive.to_numpy(), rel=1e-6)
    inside = (scores["purchases_low"] <= expected) & (expected <= scores["purchases_high"] + 1)
    assert inside.mean() > 0.99


def test_a_customer_of_a_new_channel_is_set_aside_with_the_reason(folder, patronage):
    """An unknown channel is no missing one: the model has nothing to say of it."""
    place = folder / "world" / "customers"
    parts = {part: part.read_bytes() for part in place.glob("*.parquet")}
    part = next(iter(parts))
    changed = pd.read_parquet(part)
    buyers = pd.read_parquet(folder / "outputs" / "scores.parquet")["customer_id"]
    odd = changed.index[changed["customer_id"].isin(buyers)][:3]
    changed.loc[odd[:2], "acquisition_channel"] = "billboard"
    changed.loc[odd[2], "age"] = math.nan
    changed.to_parquet(part, index=False)
    try:
        arguments = ("ledger=simulated", "ledger.path=world", f"as_of={CUTOFF}", "out=outputs/later.parquet")
        assert patronage(folder, "score", *arguments, "max_rejected_share=0.1").returncode == 0
    finally:
        for path, content in parts.items():
            path.write_bytes(content)
    rejects = pd.read_parquet(folder / "outputs" / "later.rejects.parquet").set_index("customer_id")
    assert sorted(rejects.index) == sorted(changed.loc[odd, "customer_id"])
    told = set(rejects["reasons"])
    assert told == {"acquisition_channel of an unknown level ('billboard')", "age missing or not finite"}
    manifest = json.loads((folder / "outputs" / "later.manifest.json").read_text())
    assert manifest["rows"]["in"] == manifest["rows"]["scored"] + manifest["rows"]["rejected"] == len(buyers)


def test_the_bundle_s_options_fit_it_again(bundle, customers, model):
    from patronage.value.statement.knowledge import Bundled

    again = Bundled.of(bundle).purchase.unfitted().fit(customers)
    assert again.params_ == pytest.approx(model.params_, rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("purchase.purchase_covariates=[height]",), "covariates height are no columns of this ledger's customers"),
        (("purchase.purchase_covariates=[frequency]",), "frequency cannot be covariates"),
        (("purchase.dropout_covariates=[acquisition_channel]", "purchase=auto", "purchase.candidates=[bg_nbd]",
          "model_engine=lifetimes"), "engine=lifetimes knows no priors or covariates"),
    ],
)  # fmt: skip
def test_covariates_that_cannot_be(folder, patronage, settings, words):
    given = settings if any(one.startswith("purchase=") for one in settings) else ("purchase=bg_nbd", *settings)
    done = patronage(folder, "train", *SETTINGS, *given, *CHEAP)
    assert done.returncode != 0
    assert words in " ".join(done.stderr.split())
