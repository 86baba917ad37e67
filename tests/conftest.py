"""Fixtures shared by all rooms."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st

import full_run as commands
from patronage import CdnowSource, open_ledger
from patronage.ledger.opening import Ledger

# How long an example takes says nothing of whether it is right, and busy machines are slow.
settings.register_profile("patronage", deadline=None)
settings.load_profile("patronage")


@pytest.fixture(scope="session")
def cdnow() -> Ledger:
    """The complete CDNOW log, opened once; its tables are read only."""
    return open_ledger(CdnowSource())


@pytest.fixture(scope="session")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> commands.FullRun:
    """The four commands on the CDNOW log, run once; the folder is read only."""
    return commands.run_commands(tmp_path_factory.mktemp("cdnow"))


@pytest.fixture(scope="session")
def patronage() -> Callable[..., Any]:
    """Run the program in a folder, in a process of its own."""
    return commands.patronage


LedgerRow = tuple[str, datetime, float]


@pytest.fixture(scope="session")
def random_ledgers() -> st.SearchStrategy[list[LedgerRow]]:
    """Small ledgers around the leap day of 2024: few customers and days, so that days coincide and customers return.

    Amounts are quarters, which sums of floats keep exactly; some are refunds, some are zero.
    """
    start = datetime(2023, 8, 20)
    leap_days = (datetime(2024, 2, 28), datetime(2024, 2, 29), datetime(2024, 3, 1))
    spread = st.integers(0, 420).map(lambda days: start + timedelta(days=days))
    days = st.one_of(st.sampled_from(leap_days), spread)
    seconds = st.sampled_from((0, 1, 43_200, 86_399))
    moments = st.builds(lambda day, second: day + timedelta(seconds=second), days, seconds)
    customers = st.sampled_from(("1", "10", "007", "Zoë", "客户", "a b", "O'Neil"))
    amounts = st.integers(-80, 400).map(lambda quarters: quarters / 4) | st.just(0.0)
    return st.lists(st.tuples(customers, moments, amounts), min_size=1, max_size=30)


@pytest.fixture(scope="session")
def as_transactions() -> Callable[[list[LedgerRow]], Any]:
    """Turn rows into a table of transactions, as an open ledger has it."""

    def table(rows: list[LedgerRow]) -> Any:
        frame = pd.DataFrame(rows, columns=["customer_id", "timestamp", "amount"])
        return ibis.memtable(frame, schema={"customer_id": "string", "timestamp": "timestamp", "amount": "float64"})

    return table
