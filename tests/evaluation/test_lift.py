"""The lift table by hand, with intervals, and against a sort in pandas."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation.lift import lift_table


def test_against_a_plain_sort():
    rng = np.random.default_rng(0)
    y = (rng.random(1000) < 0.2).astype(float)
    p = rng.normal(y, 1.0)
    table = lift_table(y, p, rng=rng, replicates=100).set_index("share")
    ranked = pd.Series(y[np.argsort(-p)])
    for share, n in ((0.01, 10), (0.05, 50), (0.1, 100), (0.2, 200)):
        row = table.loc[share]
        assert row["n_contacted"] == n
        assert (p >= row["threshold"]).sum() == n
        assert row["churn_rate"] == pytest.approx(ranked[:n].mean())
        assert row["gain"] == pytest.approx(ranked[:n].sum() / y.sum())
        assert row["lift"] == pytest.approx(ranked[:n].mean() / y.mean())
        assert row["gain_low"] <= row["gain"] <= row["gain_high"]
        assert row["lift_high"] == pytest.approx(row["gain_high"] / share)


def test_everybody_is_no_lift():
    row = lift_table([1, 0, 0], [0.1, 0.2, 0.3], [1.0], rng=np.random.default_rng(0), replicates=50).iloc[0]
    assert (row["lift"], row["gain"], row["gain_low"], row["churn_rate"]) == pytest.approx((1, 1, 1, 1 / 3))


def test_a_score_of_no_use_has_a_lift_of_one_within_its_interval():
    rng = np.random.default_rng(3)
    y, p = (rng.random(3000) < 0.3).astype(float), rng.random(3000)
    table = lift_table(y, p, rng=rng, replicates=300, level=0.99)
    assert ((table["lift_low"] < 1) & (table["lift_high"] > 1)).all()


def test_refusals():
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match=r"got \[5\]"):
        lift_table([1, 0], [0.1, 0.2], [5], rng=rng)
    with pytest.raises(InputError, match="Of 2 customers 0 left"):
        lift_table([0, 0], [0.1, 0.2], rng=rng)
