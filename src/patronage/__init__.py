"""Patronage: what each customer is worth, who is about to leave, and where the next unit of money should go.

Importing this package costs nothing: no third-party module is loaded until a public name is used.

Examples
--------
>>> import patronage
>>> patronage.BetaGeoNBD.__module__
'patronage.models.purchase.bg_nbd'
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "BetaDiscreteWeibull": "patronage.models.contract.bdw",
    "BetaGeoBetaBinomial": "patronage.models.purchase.bg_bb",
    "BetaGeoCNBD": "patronage.models.purchase.bg_cnbd_k",
    "BetaGeoNBD": "patronage.models.purchase.bg_nbd",
    "CdnowSource": "patronage.ledger.cdnow",
    "ChurnClassifier": "patronage.models.churn.xgboost_classifier",
    "ContractRules": "patronage.ledger.rules",
    "CustomerTableSource": "patronage.ledger.customer_table",
    "DuckDbEngine": "patronage.ledger.engines.duckdb",
    "DuckDbSource": "patronage.ledger.duckdb_source",
    "FilesSource": "patronage.ledger.files_source",
    "FrameSource": "patronage.ledger.tables_source",
    "GammaGamma": "patronage.models.spend.gamma_gamma",
    "GammaGompertzNBD": "patronage.models.purchase.ggom_nbd",
    "IbisSource": "patronage.ledger.tables_source",
    "LedgerTables": "patronage.ledger.tables",
    "ModifiedBetaGeoCNBD": "patronage.models.purchase.bg_cnbd_k",
    "ModifiedBetaGeoNBD": "patronage.models.purchase.mbg_nbd",
    "ParetoNBD": "patronage.models.purchase.pareto_nbd",
    "PatronageError": "patronage.errors",
    "PostgresEngine": "patronage.ledger.engines.postgres",
    "PostgresSource": "patronage.ledger.postgres_source",
    "ShiftedBetaGeometric": "patronage.models.contract.sbg",
    "SimulatedSource": "patronage.ledger.simulated_source",
    "SparkEngine": "patronage.ledger.engines.spark",
    "calibration_holdout": "patronage.summary.split",
    "churn_panel": "patronage.models.churn.panel",
    "customer_features": "patronage.features.build",
    "customer_lifetime_value": "patronage.value.lifetime",
    "labels": "patronage.features.labels",
    "linked": "patronage.ledger.identity.linking",
    "load_scorer": "patronage.runtime.scorer",
    "named_world": "patronage.ledger.worlds.settings",
    "open_ledger": "patronage.ledger.opening",
    "simulate_world": "patronage.ledger.worlds.writing",
    "summarise": "patronage.summary.customer_summary",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first used."""
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    message = f"module 'patronage' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted(__all__)
