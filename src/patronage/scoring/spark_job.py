"""A scoring job on Spark: the workers compute features and score parts, the driver keeps the books.

It is the job of `patronage.scoring.job` with two of its steps done elsewhere. Rows are computed or read, and sorted, by
Spark and held in the work folder (`spark_rows`); parts, which are the same rows as on one machine, are scored by its
workers and left there (`spark_worker`). Lock, plan, resumption, accounting, publication and manifest are the same, so
the output is the same too. No customer passes through the driver's memory but, part by part, when the output is put
together.
"""

import json
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from patronage import errors
from patronage.errors import OutputError, PatronageError
from patronage.ledger.engines.spark import SparkEngine
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.job import ScoreJob
from patronage.scoring.manifest import versions
from patronage.scoring.spark_place import Place
from patronage.scoring.spark_rows import in_words
from patronage.scoring.spark_worker import (
    FAILURE,
    OUTCOME,
    Assignment,
    Batches,
    Recipe,
    checking,
    finished_part,
    scoring,
)
from patronage.scoring.work import Part, Work

LONGEST_RUN = 8
"""Most parts of a task: what comes before a part in its row group is read for nothing, so tasks shall not be short."""

TASKS_PER_CORE = 4
"""How finely parts are dealt out where there are few: the slowest task shall not be waited for long."""

SECONDS_BETWEEN_LOOKS = 1.0
"""How often the driver looks for parts that are finished."""


@dataclass(frozen=True)
class SparkWorkers:
    """The workers of a Spark session, to score the parts of a job; see `ScoreJob.workers`.

    Attributes
    ----------
    engine : SparkEngine
    recipe : Recipe
        How rows are scored.
    bundle_folder : Path
        Its files are sent to the workers once.
    """

    engine: SparkEngine
    recipe: Recipe
    bundle_folder: Path

    def on(self, job: ScoreJob) -> ScoreJob:
        """The same job on Spark: features of one engine are not taken over by another.

        Its rows are given out only if the workers could score them, of which all are asked that Spark has at first.
        """

        def rows(folder: Path) -> FeatureRows:
            n = self.engine.session.sparkContext.defaultParallelism
            for outcome in self._told(n, checking(Place.of(folder), versions())):
                raise _error_of(outcome)
            return job.rows(folder)

        return replace(job, rows=rows, settings=job.settings | {"engine": self.engine.name}, workers=self)

    def __call__(
        self, job: ScoreJob, rows: FeatureRows, n: int, work: Work, missing: set[int]
    ) -> Generator[Part, None, None]:
        """Score the missing parts, each of which is given out when it is seen to be finished.

        Raises
        ------
        PatronageError
            What a worker says is wrong with its rows or with the place.
        OutputError
            If Spark gives up, or finished parts are not found.
        """
        if not missing:
            return
        for old in work.folder.glob(FAILURE):
            old.unlink()
        context = self.engine.session.sparkContext
        files = {path.name: path.read_bytes() for path in self.bundle_folder.iterdir() if path.is_file()}
        runs = runs_of(missing, context.defaultParallelism)
        bundle = context.broadcast(files)
        reached = copy(rows)
        reached.paths = tuple(path.absolute() for path in rows.paths)  # workers begin in folders of their own
        assignment = Assignment(
            Place.of(work.folder), versions(), self.recipe, bundle, reached, n, job.part_rows, job.output.encoding, runs
        )
        group = f"patronage-{uuid4().hex}"

        def scored() -> list[dict[str, Any]]:
            context.setJobGroup(group, f"score {len(missing):,} parts", interruptOnCancel=True)
            return self._told(len(runs), scoring(assignment))

        with ExitStack() as afterwards, ThreadPoolExecutor(1, thread_name_prefix="spark") as pool:
            afterwards.callback(bundle.destroy)
            told = pool.submit(scored)
            try:
                yield from _as_finished(told, work.folder, missing)
            finally:
                if not told.done():
                    context.cancelJobGroup(group)

    def _told(self, tasks: int, function: Callable[[Batches], Batches]) -> list[dict[str, Any]]:
        """What a function says in so many tasks, each of which gets its own number."""
        numbers = self.engine.session.range(0, tasks, 1, tasks)
        with in_words("Spark gave up on the job"):
            rows = numbers.mapInArrow(function, f"{OUTCOME} string").collect()
        return [json.loads(row[OUTCOME]) for row in rows]


def runs_of(missing: set[int], cores: int) -> tuple[range, ...]:
    """Deal out parts in runs of numbers that follow one another.

    Parameters
    ----------
    missing : set of int
        Numbers of parts.
    cores : int
        Of all workers.

    Returns
    -------
    tuple of range
        In order; each number of `missing` is in one of them, and no other.

    Examples
    --------
    >>> runs_of({0, 1, 2, 5}, cores=1)
    (range(0, 1), range(1, 2), range(2, 3), range(5, 6))
    >>> runs_of(set(range(20)), cores=1)
    (range(0, 5), range(5, 10), range(10, 15), range(15, 20))
    """
    longest = min(max(-(-len(missing) // (TASKS_PER_CORE * max(cores, 1))), 1), LONGEST_RUN)
    runs: list[range] = []
    for number in sorted(missing):
        if runs and runs[-1].stop == number and len(runs[-1]) < longest:
            runs[-1] = range(runs[-1].start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return tuple(runs)


def _as_finished(told: Future[list[dict[str, Any]]], folder: Path, missing: set[int]) -> Iterator[Part]:
    """The parts that workers finish, seen in the work folder while Spark works, and counted by what it returns."""
    left = set(missing)
    while not told.done():
        wait([told], timeout=SECONDS_BETWEEN_LOOKS)
        for path in folder.glob(FAILURE):
            raise _error_of(json.loads(path.read_text(encoding="utf-8")))
        there = {int(path.stem.removeprefix("part-")) for path in folder.glob("part-*.json")}
        for number in sorted(left & there):
            if (part := finished_part(folder, number)) is not None:
                left.discard(number)
                yield part
    parts = {}
    for outcome in told.result():
        if "failure" in outcome:
            raise _error_of(outcome)
        part = Part(**outcome["part"])
        parts[part.number] = part
    gone = [name for part in parts.values() for name in part.sha256 if not (folder / name).is_file()]
    if gone or set(parts) != missing:
        message = (
            f"Workers of Spark say that they have finished {len(parts):,} of {len(missing):,} parts, but "
            f"{len(gone):,} files of them are not in {folder}{f', first: {gone[0]}' if gone else ''}. Give out=... in "
            "a folder that all machines reach under the same name."
        )
        raise OutputError(message)
    yield from (parts[number] for number in sorted(left))


def _error_of(outcome: dict[str, Any]) -> PatronageError:
    """What a worker says, as the error that it was."""
    kind = getattr(errors, outcome["failure"]["kind"])
    error: PatronageError = kind(outcome["failure"]["message"])
    return error
