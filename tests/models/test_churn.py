"""The churn classifier: what it learns, that it is calibrated, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.models import ChurnClassifier
from patronage.models.churn.calibration import fit_calibration
from patronage.schema import FEATURES

FEW_TREES = {"n_trees": 40, "max_depth": 3, "n_threads": 1}


def panel_of(n_customers, seed, cutoffs=("2020-01-31", "2020-03-01"), strength=2.0):
    """Customers whose log odds of churn are linear in two features; the other features are noise."""
    rng = np.random.default_rng(seed)
    parts = []
    for cutoff in cutoffs:
        frame = pd.DataFrame({name: rng.normal(size=n_customers) for name in FEATURES.names})
        odds = 0.5 + strength * frame["days_since_last_purchase"] - frame["spend_90d"]
        frame["churned"] = (rng.random(n_customers) < special.expit(odds)).astype(int)
        frame["truth"] = special.expit(odds)
        parts.append(frame.assign(customer_id=[f"c{i}" for i in range(n_customers)], cutoff=pd.Timestamp(cutoff)))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def classifier():
    return ChurnClassifier(91, **FEW_TREES).fit(panel_of(3000, seed=0))


@pytest.mark.parametrize("calibration", ["sigmoid", "isotonic"])
def test_probabilities_are_calibrated_on_new_customers(calibration):
    model = ChurnClassifier(91, calibration=calibration, **FEW_TREES).fit(panel_of(3000, seed=0))
    new = panel_of(20_000, seed=1, cutoffs=("2020-06-01",))
    predicted = model.churn_probability(new)
    by_decile = new.assign(p=predicted).groupby(pd.qcut(predicted, 10, duplicates="drop"), observed=True)
    gap = (by_decile["churned"].mean() - by_decile["p"].mean()).abs()
    assert gap.max() < 0.06
    assert np.sqrt(((predicted - new["truth"]) ** 2).mean()) < 0.09


def test_it_finds_the_two_features_that_matter(classifier):
    assert set(classifier.importances().index[:2]) == {"days_since_last_purchase", "spend_90d"}
    assert classifier.importances().sum() == pytest.approx(1.0)


def test_shuffled_labels_teach_nothing():
    from sklearn.metrics import roc_auc_score

    panel = panel_of(3000, seed=0)
    shuffled = panel.assign(churned=panel["churned"].sample(frac=1, random_state=0).to_numpy())
    new = panel_of(5000, seed=1)
    predicted = ChurnClassifier(91, **FEW_TREES).fit(shuffled).churn_probability(new)
    assert roc_auc_score(new["churned"], predicted) == pytest.approx(0.5, abs=0.08)
    assert predicted.std() < 0.05


def test_the_same_seed_gives_the_same_trees():
    panel = panel_of(500, seed=0)
    one, other = (ChurnClassifier(91, seed=3, **FEW_TREES).fit(panel).churn_probability(panel) for _ in range(2))
    assert one.equals(other)


def test_a_customer_never_straddles_the_folds():
    """Rows of a customer that give the label away elsewhere must not help the calibration.

    Every customer has a noise feature of their own and the same label at both cut-offs. Trees that had seen the other
    row would be sure of themselves; those that had not know nothing, so the calibrated probabilities stay near 1/2.
    """
    rng = np.random.default_rng(0)
    n = 2000
    one = pd.DataFrame({name: rng.normal(size=n) for name in FEATURES.names})
    one = one.assign(customer_id=range(n), churned=rng.integers(0, 2, n))
    panel = pd.concat([one.assign(cutoff=pd.Timestamp(day)) for day in ("2020-01-31", "2020-03-01")])
    predicted = ChurnClassifier(91, n_trees=200, max_depth=6, n_threads=1).fit(panel).churn_probability(one)
    assert predicted.std() < 0.1


def test_missing_features_are_borne(classifier):
    row = pd.DataFrame({name: [np.nan] for name in FEATURES.names})
    assert 0 < classifier.churn_probability(row)[0] < 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"churned": 1}, "churned and 0 active"),
        ({"churned": 0}, "0 churned"),
        ({"customer_id": "same"}, "got 1 customers"),
    ],
)
def test_panels_that_teach_nothing_are_refused(change, message):
    with pytest.raises(FitError, match=message):
        ChurnClassifier(91).fit(panel_of(100, seed=0).assign(**change))


def test_missing_columns_and_early_use():
    with pytest.raises(InputError, match="lacks the columns cutoff"):
        ChurnClassifier(91).fit(panel_of(100, seed=0).drop(columns="cutoff"))
    with pytest.raises(ModelError, match="not fitted"):
        ChurnClassifier(91).to_model()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": ["T", "shoe_size"]}, "shoe_size"),
        ({"calibration": "prayer"}, "prayer"),
        ({"n_folds": 1}, "n_folds"),
        ({"n_trees": 0}, "n_trees"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ConfigError, match=message):
        ChurnClassifier(91, **options)


def test_sigmoid_recovers_a_known_distortion():
    rng = np.random.default_rng(0)
    margin = rng.normal(size=100_000) * 3
    churned = (rng.random(100_000) < special.expit(0.4 + 0.5 * margin)).astype(np.int8)
    calibration = fit_calibration("sigmoid", margin, churned)
    assert calibration.knots_y == pytest.approx((0.4, 0.5), abs=0.03)
    assert calibration.probability(np.array([0.0]))[0] == pytest.approx(special.expit(0.4), abs=0.01)
