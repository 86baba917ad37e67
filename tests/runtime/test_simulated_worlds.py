"""In a world that follows a model, its predictions at the true parameters are right on average, in every tenth."""

import numpy as np
import pytest

from patronage.ledger.simulated import simulate_purchases
from patronage.runtime.histories import checked_histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

WORLDS = [
    BetaGeoParams(0.6, 6.0, 0.8, 3.0),
    ModifiedBetaGeoParams(0.6, 6.0, 0.8, 3.0),
    ParetoParams(0.8, 6.0, 0.7, 15.0),
]


@pytest.mark.parametrize("params", WORLDS, ids=[params.kind for params in WORLDS])
def test_predictions_are_calibrated(params):
    world = simulate_purchases(params, 200_000, 364, 182, "week", np.random.default_rng(3), whole_days=False)
    histories = checked_histories(world["frequency"], world["recency"], world["T"])
    world["p_alive"] = params.probability_alive(histories)
    world["p_active"] = params.probability_active(histories, 26.0)
    world["expected"] = params.expected_purchases(histories, 26.0)
    world["active"] = world["frequency_holdout"] > 0
    for predicted, actual in (("p_alive", "alive"), ("p_active", "active"), ("expected", "frequency_holdout")):
        by_tenth = world.groupby((world[predicted].rank(method="first") - 1) // 20_000)
        gap = by_tenth[actual].mean() - by_tenth[predicted].mean()
        noise = by_tenth[actual].std() / np.sqrt(by_tenth.size())
        assert (gap.abs() <= 4 * noise + 1e-9).all(), predicted


@pytest.mark.parametrize("params", WORLDS, ids=[params.kind for params in WORLDS])
def test_heavy_buyers_do_not_overflow(params):
    histories = checked_histories([5000, 1, 5000], [1e-3, 1e-3, 10000], [10000, 10000, 10000])
    for values in (
        params.probability_alive(histories),
        params.probability_active(histories, 1e5),
        params.expected_purchases(histories, 1e5),
    ):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
