"""The whole way from tables to tables: who stands for a person, what is told of it, and what the future may not do."""

from datetime import date

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engines_under_test import engine_under_test
from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger.identity.apply import unlink
from patronage.ledger.identity.exact import ExactLinker
from patronage.ledger.identity.linker import NoLinker
from patronage.ledger.identity.linking import link_ledger, linked
from patronage.ledger.identity.probabilistic import SplinkLinker
from patronage.ledger.identity.schema import LINKS, PAIRS
from patronage.ledger.identity.stored import StoredLinks
from patronage.ledger.tables import LedgerTables

CUSTOMERS = {
    "customer_id": ["a", "b", "c", "d", "e"],
    "email": ["Ａ+1@x.de", "a@X.de ", None, None, "e@x.de"],
    "phone": ["0170 1234567", None, "+49 170-1234567", "(0)170 1234567", None],
    "acquired_at": pd.to_datetime(
        ["2020-01-02", "2020-01-01 12:00", None, "2021-01-01", "2021-01-01"], format="ISO8601"
    ),
    "acquisition_cost": [1.1, 2.2, None, 3.0, 4.0],
}
TRANSACTIONS = {
    "customer_id": ["a", "b", "c", "c", "z"],
    "timestamp": pd.to_datetime(["2020-02-01", "2020-02-01", "2019-12-31", "2020-02-01", "2019-01-01"]),
    "amount": [1.0, 2.0, 4.0, 8.0, 16.0],
}
LINKER = ExactLinker([["email"], ["phone"]], phone_country="49")
LINKED = [
    # c bought before the others were acquired, so it stands for the person although it has no date of acquisition.
    {"customer_id": "c", "person_id": "c", "position": 1, "rule": "person", "evidence": "first seen of 4 ids"},
    {"customer_id": "b", "person_id": "c", "position": 2, "rule": "email", "evidence": "with a: same email"},
    {"customer_id": "a", "person_id": "c", "position": 3, "rule": "phone", "evidence": "with c: same phone"},
    {"customer_id": "d", "person_id": "c", "position": 4, "rule": "phone", "evidence": "with c: same phone"},
]


def test_links_tell_who_by_what_and_in_which_order(ledger):
    linkage = link_ledger(ledger(CUSTOMERS, TRANSACTIONS), LINKER)
    assert linkage.links.to_pylist() == [{**row, "match_probability": 1.0} for row in LINKED]
    assert linkage.links.column_names == list(LINKS.names)
    assert linkage.pairs.column_names == list(PAIRS.names)
    assert linkage.pairs.select(["customer_id_a", "customer_id_b", "rule", "linked", "reason"]).to_pydict() == {
        "customer_id_a": ["a", "a", "a", "c"],
        "customer_id_b": ["b", "c", "d", "d"],
        "rule": ["email", "phone", "phone", "phone"],
        "linked": [1, 1, 1, 1],
        "reason": [None] * 4,
    }
    assert str(linkage.report) == "4 of 5 ids belong to 1 people with several ids (identity=exact), 4 at most"


def test_a_linked_ledger_and_back(ledger):
    tables = ledger(CUSTOMERS, TRANSACTIONS)
    joined, report = linked(tables, LINKER)
    assert (report.customers, report.linked_ids, report.people, report.largest, report.pairs) == (5, 4, 1, 4, 4)
    rows = joined.transactions.order_by("amount").to_pyarrow()
    assert rows["customer_id"].to_pylist() == ["c", "c", "c", "c", "z"]
    assert rows["source_customer_id"].to_pylist() == TRANSACTIONS["customer_id"]
    merged = {row["customer_id"]: row for row in joined.customers.to_pyarrow().to_pylist()}
    assert set(merged) == {"c", "e"}
    assert merged["c"]["acquisition_cost"] == 6.3
    assert str(merged["c"]["acquired_at"]) == "2020-01-01 12:00:00"
    assert merged["c"]["phone"] == "+49 170-1234567"
    again = unlink(joined)
    for name, table in tables.present.items():
        columns = list(table.columns)
        expected = table.order_by(columns).to_pyarrow()
        assert again.present[name].select(columns).order_by(columns).to_pyarrow().equals(expected)


def test_statements_of_any_kind_can_use_the_links(ledger, connection):
    """Tables are also kept by plain SQL, which knows nothing of rows that live in Python."""
    joined, _ = linked(ledger(CUSTOMERS, TRANSACTIONS), LINKER)
    count = connection.raw_sql(f"SELECT count(DISTINCT customer_id) FROM ({connection.compile(joined.transactions)})")
    assert count.fetchall() == [(2,)]


def test_nobody_is_linked(ledger):
    tables = ledger({"customer_id": ["a", "b"], "email": ["a@x.de", "b@x.de"]})
    assert linked(tables, NoLinker())[0] is tables
    same, report = linked(tables, ExactLinker([["email"]]))
    assert same is tables
    assert (report.linked_ids, report.people, report.largest) == (0, 0, 1)
    assert linked(LedgerTables(tables.transactions), NoLinker())[1].linked_ids == 0


