"""What of the contract is a matter of choice: limits, currencies, refunds by order; and what is expected."""

from datetime import date

import pandas as pd
import pytest

from patronage import open_ledger
from patronage.errors import ConfigError, ContractError
from patronage.ledger.purchases import purchase_days
from patronage.ledger.rules import ContractRules, share_of
from patronage.ledger.tables_source import FrameSource


def frame(*rows):
    names = ["customer_id", "timestamp", "amount", "order_id", "currency"]
    return pd.DataFrame(rows, columns=names[: len(rows[0])])


def opened(connection, *rows, share=1.0, tolerated=(), **rules):
    source = FrameSource(frame(*rows), tolerated=tolerated)
    return open_ledger(source, connection, max_set_aside_share=share, rules=ContractRules(**rules))


def test_amounts_beyond_the_limit_are_set_aside(connection):
    amounts = [100.0, 100.01, -100.0, -100.01, 1e13, float("inf")]
    ledger = opened(connection, *(("a", "2024-02-29", amount) for amount in amounts), largest_amount=100)
    assert sorted(ledger.transactions.amount.execute()) == [-100.0, 100.0]
    assert ledger.account.reasons == {
        "amount out of range": 1, "amount not finite": 1, "amount larger than allowed": 4
    }  # fmt: skip


def test_days_after_the_latest_are_set_aside(connection):
    rows = (("a", moment, 1.0) for moment in ("2024-02-29 23:59:59", "2024-03-01", "2999-01-01"))
    ledger = opened(connection, *rows, latest=date(2024, 2, 29))
    assert ledger.account.rows_used == 1
    assert ledger.account.reasons == {"timestamp out of range": 1, "later than 2024-02-29": 2}


MONEY = [("a", "2024-02-29", 1.0, "o", code) for code in ("EUR", "EUR", "USD", None)]


def test_several_currencies_are_refused_unless_one_is_chosen(connection):
    with pytest.raises(ContractError, match=r"2 currencies: EUR 2 rows, USD 1 row\..*contract\.currency") as caught:
        opened(connection, *MONEY)
    assert caught.value.counts == {"EUR": 2, "USD": 1}
    ledger = opened(connection, *MONEY, currency="EUR")
    assert ledger.account.reasons == {"currency missing": 1, "currency not EUR": 1}
    assert ledger.account.rows_used == 2
    assert opened(connection, *MONEY[:2]).account.rows_used == 2


ORDERS = [
    ("a", "2024-01-01", 10.0, "1"),
    ("a", "2024-01-05", 20.0, "1"),
    ("a", "2024-01-09", -4.0, "1"),  # of the order's first day
    ("a", "2024-01-20", 7.0, "2"),
    ("a", "2024-01-20", -30.0, None),  # of no order: nets with its own day
    ("a", "2024-02-01", -1.0, "9"),  # of an order that is not in the ledger
    ("b", "2024-01-02", -2.0, "1"),  # another customer's order of the same number
    ("b", "2024-01-03", 5.0, "1"),  # bought after the refund
]


def spends(transactions, **until):
    rows = purchase_days(transactions, **until).order_by("customer_id", "day").to_pyarrow().to_pylist()
    return [(row["customer_id"], f"{row['day']:%m-%d}", float(row["spend"])) for row in rows]


def test_refunds_are_netted_with_their_own_day(connection):
    ledger = opened(connection, *ORDERS)
    assert spends(ledger.transactions) == [
        ("a", "01-01", 10.0), ("a", "01-05", 20.0), ("a", "01-20", -23.0), ("b", "01-03", 5.0)
    ]  # fmt: skip
    assert (ledger.account.lone_refunds, ledger.account.lone_refunds_amount) == (3, -7.0)


def test_refunds_are_netted_with_their_order_from_their_own_day_on(connection):
    ledger = opened(connection, *ORDERS, refunds="order")
    assert spends(ledger.transactions) == [
        ("a", "01-01", 6.0), ("a", "01-05", 20.0), ("a", "01-20", -23.0), ("b", "01-03", 5.0)
    ]  # fmt: skip
    assert spends(ledger.transactions, until=date(2024, 1, 8))[0] == ("a", "01-01", 10.0)
    assert spends(ledger.transactions, until=date(2024, 1, 9))[0] == ("a", "01-01", 6.0)
    assert (ledger.account.lone_refunds, ledger.account.lone_refunds_amount) == (2, -3.0)
    assert ledger.account.rows_used == ledger.transactions.count().execute() == len(ORDERS)
    assert ledger.transactions.amount.sum().execute() == sum(row[2] for row in ORDERS)


def test_reasons_that_are_expected_do_not_count_against_the_share(connection):
    rows = [(None, "2024-02-29", 1.0)] * 3 + [("a", "2024-02-29", 1.0)] * 6 + [(None, "soon", 1.0)]
    ledger = opened(connection, *rows, tolerated=["customer_id missing"], share=0.1)
    account = ledger.account
    assert (account.rows_set_aside, account.tolerated, account.share_set_aside) == (4, 3, 0.1)
    with pytest.raises(ContractError, match=r"1 of 10 rows .*\(10.0%, not counting 3 that are expected\)"):
        opened(connection, *rows, tolerated=["customer_id missing"], share=0.09)
    with pytest.raises(ContractError, match="so none is left"):
        opened(connection, *rows[:3], tolerated=["customer_id missing"])


def test_money_is_accounted_for_to_the_cent(connection):
    rows = [("a", "2024-02-29", 0.1)] * 30 + [("a", "2024-02-29", -0.7), (None, "2024-02-29", 0.3), (None, "x", -5.0)]
    account = opened(connection, *rows, (None, "2024-02-29", float("inf"))).account
    used, aside = account.money_used, account.money_set_aside
    assert (used.rows, used.amount, used.refunds, used.refunds_amount) == (31, 2.3, 1, -0.7)
    assert (aside.rows, aside.amount, aside.refunds, aside.refunds_amount) == (2, -4.7, 1, -5.0)


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ({"duplicates": "merge"}, "contract.duplicates must be keep, flag or drop"),
        ({"refunds": "month"}, "contract.refunds must be day or order"),
        ({"largest_amount": 0}, "contract.largest_amount must be a positive number"),
        ({"largest_amount": float("nan")}, "contract.largest_amount must be a positive number"),
    ],
)
def test_rules_that_do_not_fit_are_refused(rules, complaint):
    with pytest.raises(ConfigError, match=complaint):
        ContractRules(**rules)


def test_shares_by_table():
    assert share_of("contacts", {"transactions": 0.1}, "x") == share_of("contacts", 0.1, "x") == 0.1
    assert share_of("contacts", {"transactions": 0.1, "contacts": 0.3}, "x") == 0.3
    for wrong in ({"contacts": 0.1}, {"transactions": 0.1, "sales": 0.2}, {"transactions": 2}, -0.1, float("nan")):
        with pytest.raises(ConfigError, match=r"x (by table )?must"):
            share_of("contacts", wrong, "x")
