"""What holds for every candidate, whatever it is made of."""

import sys

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf
from scipy import special
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from patronage.errors import ConfigError, InputError
from patronage.models.churn.candidate import Candidate, ShippableCandidate
from patronage.models.churn.catboost_classifier import CatBoost
from patronage.models.churn.hist_gradient_boosting import HistGradientBoosting
from patronage.models.churn.lightgbm_classifier import LightGBM
from patronage.models.churn.logistic import LogisticRegressionClassifier
from patronage.models.churn.rules import PurchaseRule, RecencyRule
from patronage.models.churn.stack import StackedClassifier
from patronage.models.churn.xgboost_classifier import ChurnClassifier
from patronage.paths import conf_folder

SEEN = ["days_since_last_purchase", "spend_90d", "plan"]
GROWN = {"features": SEEN, "n_trees": 80, "early_stopping_rounds": 10, "n_threads": 1}

TREES = {
    "xgboost": ChurnClassifier,
    "hist_gradient_boosting": HistGradientBoosting,
    "lightgbm": LightGBM,
    "catboost": CatBoost,
}
BUILD = {name: (lambda kind=kind, **more: kind(91, **{**GROWN, **more})) for name, kind in TREES.items()} | {
    "logistic": lambda: LogisticRegressionClassifier(91, features=SEEN),
    "purchase_model": lambda: PurchaseRule(91, calibration="sigmoid"),
    "recency": lambda: RecencyRule(91),
    "stack": lambda: StackedClassifier(ChurnClassifier(91, **GROWN), "probability_alive"),
}


@pytest.fixture(scope="module", autouse=True)
def _libraries():
    for extra in ("lightgbm", "catboost"):
        pytest.importorskip(extra)


@pytest.fixture(scope="module")
def world():
    """Silence, spend and a plan matter; the purchase model knows of the silence, and of something nobody else knows."""

    def rows(n, seed, cutoffs=("2020-01-31", "2020-03-01")):
        rng = np.random.default_rng(seed)
        parts = []
        for cutoff in cutoffs:
            silence, hidden = rng.gamma(2.0, 30.0, n), rng.normal(size=n)
            frame = pd.DataFrame({"days_since_last_purchase": silence, "spend_90d": rng.normal(size=n)})
            frame["plan"] = rng.choice(["gold", "silver", None], n)
            plan = frame["plan"].map({"gold": -1.0, "silver": 1.0}).fillna(0.0)
            odds = (silence - 60) / 20 - frame["spend_90d"] + plan + hidden
            frame["spend_90d"] = frame["spend_90d"].mask(rng.random(n) < 0.1)
            frame["probability_alive"] = special.expit(-(silence - 60) / 20 - 2 * hidden)
            frame["churned"] = (rng.random(n) < special.expit(odds)).astype(int)
            parts.append(frame.assign(customer_id=[f"c{i}" for i in range(n)], cutoff=pd.Timestamp(cutoff)))
        return pd.concat(parts, ignore_index=True)

    return rows(1500, 0), rows(6000, 1, ("2020-06-01",))


@pytest.fixture(scope="module")
def fitted(world):
    return {name: build().fit(world[0]) for name, build in BUILD.items()}


@pytest.mark.parametrize("name", BUILD)
def test_it_is_a_candidate(name, world, fitted):
    model, (_, new) = fitted[name], world
    assert isinstance(model, Candidate)
    assert model.name == name
    predicted = model.churn_probability(new)
    assert predicted.name == "churn_probability"
    assert predicted.index.equals(new.index)
    assert predicted.between(0, 1).all()
    assert predicted.mean() == pytest.approx(new["churned"].mean(), abs=0.03)
    assert roc_auc_score(new["churned"], predicted) > {"recency": 0.75, "purchase_model": 0.75}.get(name, 0.84)


@pytest.mark.parametrize("name", BUILD)
def test_it_knows_its_customers_by_the_row(name, world, fitted):
    """The probability of a row depends on the row alone, in whatever company it comes."""
    new = world[1].head(50)
    alone = [fitted[name].churn_probability(new.iloc[[i]]).item() for i in range(0, 50, 10)]
    assert alone == pytest.approx(fitted[name].churn_probability(new)[::10].tolist(), abs=1e-12)


@pytest.mark.parametrize("name", BUILD)
def test_what_can_be_shipped_predicts_the_same(name, world, fitted):
    model, new = fitted[name], world[1]
    if name not in ("xgboost", "logistic", "stack"):
        assert not isinstance(model, ShippableCandidate)
        return
    assert isinstance(model, ShippableCandidate)
    columns = {
        column: new[column].to_numpy(object if column == "plan" else np.float64) for column in model.to_model().features
    }
    assert model.to_model().churn_probability(columns).tolist() == model.churn_probability(new).tolist()


def test_the_trees_of_the_stack_are_the_default_ones():
    trees, stack = (OmegaConf.load(conf_folder() / "churn" / f"{name}.yaml") for name in ("xgboost", "stack"))
    assert OmegaConf.to_container(stack.trees, resolve=False) == OmegaConf.to_container(trees, resolve=False)


