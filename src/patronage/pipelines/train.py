"""``patronage train``: ledger in; fitted, evaluated, tracked and registered models out."""

import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from pydantic import Field, StrictBool

from patronage import __version__
from patronage.errors import DateError
from patronage.evaluation.baselines import HiatusRule, fit_hiatus_rule
from patronage.evaluation.holdout import HoldoutEvaluation, evaluate_holdout
from patronage.features.model_input import model_input
from patronage.ledger.opening import Ledger
from patronage.models.churn.panel import churn_panel
from patronage.models.churn.xgboost_classifier import ChurnClassifier
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.pipelines import console
from patronage.pipelines.opening import ledger_opener
from patronage.pipelines.settings import (
    Dates,
    Panel,
    Settings,
    Tracking,
    Value,
    built,
    no_leftovers,
    settings_from,
)
from patronage.report import page
from patronage.runtime.bundle import Bundle, write_bundle
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import MODEL_INPUT, SCORES
from patronage.summary.customer_summary import summarise
from patronage.summary.daily_counts import daily_counts
from patronage.summary.split import calibration_holdout
from patronage.tracking.record import RecordedModel, TrainingRecord, record_training
from patronage.tracking.store import TrackingStore
from patronage.value.lifetime import value_terms

GROUPS = {"ledger", "dates", "contract", "purchase", "spend", "churn", "panel", "value", "tracking"}


class Train(Settings):
    """The command's own settings."""

    time_unit: TimeUnit
    model_engine: Literal["native", "lifetimes"]
    refit: StrictBool
    run_name: str = Field(min_length=1)
    seed: int = Field(ge=0)


@dataclass(frozen=True)
class Fit:
    """Models fitted to what was known on a day, and the rules learnt from the same panel."""

    bundle: Bundle
    purchase: BetaGeoNBD
    spend: GammaGamma
    hiatus: HiatusRule
    base_rate: float


def train(config: dict[str, Any]) -> None:
    """Fit, evaluate, track and register; see ``conf/train.yaml`` for the settings."""
    no_leftovers(config, {*GROUPS, *Train.model_fields}, "train")
    started = datetime.now(UTC)
    settings = settings_from(Train, {key: config[key] for key in Train.model_fields})
    _refuse_parts(config)
    dates = settings_from(Dates, config["dates"], "dates")
    store = TrackingStore(**settings_from(Tracking, config["tracking"], "tracking").model_dump())
    store.check_writable()
    ledger = ledger_opener(config)()
    _refuse_dates(ledger, dates)
    with console.step(f"Fit to what was known on {dates.cutoff}"):
        fit = fit_models(config, ledger, dates.cutoff, dates.horizon_days)
    console.note(repr(fit.purchase))
    console.note(repr(fit.spend))
    with console.step(f"Evaluate on {dates.cutoff} to {dates.holdout_end}"):
        holdout = _holdout(ledger, dates, fit.bundle)
        daily = daily_counts(ledger.transactions, dates.cutoff, dates.holdout_end)
        evaluation = evaluate_holdout(fit.bundle, holdout, daily, fit.hiatus, fit.base_rate)
    shipped = fit
    if settings.refit:
        with console.step(f"Fit again to what was known on {dates.observed_until}"):
            shipped = fit_models(config, ledger, dates.observed_until, dates.horizon_days)
        console.note(repr(shipped.purchase))
        console.note(repr(shipped.spend))
    with console.step(f"Record the run in {store.uri}"):
        recorded = _record(config, store, ledger, dates, started, fit, shipped, evaluation, holdout)
    _show(store, recorded, evaluation, shipped.bundle)


def _refuse_parts(config: dict[str, Any]) -> None:
    """Build every part once, so that a setting that does not fit is refused before the long work."""
    for group in ("purchase", "spend", "churn"):
        built(config, group)
    settings_from(Value, config["value"], "value")
    settings_from(Panel, config["panel"], "panel")


def fit_models(config: dict[str, Any], ledger: Ledger, as_of: date, horizon_days: int) -> Fit:
    """Fit all models to the ledger as it was known on a day."""
    unit = TimeUnit(config["time_unit"])
    summary = summarise(ledger.transactions, as_of=as_of, time_unit=unit)
    histories = summary.histories()
    purchase = built(config, "purchase").fit(histories, weights=histories["n_customers"])
    spend = built(config, "spend").fit(summary.to_pandas())
    cutoffs = settings_from(Panel, config["panel"], "panel").cutoffs(as_of, horizon_days)
    panel = churn_panel(ledger.transactions, cutoffs, horizon_days, unit)
    churn: ChurnClassifier = built(config, "churn").fit(panel)
    training = {
        "patronage": __version__,
        "ledger": {"name": ledger.name, "sha256": ledger.digest, "customers": len(summary.to_pandas())},
        "engine": config["model_engine"],
        "churn_cutoffs": [day.isoformat() for day in cutoffs],
        "log_likelihood": {"purchase": purchase.log_likelihood_, "spend": spend.log_likelihood_},
        "spend_frequency_correlation": spend.frequency_correlation_,
    }
    bundle = Bundle(
        purchase=purchase.to_params(),
        spend=spend.to_params(),
        churn=churn.to_model(),
        value=value_terms(**settings_from(Value, config["value"], "value").model_dump()),
        as_of=as_of,
        time_unit=unit,
        horizon_days=horizon_days,
        training=training,
    )
    return Fit(bundle, purchase, spend, fit_hiatus_rule(panel), float(panel["churned"].mean()))


