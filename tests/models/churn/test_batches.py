"""Fitting in batches: the same trees as XGBoost itself grows, on customers that are left in, and what is refused."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost
from scipy import special

from patronage.errors import ConfigError, FitError, InputError
from patronage.models.churn.batches import CALIBRATING, STOPPING, TRAINING, UNUSED, BatchedPanel
from patronage.models.churn.xgboost_classifier import ChurnClassifier

NAMES = ("x", "y", "plan")


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(0)
    parts = []
    for cutoff in ("2020-01-31", "2020-03-01"):
        frame = pd.DataFrame({"x": rng.normal(size=4000), "y": rng.normal(size=4000)})
        frame["plan"] = rng.choice(["gold", "silver", None], 4000)
        odds = frame["x"] * 1.5 + frame["plan"].map({"gold": -1.0, "silver": 1.0}).fillna(0.0)
        frame["truth"] = special.expit(odds)
        frame["churned"] = (rng.random(4000) < frame["truth"]).astype(np.int8)
        frame["x"] = frame["x"].mask(rng.random(4000) < 0.1)
        parts.append(frame.assign(customer_id=[f"c{i}" for i in range(4000)], cutoff=pd.Timestamp(cutoff)))
    return pd.concat(parts, ignore_index=True)


def in_batches(frame, rows=900):
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return lambda: iter(table.to_batches(rows))


def classifier(**more):
    return ChurnClassifier(91, **{"features": NAMES, "n_threads": 1, **more})


@pytest.mark.parametrize("external", [False, True])
def test_it_is_as_good_as_the_fit_in_memory(panel, tmp_path, external):
    whole, piecewise = classifier().fit(panel), classifier()
    piecewise.fit_batches(in_batches(panel), left_out=0.3, cache=tmp_path if external else None)
    of_whole, of_pieces = (
        np.sqrt(((model.churn_probability(panel) - panel["truth"]) ** 2).mean()) for model in (whole, piecewise)
    )
    assert of_pieces < of_whole + 0.01 < 0.11
    assert piecewise.to_model().categories == {"plan": ("gold", "silver")}
    assert list(tmp_path.iterdir()) == []


def test_the_trees_are_those_of_xgboost_itself(panel):
    """A plain quantile matrix of the training rows, trained with the same settings, gives the same margins."""
    model = classifier(early_stopping_rounds=None, n_trees=20)
    model.fit_batches(in_batches(panel), left_out=0.2)
    survey = BatchedPanel.surveyed(in_batches(panel), NAMES, 0.2, seed=0)
    kept = panel[np.concatenate(survey.parts) == TRAINING]
    coded = kept[list(NAMES)].assign(plan=kept["plan"].map({"gold": 0.0, "silver": 1.0})).to_numpy(np.float32)
    described = {"feature_names": list(NAMES), "feature_types": ["q", "q", "c"], "enable_categorical": True}
    data = xgboost.QuantileDMatrix(coded, kept["churned"], **described)
    bare = xgboost.train(model.tree_settings, data, num_boost_round=20)
    ours = model.to_model().booster.predict(data, output_margin=True)
    assert ours == pytest.approx(bare.predict(data, output_margin=True), abs=0.02)


def test_what_each_row_is_for(panel):
    survey = BatchedPanel.surveyed(in_batches(panel), NAMES, 0.3, seed=0)
    part = pd.Series(np.concatenate(survey.parts))
    of_customer = part.groupby(panel["customer_id"]).agg(set)
    possible = ({TRAINING}, {STOPPING, UNUSED}, {CALIBRATING, UNUSED})
    assert of_customer.map(lambda found: found in possible).all()
    assert of_customer.map(len).gt(1).mean() == pytest.approx(0.3, abs=0.03)
    latest = panel["cutoff"] == panel["cutoff"].max()
    assert latest[part.isin([STOPPING, CALIBRATING])].all()
    other_seed = BatchedPanel.surveyed(in_batches(panel), NAMES, 0.3, seed=1)
    assert (np.concatenate(other_seed.parts) != part).any()
    reordered = BatchedPanel.surveyed(in_batches(panel[::-1], rows=5000), NAMES, 0.3, seed=0)
    assert np.concatenate(reordered.parts)[::-1].tolist() == part.tolist()


def test_weights_and_rates_hold_in_batches(panel):
    model = classifier(class_weight="balanced", calibration="none")
    rare = panel[(panel["churned"] == 0) | (np.arange(len(panel)) % 4 == 0)]
    model.fit_batches(in_batches(rare), left_out=0.3)
    assert model.churn_probability(rare).mean() == pytest.approx(rare["churned"].mean(), abs=0.03)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda frame: frame.drop(columns="y"), InputError, "batches lack the columns y"),
        (lambda frame: frame.drop(columns="churned"), InputError, "batches lack the columns churned"),
        (lambda frame: frame.assign(customer_id=None), InputError, "900 rows without customer_id"),
        (lambda frame: frame.assign(y=np.inf), InputError, r"y holds [\d,]+ infinite of [\d,]+ values of a batch"),
        (lambda frame: frame.assign(y=1e300), InputError, r"y holds [\d,]+ too large \(beyond 3\.4e\+38"),
        (lambda frame: frame.assign(churned=2), InputError, "churned must be 1"),
        (lambda frame: frame.assign(churned=1), FitError, "20 of each class"),
        (lambda frame: frame.head(100), FitError, "20 of each class"),
        (lambda frame: frame.head(0), InputError, "hold no rows"),
    ],
)
def test_panels_that_cannot_be(panel, change, error, message):
    with pytest.raises(error, match=message):
        classifier().fit_batches(in_batches(change(panel)))


def test_batches_have_to_stay_the_same(panel):
    sizes = iter((900, 700, 700, 700, 700, 700))
    with pytest.raises(InputError, match="differed from one pass to the next"):
        classifier().fit_batches(lambda: in_batches(panel, next(sizes))())
    with pytest.raises(ConfigError, match="left_out must be a share"):
        classifier().fit_batches(in_batches(panel), left_out=0.9)
