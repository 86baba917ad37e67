"""What ``patronage score`` says: what it would do, and what it has done."""

from patronage.pipelines import console
from patronage.scoring.batch import RowScorer
from patronage.scoring.job import ScoredFile, ScoreJob
from patronage.scoring.reason_counts import reasons_in_words

SHOWN = ("clv", "expected_purchases", "expected_spend", "probability_active", "churn_probability")
"""Scores of the first customers that the terminal shows, as far as the model tells them."""

BYTES_PER_VALUE = 8
BYTES_PER_TEXT = 40
"""What a value takes on disk, before it is compressed."""


def say_plan(job: ScoreJob, customers: int, held: bool) -> None:
    """Say what a job would do.

    Parameters
    ----------
    job : ScoreJob
    customers : int
        Of the input.
    held : bool
        Whether features have to be held on disk first.
    """
    n = customers if job.limit is None else min(customers, job.limit)
    columns = job.row_scorer.columns
    width = sum(BYTES_PER_TEXT if column.type == "string" else BYTES_PER_VALUE for column in columns)
    inputs = len(job.row_scorer.scorer.bundle.inputs.columns) * BYTES_PER_VALUE if held else 0
    rows = [
        ["customers", f"{n:,}" if not held else f"at most {n:,}"],
        ["parts", f"{-(-n // job.part_rows):,} of {job.part_rows:,} customers"],
        ["columns", ", ".join(column.name for column in columns)],
        ["model", job.row_scorer.model_version],
        ["disk while it works", f"at most {n * (2 * width + inputs) / 1e6:,.0f} MB"],
        ["disk afterwards", f"at most {n * width / 1e6:,.0f} MB"],
        [job.output.kind, f"{job.output.place}{', which is replaced' if job.output.is_there() else ''}"],
    ]
    console.results("Nothing is written: this would be done", ["what", "result"], rows)


def say_results(scored: ScoredFile, row_scorer: RowScorer) -> None:
    """Show the first customers, and what became of all."""
    shown = [name for name in SHOWN if name in scored.totals or name in scored.most_valuable.column_names]
    best = scored.most_valuable.select(["customer_id", *shown]).to_pylist()
    console.results(
        "The most valuable customers" if "clv" in shown else "The most likely to leave",
        ["customer", *shown],
        [[row["customer_id"], *(f"{row[name]:,.2f}" for name in shown)] for row in best],
    )
    totals, horizon = scored.totals, row_scorer.scorer.bundle.horizon_days
    rows = [["customers scored", f"{scored.customers:,}"]]
    if scored.rejected:
        rows.append(["rows rejected", f"{scored.rejected:,}: {reasons_in_words(scored.reasons)}"])
        rows.append(["rejected rows", str(scored.rejects)])
    if scored.parts_taken_over:
        rows.append(
            ["taken over", f"{scored.parts_taken_over:,} of {scored.parts:,} parts, from a job that was stopped"]
        )
    if row_scorer.as_of is not None:
        rows.append(["as of", f"{row_scorer.as_of}" + (f", looking {horizon} days ahead" if horizon else "")])
    if "clv" in totals:
        rows.append(["expected purchases", f"{totals['expected_purchases']:,.0f}"])
        rows.append(["total lifetime value", f"{totals['clv']:,.0f}"])
        rows.append(["expected not to buy", f"{totals['churn_probability']:,.0f} customers"])
    else:
        ahead = f"within {horizon} days" if horizon else "as the label of the training table has it"
        rows.append(["expected to leave", f"{totals['churn_probability']:,.0f} customers, {ahead}"])
    if row_scorer.reasons:
        rows.append(["reasons", row_scorer.reasons.method_in_words])
    rows += [["model", row_scorer.model_version], ["scores", str(scored.path)], ["manifest", str(scored.manifest)]]
    console.results("Scores", ["what", "result"], rows)
