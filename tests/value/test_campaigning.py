"""Campaigns in the future of a statement, and which campaign won whom: by hand."""

from dataclasses import replace

import ibis
import pandas as pd
import pytest

from patronage.value.campaign_uplift import CampaignUplift
from patronage.value.profit_terms import ProfitTerms
from patronage.value.statement.campaigning import Campaigning
from patronage.value.statement.winning_campaign import winning_campaign
from value_ledgers import by_hand

UPLIFT = CampaignUplift(0.08, 0.02, 5)


def test_campaigns_that_go_on_take_nothing_off():
    going_on = Campaigning(2.0, 2.0, False, UPLIFT)
    assert going_on.ending == 0
    assert going_on.told(ProfitTerms()).purchases_lost == 0
    said = " ".join(going_on.sentences)
    assert "caused 8.0 % of purchases after the first (standard error 2.0)" in said
    assert "as they go on" in said
    assert "2.00 for each customer who is there" in said


@pytest.mark.parametrize(("planned", "ending"), [(0.0, 1.0), (0.5, 0.75), (2.0, 0.0), (5.0, 0.0)])
def test_as_much_is_taken_off_as_is_not_spent_any_more(planned, ending):
    planning = Campaigning(2.0, planned, True, UPLIFT)
    assert planning.ending == pytest.approx(ending)
    told = planning.told(ProfitTerms())
    assert (told.purchases_lost, told.purchases_lost_error) == pytest.approx((0.08 * ending, 0.02 * ending))
    assert ("are taken off" in " ".join(planning.sentences)) == (ending > 0)


def test_campaigns_without_cost_end_only_where_none_is_stated():
    assert Campaigning(0.0, 0.0, True, UPLIFT).ending == 1
    assert Campaigning(0.0, 3.0, True, UPLIFT).ending == 0
    assert Campaigning(0.0, 0.0, False, UPLIFT).ending == 0


def test_waves_without_control_are_said_to_tell_nothing():
    blind = Campaigning(1.0, 0.0, True, CampaignUplift(0.0, 0.0, 0))
    assert blind.told(ProfitTerms()).purchases_lost == 0
    assert "cannot be told" in " ".join(blind.sentences)
    assert Campaigning(0.0, 0.0, False, None).sentences == []


FIRST = pd.Series(pd.to_datetime(["2024-05-01"] * 4), index=["a", "b", "c", "d"], name="first_day")


def reached(*rows):
    table = pd.DataFrame(rows, columns=["customer_id", "timestamp", "action", "treated"])
    table["timestamp"] = pd.to_datetime(table["timestamp"])
    return replace(by_hand(campaigns=False), campaigns=ibis.memtable(table))


def test_the_last_campaign_before_the_first_purchase_won_the_customer():
    ledger = reached(
        ("a", "2024-03-01", "poster", 1),
        ("a", "2024-04-20", "letter", 1),
        ("a", "2024-05-02", "voucher", 1),
        ("b", "2024-04-20", "letter", 0),
        ("c", "2024-01-01", "poster", 1),
        ("d", "2024-05-01", "poster", 1),
    )
    assert winning_campaign(ledger, FIRST).to_dict() == {"a": "letter", "b": "none", "c": "none", "d": "poster"}


def test_a_campaign_of_the_same_day_won_nobody_who_had_bought():
    """Unless purchases have no time of day: then a day is all that is known."""
    first = pd.Series(pd.to_datetime(["2024-05-01"] * 2), index=["a", "b"], name="first_day")
    campaigns = reached(("a", "2024-05-01 09:00:00", "call", 1), ("b", "2024-05-01 09:00:00", "call", 1))

    def bought(*times):
        rows = {"customer_id": ["a", "b"], "timestamp": pd.to_datetime([f"2024-05-01 {time}" for time in times])}
        return replace(campaigns, transactions=ibis.memtable(pd.DataFrame({**rows, "amount": 10.0})))

    assert winning_campaign(bought("08:53:59", "09:00:01"), first).to_dict() == {"a": "none", "b": "call"}
    assert winning_campaign(bought("00:00:00", "00:00:00"), first).to_dict() == {"a": "call", "b": "call"}


def test_midnight_is_that_of_the_zone_of_the_ledger():
    """Days alone in Berlin: midnights of winter are 23:00, and of summer 22:00, of the day before in UTC."""
    first = pd.Series(pd.to_datetime(["2024-01-10", "2024-06-10"]), index=["a", "b"], name="first_day")
    facts = [("a", "2024-01-10 08:00:00", "call", 1), ("b", "2024-06-10 07:00:00", "call", 1)]
    campaigns = reached(*facts)

    def bought(*moments):
        rows = {"customer_id": ["a", "b"], "timestamp": pd.to_datetime(moments), "amount": 10.0}
        return replace(campaigns, transactions=ibis.memtable(pd.DataFrame(rows)))

    days = bought("2024-01-09 23:00:00", "2024-06-09 22:00:00")
    assert winning_campaign(days, first, "Europe/Berlin").to_dict() == {"a": "call", "b": "call"}
    in_utc = bought("2024-01-10 00:00:00", "2024-06-10 00:00:00")
    assert winning_campaign(in_utc, first, "Europe/Berlin").to_dict() == {"a": "call", "b": "call"}
    times = bought("2024-01-09 23:00:00", "2024-06-09 22:30:00")
    assert winning_campaign(times, first, "Europe/Berlin") is None
    # In Cairo the 26th of April 2024 began at one, because clocks were put forward at midnight.
    day = bought("2024-01-09 22:00:00", "2024-04-25 22:00:00")
    on = first.where(first.index == "a", pd.Timestamp("2024-04-26"))
    there = replace(day, campaigns=reached(facts[0], ("b", "2024-04-26 07:00:00", "call", 1)).campaigns)
    assert winning_campaign(there, on, "Africa/Cairo").to_dict() == {"a": "call", "b": "call"}


def test_of_campaigns_of_one_moment_the_last_by_alphabet_stands_for_them():
    ledger = reached(
        ("a", "2024-04-20", "poster", 1), ("a", "2024-04-20", "letter", 1), ("b", "2024-04-20", "letter", 1)
    )
    assert winning_campaign(ledger, FIRST).to_dict() == {"a": "poster", "b": "letter", "c": "none", "d": "none"}


def test_what_the_source_names_comes_first_and_without_either_there_is_nothing():
    named = pd.DataFrame({"customer_id": ["a", "b"], "acquisition_campaign": ["spring", None]})
    ledger = replace(reached(("a", "2024-04-20", "letter", 1)), customers=ibis.memtable(named))
    assert winning_campaign(ledger, FIRST).to_dict() == {
        "a": "spring", "b": "unknown", "c": "unknown", "d": "unknown"
    }  # fmt: skip
    assert winning_campaign(reached(("a", "2024-05-02", "voucher", 1)), FIRST) is None
    assert winning_campaign(by_hand(campaigns=False), FIRST) is None
