"""Exact keys: what counts as the same, what never does, and what is too common to tell anything."""

from collections import defaultdict
from itertools import combinations

import pytest

from patronage.errors import ConfigError, ContractError, InputError
from patronage.ledger.identity.exact import ExactLinker
from patronage.ledger.identity.linking import link_ledger
from patronage.ledger.tables import LedgerTables


def pairs_of(found):
    return {(row["customer_id_a"], row["customer_id_b"]): row["evidence"] for row in found.pairs.to_pylist()}


def linked_by(ledger, column, one, other, **settings):
    """Whether two values of a column link two customers."""
    tables = ledger({"customer_id": ["a", "b", "c"], column: [one, other, "z" if isinstance(one, str | None) else 0]})
    return bool(pairs_of(ExactLinker([[column]], **settings).find(tables.customers)))


@pytest.mark.parametrize(
    ("column", "one", "other", "settings"),
    [
        ("email", "Anna@Example.com ", "anna@example.com", {}),
        ("email", "anna+shop@example.com", "anna@example.com", {}),
        ("email", "ａｎｎａ@example.com", "anna@example.com", {}),  # full-width letters
        ("email", "an.na@example.com", "anna@example.com", {"ignore_email_dots": True}),
        ("phone", "(030) 123-45 67", "030/1234567", {}),
        ("phone", "+49 30 1234567", "0049301234567", {}),
        ("phone", "+49 (0)30 1234567", "030 1234567", {"phone_country": "49"}),
        ("first_name", "JOSÉ", "jose\u0301", {}),  # one letter, or a letter and its accent
        ("first_name", "ﬁona", "Fiona", {}),  # a ligature
        ("first_name", " Anna\u00a0 Maria ", "anna maria", {}),  # a blank that does not break
        ("first_name", "An\u00adna\u200b", "anna", {}),  # invisible characters
        ("postcode", "SW1A 1AA", "sw1a1aa", {}),
        ("postcode", "10-115", "10115", {}),
        ("member", 17, 17, {}),
    ],
)
def test_the_same(ledger, column, one, other, settings):
    assert linked_by(ledger, column, one, other, **settings)


@pytest.mark.parametrize(
    ("column", "one", "other", "settings"),
    [
        ("email", "anna+shop@example.com", "anna@example.com", {"ignore_email_tags": False}),
        ("email", "an.na@example.com", "anna@example.com", {}),
        ("email", "an.na@ex.ample.com", "anna@example.com", {"ignore_email_dots": True}),
        ("email", "anna@example.com", "anna@example.org", {}),
        ("email", "anna", "anna", {}),
        ("email", "@example.com", "@example.com", {}),
        ("email", "+x@example.com", "+y@example.com", {}),
        ("email", None, None, {}),
        ("email", "", "", {}),
        ("email", "None@None.com", "none@none.com", {}),
        ("phone", "030 1234567", "+49 30 1234567", {}),
        ("phone", "+43 30 1234567", "030 1234567", {"phone_country": "49"}),
        ("phone", "12345", "12345", {}),
        ("phone", "0000000000", "000 000 0000", {}),
        ("phone", "call me", "call me", {}),
        ("first_name", "N/A", "n/a", {}),
        ("first_name", "   ", "   ", {}),
        ("first_name", "Anna", "Ana", {}),
        ("first_name", "Kunde", "kunde", {"junk": ["kunde"]}),
    ],
)
def test_not_the_same(ledger, column, one, other, settings):
    assert not linked_by(ledger, column, one, other, **settings)


def test_a_key_of_several_columns_needs_them_all(ledger):
    tables = ledger({
        "customer_id": ["a", "b", "c", "d", "e"],
        "name": ["Anna", "anna", "Anna", "Anna", None],
        "postcode": ["1", "1", "2", None, "1"],
    })  # fmt: skip
    assert set(pairs_of(ExactLinker([["name", "postcode"]]).find(tables.customers))) == {("a", "b")}


def test_values_never_run_into_one_another(ledger):
    tables = ledger({"customer_id": ["a", "b"], "first": ["an", "ann"], "last": ["nab", "ab"]})
    assert not pairs_of(ExactLinker([["first", "last"]]).find(tables.customers))


