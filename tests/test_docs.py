"""Documents that are written from the schema say what the schema says."""

from pathlib import Path

import pytest

from patronage.schema import LEDGER_TABLES
from patronage.schema.markdown import column_table
from patronage.schema.value_tables import VALUE_TABLES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", LEDGER_TABLES)
def test_the_tables_of_the_ledger_are_described(name):
    text = (DOCS / "ledger.md").read_text(encoding="utf-8")
    assert f"### {name}\n\n{column_table(LEDGER_TABLES[name])}\n" in text


@pytest.mark.parametrize("name", VALUE_TABLES)
def test_the_tables_of_value_are_described(name):
    text = (DOCS / "value.md").read_text(encoding="utf-8")
    assert f"### {name}\n\n{column_table(VALUE_TABLES[name])}\n" in text
