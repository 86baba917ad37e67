from datetime import date

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.summary.daily_counts import daily_counts

DATES = st.dates(date(2023, 9, 1), date(2024, 11, 1))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), acquired_until=DATES, until=DATES)
def test_equals_the_count_by_hand(data, acquired_until, until, random_ledgers, as_transactions, purchase_days_by_hand):
    rows = data.draw(random_ledgers)
    new, repeats = {}, {}
    for spend_of in purchase_days_by_hand(rows, until).values():
        first, *others = sorted(spend_of)
        if first <= acquired_until:
            new[first] = new.get(first, 0) + 1
            for day in others:
                repeats[day] = repeats.get(day, 0) + 1
    expected = [(pd.Timestamp(day), new.get(day, 0), repeats.get(day, 0)) for day in sorted(new | repeats)]
    counts = daily_counts(as_transactions(rows), acquired_until, until)
    assert list(counts.itertuples(index=False, name=None)) == expected


def test_cdnow_adds_up_to_its_customers_and_customer_days(cdnow):
    counts = daily_counts(cdnow.transactions, date(1998, 6, 30), date(1998, 6, 30))
    assert counts["new_customers"].sum() == 23_570
    assert counts["new_customers"].sum() + counts["repeat_purchases"].sum() == 67_591
    assert counts["day"].dtype.kind == "M"
    assert counts["day"].is_monotonic_increasing
