"""The level of churn probabilities: from the latest day whose outcome is known to the day that they are told of.

A classifier learns what came after cut-offs that lie a horizon back. Where all customers are of one cohort, which grows
older, more of them leave now than did then, and no tree has seen a customer of that age. The purchase model follows a
cohort as it ages: what it expects now, held against what it expected then, moves the share of leavers that was seen
last. The probabilities are brought to that level, all alike; the order of customers stays as it is.
"""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
from scipy import optimize, special

from patronage.features.model_input import model_input
from patronage.ledger.opening import Ledger
from patronage.models.base import histories_of
from patronage.models.churn.columns import feature_columns
from patronage.models.purchase.model import PurchaseModel
from patronage.pipelines.histories import purchase_histories
from patronage.runtime.churn_kinds import AnyChurnModel
from patronage.runtime.histories import FloatArray
from patronage.runtime.scorer import told_by_purchases
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import TableSchema

LARGEST_SHIFT = 10.0
"""Of log odds, in which the way to the level is searched."""

LEAST = 1e-12
"""Probabilities are kept so far from 0 and 1 while they are moved."""


def levelled(
    churn: AnyChurnModel,
    ledger: Ledger,
    panel: pd.DataFrame,
    as_of: date,
    purchase: PurchaseModel,
    inputs: TableSchema,
    time_unit: TimeUnit,
) -> AnyChurnModel:
    """Bring a churn model to the level that the purchase model expects as of a day; its calibration gets an offset.

    Parameters
    ----------
    churn : AnyChurnModel
    ledger : Ledger
    panel : DataFrame
        What it learnt from: cutoff and churned.
    as_of : date
    purchase : PurchaseModel
        Fitted as of that day.
    inputs : TableSchema
        Columns that the ledger offers.
    time_unit : TimeUnit
    """
    latest = panel["cutoff"].max()
    share = float(panel.loc[panel["cutoff"] == latest, "churned"].mean())
    level = expected_level(ledger, latest.date(), share, as_of, purchase, churn.horizon_days, time_unit)
    known = model_input(ledger.tables, as_of, time_unit, inputs).execute()
    horizon = time_unit.from_days(churn.horizon_days)
    told = told_by_purchases(purchase.to_params().at_rows(known), histories_of(known), horizon)
    columns = feature_columns(known.assign(**told), churn.features, churn.categories)
    shift = shift_to(churn.churn_probability(columns), level)
    return replace(churn, calibration=replace(churn.calibration, offset=churn.calibration.offset + shift))


def expected_level(
    ledger: Ledger,
    latest: date,
    share_left: float,
    as_of: date,
    purchase: PurchaseModel,
    horizon_days: int,
    time_unit: TimeUnit,
) -> float:
    """Share of customers that will leave after a day, from the share that left after an earlier one.

    Parameters
    ----------
    ledger : Ledger
    latest : date
        The latest cut-off that was learnt from.
    share_left : float
        Share of its customers that left within the horizon.
    as_of : date
    purchase : PurchaseModel
        Fitted as of `as_of`; another of its kind is fitted to what was known on `latest`.
    horizon_days : int
    time_unit : TimeUnit

    Returns
    -------
    float
        Its log odds are those of `share_left` and the difference of what the two purchase models expect.
    """
    horizon = time_unit.from_days(horizon_days)
    now = _mean_absence(purchase_histories(ledger.tables, as_of, time_unit, purchase), purchase, horizon)
    histories = purchase_histories(ledger.tables, latest, time_unit, purchase)
    earlier = purchase.unfitted().fit(histories, weights=histories["n_customers"])
    moved = special.logit(now) - special.logit(_mean_absence(histories, earlier, horizon))
    return float(special.expit(special.logit(share_left) + moved))


def shift_to(probability: FloatArray, level: float) -> float:
    """What has to be added to the log odds of probabilities for their mean to be a level between 0 and 1."""
    odds = special.logit(np.clip(probability, LEAST, 1 - LEAST))
    found = optimize.brentq(
        lambda shift: float(special.expit(odds + shift).mean()) - level, -LARGEST_SHIFT, LARGEST_SHIFT
    )
    return float(found)


def _mean_absence(histories: pd.DataFrame, purchase: PurchaseModel, horizon: float) -> float:
    active = purchase.to_params().at_rows(histories).probability_active(histories_of(histories), horizon)
    return float(np.average(1 - active, weights=histories["n_customers"]))
