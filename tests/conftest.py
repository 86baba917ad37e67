"""Fixtures shared by all rooms."""

import pytest

from patronage import CdnowSource, open_ledger
from patronage.ledger.opening import Ledger


@pytest.fixture(scope="session")
def cdnow() -> Ledger:
    """The complete CDNOW log, opened once; its tables are read only."""
    return open_ledger(CdnowSource())
