"""Corrections learnt from errors that are known: ranks by hand, and coverage where the model is wrong."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation.backtest import Origin
from patronage.evaluation.conformal import (
    HIGHEST_LEVEL,
    TotalCorrection,
    learn_customer_correction,
    learn_total_correction,
)
from patronage.evaluation.coverage import interval_coverage, randomised_pit
from patronage.ledger.simulated import simulate_purchases
from patronage.models.purchase.bg_nbd import BetaGeoNBD
from patronage.models.uncertainty import count_distribution
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

HORIZON = 26.0


def origin(frequency, pit, actual=100.0, expected=100.0):
    customers = pd.DataFrame({"frequency": frequency, "pit": pit})
    total = pd.Series({"actual": actual, "expected": expected})
    return Origin(date(2024, 1, 1), 182, HORIZON, BetaGeoNBD(), 0.9, customers, total)


def test_the_level_asked_for_is_the_rank_of_the_scores():
    # Scores |2u - 1| of 199 customers are 1/200, ..., 199/200: the 180th of them is 0.9.
    pit = 0.5 + np.arange(1, 200) / 400
    learnt = learn_customer_correction([origin(np.zeros(199), pit)], 0.9)
    assert learnt.levels == pytest.approx([0.9])
    assert learnt.n_customers == pytest.approx([199])
    # One side is as good as the other, and so is the order.
    again = learn_customer_correction([origin(np.zeros(199), 1 - pit[::-1])], 0.9)
    assert again.levels == pytest.approx([0.9])


def test_each_class_of_frequency_has_its_own_level_and_small_ones_are_joined():
    rng = np.random.default_rng(1)
    frequency = np.repeat([0, 1, 2, 3, 4, 30, 50], [400, 150, 60, 150, 20, 90, 30])
    pit = np.where(frequency >= 21, rng.choice([0.001, 0.999], len(frequency)), 0.5)
    learnt = learn_customer_correction([origin(frequency, pit)], 0.9)
    assert list(learnt.starts) == [0, 1, 3, 21]
    assert list(learnt.n_customers) == [400, 210, 170, 120]
    assert learnt.levels == pytest.approx([0, 0, 0, 0.998])
    assert list(learnt.table()["level_asked_for"]) == list(learnt.levels)


def test_nobody_has_intervals_of_nobody():
    rng = np.random.default_rng(1)
    params = BetaGeoParams(0.8, 12.0, 0.5, 4.0)
    model = BetaGeoNBD().fit(simulate_purchases(params, 2_000, 182, 182, "week", rng, whole_days=False))
    learnt = learn_customer_correction([origin(np.zeros(199), rng.random(199))], 0.9)
    nobody = pd.DataFrame({"frequency": [], "recency": [], "T": []}, index=pd.Index([], name="customer_id"))
    found = learnt.interval(model, nobody, HORIZON, 5, rng=rng)
    assert len(found) == 0
    assert list(found.columns) == ["expected", "low", "high"]
    assert found.index.name == "customer_id"


def test_few_customers_make_one_class_and_too_few_are_refused():
    learnt = learn_customer_correction([origin([0.0, 5.0] * 5, np.linspace(0.1, 0.9, 10))], 0.9)
    assert list(learnt.starts) == [0]
    with pytest.raises(ConfigError, match="9 are needed"):
        learn_customer_correction([origin([0.0] * 8, [0.5] * 8)], 0.9)
    with pytest.raises(ConfigError, match="no errors to learn from"):
        learn_customer_correction([], 0.9)
    with pytest.raises(InputError, match="level"):
        learn_customer_correction([origin([0.0] * 8, [0.5] * 8)], 90)


def test_what_a_model_held_for_impossible_asks_for_nearly_everything():
    learnt = learn_customer_correction([origin(np.zeros(100), np.ones(100))], 0.9)
    assert learnt.levels == pytest.approx([HIGHEST_LEVEL])


@pytest.mark.parametrize(("k", "level", "has", "ranks"), [(3, 0.9, 0.5, (0, 2)), (19, 0.9, 0.9, (0, 18)),
                                                          (39, 0.9, 0.9, (1, 37)), (19, 0.5, 0.5, (4, 14)),
                                                          (1, 0.9, 0.0, (0, 0))])  # fmt: skip
def test_few_origins_support_low_levels_of_totals_and_say_so(k, level, has, ranks):
    ratios = 1 + np.arange(k) / 100
    origins = [origin([0.0], [0.5], actual=200.0 * ratio, expected=200.0) for ratio in ratios[::-1]]
    learnt = learn_total_correction(origins)
    interval = learnt.interval(1_000.0, level)
    assert interval["level"] == pytest.approx(has)
    assert interval[["low", "high"]].to_numpy() == pytest.approx(1_000 * ratios[list(ranks)])
    assert learnt.supported_level == pytest.approx((k - 1) / (k + 1))


def test_the_total_interval_covers_its_level():
    """Exchangeable ratios: coverage is the stated level by counting, whatever their distribution."""
    rng = np.random.default_rng(2)
    inside = []
    for _ in range(2_000):
        *earlier, last = rng.lognormal(0.1, 0.3, 10)
        found = TotalCorrection(np.sort(earlier)).interval(50.0, 0.9)
        inside.append(found["low"] <= 50 * last <= found["high"])
    assert found["level"] == pytest.approx(0.8)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)


def test_a_no_origin_total_is_refused():
    with pytest.raises(ConfigError, match="no errors to learn from"):
        learn_total_correction([])


def test_where_the_model_is_wrong_the_corrected_interval_still_covers():
    """Fitted where customers stay, judged where they buy three times as often: its own intervals are too low."""
    rng = np.random.default_rng(3)
    calm, lively = BetaGeoParams(0.8, 12.0, 0.5, 4.0), BetaGeoParams(0.8, 4.0, 0.5, 4.0)
    model = BetaGeoNBD().fit(simulate_purchases(calm, 2_000, 182, 182, "week", rng, whole_days=False))
    worlds = [simulate_purchases(lively, 1_500, 182, 182, "week", rng, whole_days=False) for _ in range(2)]
    # Histories as of a fifth of the rate, so that the frequencies do not give the change away.
    for world in worlds:
        world["frequency"] = np.minimum(world["frequency"], 1.0)
        world.loc[world["frequency"] == 0, "recency"] = 0.0
    earlier, last = worlds
    actual = earlier["frequency_holdout"].to_numpy()
    judged = count_distribution(model.outlook(earlier, HORIZON), HORIZON, actual, 10, rng)
    earlier["pit"] = randomised_pit(actual, rng, distribution=judged)
    known = Origin(date(2024, 1, 1), 182, HORIZON, model, 0.9, earlier, pd.Series({"actual": 1.0, "expected": 1.0}))
    correction = learn_customer_correction([known], 0.9)
    own = model.predictive_interval(last, HORIZON, size=10, rng=rng)
    corrected = correction.interval(model, last, HORIZON, 10, rng=rng)
    assert interval_coverage(last["frequency_holdout"], own["low"], own["high"]) < 0.85
    assert interval_coverage(last["frequency_holdout"], corrected["low"], corrected["high"]) >= 0.9
    assert (correction.levels > 0.9).all()
