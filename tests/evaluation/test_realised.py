"""What came against what was foretold: exact laws by enumeration, misses found, the level kept."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.errors import ConfigError
from patronage.evaluation.alarms import decide, verdict
from patronage.evaluation.realised import RealisedSizes, count_law, count_tails, realised
from patronage.schema.monitoring import DRIFT

SIZES = RealisedSizes(total=0.1, churn_share=0.05, calibration=0.05, ranking=0.03)
ANY_SIZE = RealisedSizes(0.0, 0.0, 0.0, 0.0)
N = 2000


def world(seed, n=N):
    """Customers with their own rates, who buy by them."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.6, 1.5, n)
    bought = rng.poisson(rate).astype(float)
    value = np.array([rng.gamma(2 * one, 10) if one else 0.0 for one in bought])
    came = {"purchases": bought, "value": value, "churn": (bought == 0).astype(float)}
    told = {"purchases": rate, "value": rate * 20, "churn": np.exp(-rate)}
    return came, told, pd.DataFrame({"segment": rng.choice(["a", "b", "c"], n, p=[0.6, 0.39, 0.01])})


def judged(came, told, groups, sizes=SIZES, alpha=0.01):
    table = realised(came, told, groups, sizes, 0.99, rng=np.random.default_rng(0))
    return decide({"drift": pd.DataFrame(columns=list(DRIFT.names)), "realised": table}, alpha)


def rows(tables):
    return tables["realised"].set_index(["group", "quantity", "test"])


def test_law_of_a_count_is_that_of_all_outcomes():
    p = np.array([0.1, 0.5, 0.9, 0.3, 0.77])
    by_hand = np.zeros(6)
    for outcome in product([0, 1], repeat=5):
        by_hand[sum(outcome)] += np.prod([one if came else 1 - one for one, came in zip(p, outcome, strict=True)])
    np.testing.assert_allclose(count_law(p), by_hand, atol=1e-15)


def test_law_of_equal_probabilities_is_binomial():
    np.testing.assert_allclose(count_law(np.full(300, 0.2)), stats.binom.pmf(np.arange(301), 300, 0.2), atol=1e-13)


@pytest.mark.parametrize("n", [1500, 2500])
def test_tails_and_limits_agree_with_the_binomial_law_on_both_sides_of_exactness(n):
    p_value, low, high = count_tails(np.full(n, 0.3), 0.3 * n + 40, 0.99)
    exact = 2 * stats.binom.sf(0.3 * n + 39, n, 0.3)
    assert p_value == pytest.approx(exact, rel=0.05)
    assert low == pytest.approx(stats.binom.ppf(0.005, n, 0.3), abs=1.5)
    assert high == pytest.approx(stats.binom.ppf(0.995, n, 0.3), abs=1.5)


def test_certainties_that_do_not_come_are_beyond_chance():
    assert count_tails(np.ones(3000), 2990.0, 0.99)[0] == 0.0
    assert count_tails(np.ones(3000), 3000.0, 0.99)[0] == 1.0


def test_truth_gives_no_alarm_and_groups_that_are_small_are_not_judged():
    found = rows(judged(*world(1)))
    assert set(found["alarm"]) == {"no", "small"}
    assert set(found.loc["c"]["alarm"]) == {"small"}
    assert found.loc["c"]["p_adjusted"].isna().all()
    totals = found.loc["all"].loc["purchases"].loc["total"]
    assert totals["low"] < totals["realised"] < totals["high"]


@pytest.mark.parametrize(
    ("change", "alarm"),
    [
        (lambda told: told.update(purchases=told["purchases"] * 1.3), ("all", "purchases", "total")),
        (lambda told: told.update(value=told["value"] * 0.7), ("all", "value", "total")),
        (lambda told: told.update(churn=told["churn"] ** 2), ("all", "churn", "total")),
        (lambda told: told.update(churn=np.where(told["churn"] > 0.5, 0.95, 0.05)), ("all", "churn", "calibration")),
        (
            lambda told: told.update(churn=np.random.default_rng(0).permutation(told["churn"])),
            ("all", "churn", "ranking"),
        ),
    ],
)
def test_what_is_off_is_found(change, alarm):
    came, told, groups = world(2)
    change(told)
    tables = judged(came, told, groups)
    assert rows(tables).loc[alarm, "alarm"] == "yes"
    assert verdict(tables, 0.01, None).advice == "retrain"


def test_one_group_that_is_off_is_found_there():
    came, told, groups = world(3, 6000)
    told["purchases"] = told["purchases"] * np.where(groups["segment"] == "b", 1.4, 1.0)
    found = rows(judged(came, told, groups))
    assert found.loc[("b", "purchases", "total"), "alarm"] == "yes"
    assert found.loc[("a", "purchases", "total"), "alarm"] == "no"


def test_rate_of_false_alarms_is_the_stated_one():
    false_alarms = 0
    for seed in range(200):
        found = judged(*world(seed, 800), sizes=ANY_SIZE, alpha=0.05)
        false_alarms += (found["realised"]["alarm"] == "yes").any()
    assert stats.binomtest(int(false_alarms), 200, 0.05, alternative="greater").pvalue > 0.01


def test_limits_below_zero_are_refused():
    with pytest.raises(ConfigError, match="ranking must be 0 or more"):
        RealisedSizes(0.1, 0.1, 0.1, -1)
