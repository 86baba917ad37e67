"""Linking by probability, judged on a population whose people are known."""

import logging

import pytest

from patronage.errors import ConfigError, FitError, InputError
from patronage.ledger.identity.comparisons import comparison
from patronage.ledger.identity.linking import link_ledger
from patronage.ledger.identity.probabilistic import SplinkLinker

pytest.importorskip("splink")


@pytest.fixture(scope="module")
def found(population, connection, request):
    """One search, judged by several tests."""
    from omegaconf import OmegaConf

    from patronage.ledger.tables import LedgerTables
    from patronage.paths import conf_folder

    customers, person = population.population(4000, seed=1)
    connection.create_table("known_customers", customers, overwrite=True)
    moments = customers[["customer_id"]].assign(timestamp=customers.acquired_at, amount=1.0)
    connection.create_table("known_transactions", moments, overwrite=True)
    tables = LedgerTables(connection.table("known_transactions"), connection.table("known_customers"))
    plain = OmegaConf.to_container(OmegaConf.load(conf_folder() / "identity" / "splink.yaml"))
    plain.pop("_target_")
    linker = SplinkLinker(**plain | {"phone_country": "49", "sample_rows": 1000})
    before = connection.list_tables()
    linkage = link_ledger(tables, linker)
    left = set(connection.list_tables()) - set(before)
    return customers, person, tables, linker, linkage, left


def test_more_people_are_found_than_by_keys_and_hardly_a_stranger(found, population):
    customers, person, _, _, linkage, _ = found
    precision, recall = population.precision_and_recall(person, population.persons(customers, linkage.links))
    assert precision >= 0.99  # measured 1.000
    assert recall >= 0.94  # measured 0.96, exact keys 0.93


def test_probabilities_mean_what_they_say(found):
    """Of pairs from 0.99 on nearly all are one person; of those from 0.1 to 0.5 many are not."""
    customers, person, _, linker, linkage, _ = found
    who = dict(zip(customers.customer_id, person, strict=True))
    pairs = linkage.pairs.to_pandas()
    pairs["true"] = pairs.customer_id_a.map(who) == pairs.customer_id_b.map(who)
    sure, doubtful = pairs[pairs.match_probability >= 0.99], pairs[pairs.match_probability < 0.5]
    assert sure.true.mean() > 0.99
    assert doubtful.true.mean() < 0.8  # 7 of 11
    assert pairs.match_probability.between(linker.review_from, 1).all()
    assert (pairs.customer_id_a < pairs.customer_id_b).all()


def test_evidence_is_in_words(found):
    customers, _, _, _, linkage, _ = found
    known = customers.set_index("customer_id")
    for pair in linkage.pairs.slice(0, 50).to_pylist():
        one, other = (known.loc[pair[f"customer_id_{side}"]] for side in "ab")
        same_day = isinstance(one.birth_date, type(other.birth_date)) and one.birth_date == other.birth_date
        assert ("same birth_date" in pair["evidence"]) == same_day
        assert ("unknown phone" in pair["evidence"]) == (
            not isinstance(one.phone, str) or not isinstance(other.phone, str)
        )
        assert "attribute_" not in pair["evidence"]


def test_the_same_search_gives_the_same_to_the_last_bit(found, connection):
    _, _, tables, linker, linkage, _ = found
    connection.raw_sql("SET threads = 1")
    try:
        again = link_ledger(tables, linker)
    finally:
        connection.raw_sql("SET threads = 2")
    assert again.pairs.equals(linkage.pairs)
    assert again.links.equals(linkage.links)


def test_nothing_is_left_behind(found):
    *_, left = found
    assert not [name for name in left if "splink" in name or "sample" in name]
    assert logging.getLogger("splink").level != logging.ERROR


