"""Codes of the settings that no row holds are told, with what the rows hold instead."""

import pandas as pd
import pytest

from patronage import open_ledger
from patronage.ledger.tables_source import FrameSource

SALES = pd.DataFrame(
    {
        "customer_id": ["a", "b", "b", "c"], "timestamp": "2024-01-01", "amount": 5.0,
        "type": ["Refund", "sale ", "sale", None], "group": [1, 2, 2, 2],
    }
)  # fmt: skip
COLUMNS = {"customer_id": "customer_id", "timestamp": "timestamp", "amount": "amount"}


def remarks(connection, columns=None, **kwargs):
    source = FrameSource(SALES, columns={"transactions": {**COLUMNS, **(columns or {})}}, **kwargs)
    return open_ledger(source, connection).remarks


def test_a_misspelt_code_of_refunds_is_told(connection):
    found = remarks(connection, negative_where={"column": "type", "values": ["refund", "Refund"]})
    assert found == {
        "transactions": (
            "ledger.negative_where.values names 'refund', which no row holds: type has 'sale' (2), 'Refund' (1), "
            "nothing (1).",
        )
    }


def test_a_misspelt_value_is_told_whatever_the_type_of_the_column(connection):
    rule = {"column": "group", "values": {"1": "food", "3": "drinks", "4": None}}
    (sentence,) = remarks(connection, {"category": rule})["transactions"]
    assert sentence == (
        "ledger.columns.category.values names '3', '4', which no row holds: group has '2' (3), '1' (1)."
    )


def test_codes_that_occur_are_not_remarked(connection):
    rule = {"column": "group", "values": {1: "food", 2: "drinks"}}
    assert remarks(connection, {"category": rule}, negative_where={"column": "type", "values": ["sale"]}) == {}


@pytest.mark.parametrize("size", [8, 9])
def test_only_the_most_frequent_values_are_named(connection, size):
    frame = pd.DataFrame(
        {"customer_id": "a", "timestamp": "2024-01-01", "amount": 1.0, "type": list("abcdefghi")[:size]}
    )
    source = FrameSource(frame, negative_where={"column": "type", "values": ["x" * 60]})
    (sentence,) = open_ledger(source, connection).remarks["transactions"]
    assert sentence.count("(1)") == 8
    assert sentence.endswith("and more.") == (size == 9)
    assert "x" * 41 not in sentence
