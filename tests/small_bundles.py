"""A small bundle of a ledger, whose churn model looks at two numbers and a text, and customers to score with it."""

from datetime import date
from typing import Any

import numpy as np
import xgboost

from patronage.runtime.bundle import Bundle
from patronage.runtime.calibration import Calibration
from patronage.runtime.churn import ChurnModel
from patronage.runtime.clv import ValueTerms
from patronage.runtime.gamma_gamma import GammaGammaParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import MODEL_INPUT, Column, TableSchema

FEATURES = ("days_since_last_purchase", "gap_days_mean", "plan")
KINDS = ["q", "q", "c"]
INPUTS = TableSchema("model_input", (*MODEL_INPUT.columns, Column("plan", "string", "", True, "Contract.")))


def grown(**settings: Any) -> xgboost.Booster:
    """Trees on data in which all three features matter."""
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.random((400, 2)), rng.integers(0, 5, 400)]).astype(np.float32)
    data = xgboost.DMatrix(
        values, (values[:, 0] + (values[:, 2] == 1) + rng.random(400) > 1).astype(int),
        feature_names=list(FEATURES), feature_types=KINDS, enable_categorical=True,
    )  # fmt: skip
    chosen = {"max_depth": 3, "objective": "binary:logistic", "nthread": 1, "max_cat_to_onehot": 1} | settings
    return xgboost.train(chosen, data, num_boost_round=6)


def small_bundle() -> Bundle:
    """The bundle; its texts are the letters a to e."""
    plans = tuple("abcde")
    return Bundle(
        purchase=BetaGeoParams(0.243, 4.414, 0.793, 2.426),
        spend=GammaGammaParams(6.25, 3.74, 15.44),
        churn=ChurnModel(grown(), FEATURES, 91, Calibration("sigmoid", (), (0.1, 0.9)), {"plan": plans}),
        value=ValueTerms(0.3, 0.15, 7.0),
        as_of=date(1998, 6, 30),
        time_unit=TimeUnit.WEEK,
        horizon_days=91,
        inputs=INPUTS,
    )


def customers(n: int) -> dict[str, Any]:
    """Model input of `n` customers, none of whom is like another."""
    rng = np.random.default_rng(n)
    table: dict[str, Any] = {name: rng.gamma(2, 10, n) for name in MODEL_INPUT.names}
    frequency = rng.integers(0, 9, n).astype(float)
    lifetime = rng.uniform(30, 40, n)
    table |= {"frequency": frequency, "T": lifetime, "recency": np.where(frequency > 0, lifetime * rng.random(n), 0.0)}
    table |= {"purchase_days": frequency + 1, "gap_days_mean": np.where(frequency > 0, table["gap_days_mean"], np.nan)}
    plans = np.array([*"abcde", None, "never seen"], dtype=object)
    return table | {"plan": plans[rng.integers(0, len(plans), n)]}
