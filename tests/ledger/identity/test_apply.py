"""Joining and taking apart again: no row is lost or doubled, no value changes, and every merge follows its rule."""

from collections import Counter
from datetime import date, datetime
from decimal import Decimal

import ibis
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from patronage.errors import ContractError
from patronage.ledger.identity.apply import SOURCE, apply_links, several_contracts, unlink
from patronage.ledger.tables import LedgerTables

CONNECTION = ibis.duckdb.connect(threads=1)

IDS = ["a", "b", "c", "d", "ä b", "A", "1", "01", "'; --"]

MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2021, 1, 1)).map(lambda moment: moment.replace(microsecond=0))

FACTS = {
    "transactions": pa.schema(
        [("customer_id", pa.string()), ("timestamp", pa.timestamp("us")), ("amount", pa.float64())]
    ),
    "contacts": pa.schema([("customer_id", pa.string()), ("timestamp", pa.timestamp("us")), ("kind", pa.string())]),
    "campaigns": pa.schema([("customer_id", pa.string()), ("timestamp", pa.timestamp("us")), ("treated", pa.int64())]),
}
VALUES = {
    "amount": st.integers(-10_000, 10_000).map(lambda cents: cents / 100),
    "kind": st.sampled_from(["visit", None]),
    "treated": st.integers(0, 1),
}

CUSTOMERS = pa.schema([
    ("acquired_at", pa.timestamp("us")), ("customer_id", pa.string()), ("acquisition_cost", pa.float64()),
    ("acquisition_channel", pa.string()), ("contract_start", pa.date32()), ("contract_end", pa.date32()),
    ("plan", pa.string()), ("price", pa.float64()), ("shoe_size", pa.int64()),
])  # fmt: skip


def maybe(strategy):
    return st.none() | strategy


@st.composite
def facts(draw, name):
    third = FACTS[name].names[2]
    row = st.fixed_dictionaries({"customer_id": st.sampled_from(IDS), "timestamp": MOMENTS, third: VALUES[third]})
    return pa.Table.from_pylist(draw(st.lists(row, max_size=15)), FACTS[name])


@st.composite
def customers(draw):
    days = st.dates(date(2019, 1, 1), date(2021, 1, 1))
    rows = [
        {
            "customer_id": customer,
            "acquired_at": draw(maybe(MOMENTS)),
            "acquisition_cost": draw(maybe(st.integers(0, 999).map(lambda cents: cents / 100))),
            "acquisition_channel": draw(maybe(st.sampled_from(["web", "shop"]))),
            "contract_start": draw(maybe(days)),
            "contract_end": draw(maybe(days)),
            "plan": draw(maybe(st.sampled_from("SML"))),
            "price": draw(maybe(st.integers(1, 50).map(float))),
            "shoe_size": draw(maybe(st.integers(35, 48))),
        }
        for customer in draw(st.lists(st.sampled_from(IDS), unique=True))
    ]
    return pa.Table.from_pylist(rows, CUSTOMERS)


@st.composite
def links(draw):
    """Some of the ids in groups of two and more, each group in a random order of its members."""
    group = {customer: draw(st.integers(0, 4)) for customer in draw(st.permutations(IDS))}
    rows = []
    for number in set(group.values()):
        members = [customer for customer, of in group.items() if of == number]
        if number and len(members) > 1:
            rows += [
                {"customer_id": member, "person_id": members[0], "position": place}
                for place, member in enumerate(members, start=1)
            ]
    schema = pa.schema([("customer_id", pa.string()), ("person_id", pa.string()), ("position", pa.int64())])
    return pa.Table.from_pylist(rows, schema)


def held(table):
    return CONNECTION.create_table(ibis.util.gen_name("given"), table, temp=True)


def rows_of(table):
    """Rows as a bag: nothing is said of their order."""
    return Counter(tuple(row.items()) for row in table.to_pyarrow().to_pylist())


