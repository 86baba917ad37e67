"""Whether a churn model is as good at other times: everything fitted and judged again at earlier cut-offs."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from patronage.errors import DateError, FitError
from patronage.evaluation.counted_metrics import Metric, brier, log_loss, roc_auc
from patronage.evaluation.holdout import MODEL, HoldoutEvaluation, churn_probabilities
from patronage.evaluation.judging import judged
from patronage.evaluation.verdict import BETTER, UNCLEAR, metric_title, model_title
from patronage.ledger.opening import Ledger
from patronage.pipelines.holdout_table import holdout_table
from patronage.pipelines.recipe import Fit, Recipe
from patronage.runtime.histories import FloatArray
from patronage.runtime.scorer import Scorer
from patronage.schema import CHURN_STABILITY

METRICS: dict[str, Metric] = {"roc_auc": roc_auc, "log_loss": log_loss, "brier": brier}
"""Order, and probabilities by either rule."""

SHOWN = (MODEL, "not_active", "recency")
"""Whose figures are followed over time."""


@dataclass(frozen=True)
class Stability:
    """How the churn model and its strongest rules did at several cut-offs.

    Attributes
    ----------
    table : DataFrame
        `schema.CHURN_STABILITY`, the latest cut-off first.
    words : str
    """

    table: pd.DataFrame
    words: str


def judged_before(
    recipe: Recipe, ledger: Ledger, evaluated: Fit, holdout: pd.DataFrame, evaluation: HoldoutEvaluation
) -> Stability | None:
    """Fit and judge at the earlier cut-offs of ``evaluation.n_cutoffs``; nothing if none was asked for.

    Parameters
    ----------
    recipe : Recipe
    ledger : Ledger
    evaluated : Fit
        What was fitted at the cut-off itself.
    holdout : DataFrame
        Of the cut-off itself.
    evaluation : HoldoutEvaluation
        Of the cut-off itself.
    """
    cutoffs = recipe.evaluation.cutoffs(recipe.dates.cutoff)
    if not cutoffs:
        return None
    tables, verdicts = [_own(recipe, holdout, evaluation)], [_verdicts(evaluation.differences)]
    left_out = ""
    for number, day in enumerate(cutoffs):
        try:
            fit = recipe.fit(ledger, day, kind=evaluated.purchase.params_class.kind)
        except (DateError, FitError) as error:
            left_out = f" {len(cutoffs) - number} earlier could not be judged: {error}"
            break
        table, differences = _judged(recipe, ledger, fit, day)
        tables.append(table)
        verdicts.append(_verdicts(differences))
    return Stability(pd.concat(tables, ignore_index=True), _words(tables, verdicts) + left_out)


def _judged(recipe: Recipe, ledger: Ledger, fit: Fit, day: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = holdout_table(ledger, day, recipe.dates.horizon_days, recipe.settings.time_unit, fit.inputs)
    scores = Scorer(fit.bundle).score(frame)
    every = churn_probabilities(frame, scores, fit.hiatus, fit.base_rate, {})
    churned = (frame["frequency_holdout"].to_numpy() == 0).astype(np.float64)
    rng = np.random.default_rng(recipe.settings.seed)
    shown = {name: every[name] for name in SHOWN}
    found = judged("churn", churned, shown, METRICS, recipe.evaluation.judging.resamples, rng=rng)
    return _rows(found.metrics, day, churned), found.differences


def _own(recipe: Recipe, holdout: pd.DataFrame, evaluation: HoldoutEvaluation) -> pd.DataFrame:
    metrics = evaluation.metrics
    shown = (metrics["task"] == "churn") & metrics["model"].isin(SHOWN) & metrics["metric"].isin(METRICS)
    churned = (holdout["frequency_holdout"].to_numpy() == 0).astype(np.float64)
    return _rows(metrics[shown], recipe.dates.cutoff, churned)


def _rows(metrics: pd.DataFrame, day: date, churned: FloatArray) -> pd.DataFrame:
    told = metrics.assign(cutoff=day, n_customers=len(churned), n_left=int(churned.sum()))
    return told[list(CHURN_STABILITY.names)]


def _verdicts(differences: pd.DataFrame) -> pd.Series:
    of_churn = differences[(differences["task"] == "churn") & differences["metric"].isin(METRICS)]
    return of_churn.set_index(["rival", "metric"])["verdict"]


def _words(tables: list[pd.DataFrame], verdicts: list[pd.Series]) -> str:
    rows = pd.concat(tables)
    own = rows.loc[(rows["model"] == MODEL) & (rows["metric"] == "roc_auc"), "value"]
    parts = [f"At {len(own)} cut-offs the ROC AUC of the model was {own.min():.3f} to {own.max():.3f}."]
    for rival in SHOWN[1:]:
        told = []
        for metric in ("roc_auc", "log_loss"):
            found = [one.get((rival, metric), UNCLEAR) for one in verdicts]
            told.append(f"{metric_title(metric)} at {sum(one == BETTER for one in found)}")
        parts.append(f"It did better than {model_title(rival)} beyond chance by {' and by '.join(told)} of them.")
    return " ".join(parts)
