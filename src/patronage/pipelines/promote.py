"""``patronage promote``: the challenger becomes champion if later data say so; back to a version; the whole history."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, StrictBool

from patronage.errors import ConfigError, InputError, PromotionError
from patronage.evaluation.candidates import what_came, what_was_told
from patronage.evaluation.promotion import Judgement, PromotionTerms, judge_challenger
from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.contenders import (
    Contender,
    Judge,
    chosen_judging,
    contender,
    judging_days,
    recipe_of,
)
from patronage.pipelines.holdout_table import holdout_table
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.settings import Dates, Settings, own_settings, settings_from
from patronage.pipelines.table_settings import is_customer_table
from patronage.runtime.bundle import Bundle
from patronage.runtime.histories import FloatArray
from patronage.runtime.scorer import Scorer
from patronage.tracking.promotion import (
    Action,
    Decision,
    Entry,
    Head,
    carry_out,
    enter_refusal,
    history,
    read_head,
    record_evidence,
    who_decides,
)
from patronage.tracking.store import TrackingStore

GROUPS = {"ledger", "dates", "engine", "contract", "identity", "tracking"}


class Guards(Settings):
    """Limits that the challenger has to keep."""

    max_calibration_error: float = Field(ge=0, le=1)
    max_total_error: float = Field(ge=0, lt=float("inf"))
    max_missing_share: float = Field(ge=0, le=1)
    not_worse: list[str]


class Promote(Settings):
    """The command's own settings."""

    challenger: str
    cutoff: date | None
    judge: Judge
    metric: str
    level: float = Field(gt=0, lt=1)
    replicates: int = Field(ge=2)
    guards: Guards
    dry_run: StrictBool
    rollback: int | None = Field(ge=1)
    history: StrictBool
    reason: str | None = Field(min_length=1)
    by: str | None = Field(min_length=1)
    seed: int = Field(ge=0)

    @property
    def terms(self) -> PromotionTerms:
        """What the challenger has to show."""
        guards = self.guards.model_dump()
        return PromotionTerms(
            metric=self.metric,
            level=self.level,
            replicates=self.replicates,
            **{**guards, "not_worse": tuple(guards["not_worse"])},
        )


@dataclass(frozen=True)
class Match:
    """A challenger and the champion that it was judged against.

    Attributes
    ----------
    head : Head
        Of the log, read before anything else.
    judged : str
        Who was judged by which days, in words.
    """

    challenger: Contender
    champion: Contender
    head: Head
    days: Dates
    judge: Judge
    judged: str
    judgement: Judgement


def promote(config: dict[str, Any]) -> None:
    """Judge and promote, roll back, or tell the history; see ``conf/promote.yaml`` for the settings."""
    settings = own_settings(Promote, config, "promote", GROUPS)
    terms, store = settings.terms, tracking_store(config)
    if settings.history and settings.rollback is not None:
        message = "history=true only reads, and rollback=VERSION writes: give one of them."
        raise ConfigError(message)
    if settings.history:
        show_history(history(store), read_head(store), store.registered_model)
    elif settings.rollback is not None:
        _roll_back(store, settings, str(settings.rollback))
    else:
        _challenge(config, settings, terms, store)


def _challenge(config: dict[str, Any], settings: Promote, terms: PromotionTerms, store: TrackingStore) -> None:
    if is_customer_table(config):
        message = "Promotion needs a ledger of transactions: later rows of a customer table have no known future."
        raise ConfigError(message)
    dates = settings_from(Dates, config["dates"], "dates")
    if not settings.dry_run:
        store.check_writable()
    match = _judged(config, settings, terms, store, dates)
    _show(match)
    reason = match.judgement.reason
    if settings.dry_run:
        earned = "would be promoted" if match.judgement.earned else "would be refused"
        console.note(f"dry run: version {match.challenger.version} {earned}; nothing was written")
        return
    facts = _facts(match, terms, settings)
    with console.step(f"Keep the evidence in {store.address}"):
        run_id = record_evidence(store, f"promotion of {match.challenger.version}", config, facts, _figures(match),
                                 _tables(match))  # fmt: skip
    told = f"{reason}. {match.judged}" + (f" {settings.reason}" if settings.reason else "")
    action: Action = "promoted" if match.judgement.earned else "refused"
    decision = Decision(
        action, match.challenger.version, match.champion.version, told, settings.by or who_decides(), run_id
    )
    if not match.judgement.earned:
        enter_refusal(store, decision)
        message = (
            f"Version {match.challenger.version} does not become champion, version {match.champion.version} stays: "
            f"{reason}. {match.judged} The evidence is in run {run_id}."
        )
        raise PromotionError(message)
    entry = carry_out(store, match.head, decision)
    console.note(f"{entry.words()}, instead of {match.champion.version}; evidence in run {run_id}")
    console.note(f"back: patronage promote rollback={match.champion.version}")


