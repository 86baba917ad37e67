"""A scoring job: parts are scored side by side and kept; the output appears when all are there.

A job that is killed leaves a hidden work folder beside its output. The same job, started again, verifies the parts in
it and scores only what is missing; another job, or one whose input has changed, starts afresh and says so. What is
written does not depend on how often the job was stopped, nor on the number of threads.
"""

import os
import time
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from patronage.errors import DateError, InputError, OutputError, PatronageError
from patronage.ledger.tables import LedgerTables
from patronage.runtime.bundle import Bundle
from patronage.runtime.churn_kinds import churn_trees
from patronage.runtime.scorer import Scorer
from patronage.scoring.batch import RowScorer, scoring_input
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.held_rows import Rows as Rows
from patronage.scoring.held_rows import held_rows
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.manifest import json_values, manifest_of, versions
from patronage.scoring.outputs import output_of
from patronage.scoring.places import Given, refuse_overwriting
from patronage.scoring.publishing import Output, Results, work_folder_of
from patronage.scoring.reason_counts import counted_reasons, reasons_in_words
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.scored_file import ScoredFile as ScoredFile
from patronage.scoring.work import HOLDER, Part, Work

MOST_VALUABLE = 5
"""Customers that are shown when a file is finished."""


Workers = Callable[["ScoreJob", FeatureRows, int, Work, set[int]], Generator[Part, None, None]]
"""Scores the missing parts of a job's first n rows, keeps them in the work folder, and tells each that is finished."""


@dataclass(frozen=True)
class ScoreJob:
    """What is to be scored, how, and where to.

    Attributes
    ----------
    rows : callable
        Path of the work folder to `FeatureRows`.
    input_facts : mapping
        What tells this input from another: paths with hashes, or the digest of a ledger.
    row_scorer : RowScorer
    output : Output
    part_rows : int
        Customers of a part: it bounds the memory, and what is lost when the job is killed.
    settings : mapping
        What else the scores depend on, as JSON values.
    threads : int, optional
        Parts scored at the same time; as many as there are processors if not given.
    limit : int, optional
        Only the first rows.
    fresh : bool
        Do not take over what an earlier job finished.
    workers : callable, optional
        What scores parts; threads of this process if not given.
    """

    rows: Rows
    input_facts: dict[str, Any]
    row_scorer: RowScorer
    output: Output
    part_rows: int
    settings: dict[str, Any] = field(default_factory=dict)
    threads: int | None = None
    limit: int | None = None
    fresh: bool = False
    workers: Workers | None = None

    @property
    def work_folder(self) -> Path:
        """Where parts are kept until the output is complete."""
        return work_folder_of(self.output)

    @property
    def plan(self) -> dict[str, Any]:
        """Everything that the output depends on: only a job of the same plan takes over finished parts."""
        bundle, made = self.row_scorer.scorer.bundle, self.row_scorer
        day = made.as_of.isoformat() if made.as_of else None
        asked = {"as_of": day, "part_rows": self.part_rows, "limit": self.limit, "columns": made.schema.names}
        asked["kind"] = self.output.kind
        plan: dict[str, Any] = {
            "input": self.input_facts,
            "model": {"version": made.model_version, "fingerprint": bundle.fingerprint},
            "settings": asked | self.settings,
            "versions": versions(),
        }
        return dict(json_values(plan))


