import pytest

from feature_ledgers import Engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    """A ledger of the columns of the schema."""
    return Engine(more_days=False)


@pytest.fixture(scope="session")
def engine_of_more_days() -> Engine:
    """A ledger that has the business day of later moments, and the day that refunds are netted with."""
    return Engine(more_days=True)
