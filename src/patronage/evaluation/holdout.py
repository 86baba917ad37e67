"""The verdict of a holdout: every figure and table, for the model and the rules it has to beat."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from patronage.evaluation.baselines import HiatusRule, same_rate
from patronage.evaluation.diagnostics import (
    conditional_expectation,
    frequency_recency_map,
    mixing_distributions,
    parameter_table,
    spend_fit,
)
from patronage.evaluation.metrics import metrics_table, probability_metrics, quantity_metrics
from patronage.evaluation.tables import (
    churn_calibration,
    churn_gain,
    deciles,
    frequency_histogram,
    tracking_curve,
)
from patronage.models.purchase.kinds import model_of
from patronage.models.purchase.model import PurchaseModel
from patronage.models.spend.gamma_gamma import GammaGamma
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
        By name: tracking, frequency, conditional_expectation, purchase_deciles, value_deciles, churn_calibration,
        churn_gain, spend_fit, frequency_recency, mixing; and parameters, if the fitted models were given.
    """

    metrics: pd.DataFrame
    tables: dict[str, pd.DataFrame]

    def figures(self) -> dict[str, float]:
        """All defined metrics by ``task.model.metric``."""
        defined = self.metrics.dropna(subset="value")
        columns = (defined[name] for name in METRICS.names)
        return {f"{task}.{model}.{metric}": float(value) for task, model, metric, value in zip(*columns, strict=True)}


def evaluate_holdout(
    bundle: Bundle,
    holdout: pd.DataFrame,
    daily: pd.DataFrame,
    hiatus: HiatusRule,
    base_rate: float,
    *,
    purchase: PurchaseModel | None = None,
    spend: GammaGamma | None = None,
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
    seed : int
        Of the simulations behind the intervals.

    Returns
    -------
    HoldoutEvaluation
    """
    scores = Scorer(bundle).score(holdout)
    horizon = bundle.time_unit.from_days(bundle.horizon_days)
    silence = holdout["days_since_last_purchase"].to_numpy(np.float64)
    purchases, spent = holdout["frequency_holdout"].to_numpy(), holdout["spend_holdout"].to_numpy()
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
        "value": {name: quantity_metrics(spent, values) for name, values in expected_value.items()},
        "churn": {name: probability_metrics(churned, values) for name, values in probabilities.items()},
    }
    purchase_model = purchase or model_of(bundle.purchase)
    spend_model = spend or GammaGamma.from_params(bundle.spend)
    rng = np.random.default_rng(seed)
    until = bundle.as_of + pd.Timedelta(days=bundle.horizon_days)
    ranked = {name: values for name, values in probabilities.items() if name != "base_rate"}
    tables = {
        "tracking": tracking_curve(purchase_model, daily, bundle.as_of, until, bundle.time_unit, rng=rng),
        "frequency": frequency_histogram(purchase_model, holdout),
        "conditional_expectation": conditional_expectation(purchase_model, holdout, horizon, rng=rng),
        "purchase_deciles": deciles(purchases, expected_purchases[MODEL]),
        "value_deciles": deciles(spent, expected_value[MODEL]),
        "churn_calibration": churn_calibration(churned, {k: ranked[k] for k in (MODEL, "not_active", "hiatus")}),
        "churn_gain": churn_gain(churned, ranked),
        "spend_fit": spend_fit(spend_model, holdout),
        "frequency_recency": frequency_recency_map(purchase_model, holdout, horizon, bundle.time_unit),
        "mixing": mixing_distributions(purchase_model, bundle.time_unit),
    }
    if purchase is not None and spend is not None:
        tables["parameters"] = parameter_table(purchase, spend)
    return HoldoutEvaluation(metrics=metrics_table(results), tables=tables)
