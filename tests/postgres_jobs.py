"""Jobs that write to a table of the PostgreSQL server of the tests."""

import os
from dataclasses import replace
from pathlib import Path

import feature_rows
from patronage.scoring.outputs import output_of


def job_of(source, out, part_rows, **others):
    """The job that scores a file of features into a table, which is called as `out`, the folder of its parts."""
    out = Path(out)
    place = output_of(os.environ["PATRONAGE_TEST_POSTGRES"], f"scored.{out.name}", str(out))
    return replace(feature_rows.job_of(source, out / "scores.parquet", part_rows, **others), output=place)
