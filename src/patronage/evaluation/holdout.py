"""The verdict of a holdout: every figure and table, for the model and the rules it has to beat."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.evaluation.baselines import HiatusRule, same_rate
from patronage.evaluation.metrics import metrics_table, probability_metrics, quantity_metrics
from patronage.evaluation.tables import (
    churn_calibration,
    churn_gain,
    deciles,
    frequency_histogram,
    tracking_curve,
)
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.runtime.bundle import Bundle
from patronage.runtime.scorer import Scorer
from patronage.schema import METRICS

MODEL = "model"
"""Name of the bundle's own predictions in the tables, beside those of the baselines."""


@dataclass(frozen=True)
class HoldoutEvaluation:
    """Figures and tables of one holdout.

    Attributes
    ----------
    metrics : DataFrame
        `schema.METRICS`: task, model, metric, value.
    tables : dict of str to DataFrame
        By name: tracking, frequency, purchase_deciles, value_deciles, churn_calibration, churn_gain.
    """

    metrics: pd.DataFrame
    tables: dict[str, pd.DataFrame]

    def figures(self) -> dict[str, float]:
        """All defined metrics by ``task.model.metric``."""
        defined = self.metrics.dropna(subset="value")
        columns = (defined[name] for name in METRICS.names)
        return {f"{task}.{model}.{metric}": float(value) for task, model, metric, value in zip(*columns, strict=True)}


def evaluate_holdout(
    bundle: Bundle, holdout: pd.DataFrame, daily: pd.DataFrame, hiatus: HiatusRule, base_rate: float
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

    Returns
    -------
    HoldoutEvaluation
    """
    scores = Scorer(bundle).score(holdout)
    horizon = bundle.time_unit.from_days(bundle.horizon_days)
    silence = holdout["days_since_last_purchase"].to_numpy(np.float64)
    purchases, spend = holdout["frequency_holdout"].to_numpy(), holdout["spend_holdout"].to_numpy()
    before = same_rate(holdout, horizon)
    by_hiatus = hiatus.expected_purchases(holdout, horizon)
    mean_spend = holdout["monetary_value"].to_numpy()
    expected_purchases = {MODEL: scores["expected_purchases"], "same_rate": before, "hiatus": by_hiatus}
    expected_value = {
        MODEL: scores["expected_purchases"] * scores["expected_spend"],
        "same_rate": before * mean_spend,
        "hiatus": by_hiatus * mean_spend,
    }
    churned = (purchases == 0).astype(np.int8)
    probabilities = {
        MODEL: scores["churn_probability"],
        "not_active": 1 - scores["probability_active"],
        "not_alive": 1 - scores["probability_alive"],
        "hiatus": hiatus.churn_probability(silence),
        "base_rate": np.full(len(holdout), base_rate),
    }
    results = {
        "purchases": {name: quantity_metrics(purchases, values) for name, values in expected_purchases.items()},
        "value": {name: quantity_metrics(spend, values) for name, values in expected_value.items()},
        "churn": {name: probability_metrics(churned, values) for name, values in probabilities.items()},
    }
    purchase_model = BetaGeoNBD.from_params(bundle.purchase)
    until = bundle.as_of + pd.Timedelta(days=bundle.horizon_days)
    ranked = {name: values for name, values in probabilities.items() if name != "base_rate"}
    tables = {
        "tracking": tracking_curve(purchase_model, daily, bundle.as_of, until, bundle.time_unit),
        "frequency": frequency_histogram(purchase_model, holdout),
        "purchase_deciles": deciles(purchases, expected_purchases[MODEL]),
        "value_deciles": deciles(spend, expected_value[MODEL]),
        "churn_calibration": churn_calibration(churned, {k: ranked[k] for k in (MODEL, "not_active", "hiatus")}),
        "churn_gain": churn_gain(churned, ranked),
    }
    return HoldoutEvaluation(metrics=metrics_table(results), tables=tables)
