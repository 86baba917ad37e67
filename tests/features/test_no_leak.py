"""Nothing that is dated after the as-of day reaches a feature, whatever becomes of it."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_ledgers import (
    DATES,
    dense_ledger,
    local_day,
    whole_ledgers,
    with_more_days,
    with_other_future,
    without_future,
)

KNOWN = DATES[1:5]
AS_OF = date(2024, 2, 29)


def of_date(rows, as_of):
    return {key: row for key, row in rows.items() if key[1] == as_of}


def check_no_leak(engine, ledger, other, as_of, dates):
    found = of_date(engine.features(ledger, dates), as_of)
    assert of_date(engine.features(without_future(ledger, as_of), dates), as_of) == found
    assert of_date(engine.features(with_other_future(ledger, other, as_of), dates), as_of) == found


@settings(max_examples=12)
@given(ledger=whole_ledgers(), other=whole_ledgers(), as_of=st.sampled_from(KNOWN))
def test_no_feature_of_a_panel_moves_when_the_future_does(ledger, other, as_of, engine, engine_of_more_days):
    check_no_leak(engine, ledger, other, as_of, DATES)
    check_no_leak(engine_of_more_days, with_more_days(ledger), with_more_days(other), as_of, DATES)


@settings(max_examples=12)
@given(ledger=whole_ledgers(), other=whole_ledgers())
def test_no_feature_of_a_date_moves_when_the_future_does(ledger, other, engine, engine_of_more_days):
    check_no_leak(engine, ledger, other, AS_OF, AS_OF)
    check_no_leak(engine_of_more_days, with_more_days(ledger), with_more_days(other), AS_OF, AS_OF)


def test_no_feature_of_many_facts_moves_when_the_future_does(engine, engine_of_more_days):
    for one, turned in ((engine, lambda facts: facts), (engine_of_more_days, with_more_days)):
        facts, others = turned(dense_ledger(seed=8, n_customers=60)), turned(dense_ledger(seed=9, n_customers=60))
        rows = one.features(facts, DATES)
        for as_of in KNOWN:
            changed = with_other_future(facts, others, as_of)
            assert changed["transactions"] != facts["transactions"]
            assert of_date(one.features(changed, DATES), as_of) == of_date(rows, as_of)


def ledger_of(**tables):
    empty = {"transactions": [], "customers": [], "contacts": [], "campaigns": []}
    columns = {
        "contacts": ("channel", "kind", "cost", "duration_minutes", "satisfaction", "closed_at"),
        "campaigns": ("action", "treated", "cost", "response", "responded_at"),
        "transactions": ("amount",),
        "customers": (),
    }
    purchase = {"customer_id": "a", "timestamp": datetime(2024, 1, 1), "amount": 1.0}
    tables = {"transactions": [purchase], **tables}
    for table, facts in tables.items():
        for fact in facts:
            known = dict.fromkeys(columns[table]) | {"customer_id": "a"} | fact
            empty[table].append(known | ({"day": local_day(fact["timestamp"])} if "timestamp" in fact else {}))
    return empty


def features_of(engine, **tables):
    return engine.features(ledger_of(**tables), AS_OF)["a", AS_OF]


LAST_UTC_HOUR = datetime(2024, 2, 29, 14, 59)
"""The last minute of the as-of day in Tokyo."""


@pytest.mark.parametrize(("minutes", "is_open"), [(0, 0), (1, 1)])
def test_a_complaint_is_open_until_the_business_day_it_was_closed_on(engine_of_more_days, minutes, is_open):
    closed_at = LAST_UTC_HOUR + timedelta(minutes=minutes)
    complaint = {"timestamp": datetime(2024, 2, 19), "kind": "complaint", "closed_at": closed_at}
    complaint["closed_day"] = local_day(closed_at)
    found = features_of(engine_of_more_days, contacts=[complaint])
    assert found["complaints_open"] == is_open
    assert found["open_complaint_days"] == (10 if is_open else None)
    assert found["complaint_days_to_close"] == (None if is_open else 10)


@pytest.mark.parametrize(("hour", "is_open"), [(0, 0), (9, 0), (10, 1), (15, 1)])
def test_where_the_business_day_is_not_told_a_closing_is_known_late_and_never_early(engine, hour, is_open):
    """In the zone that is furthest ahead, 10 o'clock UTC is the next day."""
    complaint = {
        "timestamp": datetime(2024, 2, 19), "kind": "complaint", "closed_at": datetime(2024, 2, 29, hour),
    }  # fmt: skip
    assert features_of(engine, contacts=[complaint])["complaints_open"] == is_open


@pytest.mark.parametrize(("age", "known"), [(29, 0), (30, 1)])
def test_a_response_without_a_date_is_known_after_thirty_days(engine, age, known):
    action = {"timestamp": datetime(2024, 2, 29) - timedelta(days=age), "treated": 1, "response": 1}
    found = features_of(engine, campaigns=[action])
    assert found["campaign_responses_total"] == known
    assert found["campaign_response_rate"] == (1 if known else None)


def test_a_response_with_a_later_date_is_not_known_though_it_is_there(engine):
    action = {"timestamp": datetime(2023, 6, 1), "treated": 1, "response": 1, "responded_at": datetime(2024, 3, 5)}
    found = features_of(engine, campaigns=[action])
    assert (found["campaign_responses_total"], found["campaign_response_rate"]) == (0, 0)


def test_a_control_is_not_exposed(engine):
    action = {"timestamp": datetime(2024, 1, 5), "treated": 0, "cost": 5.0, "response": 1}
    found = features_of(engine, campaigns=[action])
    assert (found["campaigns_total"], found["campaign_cost_total"], found["campaign_responses_total"]) == (0, 0, 0)
    assert found["days_since_last_campaign"] is None


@pytest.mark.parametrize(("end", "ended", "days"), [(AS_OF, 1, 59), (date(2024, 3, 1), 0, 59), (None, 0, 59)])
def test_the_end_of_a_contract_is_known_on_that_day_and_not_before(engine, end, ended, days):
    customer = {"contract_start": date(2024, 1, 1), "contract_end": end, "plan": "basic", "price": 5.0}
    found = features_of(engine, customers=[customer])
    assert (found["contract_ended"], found["contract_days"], found["plan"], found["price"]) == (ended, days, "basic", 5)


def test_a_contract_that_begins_later_is_not_known(engine):
    customer = {"contract_start": date(2024, 3, 1), "contract_end": date(2024, 4, 1), "plan": "basic", "price": 5.0}
    found = features_of(engine, customers=[customer])
    assert [found[name] for name in ("contract_ended", "contract_days", "plan", "price")] == [None] * 4


def test_a_refund_that_is_netted_with_its_order_counts_from_its_own_day(engine_of_more_days):
    lines = [
        {"timestamp": datetime(2024, 1, 1), "amount": 30.0, "netted_day": date(2024, 1, 1)},
        {"timestamp": datetime(2024, 2, 1), "amount": -5.0, "netted_day": date(2024, 1, 1)},
        {"timestamp": datetime(2024, 3, 1), "amount": -7.0, "netted_day": date(2024, 1, 1)},
    ]
    days = (date(2024, 1, 31), AS_OF, date(2024, 3, 1))
    rows = engine_of_more_days.features(ledger_of(transactions=lines), days)
    assert [rows["a", day]["spend_total"] for day in days] == [30, 25, 18]
    assert [rows["a", day]["refund_amount_30d"] for day in days] == [0, 5, 12]
    assert [rows["a", day]["purchase_days"] for day in days] == [1, 1, 1]
