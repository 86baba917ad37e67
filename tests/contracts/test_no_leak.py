"""On the other engines too, nothing that is dated after the as-of day reaches a feature."""

from datetime import date
from typing import Any

import ibis
import pyarrow as pa
import pytest

from engines_under_test import ENGINES, engine_under_test
from feature_ledgers import TYPES, dense_ledger, with_other_future, without_future
from patronage.features.build import customer_features
from patronage.ledger.tables import LedgerTables

AS_OF = date(2024, 2, 29)
SEEDS = (8, 9)
"""Each is a ledger of many customers, who are random ledgers of their own: no feature looks at two of them."""


def features(engine: Any, facts: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    tables = {}
    for name, types in TYPES.items():
        schema = pa.schema([(column, ibis.dtype(kind).to_pyarrow()) for column, kind in types.items()])
        tables[name] = engine.load(pa.Table.from_pylist(facts[name], schema=schema), name)
    rows = engine.batches(customer_features(LedgerTables(**tables), AS_OF)).read_all().to_pylist()
    for table in tables.values():
        engine.drop(table)
    return dict(sorted((row["customer_id"], row) for row in rows))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ENGINES if name != "duckdb"])
def test_no_feature_moves_when_the_future_does(name):
    engine = engine_under_test(name)
    facts, others = (dense_ledger(seed=seed, n_customers=60) for seed in SEEDS)
    changed = with_other_future(facts, others, AS_OF)
    assert all(changed[table] != facts[table] for table in ("transactions", "contacts", "campaigns"))
    known = features(engine, without_future(facts, AS_OF))
    assert len(known) > 30
    assert repr(features(engine, facts)) == repr(known)
    assert repr(features(engine, changed)) == repr(known)
