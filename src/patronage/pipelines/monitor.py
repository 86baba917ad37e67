"""``patronage monitor``: customers against those the model knows, what came against what was foretold; what to do."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, StrictBool

from patronage.errors import ConfigError, DateError, DriftError
from patronage.evaluation.alarms import Verdict, decide, verdict
from patronage.evaluation.candidates import what_came, what_was_told
from patronage.evaluation.drift import DriftSizes, drift
from patronage.evaluation.profile import Profile
from patronage.evaluation.realised import RealisedSizes, realised
from patronage.files import check_replaceable, check_writable, written_whole
from patronage.ledger.opening import Ledger
from patronage.pipelines import console
from patronage.pipelines.holdout_table import customer_groups, holdout_table, refuse_slices
from patronage.pipelines.monitored import KEPT, Monitored, customers_in, customers_of
from patronage.pipelines.opening import ledger_opener, tracking_store
from patronage.pipelines.settings import MISSING, Settings, own_settings
from patronage.pipelines.table_settings import is_customer_table
from patronage.report.monitor_page import write_monitor_page
from patronage.runtime.bundle import Bundle, ledger_bundle, read_bundle
from patronage.runtime.scorer import AnyScorer, Scorer, scorer_of
from patronage.schema.monitoring import MONITORING_TABLES
from patronage.scoring.tables import write_table
from patronage.tracking.monitoring import MonitoringRecord, record_monitoring
from patronage.tracking.registry import ResolvedModel, resolve_model

GROUPS = {"ledger", "dates", "engine", "contract", "identity", "tracking"}

PAGE = "monitoring.html"
WRITTEN = (PAGE, *(f"{name}.{suffix}" for name in MONITORING_TABLES for suffix in ("parquet", "csv")))
"""Files of a result, which the next one replaces."""


class Limits(Settings):
    """What size matters, of drift and of misses."""

    psi: float
    ks: float
    missing: float
    new_categories: float
    unscored: float
    total: float
    churn_share: float
    calibration: float
    ranking: float

    @property
    def drift(self) -> DriftSizes:
        """Of inputs and scores."""
        return DriftSizes(self.psi, self.ks, self.missing, self.new_categories, self.unscored)

    @property
    def realised(self) -> RealisedSizes:
        """Of what came against what was foretold."""
        return RealisedSizes(self.total, self.churn_share, self.calibration, self.ranking)


class Monitor(Settings):
    """The command's own settings."""

    model: str
    as_of: date | None
    input: str | None = Field(min_length=1)
    reference: str = Field(min_length=1)
    reference_as_of: date | None
    acquired_within_days: int | None = Field(ge=1)
    ageing: list[str]
    realised: bool | str
    cutoff: date | None
    slices: list[str]
    alpha: float = Field(gt=0, lt=1)
    level: float = Field(gt=0, lt=1)
    limits: Limits
    alarm_exit: StrictBool
    track: StrictBool
    out: str = Field(min_length=1)
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Reference:
    """Whom the batch is compared with."""

    profile: Profile
    where: str


def monitor(config: dict[str, Any]) -> None:
    """Compare, judge, write; see ``conf/monitor.yaml`` for the settings."""
    settings = own_settings(Monitor, config, "monitor", GROUPS)
    _refuse(settings, config)
    sizes = settings.limits.drift, settings.limits.realised
    observed = _observed(config)
    store = tracking_store(config)
    opened = None if settings.input else ledger_opener(config, linked_until=settings.as_of or observed)
    check_replaceable(settings.out, WRITTEN)
    check_writable(Path(settings.out).parent)
    if settings.track:
        store.check_writable()
    with console.step(f"Load the model {settings.model}"):
        model = resolve_model(store, settings.model)
        bundle = read_bundle(model.bundle_folder)
        scorer = scorer_of(bundle if settings.input else ledger_bundle(bundle, "Monitoring a ledger"))
    ledger = opened() if opened else None
    batch = _batch(settings, ledger, scorer, settings.as_of or observed)
    reference = _reference(settings, ledger, scorer)
    ageing = () if settings.acquired_within_days else tuple(settings.ageing)
    required = [column.name for column in bundle.inputs.columns if not column.nullable]
    with console.step("Compare inputs and scores"):
        tables = {"drift": drift(reference.profile, batch.inputs, batch.scores, sizes[0], ageing, required)}
    found, why_not, cutoff = _realised(settings, ledger, scorer, sizes[1], observed)
    if found is not None:
        tables["realised"] = found
    tables = decide(tables, settings.alpha)
    judged = verdict(tables, settings.alpha, why_not)
    facts = _facts(settings, model, scorer, batch, reference, cutoff)
    with console.step("Write tables and the page"):
        _write(tables, judged, facts, Path(settings.out))
    run = None
    if settings.track:
        with console.step(f"Record the run in {store.address}"):
            run = record_monitoring(store, _record(config, settings, model, judged, tables))
    _show(tables, judged, settings, run)
    if judged.alarms and settings.alarm_exit:
        message = (
            f"{judged.alarms} alarm{'s' if judged.alarms > 1 else ''}. {judged.words[0]} "
            f"The page {Path(settings.out) / PAGE} says which."
        )
        raise DriftError(message, alarms=judged.alarms)


