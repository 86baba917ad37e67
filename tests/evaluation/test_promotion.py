"""A challenger is promoted for a better forecast that chance does not explain, and for nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from patronage.errors import ConfigError, InputError
from patronage.evaluation.promotion import PromotionTerms, judge_challenger

TERMS = PromotionTerms(
    metric="churn.log_loss",
    level=0.95,
    replicates=200,
    max_calibration_error=0.1,
    max_total_error=0.15,
    max_missing_share=0.0,
    not_worse=("value.rmse",),
)
N = 4000


@pytest.fixture(scope="module")
def world():
    """Customers who leave with known probabilities, and purchases and spends with known means."""
    rng = np.random.default_rng(7)
    p = rng.beta(2, 1, N)
    mean = rng.gamma(1, 2, N)
    came = {
        "churn": (rng.random(N) < p).astype(float),
        "purchases": rng.poisson(mean).astype(float),
        "value": rng.poisson(mean) * 10.0,
    }
    truth = {"churn": p, "purchases": mean, "value": mean * 10.0}
    return came, truth


def judged(came, challenger, champion, terms=TERMS, seed=0):
    return judge_challenger(came, challenger, champion, terms, rng=np.random.default_rng(seed))


def check(judgement, name):
    return next(one for one in judgement.checks if one.name == name)


def noisy(truth, rng_seed=1):
    """The same averages, less of the truth in each customer: probabilities pulled half-way to their mean."""
    p = truth["churn"]
    return {**truth, "churn": p.mean() + 0.5 * (p - p.mean())}


def test_the_truth_beats_a_duller_model(world):
    came, truth = world
    found = judged(came, truth, noisy(truth))
    assert found.earned
    assert found.reason.startswith("churn, log loss better by")
    assert found.n_customers == N


def test_the_duller_model_is_refused_with_the_reason(world):
    came, truth = world
    found = judged(came, noisy(truth), truth)
    assert not found.earned
    assert "churn, log loss worse by" in found.reason


def test_the_difference_is_that_of_the_log_losses(world):
    """Written out in plain numpy."""
    came, truth = world
    duller = noisy(truth)
    found = judged(came, truth, duller).differences.query("task == 'churn' and metric == 'log_loss'").iloc[0]
    y = came["churn"]
    loss = [-np.mean(y * np.log(p) + (1 - y) * np.log1p(-p)) for p in (truth["churn"], duller["churn"])]
    assert found["difference"] == pytest.approx(loss[0] - loss[1], rel=1e-9)


def test_equal_models_are_no_promotion(world):
    came, truth = world
    found = judged(came, truth, dict(truth))
    assert not found.earned
    assert "no difference can be seen" in found.reason


def test_chance_alone_is_seldom_promoted(world):
    """Two models equally far from the truth by independent noise: at most a few of 20 pairs, of 2.5 % each."""
    _, truth = world
    wins = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        came = {**{name: values[:500] for name, values in truth.items()}}
        came["churn"] = (rng.random(500) < truth["churn"][:500]).astype(float)
        sides = []
        for _ in range(2):
            logit = np.log(truth["churn"][:500] / (1 - truth["churn"][:500])) + rng.normal(0, 0.7, 500)
            sides.append({**{k: v[:500] for k, v in truth.items()}, "churn": 1 / (1 + np.exp(-logit))})
        wins += judged(came, *sides, terms=replace(TERMS, replicates=100), seed=seed).checks[0].holds
    assert wins <= 3


@pytest.mark.parametrize(
    ("task", "factor", "name"),
    [("value", 1.4, "value.total_error"), ("purchases", 0.6, "purchases.total_error")],
)
def test_a_better_forecast_of_churn_does_not_excuse_a_wrong_total(world, task, factor, name):
    came, truth = world
    biased = {**truth, task: truth[task] * factor}
    found = judged(came, biased, noisy(truth))
    assert not found.earned
    assert not check(found, name).holds
    assert f"{task}, error of the total" in found.reason


def test_a_bad_total_is_borne_where_the_champion_has_a_worse_one(world):
    came, truth = world
    found = judged(came, {**truth, "value": truth["value"] * 1.3}, {**noisy(truth), "value": truth["value"] * 1.5})
    assert check(found, "value.total_error").holds
    assert "no further than the champion's" in check(found, "value.total_error").words


def test_probabilities_that_are_off_are_refused(world):
    came, truth = world
    off = {**truth, "churn": np.clip(truth["churn"] - 0.2, 0.001, None)}
    found = judged(came, off, {**truth, "churn": np.full(N, truth["churn"].mean())})
    assert not check(found, "churn.calibration_error").holds


def test_customers_without_a_score_are_counted_and_refused(world):
    came, truth = world
    holes = {**truth, "churn": np.where(np.arange(N) < 40, np.nan, truth["churn"])}
    found = judged(came, holes, noisy(truth))
    assert found.n_customers == N - 40
    assert not check(found, "missing scores").holds
    assert "1.0%" in check(found, "missing scores").words
    assert judged(came, holes, noisy(truth), replace(TERMS, max_missing_share=0.02)).earned


def test_a_model_that_ranks_value_worse_is_refused(world):
    came, truth = world
    shuffled = {**truth, "value": np.random.default_rng(0).permutation(truth["value"])}
    found = judged(came, shuffled, noisy(truth))
    assert not check(found, "not worse by value.rmse").holds
    assert "value, root mean squared error worse" in found.reason


def test_nothing_to_judge_by_is_an_error(world):
    came, truth = world
    empty = {**truth, "churn": np.full(N, np.nan)}
    with pytest.raises(InputError, match="Of 4,000 customers 0 have scores of both"):
        judged(came, empty, truth)


@pytest.mark.parametrize("metric", ["churn.logloss", "log_loss", "", "value.roc_auc"])
def test_unknown_measure_is_refused_with_the_list(metric):
    with pytest.raises(ConfigError, match=r"churn\.log_loss"):
        replace(TERMS, metric=metric)


def test_too_few_resamples_are_refused():
    with pytest.raises(ConfigError, match="100 replicates"):
        replace(TERMS, replicates=20)
