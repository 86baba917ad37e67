"""Moments are kept in UTC and days are cut where the business lives; pinned to the clocks of Python's zoneinfo."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ConfigError
from patronage.features.build import customer_features
from patronage.ledger.tables_source import FrameSource

NEW_YORK = "America/New_York"


def opened(connection, moments, **kwargs):
    frame = pd.DataFrame(
        {"customer_id": [f"{n:03d}" for n in range(len(moments))], "timestamp": moments, "amount": 1.0}
    )
    ledger = open_ledger(FrameSource(frame, **kwargs), connection)
    return [
        (row["timestamp"], row["day"]) for row in ledger.transactions.order_by("customer_id").to_pyarrow().to_pylist()
    ]


def test_local_times_become_utc_and_keep_their_day(connection):
    texts = ["2024-02-29 23:30", "2024-03-10 01:59", "2024-03-10 03:00", "2024-07-04", "2024-12-31 19:00:01"]
    local = [datetime.fromisoformat(text) for text in texts]
    expected = [
        (moment.replace(tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC).replace(tzinfo=None), moment.date())
        for moment in local
    ]
    assert opened(connection, texts, time_zone=NEW_YORK) == expected
    assert opened(connection, local, time_zone=NEW_YORK) == expected


def test_an_offset_in_the_text_overrules_the_zone(connection):
    texts = ["2024-02-29T23:30:00Z", "2024-02-29T23:30:00-05:00", "2024-03-01 01:00:00+0200"]
    assert opened(connection, texts, time_zone=NEW_YORK) == [
        (datetime(2024, 2, 29, 23, 30), date(2024, 2, 29)),
        (datetime(2024, 3, 1, 4, 30), date(2024, 2, 29)),
        (datetime(2024, 2, 29, 23, 0), date(2024, 2, 29)),
    ]


def test_times_kept_in_utc_have_their_day_cut_in_the_zone(connection):
    moments = [datetime(2024, 3, 1, 4, 59), datetime(2024, 3, 1, 5, 0), datetime(2024, 7, 1, 3, 59)]
    days = [date(2024, 2, 29), date(2024, 3, 1), date(2024, 6, 30)]
    expected = list(zip(moments, days, strict=True))
    assert opened(connection, moments, time_zone=NEW_YORK, timestamp_zone="UTC") == expected
    aware = [moment.replace(tzinfo=UTC) for moment in moments]
    assert opened(connection, aware, time_zone=NEW_YORK) == expected


def test_an_hour_that_is_skipped_or_repeated_stays_on_its_day(connection):
    found = opened(connection, ["2024-03-10 02:30", "2024-11-03 01:30"], time_zone=NEW_YORK)
    assert [day for _, day in found] == [date(2024, 3, 10), date(2024, 11, 3)]
    assert found[0][0] == datetime(2024, 3, 10, 7, 30)  # as if the clocks had not changed yet
    assert found[1][0] in (datetime(2024, 11, 3, 5, 30), datetime(2024, 11, 3, 6, 30))


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.timestamp("us", "UTC"), pa.date32()], ids=str)
def test_parquet_files_follow_the_same_rules(connection, tmp_path, kind):
    path = tmp_path / "x.parquet"
    moment = date(2024, 3, 1) if kind == pa.date32() else datetime(2024, 3, 1, 3, 0)
    pq.write_table(pa.table({"customer_id": ["a"], "timestamp": pa.array([moment], kind), "amount": [1.0]}), path)
    row = open_ledger(FilesSource(str(path), time_zone=NEW_YORK), connection).transactions.to_pyarrow().to_pylist()[0]
    day = date(2024, 2, 29) if kind == pa.timestamp("us", "UTC") else date(2024, 3, 1)
    hour = {pa.timestamp("us"): 8, pa.timestamp("us", "UTC"): 3, pa.date32(): 5}[kind]
    assert (row["timestamp"], row["day"]) == (datetime(2024, 3, 1, hour), day)


def test_the_account_spans_business_days(connection):
    frame = pd.DataFrame({"customer_id": ["a"], "timestamp": ["2024-02-29T03:00:00Z"], "amount": [1]})
    ledger = open_ledger(FrameSource(frame, time_zone=NEW_YORK), connection)
    assert ledger.account.first_day == ledger.account.last_day == date(2024, 2, 28)
    assert "2024-02-28 to 2024-02-28" in str(ledger.account)
    ledger.require_facts_until(date(2024, 2, 28))


def test_a_zone_that_does_not_exist_is_refused(connection):
    with pytest.raises(ConfigError, match=r"'Europe/Berln' is not known. Did you mean Europe/Berlin"):
        opened(connection, ["2024-01-01"], time_zone="Europe/Berln")


def later_moments(connection, moments, **kwargs):
    """The three later moments of a ledger with a customer for each, and the business days that were made of them."""
    ids = [f"{number:03d}" for number in range(len(moments))]
    before = ["2023-01-01T00:00:00Z"] * len(ids)
    contacts = pd.DataFrame(
        {"customer_id": ids, "timestamp": before, "channel": "call", "kind": "complaint", "closed_at": moments}
    )
    campaigns = pd.DataFrame(
        {"customer_id": ids, "timestamp": before, "action": "mail", "treated": 1, "responded_at": moments}
    )
    customers = pd.DataFrame({"customer_id": ids, "acquired_at": moments})
    transactions = pd.DataFrame({"customer_id": ids, "timestamp": before, "amount": 1.0})
    source = FrameSource(transactions, customers, contacts, campaigns, **kwargs)
    tables = open_ledger(source, connection).tables
    return {
        name: tables.present[table].order_by("customer_id").to_pyarrow()[name].to_pylist()
        for table, name in (("customers", "acquired_day"), ("contacts", "closed_day"), ("campaigns", "responded_day"))
    }


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, "Asia/Kolkata", "Pacific/Kiritimati", "Europe/Berlin"])
def test_later_moments_have_the_day_that_the_clocks_of_the_zone_show(connection, zone):
    """Before and after both changes of the clocks of 2024, around midnight, and on a leap day; by Python's zoneinfo."""
    days = [date(2024, 2, 29), date(2024, 3, 10), date(2024, 3, 31), date(2024, 10, 27), date(2024, 11, 3)]
    hours = [
        (3, 59),
        (4, 0),
        (4, 59),
        (5, 0),
        (9, 59),
        (10, 0),
        (18, 29),
        (18, 30),
        (21, 59),
        (22, 0),
        (23, 0),
        (23, 30),
    ]
    moments = [datetime(day.year, day.month, day.day, *hour, tzinfo=UTC) for day in days for hour in hours]
    expected = [moment.astimezone(ZoneInfo(zone)).date() for moment in moments]
    found = later_moments(connection, [moment.isoformat() for moment in moments], time_zone=zone)
    assert all(days == expected for days in found.values())


def test_a_moment_that_has_not_come_has_no_day(connection):
    found = later_moments(connection, ["2024-01-01T23:30:00Z", None], time_zone=NEW_YORK)
    assert all(days == [date(2024, 1, 1), None] for days in found.values())


def test_a_complaint_closed_late_in_the_evening_is_known_as_closed_that_day(connection):
    """23:30 in New York is 4:30 of the next day in UTC; on the evening itself it is settled, and not before."""
    facts = pd.DataFrame({"customer_id": ["a"], "timestamp": ["2024-01-02 09:00"], "amount": [1.0]})
    complaint = facts.drop(columns="amount").assign(channel="call", kind="complaint", closed_at="2024-01-09 23:30")
    tables = open_ledger(FrameSource(facts, contacts=complaint, time_zone=NEW_YORK), connection).tables
    days = [date(2024, 1, 8), date(2024, 1, 9), date(2024, 1, 10)]
    rows = customer_features(tables, days, ["complaints"]).order_by("as_of").to_pyarrow().to_pylist()
    assert [row["complaints_open"] for row in rows] == [1, 0, 0]
    assert [row["complaint_days_to_close"] for row in rows] == [None, 7, 7]
