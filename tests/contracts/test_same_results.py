"""Summaries, features and labels are the same on every engine as on DuckDB, which the oracles of other rooms judge."""

import math
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import ledger_of_everything as everything
from engines_under_test import ENGINES, engine_under_test
from patronage.features.build import customer_features, feature_schema
from patronage.features.groups import GROUPS
from patronage.features.labels import labels
from patronage.ledger.tables import LedgerTables
from patronage.summary.customer_summary import summarise
from patronage.summary.daily_counts import daily_counts
from patronage.summary.split import calibration_holdout

pytestmark = pytest.mark.slow

OTHERS = tuple(name for name in ENGINES if name != "duckdb")
AS_OF = date(2024, 2, 29)
DATES = (date(2023, 10, 29), date(2024, 2, 28), AS_OF, date(2024, 3, 31))
RELATIVE = 1e-9
"""Floats may differ by so much: logarithms and square roots are those of each engine's own library."""


@pytest.fixture(scope="module")
def arrow() -> dict[str, pa.Table]:
    return everything.arrow_tables()


@pytest.fixture(scope="module")
def reference(arrow: dict[str, pa.Table]) -> tuple[Any, LedgerTables]:
    engine = engine_under_test("duckdb")
    return engine, everything.on_engine(engine, arrow)


@pytest.fixture(scope="module", params=OTHERS)
def other(request: pytest.FixtureRequest, arrow: dict[str, pa.Table]) -> tuple[Any, LedgerTables]:
    engine = engine_under_test(request.param)
    return engine, everything.on_engine(engine, arrow)


def fetched(engine: Any, table: Any) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Rows by customer and, if there is one, as-of date."""
    rows = engine.batches(table).read_all().to_pylist()
    keys = [name for name in ("customer_id", "as_of") if name in table.columns]
    by_key = {tuple(row[name] for name in keys): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


def differences(found: dict[Any, dict[str, Any]], expected: dict[Any, dict[str, Any]]) -> dict[str, Any]:
    """Column to the first differing (row, found, expected); whole numbers, texts and dates have to be equal."""
    assert found.keys() == expected.keys()
    wrong: dict[str, Any] = {}
    for key, row in expected.items():
        assert list(found[key]) == list(row)
        for name, value in row.items():
            other = found[key][name]
            close = (
                isinstance(value, float) and isinstance(other, float) and math.isclose(value, other, rel_tol=RELATIVE)
            )
            if not (value == other or close):
                wrong.setdefault(name, (key, other, value))
    return wrong


def types(table: Any) -> dict[str, Any]:
    return {name: kind.copy(nullable=True) for name, kind in table.schema().items()}


def test_the_ledger_itself_is_the_same(other, reference):
    for name, expected in reference[1].present.items():
        rows = [
            pa.Table.to_pylist(engine.batches(tables.present[name]).read_all()) for engine, tables in (other, reference)
        ]
        found, wanted = (sorted(map(repr, table)) for table in rows)
        assert found == wanted, name
        assert expected.columns == other[1].present[name].columns


@pytest.mark.parametrize("time_unit", ["day", "week"])
def test_summary_is_the_same_to_the_last_bit(other, reference, time_unit):
    found, expected = (
        fetched(engine, summarise(tables.transactions, AS_OF, time_unit).table) for engine, tables in (other, reference)
    )
    assert len(expected) > 150
    assert differences(found, expected) == {}
    exact = ("frequency", "recency", "T", "monetary_value")
    assert [[row[name] for name in exact] for _, row in sorted(found.items())] == [
        [row[name] for name in exact] for _, row in sorted(expected.items())
    ]


def test_histories_are_the_same(other, reference):
    found, expected = (summarise(tables.transactions, AS_OF).histories() for _, tables in (other, reference))
    pd.testing.assert_frame_equal(found, expected, check_exact=False, rtol=RELATIVE)
    assert expected["n_customers"].sum() > len(expected)


def test_holdout_is_the_same(other, reference):
    splits = [calibration_holdout(tables.transactions, AS_OF, 91) for _, tables in (other, reference)]
    found, expected = (
        fetched(engine, split.table) for (engine, _), split in zip((other, reference), splits, strict=True)
    )
    assert differences(found, expected) == {}
    assert 0 < sum(row["frequency_holdout"] > 0 for row in expected.values()) < len(expected)


def test_daily_counts_are_the_same(other, reference):
    found, expected = (
        daily_counts(tables.transactions, AS_OF, AS_OF + timedelta(days=91)) for _, tables in (other, reference)
    )
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert len(expected) > 300


@pytest.mark.parametrize("as_of", [AS_OF, DATES], ids=["date", "panel"])
def test_features_are_the_same(other, reference, as_of):
    tables = [customer_features(tables, as_of) for _, tables in (other, reference)]
    assert types(tables[0]) == types(tables[1])
    found, expected = (fetched(engine, table) for (engine, _), table in zip((other, reference), tables, strict=True))
    assert differences(found, expected) == {}


def test_every_feature_takes_several_values(reference):
    """A column that is the same for all customers would be the same on all engines, whatever they do."""
    engine, tables = reference
    rows = list(fetched(engine, customer_features(tables, AS_OF)).values())
    constant = [name for name in feature_schema(tables).names if len({row[name] for row in rows}) == 1]
    assert constant == ["as_of"]
    assert {group.name for group in GROUPS.values()} == set(GROUPS)


@pytest.mark.parametrize("as_of", [AS_OF, DATES], ids=["date", "panel"])
def test_labels_are_the_same(other, reference, as_of):
    found, expected = (fetched(engine, labels(tables, as_of, 91)) for engine, tables in (other, reference))
    assert differences(found, expected) == {}
    assert {row["purchased"] for row in expected.values()} == {0, 1}
