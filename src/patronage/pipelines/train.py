"""``patronage train``: ledger in; fitted, evaluated, tracked and registered models out."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from patronage.errors import DateError
from patronage.evaluation.churn_money import campaign_words
from patronage.evaluation.churn_savings import savings_words
from patronage.evaluation.holdout import HoldoutEvaluation, evaluate_holdout
from patronage.evaluation.verdict import metric_title, model_title, verdicts
from patronage.features.groups import available
from patronage.ledger.opening import Ledger
from patronage.ledger.tables import business_day
from patronage.pipelines import console
from patronage.pipelines.card import model_card
from patronage.pipelines.comparison import Comparison, compared
from patronage.pipelines.holdout_table import customer_groups, holdout_table, refuse_slices
from patronage.pipelines.intervals import judged_intervals
from patronage.pipelines.lapses import lapse_times, refuse_single_periods, write_lapse_times
from patronage.pipelines.monitored import KEPT, reference_facts
from patronage.pipelines.next_command import score_command
from patronage.pipelines.recipe import Fit, Recipe
from patronage.pipelines.settings import Dates
from patronage.pipelines.stability import Stability, judged_before
from patronage.pipelines.table_settings import tells_rows
from patronage.pipelines.time_to_churn import TimeToChurn
from patronage.pipelines.train_customer_table import train_customer_table
from patronage.report import page
from patronage.report.model_card import HTML, MARKDOWN, ModelCard, card_summary, write_card
from patronage.runtime.bundle import Bundle, write_bundle
from patronage.schema import SCORES
from patronage.summary.daily_counts import daily_counts
from patronage.tracking.record import RecordedModel, TrainingRecord, record_training

SHOWN = {
    "purchases": ("total_error", "mae", "correlation", "normalised_gini"),
    "value": ("total_error", "mae", "correlation", "normalised_gini"),
    "churn": ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error"),
}
"""Metrics that the terminal shows, by task; all of them are in the run."""


def train(config: dict[str, Any]) -> None:
    """Fit, evaluate, track and register; see ``conf/train.yaml`` for the settings."""
    if tells_rows(config):
        train_customer_table(config)
        return
    started = datetime.now(UTC)
    recipe = Recipe.from_config(config)
    recipe.store.check_writable()
    dates = recipe.dates
    refuse_single_periods(dates, recipe.panel, recipe.hazard)
    ledger = recipe.open_ledger()
    _refuse_dates(ledger, dates)
    refuse_slices(ledger, recipe.evaluation.slices)
    console.note(str(available(ledger.tables, recipe.features.groups)))
    with console.step(f"Fit to what was known on {dates.cutoff}"):
        evaluated = recipe.fit(ledger, dates.cutoff, rivals=True)
    _note_models(evaluated)
    with console.step(f"Evaluate on {dates.cutoff} to {dates.holdout_end}"):
        holdout = holdout_table(ledger, dates.cutoff, dates.horizon_days, recipe.settings.time_unit, evaluated.inputs)
        evaluation = _evaluate(recipe, ledger, evaluated, holdout)
    for note in evaluation.notes:
        console.warn(note)
    stability = _stability(recipe, ledger, evaluated, holdout, evaluation)
    times = lapse_times(recipe, ledger, evaluated, holdout)
    if times is not None:
        evaluation = times.beside(evaluation)
    shipped = evaluated
    if recipe.settings.refit:
        with console.step(f"Fit again to what was known on {dates.observed_until}"):
            shipped = recipe.fit(ledger, dates.observed_until, kind=evaluated.purchase.params_class.kind)
        _note_models(shipped)
    with console.step("Judge the intervals at the cut-off and at earlier origins"):
        intervals = judged_intervals(recipe, ledger, evaluated)
    console.note(intervals.words)
    choice = compared(recipe, evaluated, shipped, holdout)
    figures = _figures(evaluation, evaluated, shipped)
    judged = {
        "cutoff": dates.cutoff.isoformat(),
        "until": dates.holdout_end.isoformat(),
        "level": recipe.evaluation.level,
        "figures": figures,
    }
    with console.step("Keep a profile of the customers for monitoring"):
        profile = reference_facts(ledger, shipped.bundle)
    bundle = replace(shipped.bundle, training={**shipped.bundle.training, "holdout": judged, KEPT: profile})
    tables = {
        **evaluation.tables,
        "metrics": evaluation.metrics,
        "differences": evaluation.differences,
        **intervals.tables,
        **(choice.tables if choice else {}),
        **({"churn_stability": stability.table} if stability else {}),
    }
    card = model_card(recipe, ledger, bundle, evaluated, holdout, evaluation, stability, tables.get("drivers"))
    with console.step(f"Record the run in {recipe.store.address}"):
        recorded = _record(recipe, started, ledger, bundle, figures, tables, holdout, choice, card, times)
    _show(recipe, recorded, evaluation, bundle)


def _evaluate(recipe: Recipe, ledger: Ledger, evaluated: Fit, holdout: pd.DataFrame) -> HoldoutEvaluation:
    dates, unit = recipe.dates, recipe.settings.time_unit
    return evaluate_holdout(
        evaluated.bundle,
        holdout,
        daily_counts(ledger.transactions, dates.cutoff, dates.holdout_end),
        evaluated.hiatus,
        evaluated.base_rate,
        purchase=evaluated.purchase,
        spend=evaluated.spend,
        candidates=evaluated.rivals,
        slices=customer_groups(ledger, holdout, dates.cutoff, unit, recipe.evaluation.slices),
        judging=recipe.evaluation.judging,
        seed=recipe.settings.seed,
    )


def _stability(
    recipe: Recipe, ledger: Ledger, evaluated: Fit, holdout: pd.DataFrame, evaluation: HoldoutEvaluation
) -> Stability | None:
    if not recipe.evaluation.n_cutoffs:
        return None
    with console.step("Fit and judge again at earlier cut-offs"):
        stability = judged_before(recipe, ledger, evaluated, holdout, evaluation)
    console.note(stability.words if stability else "")
    return stability


def _refuse_dates(ledger: Ledger, dates: Dates) -> None:
    ledger.require_facts_until(dates.cutoff, what="cut-off")
    day = business_day(ledger.transactions)
    within = ledger.transactions.filter((day > dates.cutoff) & (day <= dates.holdout_end)).count().execute()
    if not within:
        message = (
            f"The holdout is empty: no transaction between {dates.cutoff} and {dates.holdout_end}. The ledger spans "
            f"{ledger.span[0]} to {ledger.span[1]}; choose an earlier dates.cutoff."
        )
        raise DateError(message)
    silence = (dates.observed_until - ledger.span[1]).days
    if silence >= dates.horizon_days:
        message = (
            f"dates.observed_until is {dates.observed_until}, but the last transaction is of "
            f"{ledger.span[1]}: with nothing in {silence:,} days, a whole horizon, every customer would "
            "count as gone. Set it to the last day of which the ledger is complete."
        )
        raise DateError(message)


def _figures(evaluation: HoldoutEvaluation, evaluated: Fit, shipped: Fit) -> dict[str, float]:
    figures = {f"holdout.{name}": value for name, value in evaluation.figures().items()}
    for stage, fit in (("evaluated", evaluated), ("registered", shipped)):
        for part, model in (("purchase", fit.purchase), ("spend", fit.spend)):
            figures |= {f"{stage}.{name}": value for name, value in model.params_.items()}
            figures |= {f"{stage}.{part}.log_likelihood": model.log_likelihood_, f"{stage}.{part}.aic": model.aic_}
    return figures


def _record(
    recipe: Recipe,
    started: datetime,
    ledger: Ledger,
    bundle: Bundle,
    figures: dict[str, float],
    tables: dict[str, pd.DataFrame],
    holdout: pd.DataFrame,
    choice: Comparison | None,
    card: ModelCard,
    times: TimeToChurn | None,
) -> RecordedModel:
    dates = recipe.dates
    no_scores = pd.DataFrame(columns=list(SCORES.names))
    tags = {
        "patronage.ledger": f"{ledger.name}: {ledger.account}",
        "patronage.evaluated_on": f"{dates.cutoff} to {dates.holdout_end} ({dates.horizon_days} days)",
        "patronage.fitted_up_to": bundle.as_of.isoformat(),
        "patronage.purchase": bundle.purchase.kind,
    }
    with tempfile.TemporaryDirectory() as folder:
        drawn = page.ReportTables(
            **tables, scores=no_scores, facts={}, certificate={}, tells_value=True, level=recipe.evaluation.level
        )
        page.write_pngs(page.charts(drawn), Path(folder) / "figures")
        write_card(card, Path(folder) / "card")
        if times is not None:
            write_lapse_times(recipe, ledger, bundle, times, Path(folder) / "card")
        record = TrainingRecord(
            name=recipe.settings.run_name or f"{ledger.name}-{bundle.purchase.kind}-{recipe.settings.model_engine}",
            started=started,
            config=recipe.config,
            metrics=figures,
            tables=tables,
            figures=Path(folder) / "figures",
            bundle_folder=write_bundle(bundle, Path(folder) / "bundle"),
            dataset=holdout[list(bundle.inputs.names)],
            dataset_name=ledger.name,
            dataset_source=ledger.location,
            dataset_digest=ledger.digest,
            tags=tags,
            candidates=choice.records if choice else (),
            card=Path(folder) / "card",
            description=card_summary(card),
        )
        return record_training(recipe.store, record)


def _note_models(fit: Fit) -> None:
    console.note(repr(fit.purchase))
    console.note(repr(fit.spend))
    for certificate in (fit.purchase.certificate_, fit.spend.certificate_):
        console.note(certificate.words())


def _show(recipe: Recipe, recorded: RecordedModel, evaluation: HoldoutEvaluation, bundle: Bundle) -> None:
    store, level = recipe.store, recipe.evaluation.level
    figures = evaluation.figures()
    sentences = verdicts(evaluation.metrics, evaluation.differences, level)
    for task, metrics in SHOWN.items():
        models = evaluation.metrics.query("task == @task")["model"].unique()
        rows = [
            [
                model_title(model),
                *(f"{figures.get(f'{task}.{model}.{metric}', float('nan')):.4f}" for metric in metrics),
            ]
            for model in models
        ]
        console.results(f"Holdout: {task}", [task, *map(metric_title, metrics)], rows)
        console.note(sentences[task])
    if (money := evaluation.tables.get("campaign_profit")) is not None:
        console.note(campaign_words(money, level))
        console.note(savings_words(evaluation.tables["campaign_savings"], level))
    if "time_to_churn" in sentences:
        console.note(sentences["time_to_churn"])
    version = f"{store.registered_model}/{recorded.version}"
    aliases = ", ".join(f"@{alias}" for alias in recorded.aliases)
    rows = [
        ["model", f"{version} ({aliases}), as of {bundle.as_of}"],
        ["run", recorded.run_id],
        ["model card", f"{MARKDOWN} and {HTML} among its artifacts"],
        ["look at it", f"mlflow ui --backend-store-uri {store.address}"],
    ]
    console.results("Where it lies", ["what", "where"], rows)
    console.note(f"next: {score_command(recipe.config, f'models:/{version}')}")
