"""The tables that the stages hand to one another: columns, types, units, and what may be missing.

Every stage produces or consumes one of the tables below, so this package is the contract between them, the source of
the model's signature and of the documentation. It knows no dataframe library.
"""

from .columns import Column, ColumnType, TableSchema
from .customers import FEATURES, MODEL_INPUT, SCORE_INTERVALS, SCORE_VALUES, SCORES, SUMMARY
from .evaluation import (
    ALIVE_HISTORY,
    BACKTEST,
    CHURN_CALIBRATION,
    CHURN_GAIN,
    CONDITIONAL_EXPECTATION,
    DECILES,
    FREQUENCY_HISTOGRAM,
    FREQUENCY_RECENCY,
    INTERVALS,
    METRICS,
    MIXING_DISTRIBUTIONS,
    MODEL_CHOICE,
    PARAMETERS,
    SPEND_FIT,
    TRACKING_CURVE,
)
from .ledger import CAMPAIGNS, CONTACTS, CUSTOMERS, DAY, LEDGER_TABLES, TRANSACTIONS

__all__ = [
    "ALIVE_HISTORY",
    "BACKTEST",
    "CAMPAIGNS",
    "CHURN_CALIBRATION",
    "CHURN_GAIN",
    "CONDITIONAL_EXPECTATION",
    "CONTACTS",
    "CUSTOMERS",
    "DAY",
    "DECILES",
    "FEATURES",
    "FREQUENCY_HISTOGRAM",
    "FREQUENCY_RECENCY",
    "INTERVALS",
    "LEDGER_TABLES",
    "METRICS",
    "MIXING_DISTRIBUTIONS",
    "MODEL_CHOICE",
    "MODEL_INPUT",
    "PARAMETERS",
    "SCORES",
    "SCORE_INTERVALS",
    "SCORE_VALUES",
    "SPEND_FIT",
    "SUMMARY",
    "TRACKING_CURVE",
    "TRANSACTIONS",
    "Column",
    "ColumnType",
    "TableSchema",
]
