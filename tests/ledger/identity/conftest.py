"""Small ledgers of customers for linking, and the population whose people are known."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from omegaconf import OmegaConf

from patronage.ledger.tables import LedgerTables
from patronage.paths import conf_folder


@pytest.fixture(scope="session")
def population() -> Any:
    """The module beside this file, which knows who is who."""
    spec = importlib.util.spec_from_file_location("population", Path(__file__).parent / "population.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def connection() -> Any:
    return ibis.duckdb.connect(threads=2)


@pytest.fixture
def ledger(connection: Any) -> Callable[..., LedgerTables]:
    """A ledger of customers, given as rows, with one transaction each unless transactions are given too."""

    def tables(customers: Any, transactions: Any = None, **others: Any) -> LedgerTables:
        customers = pd.DataFrame(customers)
        if transactions is None:
            moments = pd.date_range("2020-01-01", periods=len(customers), freq="D")
            transactions = {"customer_id": customers["customer_id"], "timestamp": moments, "amount": 1.0}
        given = {"customers": customers, "transactions": pd.DataFrame(transactions)}
        given |= {name: pd.DataFrame(rows) for name, rows in others.items()}
        made = {name: connection.create_table(ibis.util.gen_name(name), frame) for name, frame in given.items()}
        return LedgerTables(**made)

    return tables


@pytest.fixture
def settings() -> Callable[..., dict[str, Any]]:
    """The settings of an option of identity as they are shipped, with changes."""

    def of(option: str, **changes: Any) -> dict[str, Any]:
        plain = OmegaConf.to_container(OmegaConf.load(conf_folder() / "identity" / f"{option}.yaml"))
        assert isinstance(plain, dict)
        plain.pop("_target_")
        return {str(key): value for key, value in plain.items()} | changes

    return of
