"""The model card of a training on a ledger: facts from the run, limits from the facts."""

from typing import Any

import pandas as pd

from patronage import __version__
from patronage.evaluation.holdout import HoldoutEvaluation
from patronage.evaluation.verdict import not_beaten
from patronage.ledger.opening import Ledger
from patronage.pipelines.next_command import export_command, score_command
from patronage.pipelines.recipe import Fit, Recipe
from patronage.pipelines.stability import Stability
from patronage.report.card_limits import Evidence, limits
from patronage.report.model_card import ModelCard
from patronage.runtime.bundle import Bundle

CHURN_TITLES = {
    "xgboost": "Boosted trees",
    "logistic": "Logistic regression",
    "stack": "Boosted trees stacked with the purchase model",
}
"""What kinds of churn models are called for people."""

MOST_FEATURES = 12
"""Names of features that a card lists; the others are counted."""


def model_card(
    recipe: Recipe,
    ledger: Ledger,
    bundle: Bundle,
    evaluated: Fit,
    holdout: pd.DataFrame,
    evaluation: HoldoutEvaluation,
    stability: Stability | None,
    drivers: pd.DataFrame | None = None,
) -> ModelCard:
    """Write down what a training found.

    Parameters
    ----------
    recipe : Recipe
    ledger : Ledger
    bundle : Bundle
        What is registered.
    evaluated : Fit
        What was judged.
    holdout : DataFrame
    evaluation : HoldoutEvaluation
    stability : Stability, optional
    drivers : DataFrame, optional
        What moves the scores of the model.
    """
    dates = recipe.dates
    kind = str(getattr(bundle.churn, "kind", "xgboost"))
    return ModelCard(
        name=recipe.store.registered_model,
        title=f"{CHURN_TITLES.get(kind, kind)}, with {bundle.purchase.title} and Gamma-Gamma: who buys again without a "
        "contract, who leaves, and what each is worth",
        details=_details(recipe, bundle),
        label=f"Churn is no purchase within {dates.horizon_days:,} days after the cut-off.",
        data=_data(ledger),
        training=_training(bundle, evaluated),
        metrics=evaluation.metrics,
        differences=evaluation.differences,
        evaluation=_judged(recipe, holdout, stability),
        calibration=evaluation.tables["churn_calibration"],
        drivers=drivers,
        slices=evaluation.tables.get("churn_slices"),
        leaks=evaluation.tables.get("leaks"),
        savings=evaluation.tables.get("campaign_savings"),
        limits=limits(evidence(recipe, ledger, evaluated, holdout, evaluation, stability)),
        use=_use(recipe, bundle),
        level=recipe.evaluation.level,
    )


def evidence(
    recipe: Recipe,
    ledger: Ledger,
    evaluated: Fit,
    holdout: pd.DataFrame,
    evaluation: HoldoutEvaluation,
    stability: Stability | None,
) -> Evidence:
    """The facts of a training that its limits follow from."""
    dates, unit = recipe.dates, recipe.settings.time_unit
    age_days = holdout["T"] * unit.days
    bins = evaluation.tables["churn_calibration"].query("model == 'model'")
    outside = ~bins["predicted"].between(bins["observed_low"], bins["observed_high"])
    leaks = evaluation.tables.get("leaks")
    return Evidence(
        n_customers=len(holdout),
        n_left=int((holdout["frequency_holdout"] == 0).sum()),
        learnt_rate=evaluated.base_rate,
        horizon_days=dates.horizon_days,
        span_days=(dates.observed_until - ledger.span[0]).days + 1,
        acquisition_days=int(age_days.max() - age_days.min()) + 1,
        n_cutoffs=recipe.panel.n_cutoffs,
        judged_at=1 if stability is None else stability.table["cutoff"].nunique(),
        bins_outside=int(outside.sum()),
        n_bins=len(bins),
        leaks=() if leaks is None else tuple(leaks["column"].unique()),
        not_beaten=not_beaten(evaluation.differences, "churn", recipe.evaluation.level),
    )


def _details(recipe: Recipe, bundle: Bundle) -> dict[str, str]:
    return {
        "patronage": __version__,
        "registered as": f"{recipe.store.registered_model}, the version that this card belongs to",
        "purchase model": f"{bundle.purchase.title}, engine {recipe.settings.model_engine}",
        "as of": bundle.as_of.isoformat(),
        "looks ahead": f"{bundle.horizon_days:,} days",
        "seed": str(recipe.settings.seed),
    }


def _data(ledger: Ledger) -> dict[str, str]:
    account = ledger.account
    first, last = ledger.span
    return {
        "ledger": f"{ledger.name}, {ledger.location}",
        "sha-256": ledger.digest,
        "span": f"{first} to {last}, days of {ledger.time_zone}",
        "customers": f"{account.customers:,}",
        "transactions": f"{account.rows_in:,} rows = {account.rows_used:,} used + {account.rows_set_aside:,} set aside",
    }


def _training(bundle: Bundle, evaluated: Fit) -> dict[str, str]:
    features = bundle.churn.features
    more = f" and {len(features) - MOST_FEATURES:,} more" if len(features) > MOST_FEATURES else ""
    return {
        "cut-offs of the fit that was judged": ", ".join(evaluated.bundle.training["churn_cutoffs"]),
        "its rows": f"{evaluated.panel_rows:,}, of which {evaluated.base_rate:.1%} left",
        "cut-offs of the registered model": ", ".join(bundle.training["churn_cutoffs"]),
        "features": f"{len(features):,}: {', '.join(features[:MOST_FEATURES])}{more}",
        "calibration": str(_calibration_kind(bundle.churn)),
        "value": f"{bundle.value.margin_rate:.0%} margin, discounted {bundle.value.discount_rate_yearly:.0%} a year",
    }


def _calibration_kind(churn: Any) -> str:
    return str(churn.calibration.kind)


def _judged(recipe: Recipe, holdout: pd.DataFrame, stability: Stability | None) -> str:
    dates, resamples = recipe.dates, recipe.evaluation.judging.resamples
    left = (holdout["frequency_holdout"] == 0).mean()
    words = (
        f"Fitted to what was known on {dates.cutoff} and judged by what came until {dates.holdout_end}: "
        f"{len(holdout):,} customers, of whom {left:.1%} did not come back."
    )
    if resamples.replicates:
        words += (
            f" Intervals hold {100 * resamples.level:g} % of {resamples.replicates:,} resamples of customers; they "
            "tell of the chance of these customers, not of other times."
        )
    return f"{words} {stability.words}" if stability else words


def _use(recipe: Recipe, bundle: Bundle) -> tuple[str, ...]:
    model = f"models:/{recipe.store.registered_model}@champion"
    return (
        f"Score its ledger: {score_command(recipe.config, model)}. Export it: {export_command(recipe.config, model)}.",
        f"Scores answer for {bundle.horizon_days:,} days after their as-of date, in the money of the ledger.",
        "Contact by expected profit rather than by probability alone, and keep a random part uncontacted, so that the "
        "effect of the contact can be seen.",
        "Do not use it to deny anybody a service: it was learnt to keep customers, not to judge them.",
        "Train again when the share of leavers, the mix of customers or the way of recording changes.",
    )
