"""Segments: rules hold in order, scores do not depend on the order of rows, clusters find what was planted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.errors import ConfigError, InputError
from patronage.paths import conf_folder
from patronage.value.clusters import behavioural_clusters
from patronage.value.segments import (
    GRID,
    SegmentRules,
    named_rules,
    rfm_scores,
    segment_rules,
    segments_by_rules,
    value_risk_grid,
)


def summary(rows):
    return pd.DataFrame(rows, columns=["frequency", "recency", "T", "monetary_value"], dtype=float)


def test_scores_by_hand():
    """Ten customers, the better the further down: two in each fifth."""
    found = rfm_scores(summary([(n, n, 10, 5 * n) for n in range(10)]))
    assert found.to_numpy().tolist() == [[1 + n // 2] * 3 for n in range(10)]


def test_equal_customers_have_equal_scores():
    """Eight of ten never came back: they share the places 1 to 8, whose middle lies in the third fifth of ten."""
    found = rfm_scores(summary([(0, 0, 5, 0)] * 8 + [(1, 5, 5, 3), (2, 5, 5, 4)]))
    assert found["frequency_score"].tolist() == [3] * 8 + [5, 5]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms())
def test_scores_do_not_depend_on_the_order_of_rows(counts, random):
    frame = summary([(n, n, 9, n) for n in counts])
    order = list(range(len(counts)))
    random.shuffle(order)
    pd.testing.assert_frame_equal(rfm_scores(frame).iloc[order], rfm_scores(frame.iloc[order]))
    assert rfm_scores(frame).to_numpy().min() >= 1
    assert rfm_scores(frame).to_numpy().max() <= 5


@pytest.mark.parametrize("path", sorted((conf_folder() / "segments").glob("*.yaml")), ids=lambda path: path.stem)
def test_rules_that_come_along_are_valid(path):
    assert isinstance(named_rules(path.stem), SegmentRules)


def test_rfm_names():
    scores = pd.DataFrame(
        {
            "recency_score": [5, 5, 4, 1, 1, 3],
            "frequency_score": [5, 4, 1, 5, 1, 2],
            "monetary_score": [5, 1, 1, 5, 3, 3],
        },
        index=list("abcdef"),
    )
    assert segments_by_rules(scores, named_rules("rfm")).to_dict() == {
        "a": "best customers",
        "b": "loyal customers",
        "c": "promising",
        "d": "slipping away",
        "e": "dormant",
        "f": "occasional customers",
    }


def test_the_first_rule_holds_and_missing_values_fit_none():
    rules = segment_rules(
        {
            "rules": {"dear": {"cost": {"at_least": 5}}, "northern": {"region": {"one_of": ["north"]}},
                      "some cost": {"cost": {"at_least": 0, "below": 5}}},
            "otherwise": "not known",
        }
    )  # fmt: skip
    frame = pd.DataFrame(
        {"cost": [5.0, 4.9, np.nan, np.nan, 0.0], "region": ["north", "north", "north", None, "south"]}
    )
    expected = ["dear", "northern", "northern", "not known", "some cost"]
    assert segments_by_rules(frame, rules).tolist() == expected


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"rules": {}}, "segments.rules"),
        ({"rules": {"a": {"x": {}}}}, "segments.rules.a.x: give at_least, below or one_of"),
        ({"rules": {"a": {"x": {"above": 1}}}}, "segments.rules.a.x.above"),
    ],
)
def test_rules_that_make_no_sense_are_refused(values, named):
    with pytest.raises(ConfigError, match=named):
        segment_rules(values)


def test_rules_that_do_not_fit_the_frame_are_refused():
    rules = segment_rules({"rules": {"a": {"colour": {"at_least": 1}}}})
    with pytest.raises(ConfigError, match="not there: colour"):
        segments_by_rules(pd.DataFrame({"x": [1]}), rules)
    with pytest.raises(ConfigError, match="colour' is text"):
        segments_by_rules(pd.DataFrame({"colour": ["red"]}), rules)
    with pytest.raises(ConfigError, match="there are rfm"):
        named_rules("none")


def test_the_grid_by_hand():
    value = pd.Series([100.0, 50, 10, 0, -5, 90, 20, 3, 2, 1], index=list("abcdefghij"))
    risk = pd.Series([0.9, 0.1, 0.1, 0.9, 0.1, 0.1, 0.5, 0.1, 0.1, 0.1], index=value.index)
    found = value_risk_grid(value, risk)
    assert found[list("afbgde")].tolist() == [
        "rescue first", "keep close", "grow", "win back if cheap", "let go", "serve for less or reprice"
    ]  # fmt: skip
    assert set(found) <= set(GRID.values())
    with pytest.raises(InputError, match=r"1 of 10 customers .*first: c"):
        value_risk_grid(value, risk.where(risk.index != "c", 1.5))


def planted(rng, n=300):
    """Three kinds of customers, told apart by how much they discount, need and buy; and a column that says nothing."""
    kinds = rng.integers(0, 3, n)
    centre = np.array([[0.05, 1.0, 10.0], [0.6, 1.0, 12.0], [0.1, 20.0, 80.0]])[kinds]
    values = centre * rng.lognormal(0, 0.15, (n, 3))
    frame = pd.DataFrame(
        values, columns=["discount_share", "contacts_365d", "orders"], index=[f"c{k}" for k in range(n)]
    )
    return kinds, frame.assign(always=1.0)


def test_planted_clusters_are_found_and_named():
    kinds, frame = planted(np.random.default_rng(2))
    frame.loc["c7", "orders"] = np.nan
    columns = ["discount_share", "contacts_365d", "orders", "always"]
    found = behavioural_clusters(frame, columns, range(2, 6), seed=1)
    assert found.criterion.loc[found.criterion["chosen"], "number"].tolist() == [3]
    assert found.filled == {"orders": 1}
    table = pd.crosstab(found.segment, kinds)
    assert (table.max(axis=1) / table.sum(axis=1) > 0.97).all()
    by_kind = table.idxmax(axis=0)
    assert "buys what is discounted" in by_kind[1]
    assert "needs much service" in by_kind[2]
    assert "high orders" in by_kind[2]
    assert found.centres["customers"].sum() == 300
    assert "highest mean silhouette" in found.reading
    assert found.criterion.set_index("number").loc[3, "agreement"] > 0.95
    again = behavioural_clusters(frame, columns, range(2, 6), seed=1)
    pd.testing.assert_series_equal(found.segment, again.segment)


def test_where_there_are_no_clusters_the_reading_says_so():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(rng.normal(10, 1, (400, 5)), columns=list("abcde"))
    assert "no substantial structure" in behavioural_clusters(frame, list("abcde"), (2, 3), seed=1).reading


def test_clusters_of_nothing_are_refused():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0]})
    with pytest.raises(InputError, match="3 customers do not differ enough"):
        behavioural_clusters(frame, ["a"], (2, 3), seed=1)
    with pytest.raises(InputError, match="do not differ enough in b"):
        behavioural_clusters(frame, ["b"], (2,), seed=1)
    with pytest.raises(ConfigError, match="lacks c"):
        behavioural_clusters(frame, ["c"], (2,), seed=1)
    with pytest.raises(ConfigError, match="2 and above"):
        behavioural_clusters(frame, ["a"], (1, 2), seed=1)
