"""What a reviewer is shown and what a reviewer's word does."""

import csv
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patronage.errors import ConfigError, ContractError, SourceError
from patronage.ledger.identity.exact import ExactLinker
from patronage.ledger.identity.linking import link_ledger
from patronage.ledger.identity.review import (
    attributes_of,
    check_nothing_lost,
    least_certain,
    read_decisions,
    write_review,
)
from patronage.ledger.identity.schema import PAIRS, arrow_table

HEADER = "customer_id_a,customer_id_b,decision\n"


@pytest.fixture
def decided(tmp_path):
    def write(text, name="review.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_decisions_are_read_whatever_their_spelling_and_order(decided):
    path = decided("\ufeffdecision,note,customer_id_b,customer_id_a\nAccept ,x,a,b\nREJECT,,ü,u\n,,x,y\n")
    decisions = read_decisions(path)
    assert decisions.accepted == {("a", "b")}
    assert decisions.rejected == {("u", "ü")}
    assert read_decisions(decided("customer_id_a;customer_id_b;decision\na;b,c;accept\n")).ids == {"a", "b,c"}
    assert read_decisions(None).ids == set()


def test_decisions_may_come_as_parquet(tmp_path):
    path = tmp_path / "review.parquet"
    pq.write_table(
        pa.table({"customer_id_a": ["a", "c"], "customer_id_b": ["b", "d"], "decision": ["accept", None]}), path
    )
    assert read_decisions(path).by_pair == {("a", "b"): "accept"}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("a,b,maybe\n", "row 1: 'maybe' is neither accept nor reject"),
        ("a,b,\n a,a,accept\na,a,accept\n", "row 3: two different ids are needed, got 'a' and 'a'"),
        ("a,,accept\n", "row 1: two different ids"),
        ("a,b,accept\nb,a,reject\n", "row 2: b and a are both accepted and rejected"),
        ("a,b\n", None),
    ],
)
def test_decisions_that_cannot_be_meant_are_refused(decided, rows, message):
    if message is None:
        assert not read_decisions(decided(HEADER + rows)).ids
        return
    with pytest.raises(ContractError, match=message):
        read_decisions(decided(HEADER + rows))


