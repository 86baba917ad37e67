"""The facts of profit on a ledger that can be added up by hand."""

from datetime import date

import numpy as np
import pytest

from patronage.errors import ConfigError
from patronage.value.bridge import realised_between
from patronage.value.profit_facts import profit_facts
from value_ledgers import by_hand

AS_OF = date(2024, 1, 28)


def test_margins_contacts_and_costs_by_hand():
    facts = profit_facts(by_hand(), AS_OF, "day")
    frame = facts.frame
    # A: (100 - 60) + (20 - 5) = 55 on the first day; 50 - 20 less the return of 50 - 15 is -5 for the second purchase.
    assert frame.loc["A", ["purchase_days", "margin_mean"]].tolist() == [2, 25]
    assert frame.loc["A", "margin_scatter"] == pytest.approx(30**2 + 30**2)
    assert frame.loc["B", ["purchase_days", "margin_mean", "margin_scatter"]].tolist() == [1, -15, 0]
    assert frame.loc["A", ["contacts", "contact_cost_mean", "contact_cost_scatter"]].tolist() == [2, 6, 18]
    assert frame["contacts"].tolist() == [2, 1, 0]
    # A on the 1st and 5th, the call of the 29th not being known yet; B on the 3rd and 4th.
    assert frame["last_contact"].tolist() == [4, 1, 0]
    assert frame["margin_lowest"].tolist() == [-5, -15, 6]
    assert frame["campaign_cost"].tolist() == [0, 0, 1.5]
    assert frame.loc["A", ["frequency", "recency", "T"]].tolist() == [1, 9, 27]
    assert frame["acquisition_cost"].tolist()[0::2] == [5, 2]
    assert np.isnan(frame.loc["B", "acquisition_cost"])
    assert facts.words == (
        "margin: margin of the ledger; cost to serve: cost of contacts of the ledger; "
        "acquisition: acquisition cost of the ledger"
    )


def test_nothing_after_the_date_is_known():
    early = profit_facts(by_hand(), date(2024, 1, 11), "day").frame
    assert early.index.tolist() == ["A", "B"]
    # The return of the 12th has not come yet.
    assert early.loc["A", "margin_mean"] == pytest.approx((55 + 30) / 2)
    assert early["contacts"].tolist() == [2, 1]


def test_what_came_between_two_dates():
    tables = by_hand()
    early, late = (profit_facts(tables, date(2024, 1, day), "day").frame for day in (11, 28))
    came = realised_between(early, late)
    # A: the return, -35. B: nothing. C: 6 less a voucher of 1.50 and 2 for winning her.
    assert came.to_dict() == pytest.approx({"A": -35.0, "B": 0.0, "C": 2.5})


@pytest.mark.parametrize(("rate", "margin", "words"), [
    (None, 85.0, "revenue, no costs are known"), (0.3, 25.5, "assumed margin 30%"),
])  # fmt: skip
def test_without_costs_every_figure_says_so(rate, margin, words):
    tables = by_hand(contacts=False, cost=False, campaigns=False)
    facts = profit_facts(tables, date(2024, 1, 11), "day", assumed_margin_rate=rate)
    assert facts.basis["margin"] == words
    assert facts.basis["cost to serve"] == "none, the ledger has no contacts"
    assert facts.frame.loc["A", "margin_mean"] == pytest.approx(margin)
    assert facts.frame["contacts"].tolist() == [0, 0]


def test_contacts_without_a_cost_take_a_stated_one():
    tables = by_hand()
    bare = type(tables)(tables.transactions, tables.customers, tables.contacts.drop("cost"), None)
    facts = profit_facts(bare, AS_OF, "day", cost_by_channel={"call": 12.0})
    assert facts.frame["contact_cost_mean"].tolist() == [6.0, 12.0, 0.0]
    assert facts.basis["cost to serve"] == "stated cost of a contact: call 12"


def test_lines_without_a_cost_take_the_rate_of_the_others_and_are_counted():
    tables = by_hand()
    unknown = tables.transactions.mutate(
        cost_of_goods=(tables.transactions.customer_id == "C").ifelse(None, tables.transactions.cost_of_goods)
    )
    facts = profit_facts(type(tables)(unknown, tables.customers, tables.contacts, None), AS_OF, "day")
    # Of the others: 160 of sales with 125 of costs, 21.875 %.
    assert facts.frame.loc["C", "margin_mean"] == pytest.approx(10 * 0.21875)
    assert "1 of 6 lines without one at the rate of the others, 21.9%" in facts.basis["margin"]


def test_a_margin_rate_is_a_share():
    with pytest.raises(ConfigError, match="between 0 and 1"):
        profit_facts(by_hand(), AS_OF, assumed_margin_rate=30)
