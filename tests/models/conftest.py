"""The 1/10 sample of CDNOW as the literature counts it: exact days over 7, purchases of one day merged."""

from collections.abc import Callable
from importlib.resources import files

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def cdnow_sample() -> Callable[[str], pd.DataFrame]:
    """Frequency, recency and T in weeks of the 2,357 customers at the end of a day, and the purchases after it."""
    log = files("lifetimes.datasets").joinpath("CDNOW_sample.txt").read_text()
    rows = [line.split() for line in log.splitlines() if line.strip()]
    days = pd.DataFrame({"customer": [row[1] for row in rows], "day": pd.to_datetime([row[2] for row in rows])})
    days = days.drop_duplicates()
    first = days.groupby("customer")["day"].min()

    def histories(as_of: str) -> pd.DataFrame:
        end = pd.Timestamp(as_of)
        seen = days[days["day"] <= end].groupby("customer")["day"]
        table = pd.DataFrame({"frequency": seen.size() - 1.0, "recency": (seen.max() - first).dt.days / 7})
        table["T"] = (end - first).dt.days / 7
        table["frequency_holdout"] = days.groupby("customer").size() - seen.size()
        return table

    return histories
