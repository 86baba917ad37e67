"""``patronage simulate``: writes a world that the other commands can read, and refuses what cannot be."""

import json

import pyarrow.parquet as pq
import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main

SMALL = ("customers=60", "world.whale=null", "world.block_customers=40", "processes=1")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    def simulate(*arguments):
        GlobalHydra.instance().clear()
        main(["simulate", *arguments])
        return capsys.readouterr().out

    return simulate


def test_a_world_is_written_and_told_of(run, tmp_path):
    said = run(*SMALL, "seed=3")
    world = tmp_path / "outputs/world"
    manifest = json.loads((world / "manifest.json").read_text())
    assert (manifest["seed"], manifest["customers"], manifest["world"]["name"]) == (3, 60, "retailer")
    assert {path.name for path in world.iterdir()} == {
        "transactions", "customers", "contacts", "campaigns", "truth", "catalogue", "future", "manifest.json",
    }  # fmt: skip
    assert pq.read_table(world / "truth").num_rows == 60
    assert "The world retailer" in said
    assert f"{manifest['tables']['transactions']['rows']:,}" in said
    assert "2022-01-01 to 2024-12-31" in said


@pytest.mark.parametrize("name", ["subscription", "pareto", "bg"])
def test_worlds_are_a_group(name, run, tmp_path):
    run("customers=50", f"world={name}", "world.whale=null", "out=there", "processes=1", "future=false")
    assert json.loads((tmp_path / "there/manifest.json").read_text())["world"]["name"] == name
    assert not (tmp_path / "there/future").exists()


def test_a_part_can_be_switched_off_and_tables_chosen(run, tmp_path):
    run(
        *SMALL, "world.contacts=null", "world.campaigns.voucher.cost=9", "tables=[transactions,contacts]", "truth=false"
    )
    found = {path.name for path in (tmp_path / "outputs/world").iterdir()}
    assert found == {"transactions", "future", "manifest.json"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("customers=0",), 2, "customers: Input should be greater than or equal to 1"),
        (("seed=-1",), 2, "seed: Input should be greater than or equal to 0"),
        (("processes=0",), 2, "processes: Input should be greater than or equal to 1"),
        (("world.spend.q=1",), 2, "world.spend.q: Input should be greater than 1"),
        (("+world.colour=red",), 2, "world.colour: Unexpected"),
        (("tables=[orders]",), 2, "tables has unknown orders"),
        (("world.observed_days=abc",), 2, "world.observed_days"),
        (("out=there.txt",), 5, "there.txt is there and is not a simulated world"),
    ],
)
def test_impossible_wishes_are_refused(arguments, code, said, refused, tmp_path):
    (tmp_path / "there.txt").write_text("mine")
    found, message = refused("simulate", *SMALL, *arguments)
    assert found == code
    assert said in message
