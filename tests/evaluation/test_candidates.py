"""Candidates on the same customers: who leads, and when that is said to be told."""

import numpy as np
import pandas as pd
import pytest

from patronage.errors import ConfigError
from patronage.evaluation.candidates import measure_named, side_by_side, what_came
from patronage.evaluation.judging import Resamples
from patronage.evaluation.leaderboard import leaderboard, words_of

N = 1500


@pytest.fixture(scope="module")
def compared():
    rng = np.random.default_rng(3)
    p, mean = rng.beta(2, 1, N), rng.gamma(1, 2, N)
    came = {"churn": (rng.random(N) < p) * 1.0, "purchases": rng.poisson(mean) * 1.0, "value": rng.poisson(mean) * 5.0}
    truth = {"churn": p, "purchases": mean, "value": mean * 5}
    told = {
        "flat": {
            "churn": np.full(N, p.mean()),
            "purchases": np.full(N, mean.mean()),
            "value": np.full(N, mean.mean() * 5),
        },
        "true": truth,
        "twin": {name: values * 0.9999 for name, values in truth.items()},
    }
    return side_by_side(came, told, Resamples(200, 0.95), rng=np.random.default_rng(0))


def test_leaders_are_those_of_the_leading_measures(compared):
    assert compared.leaders["churn"] in ("true", "twin")
    assert compared.leaders["value"] in ("true", "twin")


def test_board_is_in_order_and_tells_the_flat_one_apart_but_not_the_twin(compared):
    board = leaderboard(compared, "churn.log_loss")
    assert board["place"].tolist() == [1, 2, 3]
    assert board["value"].is_monotonic_increasing
    assert board["candidate"].iloc[-1] == "flat"
    assert board["told_apart"].iloc[-1] == "yes"


def test_larger_is_better_for_the_order_of_customers(compared):
    assert leaderboard(compared, "churn.roc_auc")["value"].is_monotonic_decreasing


def test_total_error_is_ordered_by_its_size(compared):
    assert leaderboard(compared, "value.total_error")["value"].abs().is_monotonic_increasing


def test_differences_are_the_leader_less_the_others(compared):
    rows = compared.differences.query("task == 'churn' and metric == 'log_loss'")
    values = compared.metrics.query("task == 'churn' and metric == 'log_loss'").set_index("model")["value"]
    assert len(rows) == 2
    for row in rows.to_dict("records"):
        assert row["difference"] == pytest.approx(values[row["model"]] - values[row["rival"]], abs=1e-12)


def test_words_say_who_cannot_be_told_apart():
    rng = np.random.default_rng(5)
    p = rng.beta(2, 1, 300)
    came = {task: (rng.random(300) < p) * 1.0 for task in ("churn", "purchases", "value")}
    told = {
        "a": dict.fromkeys(came, p),
        "b": dict.fromkeys(came, np.clip(p + rng.normal(0, 0.02, 300), 0.01, 0.99)),
        "flat": dict.fromkeys(came, np.full(300, 0.1)),
    }
    words = words_of(side_by_side(came, told, Resamples(200), rng=rng), "churn.log_loss", 2, 0.95)
    assert "leads by log loss of churn over 2 origins, but cannot be told from" in words[0]
    assert "flat" not in words[0].partition("told from")[2]
    assert words[3].startswith("churn: ")
    assert "97.5 % interval" in words[3]


def test_rows_of_one_customer_are_drawn_together():
    """Ten copies of every customer are no more evidence than one: the interval stays as wide."""
    rng = np.random.default_rng(11)
    p = rng.beta(2, 1, 400)
    came = {task: (rng.random(400) < p) * 1.0 for task in ("churn", "purchases", "value")}
    told = {"a": dict.fromkeys(came, p), "b": dict.fromkeys(came, np.full(400, p.mean()))}

    def width(times, customers):
        long = {task: np.tile(values, times) for task, values in came.items()}
        models = {name: {task: np.tile(v, times) for task, v in one.items()} for name, one in told.items()}
        ids = np.tile(np.arange(400), times) if customers else None
        found = side_by_side(long, models, Resamples(300), rng=np.random.default_rng(0), customers=ids)
        row = found.differences.query("task == 'churn' and metric == 'log_loss'").iloc[0]
        return row["high"] - row["low"]

    assert width(10, customers=True) == pytest.approx(width(1, customers=False), rel=0.15)
    assert width(10, customers=False) < 0.5 * width(1, customers=False)


def test_one_candidate_stands_alone():
    came = {task: np.tile([0.0, 1.0], 50) for task in ("churn", "purchases", "value")}
    told = {"only": {task: np.tile([0.2, 0.8], 50) for task in came}}
    found = side_by_side(came, told, Resamples(50), rng=np.random.default_rng(0))
    assert words_of(found, "churn.brier", 1, 0.95)[0] == "only stands alone: Brier score of churn 0.04 over 1 origin."


def test_what_came_counts_those_who_bought_nothing_as_gone():
    came = what_came(pd.DataFrame({"frequency_holdout": [0, 2], "spend_holdout": [0.0, 9.5]}))
    assert came["churn"].tolist() == [1, 0]
    assert came["value"].tolist() == [0, 9.5]


def test_unknown_measure_is_refused():
    with pytest.raises(ConfigError, match="no measure 'churn'"):
        measure_named("churn")