def _judged(
    config: dict[str, Any], settings: Promote, terms: PromotionTerms, store: TrackingStore, dates: Dates
) -> Match:
    head = read_head(store)
    if head.champion is None:
        message = (
            f"{store.registered_model} has no champion to be judged against. Name the first one with "
            "patronage promote rollback=VERSION."
        )
        raise PromotionError(message)
    with console.step("Load challenger and champion"):
        challenger = contender(store, settings.challenger)
        champion = contender(store, f"models:/{store.registered_model}/{head.champion}")
    if challenger.version == champion.version:
        message = f"Version {champion.version} is champion already; train another model first."
        raise PromotionError(message)
    both = (challenger, champion)
    days = judging_days(both, dates, settings.cutoff)
    judge = chosen_judging(both, days, settings.judge)
    recipes = [recipe_of(store, one, config, days) for one in both] if judge == "refitted" else []
    ledger = ledger_opener(config, linked_until=days.cutoff)()
    ledger.require_facts_until(days.cutoff, what="cut-off")
    bundles = [one.bundle for one in both]
    for at, recipe in enumerate(recipes):
        with console.step(f"Fit the recipe of version {both[at].version} to what was known on {days.cutoff}"):
            bundles[at] = recipe.fit(ledger, days.cutoff, kind=bundles[at].purchase.kind).bundle
    with console.step(f"Judge both by {days.cutoff} to {days.holdout_end}"):
        came, told = _told(ledger, bundles, days)
        judgement = judge_challenger(came, told[0], told[1], terms, rng=np.random.default_rng(settings.seed))
    return Match(challenger, champion, head, days, judge, _words(judge, days, judgement), judgement)


def _told(
    ledger: Ledger, bundles: list[Bundle], days: Dates
) -> tuple[dict[str, FloatArray], list[dict[str, FloatArray]]]:
    """What came of the customers of a cut-off, and what each model foretold, in the order of their ids."""
    came: dict[str, FloatArray] = {}
    told, ids = [], pd.Series(dtype=object)
    for bundle in bundles:
        frame = holdout_table(ledger, days.cutoff, days.horizon_days, bundle.time_unit, bundle.inputs)
        if came and not ids.equals(frame["customer_id"]):
            message = "The two models see different customers on the same day, so they cannot be judged in pairs."
            raise InputError(message)
        came, ids = what_came(frame), frame["customer_id"]
        told.append(what_was_told(Scorer(bundle).score(frame)))
    return came, told


def _words(judge: Judge, days: Dates, judgement: Judgement) -> str:
    who = "The registered models" if judge == "registered" else "What the recipes of both made of facts up to then"
    verb = "were" if judge == "registered" else "was"
    return (
        f"{who} {verb} judged on {days.cutoff} by the {days.horizon_days} days that followed, with "
        f"{judgement.n_customers:,} customers."
    )


def _roll_back(store: TrackingStore, settings: Promote, version: str) -> None:
    head = read_head(store)
    if head.champion == version:
        message = f"Version {version} is champion already."
        raise PromotionError(message)
    target = contender(store, f"models:/{store.registered_model}/{version}")
    if settings.dry_run:
        console.note(
            f"dry run: the champion would be version {version} instead of {head.champion}; nothing was written"
        )
        return
    reason = settings.reason or "rolled back by hand"
    decision = Decision("rolled back", target.version, head.champion, reason, settings.by or who_decides())
    entry = carry_out(store, head, decision)
    console.note(f"{entry.words()}, instead of {head.champion or 'none'}")


def _facts(match: Match, terms: PromotionTerms, settings: Promote) -> dict[str, Any]:
    """The decision and all that it rests on, for people and programs."""
    return {
        "at": datetime.now(UTC).isoformat(),
        "by": settings.by or who_decides(),
        "challenger": _about(match.challenger),
        "champion": _about(match.champion),
        "judged": match.judged,
        "judge": match.judge,
        "cutoff": match.days.cutoff,
        "until": match.days.holdout_end,
        "customers": match.judgement.n_customers,
        "terms": vars(terms),
        "earned": match.judgement.earned,
        "reason": match.judgement.reason,
        "checks": [vars(one) for one in match.judgement.checks],
    }


def _about(one: Contender) -> dict[str, Any]:
    return {"version": one.version, "run_id": one.run_id, "fingerprint": one.bundle.fingerprint,
            "as_of": one.bundle.as_of}  # fmt: skip


def _figures(match: Match) -> dict[str, float]:
    rows = match.judgement.metrics.dropna(subset="value").to_dict("records")
    figures = {f"{row['task']}.{row['model']}.{row['metric']}": float(row["value"]) for row in rows}
    return {**figures, "earned": float(match.judgement.earned)}


def _tables(match: Match) -> Mapping[str, pd.DataFrame]:
    checks = pd.DataFrame([vars(one) for one in match.judgement.checks])
    return {"metrics": match.judgement.metrics, "differences": match.judgement.differences, "checks": checks}


def _show(match: Match) -> None:
    rows = [[one.name, f"{'holds' if one.holds else 'FAILS'}: {one.words}"] for one in match.judgement.checks]
    title = f"Challenger {match.challenger.version} against champion {match.champion.version}"
    console.results(title, ["condition", "what came"], rows)
    console.note(match.judged)


def show_history(entries: list[Entry], head: Head, name: str) -> None:
    """Tell every decision, the first one first."""
    if not entries:
        console.note(f"{name} has no decisions yet; champion: version {head.champion or 'none'}")
        return
    rows = []
    for one in entries:
        told, outcome = one.decision, "" if one.state == "done" else f", {one.state}"
        what = f"{told.version} {told.action}; champion then: {told.against or 'none'}{outcome}"
        rows.append([f"{one.number}: {one.at:%Y-%m-%d %H:%M:%S}", told.by, what, told.reason])
    columns = ["entry, when (UTC)", "who", "version", "why"]
    console.words(f"Decisions about {name}; champion: version {head.champion or 'none'}", columns, rows)
