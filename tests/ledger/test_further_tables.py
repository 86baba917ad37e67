"""Customers, contacts and campaigns are held to contracts of their own, each row with its reasons."""

from datetime import date, datetime

import pandas as pd
import pytest

from patronage import FilesSource, open_ledger
from patronage.errors import ContractError, SourceError
from patronage.ledger.tables_source import FrameSource

SALES = pd.DataFrame({"customer_id": ["a", "b"], "timestamp": "2024-02-29", "amount": [1.0, 2.0]})


def opened(connection, share=1.0, **tables):
    return open_ledger(FrameSource(SALES, **tables), connection, max_set_aside_share=share)


def reasons(ledger, table):
    rows = ledger.set_aside.filter(ledger.set_aside.table == table).to_pyarrow().to_pylist()
    account = ledger.accounts[table]
    assert account.rows_in == account.rows_used + account.rows_set_aside
    assert account.rows_set_aside == len(rows)
    assert account.rows_used == getattr(ledger.tables, table).count().execute()
    return {row["source_row"]: row["reasons"] for row in rows}


def test_customers(connection):
    good = {
        "customer_id": "a", "acquired_at": "2023-01-02 03:04", "acquisition_channel": " web ", "acquisition_cost": "2",
        "contract_start": "2023-01-02", "contract_end": "9999-12-31", "plan": "", "price": "9.5",
    }  # fmt: skip
    bad = {
        "acquired_at": "soon", "acquisition_cost": "-1", "contract_start": "2023-02-30", "contract_end": "2022-12-31",
        "price": "free",
    }  # fmt: skip
    rows = [good, *({**good, "customer_id": str(number), key: bad[key]} for number, key in enumerate(bad))]
    rows += [{**good, "customer_id": " "}, {**good, "customer_id": "n", "acquisition_cost": "nan", "price": "1e12"}]
    ledger = opened(connection, customers=pd.DataFrame(rows))
    assert reasons(ledger, "customers") == {
        2: "acquired_at not a date",
        3: "acquisition_cost negative",
        4: "contract_start not a date",
        5: "contract_end before contract_start",
        6: "price not a number",
        7: "customer_id missing",
        8: "acquisition_cost not finite; price out of range",
    }
    (row,) = ledger.tables.customers.to_pyarrow().to_pylist()
    assert row == {
        "customer_id": "a", "acquired_at": datetime(2023, 1, 2, 3, 4), "acquired_day": date(2023, 1, 2),
        "acquisition_channel": "web",
        "acquisition_cost": 2.0, "contract_start": date(2023, 1, 2), "contract_end": date(9999, 12, 31), "plan": None,
        "price": 9.5,
    }  # fmt: skip


def test_a_customer_has_one_row_and_it_is_the_first_that_fits(connection):
    frame = pd.DataFrame({"customer_id": ["a", "b", "a", "b", "a", "c"], "acquisition_cost": [-1, 2, 3, 2, 4, 5]})
    ledger = opened(connection, customers=frame)
    again = "customer_id more than once"
    assert reasons(ledger, "customers") == {1: "acquisition_cost negative", 4: again, 5: again}
    rows = ledger.tables.customers.order_by("customer_id").to_pyarrow().to_pylist()
    assert [row["acquisition_cost"] for row in rows] == [3.0, 2.0, 5.0]
    assert ledger.accounts["customers"].reasons == {"acquisition_cost negative": 1, again: 2}


def test_attributes_are_text_or_numbers(connection):
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "Region": [" x ", None],
            "age": [30, 40.5],
            "vip": [True, False],
            "zip": ["01", "2"],
        }
    )
    ledger = opened(connection, customers=frame)
    rows = ledger.tables.customers.order_by("customer_id").to_pyarrow().to_pylist()
    assert rows == [
        {"customer_id": "a", "Region": "x", "age": 30.0, "vip": 1.0, "zip": "01"},
        {"customer_id": "b", "Region": None, "age": 40.5, "vip": 0.0, "zip": "2"},
    ]


def test_attributes_of_files_are_named_and_may_be_numbers(connection, tmp_path):
    SALES.to_csv(tmp_path / "sales.csv", index=False)
    (tmp_path / "people.csv").write_text("nr,Alter,Ort,x\na,30,Bonn,1\nb,alt,Köln,2\nc,,,3\n")
    people = {
        "path": tmp_path / "people.csv",
        "columns": {"customer_id": "nr"},
        "attributes": {"age": {"column": "Alter", "type": "number"}, "town": "Ort"},
    }
    ledger = open_ledger(FilesSource(str(tmp_path / "sales.csv"), customers=people), connection, 1.0)
    assert reasons(ledger, "customers") == {2: "attribute not a number"}
    rows = ledger.tables.customers.order_by("customer_id").to_pyarrow().to_pylist()
    assert rows == [
        {"customer_id": "a", "age": 30.0, "town": "Bonn"},
        {"customer_id": "c", "age": None, "town": None},
    ]


