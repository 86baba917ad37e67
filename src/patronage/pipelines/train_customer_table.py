"""``patronage train`` of a customer table or of contracts: labelled rows in, a judged and registered model out."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patronage import __version__
from patronage.errors import ConfigError, ContractError, InputError
from patronage.evaluation.churn_judging import ChurnJudgement
from patronage.evaluation.churn_money import campaign_words
from patronage.evaluation.churn_savings import savings_words
from patronage.evaluation.drivers import drivers
from patronage.evaluation.out_of_fold import Split, out_of_fold
from patronage.evaluation.table_splits import day_splits, fold_splits, kept_together
from patronage.evaluation.table_verdict import judge_table
from patronage.evaluation.verdict import metric_title, model_title, verdicts
from patronage.evaluation.win_loss import win_loss
from patronage.ledger.churn_labels import refuse_one_class
from patronage.ledger.customer_rows import CustomerTable
from patronage.models.churn.candidate import ShippableCandidate
from patronage.models.churn.columns import feature_columns
from patronage.pipelines import console
from patronage.pipelines.contract_times import contract_times, write_contract_times
from patronage.pipelines.table_card import table_card
from patronage.pipelines.table_features import inputs_of, learnable, panel_of
from patronage.pipelines.table_recipe import TableRecipe
from patronage.pipelines.time_to_churn import TimeToChurn
from patronage.report import page
from patronage.report.model_card import HTML, MARKDOWN, ModelCard, card_summary, write_card
from patronage.runtime.bundle import TableBundle, write_bundle
from patronage.runtime.histories import FloatArray, IndexArray
from patronage.runtime.known_values import known_shares
from patronage.runtime.reasons import OF_CONTRACTS, USUAL, usual_values
from patronage.schema import TABLE_SCORES
from patronage.tracking.record import RecordedModel, TrainingRecord, record_training

MODEL = "model"
"""Name of the registered model in the tables, beside those of its rivals."""

SHOWN = ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error")
"""Metrics that the terminal shows; all of them are in the run."""

FEWEST_LEFT = 10
"""Customers of either outcome without which nothing can be told."""

HORIZON_UNKNOWN = 0
"""Horizon of a stored churn model whose table does not say how far its label looks ahead."""


def train_customer_table(config: dict[str, Any]) -> None:
    """Fit, judge, track and register the churn model of a customer table, or of the contracts of a ledger."""
    started = datetime.now(UTC)
    recipe = TableRecipe.from_config(config)
    recipe.store.check_writable()
    table = recipe.read()
    left = _refuse_few(table)
    console.note(table.label_words)
    frame, leaks = learnable(table, left, recipe.validation.leaks, recipe.settings.seed)
    features, slices = tuple(map(str, frame.columns)), _slices(recipe, table)
    rng = np.random.default_rng(recipe.settings.seed)
    together = None if table.group is None else table.group.tolist()
    groups = kept_together(frame, table.customer.tolist(), together, recipe.duplicates_together)
    console.note(_togetherness(recipe, groups))
    panel = panel_of(table, frame, groups, left)
    splits = _splits(recipe, table, left, groups, rng)
    with console.step(f"Learn from one part and foretell the other, {len(splits)} times"):
        found = out_of_fold(panel, splits, {MODEL: lambda: recipe.candidate(features), **recipe.rivals(features)})
    with console.step("Judge what was foretold"):
        resamples = recipe.evaluation.judging.resamples
        judgement = judge_table(
            found, groups, _worth(recipe, table), recipe.campaign, resamples, rng=rng, slices=slices
        )
    for note in judgement.notes:
        console.warn(note)
    with console.step(f"Fit to all {len(panel):,} rows"):
        fitted = recipe.candidate(features)
        fitted.fit(panel)
    times = contract_times(recipe, table, panel, splits, found.probabilities[MODEL], found.split, rng)
    if times is not None:
        judgement = times.beside(judgement)
    bundle = _bundle(recipe, table, frame, fitted, judgement, splits, leaks)
    tables = {
        **judgement.tables,
        "metrics": judgement.metrics,
        "differences": judgement.differences,
        "leaks": leaks,
        **_why(recipe, bundle, panel, groups, rng),
    }
    card = table_card(recipe, table, bundle, found, judgement, leaks, tables.get("drivers"))
    with console.step(f"Record the run in {recipe.store.address}"):
        recorded = _record(recipe, started, table, frame, bundle, tables, card, times)
    _show(recipe, recorded, judgement, bundle)


def _refuse_few(table: CustomerTable) -> FloatArray:
    assert table.left is not None
    refuse_one_class(table.left, table.label_words)
    gone = int(table.left.sum())
    if min(gone, len(table) - gone) < FEWEST_LEFT:
        message = (
            f"{gone:,} of {len(table):,} customers left: with fewer than {FEWEST_LEFT} of either outcome nothing can "
            "be learnt and judged. Give a larger table."
        )
        raise InputError(message, counts={"left": gone, "stayed": len(table) - gone})
    return table.left


def _slices(recipe: TableRecipe, table: CustomerTable) -> pd.DataFrame | None:
    names = recipe.evaluation.slices
    if unknown := [name for name in names if name not in table.features]:
        message = f"evaluation.slices: the table has no {', '.join(unknown)}; it has {', '.join(table.features)}."
        raise ConfigError(message)
    return table.frame[names] if names else None


def _togetherness(recipe: TableRecipe, groups: IndexArray) -> str:
    rows, together = len(groups), int(groups.max()) + 1
    if together == rows:
        return "every row is a customer of its own" + (
            ", and no two agree in all features" * recipe.duplicates_together
        )
    alike = ", or equal in all features" if recipe.duplicates_together else ""
    return f"{rows:,} rows are {together:,} groups that no fold tears apart (same customer{alike})"


def _splits(
    recipe: TableRecipe, table: CustomerTable, left: FloatArray, groups: IndexArray, rng: np.random.Generator
) -> list[Split]:
    validation = recipe.validation
    if table.day is not None and table.day.nunique() > 1:
        splits = day_splits(table.day, left, recipe.horizon_days)
        if not splits:
            message = "On no day that earlier ones could foretell there are both customers who left and who stayed."
            raise InputError(message)
        return splits
    if recipe.hazard.n_periods:
        message = (
            "hazard=boosted learns from earlier cut-offs: set panel.n_cutoffs to 2 and more, or a shorter horizon."
        )
        raise InputError(message)
    if table.day is not None:
        console.note("all rows are of one day: judged by folds of customers")
    return fold_splits(left, groups, validation.folds, validation.repeats, rng)


def _worth(recipe: TableRecipe, table: CustomerTable) -> FloatArray:
    """What each customer is worth who stays; where its price is missing, what customers are worth on average."""
    validation = recipe.validation
    if table.price is None:
        return np.full(len(table), validation.lifetime_value)
    worth = table.price * validation.value_months
    if np.isnan(worth).all():
        message = f"ledger.price={recipe.config['ledger']['price']} holds no number: there is no value to judge by."
        raise ContractError(message)
    return np.where(np.isnan(worth), np.nanmean(worth), worth)


def _why(
    recipe: TableRecipe, bundle: TableBundle, panel: pd.DataFrame, groups: IndexArray, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """What moves the scores, and what separates those who left from those who stayed, if it is asked for."""
    if not recipe.evaluation.drivers:
        return {}
    level, resamples = recipe.evaluation.level, max(2, recipe.evaluation.replicates)
    with console.step("Find what moves the scores"):
        return {
            "drivers": drivers(
                bundle.churn, panel, rng=rng, customers=groups, usual=bundle.training[USUAL], resamples=resamples,
                level=level,
            ),
            "win_loss": win_loss(panel, "churned", bundle.inputs.names, customers=groups, level=level),
        }  # fmt: skip


def _bundle(
    recipe: TableRecipe,
    table: CustomerTable,
    frame: pd.DataFrame,
    fitted: ShippableCandidate,
    judgement: ChurnJudgement,
    splits: list[Split],
    leaks: pd.DataFrame,
) -> TableBundle:
    model: Any = fitted.to_model()
    columns = feature_columns(frame, fitted.features, model.categories)
    return TableBundle(
        churn=replace(model, horizon_days=recipe.horizon_days or HORIZON_UNKNOWN),
        inputs=inputs_of(table, frame, fitted.features),
        as_of=None if table.day is None else table.day.max().date(),
        horizon_days=recipe.horizon_days,
        training={
            "patronage": __version__,
            "ledger": {"name": table.name, "sha256": table.digest, "customers": len(table)},
            "label": table.label_words,
            OF_CONTRACTS: recipe.of_contracts,
            "leaks": sorted(set(leaks["column"])),
            USUAL: usual_values(columns, fitted.features),
            **known_shares(columns, fitted.features, model.categories),
            "holdout": {
                "splits": [split.name for split in splits],
                "level": recipe.evaluation.level,
                "figures": _figures(judgement),
            },
        },
    )


def _figures(judgement: ChurnJudgement) -> dict[str, float]:
    """All defined metrics by ``holdout.churn.model.metric``, as those of a ledger are called."""
    defined = judgement.metrics.dropna(subset="value")
    names = "holdout." + defined["task"] + "." + defined["model"] + "." + defined["metric"]
    return dict(zip(names, defined["value"].astype(float), strict=True))


def _record(
    recipe: TableRecipe,
    started: datetime,
    table: CustomerTable,
    frame: pd.DataFrame,
    bundle: TableBundle,
    tables: dict[str, pd.DataFrame],
    card: ModelCard,
    times: TimeToChurn | None,
) -> RecordedModel:
    whole = [column.name for column in bundle.inputs.columns if column.type == "long"]
    no_scores = pd.DataFrame(columns=list(TABLE_SCORES.names))
    shown = page.ReportTables(
        **tables, scores=no_scores, facts={}, certificate={}, tells_value=False, level=recipe.evaluation.level
    )
    with tempfile.TemporaryDirectory() as folder:
        page.write_pngs(page.charts(shown), Path(folder) / "figures")
        write_card(card, Path(folder) / "card")
        if times is not None:
            write_contract_times(recipe, bundle, times, Path(folder) / "card")
        record = TrainingRecord(
            name=recipe.settings.run_name or f"{table.name}-{bundle.churn.kind}",
            started=started,
            config=recipe.config,
            metrics=dict(bundle.training["holdout"]["figures"]),
            tables=tables,
            figures=Path(folder) / "figures",
            bundle_folder=write_bundle(bundle, Path(folder) / "bundle"),
            dataset=frame[list(bundle.inputs.names)].astype(dict.fromkeys(whole, "int64")),
            dataset_name=table.name,
            dataset_source=table.location,
            dataset_digest=table.digest,
            tags={
                "patronage.ledger": f"{table.name}: {table.account}",
                "patronage.setting": bundle.setting,
                "patronage.label": table.label_words,
                "patronage.churn": bundle.churn.kind,
            },
            card=Path(folder) / "card",
            description=card_summary(card),
        )
        return record_training(recipe.store, record)


def _show(recipe: TableRecipe, recorded: RecordedModel, judgement: ChurnJudgement, bundle: TableBundle) -> None:
    metrics = judgement.metrics.set_index(["model", "metric"])["value"]
    shown = [name for name in SHOWN if (MODEL, name) in metrics.index]
    rows = [
        [model_title(name), *(f"{metrics.get((name, metric), np.nan):.4f}" for metric in shown)]
        for name in judgement.metrics.query("task == 'churn'")["model"].unique()
    ]
    headings = [metric_title(name) for name in shown]
    console.results("Customers that had no part in the fit", ["churn", *headings], rows)
    for sentence in verdicts(judgement.metrics, judgement.differences).values():
        console.note(sentence)
    for row in judgement.metrics.query("model == @MODEL and metric in ('roc_auc', 'calibration_error')").itertuples():
        low, high = float(row.low), float(row.high)  # type: ignore[arg-type]
        within = f" ({low:.4f} to {high:.4f})" if np.isfinite(low) else ""
        console.note(f"{metric_title(str(row.metric))} of the model: {row.value:.4f}{within}")
    console.note(campaign_words(judgement.tables["campaign_profit"], recipe.evaluation.level))
    console.note(savings_words(judgement.tables["campaign_savings"], recipe.evaluation.level))
    version = f"{recipe.store.registered_model}/{recorded.version}"
    aliases = ", ".join(f"@{alias}" for alias in recorded.aliases)
    console.results(
        "Where it lies",
        ["what", "where"],
        [
            ["model", f"{version} ({aliases}), reads {len(bundle.inputs.names)} columns"],
            ["run", recorded.run_id],
            ["card", f"{MARKDOWN} and {HTML} among the run's artifacts"],
            ["look at it", f"mlflow ui --backend-store-uri {recipe.store.address}"],
        ],
    )
    console.note(f"next: {recipe.next_command(f'models:/{version}')}")
