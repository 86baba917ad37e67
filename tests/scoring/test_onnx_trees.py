"""Trees in ONNX: what onnxruntime makes of them is what XGBoost says, or nothing is written."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import xgboost

from patronage.errors import ConfigError, ModelError, OutputError
from patronage.runtime.bundle import TableBundle
from patronage.runtime.churn import ChurnModel
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.churn_stack import StackedChurnModel
from patronage.scoring import onnx_trees
from patronage.scoring.onnx_trees import export_onnx
from small_bundles import small_bundle

FEATURES = ("days_since_last_purchase", "gap_days_mean", "T")


def with_trees(rounds=60, **settings):
    rng = np.random.default_rng(2)
    values = rng.gamma(2, 10, (800, 3)).astype(np.float32)
    values[rng.random((800, 3)) < 0.2] = np.nan
    left = (np.nan_to_num(values[:, 0]) + 10 * rng.random(800) > 20).astype(int)
    data = xgboost.DMatrix(values, left, feature_names=list(FEATURES))
    chosen = {"objective": "binary:logistic", "nthread": 1, "max_depth": 4} | settings
    bundle = small_bundle()
    booster = xgboost.train(chosen, data, num_boost_round=rounds)
    return replace(bundle, churn=ChurnModel(booster, FEATURES, 91, bundle.churn.calibration), fingerprint="abc")


@pytest.mark.parametrize(
    "settings",
    [{}, {"rounds": 1}, {"rounds": 300, "max_depth": 6}, {"base_score": 0.1}, {"tree_method": "exact", "gamma": 3}],
)
def test_runtime_gives_what_xgboost_gives(tmp_path, settings):
    bundle = with_trees(**settings)
    gap = export_onnx(bundle, tmp_path / "churn.onnx")
    assert gap <= 1e-6
    rng = np.random.default_rng(3)
    rows = rng.gamma(2, 10, (2_000, 3)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.3] = np.nan
    session = onnxruntime.InferenceSession(tmp_path / "churn.onnx")
    margin, probability = session.run(["margin", "probability"], {"features": rows})
    expected = bundle.churn.margin({name: rows[:, k] for k, name in enumerate(FEATURES)})
    np.testing.assert_allclose(margin[:, 0], expected, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(probability[:, 0], 1 / (1 + np.exp(-expected)), atol=1e-6, rtol=0)
    stored = {entry.key: entry.value for entry in onnx.load(tmp_path / "churn.onnx").metadata_props}
    assert (json.loads(stored["features"]), stored["model"]) == (list(FEATURES), "abc")


def test_the_same_trees_give_the_same_bytes(tmp_path):
    for name in "ab":
        export_onnx(with_trees(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_trees_of_a_stack_are_written(tmp_path):
    bundle = with_trees(rounds=5)
    stack = StackedChurnModel(bundle.churn, "probability_active", 0.1, 0.7, 0.4, bundle.churn.calibration)
    assert export_onnx(replace(bundle, churn=stack), tmp_path / "churn.onnx") <= 1e-6


def test_text_and_models_without_trees_are_refused(tmp_path):
    with pytest.raises(ModelError, match="ask for plan, which are text"):
        export_onnx(small_bundle(), tmp_path / "churn.onnx")
    terms = {"tenure": NumberTerm(10.0, 5.0, -0.5, 0.2)}
    churn = LogisticChurnModel(("tenure",), 0, small_bundle().churn.calibration, -1.0, terms)
    with pytest.raises(ModelError, match="has no trees"):
        export_onnx(TableBundle(churn, small_bundle().inputs), tmp_path / "churn.onnx")
    assert not list(tmp_path.iterdir())


def test_what_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_trees, "LARGEST_GAP", 1e-30)
    with pytest.raises(ModelError, match="differ by up to"):
        export_onnx(with_trees(), tmp_path / "churn.onnx")
    assert not list(tmp_path.iterdir())


def test_a_graph_that_asks_other_questions_is_noticed(tmp_path, monkeypatch):
    """The comparison sees even a threshold that is off by one step of a float."""
    whole = onnx_trees._attributes

    def shifted(forest):
        found = whole(forest)
        place = found["nodes_modes"].index("BRANCH_LT")
        found["nodes_values"][place] = float(np.nextafter(np.float32(found["nodes_values"][place]), np.float32(np.inf)))
        return found

    monkeypatch.setattr(onnx_trees, "_attributes", shifted)
    with pytest.raises(ModelError, match="differ by up to"):
        export_onnx(with_trees(rounds=3), tmp_path / "churn.onnx")


def test_without_the_packages_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="pip install"):
        export_onnx(with_trees(rounds=1), tmp_path / "churn.onnx")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        export_onnx(with_trees(rounds=1), tmp_path / "file" / "churn.onnx")
