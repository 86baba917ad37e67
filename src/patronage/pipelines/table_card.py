"""The model card of a training on a customer table: facts from the run, limits from the facts."""

import pandas as pd

from patronage import __version__
from patronage.evaluation.churn_judging import ChurnJudgement
from patronage.evaluation.out_of_fold import OutOfFold
from patronage.evaluation.verdict import not_beaten
from patronage.ledger.customer_rows import CustomerTable
from patronage.pipelines.card import CHURN_TITLES, MOST_FEATURES
from patronage.pipelines.next_command import export_command
from patronage.pipelines.table_recipe import TableRecipe
from patronage.report.card_limits import Evidence, limits
from patronage.report.model_card import ModelCard
from patronage.runtime.bundle import TableBundle


def table_card(
    recipe: TableRecipe,
    table: CustomerTable,
    bundle: TableBundle,
    found: OutOfFold,
    judgement: ChurnJudgement,
    leaks: pd.DataFrame,
    drivers: pd.DataFrame | None = None,
) -> ModelCard:
    """Write down what a training found.

    Parameters
    ----------
    recipe : TableRecipe
    table : CustomerTable
    bundle : TableBundle
        What is registered.
    found : OutOfFold
    judgement : ChurnJudgement
    leaks : DataFrame
        `schema.LEAKS`.
    drivers : DataFrame, optional
        `schema.DRIVERS`.
    """
    kind, name = bundle.churn.kind, recipe.store.registered_model
    features = bundle.inputs.names
    more = f" and {len(features) - MOST_FEATURES:,} more" if len(features) > MOST_FEATURES else ""
    used = leaks[leaks["column"].isin(features)]
    learnt_from = "contracts" if recipe.of_contracts else "a customer table"
    churn_is = "the end of a contract" if recipe.of_contracts else "what the label says"
    return ModelCard(
        name=name,
        title=f"{CHURN_TITLES.get(kind, kind)} on {learnt_from}: who leaves",
        details={
            "patronage": __version__,
            "registered as": f"{name}, the version that this card belongs to",
            "as of": bundle.as_of.isoformat() if bundle.as_of else "not known: the rows have no days",
            "looks ahead": f"{bundle.horizon_days:,} days" if bundle.horizon_days else "as far as the label does",
            "seed": str(recipe.settings.seed),
        },
        label=f"Churn is {churn_is}. {table.label_words}.",
        data={
            "table": f"{table.name}, {table.location}",
            "sha-256": table.digest,
            "rows": table.account,
            "notes": "; ".join(table.notes) or "none",
        },
        training={
            "rows": f"{len(table):,}",
            "features": f"{len(features):,}: {', '.join(features[:MOST_FEATURES])}{more}",
            "calibration": bundle.churn.calibration.kind,
        },
        metrics=judgement.metrics,
        differences=judgement.differences,
        evaluation=_judged(recipe, found),
        calibration=judgement.tables["churn_calibration"],
        slices=judgement.tables.get("churn_slices"),
        drivers=drivers,
        leaks=leaks,
        savings=judgement.tables.get("campaign_savings"),
        limits=limits(_evidence(recipe, table, found, judgement, used)),
        use=_use(recipe),
        level=recipe.evaluation.level,
    )


def _evidence(
    recipe: TableRecipe, table: CustomerTable, found: OutOfFold, judgement: ChurnJudgement, used: pd.DataFrame
) -> Evidence:
    assert table.left is not None
    bins = judgement.tables["churn_calibration"].query("model == 'model'")
    outside = ~bins["predicted"].between(bins["observed_low"], bins["observed_high"])
    return Evidence(
        n_customers=len(table),
        n_left=int(table.left.sum()),
        horizon_days=recipe.horizon_days,
        judged_at=found.by_split["split"].nunique(),
        bins_outside=int(outside.sum()),
        n_bins=len(bins),
        leaks=tuple(used["column"].unique()),
        not_beaten=not_beaten(judgement.differences, "churn", recipe.evaluation.level),
    )


def _judged(recipe: TableRecipe, found: OutOfFold) -> str:
    splits = found.by_split["split"].unique()
    words = (
        f"Judged on rows that had no part in the fit, in {len(splits)} splits ({splits[0]} to {splits[-1]}): "
        f"{len(found.row):,} predictions, of which {found.left.mean():.1%} left."
    )
    resamples = recipe.evaluation.judging.resamples
    if resamples.replicates:
        words += (
            f" Intervals hold {100 * resamples.level:g} % of {resamples.replicates:,} resamples of customers; they "
            "tell of the chance of these customers, not of other times."
        )
    return words


def _use(recipe: TableRecipe) -> tuple[str, ...]:
    name = recipe.store.registered_model
    model = f"models:/{name}@champion"
    whom = "those under contract on a day" if recipe.of_contracts else "a table of the same columns"
    return (
        f"Score {whom}: {recipe.next_command(model)}. Export it: {export_command(recipe.config, model)}.",
        "Columns have to be known on the day of scoring as they were when the rows it learnt from were written.",
        "Do not use it to deny anybody a service: it was learnt to keep customers, not to judge them.",
        "Train again when the share of leavers, the mix of customers or the way of recording changes.",
    )
