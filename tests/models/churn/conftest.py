"""Panels with a known truth."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

from patronage.schema import FEATURES


@pytest.fixture(scope="session")
def panel_of() -> Callable[..., pd.DataFrame]:
    """Customers whose log odds of churn are linear in two features; the other features are noise."""

    def panel(n_customers, seed, cutoffs=("2020-01-31", "2020-03-01"), strength=2.0):
        rng = np.random.default_rng(seed)
        parts = []
        for cutoff in cutoffs:
            frame = pd.DataFrame({name: rng.normal(size=n_customers) for name in FEATURES.names})
            odds = 0.5 + strength * frame["days_since_last_purchase"] - frame["spend_90d"]
            frame["churned"] = (rng.random(n_customers) < special.expit(odds)).astype(int)
            frame["truth"] = special.expit(odds)
            parts.append(frame.assign(customer_id=[f"c{i}" for i in range(n_customers)], cutoff=pd.Timestamp(cutoff)))
        return pd.concat(parts, ignore_index=True)

    return panel
