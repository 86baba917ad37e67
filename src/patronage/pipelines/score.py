"""``patronage score``: a ledger or a table of features, a date and a model in; one row of scores a customer out."""

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from pydantic import Field, StrictBool

from patronage.errors import ConfigError, RejectedError
from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.progress import progress
from patronage.pipelines.remarks import note_ledger
from patronage.pipelines.score_customer_table import score_customer_table
from patronage.pipelines.score_results import say_plan, say_results
from patronage.pipelines.settings import MISSING, Settings, own_settings
from patronage.pipelines.table_settings import tells_rows
from patronage.runtime.bundle import Bundle, ledger_bundle, read_bundle
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction
from patronage.runtime.scorer import AnyScorer, Scorer, scorer_of
from patronage.scoring.batch import RowScorer
from patronage.scoring.feature_rows import FeatureRows, found_files
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.job import Rows, ScoreJob, ledger_rows, reasons_in_words, run_job
from patronage.scoring.outputs import output_of
from patronage.scoring.profit import ScoreProfit
from patronage.scoring.reasons import ScoreReasons
from patronage.tracking.registry import resolve_model
from patronage.value.activity_costs import ActivityCosts, activity_costs

GROUPS = {"ledger", "dates", "engine", "contract", "costs", "identity", "setting", "tracking"}


class Score(Settings):
    """The command's own settings."""

    as_of: date | None
    model: str
    input: str | None = Field(min_length=1)
    out: str = Field(min_length=1)
    batch_rows: int = Field(ge=1)
    threads: int | None = Field(ge=1)
    limit: int | None = Field(ge=1)
    restart: Literal["auto", "fresh"]
    dry_run: StrictBool
    max_rejected_share: float = Field(ge=0, le=1)
    interval: float | None = Field(gt=0, lt=1)
    profit: StrictBool
    explain: StrictBool
    explain_method: ExplainMethod
    explain_direction: Direction


@dataclass(frozen=True)
class Customers:
    """Who is scored, from a ledger or a table of features.

    Attributes
    ----------
    rows : callable
        As `scoring.job.ScoreJob.rows`.
    facts : dict
        What tells this input from another.
    known : int
        How many there are; of a ledger the most that there can be.
    held : bool
        Whether the features have to be computed and held on disk first.
    """

    rows: Rows
    facts: dict[str, Any]
    known: int
    held: bool


def score(config: dict[str, Any]) -> None:
    """Score customers; see ``conf/score.yaml`` for the settings."""
    if tells_rows(config):
        score_customer_table(config)
        return
    settings = own_settings(Score, config, "score", GROUPS)
    output = output_of(settings.out)
    as_of = _as_of(settings, config)
    store = tracking_store(config)
    costs = _costs(settings, config)
    opened = None if settings.input else ledger_opener(config, linked_until=as_of)
    check_writable(output.path.parent)
    output.check()
    with console.step(f"Load the model {settings.model}"):
        resolved = resolve_model(store, settings.model)
        bundle = read_bundle(resolved.bundle_folder)
        scorer = scorer_of(bundle if settings.input else ledger_bundle(bundle, "Scoring a ledger"))
    version = resolved.label or f"bundle/{scorer.bundle.fingerprint}"
    row_scorer = _row_scorer(settings, scorer, as_of, version)
    if settings.input is not None:
        customers = _of_table(settings.input, scorer)
    else:
        ledger = opened()  # type: ignore[misc]
        customers = _of_ledger(ledger, config, scorer, _needed(as_of))  # type: ignore[arg-type]
        if costs is not None:
            with console.step("Learn what customers earn"):
                profit = ScoreProfit(ledger.tables, costs, scorer.bundle, _needed(as_of))  # type: ignore[arg-type]
            row_scorer = replace(row_scorer, profit=profit)
    _note_time(scorer, as_of)
    job = ScoreJob(
        rows=customers.rows,
        input_facts=customers.facts,
        row_scorer=row_scorer,
        output=output,
        part_rows=settings.batch_rows,
        settings=_asked_beside(settings, config),
        threads=settings.threads,
        limit=settings.limit,
        fresh=settings.restart == "fresh",
    )
    if settings.dry_run:
        say_plan(job, customers.known, customers.held)
        return
    with progress("Score customers") as shown:
        scored = run_job(job, shown.advance, shown.expect, _say_dropped)
    say_results(scored, row_scorer)
    if scored.share_rejected > settings.max_rejected_share:
        rows_in = scored.customers + scored.rejected
        message = (
            f"{scored.rejected:,} of {rows_in:,} rows ({scored.share_rejected:.2%}) could not be scored, more than "
            f"max_rejected_share={settings.max_rejected_share:.2%}: "
            f"{reasons_in_words(scored.reasons)}. The others are in {scored.path}, these in {scored.rejects}."
        )
        raise RejectedError(message, counts=scored.reasons)