def run_job(
    job: ScoreJob,
    on_progress: Callable[[int], None] | None = None,
    on_rows: Callable[[int], None] | None = None,
    on_dropped: Callable[[str], None] | None = None,
) -> ScoredFile:
    """Score all rows of a job; see the module for what happens when it is stopped.

    Parameters
    ----------
    job : ScoreJob
    on_progress : callable, optional
        Told the number of rows after every part.
    on_rows : callable, optional
        Told the number of all rows once it is known.
    on_dropped : callable, optional
        Told why parts of an earlier job are dropped.

    Returns
    -------
    ScoredFile

    Raises
    ------
    ConfigError
        If the output would replace a file that is scored.
    InputError
        If the rows cannot be read, changed meanwhile, or none of them can be scored.
    OutputError
        If the place cannot be written, or another job is writing it.
    """
    begin = time.time()
    work = Work(job.work_folder)
    with job.output.only_writer(work.folder / HOLDER):
        try:
            job.output.check(job.row_scorer.columns)
            dropped = work.begin(job.plan, job.fresh)
            if dropped and on_dropped:
                on_dropped(dropped)
            rows = job.rows(work.folder)
            _leave_rows_alone(job, rows)
            n = min(len(rows), len(rows) if job.limit is None else job.limit)
            if on_rows:
                on_rows(n)
            parts, taken_over = _scored_parts(job, rows, n, work, on_progress or _nobody)
            rows.require_unchanged()
            finished = _published(job, parts, work, begin, taken_over, dropped)
        except OutputError as error:
            kept = len(list(work.folder.glob("part-*.json")))
            if not kept:
                work.remove()
                raise
            message = (
                f"{error} Nothing of the output was changed. {kept:,} finished parts are kept in {work.folder}: the "
                "same command goes on from there."
            )
            raise OutputError(message) from error
        except PatronageError:
            work.remove()
            raise
        work.remove()
    return finished


def score_ledger(
    tables: LedgerTables,
    scorer: Scorer,
    as_of: date,
    model_version: str,
    out: Path | str,
    batch_rows: int,
    on_progress: Callable[[int], None] | None = None,
    intervals: ScoreIntervals | None = None,
    reasons: ScoreReasons | None = None,
) -> ScoredFile:
    """Score every customer known on a date, whole or not at all.

    Parameters
    ----------
    tables : LedgerTables
        The facts.
    scorer : Scorer
    as_of : date
        The last day whose facts count.
    model_version : str
        Written into every row.
    out : path
        A file to write, or a folder; replaced if it exists.
    batch_rows : int
        Customers scored at once, which bounds the memory.
    on_progress : callable, optional
        Told the number of customers after every batch.
    intervals : ScoreIntervals, optional
        With them the file also has the columns of `schema.SCORE_INTERVALS`.
    reasons : ScoreReasons, optional
        With them the file also has the columns of `schema.SCORE_REASONS`.

    Returns
    -------
    ScoredFile

    Raises
    ------
    DateError
        If no customer is known on that date.
    ContractError
        If the ledger lacks facts that the model reads.
    OutputError
        If the file cannot be written.
    """
    rows = ledger_rows(tables, scorer, as_of)
    row_scorer = RowScorer(scorer, as_of, model_version, intervals, reasons)
    # Without a digest nothing tells one ledger from another, so nothing of an earlier job is taken over.
    job = ScoreJob(rows, {"ledger": "given"}, row_scorer, output_of(str(out)), batch_rows, fresh=True)
    return run_job(job, on_progress)


def ledger_rows(tables: LedgerTables, scorer: Scorer, as_of: date, batches: Any = None) -> Rows:
    """The customers of a ledger on a date, in order of customer_id, computed once and held in the work folder.

    Parameters
    ----------
    tables : LedgerTables
    scorer : Scorer
    as_of : date
    batches : callable, optional
        An engine's `Engine.batches`; Ibis' own way if not given.
    """
    wanted = scoring_input(tables, scorer, as_of)
    nobody = DateError(f"No customer had made a purchase by {as_of}: there is nobody to score.")
    return held_rows(lambda: batches(wanted) if batches else wanted.to_pyarrow_batches(), scorer.bundle.inputs, nobody)


def _leave_rows_alone(job: ScoreJob, rows: FeatureRows) -> None:
    """Refuse to replace a file that is scored; rows that are held in the work folder are the job's own."""
    held = job.work_folder.resolve()
    files = [path for path in rows.paths if not path.resolve().is_relative_to(held)]
    refuse_overwriting(job.output.writes, [Given("the input", str(path)) for path in files])


