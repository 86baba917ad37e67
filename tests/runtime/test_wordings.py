"""The words of features: every column of the catalogue has some, and they say what the column means."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.features.groups import GROUPS
from patronage.runtime.phrases import Leaning, Phrase, Wording, rounded, said
from patronage.runtime.wordings import IN_DAYS, TEXT_TOPICS, WORDINGS
from patronage.schema import MODEL_INPUT, PURCHASE_OUTPUTS

NAN = math.nan
FEATURES = {feature.name: feature for group in GROUPS.values() for feature in group.features}


def test_every_feature_has_words_and_no_words_are_left_over():
    summary = {name for name in MODEL_INPUT.names if name not in FEATURES}
    expected = FEATURES.keys() | PURCHASE_OUTPUTS | summary
    assert WORDINGS.keys() | TEXT_TOPICS.keys() | IN_DAYS.keys() == expected
    assert {name for name, feature in FEATURES.items() if feature.type == "string"} == TEXT_TOPICS.keys()


def test_a_feature_that_may_be_missing_has_words_for_it():
    for name, feature in FEATURES.items():
        if name in WORDINGS:
            assert bool(feature.missing) == bool(WORDINGS[name].missing), name


def test_words_read_columns_that_there_are():
    read = {other for wording in WORDINGS.values() for other in (*wording.reads, *wording.ages)}
    assert read <= FEATURES.keys()


def both(phrase: Phrase) -> tuple[str, str]:
    """What is said where a reason raises the probability, and where it keeps the customer."""
    return (phrase.where(True), phrase.where(False)) if isinstance(phrase, Leaning) else (phrase, phrase)


@pytest.mark.parametrize("value", [0.0, 1.0, 2.0, 1234.0])
def test_all_words_can_be_said_alone_and_with_what_they_read(value):
    for name, wording in WORDINGS.items():
        old = [[0.0], [1.0]] if wording.compares or wording.of_gaps else [[]]
        phrases = [wording.say(value, *[read] * len(wording.reads), *last) for read in (NAN, 5.0) for last in old]
        for text in {text for phrase in [*phrases, wording.missing or "none"] for text in both(phrase)}:
            assert text, name
            assert "nan" not in text.split(), (name, text)
            assert not text.endswith("."), (name, text)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("days_since_last_purchase", (1, NAN, 0), "last order 1 day ago"),
        ("recency_over_longest_gap", (0.3, 12, 40, 0), "last order 12 days ago, once 40 between two orders"),
        ("gap_days_mean", (160, 0), "usually orders every 160 days"),
        # Two order days have one gap, which makes no habit.
        ("gap_days_mean", (160, 1), "once 160 days between two orders"),
        ("gap_days_longest", (160, 1), "once 160 days between two orders"),
        ("gap_days_last", (160, 160, 1), "once 160 days between two orders"),
        ("gap_days_last", (160, 100, 0), "last gap between orders 160 days, usually 100"),
        ("gap_regularity", (1, 1), "one gap between orders so far"),
        ("purchase_age_share", (0.5, 4), "orders lie on average 50 % of the way back to the first"),
        # 5 in 90 days of which 3 in the last 30: 2 in 60, so 1 in 30.
        ("contacts_30d", (3, 5, 1), "3 contacts in 30 days, up from 1"),
        ("contacts_by_call_90d", (3, 3, 1), "3 calls in 90 days, up from 0"),
        ("orders_90d", (0, 0, 1), "0 orders in 90 days, as before"),
        ("spend_trend_365d", (0, 5, 1), "buys as much in 365 days as in the 365 before"),
        ("refund_share", (0.25,), "25 % of sales paid back"),
        ("complaints_open", (1,), "one open complaint"),
        ("complaints_open", (12,), "12 open complaints"),
        ("contract_ended", (1,), "contract has ended"),
        ("probability_active", (0.23,), "expected to order again with a chance of 23 %"),
    ],
)
def test_examples(name, values, expected):
    assert WORDINGS[name].say(*values) == expected


@pytest.mark.parametrize(
    ("name", "values", "leaving", "staying"),
    [
        ("days_since_last_purchase", (36, 32, 0),
         "no order for 36 days, usually every 32", "last order 36 days ago, usually every 32"),
        ("recency_over_mean_gap", (3.5, 74, 21, 0),
         "no order for 74 days, usually every 21", "last order 74 days ago, usually every 21"),
        ("recency_over_mean_gap", (3.5, 74, 21, 1),
         "no order for 74 days, once 21 between two orders", "last order 74 days ago, once 21 between two orders"),
        ("recency_over_mean_gap", (3.5, NAN, 21, 0),
         "silent for 3.5 times the usual gap", "last order 3.5 times the usual gap ago"),
        ("recency_over_longest_gap", (1.5, 60, 40, 0),
         "no order for 60 days, never more than 40 before", "last order 60 days ago, longest gap before 40"),
        ("recency_over_longest_gap", (1.5, 60, 40, 1),
         "no order for 60 days, once 40 between two orders", "last order 60 days ago, once 40 between two orders"),
        ("purchase_days_180d", (1, 1, 1), "1 order day in 180 days, 0 before", "1 order day in 180 days, up from 0"),
        ("purchase_days_90d", (1, 5, 1), "1 order day in 90 days, down from 4", "1 order day in 90 days, 4 before"),
        # 500 in 180 days, 80 of it in the last 90: 420 in the 90 before.
        ("spend_90d", (80, 500, 1), "spent 80 in 90 days, down from 420", "spent 80 in 90 days, 420 before"),
        ("margin_90d", (80, 90, 1), "margin of 80 in 90 days, 10 before", "margin of 80 in 90 days, up from 10"),
        ("complaints_30d", (2, 2, 1), "2 complaints in 30 days, up from 0", "2 complaints in 30 days, 0 before"),
        ("refunds_90d", (0, 3, 1), "0 refunds in 90 days, 3 before", "0 refunds in 90 days, down from 3"),
        ("purchase_trend_90d", (-2, NAN, 1), "2 order days less in 90 days than in the 90 before",
         "order days of the last 90 days less those of the 90 before: -2"),
        ("purchase_trend_90d", (2, 3, 1), "3 order days in 90 days, 1 in the 90 before",
         "2 order days more in 90 days than in the 90 before"),
        ("purchase_age_share", (0.7, 4),
         "orders lie early on average", "orders lie on average 70 % of the way back to the first"),
        ("satisfaction_slope", (-0.5,),
         "satisfaction falling by 0.5 a year", "satisfaction changes by -0.5 a year"),
    ],
)  # fmt: skip
def test_words_never_lean_against_their_effect(name, values, leaving, staying):
    assert both(WORDINGS[name].say(*values)) == (leaving, staying)
    # The same facts on two rows whose effects differ in sign.
    given = dict(
        zip(
            (name, *WORDINGS[name].reads),
            np.repeat(np.array([values[: 1 + len(WORDINGS[name].reads)]]).T, 2, axis=1),
            strict=True,
        )
    )
    given["tenure_days"] = np.full(2, 1000.0)
    if WORDINGS[name].of_gaps:
        given["purchase_days"] = np.full(2, 2.0 if values[-1] else 5.0)
    assert said(WORDINGS[name], name, given, np.array([True, False])).tolist() == [leaving, staying]


def test_nothing_was_before_the_first_order():
    """First orders 122 and 400 days ago, and none that is known; all of it lies in the last 180 days."""
    columns = {
        "margin_180d": np.full(3, 164.0), "margin_365d": np.full(3, 164.0), "tenure_days": np.array([122, 400, NAN]),
    }  # fmt: skip
    words = said(WORDINGS["margin_180d"], "margin_180d", columns, np.zeros(3, dtype=bool))
    alone = "margin of 164 in 180 days"
    assert words.tolist() == [alone, f"{alone}, up from 0", alone]
    trends = {
        "purchase_trend_90d": np.full(3, 2.0), "purchase_days_90d": np.full(3, 3.0),
        "tenure_days": np.array([179, 180, 20]),
    }  # fmt: skip
    words = said(WORDINGS["purchase_trend_90d"], "purchase_trend_90d", trends, np.zeros(3, dtype=bool))
    alone = "3 order days in 90 days"
    # Not the words of the window itself, which is about something else.
    alone += ", no trend known"
    assert words.tolist() == [alone, "2 order days more in 90 days than in the 90 before", alone]


def test_contacts_may_come_before_the_first_order():
    columns = {
        "contacts_30d": np.full(3, 3.0), "contacts_90d": np.full(3, 3.0), "tenure_days": np.array([10, 10, NAN]),
        "days_since_acquisition": np.array([20, 200, NAN]), "contract_days": np.array([NAN, NAN, 90.0]),
    }  # fmt: skip
    words = said(WORDINGS["contacts_30d"], "contacts_30d", columns, np.ones(3, dtype=bool))
    alone = "3 contacts in 30 days"
    assert words.tolist() == [alone, f"{alone}, up from 0", f"{alone}, up from 0"]


def test_a_mean_age_says_nothing_of_how_many_orders_lie_late():
    """Orders 545, 276, 197 and 43 days ago: two are late and two early, and their mean age is 265.25 of 545 days."""
    columns = {"purchase_age_share": np.array([265.25 / 545]), "purchase_days": np.array([4.0])}
    words = said(WORDINGS["purchase_age_share"], "purchase_age_share", columns, np.array([False]))
    assert words.tolist() == ["orders lie late on average"]


def test_days_that_a_ratio_reads_are_rounded_once():
    columns = {
        "recency_over_mean_gap": np.array([0.5]), "days_since_last_purchase": np.array([27.46]),
        "gap_days_mean": np.array([55.46]),
    }  # fmt: skip
    words = said(WORDINGS["recency_over_mean_gap"], "recency_over_mean_gap", columns, np.array([True]))
    assert words.tolist() == ["last order 27 days ago, usually every 55"]


def test_what_never_should_be_missing_is_unknown():
    """A customer under contract who never bought has no spend, and yet a reason about it has words."""
    columns = {"spend_total": np.array([NAN])}
    assert said(WORDINGS["spend_total"], "spend_total", columns, np.array([True])).tolist() == ["spend unknown"]


def test_values_are_rounded_before_they_are_said():
    assert rounded(np.array([2.4, -0.2, NAN]), "whole").tolist()[:2] == [2.0, 0.0]
    assert rounded(np.array([1234.56, 9.876, -0.001]), "money").tolist() == [1235.0, 9.88, 0.0]
    assert rounded(np.array([0.256]), "share").tolist() == [0.26]
    strange = rounded(np.array([123456.7, 70.351, 0.0012345, 0.0, -5.678]), "digits")
    assert strange.tolist() == pytest.approx([123457, 70.4, 0.00123, 0, -5.68], abs=1e-12)


def test_rows_that_say_the_same_share_their_words():
    spoken = []

    def say(value, other):
        spoken.append((value, other))
        return f"{value:.0f} and {other:.0f}"

    columns = {"a": np.array([1.0, 1.2, 2.0, NAN, NAN]), "b": np.array([3.0, 3.0, NAN, NAN, 1.0])}
    words = said(Wording("topic", say, ("b",), missing="nothing"), "a", columns, np.zeros(5, dtype=bool))
    assert words.tolist() == ["1 and 3", "1 and 3", "2 and nan", "nothing", "nothing"]
    assert len(spoken) == 2


@given(
    st.sampled_from(["whole", "money", "share", "ratio", "digits"]),
    st.lists(
        st.tuples(*[st.one_of(st.just(NAN), st.sampled_from([0.0, 1.0, -2.5]), st.floats(-1e14, 1e14))] * 3),
        min_size=1, max_size=30,
    ),
)  # fmt: skip
def test_every_row_says_its_own_values(rounding, rows):
    """However rows are numbered, their words are made of their own values, rounded."""
    wording = Wording("topic", lambda *values: repr(values), ("b", "c"), rounding, "nothing")
    columns = dict(zip("abc", np.array(rows).T, strict=True))
    for row, words in zip(rows, said(wording, "a", columns, np.ones(len(rows), dtype=bool)), strict=True):
        values = tuple(float(rounded(np.array([value]), rounding)[0]) for value in row)
        assert words == ("nothing" if math.isnan(row[0]) else repr(values))
