"""The verdict of a holdout: every figure and table, for the model and the rules it has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from patronage.evaluation.baselines import HiatusRule, same_rate
from patronage.evaluation.churn_judging import ChurnJudgement, judge_churn
from patronage.evaluation.churn_money import CampaignTerms
from patronage.evaluation.counted_quantities import QUANTITY_METRICS
from patronage.evaluation.diagnostics import (
    conditional_expectation,
    frequency_recency_map,
    mixing_distributions,
    parameter_table,
    spend_fit,
)
from patronage.evaluation.drivers import drivers
from patronage.evaluation.judging import Resamples, judged
from patronage.evaluation.metrics import TOTALS
from patronage.evaluation.outcomes import quantities
from patronage.evaluation.tables import deciles, frequency_histogram, tracking_curve
from patronage.evaluation.win_loss import win_loss
from patronage.models.churn.candidate import Candidate
from patronage.models.purchase.kinds import model_of
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
from patronage.runtime.bundle import Bundle
from patronage.runtime.histories import FloatArray
from patronage.runtime.scorer import Scorer
from patronage.schema import METRICS, PURCHASE_OUTPUTS

MODEL = "model"
"""Name of the bundle's own predictions in the tables, beside those of the baselines."""

LEAST_PRESENCE = 1e-9
"""Probability of being active below which a customer's value is taken as if it were this."""


@dataclass(frozen=True)
class Judging:
    """How a holdout is judged, beyond the figures.

    Attributes
    ----------
    resamples : Resamples
        How intervals are made.
    campaign : CampaignTerms, optional
        With them, the churn model is judged by money too.
    leaks : bool
        Whether to search the features for columns that give the answer away.
    drivers : bool
        Whether to tell what moves the scores, and what separates those who left from those who stayed.
    """

    resamples: Resamples = field(default_factory=lambda: Resamples(0))
    campaign: CampaignTerms | None = None
    leaks: bool = False
    drivers: bool = False


@dataclass(frozen=True)
class HoldoutEvaluation:
    """Figures and tables of one holdout.

    Attributes
    ----------
    metrics : DataFrame
        `schema.METRICS`: task, model, metric, value, and the ends of its interval.
    differences : DataFrame
        `schema.DIFFERENCES`: the model against each baseline.
    tables : dict of str to DataFrame
        By name: tracking, frequency, conditional_expectation, purchase_deciles, value_deciles, spend_fit,
        frequency_recency, mixing; those of `churn_judging.ChurnJudgement`; and parameters, if the fitted models were
        given.
    notes : tuple of str
        What could not be told, and why; which columns look like leaks.
    """

    metrics: pd.DataFrame
    differences: pd.DataFrame
    tables: dict[str, pd.DataFrame]
    notes: tuple[str, ...] = ()

    def figures(self) -> dict[str, float]:
        """All defined metrics by ``task.model.metric``, and the ends of intervals with ``_low`` and ``_high``."""
        found: dict[str, float] = {}
        for column, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
            defined = self.metrics.dropna(subset=column)
            names = (defined[name] for name in METRICS.required[:3])
            for task, model, metric, value in zip(*names, defined[column], strict=True):
                found[f"{task}.{model}.{metric}{suffix}"] = float(value)
        return found


def evaluate_holdout(
    bundle: Bundle,
    holdout: pd.DataFrame,
    daily: pd.DataFrame,
    hiatus: HiatusRule,
    base_rate: float,
    *,
    purchase: PurchaseModel | None = None,
    spend: GammaGamma | None = None,
    candidates: Mapping[str, Candidate] | None = None,
    slices: pd.DataFrame | None = None,
    judging: Judging | None = None,
    seed: int = 0,
) -> HoldoutEvaluation:
    """Judge a bundle by what came after the day that it was fitted on.

    Parameters
    ----------
    bundle : Bundle
        Fitted to facts up to ``bundle.as_of``, the cut-off.
    holdout : DataFrame
        One row a customer: the columns of `schema.MODEL_INPUT` as of the cut-off, frequency_holdout, spend_holdout.
    daily : DataFrame
        From `summary.daily_counts`, up to the end of the holdout.
    hiatus : HiatusRule
        Learnt at earlier cut-offs.
    base_rate : float
        Share of churners at earlier cut-offs: the constant prediction.
    purchase, spend : fitted models, optional
        Those of the bundle. With them the intervals of the tables allow for the uncertainty of the parameters, which a
        bundle does not hold, and there is a table of the parameters.
    candidates : mapping of str to Candidate, optional
        Further churn models, fitted to the same panel.
    slices : DataFrame, optional
        As many rows as `holdout`: a column for each way in which customers are told apart.
    judging : Judging, optional
        Without it there are no intervals, no money and no search for leaks.
    seed : int
        Of the simulations behind the intervals.

    Returns
    -------
    HoldoutEvaluation
    """
    judging = judging or Judging()
    rng = np.random.default_rng(seed)
    scores = Scorer(bundle).score(holdout)
    horizon = bundle.time_unit.from_days(bundle.horizon_days)
    amounts = _amounts(holdout, scores, hiatus, horizon)
    tables = _purchase_tables(bundle, holdout, daily, purchase, spend, horizon, rng)
    for name, task in (("purchase_deciles", "purchases"), ("value_deciles", "value")):
        actual, predicted = amounts[task]
        tables[name] = deciles(actual, predicted[MODEL])
    found = [
        judged(task, *pair, QUANTITY_METRICS, judging.resamples, rng=rng, checked=quantities, plain=TOTALS)
        for task, pair in amounts.items()
    ]
    churn = _churn(bundle, holdout, scores, hiatus, base_rate, candidates or {}, slices, judging, rng)
    return HoldoutEvaluation(
        metrics=_joined([*(one.metrics for one in found), churn.metrics]),
        differences=_joined([*(one.differences for one in found), churn.differences]),
        tables=tables | churn.tables,
        notes=churn.notes,
    )


