"""The spend model in the runtime: which columns it reads, what it refuses, and how it is stored."""

import hashlib
import json
from dataclasses import replace
from datetime import date

import mpmath as mp
import numpy as np
import pytest
import xgboost

from patronage.errors import BundleError, InputError
from patronage.runtime.bundle import Bundle, read_bundle, write_bundle
from patronage.runtime.churn import Calibration, ChurnModel
from patronage.runtime.clv import ValueTerms
from patronage.runtime.gamma_gamma import (
    GammaGammaParams,
    draw_total_spend,
    expected_spend,
    mean_spend_quantiles,
)
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.scorer import Scorer
from patronage.runtime.time_unit import TimeUnit
from patronage.schema import MODEL_INPUT

SPENDERS = GammaGammaParams(p=6.25, q=3.74, v=15.44)
ENDLESS = GammaGammaParams(p=2.0, q=0.5, v=15.44)
ALL_PURCHASES = replace(SPENDERS, include_first=True)


@pytest.fixture(scope="module")
def bundle():
    rng = np.random.default_rng(0)
    data = xgboost.DMatrix(rng.random((50, 1)), rng.integers(0, 2, 50), feature_names=["tenure_days"])
    booster = xgboost.train({"objective": "binary:logistic", "nthread": 1}, data, num_boost_round=1)
    return Bundle(
        purchase=BetaGeoParams(0.243, 4.414, 0.793, 2.426),
        spend=ALL_PURCHASES,
        churn=ChurnModel(booster, ("tenure_days",), 91, Calibration("sigmoid", (), (0.1, 0.9))),
        value=ValueTerms(0.3, 0.15, 7.0),
        as_of=date(1998, 6, 30),
        time_unit=TimeUnit.WEEK,
        horizon_days=91,
    )


def customers():
    table = {name: np.ones(3) for name in MODEL_INPUT.names}
    return table | {
        "frequency": np.array([0.0, 1.0, 2.0]),
        "recency": np.array([0.0, 3.0, 9.0]),
        "T": np.full(3, 20.0),
        "monetary_value": np.array([0.0, 50.0, 60.0]),
        "purchase_days": np.array([1.0, 2.0, 3.0]),
        "spend_per_purchase_day": np.array([10.0, 40.0, 50.0]),
    }


def test_the_scorer_reads_the_columns_that_the_model_was_fitted_to(bundle):
    table = customers()
    for spend, columns in (
        (ALL_PURCHASES, ("purchase_days", "spend_per_purchase_day")),
        (SPENDERS, ("frequency", "monetary_value")),
    ):
        assert spend.columns == columns
        scores = Scorer(replace(bundle, spend=spend)).score(table)
        expected = expected_spend(spend, *(table[name] for name in columns))
        assert scores["expected_spend"].tolist() == expected.tolist()


def test_the_flag_is_stored(bundle, tmp_path):
    assert read_bundle(write_bundle(bundle, tmp_path / "bundle")).spend == ALL_PURCHASES


def stored_with(bundle, folder, **spend):
    """A bundle whose spend.json says something else, with hashes that fit."""
    write_bundle(bundle, folder)
    path = folder / "spend.json"
    path.write_text(json.dumps({"kind": "gamma_gamma", "p": 6.25, "q": 3.74, "v": 15.44, **spend}))
    manifest = json.loads((folder / "manifest.json").read_text())
    content = path.read_bytes()
    manifest["files"]["spend.json"] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_bundle_from_before_the_flag_knows_repeat_purchases_only(bundle, tmp_path):
    assert read_bundle(stored_with(bundle, tmp_path / "bundle")).spend == SPENDERS


@pytest.mark.parametrize("spend", [{"include_first": "no"}, {"include_first": 1}, {"q": None}])
def test_values_that_do_not_fit_are_refused(bundle, tmp_path, spend):
    with pytest.raises(BundleError, match="does not fit"):
        read_bundle(stored_with(bundle, tmp_path / "bundle", **spend))


def test_an_infinite_mean_is_refused_not_predicted():
    frequency, mean = np.array([0.0, 1.0, 0.0]), np.array([0.0, 20.0, 0.0])
    with pytest.raises(InputError, match=r"2 of 3 customers have no finite expected spend: with q = 0\.5"):
        expected_spend(ENDLESS, frequency, mean)
    assert expected_spend(ENDLESS, frequency[1:2], mean[1:2])[0] == pytest.approx(2 * (15.44 + 20) / 1.5, rel=1e-12)


@pytest.mark.parametrize("params", [SPENDERS, ENDLESS, GammaGammaParams(0.01, 0.02, 1.0), GammaGammaParams(500, 80, 3)])
@pytest.mark.parametrize("probability", [0.05, 0.5, 0.95])
def test_quantiles_by_the_integral_of_the_posterior(params, probability):
    x, m = 4.0, 30.0
    quantile = mean_spend_quantiles(params, np.array([x]), np.array([m]), probability)[0]
    with mp.workdps(40):
        # The mean p / ν lies below the quantile where ν lies above p / quantile.
        lowest = mp.mpf(params.p) / mp.mpf(quantile) * (mp.mpf(params.v) + x * m)
        below = mp.gammainc(mp.mpf(params.p) * x + params.q, lowest, mp.inf, regularized=True)
    assert float(below) == pytest.approx(probability, rel=1e-9)


@pytest.mark.parametrize("probability", [0.0, 1.0, np.nan])
def test_probabilities_out_of_range(probability):
    with pytest.raises(InputError, match="between 0 and 1"):
        mean_spend_quantiles(SPENDERS, np.zeros(1), np.zeros(1), probability)


def test_drawn_totals_have_the_moments_of_the_model():
    rng = np.random.default_rng(2)
    frequency, mean = np.array([0.0, 3.0, 9.0]), np.array([0.0, 25.0, 40.0])
    purchases = np.tile([0.0, 2.0, 5.0], (200_000, 1))
    drawn = draw_total_spend(SPENDERS, frequency, mean, purchases, rng)
    assert drawn.shape == purchases.shape
    assert (drawn[:, 0] == 0).all()
    expected = purchases[0] * expected_spend(SPENDERS, frequency, mean)
    noise = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - expected) <= 4 * noise).all()
    # E(1/ν²) is rate² / ((shape - 1)(shape - 2)).
    shape, rate = SPENDERS.p * frequency + SPENDERS.q, SPENDERS.v + frequency * mean
    count = SPENDERS.p * purchases[0]
    square = count * (count + 1) * rate**2 / ((shape - 1) * (shape - 2))
    assert (drawn**2).mean(axis=0)[1:] == pytest.approx(square[1:], rel=0.02)


def test_draws_stay_numbers_where_gamma_variates_vanish():
    tiny = GammaGammaParams(1e-3, 1e-3, 1.0)
    drawn = draw_total_spend(tiny, np.zeros(500), np.zeros(500), np.ones(500), np.random.default_rng(0))
    assert not np.isnan(drawn).any()
    assert (drawn >= 0).all()
