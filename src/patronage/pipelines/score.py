"""``patronage score``: ledger, date and model in; one row of scores a customer out."""

from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, StrictBool
from rich.progress import Progress

from patronage.files import check_writable
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.score_customer_table import score_customer_table
from patronage.pipelines.settings import Settings, own_settings
from patronage.pipelines.table_settings import is_customer_table
from patronage.runtime.bundle import ledger_bundle, read_bundle
from patronage.runtime.contributions import ExplainMethod
from patronage.runtime.reasons import Direction
from patronage.runtime.scorer import Scorer
from patronage.scoring.batch import score_ledger
from patronage.scoring.intervals import ScoreIntervals
from patronage.scoring.reasons import ScoreReasons
from patronage.tracking.registry import resolve_model

GROUPS = {"ledger", "dates", "engine", "contract", "identity", "tracking"}

SHOWN = ("clv", "expected_purchases", "expected_spend", "probability_active", "churn_probability")
"""Scores of the most valuable customers that the terminal shows."""

SILENCE_DAYS = 31
"""A longer silence before the as-of date is worth a word."""


class Score(Settings):
    """The command's own settings."""

    as_of: date
    model: str
    out: str
    batch_rows: int = Field(ge=1)
    interval: float | None = Field(gt=0, lt=1)
    explain: StrictBool
    explain_method: ExplainMethod
    explain_direction: Direction


def score(config: dict[str, Any]) -> None:
    """Score a ledger; see ``conf/score.yaml`` for the settings."""
    if is_customer_table(config):
        score_customer_table(config)
        return
    settings = own_settings(Score, config, "score", GROUPS)
    store = tracking_store(config)
    opened = ledger_opener(config, linked_until=settings.as_of)
    check_writable(Path(settings.out).parent)
    with console.step(f"Load the model {settings.model}"):
        resolved = resolve_model(store, settings.model)
        scorer = Scorer(ledger_bundle(read_bundle(resolved.bundle_folder), "Scoring a ledger"))
        intervals = ScoreIntervals(scorer.bundle, settings.interval) if settings.interval else None
        reasons = _reasons(settings, scorer)
    version = resolved.label or f"bundle/{scorer.bundle.fingerprint}"
    ledger = opened()
    ledger.require_facts_until(settings.as_of)
    if settings.as_of < scorer.bundle.as_of:
        console.note(f"the model knows facts up to {scorer.bundle.as_of}, later than the as-of date of the scores")
    silence = (settings.as_of - ledger.span[1]).days
    if silence > SILENCE_DAYS:
        console.note(
            f"the last transaction is {silence:,} days older than the as-of date: if the ledger is not complete until "
            "then, every customer looks more gone than they are"
        )
    with Progress(console=console.OUT, transient=True) as progress:
        task = progress.add_task("Score customers", total=ledger.account.customers)
        scored = score_ledger(
            ledger.tables, scorer, settings.as_of, version, settings.out, settings.batch_rows,
            on_progress=lambda rows: progress.advance(task, rows), intervals=intervals, reasons=reasons,
        )  # fmt: skip
    best = scored.most_valuable.select(["customer_id", *SHOWN]).to_pylist()
    console.results(
        "The most valuable customers",
        ["customer", *SHOWN],
        [[row["customer_id"], *(f"{row[name]:,.2f}" for name in SHOWN)] for row in best],
    )
    totals = scored.totals
    horizon = scorer.bundle.horizon_days
    rows = [
        ["customers scored", f"{scored.customers:,}"],
        ["as of", f"{settings.as_of}, looking {horizon} days ahead"],
        ["expected purchases", f"{totals['expected_purchases']:,.0f}"],
        ["total lifetime value", f"{totals['clv']:,.0f}"],
        ["expected not to buy", f"{totals['churn_probability']:,.0f} customers"],
        ["model", version],
        ["scores", str(scored.path)],
    ]
    if reasons:
        rows.insert(-2, ["reasons", reasons.method_in_words])
    console.results("Scores", ["what", "result"], rows)


def _reasons(settings: Score, scorer: Scorer) -> ScoreReasons | None:
    if not settings.explain:
        return None
    return ScoreReasons(scorer.bundle, settings.explain_method, settings.explain_direction)
