"""A small model of a customer table, tables to score with it, and the job that does."""

import numpy as np
import pandas as pd

from patronage.ledger.customer_table import CustomerTableSource
from patronage.runtime.bundle import TableBundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn_logistic import LogisticChurnModel, NumberTerm
from patronage.runtime.scorer import TableScorer
from patronage.schema import Column, TableSchema
from patronage.scoring.batch import RowScorer
from patronage.scoring.job import ScoreJob
from patronage.scoring.outputs import output_of
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.table_scores import customer_table_rows

TYPES = {"x": "double", "plan": "string"}


def inputs_of(number="x"):
    """A number and a plan."""
    columns = (Column(number, "double", "", True, ""), Column("plan", "string", "", True, ""))
    return TableSchema("model_input", columns)


INPUTS = inputs_of()


def bundle_of_table(number="x", **training):
    """The log odds are -1 - x / 2, and 0.3 for basic, -0.2 for plus or 0.7 for any other plan."""
    churn = LogisticChurnModel(
        features=(number, "plan"), horizon_days=0, calibration=Calibration("none", (), ()), intercept=-1.0,
        numbers={number: NumberTerm(0.0, 1.0, -0.5, 0.25)}, levels={"plan": (0.3, -0.2, 0.7)},
        categories={"plan": ("basic", "plus")},
    )  # fmt: skip
    known = {
        "ledger": {"customers": 1000},
        "missing_share": {number: 0.0, "plan": 0.0},
        "unknown_share": {"plan": 0.0},
        "usual": {number: 0.5, "plan": "basic"},
    }
    return TableBundle(churn=churn, inputs=inputs_of(number), training={**known, **training})


def frame_of(n=100, **changes):
    """Texts, as a CSV has them; the first values of a column can be changed."""
    frame = pd.DataFrame({"id": [f"c{row}" for row in range(n)], "x": np.linspace(-1, 1, n).round(3), "plan": "plus"})
    frame = frame.astype({"x": object, "plan": object})
    for name, values in changes.items():
        frame.loc[: len(values) - 1, name] = values
    return frame.astype(str)


def table_of(n=100, snapshot=None, **changes):
    """The table of such a frame, as it is read to be scored."""
    source = CustomerTableSource(frame=frame_of(n, **changes), customer_id="id", snapshot=snapshot)
    return source.read_unlabelled(TYPES)


def job_of_table(table, out, part_rows=1000, bundle=None, reasons=False, **others):
    """The job that scores a table."""
    bundle = bundle or bundle_of_table()
    made = RowScorer(TableScorer(bundle), None, "table/1", reasons=ScoreReasons(bundle) if reasons else None)
    facts = {"kind": "customer table", "sha256": table.digest}
    return ScoreJob(customer_table_rows(table, bundle), facts, made, output_of(str(out)), part_rows, **others)


def job_of(source, out, part_rows):
    """The job that scores a CSV, for `scoring_kills`."""
    table = CustomerTableSource(path=str(source), customer_id="id").read_unlabelled(TYPES)
    return job_of_table(table, out, part_rows)