def test_files_that_are_no_decisions_are_refused(decided, tmp_path):
    with pytest.raises(SourceError, match=r"nowhere\.csv cannot be read"):
        read_decisions(tmp_path / "nowhere.csv")
    (tmp_path / "latin.csv").write_bytes(HEADER.encode() + "ä,b,accept\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"latin\.csv cannot be read.*UTF-8"):
        read_decisions(tmp_path / "latin.csv")
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(SourceError, match=r"text\.parquet cannot be read"):
        read_decisions(tmp_path / "text.parquet")
    with pytest.raises(ContractError, match="lacks the columns customer_id_a, decision; it has: id, customer_id_b"):
        read_decisions(decided("id,customer_id_b\n1,2\n"))


CUSTOMERS = {"customer_id": list("abcd"), "email": ["x@y.de"] * 3 + ["d@y.de"], "town": ["A", "=1+1", 'B "b", c', None]}


def people_after(ledger, decided, rows, customers=CUSTOMERS, **settings):
    linker = ExactLinker([["email"]], reviewed=decided(HEADER + rows), **settings)
    linkage = link_ledger(ledger(customers), linker)
    groups = {}
    for row in linkage.links.to_pylist():
        groups.setdefault(row["person_id"], []).append(row["customer_id"])
    return groups, linkage


def test_a_rejected_pair_is_never_one_person_even_by_way_of_others(ledger, decided):
    groups, linkage = people_after(ledger, decided, "b,a,reject\n")
    assert groups == {"a": ["a", "c"]}  # b shares the address with c too, which would bring it back
    told = linkage.pairs.select(["customer_id_a", "customer_id_b", "linked", "reason", "decision"]).to_pylist()
    assert [tuple(row.values()) for row in told] == [
        ("a", "b", 0, "rejected by a reviewer", "reject"),
        ("a", "c", 1, None, None),
        ("b", "c", 0, "it joins ids that a reviewer keeps apart", None),
    ]
    assert (linkage.report.pairs, linkage.report.rejected, linkage.report.left_out) == (2, 1, 1)


def test_an_accepted_pair_links_what_no_rule_found(ledger, decided):
    groups, linkage = people_after(ledger, decided, "d,a,accept\na,b,\n")
    assert groups == {"a": ["a", "b", "c", "d"]}
    row = next(row for row in linkage.links.to_pylist() if row["customer_id"] == "d")
    assert (row["rule"], row["match_probability"]) == ("reviewed", 1.0)
    assert row["evidence"] == "with a: only the reviewer joins them"
    assert linkage.report.accepted == 1


def test_accepted_and_rejected_pairs_against_the_guards(ledger, decided):
    customers = {"customer_id": [f"{n}" for n in range(8)], "email": ["x@y.de"] * 8}
    groups, _ = people_after(ledger, decided, "0,1,accept\n2,3,accept\n", customers, max_component=5)
    assert groups == {"0": ["0", "1"], "2": ["2", "3"]}


def test_decisions_on_ids_that_are_no_customers_are_refused(ledger, decided):
    with pytest.raises(ContractError, match=r"2 ids .* not among the customers. First: 7, e. Spreadsheets") as caught:
        people_after(ledger, decided, "e,a,accept\n7,b,reject\n")
    assert caught.value.first_ids == ("7", "e")


def pairs(rows):
    columns = dict(zip(PAIRS.names, zip(*rows, strict=True), strict=True))
    return arrow_table(PAIRS, columns)


def test_the_least_certain_pairs_come_first():
    table = pairs([
        ("a", "b", 0.999, "splink", "", 1, None, None),
        ("a", "c", 0.96, "splink", "", 1, None, None),
        ("a", "d", 0.93, "splink", "", 0, "below the threshold", None),
        ("a", "e", 1.0, "splink", "", 0, "its group of ids is too large", None),
        ("a", "f", 0.95, "splink", "", 0, "rejected by a reviewer", "reject"),
        ("a", "g", 0.5, "splink", "", 0, "below the threshold", None),
    ])  # fmt: skip
    assert "".join(least_certain(table, 0.95, 10)["customer_id_b"].to_pylist()) == "ecdgbf"
    assert "".join(least_certain(table, 0.95, 2)["customer_id_b"].to_pylist()) == "ecf"
    assert "".join(least_certain(table, 0.95, 0)["customer_id_b"].to_pylist()) == "f"


def test_of_equally_certain_pairs_those_that_agree_in_less_come_first():
    table = pairs([
        ("a", "b", 1.0, "email", "same email, same phone", 1, None, None),
        ("a", "c", 1.0, "email", "same email", 1, None, None),
    ])  # fmt: skip
    assert least_certain(table, 1.0, 10)["customer_id_b"].to_pylist() == ["c", "b"]


def test_the_file_shows_both_sides_and_can_be_given_back(ledger, decided, tmp_path):
    _, linkage = people_after(ledger, decided, "b,a,reject\nd,a,accept\n")
    path = tmp_path / "out" / "review.csv"
    write_review(path, linkage.pairs, attributes_of(ledger(CUSTOMERS).customers, linkage.pairs))
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    first = rows[0]
    assert (first["decision"], first["town_a"], first["town_b"], first["email_b"]) == ("reject", "A", "=1+1", "x@y.de")
    assert rows[-1]["town_a"] == "=1+1"
    assert rows[-1]["town_b"] == 'B "b", c'
    assert [path.name for path in path.parent.iterdir()] == ["review.csv"]
    again = read_decisions(path)
    assert again.by_pair == {("a", "b"): "reject", ("a", "d"): "accept"}
    check_nothing_lost(path, again)
    with pytest.raises(ConfigError, match=r"review\.csv holds 2 decisions .* identity\.reviewed"):
        check_nothing_lost(path, read_decisions(None))
    check_nothing_lost(tmp_path / "none.csv", read_decisions(None))


def test_decisions_on_customers_of_the_future_wait(ledger, decided):
    moments = pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2021-01-01"])
    tables = ledger(CUSTOMERS | {"acquired_at": moments})
    linker = ExactLinker([["email"]], reviewed=decided(HEADER + "d,a,accept\n"))
    assert link_ledger(tables, linker).report.linked_ids == 4
    assert link_ledger(tables, linker, date(2020, 12, 31)).report.linked_ids == 3
