"""Texts with NUL characters, which PostgreSQL cannot hold and DuckDB can."""

import pandas as pd
import pyarrow as pa
import pytest

from engines_under_test import engine_under_test
from patronage import open_ledger
from patronage.errors import SourceError
from patronage.ledger.files_source import FilesSource
from patronage.ledger.rules import ContractRules
from patronage.ledger.tables_source import FrameSource

FRAME = pd.DataFrame(
    {
        "customer_id": ["1", "2\0a", "3"],
        "timestamp": ["2024-01-01", "2024-01-02", "2024-01-03"],
        "amount": [1.0, 2.0, 3.0],
        "note": ["x", "y", "z\0"],
    }
)


@pytest.fixture
def postgres():
    return engine_under_test("postgres")


def test_frame_is_refused(postgres):
    with pytest.raises(SourceError, match=r"1 of 3 rows have one in a text: '2\\x00' in row 2 of the frame") as refused:
        open_ledger(FrameSource(FRAME), postgres)
    assert refused.value.counts == {"NUL character": 1}
    assert postgres.load(pa.table({"a": [1]}), "rows").count().execute() == 1  # the connection goes on


def test_file_is_refused_also_for_columns_not_asked_for(postgres, tmp_path):
    FRAME.to_csv(tmp_path / "sales.csv", index=False)
    with pytest.raises(SourceError, match=r"2 of 3 rows .* in row 2 of .*sales\.csv.* in row 3 of .*sales\.csv\. Take"):
        open_ledger(FilesSource(str(tmp_path / "sales.csv")), postgres, rules=ContractRules(duplicates="drop"))


def test_duckdb_takes_them():
    ledger = open_ledger(FrameSource(FRAME), engine_under_test("duckdb"))
    assert sorted(ledger.transactions.customer_id.execute()) == ["1", "2\0a", "3"]


def test_rows_of_all_batches_are_counted(postgres):
    """Batches of 4, 4 and 4 rows: the first has none, and no more than five are shown."""
    texts = pa.array(["a"] * 4 + ["b\0"] * 3 + [None] + ["c\0"] * 4)
    table = pa.table({"n": range(12), "text": texts})
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=4))
    with pytest.raises(SourceError, match=r"7 of 12 rows .*: ('b\\x00', ){3}'c\\x00', 'c\\x00' \.\.\.\.") as refused:
        postgres.load(reader, "rows")
    assert len(refused.value.first_ids) == 5