def test_the_stack_is_better_than_either_of_its_parts(world, fitted):
    new = world[1]
    areas = {name: roc_auc_score(new["churned"], fitted[name].churn_probability(new)) for name in BUILD}
    assert areas["stack"] > max(areas["xgboost"], areas["purchase_model"]) + 0.01


def test_a_calibrated_stack_learns_its_weights_elsewhere(world):
    panel, _ = world
    stack = StackedClassifier(ChurnClassifier(91, **GROWN), "probability_alive", calibration="sigmoid").fit(panel)
    assert stack.calibration_.knots_y == pytest.approx((0, 1), abs=0.1)
    with pytest.raises(ConfigError, match="feature of the trees already"):
        StackedClassifier(ChurnClassifier(91, features=["probability_alive"]), "probability_alive")


@pytest.mark.parametrize("name", TREES)
def test_trees_of_every_make_keep_to_a_direction(name, world):
    model = BUILD[name](monotone_constraints={"days_since_last_purchase": 1}, n_trees=30).fit(world[0])
    along = pd.DataFrame({"days_since_last_purchase": np.linspace(0, 300, 101), "spend_90d": 0.0, "plan": "gold"})
    predicted = model.churn_probability(along)
    assert (np.diff(predicted) >= 0).all()
    assert np.ptp(predicted) > 0.5


@pytest.mark.parametrize("name", ["xgboost", "hist_gradient_boosting", "lightgbm"])
def test_trees_of_every_make_keep_features_apart(name, world):
    model = BUILD[name](interactions=[[one] for one in SEEN], calibration="none", n_trees=30).fit(world[0])
    corners = pd.DataFrame({"days_since_last_purchase": [0.0, 0, 90, 90], "spend_90d": [-1.0, 1, -1, 1]})
    corners = corners.assign(plan="gold")
    margin = special.logit(model.churn_probability(corners))
    assert margin[0] + margin[3] == pytest.approx(margin[1] + margin[2], abs=1e-4)


def test_catboost_says_what_it_does_not_know():
    with pytest.raises(ConfigError, match="no limits on interactions"):
        CatBoost(91, interactions=[["spend_90d"]])


@pytest.mark.parametrize("name", TREES)
@pytest.mark.parametrize("class_weight", ["balanced", 4.0])
def test_weights_do_not_change_the_rate(name, class_weight, world):
    model = BUILD[name](class_weight=class_weight, calibration="none").fit(world[0])
    new = world[1]
    assert model.churn_probability(new).mean() == pytest.approx(new["churned"].mean(), abs=0.05)


@pytest.mark.parametrize(("library", "kind"), [("lightgbm", LightGBM), ("catboost", CatBoost)])
def test_a_missing_library_is_named(library, kind, monkeypatch):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=rf"needs the library {library}.*patronage\[boosting\]"):
        kind(91)


def test_logistic_regression_against_a_plain_design(world, fitted):
    """The same columns built by hand and fitted by scikit-learn give the same probabilities."""
    panel, new = world

    def design(frame):
        numbers = frame[["days_since_last_purchase", "spend_90d"]]
        centre, scale = panel[numbers.columns].mean(), panel[numbers.columns].std(ddof=0)
        flags = numbers.isna().astype(float)
        text = pd.get_dummies(frame["plan"].fillna("missing")).astype(float)
        return np.hstack([((numbers - centre) / scale).fillna(0.0), flags, text])

    peer = LogisticRegression(max_iter=1000, tol=1e-8).fit(design(panel), panel["churned"])
    ours = fitted["logistic"].churn_probability(new)
    assert ours.to_numpy() == pytest.approx(peer.predict_proba(design(new))[:, 1], abs=1e-4)
    table = fitted["logistic"].coefficients()
    assert table.iloc[0].tolist()[:2] == ["days_since_last_purchase", "per standard deviation"]
    assert set(table.loc[table["feature"] == "plan", "value"]) == {"gold", "silver", "missing"}


def test_the_purchase_rule_is_one_minus_alive(world):
    panel, new = world
    predicted = PurchaseRule(91).fit(panel).churn_probability(new)
    assert predicted.to_numpy() == pytest.approx(1 - new["probability_alive"].to_numpy(), abs=1.1e-6)
    with pytest.raises(InputError, match="1 of 3,000 rows do not"):
        PurchaseRule(91).fit(panel.assign(probability_alive=[1.5, *panel["probability_alive"][1:]]))


def test_the_recency_rule_rises_with_silence(world, fitted):
    silent = pd.DataFrame({"days_since_last_purchase": [0.0, 10.0, 100.0, 1000.0]})
    assert (np.diff(fitted["recency"].churn_probability(silent)) > 0).all()
    with pytest.raises(InputError, match="must be 0 or more for every customer; 3,000 of 3,000 rows"):
        RecencyRule(91).fit(world[0].assign(days_since_last_purchase=-1.0))
