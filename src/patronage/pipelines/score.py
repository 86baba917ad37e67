"""``patronage score``: a ledger or a table of features, a date and a model in; one row of scores a customer out."""

from dataclasses import replace
from datetime import date
from typing import Any

from patronage.errors import ConfigError, RejectedError
from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.opening import tracking_store
from patronage.pipelines.progress import progress
from patronage.pipelines.score_customer_table import of_customer_table
from patronage.pipelines.score_inputs import Asked, Score, of_features, of_ledger
from patronage.pipelines.score_on_spark import in_storage, of_storage, on_spark, refuse_beyond_spark, wants_spark
from patronage.pipelines.score_places import given_places
from patronage.pipelines.score_results import say_plan, say_results
from patronage.pipelines.settings import own_settings
from patronage.pipelines.table_settings import tells_rows
from patronage.runtime.bundle import Bundle, read_bundle
from patronage.runtime.scorer import AnyScorer, scorer_of
from patronage.scoring.batch import RowScorer
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.job import ScoreJob, run_job
from patronage.scoring.outputs import output_of
from patronage.scoring.places import refuse_overwriting
from patronage.scoring.publishing import writes_of
from patronage.scoring.reason_counts import reasons_in_words
from patronage.scoring.reasons import ScoreReasons
from patronage.tracking.registry import resolve_model

GROUPS = {"ledger", "dates", "engine", "contract", "costs", "identity", "setting", "tracking"}


def score(config: dict[str, Any]) -> None:
    """Score customers; see ``conf/score.yaml`` for the settings."""
    settings = own_settings(Score, config, "score", GROUPS)
    if wants_spark(config):
        refuse_beyond_spark(settings)
    output = output_of(settings.out, settings.out_table, settings.work_folder)
    refuse_overwriting(writes_of(output), given_places(settings, config))
    asked = _asked(settings, config)
    store = tracking_store(config)
    check_writable(output.path.parent)
    output.check()
    with console.step(f"Load the model {settings.model}"):
        resolved = resolve_model(store, settings.model)
        scorer = scorer_of(asked.fitting(read_bundle(resolved.bundle_folder)))
    version = resolved.label or f"bundle/{scorer.bundle.fingerprint}"
    row_scorer = _row_scorer(settings, scorer, asked.as_of, version)
    customers = asked.customers(scorer.bundle)
    row_scorer = replace(row_scorer, profit=customers.profit)
    _note_time(scorer, asked.as_of)
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
    if wants_spark(config):
        job = on_spark(job, settings, config, resolved.bundle_folder)
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


def _asked(settings: Score, config: dict[str, Any]) -> Asked:
    """Who is to be scored: of a customer table or contracts, of a table of features, or of a ledger."""
    if tells_rows(config):
        return of_customer_table(settings, config)
    if settings.input is not None:
        return of_storage(settings, config) if wants_spark(config) and in_storage(settings) else of_features(settings)
    if settings.input_table is not None:
        message = f"input_table={settings.input_table} is of a DuckDB file, but input=FILE is not given."
        raise ConfigError(message)
    return of_ledger(settings, config)


def _asked_beside(settings: Score, config: dict[str, Any]) -> dict[str, Any]:
    """What the columns beside the scores depend on."""
    asked = settings.model_dump(include={"interval", "profit", "explain", "explain_method", "explain_direction"})
    return asked | ({"costs": config["costs"]} if settings.profit else {})


def _row_scorer(settings: Score, scorer: AnyScorer, as_of: date | None, version: str) -> RowScorer:
    bundle = scorer.bundle
    intervals = None
    if isinstance(bundle, Bundle):
        if as_of is None:
            message = "input=... does not say of which day its features are: give it as as_of=YYYY-MM-DD."
            raise ConfigError(message)
        intervals = ScoreIntervals(bundle, settings.interval) if settings.interval else None
    elif settings.interval is not None:
        message = "interval is of purchases and value, which the model of a customer table does not foretell: leave it."
        raise ConfigError(message)
    reasons = None
    if settings.explain:
        reasons = ScoreReasons(bundle, settings.explain_method, settings.explain_direction)
    return RowScorer(scorer, as_of, version, intervals, reasons)


def _note_time(scorer: AnyScorer, as_of: date | None) -> None:
    known = scorer.bundle.as_of
    if as_of is not None and known is not None and as_of < known:
        console.note(f"the model knows facts up to {known}, later than the as-of date of the scores")


def _say_dropped(reason: str) -> None:
    console.note(f"finished parts of an earlier job are dropped, and all is scored again: {reason}")
