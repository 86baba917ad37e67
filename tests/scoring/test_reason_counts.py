"""Reasons of rejected rows: each row names its own value, whatever else is in its part; counts name several."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from feature_rows import AS_OF, GOLDEN, columns_of
from patronage.runtime.bundle import read_bundle
from patronage.runtime.covariates import CategoricalCovariate, Design, Effects
from patronage.runtime.purchase.with_covariates import CovariateParams
from patronage.runtime.scorer import Scorer
from patronage.schema import Column, TableSchema
from patronage.scoring.batch import RowScorer
from patronage.scoring.reason_counts import counted_reasons, reasons_in_words

CHANNELS = ["web", "", "tiktok", None, "it's; (odd)", "shop", "tiktok", "web"]


@pytest.fixture
def row_scorer():
    plain = read_bundle(GOLDEN)
    effects = Effects(Design((CategoricalCovariate("channel", ("shop", "web")),)), ())
    inputs = TableSchema(plain.inputs.name, (*plain.inputs.columns, Column("channel", "string", "", True, "Won by.")))
    bundle = replace(plain, purchase=CovariateParams(plain.purchase, effects), inputs=inputs)
    return RowScorer(Scorer(bundle), AS_OF, "golden/1")


@pytest.mark.parametrize("part_rows", [1, 3, 8])
def test_a_row_names_its_own_value_whatever_the_size_of_parts(row_scorer, part_rows):
    columns = columns_of(8) | {"channel": CHANNELS}
    columns["T"][2] = np.nan
    table = pa.table({"customer_id": [f"c{row}" for row in range(8)]} | columns)
    found = {}
    for start in range(0, 8, part_rows):
        rejects = row_scorer.of(table.slice(start, part_rows), start, 0).rejects
        found |= dict(zip(rejects["row"].to_pylist(), rejects["reasons"].to_pylist(), strict=True))
    assert found == {
        2: "channel of an unknown level ('')",
        3: "T missing; channel of an unknown level ('tiktok')",
        4: "channel missing",
        5: 'channel of an unknown level ("it\'s; (odd)")',
        7: "channel of an unknown level ('tiktok')",
    }


def test_counts_are_those_of_rows_and_name_the_most_frequent_values():
    parts = [
        {"channel of an unknown level ('fax')": 2, "T missing": 1},
        {"channel of an unknown level ('tv')": 5, 'channel of an unknown level ("it\'s")': 1, "T missing": 3},
        {f"channel of an unknown level ('{name}')": 1 for name in "abc"},
        {"T missing; channel of an unknown level ('fax'); age of an unknown level ('7')": 1},
    ]
    found = counted_reasons(parts)
    assert found == {
        "channel of an unknown level ('tv', 'fax', \"it's\", 'a', 'b' and 1 more)": 11,
        "T missing": 4,
        "T missing; channel of an unknown level ('fax'); age of an unknown level ('7')": 1,
    }
    assert sum(found.values()) == sum(sum(part.values()) for part in parts)
    assert reasons_in_words({"T missing": 1, "T infinite": 2}) == "T infinite (2 rows), T missing (1 row)"


def test_numbers_beyond_all_measure_are_refused_without_a_warning(row_scorer, recwarn):
    columns = columns_of(3) | {"channel": ["web"] * 3}
    columns["frequency"][1] = 1.797e308
    rejects = row_scorer.of(pa.table({"customer_id": ["a", "b", "c"]} | columns), 0, 0).rejects
    assert rejects["row"].to_pylist() == [2]
    assert "frequency too large" in rejects["reasons"][0].as_py()
    assert [str(one.message) for one in recwarn] == []
