"""Bundles that are broken, or made to do harm, never load, never run anything and never end the process."""

import json
from pathlib import Path

import numpy as np
import pytest
import xgboost

from broken_bundles import BROKEN, CANARY, rehash
from patronage.errors import BundleError
from patronage.runtime.bundle import read_bundle, write_bundle
from patronage.runtime.bundle_trees import check_trees
from patronage.runtime.bundle_ubjson import read_ubjson
from patronage.runtime.scorer import load_scorer
from patronage.schema import MODEL_INPUT
from small_bundles import FEATURES, INPUTS, KINDS, grown, small_bundle


@pytest.fixture(scope="module")
def bundle():
    return small_bundle()


@pytest.fixture
def folder(bundle, tmp_path):
    return write_bundle(bundle, tmp_path / "bundle")


def test_what_is_broken_is_the_breaking(folder):
    """Stated anew, an unbroken bundle loads: no case below is refused for the way in which it was made."""
    rehash(folder)
    assert read_bundle(folder).inputs == INPUTS


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_bundle_is_refused(folder, broken):
    BROKEN[broken](folder)
    with pytest.raises(BundleError) as caught:
        read_bundle(folder)
    assert str(folder) in str(caught.value)
    assert len(str(caught.value)) < 1_000
    assert not (folder.parent / CANARY).exists()
    Path("/tmp/patronage-elsewhere.json").unlink(missing_ok=True)


def test_there_are_more_than_forty():
    assert len(BROKEN) > 40


def test_trees_that_are_cut_off_are_refused(bundle):
    """XGBoost itself ends the process when it is given some of these."""
    stored = bytes(bundle.churn.booster.save_raw("ubj"))
    assert check_trees(stored) == FEATURES
    for size in range(0, len(stored), 3):
        with pytest.raises((KeyError, TypeError, ValueError)):
            check_trees(stored[:size])


def test_altered_trees_are_refused_or_predict(bundle):
    """What passes is taken by XGBoost: it loads, or says why not, and predicts, and the process goes on."""
    stored = bytes(bundle.churn.booster.save_raw("ubj"))
    rng = np.random.default_rng(1)
    rows = np.array([[0.5, 0.5, 1], [np.nan] * 3, [1e30, -1e30, 4]], dtype=np.float32)
    data = xgboost.DMatrix(rows, feature_names=list(FEATURES), feature_types=KINDS, enable_categorical=True)
    refused = 0
    for _ in range(1_500):
        altered = bytearray(stored)
        for place in rng.integers(len(altered), size=rng.integers(1, 4)):
            altered[place] = rng.integers(256)
        try:
            check_trees(bytes(altered))
        except (KeyError, TypeError, ValueError):
            refused += 1
            continue
        booster = xgboost.Booster()
        try:
            booster.load_model(altered)
            booster.predict(data, output_margin=True)
        except (xgboost.core.XGBoostError, ValueError):
            refused += 1
    assert 0.5 < refused / 1_500 < 1


@pytest.mark.parametrize(
    "settings",
    [
        {"max_depth": 0, "grow_policy": "lossguide", "max_leaves": 40},
        {"max_depth": 8, "num_parallel_tree": 2},
        {"gamma": 2.0},
        {"monotone_constraints": "(1,0,0)", "subsample": 0.5},
        {"objective": "reg:squarederror"},
    ],
)
def test_trees_of_every_growth_pass(settings):
    assert check_trees(bytes(grown(**settings).save_raw("ubj"))) == FEATURES


def test_pruned_trees_pass_and_their_lost_nodes_are_counted():
    rng = np.random.default_rng(0)
    data = xgboost.DMatrix(rng.random((300, 2)), rng.integers(0, 2, 300), feature_names=["a", "b"])
    chosen = {"tree_method": "exact", "gamma": 2.0, "objective": "binary:logistic", "nthread": 1}
    booster = xgboost.train(chosen, data, num_boost_round=4)
    trees = json.loads(bytes(booster.save_raw("json")))["learner"]["gradient_booster"]["model"]["trees"]
    assert any(int(tree["tree_param"]["num_deleted"]) for tree in trees)
    assert check_trees(bytes(booster.save_raw("ubj"))) == ("a", "b")


def test_numbers_texts_and_lists_are_read_as_they_were_written():
    """Worked by hand from the draft of UBJSON."""
    stored = (
        b"{L\0\0\0\0\0\0\0\x01ai\xffL\0\0\0\0\0\0\0\x01b[$l#L\0\0\0\0\0\0\0\x02\0\0\0\x05\xff\xff\xff\xfe"
        b"L\0\0\0\0\0\0\0\x01c[#L\0\0\0\0\0\0\0\x03SL\0\0\0\0\0\0\0\x02\xc3\xa4TZL\0\0\0\0\0\0\0\x01dd\x3f\x80\0\0}"
    )
    found = read_ubjson(stored)
    assert found["b"].tolist() == [5, -2]
    assert {name: found[name] for name in "acd"} == {"a": -1, "c": ["ä", True, None], "d": 1.0}


def test_an_unbroken_bundle_scores(folder):
    table = {name: np.array([3.0]) for name in MODEL_INPUT.names} | {"T": [50.0], "recency": [10.0], "plan": ["b"]}
    scores = load_scorer(folder).score(table)
    assert all(np.isfinite(values).all() for values in scores.values())