@limits(max_examples=40)
@given(facts("transactions"), customers(), facts("contacts"), facts("campaigns"), links())
def test_no_row_is_lost_or_doubled_and_all_can_be_taken_back(transactions, customers, contacts, campaigns, links):
    tables = LedgerTables(*(held(table) for table in (transactions, customers, contacts, campaigns)))
    linked = apply_links(tables, links)
    person = {row["customer_id"]: row["person_id"] for row in links.to_pylist()}
    for name, given_rows in (("transactions", transactions), ("contacts", contacts), ("campaigns", campaigns)):
        expected = Counter(
            tuple(
                {
                    **row,
                    "customer_id": person.get(row["customer_id"], row["customer_id"]),
                    SOURCE: row["customer_id"],
                }.items()
            )
            for row in given_rows.to_pylist()
        )
        assert rows_of(linked.present[name]) == expected
    if transactions.num_rows:
        cents = linked.transactions.amount.cast("decimal(18, 2)").sum().execute()
        assert cents == sum(Decimal(str(row)) for row in transactions["amount"].to_pylist())
    merged = linked.customers.to_pyarrow()
    assert merged.schema.names == [*CUSTOMERS.names, SOURCE]
    assert merged.schema.types[:-1] == CUSTOMERS.types
    assert rows_of(linked.customers) == Counter(tuple(row.items()) for row in merged_by_hand(customers, links))
    back = unlink(linked)
    for name, table in back.present.items():
        assert table.columns == tables.present[name].columns
        assert rows_of(table) == rows_of(tables.present[name])
    assert several_contracts(linked) == contracts_by_hand(customers, person)


def merged_by_hand(customers, links):
    """The rules of merging in plain Python."""
    place = {row["customer_id"]: (row["person_id"], row["position"]) for row in links.to_pylist()}
    records = {}
    for row in customers.to_pylist():
        person, position = place.get(row["customer_id"], (row["customer_id"], 1))
        records.setdefault(person, []).append((position, row))
    for person, found in records.items():
        found = [row for _, row in sorted(found, key=lambda record: record[0])]
        row = {name: next((row[name] for row in found if row[name] is not None), None) for name in CUSTOMERS.names}
        row["acquired_at"] = min((each["acquired_at"] for each in found if each["acquired_at"]), default=None)
        costs = [Decimal(str(each["acquisition_cost"])) for each in found if each["acquisition_cost"] is not None]
        row["acquisition_cost"] = float(sum(costs)) if costs else None
        contract = ("contract_start", "contract_end", "plan", "price")
        dated = [each for each in found if each["contract_start"] is not None]
        undated = [each for each in found if any(each[name] is not None for name in contract)]
        first = min(dated, key=lambda each: each["contract_start"]) if dated else (undated or found)[0]
        row |= {name: first[name] for name in contract}
        yield {**row, "customer_id": person, SOURCE: found[0]["customer_id"]}


def contracts_by_hand(customers, person):
    starts = {}
    for row in customers.to_pylist():
        if row["contract_start"] is not None:
            starts.setdefault(person.get(row["customer_id"], row["customer_id"]), set()).add(row["contract_start"])
    return sum(len(each) > 1 for each in starts.values())


@pytest.fixture
def two(ledger):
    return ledger({"customer_id": ["a", "b"], "town": ["x", "y"]})


def test_tables_that_are_not_there_stay_away(two):
    links = pd.DataFrame({"customer_id": ["a", "b"], "person_id": ["b", "b"], "position": [2, 1]})
    linked = apply_links(LedgerTables(two.transactions), links)
    assert list(linked.present) == ["transactions"]
    assert linked.transactions.customer_id.execute().tolist() == ["b", "b"]
    assert list(unlink(linked).present) == ["transactions"]


def test_links_are_not_applied_twice(two):
    links = pd.DataFrame({"customer_id": ["a", "b"], "person_id": ["b", "b"], "position": [2, 1]})
    with pytest.raises(ContractError, match=rf"transactions, customers of this ledger have a column {SOURCE}"):
        apply_links(apply_links(two, links), links)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", "b", 2), ("b", "b", 1), ("a", "c", 2), ("c", "c", 1)], "1 ids .* linked more than once. First: a"),
        (
            [("a", "b", 2), ("b", "c", 2), ("c", "c", 1)],
            "1 ids .* stand for a person and are linked with another. First: b",
        ),
        ([("a", "b", 2)], "1 ids .* have no row of their own. First: b"),
        ([("a", "a", None)], "lack an id or a position. First: a"),
    ],
)
def test_links_that_would_double_or_lose_rows_are_refused(two, rows, message):
    links = pd.DataFrame(rows, columns=["customer_id", "person_id", "position"]).astype({"position": "Int64"})
    with pytest.raises(ContractError, match=message):
        apply_links(two, links)
