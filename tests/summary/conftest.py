"""The definition of a summary, spelled out in loops: nothing of it is shared with the code under test."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime

import pytest

Days = dict[str, dict[date, float]]


@pytest.fixture(scope="session")
def purchase_days_by_hand() -> Callable[[list[tuple[str, datetime, float]], date], Days]:
    """Customer to (purchase day to spend), up to a date."""

    def days(rows: list[tuple[str, datetime, float]], until: date) -> Days:
        amounts: dict[tuple[str, date], list[float]] = defaultdict(list)
        for customer, moment, amount in rows:
            if moment.date() <= until:
                amounts[customer, moment.date()].append(amount)
        found: Days = defaultdict(dict)
        for (customer, day), values in sorted(amounts.items()):
            if any(value >= 0 for value in values):
                found[customer][day] = sum(values)
        return dict(found)

    return days