def _refuse_dates(ledger: Ledger, dates: Dates) -> None:
    ledger.require_facts_until(dates.cutoff, what="cut-off")
    day = ledger.transactions.timestamp.date()
    within = ledger.transactions.filter((day > dates.cutoff) & (day <= dates.holdout_end)).count().execute()
    if not within:
        message = (
            f"The holdout is empty: no transaction between {dates.cutoff} and {dates.holdout_end}. The ledger spans "
            f"{ledger.account.first:%Y-%m-%d} to {ledger.account.last:%Y-%m-%d}; choose an earlier dates.cutoff."
        )
        raise DateError(message)


def _holdout(ledger: Ledger, dates: Dates, bundle: Bundle) -> pd.DataFrame:
    split = calibration_holdout(ledger.transactions, dates.cutoff, dates.horizon_days, bundle.time_unit)
    future = split.table.select("customer_id", "frequency_holdout", "spend_holdout")
    known = model_input(ledger.transactions, split.calibration.table, dates.cutoff)
    frame: pd.DataFrame = known.inner_join(future, "customer_id").order_by("customer_id").execute()
    return frame


def _record(
    config: dict[str, Any],
    store: TrackingStore,
    ledger: Ledger,
    dates: Dates,
    started: datetime,
    fit: Fit,
    shipped: Fit,
    evaluation: HoldoutEvaluation,
    holdout: pd.DataFrame,
) -> RecordedModel:
    figures = {f"holdout.{name}": value for name, value in evaluation.figures().items()}
    for stage, model in (("evaluated", fit), ("registered", shipped)):
        for part in (model.purchase, model.spend):
            figures |= {f"{stage}.{name}": value for name, value in part.params_.items()}
            figures[f"{stage}.{type(part).__name__}.log_likelihood"] = part.log_likelihood_
    facts = {
        "ledger": f"{ledger.name}: {ledger.account}",
        "evaluated on": f"{dates.cutoff} to {dates.holdout_end} ({dates.horizon_days} days)",
        "fitted to facts up to": shipped.bundle.as_of.isoformat(),
        "purchase model": f"BG/NBD, engine {config['model_engine']}, time in {shipped.bundle.time_unit.value}s",
    }
    evaluated = {"cutoff": dates.cutoff.isoformat(), "until": dates.holdout_end.isoformat(), "figures": figures}
    bundle = replace(shipped.bundle, training={**shipped.bundle.training, "holdout": evaluated})
    with tempfile.TemporaryDirectory() as folder:
        page.write_pngs(page.charts(report_tables(evaluation, facts)), Path(folder) / "figures")
        record = TrainingRecord(
            name=config["run_name"],
            started=started,
            config=config,
            metrics=figures,
            tables={**evaluation.tables, "metrics": evaluation.metrics},
            figures=Path(folder) / "figures",
            bundle_folder=write_bundle(bundle, Path(folder) / "bundle"),
            dataset=holdout[list(MODEL_INPUT.names)],
            dataset_name=ledger.name,
            dataset_source=ledger.location,
            dataset_digest=ledger.digest,
            tags={f"patronage.{key.replace(' ', '_')}": value for key, value in facts.items()},
        )
        return record_training(store, record)


def report_tables(evaluation: HoldoutEvaluation, facts: dict[str, str]) -> page.ReportTables:
    """The tables of an evaluation for the report, without scores."""
    return page.ReportTables(
        **evaluation.tables,
        metrics=evaluation.metrics,
        scores=pd.DataFrame(columns=list(SCORES.names)),
        facts=facts,
    )


def _show(store: TrackingStore, recorded: RecordedModel, evaluation: HoldoutEvaluation, bundle: Bundle) -> None:
    figures = evaluation.figures()
    chosen = {
        "purchases": ("total_error", "mae", "correlation", "normalised_gini"),
        "value": ("total_error", "mae", "correlation", "normalised_gini"),
        "churn": ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error"),
    }
    for task, metrics in chosen.items():
        models = evaluation.metrics.query("task == @task")["model"].unique()
        rows = [
            [model, *(f"{figures.get(f'{task}.{model}.{metric}', float('nan')):.4f}" for metric in metrics)]
            for model in models
        ]
        console.results(f"Holdout: {task}", [task, *metrics], rows)
    version = f"{store.registered_model}/{recorded.version}"
    rows = [
        [
            "model",
            f"{version} ({', '.join('@' + alias for alias in recorded.aliases)}), as of {bundle.as_of}",
        ],
        ["run", recorded.run_id],
        ["look at it", f"mlflow ui --backend-store-uri {store.uri}"],
        ["next", f"patronage score model=models:/{version}"],
    ]
    console.results("Where it lies", ["what", "where"], rows)