def _scored_parts(
    job: ScoreJob, rows: FeatureRows, n: int, work: Work, on_progress: Callable[[int], None]
) -> tuple[list[Part], int]:
    """All parts in order, and how many of them were there before."""
    size = job.part_rows
    numbers = range(-(-n // size))
    done = {number: part for number, part in work.finished().items() if number in numbers}
    taken_over = len(done)
    for part in done.values():
        on_progress(part.rows)
    # Closed at once, so that nobody goes on working when what follows a part fails.
    with closing((job.workers or _in_threads)(job, rows, n, work, set(numbers) - set(done))) as parts:
        for part in parts:
            done[part.number] = part
            on_progress(part.rows)
    return [done[number] for number in numbers], taken_over


def _in_threads(job: ScoreJob, rows: FeatureRows, n: int, work: Work, missing: set[int]) -> Generator[Part, None, None]:
    """Score the missing parts, a few at a time; in whatever order they are finished."""
    if not missing:
        return
    threads = job.threads or len(os.sched_getaffinity(0))
    if threads > 1:
        _leave_processors_to_parts(job.row_scorer)
    first = min(missing)
    waiting: set[Future[Part]] = set()

    def finish(number: int, table: pa.Table) -> Part:
        scored = job.row_scorer.of(table, number * job.part_rows, number)
        return work.write(number, table.num_rows, scored, job.output.encoding)

    with ThreadPoolExecutor(threads, thread_name_prefix="score") as pool:
        try:
            for number, table in enumerate(rows.parts(first * job.part_rows, job.part_rows, n), first):
                if number not in missing:
                    continue
                waiting.add(pool.submit(finish, number, table))
                if len(waiting) > threads:
                    finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in finished)
            while waiting:
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in finished)
        finally:
            for one in waiting:
                one.cancel()


def _leave_processors_to_parts(row_scorer: RowScorer) -> None:
    """Have trees predict a part in one thread, since the parts have one each; no score changes by it."""
    trees = churn_trees(row_scorer.scorer.bundle.churn)
    if trees is not None:
        trees.set_param({"nthread": 1})


def _published(
    job: ScoreJob, parts: list[Part], work: Work, begin: float, taken_over: int, dropped: str | None
) -> ScoredFile:
    reasons = counted_reasons(part.reasons for part in parts)
    scored, rejected = sum(part.scored for part in parts), sum(part.rejected for part in parts)
    summary = _Summary(job.row_scorer)
    results = Results(
        [path for part in parts if (path := work.scores(part))],
        [path for part in parts if (path := work.rejects(part))],
        job.row_scorer.columns,
        summary.watch,
    )
    if not scored:
        unscored = job.output.put_unscored(results, work.folder)
        message = (
            f"None of {rejected:,} rows can be scored: {reasons_in_words(reasons)}. They are written to {unscored}; "
            "there are no scores of this job, and those of an earlier one stay as they are."
        )
        raise InputError(message, counts=reasons)
    with job.output.publishing(results, work.folder) as published:
        finished = ScoredFile(
            path=job.output.place,
            customers=scored,
            totals=summary.totals,
            most_valuable=summary.best,
            rejected=rejected,
            reasons=reasons,
            rejects=published.rejects,
            manifest=published.manifest,
            parts=len(parts),
            parts_taken_over=taken_over,
            dropped=dropped,
        )
        published.tell(manifest_of(job.plan, job.row_scorer, job.output.kind, finished, parts, published.files, begin))
    return finished


class _Summary:
    """Sums and the first few of all scores, told one table at a time."""

    def __init__(self, row_scorer: RowScorer) -> None:
        of_ledger = isinstance(row_scorer.scorer.bundle, Bundle)
        names = ("expected_purchases", "clv", "churn_probability") if of_ledger else ("churn_probability",)
        self.totals = dict.fromkeys(names, 0.0)
        self.best = row_scorer.schema.empty_table()
        self._rank_by = "clv" if of_ledger else "churn_probability"

    def watch(self, table: pa.Table) -> None:
        for name in self.totals:
            self.totals[name] += float(np.sum(table[name].to_numpy()))
        order = np.argsort(-table[self._rank_by].to_numpy(), kind="stable")[:MOST_VALUABLE]
        joined_rows = pa.concat_tables([self.best, table.take(pa.array(order))])
        ranked = np.argsort(-joined_rows[self._rank_by].to_numpy(), kind="stable")[:MOST_VALUABLE]
        self.best = joined_rows.take(pa.array(ranked))


def _nobody(rows: int) -> None:
    """No one is told."""
