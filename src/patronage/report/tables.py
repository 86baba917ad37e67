"""All that a report shows, checked against the schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from patronage import schema
from patronage.errors import ContractError

SCHEMAS = {
    "tracking": schema.TRACKING_CURVE,
    "frequency": schema.FREQUENCY_HISTOGRAM,
    "churn_calibration": schema.CHURN_CALIBRATION,
    "churn_gain": schema.CHURN_GAIN,
    "purchase_deciles": schema.DECILES,
    "value_deciles": schema.DECILES,
    "metrics": schema.METRICS,
    "scores": schema.SCORES,
    "conditional_expectation": schema.CONDITIONAL_EXPECTATION,
    "spend_fit": schema.SPEND_FIT,
    "frequency_recency": schema.FREQUENCY_RECENCY,
    "mixing": schema.MIXING_DISTRIBUTIONS,
    "parameters": schema.PARAMETERS,
    "model_choice": schema.MODEL_CHOICE,
    "model_choice_registered": schema.MODEL_CHOICE,
    "intervals": schema.INTERVALS,
    "backtest": schema.BACKTEST,
    "differences": schema.DIFFERENCES,
    "brier_parts": schema.BRIER_PARTS,
    "churn_lift": schema.CHURN_LIFT,
    "churn_slices": schema.CHURN_SLICES,
    "churn_stability": schema.CHURN_STABILITY,
    "profit_curve": schema.PROFIT_CURVE,
    "campaign_profit": schema.CAMPAIGN_PROFIT,
    "campaign_savings": schema.CAMPAIGN_SAVINGS,
    "survival_calibration": schema.SURVIVAL_CALIBRATION,
    "leaks": schema.LEAKS,
    "drivers": schema.DRIVERS,
    "win_loss": schema.WIN_LOSS,
}


FOLDS = ("split", "model", "roc_auc")
"""Columns of the table of splits that a report reads."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ReportTables:
    """All that a report shows; any table may have no rows, and its part of the page then says so.

    What is optional was not recorded by earlier versions, or does not apply, as purchases to the model of a customer
    table; where it is missing, its part of the page is left out.

    Attributes
    ----------
    tracking, frequency : DataFrame, optional
        `TRACKING_CURVE` and `FREQUENCY_HISTOGRAM` of the purchase model.
    churn_calibration, churn_gain : DataFrame
        `CHURN_CALIBRATION` and `CHURN_GAIN`; the first model named is the classifier, the rest its baselines.
    purchase_deciles, value_deciles : DataFrame, optional
        `DECILES` of purchase days and of money.
    metrics : DataFrame
        `METRICS`, the model before its baselines within each task.
    scores : DataFrame
        `SCORES`, one row a customer; `TABLE_SCORES` of a model that tells churn alone.
    facts : mapping of str to str
        What the model is, in the order to be shown: ledger, dates, version, engine. If there is a fact named
        ``currency``, it is the unit of all money.
    conditional_expectation, spend_fit, frequency_recency, mixing, parameters : DataFrame, optional
        The tables of `evaluation.diagnostics`; a run may lack them.
    model_choice, model_choice_registered : DataFrame, optional
        `MODEL_CHOICE` up to the cut-off, the chosen model first, and of the models fitted again.
    intervals, backtest : DataFrame, optional
        `INTERVALS` of the purchase model at the holdout, and `BACKTEST`, the origins they were judged at.
    differences : DataFrame, optional
        `DIFFERENCES` of the model and each baseline.
    brier_parts, churn_lift, churn_slices, churn_stability, profit_curve, campaign_profit, campaign_savings, leaks : \
    DataFrame, optional
        The tables of the churn model's judgement.
    survival_calibration : DataFrame, optional
        `SURVIVAL_CALIBRATION`, where time to churn was asked for.
    folds : DataFrame, optional
        split, model, roc_auc: of a model that was judged in several splits.
    drivers, win_loss : DataFrame, optional
        `DRIVERS` and `WIN_LOSS` of the churn model.
    tells_value : bool
        Whether the model tells purchases and value beside churn.
    level : float
        Coverage of the intervals of all these.
    certificate : mapping of str to mapping
        By part (purchase, spend) what `Certificate.as_dict` gives: model, passed, checks (name, passed, value, words).

    Raises
    ------
    ContractError
        If a table lacks a column of its schema.
    """

    churn_calibration: pd.DataFrame
    churn_gain: pd.DataFrame
    metrics: pd.DataFrame
    scores: pd.DataFrame
    tracking: pd.DataFrame | None = None
    frequency: pd.DataFrame | None = None
    purchase_deciles: pd.DataFrame | None = None
    value_deciles: pd.DataFrame | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    conditional_expectation: pd.DataFrame | None = None
    spend_fit: pd.DataFrame | None = None
    frequency_recency: pd.DataFrame | None = None
    mixing: pd.DataFrame | None = None
    parameters: pd.DataFrame | None = None
    model_choice: pd.DataFrame | None = None
    model_choice_registered: pd.DataFrame | None = None
    intervals: pd.DataFrame | None = None
    backtest: pd.DataFrame | None = None
    differences: pd.DataFrame | None = None
    brier_parts: pd.DataFrame | None = None
    churn_lift: pd.DataFrame | None = None
    churn_slices: pd.DataFrame | None = None
    churn_stability: pd.DataFrame | None = None
    profit_curve: pd.DataFrame | None = None
    campaign_profit: pd.DataFrame | None = None
    campaign_savings: pd.DataFrame | None = None
    survival_calibration: pd.DataFrame | None = None
    folds: pd.DataFrame | None = None
    leaks: pd.DataFrame | None = None
    drivers: pd.DataFrame | None = None
    win_loss: pd.DataFrame | None = None
    tells_value: bool = True
    level: float = 0.95
    certificate: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        required = {name: table.required for name, table in SCHEMAS.items()} | {"folds": FOLDS}
        if not self.tells_value:
            required["scores"] = schema.TABLE_SCORES.required
        for name, columns in required.items():
            given = getattr(self, name)
            missing = [column for column in columns if given is not None and column not in given.columns]
            if missing:
                message = f"The table {name} lacks the columns {', '.join(missing)} of its schema."
                raise ContractError(message, counts=dict.fromkeys(missing, 1))

    @property
    def money(self) -> str:
        """The unit of money."""
        return self.facts.get("currency", "money")