def test_a_record_of_the_future_joins_nobody(ledger):
    """Without d, which came in 2021, a and c have no number in common with it; with b out, a is alone."""
    customers = pd.DataFrame(CUSTOMERS)
    customers.loc[0, "phone"] = None
    customers["email"] = ["a@x.de", "b@x.de", None, "a@x.de", None]
    tables = ledger(customers, TRANSACTIONS)
    assert link_ledger(tables, LINKER).report.linked_ids == 3
    for as_of in (date(2020, 12, 31), date(2020, 6, 30)):
        joined, report = linked(tables, LINKER, as_of=as_of)
        assert joined is tables
        assert report.linked_ids == 0
    assert link_ledger(tables, LINKER, as_of=date(2021, 1, 1)).report.linked_ids == 3


def test_what_comes_later_changes_no_earlier_link(ledger):
    later = {name: [*values] for name, values in CUSTOMERS.items()}
    for name, value in zip(CUSTOMERS, ["0", "e@x.de", "0170 1234567", pd.Timestamp("2021-06-01"), 9.0], strict=True):
        later[name].append(value)
    more = {name: [*values] for name, values in TRANSACTIONS.items()}
    for customer in ("0", "b"):
        for name, value in zip(TRANSACTIONS, [customer, pd.Timestamp("2021-02-02"), 1.0], strict=True):
            more[name].append(value)
    as_of = date(2021, 1, 31)
    before = link_ledger(ledger(CUSTOMERS, TRANSACTIONS), LINKER, as_of)
    after = link_ledger(ledger(later, more), LINKER, as_of)
    assert after.links.equals(before.links)
    assert link_ledger(ledger(later, more), LINKER).report.linked_ids == 6


def test_a_group_too_large_is_reported_and_left_apart(ledger):
    ids = [f"{number:02d}" for number in range(8)]
    tables = ledger({"customer_id": ids, "email": ["x@y.de"] * 8})
    linkage = link_ledger(tables, ExactLinker([["email"]], max_component=5))
    assert linkage.links.num_rows == 0
    assert linkage.report.left_out == 28
    assert linkage.report.oversized == ((8, 8),)
    assert set(linkage.pairs["reason"].to_pylist()) == {"its group of ids is too large"}
    assert "1 groups of up to 8 ids were too large to be one person" in str(linkage.report)


def test_links_found_before_are_applied_as_they_stand(ledger, tmp_path):
    tables = ledger(CUSTOMERS, TRANSACTIONS)
    path = tmp_path / "links.parquet"
    pq.write_table(link_ledger(tables, LINKER).links, path)
    direct, _ = linked(tables, LINKER)
    stored, report = linked(tables, StoredLinks(str(path)))
    assert (report.linked_ids, report.people, report.largest) == (4, 1, 4)
    for name in ("transactions", "customers"):
        rows = [table.present[name].order_by(table.present[name].columns).to_pyarrow() for table in (direct, stored)]
        assert rows[0].equals(rows[1])


def test_links_of_another_system_need_no_positions(tmp_path):
    path = tmp_path / "golden.parquet"
    pq.write_table(pa.table({"customer_id": ["b", "a", "y"], "person_id": ["m", "m", "x"]}), path)
    assert StoredLinks(str(path)).read().to_pydict() == {
        "customer_id": ["m", "a", "b", "x", "y"],
        "person_id": ["m", "m", "m", "x", "x"],
        "position": [1, 2, 3, 1, 2],
    }
    pq.write_table(pa.table({"id": ["b"], "person_id": ["m"]}), path)
    with pytest.raises(ContractError, match="lacks the columns customer_id; it has: id, person_id"):
        StoredLinks(str(path)).read()
    with pytest.raises(SourceError, match=r"nowhere\.parquet cannot be read"):
        StoredLinks(str(tmp_path / "nowhere.parquet")).read()


def test_engines_that_cannot_do_it_are_refused():
    customers = ibis.sqlite.connect().create_table("customers", pd.DataFrame(CUSTOMERS)[["customer_id", "email"]])
    with pytest.raises(ConfigError, match="linked on duckdb, spark and postgres; this ledger is on sqlite"):
        LINKER.find(customers)
    by_probability = SplinkLinker(
        [{"kind": "email", "columns": ["email"]}], blocks=[["email"]], training=[["email"]], certain=[["email"]]
    )
    with pytest.raises(ConfigError, match="runs on engine=duckdb; this ledger is on sqlite"):
        by_probability.find(customers)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["postgres", "spark"])
def test_other_engines_give_the_same(ledger, name):
    engine = engine_under_test(name)
    types = {"customer_id": pa.string(), "email": pa.string(), "phone": pa.string(), "amount": pa.float64()}

    def loaded(rows, what):
        given = pd.DataFrame(rows)
        fields = [(column, types.get(column, pa.timestamp("us"))) for column in given if column != "acquisition_cost"]
        return engine.load(pa.Table.from_pandas(given, pa.schema(fields), preserve_index=False), what)

    tables = LedgerTables(loaded(TRANSACTIONS, "transactions"), loaded(CUSTOMERS, "customers"))
    reference = ledger(CUSTOMERS, TRANSACTIONS)
    reference = LedgerTables(reference.transactions, reference.customers.drop("acquisition_cost"))
    expected, _ = linked(reference, LINKER)
    joined, report = linked(tables, LINKER, engine=engine)
    assert (report.linked_ids, report.people) == (4, 1)

    def rows(table):
        frame = table.to_pandas().astype(object)
        return sorted(map(tuple, frame.where(frame.notna(), None).to_numpy().tolist()), key=str)

    for got, wanted in ((joined, expected), (unlink(joined), unlink(expected))):
        for which in ("transactions", "customers"):
            assert rows(got.present[which]) == rows(wanted.present[which])
