"""Reasons in words: which topics are told, in which order, and what is said of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patronage.errors import ConfigError
from patronage.runtime import reasons as module
from patronage.runtime.bundle import read_bundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.contributions import Explainer
from patronage.runtime.reason_topics import topic_of
from patronage.runtime.reasons import ReasonTeller, generic_wording, reasons, usual_values
from patronage.runtime.wordings import WORDINGS
from patronage.schema import PURCHASE_OUTPUTS

GOLDEN = Path(__file__).parents[1] / "golden" / "bundle_format_1" / "bundle"
NAN = float("nan")


def model(slopes, plans=()):
    """A sum of terms: each number counts `slope` for every unit, and 0.5 where it is missing."""
    numbers = {name: NumberTerm(0.0, 1.0, slope, 0.5) for name, slope in slopes.items()}
    levels = {"plan": (*(effect for _, effect in plans), 0.7)} if plans else {}
    known = {"plan": tuple(plan for plan, _ in plans)} if plans else {}
    features = (*slopes, *known)
    return LogisticChurnModel(features, 91, Calibration("none", (), ()), -2.0, numbers, levels, known)


def columns(**values):
    return {
        name: np.array(column, dtype=object if any(isinstance(one, str | None) for one in column) else np.float64)
        for name, column in values.items()
    }


def told(slopes, rows, *, plans=(), usual=None, unit=1.0, n_reasons=3, direction="both"):
    teller = ReasonTeller(Explainer(model(slopes, plans)), unit, usual)
    found = teller.tell(columns(**rows), n_reasons, direction)
    return [
        [(text[row], round(float(effect[row]), 6)) for text, effect in zip(found.text, found.effect, strict=True)
         if text[row] is not None]
        for row in range(len(found.margin))
    ]  # fmt: skip


SILENT = {
    "days_since_last_purchase": 0.02,
    "complaints_open": 0.4,
    "contacts_by_call_90d": 0.1,
    "contacts_by_call_365d": 0,
}


def test_reasons_of_the_house():
    rows = {"days_since_last_purchase": [74, 3], "gap_days_mean": [21.2, 30], "complaints_open": [2, 0],
            "contacts_by_call_90d": [3, 0], "contacts_by_call_365d": [3, 0], "T": [400, 400]}  # fmt: skip
    assert told(SILENT, rows) == [
        [("no order for 74 days, usually every 21", 1.48), ("two open complaints", 0.8),
         ("3 calls in 90 days, up from 0", 0.3)],
        [("last order 3 days ago, usually every 30", 0.06)],
    ]  # fmt: skip


def test_features_of_a_topic_are_summed_and_the_one_that_pushes_most_is_told():
    slopes = {"contacts_30d": 0.5, "contacts_total": -0.1, "complaints_open": 0.25}
    rows = {"contacts_30d": [1, 1], "contacts_90d": [2.0, 7.0], "contacts_total": [4, 9], "complaints_open": [1, 1],
            "tenure_days": [90, 90]}  # fmt: skip
    assert told(slopes, rows) == [
        # 0.5 - 0.4 and 0.5 - 0.9; the second keeps, so that what keeps is told.
        [("one open complaint", 0.25), ("1 contact in 30 days, up from 0.5", 0.1)],
        [("9 contacts so far", -0.4), ("one open complaint", 0.25)],
    ]


ONE_ORDER = {"days_since_last_purchase": [545], "purchase_span_days": [0], "gap_days_mean": [NAN],
             "gap_days_std": [NAN], "purchase_days": [1], "purchase_age_share": [1]}  # fmt: skip


def test_what_many_features_say_of_the_same_customer_is_told_once_with_the_sum():
    """Without a second order the span, the gaps, their spread and the age of the orders say the same."""
    slopes = {"days_since_last_purchase": 0.001, "purchase_span_days": 0.01, "gap_days_mean": 0.01,
              "gap_days_std": 0.01, "purchase_age_share": 0.3}  # fmt: skip
    # Missing gaps and spreads add 0.5 each, a span of nothing 0.0, and an age of one 0.3.
    assert told(slopes, ONE_ORDER) == [[("no second order yet", 1.3), ("last order 545 days ago", 0.545)]]
    # What the topic of orders holds by itself says the same, and is part of the sum.
    assert told(slopes | {"purchase_days": -1.0}, ONE_ORDER) == [
        [("last order 545 days ago", 0.545), ("no second order yet", 0.3)]
    ]
    assert told(slopes, ONE_ORDER, n_reasons=1) == [[("no second order yet", 1.3)]]


def test_with_a_second_order_a_missing_spread_says_something_of_its_own():
    slopes = {"purchase_span_days": 0.01, "gap_days_mean": 0.01, "gap_days_std": 0.01, "days_since_last_purchase": 0.1}
    two = {name: [value] for name, value in
           {"days_since_last_purchase": 5, "purchase_span_days": 30, "gap_days_mean": 30, "gap_days_std": NAN,
            "purchase_days": 2}.items()}  # fmt: skip
    assert told(slopes, two) == [
        # 30 * 0.01 + 0.5: rhythm is the mean gap and its spread.
        [("fewer than three orders yet", 0.8), ("last order 5 days ago, once 30 between two orders", 0.5),
         ("30 days from first to last order", 0.3)]
    ]  # fmt: skip


@pytest.mark.parametrize("order_days", [0, 1, 2, 3])
def test_no_customer_is_told_the_same_twice(order_days):
    """Every feature that has words, with effects at random: 400 customers each, young and old; all reasons of each."""
    rng = np.random.default_rng(order_days)
    names = [name for name in WORDINGS if name not in PURCHASE_OUTPUTS]
    rows = {name: rng.integers(0, 5, 400).astype(float) for name in names}
    rows["tenure_days"] = rng.integers(0, 900, 400).astype(float)
    rows["purchase_days"][:], rows["purchase_trend_90d"] = order_days, rows["purchase_days_90d"]
    rows["spend_trend_90d"] = rows["spend_90d"]
    few = ["gap_days_std", "gap_variation"] if order_days == 2 else [
        name for name in names if "gap" in name or "repeat" in name
    ]  # fmt: skip
    if order_days < 3:
        rows |= {name: np.full(400, NAN) for name in few}
    if order_days < 2:
        rows["purchase_span_days"][:] = 0
        rows["purchase_age_share"][:] = 1
    if not order_days:
        rows |= {name: np.full(400, NAN) for name in ("purchase_days", "purchase_span_days", "purchase_age_share")}
    for seed in range(5):
        slopes = dict(zip(names, np.random.default_rng(seed).normal(0, 1, len(names)), strict=True))
        for customer in told(slopes, rows, n_reasons=len(names)):
            texts = [text for text, _ in customer]
            assert len(set(texts)) == len(texts)


def test_directions():
    slopes = {"complaints_open": 0.4, "price": -0.1, "products_total": -0.2}
    rows = {"complaints_open": [1], "price": [5], "products_total": [3]}
    (both,), (raises,), (keeps,) = (told(slopes, rows, direction=one) for one in ("both", "raises", "keeps"))
    assert [effect for _, effect in both] == [-0.6, -0.5, 0.4]
    assert raises == [("one open complaint", 0.4)]
    assert keeps == [("3 products so far", -0.6), ("pays 5 a month", -0.5)]


def test_windows_before_the_first_order_are_not_told():
    """The age is told in weeks; the window and the one before it reach 365 days back."""
    rows = {"margin_180d": [164, 164], "margin_365d": [164, 164], "T": [122 / 7, 365 / 7]}
    assert told({"margin_180d": -0.01}, rows, unit=7.0) == [
        [("margin of 164 in 180 days", -1.64)], [("margin of 164 in 180 days, up from 0", -1.64)],
    ]  # fmt: skip


def test_words_go_the_way_of_their_effect():
    rows = {"days_since_last_purchase": [36], "gap_days_mean": [32]}
    assert told({"days_since_last_purchase": -0.02}, rows) == [[("last order 36 days ago, usually every 32", -0.72)]]
    assert told({"days_since_last_purchase": 0.02}, rows) == [[("no order for 36 days, usually every 32", 0.72)]]
    rows = {"purchase_days_180d": [1], "purchase_days_365d": [1], "tenure_days": [500]}
    assert told({"purchase_days_180d": 0.31}, rows) == [[("1 order day in 180 days, 0 before", 0.31)]]
    # Of two reasons of one customer each goes its own way.
    rows |= {"complaints_30d": [2], "complaints_90d": [2]}
    assert told({"purchase_days_180d": -0.31, "complaints_30d": -0.1}, rows) == [
        [("1 order day in 180 days, up from 0", -0.31), ("2 complaints in 30 days, 0 before", -0.2)],
    ]


def test_missing_values_are_said_as_missing():
    slopes = {"satisfaction_last": 0.1, "tenure": 0.1, "gap_days_mean": 0.2}
    rows = {"satisfaction_last": [NAN], "tenure": [NAN], "gap_days_mean": [NAN], "plan": [None]}
    (words,) = told(slopes, rows, plans=[("gold", -0.1)], n_reasons=4)
    assert {text for text, _ in words} == {
        "no satisfaction score", "tenure is missing", "no second order yet", "plan unknown",
    }  # fmt: skip


def test_text_is_told_by_its_value_and_an_unknown_one_says_so():
    rows = {"x": [0, 0, 0], "plan": ["gold", "brass", None]}
    plans = [("basic", 0.2), ("gold", -0.3)]
    assert told({"x": 1.0}, rows, plans=plans) == [
        [("plan gold", -0.3)], [("plan brass, which the model does not know", 0.7)], [("plan unknown", 0.7)],
    ]  # fmt: skip


def test_columns_without_words_are_held_against_what_is_usual():
    rows = {"tenure": [2, 29, 1070.6, 29.04]}
    assert told({"tenure": -0.1}, rows, usual={"tenure": 28.96}) == [
        [("tenure 2, below the usual 29", -0.2)],
        [("tenure 29, as usual", -2.9)],
        [("tenure 1,071, above the usual 29", -107.06)],
        [("tenure 29, as usual", -2.904)],
    ]
    assert told({"tenure": -0.1}, {"tenure": [2]}) == [[("tenure 2", -0.2)]]
    assert generic_wording("Contract", "Month-to-month").say(2.0) == "Contract 2"


def test_times_of_the_model_are_told_in_days():
    rows = {"T": [10], "recency": [4]}
    (words,) = told({"T": 0.1, "recency": 0.3}, rows, unit=7.0, n_reasons=1)
    assert words == [("28 days from first to last order", 2.2)]
    assert topic_of("T") == topic_of("tenure_days") == "tenure"


def test_what_hardly_counts_is_no_reason():
    slopes = {"price": 0.0099, "products_total": 0.011}
    assert told(slopes, {"price": [1], "products_total": [1]}) == [[("1 product so far", 0.011)]]
    found = ReasonTeller(Explainer(model(slopes))).tell(columns(price=[0.0], products_total=[0.0]), 3)
    assert all(text[0] is None and np.isnan(effect[0]) and topic[0] is None
               for text, effect, topic in zip(found.text, found.effect, found.topic, strict=True))  # fmt: skip


def test_more_reasons_than_topics_are_missing():
    assert told({"price": 1.0}, {"price": [1]}, n_reasons=3) == [[("pays 1 a month", 1.0)]]


def golden_rows(n, seed=0):
    """Customers of the golden bundle, some without a gap."""
    bundle = read_bundle(GOLDEN)
    rng = np.random.default_rng(seed)
    found = {column.name: rng.gamma(1, 20, n).round() for column in bundle.inputs.columns}
    for column in bundle.inputs.columns:
        if column.nullable:
            found[column.name][rng.random(n) < 0.3] = NAN
    return bundle, found


def test_effects_of_all_topics_sum_to_the_margin_that_was_scored():
    bundle, rows = golden_rows(500)
    teller = ReasonTeller.of_bundle(bundle)
    found = teller.tell(rows, n_reasons=len(teller.topics.names))
    margin = bundle.churn.margin(rows)
    assert np.abs(found.margin - margin).max() < 1e-5
    effects = np.nansum(np.array(found.effect), axis=0) + teller.explainer.bias
    # What is no reason is left out: less than a hundredth each.
    assert np.abs(effects - margin).max() < 0.01 * len(teller.topics.names)
    strengths = np.abs(np.nan_to_num(np.array(found.effect)))
    assert (np.diff(strengths, axis=0) <= 0).all()


def test_blocks_change_nothing(monkeypatch):
    bundle, rows = golden_rows(1000)
    whole = reasons(bundle, rows)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 64)
    parts = reasons(bundle, rows)
    for one, other in zip((*whole.text, *whole.topic), (*parts.text, *parts.topic), strict=True):
        assert one.tolist() == other.tolist()
    np.testing.assert_array_equal(np.array(whole.effect), np.array(parts.effect))


def test_nobody_has_no_reasons():
    bundle, rows = golden_rows(0)
    found = reasons(bundle, rows)
    assert [len(column) for column in (*found.text, *found.effect, found.margin)] == [0] * 7


def test_a_bundle_says_what_is_usual():
    bundle = replace(read_bundle(GOLDEN), training={"usual": {"spend_total": 5.0}})
    assert ReasonTeller.of_bundle(bundle).usual == {"spend_total": 5.0}


def test_usual_values_are_medians_and_most_frequent_texts():
    given = columns(
        tenure=[1.0, 29.0, 40.0, NAN], plan=["b", "a", None, "b"], empty=[NAN] * 4, tie=["z", "y", "z", "y"]
    )
    assert usual_values(given, ("tenure", "plan", "empty", "tie")) == {"tenure": 29.0, "plan": "b", "tie": "y"}


@pytest.mark.parametrize(
    ("n_reasons", "direction", "message"),
    [(0, "both", "whole number from 1"), (True, "both", "whole number"), (2.5, "both", "whole number"),
     (np.int64(0), "both", "whole number from 1"), (np.float64(2), "both", "whole number"),
     (10**9, "both", "1,000,000,000 reasons are more than there can be: the model looks at 3 features, .* 3 at most"),
     (3, "up", "one of both, raises, keeps; got 'up'")],
)  # fmt: skip
def test_what_does_not_fit_is_refused(n_reasons, direction, message):
    with pytest.raises(ConfigError, match=message):
        reasons(*golden_rows(2), n_reasons, direction)


def test_as_many_reasons_as_features_may_be_asked_for_and_three_of_every_model():
    bundle, rows = golden_rows(2)
    assert len(reasons(bundle, rows, len(bundle.churn.features)).text) == len(bundle.churn.features)
    found, expected = reasons(bundle, rows, np.int64(2)), reasons(bundle, rows, 2)
    assert [one.tolist() for one in found.text] == [one.tolist() for one in expected.text]
    teller = ReasonTeller(Explainer(model({"price": 1.0})))
    assert len(teller.tell(columns(price=[1.0]), 3).text) == 3
    with pytest.raises(ConfigError, match=r"the model looks at 1 feature, .* Ask for 3 at most"):
        teller.tell(columns(price=[1.0]), 4)
