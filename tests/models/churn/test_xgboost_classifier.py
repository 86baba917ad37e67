"""The default churn classifier: what it learns, that it is calibrated, and when it stops growing."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, ModelError
from patronage.models import ChurnClassifier
from patronage.schema import FEATURES

FEW_TREES = {"n_trees": 40, "early_stopping_rounds": None, "n_threads": 1}
TWO = ["days_since_last_purchase", "spend_90d"]


@pytest.fixture(scope="module")
def classifier(panel_of):
    return ChurnClassifier(91, **FEW_TREES).fit(panel_of(3000, seed=0))


@pytest.mark.parametrize("calibration", ["none", "sigmoid", "isotonic", "auto"])
def test_probabilities_are_calibrated_on_new_customers(panel_of, calibration):
    model = ChurnClassifier(91, calibration=calibration, n_threads=1).fit(panel_of(3000, seed=0))
    new = panel_of(20_000, seed=1, cutoffs=("2020-06-01",))
    predicted = model.churn_probability(new)
    by_decile = new.assign(p=predicted).groupby(pd.qcut(predicted, 10, duplicates="drop"), observed=True)
    gap = (by_decile["churned"].mean() - by_decile["p"].mean()).abs()
    assert gap.max() < 0.06
    assert np.sqrt(((predicted - new["truth"]) ** 2).mean()) < 0.09


def test_it_finds_the_two_features_that_matter(classifier):
    assert set(classifier.importances().index[:2]) == set(TWO)
    assert classifier.importances().sum() == pytest.approx(1.0)


def test_shuffled_labels_teach_nothing(panel_of):
    """The area lies in the 99.9 % interval that it has under the null (Mann and Whitney 1947)."""
    from sklearn.metrics import roc_auc_score

    panel = panel_of(3000, seed=0)
    shuffled = panel.assign(churned=panel["churned"].sample(frac=1, random_state=0).to_numpy())
    model = ChurnClassifier(91, **FEW_TREES).fit(shuffled)
    new = panel_of(5000, seed=1, cutoffs=("2020-06-01",))
    new["churned"] = new["churned"].sample(frac=1, random_state=1).to_numpy()
    predicted = model.churn_probability(new)
    left = new["churned"].sum()
    reach = 3.29 * np.sqrt((len(new) + 1) / (12 * left * (len(new) - left)))
    assert roc_auc_score(new["churned"], predicted) == pytest.approx(0.5, abs=reach)
    assert predicted.std() < 0.05


def test_shuffled_labels_stop_the_trees_early(panel_of):
    panel = panel_of(1000, seed=0)
    shuffled = panel.assign(churned=panel["churned"].sample(frac=1, random_state=0).to_numpy())
    noise = ChurnClassifier(91, n_threads=1).fit(shuffled)
    signal = ChurnClassifier(91, n_threads=1).fit(panel)
    assert noise.n_trees_ < 15 < signal.n_trees_
    assert signal.to_model().booster.num_boosted_rounds() == signal.n_trees_


def test_the_same_seed_gives_the_same_trees(panel_of):
    panel = panel_of(500, seed=0)
    one, other = (ChurnClassifier(91, seed=3, **FEW_TREES).fit(panel).churn_probability(panel) for _ in range(2))
    assert one.equals(other)


def test_a_customer_never_straddles_the_folds():
    """Rows of a customer that give the label away elsewhere must help neither the stopping nor the calibration.

    Every customer has a noise feature of their own and the same label at both cut-offs. Trees that had seen the other
    row would be sure of themselves; those that had not know nothing, so the calibrated probabilities stay near 1/2.
    """
    rng = np.random.default_rng(0)
    n = 2000
    one = pd.DataFrame({name: rng.normal(size=n) for name in FEATURES.names})
    one = one.assign(customer_id=range(n), churned=rng.integers(0, 2, n))
    panel = pd.concat([one.assign(cutoff=pd.Timestamp(day)) for day in ("2020-01-31", "2020-03-01")])
    sure = ChurnClassifier(91, n_trees=100, max_depth=6, early_stopping_rounds=None, n_threads=1).fit(panel)
    assert sure.churn_probability(one).std() < 0.1
    assert ChurnClassifier(91, max_depth=6, n_threads=1).fit(panel).n_trees_ < 15


def test_missing_features_are_borne(classifier):
    row = pd.DataFrame({name: [np.nan] for name in FEATURES.names})
    assert 0 < classifier.churn_probability(row)[0] < 1


def test_text_is_taken_as_categories(panel_of):
    """Only the plan tells who leaves: the trees find it, and a plan that they never saw counts as missing."""
    rng = np.random.default_rng(0)
    panel = panel_of(2000, seed=0, strength=0.0).assign(spend_90d=0.0)
    panel["plan"] = rng.choice(["gold", "silver", None], len(panel))
    truth = panel["plan"].map({"gold": 0.1, "silver": 0.9}).fillna(0.5)
    panel["churned"] = (rng.random(len(panel)) < truth).astype(int)
    model = ChurnClassifier(91, features=["plan", "spend_90d"], **FEW_TREES).fit(panel)
    assert model.to_model().categories == {"plan": ("gold", "silver")}
    assert model.uninformative_ == ("spend_90d",)
    new = pd.DataFrame({"plan": ["gold", "silver", None, "platinum"], "spend_90d": 0.0})
    gold, silver, missing, unknown = model.churn_probability(new)
    assert gold == pytest.approx(0.1, abs=0.03)
    assert silver == pytest.approx(0.9, abs=0.03)
    assert missing == unknown == pytest.approx(0.5, abs=0.06)
    nobody_known = model.churn_probability(new.assign(plan=None))
    assert nobody_known.tolist() == [missing] * 4


def test_monotone_constraints_hold_everywhere(panel_of):
    panel = panel_of(1500, seed=0, strength=0.3)
    model = ChurnClassifier(
        91, features=TWO, monotone_constraints={"days_since_last_purchase": 1, "spend_90d": -1}, n_threads=1
    ).fit(panel)
    grid = np.linspace(-3, 3, 201)
    for spend in (-1.0, 0.0, 2.0):
        along = pd.DataFrame({"days_since_last_purchase": grid, "spend_90d": spend})
        assert (np.diff(model.churn_probability(along)) >= 0).all()
    along = pd.DataFrame({"days_since_last_purchase": 0.0, "spend_90d": grid})
    assert (np.diff(model.churn_probability(along)) <= 0).all()


def test_features_that_may_not_meet_add_up(panel_of):
    """Churn is the exclusive or of two signs. Trees that may not join them see nothing of it."""
    panel = panel_of(1500, seed=0)
    panel["churned"] = ((panel[TWO[0]] > 0) ^ (panel[TWO[1]] > 0)).astype(int)
    free = ChurnClassifier(91, features=TWO, colsample_bytree=1.0, **FEW_TREES).fit(panel)
    apart = ChurnClassifier(91, features=TWO, interactions=[[TWO[0]], [TWO[1]]], **FEW_TREES).fit(panel)
    corners = pd.DataFrame({TWO[0]: [1.0, 1.0, -1.0, -1.0], TWO[1]: [1.0, -1.0, 1.0, -1.0]})
    margin = apart.to_model().margin({name: corners[name].to_numpy() for name in TWO})
    assert margin[0] + margin[3] == pytest.approx(margin[1] + margin[2], abs=1e-5)
    assert np.ptp(free.churn_probability(corners)) > 0.9


@pytest.mark.parametrize("class_weight", ["balanced", 5.0])
@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_weights_do_not_change_the_rate(panel_of, class_weight, calibration):
    panel = panel_of(3000, seed=0)
    model = ChurnClassifier(91, class_weight=class_weight, calibration=calibration, n_threads=1).fit(panel)
    new = panel_of(5000, seed=1)
    predicted = model.churn_probability(new)
    assert predicted.mean() == pytest.approx(new["churned"].mean(), abs=0.02)
    assert np.sqrt(((predicted - new["truth"]) ** 2).mean()) < 0.09


def test_a_sampled_panel_is_brought_back_to_the_rate_of_all_customers(panel_of):
    """A fifth of those who stay were kept: with the true rate given, the probabilities are those of the whole."""
    whole = panel_of(8_000, seed=0, cutoffs=("2020-01-31",))
    stayed = whole["churned"] == 0
    kept = whole[~stayed | (np.arange(len(whole)) % 5 == 0)]
    rate = whole["churned"].mean()
    new = panel_of(5000, seed=1)
    astray = ChurnClassifier(91, n_threads=1).fit(kept).churn_probability(new)
    home = ChurnClassifier(91, population_rate=rate, n_threads=1).fit(kept).churn_probability(new)
    assert astray.mean() - new["churned"].mean() > 0.15
    assert home.mean() == pytest.approx(new["churned"].mean(), abs=0.02)
    assert np.sqrt(((home - new["truth"]) ** 2).mean()) < 0.08


def test_a_model_is_not_there_before_it_is_fitted():
    with pytest.raises(ModelError, match="not fitted"):
        ChurnClassifier(91).to_model()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"calibration": "prayer"}, "prayer"),
        ({"n_folds": 1}, "n_folds"),
        ({"n_trees": 0}, "n_trees"),
        ({"learning_rate": 2}, "learning_rate"),
        ({"early_stopping_rounds": True}, "early_stopping_rounds"),
        ({"population_rate": 1.0}, "population_rate"),
        ({"class_weight": "heavy"}, "class_weight"),
        ({"class_weight": "balanced", "calibration": "temperature"}, "natural weights"),
        ({"monotone_constraints": {"age": 1}}, "age is no feature"),
        ({"monotone_constraints": {"spend_90d": 2}}, "1 or -1"),
        ({"interactions": [["spend_90d", "age"]]}, "age is no feature"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(ConfigError, match=message):
        ChurnClassifier(91, **options)