def _refuse(settings: Monitor, config: dict[str, Any]) -> None:
    problems = []
    if settings.realised not in (True, False, "auto"):
        problems.append(f"realised must be auto, true or false, got {settings.realised!r}")
    if settings.input and settings.realised is True:
        problems.append("realised=true needs a ledger, which tells what came: leave input")
    if settings.input and settings.acquired_within_days:
        problems.append("acquired_within_days needs a ledger: leave input, or choose the customers of the table")
    if settings.acquired_within_days and settings.reference not in ("auto", "ledger"):
        problems.append("acquired_within_days needs reference=ledger, so that both sides are chosen alike")
    if settings.input and settings.reference == "ledger":
        problems.append("reference=ledger needs a ledger: leave input, or name a Parquet table as the reference")
    if not settings.input and is_customer_table(config):
        problems.append("a customer table is monitored as a table of features: give it as input=FILE.parquet")
    if problems:
        raise ConfigError("; ".join(problems) + ".")


def _observed(config: dict[str, Any]) -> date | None:
    told = config["dates"]["observed_until"]
    return None if told in (None, MISSING) else date.fromisoformat(str(told))


def _batch(settings: Monitor, ledger: Ledger | None, scorer: AnyScorer, as_of: date | None) -> Monitored:
    if ledger is None or not isinstance(scorer, Scorer):
        with console.step(f"Look at the table {settings.input}"):
            batch = customers_in(str(settings.input), scorer)
    else:
        if as_of is None:
            message = "as_of is not set: give the day of the customers that are looked at as as_of=YYYY-MM-DD."
            raise ConfigError(message)
        ledger.require_facts_until(as_of)
        with console.step(f"Score the customers as of {as_of}"):
            batch = customers_of(ledger, scorer, as_of, settings.acquired_within_days)
    _note_unscored(batch)
    return batch


def _reference(settings: Monitor, ledger: Ledger | None, scorer: AnyScorer) -> Reference:
    bundle, chosen = scorer.bundle, settings.reference
    kept = bundle.training.get(KEPT)
    if chosen == "model" or (chosen == "auto" and kept and not settings.acquired_within_days):
        if kept is None:
            message = "The model keeps no profile of its customers: take reference=ledger, or a Parquet table."
            raise ConfigError(message)
        return Reference(Profile.from_facts(kept), f"kept with the model, as of {bundle.as_of}")
    if chosen not in ("auto", "ledger"):
        with console.step(f"Look at the reference {chosen}"):
            found = customers_in(chosen, scorer)
        _note_unscored(found)
        return Reference(found.profile, found.where)
    if ledger is None or not isinstance(scorer, Scorer):
        message = (
            "There is nothing to compare the table with: the model keeps no profile of its customers. Give the "
            "features of earlier customers as reference=FILE.parquet, or train the model again."
        )
        raise ConfigError(message)
    day = settings.reference_as_of or scorer.bundle.as_of
    ledger.require_facts_until(day, what="day of the reference")
    with console.step(f"Score the customers of the reference, as of {day}"):
        found = customers_of(ledger, scorer, day, settings.acquired_within_days)
    _note_unscored(found)
    return Reference(found.profile, found.where)


def _realised(
    settings: Monitor, ledger: Ledger | None, scorer: AnyScorer, sizes: RealisedSizes, observed: date | None
) -> tuple[pd.DataFrame | None, str | None, date | None]:
    """What came against what was foretold; or why not, in words."""
    if settings.realised is False:
        return None, "What came was not compared, because realised=false.", None
    if ledger is None or not isinstance(scorer, Scorer):
        return None, "What came was not compared: a table of features does not tell it.", None
    bundle: Bundle = scorer.bundle
    horizon = timedelta(days=bundle.horizon_days)
    if observed is None:
        told = "dates.observed_until is not set, so that it is not known until when the future has come"
    elif settings.cutoff and settings.cutoff + horizon > observed:
        told = f"the {horizon.days} days after {settings.cutoff} are not over by {observed}, the end of observation"
    elif bundle.as_of > (settings.cutoff or observed - horizon):
        told = (
            f"the model knows facts up to {bundle.as_of}, so that it can be judged by what came once the ledger is "
            f"observed up to {bundle.as_of + horizon}; it is until {observed}"
        )
    else:
        cutoff = settings.cutoff or observed - horizon
        return _judged(settings, ledger, scorer, sizes, cutoff), None, cutoff
    if settings.realised is True or settings.cutoff:
        message = f"What came cannot be compared: {told}."
        raise DateError(message)
    return None, f"What came was not compared: {told}.", None


