"""The likelihood-ratio test: its statistic, its size on simulated worlds without an effect, and what it refuses."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from patronage.errors import ModelError
from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD, GammaGamma, ModifiedBetaGeoNBD
from patronage.models.comparison import likelihood_ratio_test
from patronage.models.purchase.bg_cnbd_k import BetaGeoCNBD
from patronage.runtime.purchase.bg_nbd import BetaGeoParams


def world(n, rng, effect=0.0):
    """BG/NBD customers, and a covariate that multiplies their purchase rate by exp(effect) a unit."""
    known = pd.DataFrame({"size": rng.normal(size=n), "group": rng.choice(["x", "y", "z"], n)})
    params = BetaGeoParams(0.9, 5.0 * np.exp(-effect * known["size"].to_numpy()), 0.8, 2.5)
    histories = simulate_purchases(params, n, 546, 0, "week", rng, whole_days=False)
    return pd.concat([histories, known], axis=1)


@pytest.fixture(scope="module")
def frame():
    return world(800, np.random.default_rng(4), effect=0.4)


@pytest.fixture(scope="module")
def plain(frame):
    return BetaGeoNBD().fit(frame)


@pytest.fixture(scope="module")
def with_size(frame):
    return BetaGeoNBD(purchase_covariates=["size"]).fit(frame)


def test_statistic(frame, plain, with_size):
    found = likelihood_ratio_test(plain, with_size)
    assert found.degrees_of_freedom == 1
    assert found.statistic == pytest.approx(2 * (with_size.log_likelihood_ - plain.log_likelihood_))
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 1))
    # For one coefficient Wald's statistic is near.
    assert found.statistic == pytest.approx(with_size.summary().loc["purchase.size", "z"] ** 2, rel=0.25)
    assert found.p_value < 1e-6
    assert found.words.startswith("1 further parameter (purchase.size) raises the log-likelihood by ")
    assert "more than chance would" in found.words
    groups = BetaGeoNBD(purchase_covariates=["size", "group"], dropout_covariates=["group"]).fit(frame)
    more = likelihood_ratio_test(with_size, groups)
    assert more.degrees_of_freedom == 6
    assert "no more than chance may" in more.words


@pytest.mark.slow
def test_size_where_there_is_no_effect():
    rng = np.random.default_rng(17)
    p_values = []
    for _ in range(80):
        frame = world(400, rng)
        full = BetaGeoNBD(purchase_covariates=["size"], dropout_covariates=["size"], dropout_effect="opposite")
        p_values.append(likelihood_ratio_test(BetaGeoNBD().fit(frame), full.fit(frame)).p_value)
    rejected = int((np.array(p_values) < 0.05).sum())
    assert stats.binomtest(rejected, len(p_values), 0.05).pvalue > 0.01
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_equal_and_shared_coefficients_are_restrictions(frame):
    options = {"purchase_covariates": ["size"], "dropout_covariates": ["size"]}
    separate = BetaGeoNBD(**options).fit(frame)
    opposite = BetaGeoNBD(**options, dropout_effect="opposite").fit(frame)
    equal = BetaGeoNBD(**options, dropout_effect="opposite", equal=["size"]).fit(frame)
    same = BetaGeoNBD(**options, dropout_effect="same").fit(frame)
    assert likelihood_ratio_test(opposite, separate).degrees_of_freedom == 1
    assert likelihood_ratio_test(equal, opposite).degrees_of_freedom == 1
    assert likelihood_ratio_test(equal, separate).degrees_of_freedom == 2
    with pytest.raises(ModelError, match="no special case"):
        likelihood_ratio_test(equal, same)
    with pytest.raises(ModelError, match="no special case"):
        likelihood_ratio_test(same, opposite)


def test_models_that_are_not_nested(frame, plain, with_size):
    by_group = BetaGeoNBD(purchase_covariates=["group"], dropout_covariates=["group"]).fit(frame)
    for restricted, full in (
        (with_size, plain),
        (plain, plain),
        (with_size, by_group),
        (ModifiedBetaGeoNBD().fit(frame), with_size),
    ):
        with pytest.raises(ModelError, match=r"no special case.*aic_ or bic_"):
            likelihood_ratio_test(restricted, full)


def test_numbers_of_stages_are_not_nested(frame):
    one = BetaGeoCNBD(k=1).fit(frame)
    two = BetaGeoCNBD(k=2, purchase_covariates=["size"]).fit(frame)
    with pytest.raises(ModelError, match="no special case"):
        likelihood_ratio_test(one, two)
    assert likelihood_ratio_test(BetaGeoCNBD(k=2).fit(frame), two).degrees_of_freedom == 1


def test_other_data_are_refused(frame, with_size):
    few = BetaGeoNBD().fit(frame.iloc[1:])
    with pytest.raises(ModelError, match="799 and 800 customers"):
        likelihood_ratio_test(few, with_size)
    changed = frame.assign(T=frame["T"] + 0.01)
    with pytest.raises(ModelError, match="different data"):
        likelihood_ratio_test(BetaGeoNBD().fit(changed), with_size)
    other_size = frame.assign(size=frame["size"] ** 2)
    both = BetaGeoNBD(purchase_covariates=["size", "group"]).fit(other_size)
    with pytest.raises(ModelError, match=r"no special case|different"):
        likelihood_ratio_test(with_size, both)
    # The order of the rows, and customers counted by weights, make no difference.
    counted = frame.sample(frac=1.0, random_state=1)
    assert likelihood_ratio_test(BetaGeoNBD().fit(counted), with_size).degrees_of_freedom == 1
    coarse = frame.assign(recency=np.ceil(frame["recency"] / 20), T=np.ceil(frame["T"] / 20))
    weighted = coarse.value_counts(["frequency", "recency", "T"]).rename("n").reset_index()
    restricted = BetaGeoNBD().fit(weighted, weights=weighted["n"])
    full = BetaGeoNBD(dropout_covariates=["size"]).fit(coarse)
    assert likelihood_ratio_test(restricted, full).degrees_of_freedom == 2


def test_other_values_of_the_same_covariates_are_refused(frame):
    """Shuffled values have the mean and the scale of the true ones, so that only the customers tell them apart."""
    rng = np.random.default_rng(8)
    seen = frame.assign(switch=rng.integers(0, 2, len(frame)))
    full = BetaGeoNBD(purchase_covariates=["group", "size", "switch"], dropout_covariates=["size"]).fit(seen)
    for name in ("size", "group", "switch"):
        restricted = BetaGeoNBD(purchase_covariates=[name])
        assert likelihood_ratio_test(restricted.fit(seen.sample(frac=1.0, random_state=2)), full).p_value <= 1
        other = seen.assign(**{name: rng.permutation(seen[name])})
        with pytest.raises(ModelError, match=f"different data.* their values of {name}, which both read"):
            likelihood_ratio_test(restricted.fit(other), full)


def test_covariates_in_another_order_and_far_from_zero_are_the_same(frame):
    far = frame.assign(size=frame["size"] * 365 + 1e7)
    restricted = BetaGeoNBD(purchase_covariates=["group", "size"]).fit(far.sample(frac=1.0, random_state=3))
    full = BetaGeoNBD(purchase_covariates=["size", "group"], dropout_covariates=["size"]).fit(far)
    assert likelihood_ratio_test(restricted, full).degrees_of_freedom == 2


def test_words_say_which_parameters_stand_in_place_of_which(frame):
    options = {"purchase_covariates": ["size"], "dropout_covariates": ["size", "group"]}
    same = BetaGeoNBD(**options, dropout_effect="same").fit(frame)
    equal = BetaGeoNBD(**options, dropout_effect="same", equal=["size"]).fit(frame)
    words = likelihood_ratio_test(equal, same).words
    assert words.startswith("2 parameters (purchase.size, dropout.size) in place of 1 (both.size) raise the log-")
    words = likelihood_ratio_test(same, BetaGeoNBD(**options).fit(frame)).words
    assert words.startswith("6 parameters (dropout_a.size, dropout_a.group[")
    assert "in place of 3 (dropout.size, dropout.group[" in words


def test_penalised_or_unfitted_models_are_refused(frame, plain, with_size):
    ridge = BetaGeoNBD(purchase_covariates=["size"], l2=2.0).fit(frame)
    with pytest.raises(ModelError, match="priors or a ridge"):
        likelihood_ratio_test(plain, ridge)
    with pytest.raises(ModelError, match="priors or a ridge"):
        likelihood_ratio_test(BetaGeoNBD(priors={"r": (1.0, 1.0)}).fit(frame), with_size)
    with pytest.raises(ModelError, match="brought back"):
        likelihood_ratio_test(BetaGeoNBD.from_params(plain.to_params()), with_size)
    with pytest.raises(ModelError, match="not fitted yet"):
        likelihood_ratio_test(BetaGeoNBD(), with_size)


def test_a_full_model_that_fits_worse_is_not_at_its_maximum(frame, plain, with_size, monkeypatch):
    monkeypatch.setattr(BetaGeoNBD, "log_likelihood_", property(lambda model: -len(model.parameter_names) * 1.0))
    with pytest.raises(ModelError, match="not at its maximum"):
        likelihood_ratio_test(plain, with_size)


def test_models_that_keep_no_data_say_so():
    spend = GammaGamma.from_params(
        GammaGamma().fit({"frequency": [1, 2, 3, 4], "monetary_value": [9, 5, 7, 8.5]}).to_params()
    )
    with pytest.raises(ModelError, match="does not keep the data"):
        spend.data_digest_  # noqa: B018
