"""A small, plausible evaluation of a shop with two hundred customers, as the report receives it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from patronage.report.page import ReportTables

CHURN_MODELS = {"classifier": 1.0, "logistic_rfm": 0.75, "days_since_last_purchase": 0.5}


@pytest.fixture
def tables() -> ReportTables:
    return _make_tables(200)


@pytest.fixture
def make_tables() -> Callable[[int], ReportTables]:
    """Make the same evaluation with another number of customers scored."""
    return _make_tables


def _make_tables(customers: int) -> ReportTables:
    random = np.random.default_rng(7)
    return ReportTables(
        tracking=_tracking(random),
        frequency=pd.DataFrame(
            {
                "frequency": ["0", "1", "2", "3", "4", "5", "6", "7+"],
                "actual": [1411.0, 439, 214, 100, 62, 38, 29, 64],
                "expected": [1389.0, 464.2, 200.6, 105.0, 62.1, 39.8, 27.0, 69.3],
            }
        ),
        churn_calibration=_calibration(),
        churn_gain=_gain(),
        purchase_deciles=_deciles(3.4, random),
        value_deciles=_deciles(128.0, random),
        metrics=_metrics(),
        scores=_scores(customers, random),
        facts={
            "Ledger": "CDNOW sample, 2,357 customers",
            "Cut-off": "1997-09-30",
            "As of": "1998-06-30",
            "Time unit": "week",
            "Model": "patronage-clv, version 3",
            "Purchase model": "BG/NBD",
        },
    )


def _tracking(random: np.random.Generator) -> pd.DataFrame:
    ends = pd.date_range("1997-01-08", periods=77, freq="7D")
    weeks = np.arange(1, 78)
    expected = 30 + 75 * np.clip(weeks / 12, 0, 1) - 50 * np.clip((weeks - 12) / 65, 0, 1)
    actual = np.round(expected * random.normal(1.0, 0.12, 77))
    return pd.DataFrame(
        {
            "period_end": ends.date,
            "is_holdout": (weeks > 39).astype(int),
            "actual_incremental": actual,
            "expected_incremental": expected,
            "actual_cumulative": actual.cumsum(),
            "expected_cumulative": expected.cumsum(),
        }
    )


def _calibration() -> pd.DataFrame:
    rows = []
    for model, sharpness in CHURN_MODELS.items():
        for number in range(1, 11):
            predicted = 0.7 + sharpness * (number - 6) * 0.055
            observed = min(0.98, predicted + 0.04 * np.sin(number) - 0.02)
            rows.append((model, number, 235, predicted, observed, observed - 0.06, min(1.0, observed + 0.05)))
    names = ["model", "bin", "n_customers", "predicted", "observed", "observed_low", "observed_high"]
    return pd.DataFrame(rows, columns=names)


def _gain() -> pd.DataFrame:
    share = np.linspace(0, 1, 21)
    curves = [
        pd.DataFrame({"model": model, "share_contacted": share, "share_of_churners": 1 - (1 - share) ** (1 + power)})
        for model, power in CHURN_MODELS.items()
    ]
    return pd.concat(curves, ignore_index=True)


def _deciles(top: float, random: np.random.Generator) -> pd.DataFrame:
    predicted = top * 0.68 ** np.arange(10)
    actual = predicted * random.normal(1.05, 0.1, 10)
    return pd.DataFrame(
        {
            "decile": np.arange(1, 11),
            "n_customers": 236,
            "predicted_mean": predicted,
            "actual_mean": actual,
            "predicted_total": predicted * 236,
            "actual_total": actual * 236,
        }
    )


def _metrics() -> pd.DataFrame:
    rows = [
        ("purchases", "bg_nbd", "mae", 0.7552),
        ("purchases", "bg_nbd", "rmse", 1.6049),
        ("purchases", "bg_nbd", "expected_total", 1728.4),
        ("purchases", "past_rate", "mae", 1.0237),
        ("purchases", "past_rate", "rmse", 1.9721),
        ("purchases", "past_rate", "expected_total", 2930.4),
        ("value", "bg_nbd x gamma_gamma", "mae", 30.41),
        ("value", "past_spend", "mae", 38.34),
        ("churn", "classifier", "roc_auc", 0.7811),
        ("churn", "classifier", "log_loss", 0.4872),
        ("churn", "days_since_last_purchase", "roc_auc", 0.7714),
        ("churn", "days_since_last_purchase", "log_loss", np.nan),
    ]
    return pd.DataFrame(rows, columns=["task", "model", "metric", "value"])


def _scores(customers: int, random: np.random.Generator) -> pd.DataFrame:
    active = random.beta(1.0, 2.2, customers)
    purchases = -np.log1p(-active)
    spend = random.gamma(6.0, 6.0, customers)
    return pd.DataFrame(
        {
            "customer_id": [f"{number:05d}" for number in range(1, customers + 1)],
            "as_of": pd.Timestamp("1998-06-30").date(),
            "horizon_days": 91,
            "probability_alive": np.clip(active * 1.4, 0, 1),
            "probability_active": active,
            "expected_purchases": purchases,
            "expected_spend": spend,
            "churn_probability": 1 - active,
            "clv": 0.3 * purchases * spend,
            "model_version": "patronage-clv/3",
        }
    )
