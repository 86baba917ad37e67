"""``patronage describe``: what a model needs and gives, for people and for programs."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hydra.core.global_hydra import GlobalHydra

from patronage.cli import main
from patronage.pipelines.console import OUT
from patronage.runtime.bundle import read_bundle
from patronage.tracking.pyfunc import log_bundle
from patronage.tracking.pyfunc import signature as signature_of
from patronage.tracking.registry import register
from patronage.tracking.store import TrackingStore

GOLDEN = Path(__file__).parents[1] / "golden"
BUNDLE = GOLDEN / "bundle_format_2" / "bundle"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys) -> Callable[..., str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(OUT, "_width", 300)

    def describe(*arguments: str) -> str:
        GlobalHydra.instance().clear()
        main(["describe", *arguments])
        return capsys.readouterr().out

    return describe


def test_bundle_is_described_to_programs_by_json_alone(run):
    told = json.loads(run(f"model={BUNDLE}", "format=json"))
    bundle = read_bundle(BUNDLE)
    assert [column["name"] for column in told["inputs"]] == list(bundle.inputs.names)
    assert [column["name"] for column in told["outputs"]] == list(bundle.outputs.names)
    assert all(set(one) == {"name", "type", "unit", "nullable", "meaning"} for one in told["inputs"])
    assert (told["fingerprint"], told["as_of"], told["horizon_days"]) == (
        bundle.fingerprint, bundle.as_of.isoformat(), bundle.horizon_days,
    )  # fmt: skip
    assert told["parts"]["purchase"]["parameters"]["r"] == bundle.purchase.r
    assert (told["model"], told["version"], told["aliases"]) == (None, None, [])


@pytest.mark.parametrize("folder", ["bundle_format_1", "bundle_format_2", "bundle_format_3"])
def test_a_ledger_s_model_reads_doubles_and_says_so(run, folder):
    """Older bundles call frequency long; MLflow's signature and the query of features say double of it."""
    stored = json.loads((GOLDEN / folder / "bundle" / "manifest.json").read_text())["input"]
    assert "long" in {column["type"] for column in stored}
    told = json.loads(run(f"model={GOLDEN / folder / 'bundle'}", "format=json"))["inputs"]
    assert [column["name"] for column in told] == [column["name"] for column in stored]
    assert {column["type"] for column in told} <= {"double", "string"}
    signature = signature_of(read_bundle(GOLDEN / folder / "bundle").inputs)
    assert [column.type.name for column in signature.inputs.inputs] == [column["type"] for column in told]


def test_text_names_every_column_with_its_meaning(run):
    said = run(f"model={BUNDLE}")
    bundle = read_bundle(BUNDLE)
    for column in (*bundle.inputs.columns, *bundle.outputs.columns):
        assert column.name in said
        assert column.meaning[:20] in said
    assert bundle.fingerprint in said


def test_model_of_a_customer_table_is_described_too(run):
    folders = [folder for folder in sorted(GOLDEN.glob("*table*")) if (folder / "bundle").is_dir()]
    for folder in folders:
        told = json.loads(run(f"model={folder / 'bundle'}", "format=json"))
        assert told["setting"] == "customer_table"
        assert set(told["parts"]) == {"churn"}


def test_registered_model_is_described_by_its_name_alone(run, tmp_path):
    store = TrackingStore(f"sqlite:///{tmp_path}/mlruns/mlflow.db", f"{tmp_path}/artifacts", "patronage", "patronage")
    import pandas as pd

    stored = json.loads((GOLDEN / "bundle_format_2" / "rows_and_scores.json").read_text())["rows"]
    rows = pd.DataFrame(stored)[list(read_bundle(BUNDLE).inputs.names)]
    with store.session(create=True) as mlflow:
        with mlflow.start_run(experiment_id=store.experiment_id(mlflow)) as begun:
            info = log_bundle(mlflow, BUNDLE, rows.head(2))
        register(mlflow, "patronage", info.model_uri, begun.info.run_id)
    told = json.loads(run("models:/patronage@champion", "format=json", f"out={tmp_path}/model.json"))
    assert (told["model"], told["version"], told["aliases"]) == ("patronage", "1", ["challenger", "champion"])
    assert told["run_id"] == begun.info.run_id
    assert json.loads((tmp_path / "model.json").read_text()) == told


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["models:/patronage@champion"], 4, "no tracking store"),
        (["model=nowhere"], 4, "or a bundle folder"),
        (["nowhere", "format=xml"], 2, "format"),
        (["nowhere", "colour=red"], 2, "no setting colour"),
    ],
)
def test_what_cannot_be_described_is_said(arguments, code, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    GlobalHydra.instance().clear()
    with pytest.raises(SystemExit) as stop:
        main(["describe", *arguments])
    assert stop.value.code == code
    said = capsys.readouterr().err
    assert words in " ".join(said.split())
    assert "Traceback" not in said
