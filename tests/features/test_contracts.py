"""Who is under contract, whose contract ends soon, and what is known of them: against loops over lists of facts."""

import math
from datetime import date, timedelta

import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_ledgers import DATES, HORIZON_DAYS, dense_ledger, whole_ledgers, with_more_days, with_other_future
from feature_ledgers import without_future as known_then
from feature_oracle import features_by_hand
from patronage.errors import ContractError, DateError
from patronage.features.contracts import contract_ends, contract_features, contract_input
from patronage.features.purchases import PURCHASES
from patronage.ledger.tables import LedgerTables
from patronage.schema import Column, TableSchema

OF_HISTORY = {feature.name for feature in PURCHASES.features}


def ends(engine, ledger, dates):
    return engine.rows(ledger, ("ends", dates), lambda: contract_ends(engine.tables, dates, HORIZON_DAYS))


def told(engine, ledger, dates):
    return engine.rows(ledger, ("told", dates), lambda: contract_features(engine.tables, dates))


def ends_by_hand(ledger, dates):
    rows = {}
    for one in ledger["customers"]:
        start, end = one["contract_start"], one["contract_end"]
        for day in dates:
            if start is not None and start <= day and not (end is not None and end <= day):
                soon = end is not None and end <= day + timedelta(days=HORIZON_DAYS)
                rows[one["customer_id"], day] = {"left": 1 if soon else 0}
    return rows


def bought_once(ledger, customer, day):
    """The ledger with a purchase of somebody who had none by that day, so that the oracle tells of them at all."""
    purchase = {"customer_id": customer, "day": day, **dict.fromkeys(ledger["transactions"][0], None)}
    purchase |= {"customer_id": customer, "day": day, "netted_day": day, "amount": 1.0}
    return ledger | {"transactions": [*ledger["transactions"], purchase]}


def check_features(rows, ledger, dates):
    assert rows.keys() == ends_by_hand(ledger, dates).keys()
    for (customer, day), row in rows.items():
        expected = features_by_hand(ledger, customer, day)
        if expected is None:
            assert all(row[name] is None for name in OF_HISTORY)
            assert row["purchase_days_30d"] == 0
            bought = features_by_hand(bought_once(ledger, customer, day), customer, day)
            others = ("contact", "complaint", "satisf", "campaign", "acqui", "region", "children", "is_vip", "price")
            expected = {name: value for name, value in bought.items() if name.startswith((*others, "plan"))}
            assert len(expected) > 30
        for name, value in expected.items():
            numbers = None not in (row[name], value) and not isinstance(value, str)
            same = math.isclose(row[name], value, rel_tol=1e-9, abs_tol=1e-9) if numbers else row[name] == value
            assert same, (customer, day, name, row[name], value)


@settings(max_examples=15)
@given(ledger=whole_ledgers())
def test_labels_and_features_equal_their_definitions(ledger, engine):
    assert ends(engine, ledger, DATES) == ends_by_hand(ledger, DATES)
    check_features(told(engine, ledger, DATES), ledger, DATES)


def test_many_customers_of_whom_some_never_bought(engine_of_more_days):
    ledger = with_more_days(dense_ledger(seed=5, n_customers=80))
    ledger["transactions"] = [fact for fact in ledger["transactions"] if not fact["customer_id"].endswith(("3", "7"))]
    labels = ends_by_hand(ledger, DATES)
    assert 0.05 < sum(row["left"] for row in labels.values()) / len(labels) < 0.5
    assert ends(engine_of_more_days, ledger, DATES) == labels
    rows = told(engine_of_more_days, ledger, DATES)
    check_features(rows, ledger, DATES)
    assert sum(row["purchase_days"] is None for row in rows.values()) > 5


@settings(max_examples=8)
@given(ledger=whole_ledgers(), other=whole_ledgers(), as_of=st.sampled_from(DATES[1:5]))
def test_nothing_after_the_cut_off_moves_a_feature_the_end_of_the_contract_least_of_all(ledger, other, as_of, engine):
    rows = {key: row for key, row in told(engine, ledger, DATES).items() if key[1] == as_of}
    for changed in (known_then(ledger, as_of), with_other_future(ledger, other, as_of)):
        assert {key: row for key, row in told(engine, changed, DATES).items() if key[1] == as_of} == rows


def test_the_label_alone_knows_the_end_and_the_days_count_as_they_should(engine):
    """The contract of 60 days later is the last that counts; on its last day nobody is under contract any more."""
    cutoff = date(2024, 2, 29)
    ledger = dense_ledger(seed=1, n_customers=1) | {
        "customers": [
            dict.fromkeys(
                ("acquired_at", "acquisition_channel", "acquisition_cost", "plan", "price", "region", "children",
                 "is_vip", "born_on")
            )
            | {"customer_id": name, "contract_start": start, "contract_end": end}
            for name, start, end in (
                ("running", date(2024, 1, 1), None),
                ("day 1", date(2024, 1, 1), cutoff + timedelta(days=1)),
                ("day 60", cutoff, cutoff + timedelta(days=60)),
                ("day 61", date(2024, 1, 1), cutoff + timedelta(days=61)),
                ("over", date(2024, 1, 1), cutoff),
                ("to come", cutoff + timedelta(days=1), cutoff + timedelta(days=9)),
                ("none", None, None),
            )
        ]
    }  # fmt: skip
    found = {name: row["left"] for (name, _), row in ends(engine, ledger, cutoff).items()}
    assert found == {"running": 0, "day 1": 1, "day 60": 1, "day 61": 0}
    rows = told(engine, ledger, cutoff)
    assert {row["contract_ended"] for row in rows.values()} == {0}
    assert {row["days_since_contract_end"] for row in rows.values()} == {None}
    assert rows["day 60", cutoff]["contract_days"] == 0


def test_a_row_of_several_dates_is_the_row_of_its_date(engine):
    ledger = dense_ledger(seed=2, n_customers=30)
    for asked in (ends, told):
        assert asked(engine, ledger, DATES) == {
            key: row for day in DATES for key, row in asked(engine, ledger, day).items()
        }


def test_what_cannot_be_told_is_refused_in_words(engine):
    transactions = ibis.memtable({"customer_id": ["a"], "timestamp": [date(2024, 1, 1)], "amount": [1.0]})
    bare = ibis.memtable({"customer_id": ["a"], "contract_start": [date(2024, 1, 1)]})
    with pytest.raises(ContractError, match=r"needs a table customers .* this ledger has no such table"):
        contract_ends(LedgerTables(transactions), DATES, 30)
    with pytest.raises(ContractError, match="this ledger has no contract_end there"):
        contract_features(LedgerTables(transactions, bare), DATES)
    with pytest.raises(DateError):
        contract_ends(engine.tables, [], 30)
    wanted = TableSchema("inputs", (Column("tenure", "double", "", True, ""), Column("price", "double", "", True, "")))
    with pytest.raises(ContractError, match=r"cannot give: tenure \(no such attribute"):
        contract_input(engine.tables, DATES[0], wanted)
