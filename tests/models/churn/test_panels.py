"""What a panel has to be, for every candidate alike: clear errors, or a defined result."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import FitError, InputError
from patronage.models.churn.folds import customer_folds, later_splits, out_of_fold_splits
from patronage.models.churn.logistic import LogisticRegressionClassifier
from patronage.models.churn.panel_rows import panel_rows
from patronage.models.churn.xgboost_classifier import ChurnClassifier

FEATURES = ["days_since_last_purchase", "spend_90d", "plan"]
BUILD = {
    "xgboost": lambda **more: ChurnClassifier(91, **{"features": FEATURES, "n_threads": 1} | more),
    "logistic": lambda **more: LogisticRegressionClassifier(91, **{"features": FEATURES} | more),
}


@pytest.fixture
def panel(panel_of):
    frame = panel_of(300, seed=0)
    return frame.assign(plan=np.where(frame.index % 3, "gold", "silver"))


@pytest.fixture(params=BUILD)
def build(request):
    return BUILD[request.param]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"churned": 1}, "churned and 0 active"),
        ({"churned": 0}, "0 churned"),
        ({"customer_id": "same"}, "got 1 customers"),
    ],
)
def test_panels_that_teach_nothing_are_refused(panel, build, change, message):
    with pytest.raises(FitError, match=message):
        build().fit(panel.assign(**change))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"churned": lambda frame: frame["churned"] * 2}, r"neither|something else \(2\)"),
        ({"churned": lambda frame: np.where(frame["churned"], "Yes", "No")}, "'Yes'"),
        ({"churned": np.nan}, "600 of 600 rows"),
        ({"customer_id": None}, "600 rows without customer_id"),
        ({"cutoff": pd.NaT}, "600 rows without cutoff"),
        ({"spend_90d": np.inf}, "spend_90d holds 600 infinite"),
        ({"spend_90d": 1e39}, r"spend_90d holds 600 too large \(beyond 3\.4e\+38, .*\) of 600 values"),
        ({"spend_90d": lambda frame: [np.inf, -1e300, *frame["spend_90d"][2:]]}, "1 infinite and 1 too large"),
        ({"spend_90d": pd.Timestamp("2020-01-01")}, "spend_90d holds Timestamp"),
        ({"spend_90d": lambda frame: ["a", *frame["spend_90d"][1:]]}, "spend_90d holds float, str"),
    ],
)
def test_values_that_cannot_be_are_refused(panel, build, change, message):
    with pytest.raises(InputError, match=message):
        build().fit(panel.assign(**change))


def test_wrong_labels_name_the_customers(panel):
    panel.loc[[3, 7], "churned"] = 5
    with pytest.raises(InputError) as raised:
        BUILD["xgboost"]().fit(panel)
    assert raised.value.first_ids == ("c3", "c7")
    assert raised.value.counts == {"neither 0 nor 1": 2}


def test_a_table_without_dates_holds_one_row_a_customer(panel, build):
    latest = panel[panel["cutoff"] == panel["cutoff"].max()]
    dated, dateless = build().fit(latest), build().fit(latest.drop(columns="cutoff"))
    assert dated.churn_probability(panel).equals(dateless.churn_probability(panel))
    with pytest.raises(InputError, match="lacks the columns cutoff"):
        build().fit(panel.drop(columns="cutoff"))


@pytest.mark.parametrize("column", ["customer_id", "churned", "plan"])
def test_missing_columns_are_named(panel, build, column):
    with pytest.raises(InputError, match=f"lacks the columns {column}"):
        build().fit(panel.drop(columns=column))


def test_columns_are_found_by_name(panel, build):
    model = build().fit(panel)
    turned = panel[panel.columns[::-1]].sample(frac=1, random_state=0)
    assert model.churn_probability(turned).sort_index().equals(model.churn_probability(panel))
    with pytest.raises(InputError, match="lacks the columns plan"):
        model.churn_probability(panel.drop(columns="plan"))


def test_another_type_is_refused_at_scoring(panel, build):
    model = build().fit(panel)
    with pytest.raises(InputError, match="expected: plan text"):
        model.churn_probability(panel.assign(plan=1.0))
    with pytest.raises(InputError, match="expected: spend_90d numbers"):
        model.churn_probability(panel.assign(spend_90d="much"))
    with pytest.raises(InputError, match="spend_90d holds 600 infinite"):
        model.churn_probability(panel.assign(spend_90d=-np.inf))


def test_an_unknown_category_counts_as_missing(panel, build):
    model = build().fit(panel)
    unknown, missing = (model.churn_probability(panel.assign(plan=value)) for value in ("brass", None))
    assert unknown.equals(missing)


def test_columns_that_say_nothing_change_nothing(panel, build):
    plain = build(features=FEATURES[:2]).fit(panel)
    idle = panel.assign(constant=3.0, empty=np.nan, same="a")
    model = build(features=[*FEATURES[:2], "constant", "empty", "same"]).fit(idle)
    assert model.uninformative_ == ("constant", "empty", "same")
    again = model.churn_probability(idle.assign(constant=99.0, empty=1.0, same="b"))
    assert np.corrcoef(again, plain.churn_probability(panel))[0, 1] > 0.95
    only = build(features=["constant", "empty"]).fit(idle).churn_probability(idle)
    assert only.to_numpy() == pytest.approx(panel["churned"].mean(), abs=0.05)


def test_twenty_rows_are_enough_for_a_cautious_answer(panel, build):
    few = panel.head(20).assign(churned=[0, 1] * 10)
    predicted = build().fit(few).churn_probability(panel)
    assert predicted.between(0.05, 0.95).all()
    with pytest.raises(FitError, match="at least 10 customers"):
        build().fit(few.head(9))


def test_folds_keep_customers_together_and_labels_apart(panel):
    rows = panel_rows(panel, FEATURES, 5)
    fold = customer_folds(rows, 5, seed=0)
    assert (pd.Series(fold).groupby(rows.customer).nunique() == 1).all()
    assert np.bincount(fold).tolist() == [120] * 5
    at_latest = pd.Series(rows.churned[rows.latest]).groupby(fold[rows.latest]).sum()
    assert np.ptp(at_latest) <= 1
    assert (customer_folds(rows, 5, seed=1) != fold).any()


def test_what_is_judged_is_later_and_of_others(panel):
    rows = panel_rows(panel, FEATURES, 5)
    splits = later_splits(rows, customer_folds(rows, 5, seed=0))
    assert sorted(np.concatenate([outside for _, outside in splits])) == np.flatnonzero(rows.latest).tolist()
    for inside, outside in splits:
        assert not set(rows.customer[inside]) & set(rows.customer[outside])
        assert rows.cutoff[inside].max() < rows.cutoff[outside].min()


def test_one_cutoff_is_split_by_customers_alone(panel):
    rows = panel_rows(panel[panel["cutoff"] == panel["cutoff"].max()], FEATURES, 5)
    fold = customer_folds(rows, 5, seed=0)
    for one, other in zip(later_splits(rows, fold), out_of_fold_splits(rows, fold), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert len(one[0]) + len(one[1]) == 300
