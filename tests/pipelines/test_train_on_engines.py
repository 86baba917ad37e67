"""The command ``train`` itself on Spark and on PostgreSQL: the models that it ships are those of DuckDB."""

import json

import pytest

from engines_under_test import postgres_uri, spark_engine
from full_run import patronage
from patronage.ledger.worlds.settings import named_world
from patronage.ledger.worlds.writing import simulate_world

SETTINGS = (
    "ledger=simulated", "dates=simulated", "panel.n_cutoffs=1", "backtest=none", "churn=logistic",
    "features.groups=[purchases,contacts,complaints,campaigns,acquisition]",
)  # fmt: skip
"""All tables of the ledger, and as little else as a training needs."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return simulate_world(named_world("retailer"), 400, tmp_path_factory.mktemp("worlds") / "retailer", seed=3).path


def trained(folder, world, *settings):
    """The parameters that a training leaves, by part of the bundle."""
    process = patronage(folder, "train", *SETTINGS, f"ledger.path={world}", *settings, timeout=1800)
    assert process.returncode == 0, process.stdout + process.stderr
    (found,) = (folder / "mlruns").rglob("bundle/purchase.json")
    return {part: json.loads((found.parent / f"{part}.json").read_text()) for part in ("purchase", "spend")}


@pytest.fixture(scope="module")
def on_duckdb(world, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("duckdb"), world)


def engine_settings(name):
    """What the command line says of the engine; the tests on it are skipped where the engine is not there."""
    if name == "spark":
        assert spark_engine().name == "spark"
        return ("engine=spark", "engine.master='local[2]'", "+engine.config={spark.sql.shuffle.partitions: 2}")
    return ("engine=postgres", f"engine.uri={postgres_uri()}")


@pytest.mark.long
@pytest.mark.parametrize("name", ["spark", "postgres"])
def test_the_command_ships_the_same_models(name, world, on_duckdb, tmp_path):
    found = trained(tmp_path, world, *engine_settings(name))
    for part, expected in on_duckdb.items():
        numbers = {key: value for key, value in expected.items() if isinstance(value, float)}
        assert len(numbers) >= 3
        assert {key: found[part][key] for key in numbers} == pytest.approx(numbers, rel=1e-9)
        assert set(found[part]) == set(expected)
