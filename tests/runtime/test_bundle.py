"""A bundle comes back as it was written, and nothing else loads."""

import json
import shutil
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import xgboost

from patronage.errors import BundleError, InputError, OutputError
from patronage.runtime.bundle import MEMBERS, Bundle, read_bundle, write_bundle
from patronage.runtime.churn import Calibration, ChurnModel
from patronage.runtime.clv import ValueTerms
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.scorer import Scorer, load_scorer
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import MODEL_INPUT, SCORE_VALUES


@pytest.fixture(scope="module")
def bundle():
    rng = np.random.default_rng(0)
    features = ("days_since_last_purchase", "gap_days_mean")
    data = xgboost.DMatrix(rng.random((200, 2)), rng.integers(0, 2, 200), feature_names=list(features))
    booster = xgboost.train({"max_depth": 2, "objective": "binary:logistic", "nthread": 1}, data, num_boost_round=3)
    return Bundle(
        purchase=BetaGeoParams(0.1 + 0.2, 4.414, 0.793, 2.426),
        spend=GammaGammaParams(6.25, 3.74, 15.44),
        churn=ChurnModel(booster, features, 91, Calibration("sigmoid", (), (0.1, 0.9))),
        value=ValueTerms(0.3, 0.15, 7.0),
        as_of=date(1998, 6, 30),
        time_unit=TimeUnit.WEEK,
        horizon_days=91,
        training={"ledger": {"name": "ünïcode"}},
    )


@pytest.fixture
def folder(bundle, tmp_path):
    return write_bundle(bundle, tmp_path / "bundle")


def rows(n=4):
    table = {name: np.linspace(1.0, 2.0, n) for name in MODEL_INPUT.names}
    return table | {"frequency": np.arange(n) * 1.0, "recency": np.arange(n) * 1.0, "T": np.full(n, 50.0)}


def test_round_trip_is_exact(bundle, folder):
    back = read_bundle(folder)
    assert replace(back, churn=bundle.churn, fingerprint="") == bundle
    assert back.churn.calibration == bundle.churn.calibration
    before, after = Scorer(bundle).score(rows()), load_scorer(folder).score(rows())
    assert list(after) == list(SCORE_VALUES.names)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_it_holds_json_and_trees_only(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted(["manifest.json", *MEMBERS])


@pytest.mark.parametrize("name", MEMBERS)
def test_an_altered_file_is_refused_by_its_hash(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"SHA-256 of {name}"):
        read_bundle(folder)


@pytest.mark.parametrize("name", ["manifest.json", *MEMBERS])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing"):
        read_bundle(folder)


def test_a_link_out_of_the_bundle_is_refused(folder, tmp_path):
    shutil.move(folder / "spend.json", tmp_path / "elsewhere.json")
    (folder / "spend.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(BundleError, match="not a plain file"):
        read_bundle(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 99}, "format 99"),
        ({"time_unit": "fortnight"}, "fortnight"),
        ({"as_of": "soon"}, "soon"),
        ({"value": {"margin": 1}}, "does not fit"),
        ({"files": {}}, "altered"),
        ({"files": None}, "altered"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder, change, message):
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(BundleError, match=message):
        read_bundle(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_no_object_is_refused(folder, content):
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(BundleError):
        read_bundle(folder)


def test_a_manifest_beyond_all_measure_is_refused(folder):
    (folder / "manifest.json").write_bytes(b" " * (2**20 + 1))
    with pytest.raises(BundleError, match="larger than"):
        read_bundle(folder)


def test_no_folder(tmp_path):
    with pytest.raises(BundleError, match="No bundle at"):
        read_bundle(tmp_path / "nowhere")


def test_writing_replaces_an_older_bundle_whole(bundle, folder):
    (folder / "manifest.sig").write_text("x")
    write_bundle(bundle, folder)
    assert not (folder / "manifest.sig").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["bundle"]


def test_writing_leaves_alone_what_is_no_bundle(bundle, folder):
    (folder / "notes.txt").write_text("x")
    with pytest.raises(OutputError, match=r"does not belong to such a result: notes\.txt"):
        write_bundle(bundle, folder)
    assert (folder / "notes.txt").read_text() == "x"


def test_a_place_that_cannot_be_written(bundle, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="Cannot write"):
        write_bundle(bundle, tmp_path / "file" / "bundle")


def test_the_scorer_names_every_missing_column(bundle):
    table = rows()
    del table["T"], table["spend_30d"]
    with pytest.raises(InputError, match=r"lacks 2 of 20 columns: T, spend_30d"):
        Scorer(bundle).score(table)


def test_the_scorer_refuses_rows_with_reasons(bundle):
    table = rows()
    table["monetary_value"] = np.array([1.0, -1.0, np.nan, 1.0])
    table["spend_30d"] = np.array([np.inf, 1.0, 1.0, 1.0])
    with pytest.raises(InputError) as caught:
        Scorer(bundle).score(table)
    assert caught.value.counts == {
        "monetary_value missing": 1,
        "spend_30d infinite": 1,
    }


@pytest.mark.parametrize("value", [["a", "b", "c", "d"], [[1.0], [2.0], [3.0], [4.0]], [1.0]])
def test_the_scorer_refuses_columns_of_another_kind(bundle, value):
    with pytest.raises(InputError):
        Scorer(bundle).score(rows() | {"T": value})


def test_nullable_features_may_be_missing_and_order_and_extras_do_not_matter(bundle):
    table = rows() | {"gap_days_mean": np.full(4, np.nan)}
    shuffled = {"extra": np.zeros(4), **dict(reversed(table.items()))}
    one, other = Scorer(bundle).score(table), Scorer(bundle).score(shuffled)
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert all(np.isfinite(values).all() for values in one.values())


def test_no_rows_give_no_scores(bundle):
    scores = Scorer(bundle).score({name: np.zeros(0) for name in MODEL_INPUT.names})
    assert {len(values) for values in scores.values()} == {0}
