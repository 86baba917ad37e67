"""Every feature and label equals its definition, spelled out in loops."""

import math

import pytest
from hypothesis import given, settings

from feature_ledgers import DATES, HORIZON_DAYS, dense_ledger, whole_ledgers, with_more_days
from feature_oracle import features_by_hand, labels_by_hand


def assert_same(found, expected):
    """The same customers and dates, with the same columns and values."""
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key].keys() == values.keys()
        for name, value in values.items():
            if value is None or isinstance(value, str):
                assert found[key][name] == value, (key, name)
            else:
                assert found[key][name] is not None, (key, name, float(value))
                assert math.isclose(found[key][name], value, rel_tol=1e-9, abs_tol=1e-9), (key, name, float(value))


def by_hand(of_customer, ledger, dates, *arguments):
    names = {fact["customer_id"] for fact in ledger["transactions"]}
    rows = {(name, day): of_customer(ledger, name, day, *arguments) for name in names for day in dates}
    return {key: row for key, row in rows.items() if row is not None}


@settings(max_examples=30)
@given(ledger=whole_ledgers())
def test_every_feature_equals_its_definition(ledger, engine):
    assert_same(engine.features(ledger, DATES), by_hand(features_by_hand, ledger, DATES))


@settings(max_examples=30)
@given(ledger=whole_ledgers())
def test_every_feature_equals_its_definition_where_all_business_days_are_told(ledger, engine_of_more_days):
    ledger = with_more_days(ledger)
    assert_same(engine_of_more_days.features(ledger, DATES), by_hand(features_by_hand, ledger, DATES))


@settings(max_examples=20)
@given(ledger=whole_ledgers())
def test_every_label_equals_its_definition(ledger, engine, engine_of_more_days):
    assert_same(engine.labels(ledger, DATES), by_hand(labels_by_hand, ledger, DATES, HORIZON_DAYS))
    ledger = with_more_days(ledger)
    assert_same(engine_of_more_days.labels(ledger, DATES), by_hand(labels_by_hand, ledger, DATES, HORIZON_DAYS))


def test_customers_with_many_facts(engine, engine_of_more_days):
    ledger = dense_ledger(seed=4, n_customers=100)
    for one, facts in ((engine, ledger), (engine_of_more_days, with_more_days(ledger))):
        features = by_hand(features_by_hand, facts, DATES)
        assert_same(one.features(facts, DATES), features)
        assert_same(one.labels(facts, DATES), by_hand(labels_by_hand, facts, DATES, HORIZON_DAYS))
        seldom = {
            name: share
            for name in next(iter(features.values()))
            if (share := sum(row[name] not in (None, 0) for row in features.values()) / len(features)) < 0.05
        }
        assert not seldom, "columns that this ledger says nothing of"


@pytest.mark.parametrize("seed", [1, 2])
def test_a_row_of_a_panel_is_the_row_of_its_date(seed, engine, engine_of_more_days):
    ledger = dense_ledger(seed, n_customers=30)
    for one, facts in ((engine, ledger), (engine_of_more_days, with_more_days(ledger))):
        for asked in (one.features, one.labels):
            single = {key: row for day in DATES for key, row in asked(facts, day).items()}
            assert asked(facts, DATES) == single
