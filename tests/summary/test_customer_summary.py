import itertools
import math
import warnings
from collections import defaultdict
from datetime import date, datetime, timedelta

import lifetimes
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patronage.schema import SUMMARY
from patronage.summary.customer_summary import summarise

AS_OF_DATES = st.dates(date(2023, 8, 1), date(2024, 12, 1))
# One rounding of a whole number of days, and one of a sum of quarters: the same on both sides.
DAYS_PER_UNIT = {"day": 1, "week": 7, "year": 365.25}


def summary_by_hand(days, as_of, unit):
    table = {}
    for customer, spend_of in days.items():
        ordered = sorted(spend_of)
        repeats = ordered[1:]
        table[customer] = (
            len(repeats),
            (ordered[-1] - ordered[0]).days / DAYS_PER_UNIT[unit],
            (as_of - ordered[0]).days / DAYS_PER_UNIT[unit],
            sum(spend_of[day] for day in repeats) / len(repeats) if repeats else 0.0,
            # Gaps are multiplied as whole numbers, so this sum of logarithms does not depend on an order.
            pytest.approx(
                math.log(math.prod(gaps_of(ordered))) - len(repeats) * math.log(DAYS_PER_UNIT[unit]), abs=1e-9
            ),
        )
    return table


def gaps_of(ordered):
    return [(later - earlier).days for earlier, later in itertools.pairwise(ordered)]


def as_dict(summary):
    return {row[0]: row[1:] for row in summary.to_pandas().itertuples(name=None)}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), as_of=AS_OF_DATES, unit=st.sampled_from(sorted(DAYS_PER_UNIT)))
def test_equals_the_definition_spelled_out(data, as_of, unit, random_ledgers, as_transactions, purchase_days_by_hand):
    rows = data.draw(random_ledgers)
    expected = summary_by_hand(purchase_days_by_hand(rows, as_of), as_of, unit)
    assert as_dict(summarise(as_transactions(rows), as_of, unit)) == expected


@settings(max_examples=30, deadline=None)
@given(data=st.data(), as_of=AS_OF_DATES)
def test_histories_count_the_customers_of_the_table(data, as_of, random_ledgers, as_transactions):
    summary = summarise(as_transactions(data.draw(random_ledgers)), as_of, "day")
    log_intervals = defaultdict(list)
    for frequency, recency, observed, _, log_interval in as_dict(summary).values():
        log_intervals[frequency, recency, observed].append(log_interval)
    found = {row[:3]: row[3:] for row in summary.histories().itertuples(index=False, name=None)}
    assert list(found) == sorted(log_intervals)
    for history, logarithms in log_intervals.items():
        assert found[history] == (len(logarithms), pytest.approx(math.fsum(logarithms) / len(logarithms), abs=1e-11))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), as_of=AS_OF_DATES)
def test_nothing_after_the_as_of_date_matters(data, as_of, random_ledgers, as_transactions):
    rows = data.draw(random_ledgers)
    past = [row for row in rows if row[1].date() <= as_of]
    next_midnight = datetime.combine(as_of + timedelta(days=1), datetime.min.time())
    other_future = [
        (customer, next_midnight + (moment - datetime(2023, 8, 1)), amount + 1000)
        for customer, moment, amount in data.draw(random_ledgers)
    ]
    known = as_dict(summarise(as_transactions(past), as_of))
    assert as_dict(summarise(as_transactions(rows), as_of)) == known
    assert as_dict(summarise(as_transactions(past + other_future), as_of)) == known


def from_lifetimes(frame, as_of):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unmaintained: numpy and pandas have moved on
        return lifetimes.utils.summary_data_from_transaction_data(
            frame, "customer_id", "timestamp", "amount", observation_period_end=as_of, freq="D"
        )


@settings(max_examples=30, deadline=None)
@given(data=st.data(), as_of=st.dates(date(2024, 11, 1), date(2024, 12, 1)))
def test_agrees_with_lifetimes_where_there_are_no_refunds(data, as_of, random_ledgers, as_transactions):
    rows = [(customer, moment, abs(amount) + 1) for customer, moment, amount in data.draw(random_ledgers)]
    theirs = from_lifetimes(pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"]), as_of)
    ours = summarise(as_transactions(rows), as_of, "day").to_pandas().drop(columns="log_intervals")
    pd.testing.assert_frame_equal(ours, theirs.sort_index()[list(ours)], check_dtype=False, check_index_type=False)


@pytest.mark.parametrize("as_of", [date(1997, 9, 30), date(1998, 6, 30)])
def test_agrees_with_lifetimes_on_cdnow(cdnow, as_of):
    theirs = from_lifetimes(cdnow.transactions.execute(), as_of).sort_index()
    ours = summarise(cdnow.transactions, as_of, "day").to_pandas().drop(columns="log_intervals")
    assert len(ours) == 23_570
    pd.testing.assert_frame_equal(ours, theirs[list(ours)], check_dtype=False, check_index_type=False, rtol=1e-12)


@pytest.mark.parametrize(("as_of", "distinct"), [(date(1997, 9, 30), 8_685), (date(1998, 6, 30), 11_104)])
def test_cdnow_has_the_known_number_of_distinct_histories(cdnow, as_of, distinct):
    histories = summarise(cdnow.transactions, as_of, "week").histories()
    assert len(histories) == distinct
    assert histories["n_customers"].sum() == 23_570


def test_sums_of_logarithms_do_not_depend_on_threads(cdnow):
    as_of = date(1998, 6, 30)
    once, again = (summarise(cdnow.transactions, as_of, "week") for _ in range(2))
    pd.testing.assert_frame_equal(once.histories(), again.histories(), check_exact=True)
    # The mean of each history times its customers is the total, which is all that models need.
    histories, customers = once.histories(), again.to_pandas()
    total = math.fsum(customers["log_intervals"])
    assert math.fsum(histories["log_intervals"] * histories["n_customers"]) == pytest.approx(total, rel=1e-12)
    assert (customers.loc[customers["frequency"] == 0, "log_intervals"] == 0).all()


def test_customers_without_a_repeat_by_the_end_of_cdnow(cdnow):
    """Fader, Hardie and Lee (2005), Journal of Marketing Research 42(4): 12,054 of 23,570 customers."""
    frequency = summarise(cdnow.transactions, date(1998, 6, 30)).to_pandas()["frequency"]
    assert (frequency == 0).sum() == 12_054


def test_is_described_by_its_schema(as_transactions):
    summary = summarise(as_transactions([("a", datetime(2024, 2, 29, 23, 59), 5.0)]), date(2024, 3, 1), "week")
    assert tuple(summary.table.columns) == SUMMARY.names
    types = {"string": "string", "long": "int64", "double": "float64"}
    assert [str(dtype) for dtype in summary.table.schema().values()] == [types[c.type] for c in SUMMARY.columns]
    assert summary.to_pandas().attrs == {"as_of": "2024-03-01", "time_unit": "week"}


def test_is_empty_before_the_first_purchase(as_transactions):
    summary = summarise(as_transactions([("a", datetime(2024, 2, 29), 5.0)]), date(2024, 2, 28))
    assert summary.to_pandas().empty
    assert summary.histories().empty


def test_an_unknown_unit_is_refused(as_transactions):
    with pytest.raises(ValueError, match="month"):
        summarise(as_transactions([("a", datetime(2024, 2, 29), 5.0)]), date(2024, 2, 29), "month")
