"""The bootstrap against DeLong, known standard errors, and simulated coverage."""

import numpy as np
import pytest
from scipy.special import digamma

from patronage.errors import ConfigError, InputError
from patronage.evaluation.bootstrap import Resampler, bootstrap
from patronage.evaluation.counted_metrics import brier, log_loss, roc_auc
from patronage.evaluation.roc_variance import delong

AUC = {"roc_auc": roc_auc}


def world(n, seed):
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < 0.25).astype(float)
    shared = rng.normal(y, 1.0)
    return y, {"model": shared + rng.normal(0, 0.3, n), "rule": shared + rng.normal(0, 0.8, n)}, rng


def test_auc_and_paired_difference_agree_with_delong():
    y, scores, rng = world(1500, 0)
    found, exact = bootstrap(y, scores, AUC, rng=rng, replicates=2000), delong(y, scores)
    ours, theirs = found.intervals(), exact.intervals()
    np.testing.assert_allclose(ours["value"], theirs["value"], rtol=1e-12)
    np.testing.assert_allclose(ours["standard_error"], theirs["standard_error"], rtol=0.06)
    np.testing.assert_allclose(ours[["low", "high"]], theirs[["low", "high"]], atol=0.003)
    difference, paired = found.differences("rule").iloc[0], exact.differences("rule").iloc[0]
    assert difference["difference"] == pytest.approx(paired["difference"], rel=1e-9)
    assert difference["standard_error"] == pytest.approx(paired["standard_error"], rel=0.06)
    assert difference["decided"]
    # Pairing matters: the two AUCs are estimated on the same customers.
    assert difference["standard_error"] < 0.7 * np.hypot(*ours["standard_error"])


def test_standard_error_of_a_mean():
    y, scores, rng = world(2000, 1)
    p = 1 / (1 + np.exp(-scores["model"]))
    row = bootstrap(y, {"m": p}, {"brier": brier}, rng=rng, replicates=2000).intervals().iloc[0]
    assert row.standard_error == pytest.approx(np.std((p - y) ** 2) / np.sqrt(2000), rel=0.06)


def test_intervals_cover():
    rng = np.random.default_rng(3)
    inside = []
    # The log loss of calibrated probabilities from a Beta(2, 4) is their mean entropy.
    entropy = digamma(7) - (2 * digamma(3) + 4 * digamma(5)) / 6
    for _ in range(200):
        p = rng.beta(2, 4, 300)
        y = (rng.random(300) < p).astype(float)
        row = bootstrap(y, {"m": p}, {"log_loss": log_loss}, rng=rng, replicates=150).intervals(0.9).iloc[0]
        inside.append(row.low <= entropy <= row.high)
    assert np.mean(inside) == pytest.approx(0.9, abs=0.06)


def test_customers_come_with_all_their_rows():
    y, scores, rng = world(300, 4)
    ids = np.repeat(np.arange(300), 8)
    many = {name: np.repeat(score, 8) for name, score in scores.items()}
    by_row = bootstrap(np.repeat(y, 8), many, AUC, rng=rng, replicates=400).intervals()
    by_customer = bootstrap(np.repeat(y, 8), many, AUC, rng=rng, customers=ids, replicates=400).intervals()
    alone = bootstrap(y, scores, AUC, rng=rng, replicates=400).intervals()
    np.testing.assert_allclose(by_customer["standard_error"], alone["standard_error"], rtol=0.15)
    np.testing.assert_allclose(by_row["standard_error"], alone["standard_error"] / np.sqrt(8), rtol=0.15)


def test_strata_keep_their_size():
    rng = np.random.default_rng(5)
    strata = np.array(["a"] * 30 + ["b"] * 70)
    counts = Resampler(100, strata=strata).draw(rng)
    assert (counts[:30].sum(), counts[30:].sum()) == (30, 70)
    ids = np.repeat(np.arange(50), 2)
    counts = Resampler(100, ids, np.repeat(["a", "b"], [20, 80])).draw(rng)
    assert (counts[:20].sum(), counts[20:].sum()) == (20, 80)
    np.testing.assert_array_equal(counts[::2], counts[1::2])


def test_a_customer_in_two_strata_is_refused():
    with pytest.raises(InputError, match="1 customers lie in several strata") as caught:
        Resampler(3, ["x", "x", "y"], [1, 2, 1])
    assert caught.value.first_ids == ("x",)


def test_the_same_seed_gives_the_same_numbers():
    y, scores, _ = world(200, 6)
    first, second = (bootstrap(y, scores, rng=np.random.default_rng(1), replicates=20).intervals() for _ in range(2))
    assert first.equals(second)


def test_same_candidates_do_not_differ():
    y, scores, rng = world(200, 7)
    row = (
        bootstrap(y, {"a": scores["model"], "b": scores["model"]}, AUC, rng=rng, replicates=50).differences("a").iloc[0]
    )
    assert (row["difference"], row["p_value"], bool(row["decided"])) == (0.0, 1.0, False)


def test_resamples_of_one_class_are_counted_and_left_out():
    y = np.zeros(40)
    y[0] = 1
    found = bootstrap(y, {"m": np.arange(40.0)}, AUC, rng=np.random.default_rng(0), replicates=400).intervals().iloc[0]
    # One customer of 40 is missing from a resample with probability (39 / 40) ** 40.
    assert found.n_undefined / 400 == pytest.approx((39 / 40) ** 40, abs=0.08)
    assert np.isfinite(found.low)
    alone = bootstrap(np.zeros(40), {"m": np.arange(40.0)}, AUC, rng=np.random.default_rng(0), replicates=10)
    assert np.isnan(alone.intervals().loc[0, ["value", "low", "high"]].astype(float)).all()


def test_refusals():
    y, scores, rng = world(50, 8)
    with pytest.raises(ConfigError, match="at least two replicates"):
        bootstrap(y, scores, AUC, rng=rng, replicates=1)
    with pytest.raises(ConfigError, match="no candidate 'nobody'; there are model, rule"):
        bootstrap(y, scores, AUC, rng=rng, replicates=2).differences("nobody")
    with pytest.raises(InputError, match="customer id for each of 50 rows"):
        bootstrap(y, scores, AUC, rng=rng, customers=[1, 2])
    with pytest.raises(InputError, match="3 of 50 scores are missing or infinite") as caught:
        bootstrap(y, {"m": np.where(np.arange(50) < 3, np.nan, 0.5)}, AUC, rng=rng)
    assert caught.value.first_ids == ("0", "1", "2")
    with pytest.raises(InputError, match="got shapes"):
        bootstrap(y, {"m": [0.1]}, AUC, rng=rng)