def test_contacts(connection):
    good = {
        "customer_id": "a", "timestamp": "2024-02-29 10:00", "channel": "call", "kind": "complaint", "cost": 4.5,
        "duration_minutes": 12.0, "satisfaction": 3.0, "closed_at": "2024-03-01 09:00",
    }  # fmt: skip
    bad = {
        "customer_id": None, "timestamp": "", "channel": None, "kind": "", "cost": -1.0, "duration_minutes": -0.5,
        "satisfaction": float("inf"), "closed_at": "2024-02-29 09:59",
    }  # fmt: skip
    rows = [
        good,
        *({**good, key: value} for key, value in bad.items()),
        {**good, "closed_at": None, "satisfaction": None},
    ]
    ledger = opened(connection, contacts=pd.DataFrame(rows))
    assert reasons(ledger, "contacts") == {
        2: "customer_id missing",
        3: "timestamp missing",
        6: "cost negative",
        7: "duration_minutes negative",
        8: "satisfaction not finite",
        9: "closed_at before timestamp",
    }
    found = ledger.tables.contacts.to_pyarrow().to_pylist()
    assert len(found) == 4
    assert {row["day"] for row in found} == {date(2024, 2, 29)}
    assert sorted(row["satisfaction"] is None for row in found) == [False, False, False, True]


@pytest.mark.parametrize(
    ("treated", "response", "expected"),
    [
        (["1", "0", "2", "", "yes", "1.0"], None, {3: "not 0 or 1", 4: "missing", 5: "not 0 or 1"}),
        ([True, False, True], [True, None, False], {}),
        ([1.0, 0.0, 0.5, float("nan")], None, {3: "not 0 or 1", 4: "missing"}),
        (["true", "FALSE", "t"], None, {3: "not 0 or 1"}),
    ],
)
def test_arms_of_campaigns_are_0_or_1(connection, treated, response, expected):
    frame = pd.DataFrame({"customer_id": "a", "timestamp": "2024-02-29", "action": "mail", "treated": treated})
    if response is not None:
        frame["response"] = pd.array(response, dtype="boolean")
    ledger = opened(connection, campaigns=frame)
    assert reasons(ledger, "campaigns") == {row: f"treated {reason}" for row, reason in expected.items()}
    assert set(ledger.tables.campaigns.treated.execute()) == {0, 1}


def test_arms_of_campaigns_may_have_other_codes(connection):
    frame = pd.DataFrame({"customer_id": "a", "timestamp": "2024-02-29", "action": "mail", "arm": ["T", "C", "?"]})
    columns = {
        "customer_id": "customer_id", "timestamp": "timestamp", "action": "action",
        "treated": {"column": "arm", "values": {"T": 1, "C": False}},
    }  # fmt: skip
    ledger = open_ledger(FrameSource(SALES, campaigns=frame, columns={"campaigns": columns}), connection, 1.0)
    assert reasons(ledger, "campaigns") == {3: "treated not 0 or 1"}
    assert sorted(ledger.tables.campaigns.treated.execute()) == [0, 1]


def test_each_table_has_its_own_share_of_bad_rows(connection):
    contacts = pd.DataFrame(
        {"customer_id": ["a", None], "timestamp": "2024-02-29", "channel": "call", "kind": "service"}
    )
    with pytest.raises(
        ContractError, match=r"1 of 2 rows of the frame of contacts \(50.0%\).*ledger\.contacts\.columns"
    ):
        opened(connection, share=0.4, contacts=contacts)
    ledger = opened(connection, share={"transactions": 0.0, "contacts": 0.5}, contacts=contacts)
    assert ledger.accounts["contacts"].share_set_aside == 0.5


def test_only_transactions_have_to_hold_rows(connection):
    contacts = pd.DataFrame({"customer_id": [], "timestamp": [], "channel": [], "kind": []}, dtype=str)
    ledger = opened(connection, contacts=contacts)
    assert ledger.accounts["contacts"].rows_in == 0
    assert ledger.tables.customers is None
    with pytest.raises(SourceError, match="holds no transactions"):
        open_ledger(FrameSource(SALES[:0]), connection)


def test_further_files_take_over_how_text_is_written(connection, tmp_path):
    (tmp_path / "sales.csv").write_text("c;t;a\n1;29.02.2024;1,5\n")
    (tmp_path / "calls.csv").write_text("c;t;k;p\n1;01.03.2024;service;0,5\n")
    (tmp_path / "mails.csv").write_text("c,t,x,y\n1,2024-03-02,letter,1\n")
    source = FilesSource(
        str(tmp_path / "sales.csv"), {"customer_id": "c", "timestamp": "t", "amount": "a"}, timestamp_format="%d.%m.%Y",
        delimiter=";", decimal=",",
        contacts={
            "path": str(tmp_path / "calls.csv"),
            "columns": {
                "customer_id": "c", "timestamp": "t", "channel": {"constant": "call"}, "kind": "k", "cost": "p"
            },
        },
        campaigns={
            "path": str(tmp_path / "mails.csv"), "delimiter": ",", "timestamp_format": "%Y-%m-%d",
            "columns": {"customer_id": "c", "timestamp": "t", "action": "x", "treated": "y"},
        },
    )  # fmt: skip
    ledger = open_ledger(source, connection)
    assert ledger.transactions.amount.execute().tolist() == [1.5]
    assert ledger.tables.contacts.cost.execute().tolist() == [0.5]
    days = [table.day.execute()[0].isoformat()[:10] for table in ledger.tables.present.values()]
    assert days == ["2024-02-29", "2024-03-01", "2024-03-02"]


def test_the_digest_is_that_of_all_tables(connection):
    contacts = pd.DataFrame({"customer_id": ["a"], "timestamp": "2024-02-29", "channel": "call", "kind": "service"})
    one, same, other = (
        opened(connection, contacts=frame).digest for frame in (contacts, contacts.copy(), contacts.assign(kind="x"))
    )
    assert one == same != other
    assert opened(connection).digest not in (one, other)
