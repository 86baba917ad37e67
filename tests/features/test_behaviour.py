import math
import statistics
from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.features.behaviour import behaviour_features, churn_labels
from patronage.schema import FEATURES

AS_OF_DATES = st.dates(date(2023, 9, 1), date(2024, 11, 1))
DAY = timedelta(days=1)


def spend_by_day(rows, until):
    amounts = defaultdict(list)
    for customer, moment, amount in rows:
        if moment.date() <= until:
            amounts[customer, moment.date()].append(amount)
    found = defaultdict(dict)
    for (customer, day), values in amounts.items():
        if max(values) >= 0:
            found[customer][day] = sum(values)
    return found


def features_by_hand(spend_of, as_of):
    """All columns of one customer; None where a value is missing."""
    days = sorted(spend_of)
    gaps = [(later - earlier).days for earlier, later in pairwise(days)]
    features = {
        "days_since_last_purchase": (as_of - days[-1]).days,
        "tenure_days": (as_of - days[0]).days,
        "purchase_days": len(days),
        "spend_total": sum(spend_of.values()),
        "spend_per_purchase_day": sum(spend_of.values()) / len(days),
        "spend_first_purchase_day": spend_of[days[0]],
        "gap_days_mean": statistics.fmean(gaps) if gaps else None,
        "gap_days_std": statistics.stdev(gaps) if len(gaps) > 1 else None,
        "recency_over_mean_gap": (as_of - days[-1]).days / statistics.fmean(gaps) if gaps else None,
    }
    for length in (30, 90, 180):
        within = [day for day in days if as_of - (length - 1) * DAY <= day <= as_of]
        features[f"purchase_days_{length}d"] = len(within)
        features[f"spend_{length}d"] = sum(spend_of[day] for day in within)
    before = [day for day in days if as_of - 179 * DAY <= day <= as_of - 90 * DAY]
    features["purchase_trend_90d"] = features["purchase_days_90d"] - len(before)
    return features


def computed(transactions, as_of):
    records = behaviour_features(transactions, as_of).to_pyarrow().to_pylist()
    return {record.pop("customer_id"): record for record in records}


@settings(max_examples=20, deadline=None)
@given(data=st.data(), as_of=AS_OF_DATES)
def test_every_column_equals_its_definition_spelled_out(data, as_of, random_ledgers, as_transactions):
    rows = data.draw(random_ledgers)
    expected = {customer: features_by_hand(spend_of, as_of) for customer, spend_of in spend_by_day(rows, as_of).items()}
    found = computed(as_transactions(rows), as_of)
    assert found.keys() == expected.keys()
    for customer, features in found.items():
        for name, value in expected[customer].items():
            assert features.pop(name) == (None if value is None else pytest.approx(value, rel=1e-12)), (customer, name)
        assert not features


@settings(max_examples=15, deadline=None)
@given(data=st.data(), as_of=AS_OF_DATES)
def test_no_feature_moves_when_the_future_does(data, as_of, random_ledgers, as_transactions):
    rows = data.draw(random_ledgers)
    past = [row for row in rows if row[1].date() <= as_of]
    midnight = datetime.combine(as_of + DAY, datetime.min.time())
    other_future = [(row[0], midnight + (row[1] - datetime(2023, 8, 1)), -3 * row[2]) for row in rows]
    known = computed(as_transactions(past), as_of)
    assert computed(as_transactions(rows), as_of) == known
    assert computed(as_transactions(past + other_future), as_of) == known


@pytest.mark.parametrize("length", [30, 90, 180])
def test_a_window_is_the_as_of_day_and_the_days_before_it(as_transactions, length):
    as_of = date(2024, 3, 1)
    midnight = datetime.combine(as_of, datetime.min.time())
    rows = [
        ("first day of it", midnight - (length - 1) * DAY, 3.0),
        ("day before it", midnight - length * DAY + timedelta(hours=23), 3.0),
        ("last moment", midnight + timedelta(hours=23, minutes=59, seconds=59), 3.0),
        ("too late", midnight + DAY, 3.0),
    ]
    counts = {
        customer: (features[f"purchase_days_{length}d"], features[f"spend_{length}d"])
        for customer, features in computed(as_transactions(rows), as_of).items()
    }
    assert counts == {"first day of it": (1, 3.0), "day before it": (0, 0.0), "last moment": (1, 3.0)}


def test_columns_and_missing_values_keep_to_the_schema(cdnow):
    table = behaviour_features(cdnow.transactions, date(1997, 9, 30))
    assert tuple(table.columns) == ("customer_id", *FEATURES.names)
    frame = table.execute()
    assert len(frame) == frame["customer_id"].nunique() == 23_570
    for column in FEATURES.columns:
        assert str(table.schema()[column.name]) == "float64"
        values = frame[column.name].dropna()
        assert values.map(math.isfinite).all()
        assert column.nullable or len(values) == len(frame), column.name


@settings(max_examples=20, deadline=None)
@given(data=st.data(), as_of=AS_OF_DATES, horizon=st.integers(1, 200))
def test_labels_equal_their_definition_spelled_out(data, as_of, horizon, random_ledgers, as_transactions):
    rows = data.draw(random_ledgers)
    later = spend_by_day(rows, as_of + horizon * DAY)
    expected = {
        customer: 0 if any(day > as_of for day in later[customer]) else 1 for customer in spend_by_day(rows, as_of)
    }
    labels = churn_labels(as_transactions(rows), as_of, horizon).to_pyarrow().to_pylist()
    assert len(labels) == len(expected)
    assert {row["customer_id"]: row["churned"] for row in labels} == expected


@pytest.mark.parametrize(
    ("days_after", "amount", "churned"),
    [(0, 5.0, 1), (1, 5.0, 0), (60, 5.0, 0), (61, 5.0, 1), (30, -5.0, 1), (30, 0.0, 0)],
)
def test_a_label_looks_at_the_horizon_alone(as_transactions, days_after, amount, churned):
    last_moment = datetime(2024, 2, 29, 23, 59, 59)
    rows = [("a", datetime(2024, 1, 1), 9.0), ("a", last_moment + days_after * DAY, amount)]
    labels = churn_labels(as_transactions(rows), date(2024, 2, 29), horizon_days=60)
    assert labels.to_pyarrow().to_pylist() == [{"customer_id": "a", "churned": churned}]
    assert str(labels.schema()["churned"]) == "int8"


def test_who_first_buys_after_the_date_has_neither_features_nor_a_label(as_transactions):
    rows = [
        ("known", datetime(2024, 1, 1), 9.0),
        ("new", datetime(2024, 3, 5), 9.0),
        ("refund", datetime(2024, 1, 1), -9.0),
    ]
    table = as_transactions(rows)
    assert list(computed(table, date(2024, 2, 29))) == ["known"]
    assert churn_labels(table, date(2024, 2, 29), 60).customer_id.to_pyarrow().to_pylist() == ["known"]
