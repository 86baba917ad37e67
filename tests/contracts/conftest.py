"""Every engine that a ledger may lie on, one after the other."""

from typing import Any

import pytest

from engines_under_test import ENGINES, engine_under_test


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Any:
    """One engine, open for the whole run."""
    return engine_under_test(request.param)