def test_names_that_are_swapped_are_still_names(ledger, settings, population):
    customers, _ = population.population(1500, seed=5)
    last = customers.dropna().iloc[0]
    twin = last.copy()
    twin["customer_id"], twin["first_name"], twin["last_name"] = "twin", last.last_name, last.first_name
    twin["email"] = None
    customers.loc[len(customers)] = twin
    linkage = link_ledger(ledger(customers), SplinkLinker(**settings("splink", sample_rows=800)))
    pair = next(row for row in linkage.pairs.to_pylist() if "twin" in (row["customer_id_a"], row["customer_id_b"]))
    assert pair["match_probability"] > 0.95
    assert "similar first_name+last_name" in pair["evidence"]


def test_comparisons_of_missing_columns_are_left_out(ledger, settings, population):
    customers, _ = population.population(1500, seed=5)
    tables = ledger(customers.drop(columns=["birth_date", "postcode"]))
    linkage = link_ledger(tables, SplinkLinker(**settings("splink", sample_rows=800)))
    assert linkage.links.num_rows
    assert "the comparison of postcode is not used: the customers have no postcode" in linkage.report.notes
    assert "the block last_name+birth_date is not used: the customers have no birth_date" in linkage.report.notes
    only = ledger(customers[["customer_id", "email"]])
    with pytest.raises(ConfigError, match="None of the comparisons"):
        link_ledger(only, SplinkLinker(**settings("splink")))


def test_customers_who_share_nothing_tell_nothing(ledger, settings):
    rows = {
        "customer_id": list("abc"),
        "email": ["a@x.de", "b@x.de", "c@x.de"],
        "phone": ["0301111112", "0302222223", None],
    }
    with pytest.raises(FitError, match="No training block holds enough pairs"):
        link_ledger(ledger(rows), SplinkLinker(**settings("splink")))


def test_blocks_that_hold_too_many_pairs_are_refused(ledger, settings, population):
    customers, _ = population.population(300, seed=5)
    customers["first_name"], customers["last_name"] = "Anna", "Schmidt"
    with pytest.raises(InputError, match=r"more than the 50,000 .*; first_name\+last_name alone holds") as caught:
        link_ledger(ledger(customers), SplinkLinker(**settings("splink", max_pairs=50_000)))
    n = len(customers)
    assert caught.value.counts["first_name+last_name"] == n * (n - 1) // 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": 0}, "threshold"),
        ({"review_from": 0.99}, "review_from"),
        ({"recall": 0}, "recall"),
        ({"blocks": []}, "identity.blocks"),
        ({"training": ["email"]}, "identity.training"),
        ({"comparisons": []}, "comparisons is empty"),
        ({"max_component": 1}, "max_component"),
        ({"phone_country": "0049"}, "calling code"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, changes, message):
    with pytest.raises(ConfigError, match=message):
        SplinkLinker(**settings("splink", **changes))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "sound", "columns": ["name"]}, "'sound'; it may be exact"),
        ({"kind": "exact"}, "has the keys kind and columns"),
        ({"kind": "exact", "columns": ["a"], "treshold": 1}, "has the keys kind and columns"),
        ({"kind": "names", "columns": ["a"]}, "takes 2 columns"),
        ({"kind": "exact", "columns": ["a", "b"]}, "takes 1 columns"),
        ({"kind": "exact", "columns": ["a"], "thresholds": [1]}, "has no thresholds"),
        ({"kind": "levenshtein", "columns": ["a"], "thresholds": [2, 1]}, "ascending"),
        ({"kind": "levenshtein", "columns": ["a"], "thresholds": [0.5]}, "numbers of edits"),
        ({"kind": "jaro_winkler", "columns": ["a"], "thresholds": [0.8, 0.9]}, "descending"),
        ({"kind": "date", "columns": ["a"], "term_frequency": True}, "term_frequency is not to be had"),
    ],
)
def test_comparisons_that_mean_nothing_are_refused(given, message):
    with pytest.raises(ConfigError, match=message):
        comparison(given)