def _judged(settings: Monitor, ledger: Ledger, scorer: Scorer, sizes: RealisedSizes, cutoff: date) -> pd.DataFrame:
    bundle = scorer.bundle
    refuse_slices(ledger, settings.slices)
    ledger.require_facts_until(cutoff, what="cut-off")
    with console.step(f"Compare what was foretold on {cutoff} with the {bundle.horizon_days} days that followed"):
        frame = holdout_table(ledger, cutoff, bundle.horizon_days, bundle.time_unit, bundle.inputs)
        groups = customer_groups(ledger, frame, cutoff, bundle.time_unit, settings.slices)
        told = what_was_told(scorer.score(frame))
        rng = np.random.default_rng(settings.seed)
        return realised(what_came(frame), told, groups, sizes, settings.level, rng=rng)


def _note_unscored(found: Monitored) -> None:
    for reason, count in found.unscored.items():
        console.warn(f"{count:,} rows of {found.where} cannot be scored: {reason}")


def _facts(
    settings: Monitor, model: ResolvedModel, scorer: AnyScorer, batch: Monitored, reference: Reference,
    cutoff: date | None,
) -> dict[str, str]:  # fmt: skip
    bundle = scorer.bundle
    name = model.label or f"bundle/{bundle.fingerprint}"
    judged = f"{cutoff}, by the {bundle.horizon_days} days that followed" if cutoff else "not compared"
    return {
        "Model": f"{name}, knows facts up to {bundle.as_of or 'a day not told'}",
        "Batch": f"{batch.where}: {len(batch):,} customers",
        "Cannot be scored": ", ".join(f"{reason} ({n:,})" for reason, n in batch.unscored.items()) or "nobody",
        "Reference": f"{reference.where}: {reference.profile.n:,} customers",
        "What came": judged,
        "False alarms": f"at most {settings.alpha:.2%} of runs in which nothing has changed",
        "Looked at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def _write(tables: dict[str, pd.DataFrame], judged: Verdict, facts: dict[str, str], out: Path) -> None:
    with written_whole(out) as folder:
        folder.mkdir()
        for name, table in tables.items():
            write_table(table, MONITORING_TABLES[name], folder / f"{name}.parquet")
            table.to_csv(folder / f"{name}.csv", index=False)
        write_monitor_page(tables, facts, judged, folder / PAGE)


def _record(
    config: dict[str, Any], settings: Monitor, model: ResolvedModel, judged: Verdict, tables: dict[str, pd.DataFrame]
) -> MonitoringRecord:
    metrics = {"alarms": float(judged.alarms)}
    for row in tables["drift"].to_dict("records"):
        metrics[f"drift.{row['part']}.{row['name']}.{row['test']}"] = float(row["size"])
    if "realised" in tables:
        everybody = tables["realised"][tables["realised"]["grouping"] == "all"]
        for row in everybody.to_dict("records"):
            for column in ("predicted", "realised", "size"):
                if np.isfinite(row[column]):
                    metrics[f"realised.{row['quantity']}.{row['test']}.{column}"] = float(row[column])
    return MonitoringRecord(
        name=f"monitoring of {model.label or 'a bundle'}",
        config=config,
        label=model.label,
        trained_by=model.run_id,
        advice=judged.advice,
        words=judged.words,
        metrics=metrics,
        folder=Path(settings.out),
    )


def _show(tables: dict[str, pd.DataFrame], judged: Verdict, settings: Monitor, run: str | None) -> None:
    rows = [
        [name, str(len(table)), str(int((table["alarm"] == "yes").sum()))]
        for name, table in tables.items()
    ]  # fmt: skip
    console.results("Tests", ["table", "tests", "alarms"], rows)
    for sentence in judged.words:
        console.note(sentence)
    out = Path(settings.out)
    where = [["page", str(out / PAGE)], ["tables", f"{len(tables)} Parquet and CSV files beside it"]]
    console.results("Written", ["what", "where"], where + ([["run", run]] if run else []))