def _as_of(settings: Score, config: dict[str, Any]) -> date | None:
    """The day asked for; of a ledger else the last one that was observed."""
    if settings.as_of is not None:
        return settings.as_of
    if settings.input is not None:
        return None
    observed = config["dates"]["observed_until"]
    if observed in (None, MISSING):
        message = "as_of is not set: give the last day whose facts count as as_of=YYYY-MM-DD."
        raise ConfigError(message)
    return date.fromisoformat(str(observed))


def _needed(as_of: date | None) -> date:
    if as_of is None:
        message = "input=... does not say of which day its features are: give it as as_of=YYYY-MM-DD."
        raise ConfigError(message)
    return as_of


def _costs(settings: Score, config: dict[str, Any]) -> ActivityCosts | None:
    """The costs that profit goes by, checked, if it is asked for."""
    if not settings.profit:
        return None
    if settings.input is not None:
        message = "profit=true is learned from the purchases and costs of a ledger; input=... holds features alone."
        raise ConfigError(message)
    return activity_costs(config["costs"])


def _asked_beside(settings: Score, config: dict[str, Any]) -> dict[str, Any]:
    """What the columns beside the scores depend on."""
    asked = settings.model_dump(include={"interval", "profit", "explain", "explain_method", "explain_direction"})
    return asked | ({"costs": config["costs"]} if settings.profit else {})


def _row_scorer(settings: Score, scorer: AnyScorer, as_of: date | None, version: str) -> RowScorer:
    bundle = scorer.bundle
    intervals = None
    if isinstance(bundle, Bundle):
        as_of = _needed(as_of)
        intervals = ScoreIntervals(bundle, settings.interval) if settings.interval else None
    elif settings.interval is not None:
        message = "interval is of purchases and value, which the model of a customer table does not foretell: leave it."
        raise ConfigError(message)
    reasons = None
    if settings.explain:
        reasons = ScoreReasons(bundle, settings.explain_method, settings.explain_direction)
    return RowScorer(scorer, as_of, version, intervals, reasons)


def _of_table(location: str, scorer: AnyScorer) -> Customers:
    with console.step(f"Look at the table {location}"):
        rows = FeatureRows(found_files(location), scorer.bundle.inputs)
        facts = {"kind": "feature table", "location": location, "files": rows.facts()}
    return Customers(lambda _: rows, facts, len(rows), held=False)


def _of_ledger(ledger: Any, config: dict[str, Any], scorer: Scorer, as_of: date) -> Customers:
    ledger.require_facts_until(as_of)
    note_ledger(ledger, scorer.bundle, as_of)
    read = json.dumps({group: config[group] for group in ("ledger", "contract", "identity")}, default=str)
    facts = {
        "kind": "ledger",
        "name": ledger.name,
        "location": ledger.location,
        "sha256": ledger.digest,
        "rows": {name: account.rows_used for name, account in ledger.accounts.items()},
        "settings_sha256": hashlib.sha256(read.encode()).hexdigest(),
    }
    rows = ledger_rows(ledger.tables, scorer, as_of, ledger.engine.batches)
    return Customers(rows, facts, ledger.account.customers, held=True)


def _note_time(scorer: AnyScorer, as_of: date | None) -> None:
    known = scorer.bundle.as_of
    if as_of is not None and known is not None and as_of < known:
        console.note(f"the model knows facts up to {known}, later than the as-of date of the scores")


def _say_dropped(reason: str) -> None:
    console.note(f"finished parts of an earlier job are dropped, and all is scored again: {reason}")
