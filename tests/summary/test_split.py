from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.schema import SUMMARY
from patronage.summary.split import calibration_holdout

DAY = timedelta(days=1)


@settings(max_examples=50, deadline=None)
@given(data=st.data(), cutoff=st.dates(date(2023, 9, 1), date(2024, 11, 1)), horizon=st.integers(1, 200))
def test_holdout_equals_the_count_by_hand(
    data, cutoff, horizon, random_ledgers, as_transactions, purchase_days_by_hand
):
    rows = data.draw(random_ledgers)
    known = purchase_days_by_hand(rows, cutoff)
    later = purchase_days_by_hand(rows, cutoff + horizon * DAY)
    expected = {}
    for customer in known:
        spends = [spend for day, spend in later[customer].items() if day > cutoff]
        expected[customer] = (len(spends), sum(spends))
    table = calibration_holdout(as_transactions(rows), cutoff, horizon).table.execute().set_index("customer_id")
    holdout = table[["frequency_holdout", "spend_holdout"]]
    assert {row[0]: row[1:] for row in holdout.itertuples(name=None)} == expected


@settings(max_examples=20, deadline=None)
@given(data=st.data(), cutoff=st.dates(date(2023, 9, 1), date(2024, 11, 1)))
def test_calibration_knows_nothing_of_the_holdout(data, cutoff, random_ledgers, as_transactions):
    rows = data.draw(random_ledgers)
    past = [row for row in rows if row[1].date() <= cutoff]
    whole, alone = (calibration_holdout(as_transactions(part), cutoff, 90) for part in (rows, past))
    columns = list(SUMMARY.names)
    ordered = [split.table.order_by("customer_id").execute()[columns].to_dict("records") for split in (whole, alone)]
    assert ordered[0] == ordered[1]


@pytest.mark.parametrize(
    ("days_after_cutoff", "counted"), [(0, False), (1, True), (30, True), (31, False)]
)  # fmt: skip
def test_holdout_is_the_days_that_follow_the_cutoff(as_transactions, days_after_cutoff, counted):
    cutoff = date(2024, 2, 28)
    late_evening = datetime(2024, 2, 28, 23, 59, 59) + days_after_cutoff * DAY
    rows = [("a", datetime(2024, 1, 1), 10.0), ("a", late_evening, 7.5)]
    split = calibration_holdout(as_transactions(rows), cutoff, 30)
    row = split.table.execute().iloc[0]
    assert (row["frequency_holdout"], row["spend_holdout"]) == ((1, 7.5) if counted else (0, 0.0))
    assert row["frequency"] == (1 if days_after_cutoff == 0 else 0)
    assert split.holdout_end == date(2024, 3, 29)


def test_columns_are_those_of_the_summary_and_two_more(cdnow):
    split = calibration_holdout(cdnow.transactions, date(1997, 9, 30), 273)
    assert tuple(split.table.columns) == (*SUMMARY.names, "frequency_holdout", "spend_holdout")
    assert split.holdout_end == date(1998, 6, 30)
    assert split.table.count().execute() == 23_570
    assert split.table.customer_id.nunique().execute() == 23_570
