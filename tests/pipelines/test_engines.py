"""A training on another engine: the same summary, the same parameters, the same features."""

from dataclasses import asdict, replace
from datetime import date

import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from engines_under_test import duckdb_engine, spark_engine
from patronage.features.model_input import model_input
from patronage.ledger.opening import open_ledger
from patronage.ledger.simulated_source import SimulatedSource
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import simulate_world
from patronage.paths import conf_folder
from patronage.pipelines.recipe import Recipe
from patronage.pipelines.settings import plain
from patronage.summary.customer_summary import summarise

AS_OF = date(2024, 7, 2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    world = replace(named_world("retailer"), whale=None)
    return simulate_world(world, 1500, tmp_path_factory.mktemp("worlds") / "retailer", seed=3).path


@pytest.fixture(scope="module")
def recipe(folder):
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(conf_folder()), version_base="1.3"):
        config = compose("train", ["ledger=simulated", f"ledger.path={folder}", "panel.n_cutoffs=1"])
    return Recipe.from_config(plain(config))


@pytest.fixture(scope="module")
def on_both(folder):
    return [open_ledger(SimulatedSource(str(folder)), engine) for engine in (duckdb_engine(), spark_engine())]


@pytest.mark.slow
def test_a_fit_on_spark_is_the_fit_on_duckdb(recipe, on_both):
    """The purchase model gets the same counts of histories, so its parameters agree to the last digits."""
    here, there = (recipe.fit(ledger, AS_OF) for ledger in on_both)
    for part in ("purchase", "spend"):
        ours, theirs = (asdict(getattr(fit.bundle, part)) for fit in (here, there))
        assert {name: value for name, value in theirs.items() if isinstance(value, float)} == pytest.approx(
            {name: value for name, value in ours.items() if isinstance(value, float)}, rel=1e-9
        )
    assert here.bundle.inputs == there.bundle.inputs
    tables = on_both[0].tables
    rows = model_input(tables, AS_OF, "week", here.bundle.inputs).order_by("customer_id").execute()
    given = {name: rows[name].to_numpy() for name in here.bundle.inputs.names}
    one, other = (fit.bundle.churn.churn_probability(given) for fit in (here, there))
    assert abs(one - other).max() < 0.02


@pytest.mark.slow
def test_the_summary_on_spark_is_the_summary_on_duckdb(on_both):
    here, there = (summarise(ledger.transactions, AS_OF, "week") for ledger in on_both)
    pd.testing.assert_frame_equal(there.to_pandas(), here.to_pandas(), check_dtype=False, check_exact=True)
    pd.testing.assert_frame_equal(there.histories(), here.histories(), check_dtype=False, check_exact=True)
