"""Fits where the data say little of dropout: they end at the same place whatever the order, and say what they are."""

import mpmath as mp
import numpy as np
import pytest
from lifetimes.datasets import load_cdnow_summary

from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD
from patronage.models.purchase.choice import PurchaseModelChoice
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams


def loyal(seed, n=4000):
    """Customers hardly any of whom ever leaves."""
    world = BetaGeoParams(1.0, 8.0, 0.02, 8.0)
    return simulate_purchases(world, n, 364, 0, "week", np.random.default_rng(seed))


@pytest.mark.parametrize("kind", [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD])
@pytest.mark.parametrize("seed", [0, 1])
def test_order_of_rows_does_not_matter(kind, seed):
    frame = loyal(seed)
    found = [kind().fit(frame.sample(frac=1, random_state=order)).log_likelihood_ for order in range(3)]
    assert found == pytest.approx([found[0]] * 3, rel=1e-9)


def test_no_world_without_dropout_ends_in_a_foreign_error():
    """Where a candidate has no maximum the choice goes on without it."""
    for seed in range(3):
        frame = simulate_purchases(
            BetaGeoParams(1.0, 8.0, 1e-4, 100.0), 1500, 364, 0, "week", np.random.default_rng(seed)
        )
        candidates = PurchaseModelChoice(["bg_nbd", "pareto_nbd", "ggom_nbd"]).fit(frame)
        assert not candidates.best.certificate_.passed
        assert all("Use a simpler model" in reason for reason in candidates.failed.values())


@pytest.mark.parametrize(("s", "beta"), [(0.6, 11.7), (50.0, 1e6), (7.8e12, 2.1e20), (1e3, 1e18)])
def test_pareto_likelihood_where_death_rates_are_all_alike(s, beta):
    """The defining integral with 50 digits; the textbook's logarithm of (β + y) / β is 0 there."""
    r, alpha, x, t_x, T = 2.3, 14.9, 3.0, 20.0, 50.0
    with mp.workdps(50):

        def lived(y):
            return (mp.mpf(alpha) + y) ** -(mp.mpf(r) + x) * mp.exp(-mp.mpf(s) * mp.log1p(mp.mpf(y) / mp.mpf(beta)))

        dead = mp.quad(lambda y: lived(y) * mp.mpf(s) / (mp.mpf(beta) + y), mp.linspace(t_x, T, 5))
        exact = mp.log(lived(mp.mpf(T)) + dead) + mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(alpha)
    one = Histories(np.array([x]), np.array([t_x]), np.array([T]))
    found = ParetoNBD()._rows([r, alpha, s, beta], one).value[0]
    assert found == pytest.approx(float(exact), rel=1e-9)


def test_the_unit_of_time_changes_no_verdict():
    frame = load_cdnow_summary()
    seconds = frame.assign(recency=frame["recency"] * 604_800, T=frame["T"] * 604_800)
    verdicts = [
        {check.name: check.passed for check in ParetoNBD().fit(one).certificate_.checks} for one in (frame, seconds)
    ]
    assert verdicts[0] == verdicts[1]
