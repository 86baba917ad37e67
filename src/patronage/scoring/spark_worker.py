"""What a Python worker of Spark does in a scoring job: it scores runs of parts and leaves them in the work folder.

A worker reads rows and writes parts itself, in folders that all machines reach, just as a thread of a job on one
machine does. What travels to it is the bundle (once), the names of the files and which parts are its own; what travels
back is a line a part that says what became of its rows.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa

from patronage.errors import BundleError, PatronageError, SourceError
from patronage.files import writing
from patronage.runtime.bundle import Bundle, read_bundle
from patronage.runtime.churn_kinds import churn_trees
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction
from patronage.runtime.scorer import scorer_of
from patronage.scoring.batch import RowScorer, ScoredRows
from patronage.scoring.feature_rows import FeatureRows
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.reasons import ScoreReasons
from patronage.scoring.spark_place import Place, require_programs
from patronage.scoring.work import Part, Work

OUTCOME = "outcome"
"""The one column of what workers return: JSON, a line a part."""

FAILURE = "failure-*.json"
"""Files in the work folder by which a worker says at once that there is no point in going on."""

Batches = Iterator[pa.RecordBatch]

_MADE: "dict[Recipe, RowScorer]" = {}
"""The scorer of this worker, kept from task to task."""


@dataclass(frozen=True)
class Recipe:
    """How rows are scored, in words that travel: every worker makes its `RowScorer` of them.

    Attributes
    ----------
    fingerprint : str
        Of the bundle.
    as_of : date or None
    model_version : str
    interval : float, optional
        Level of `ScoreIntervals`, if they are wanted.
    explain_method : str, optional
        Of `ScoreReasons`, if they are wanted.
    explain_direction : str
    """

    fingerprint: str
    as_of: date | None
    model_version: str
    interval: float | None = None
    explain_method: ExplainMethod | None = None
    explain_direction: Direction = "both"


@dataclass(frozen=True)
class Assignment:
    """All that the workers of a job are told.

    Attributes
    ----------
    place : Place
    versions : dict of str to str
        Of the programs of the driver.
    recipe : Recipe
    bundle : pyspark.Broadcast
        Its ``value`` is the content of every file of the bundle, by name.
    rows : FeatureRows
    n : int
        How many of the rows are scored.
    part_rows : int
    encoding : dict
        How parts are written; see `outputs.Output.encoding`.
    runs : tuple of range
        Numbers of parts that follow one another; each run is a task.
    """

    place: Place
    versions: dict[str, str]
    recipe: Recipe
    bundle: Any
    rows: FeatureRows
    n: int
    part_rows: int
    encoding: dict[str, Any]
    runs: tuple[range, ...]


def checking(place: Place | None, wanted: dict[str, str]) -> Callable[[Batches], Batches]:
    """For ``mapInArrow``: what makes workers say whether they could work, with these versions, at a place."""

    def check(batches: Batches) -> Batches:
        for _ in batches:
            try:
                require_programs(wanted)
                if place is not None:
                    place.require()
            except PatronageError as error:
                yield _line(_failed(error))

    return check


def scoring(assignment: Assignment) -> Callable[[Batches], Batches]:
    """For ``mapInArrow``: what makes a worker score the runs whose numbers it is given."""

    def score(batches: Batches) -> Batches:
        for batch in batches:
            for number in batch.column(0).to_pylist():
                for outcome in outcomes(assignment, assignment.runs[number]):
                    yield _line(outcome)

    return score


def outcomes(assignment: Assignment, run: range) -> Iterator[dict[str, Any]]:
    """Score a run of parts, and say of each what became of it; a failure is told and ends the run.

    Yields
    ------
    dict
        ``part`` with the fields of a `Part`, or ``failure`` with the kind of error and its message.
    """
    try:
        require_programs(assignment.versions)
        assignment.place.require()
        row_scorer = row_scorer_of(assignment.recipe, assignment.bundle.value)
        size, folder = assignment.part_rows, assignment.place.folder
        tables = assignment.rows.parts(run.start * size, size, min(assignment.n, run.stop * size))
        done = run.start
        for number, table in zip(run, tables, strict=False):
            # A task that is tried again finds what it had finished; parts of other jobs were removed by the driver.
            part = finished_part(folder, number)
            if part is None:
                scored = row_scorer.of(table, number * size, number)
                part = _kept(assignment, number, table.num_rows, scored)
            done = number + 1
            yield {"part": asdict(part)}
        if done < run.stop:
            message = (
                f"{assignment.rows.location} has fewer rows than when the job began. Nothing was written; start again "
                "when the file is complete."
            )
            raise SourceError(message)
    except PatronageError as error:
        outcome = _failed(error)
        _tell_at_once(assignment.place.folder, outcome)
        yield outcome


def finished_part(folder: Path, number: int) -> Part | None:
    """A part that a worker has finished, if it has; what its files hold is not looked at."""
    try:
        return Part(**json.loads((folder / f"part-{number:05d}.json").read_text(encoding="utf-8")))
    except OSError:
        return None


def row_scorer_of(recipe: Recipe, files: Mapping[str, bytes]) -> RowScorer:
    """The scorer of a recipe, made once in the life of a worker.

    Parameters
    ----------
    recipe : Recipe
    files : mapping of str to bytes
        The bundle.

    Raises
    ------
    BundleError
        If the bundle cannot be read, or is not that of the recipe.
    """
    if recipe not in _MADE:
        with tempfile.TemporaryDirectory(prefix="patronage-") as folder, writing(folder):
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            bundle = read_bundle(folder)
        if bundle.fingerprint != recipe.fingerprint:
            message = f"The bundle {bundle.fingerprint} came to a Spark worker instead of {recipe.fingerprint}."
            raise BundleError(message)
        if (trees := churn_trees(bundle.churn)) is not None:
            trees.set_param({"nthread": 1})  # a worker has one processor to itself
        intervals = None
        if recipe.interval is not None and isinstance(bundle, Bundle):
            intervals = ScoreIntervals(bundle, recipe.interval)
        reasons = None
        if recipe.explain_method is not None:
            reasons = ScoreReasons(bundle, recipe.explain_method, recipe.explain_direction)
        _MADE.clear()
        _MADE[recipe] = RowScorer(scorer_of(bundle), recipe.as_of, recipe.model_version, intervals, reasons)
    return _MADE[recipe]


def _kept(assignment: Assignment, number: int, rows: int, scored: ScoredRows) -> Part:
    """Write a part aside and move it to its place, its record last.

    Spark may have given up on an attempt that still works, or have two of them: none writes into the file of another,
    and both write the same.
    """
    folder = assignment.place.folder
    attempt = folder / f"attempt-{uuid4().hex}"
    with writing(folder):
        attempt.mkdir()
        try:
            part = Work(attempt).write(number, rows, scored, assignment.encoding)
            assignment.place.require()
            for path in sorted(attempt.iterdir(), key=lambda path: path.suffix == ".json"):
                path.replace(folder / path.name)
        finally:
            shutil.rmtree(attempt, ignore_errors=True)
    return part


def _failed(error: PatronageError) -> dict[str, Any]:
    return {"failure": {"kind": type(error).__name__, "message": str(error)}}


def _tell_at_once(folder: Path, outcome: dict[str, Any]) -> None:
    """Leave word for the driver, which hears the outcome itself only when all other tasks are done."""
    path = folder / FAILURE.replace("*", uuid4().hex)
    unfinished = path.with_suffix(".unfinished")
    try:
        unfinished.write_text(json.dumps(outcome), encoding="utf-8")
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)


def _line(outcome: dict[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({OUTCOME: [json.dumps(outcome)]})