def churn_probabilities(
    holdout: pd.DataFrame,
    scores: Mapping[str, FloatArray],
    hiatus: HiatusRule,
    base_rate: float,
    candidates: Mapping[str, Candidate],
) -> dict[str, FloatArray]:
    """Churn probabilities of the bundle, and of all it has to beat, for customers of a holdout.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        model, the candidates, not_active and not_alive (1 less what the purchase model says), recency (a curve over
        the days since the last purchase), hiatus (the rule itself, with the rates of its two sides), base_rate.
    """
    silence = holdout["days_since_last_purchase"].to_numpy(np.float64)
    told = holdout.assign(**{name: scores[name] for name in PURCHASE_OUTPUTS})
    return {
        MODEL: scores["churn_probability"],
        **{name: model.churn_probability(told).to_numpy(np.float64) for name, model in candidates.items()},
        "not_active": 1 - scores["probability_active"],
        "not_alive": 1 - scores["probability_alive"],
        "recency": hiatus.churn_probability(silence),
        "hiatus": hiatus.churn_rate(silence),
        "base_rate": np.full(len(holdout), base_rate),
    }


def value_if_kept(scores: Mapping[str, FloatArray]) -> FloatArray:
    """Money that a customer is worth if it stays: lifetime value over the probability of buying within the horizon.

    A customer who does not buy within the horizon brings nothing in it, so the expected value is that probability times
    the value of one who does; both are the purchase model's.

    Parameters
    ----------
    scores : mapping of str to ndarray of float64, shape (n,)
        clv and probability_active.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return np.asarray(scores["clv"] / np.maximum(scores["probability_active"], LEAST_PRESENCE))


def _amounts(
    holdout: pd.DataFrame, scores: Mapping[str, FloatArray], hiatus: HiatusRule, horizon: float
) -> dict[str, tuple[FloatArray, dict[str, FloatArray]]]:
    """By task what came, and what was predicted by whom."""
    before, by_hiatus = same_rate(holdout, horizon), hiatus.expected_purchases(holdout, horizon)
    mean_spend = holdout["monetary_value"].to_numpy(np.float64)
    purchases = {MODEL: scores["expected_purchases"], "same_rate": before, "hiatus": by_hiatus}
    value = {
        MODEL: scores["expected_purchases"] * scores["expected_spend"],
        "same_rate": before * mean_spend,
        "hiatus": by_hiatus * mean_spend,
    }
    return {
        "purchases": (holdout["frequency_holdout"].to_numpy(np.float64), purchases),
        "value": (holdout["spend_holdout"].to_numpy(np.float64), value),
    }


def _churn(
    bundle: Bundle,
    holdout: pd.DataFrame,
    scores: Mapping[str, FloatArray],
    hiatus: HiatusRule,
    base_rate: float,
    candidates: Mapping[str, Candidate],
    slices: pd.DataFrame | None,
    judging: Judging,
    rng: np.random.Generator,
) -> ChurnJudgement:
    churned = (holdout["frequency_holdout"].to_numpy() == 0).astype(np.float64)
    probabilities = churn_probabilities(holdout, scores, hiatus, base_rate, candidates)
    looked_at = [name for name in bundle.churn.features if name in holdout]
    found = judge_churn(
        churned,
        probabilities,
        judging.resamples,
        rng=rng,
        slices=slices,
        value=value_if_kept(scores) if judging.campaign else None,
        campaign=judging.campaign,
        features=holdout[looked_at] if judging.leaks else None,
    )
    if not judging.drivers:
        return found
    told = holdout.assign(**{name: scores[name] for name in PURCHASE_OUTPUTS}, churned=churned)
    return replace(found, tables=found.tables | _why(bundle, told, slices, judging, rng))


def _why(
    bundle: Bundle, told: pd.DataFrame, slices: pd.DataFrame | None, judging: Judging, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """What moves the scores, and what separates those who left from those who stayed, as far as both came."""
    segments = None if slices is None or "segment" not in slices else slices["segment"].to_numpy()
    resamples = judging.resamples
    tables = {
        "drivers": drivers(
            bundle.churn, told, segments, rng=rng, resamples=max(2, resamples.replicates), level=resamples.level
        )
    }
    if 0 < told["churned"].sum() < len(told):
        tables["win_loss"] = win_loss(told, "churned", bundle.churn.features, level=resamples.level)
    return tables


def _purchase_tables(
    bundle: Bundle,
    holdout: pd.DataFrame,
    daily: pd.DataFrame,
    purchase: PurchaseModel | None,
    spend: GammaGamma | None,
    horizon: float,
    rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:
    model, spend_model = purchase or model_of(bundle.purchase), spend or GammaGamma.from_params(bundle.spend)
    until = bundle.as_of + pd.Timedelta(days=bundle.horizon_days)
    tables = {
        "tracking": tracking_curve(model, daily, bundle.as_of, until, bundle.time_unit, rng=rng, customers=holdout),
        "frequency": frequency_histogram(model, holdout),
        "conditional_expectation": conditional_expectation(model, holdout, horizon, rng=rng),
        "spend_fit": spend_fit(spend_model, holdout),
        "frequency_recency": frequency_recency_map(model, holdout, horizon, bundle.time_unit),
        "mixing": mixing_distributions(model, bundle.time_unit),
    }
    if purchase is not None and spend is not None:
        tables["parameters"] = parameter_table(purchase, spend)
    return tables


def _joined(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled or tables, ignore_index=True)