def test_evidence_names_every_key_and_the_rule_is_the_first(ledger):
    tables = ledger({
        "customer_id": ["b", "a", "c"], "email": ["x@y.de", "x@y.de", None], "phone": ["0301234567"] * 3,
    })  # fmt: skip
    found = ExactLinker([["phone"], ["email"]]).find(tables.customers)
    assert pairs_of(found) == {
        ("a", "b"): "same phone, same email", ("a", "c"): "same phone", ("b", "c"): "same phone",
    }  # fmt: skip
    assert set(found.pairs["rule"].to_pylist()) == {"phone"}
    assert set(found.pairs["match_probability"].to_pylist()) == {1.0}


def test_a_value_that_too_many_share_links_none_and_is_reported(ledger):
    shared = [f"{number}" for number in range(6)]
    tables = ledger({"customer_id": [*shared, "x", "y"], "email": ["shop@shop.de"] * 6 + ["x@y.de"] * 2})
    linker = ExactLinker([["email"]], max_group=5)
    found = linker.find(tables.customers)
    assert set(pairs_of(found)) == {("x", "y")}
    assert found.notes == (
        "1 values of the key email are shared by more than 5 ids each (6 ids in all, 6 at most) and link none of them",
    )
    assert len(pairs_of(ExactLinker([["email"]], max_group=6).find(tables.customers))) == 15 + 1


def test_a_key_whose_columns_are_missing_is_left_out_and_reported(ledger):
    tables = ledger({"customer_id": ["a", "b"], "email": ["x@y.de"] * 2})
    found = ExactLinker([["phone"], ["email", "town"], ["email"]]).find(tables.customers)
    assert set(pairs_of(found)) == {("a", "b")}
    assert found.notes == (
        "the key phone is not used: the customers have no phone",
        "the key email+town is not used: the customers have no town",
    )
    with pytest.raises(ConfigError, match=r"None of the keys .*phone.* The customers have: email"):
        ExactLinker([["phone"]]).find(tables.customers)


def test_more_pairs_than_memory_holds_are_refused(ledger):
    tables = ledger({"customer_id": list("abcde"), "email": ["x@y.de"] * 5})
    with pytest.raises(InputError, match=r"10 pairs of ids, more than the 9 .*max_group") as caught:
        ExactLinker([["email"]], max_pairs=9).find(tables.customers)
    assert caught.value.counts == {"pairs": 10}


def test_a_ledger_without_customers_cannot_be_linked(ledger):
    tables = LedgerTables(ledger({"customer_id": ["a"]}).transactions)
    with pytest.raises(ContractError, match="no table of customers"):
        link_ledger(tables, ExactLinker([["email"]]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keys": []}, "list of lists"),
        ({"keys": ["email"]}, "list of lists"),
        ({"keys": [["email"], []]}, "list of lists"),
        ({"keys": [["email"]], "max_group": 1}, "max_group"),
        ({"keys": [["email"]], "max_component": 1}, "max_component"),
        ({"keys": [["email"]], "kinds": {"email": "mail"}}, "email: mail"),
        ({"keys": [["email"]], "phone_country": "+49"}, "calling code"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        ExactLinker(**settings)


def test_on_a_population_no_stranger_is_joined_by_chance_and_most_people_are_found(ledger, population, settings):
    """Precision and recall over pairs of records, and the pairs against sets of values drawn in plain Python."""
    customers, person = population.population(4000, seed=1)
    tables = ledger(customers)
    linkage = link_ledger(tables, ExactLinker(**settings("exact", phone_country="49")))
    precision, recall = population.precision_and_recall(person, population.persons(customers, linkage.links))
    assert precision >= 0.995  # measured 1.000
    assert recall >= 0.90  # measured 0.93
    sharing = defaultdict(set)
    for row in customers.itertuples():
        if isinstance(row.email, str) and row.email != "none@none.com":
            sharing[row.email.lower().replace("+shop@", "@")].add(row.customer_id)
    wanted = {pair for ids in sharing.values() for pair in combinations(sorted(ids), 2)}
    found = {pair for pair, evidence in pairs_of(linkage).items() if "same email" in evidence}
    assert found == wanted


def test_the_same_customers_in_another_order_give_the_same_links(ledger, population, settings):
    customers, _ = population.population(500, seed=2)
    linker = ExactLinker(**settings("exact"))
    moments = {"customer_id": customers.customer_id, "timestamp": customers.acquired_at, "amount": 1.0}
    shuffled = customers.sample(frac=1, random_state=3)
    first, second = (link_ledger(ledger(rows, moments), linker) for rows in (customers, shuffled))
    assert first.links.equals(second.links)
    assert first.pairs.equals(second.pairs)
