"""BG/NBD estimates against the literature, an independent package, and simulated truth."""

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary
from scipy.optimize import check_grad

from patronage.errors import ConfigError, FitError, InputError, ModelError
from patronage.ledger.simulated import simulate_purchases
from patronage.models import BetaGeoNBD
from patronage.models.base import histories_of
from patronage.models.purchase.beta_geometric_sums import ROWS_AT_ONCE, BetaGeoLikelihood
from patronage.models.purchase.bg_nbd import beta_geometric_rows
from patronage.models.rows import SummedLikelihood
from patronage.runtime.counting import counted_histories
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

ENGINES = ("native", "lifetimes")


@pytest.fixture(scope="module")
def sample():
    """The 1/10 sample of CDNOW, as the package lifetimes ships it: rounded to two decimals of a week."""
    return load_cdnow_summary()


@pytest.mark.parametrize("engine", ENGINES)
def test_published_estimates(sample, engine):
    # Fader, Hardie, Lee (2005), table 2: .243, 4.414, .793, 2.426; log-likelihood -9582.4.
    model = BetaGeoNBD(engine).fit(sample)
    published = {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}
    assert model.params_ == pytest.approx(published, rel=2e-4)
    assert model.log_likelihood_ == pytest.approx(-9582.4, abs=0.05)
    assert model.n_customers_ == 2357


def test_standard_errors_and_criteria(sample):
    # CLVTools and a numerical Hessian agree on these.
    model = BetaGeoNBD().fit(sample)
    expected = {"r": 0.012557, "alpha": 0.378224, "a": 0.185733, "b": 0.705407}
    assert model.standard_errors_ == pytest.approx(expected, rel=2e-4)
    assert model.aic_ == pytest.approx(19172.858, abs=0.02)
    assert model.bic_ == pytest.approx(19195.919, abs=0.02)
    table = model.summary()
    assert (table["lower"] < table["estimate"]).all()
    assert (table["estimate"] < table["upper"]).all()


def test_full_log_at_39_and_78_weeks(cdnow):
    from datetime import date

    from patronage import summarise

    published = {
        date(1997, 9, 30): ((0.25162, 4.78894, 0.72343, 2.16109), -95368.444),
        date(1998, 6, 30): (None, -173425.916),
    }
    for as_of, (values, log_likelihood) in published.items():
        histories = summarise(cdnow.transactions, as_of, "week").histories()
        model = BetaGeoNBD().fit(histories, weights=histories["n_customers"])
        assert model.log_likelihood_ == pytest.approx(log_likelihood, abs=1e-3)
        if values:
            assert list(model.params_.values()) == pytest.approx(values, abs=1e-5)


def test_expected_totals_of_the_sample(sample):
    # Sum over customers of the expectation over the 39 weeks of holdout; 1,882 purchases came.
    assert BetaGeoNBD().fit(sample).expected_purchases(sample, 39.0).sum() == pytest.approx(1653.4, abs=0.5)


def test_engines_agree(sample):
    native, peer = (BetaGeoNBD(engine).fit(sample) for engine in ENGINES)
    assert native.params_ == pytest.approx(peer.params_, rel=1e-5)
    assert native.log_likelihood_ >= peer.log_likelihood_ - 1e-6


def test_gradient_and_hessian_by_differences(sample):
    likelihood = BetaGeoLikelihood(histories_of(sample), np.ones(len(sample)))
    for point in ([0.3, 5.0, 0.9, 2.0], [2.0, 0.7, 0.05, 30.0]):
        values = np.array(point)
        error = check_grad(lambda v: likelihood(v).value, lambda v: likelihood(v).gradient, values, epsilon=1e-6)
        assert error < 1e-4 * np.abs(likelihood(values).gradient).max()
        for row in range(4):
            error = check_grad(
                lambda v, row=row: likelihood(v).gradient[row],
                lambda v, row=row: likelihood(v).hessian[row],
                values,
                epsilon=1e-6,
            )
            assert error < 1e-4 * np.abs(likelihood(values).hessian[row]).max()


def test_value_of_the_likelihood_is_that_of_lifetimes(sample):
    from lifetimes import BetaGeoFitter

    values = np.array([0.3, 5.0, 0.9, 2.0])
    columns = [sample[name].to_numpy() for name in ("frequency", "recency", "T")]
    theirs = BetaGeoFitter._negative_log_likelihood(np.log(values), *columns, np.ones(len(sample)), 0.0)
    ours = BetaGeoLikelihood(histories_of(sample), np.ones(len(sample)))(values).value
    assert ours == pytest.approx(-theirs * len(sample), rel=1e-12)


@pytest.mark.parametrize("chances", [0, 1])
def test_the_sum_by_tables_is_that_of_the_rows_where_odds_overflow(chances):
    """A customer who bought daily and then fell silent for years is dead beyond what a double can tell."""
    days = np.array([[0, 0, 40], [1, 5, 900], [300, 300, 4000], [800, 801, 3900], [2, 2, 2]])
    histories, counts = Histories(*(days / [1, 7, 7]).T), np.array([5.0, 3.0, 2.0, 1.0, 4.0])
    values = np.array([0.3, 2.0, 0.7, 1.9])
    rows = beta_geometric_rows(values, histories, chances)
    found = BetaGeoLikelihood(histories, counts, chances)(values)
    assert found.value == pytest.approx(rows.value @ counts, rel=1e-13)
    assert found.gradient == pytest.approx(rows.gradient @ counts, rel=1e-11)
    assert found.hessian == pytest.approx(rows.hessian @ counts, rel=1e-11)


@pytest.mark.parametrize(("chances", "days"), [(0, [1, 5, 40]), (1, [0, 0, 40])])
def test_a_tiny_b_is_not_lost_in_the_purchases(chances, days):
    """Of one customer who had one chance to leave: equation (6) of Fader, Hardie and Lee (2005), in 60 digits."""
    histories, values = Histories(*np.array([days], dtype=float).T), np.array([0.3, 2.0, 1e-16, 3e-16])
    with mp.workdps(60):
        r, alpha, a, b = map(mp.mpf, values.tolist())
        x, t_x, T = map(mp.mpf, days)
        stays = mp.beta(a, b + x + chances) / mp.beta(a, b) * (alpha / (alpha + T)) ** r * (alpha + T) ** -x
        left = mp.beta(a + 1, b + x + chances - 1) / mp.beta(a, b) * (alpha / (alpha + t_x)) ** r * (alpha + t_x) ** -x
        expected = float(mp.log(mp.rf(r, x) * (stays + left)))
    assert BetaGeoLikelihood(histories, np.ones(1), chances)(values).value == pytest.approx(expected, rel=1e-12)
    assert beta_geometric_rows(values, histories, chances).value == pytest.approx([expected], rel=1e-12)


def test_time_in_minutes_costs_no_more_than_in_days():
    """Tables have a place for each distinct value, not for each minute of three years."""
    minutes = np.array([[0, 0, 1_500_000], [1, 400_001, 1_500_000], [7, 1_499_999, 1_500_001]], dtype=float)
    cases, counts = counted_histories(*minutes.T)
    assert cases.days is not None
    likelihood = BetaGeoLikelihood(cases, counts)
    assert (len(likelihood.x), len(likelihood.t_x), len(likelihood.T)) == (3, 3, 2)


@pytest.mark.parametrize("chances", [0, 1])
@pytest.mark.parametrize("most", [900, 3_000_000])
def test_rising_factorials_are_those_of_the_rows_however_many_purchases(chances, most):
    """Of few purchases the factors are multiplied, which is too much for somebody who buys every second."""
    histories = Histories(np.array([0.0, 3.0, 12.0, most]), np.array([0.0, 9.0, 3.0, 40.0]), np.full(4, 52.0))
    counts, values = np.array([5.0, 3.0, 2.0, 1.0]), np.array([0.3, 2.0, 0.7, 1.9])
    rows = beta_geometric_rows(values, histories, chances)
    found = BetaGeoLikelihood(histories, counts, chances)(values)
    assert found.value == pytest.approx(rows.value @ counts, rel=1e-13)
    assert found.gradient == pytest.approx(rows.gradient @ counts, rel=1e-11)
    assert found.hessian == pytest.approx(rows.hessian @ counts, rel=1e-11)


@pytest.mark.parametrize("chances", [0, 1])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_sum_in_blocks_is_that_of_the_rows(chances, shuffled):
    """Long runs of one number of purchases, which have blocks of their own, and others between and after them."""
    rng = np.random.default_rng(8)
    x = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0, 900.0], [500, 90_000, 300, 2_000, 70_000, 5_000])
    x = np.concatenate([x, rng.integers(901, 1200, 3_000).astype(float)])
    last = np.where(x > 0, rng.integers(1, 700, len(x)), 0) / 7
    end = last + rng.integers(0, 700, len(x)) / 7
    order = rng.permutation(len(x)) if shuffled else np.arange(len(x))
    histories, counts = Histories(x[order], last[order], end[order]), rng.integers(1, 50, len(x)).astype(float)
    likelihood = BetaGeoLikelihood(histories, counts, chances)
    assert len(likelihood.repeat_count) > 2 * ROWS_AT_ONCE
    if not shuffled:
        assert {block.common is None for block in likelihood.blocks} == {True, False}
    for values in ([0.3, 5.0, 0.9, 2.0], [40.0, 1e-2, 3.0, 0.1], [1e-3, 300.0, 1e-3, 50.0]):
        found = likelihood(np.array(values))
        by_row = SummedLikelihood(lambda *given: beta_geometric_rows(*given, chances), histories, counts)
        expected = by_row(np.array(values))
        assert found.value == pytest.approx(expected.value, rel=1e-13)
        assert found.gradient == pytest.approx(expected.gradient, rel=1e-9)
        assert found.hessian == pytest.approx(expected.hessian, rel=1e-9, abs=1e-12 * np.abs(expected.hessian).max())
        assert np.array_equal(found.hessian, found.hessian.T)


def test_a_fit_does_not_depend_on_threads_or_on_the_order_of_rows(monkeypatch):
    params = BetaGeoParams(0.25, 4.5, 0.8, 2.5)
    frame = simulate_purchases(params, 250_000, 730, 0, "week", np.random.default_rng(4), True)
    one = BetaGeoNBD().fit(frame)
    assert (
        len(one.fitted_data_[1]) > ROWS_AT_ONCE + 2000
    )  # so the fit starts from merged ones, and takes several blocks
    monkeypatch.setattr("patronage.runtime.blocks.THREADS", 1)
    two = BetaGeoNBD().fit(frame.sample(frac=1, random_state=0))
    assert one.params_ == two.params_
    assert one.log_likelihood_ == two.log_likelihood_


def test_weights_are_repetitions(sample):
    counted = sample.value_counts(["frequency", "recency", "T"]).rename("n").reset_index()
    weighted = BetaGeoNBD().fit(counted, weights=counted["n"])
    assert weighted.params_ == pytest.approx(BetaGeoNBD().fit(sample).params_, rel=1e-7)
    assert weighted.n_customers_ == 2357


@pytest.mark.parametrize("weighted", [30, 6_000])
def test_rows_without_weight_are_as_if_they_were_not_there(weighted):
    """Many rows, so that a sample of all of them may miss those few that count."""
    rng = np.random.default_rng(5)
    world = simulate_purchases(BetaGeoParams(0.5, 4.5, 0.8, 2.5), 120_000, 728, 0, "week", rng, whole_days=False)
    weights = np.zeros(len(world))
    weights[rng.choice(len(world), weighted, replace=False)] = 0.01
    model, alone = BetaGeoNBD().fit(world, weights=weights), BetaGeoNBD().fit(world[weights > 0])
    assert len(model.fitted_data_[1]) == weighted
    assert model.params_ == pytest.approx(alone.params_, rel=1e-6)
    assert model.log_likelihood_ == pytest.approx(alone.log_likelihood_ / 100, rel=1e-9)


@pytest.mark.parametrize("scale", [1 / 7, 1, 7, 365])
def test_the_unit_of_time_scales_alpha_alone(sample, scale):
    scaled = sample.assign(recency=sample["recency"] * scale, T=sample["T"] * scale)
    params = BetaGeoNBD().fit(scaled).params_
    params["alpha"] /= scale
    assert params == pytest.approx(BetaGeoNBD().fit(sample).params_, rel=1e-6)


@pytest.mark.parametrize("truth", [BetaGeoParams(0.25, 4.5, 0.8, 2.5), BetaGeoParams(1.5, 12.0, 2.0, 6.0)])
def test_truth_is_recovered(truth):
    world = simulate_purchases(truth, 60_000, 728, 0, "week", np.random.default_rng(11), whole_days=False)
    model = BetaGeoNBD().fit(world)
    for name, error in model.standard_errors_.items():
        assert abs(model.params_[name] - getattr(truth, name)) < 4 * error


def test_a_large_fit_started_from_a_sample_is_the_same_maximum():
    world = simulate_purchases(BetaGeoParams(0.3, 5, 0.7, 2), 150_000, 728, 0, "week", np.random.default_rng(2))
    model = BetaGeoNBD().fit(world)
    shuffled = BetaGeoNBD().fit(world.sample(frac=1, random_state=0))
    assert model.params_ == pytest.approx(shuffled.params_, rel=1e-6)
    assert model.estimate_.gradient_norm < 1e-7


def test_predictions_keep_the_index(sample):
    model = BetaGeoNBD().fit(sample)
    some = sample.iloc[[5, 2]].set_axis(["five", "two"])
    for series in (
        model.probability_alive(some),
        model.probability_active(some, 39.0),
        model.expected_purchases(some, 39.0),
    ):
        assert list(series.index) == ["five", "two"]


def test_params_go_out_and_come_back(sample):
    model = BetaGeoNBD().fit(sample)
    back = BetaGeoNBD.from_params(model.to_params())
    assert back.expected_purchases(sample, 39.0).equals(model.expected_purchases(sample, 39.0))


def test_nobody_came_back():
    frame = pd.DataFrame({"frequency": [0, 0], "recency": [0.0, 0.0], "T": [5.0, 6.0]})
    with pytest.raises(FitError, match="No customer has a repeat purchase"):
        BetaGeoNBD().fit(frame)


def test_no_customers():
    with pytest.raises(FitError, match="no customers"):
        BetaGeoNBD().fit(pd.DataFrame({"frequency": [], "recency": [], "T": []}))


def test_bad_rows_are_named_by_index(sample):
    broken = sample.astype(float)
    broken.loc[[7, 9], "recency"] = 1e6
    with pytest.raises(InputError, match="recency above T") as caught:
        BetaGeoNBD().fit(broken)
    assert caught.value.first_ids == ("7", "9")


@pytest.mark.parametrize("weights", [[1.0], [-1.0] * 2357, [np.nan] * 2357, [0.0] * 2357])
def test_bad_weights(sample, weights):
    with pytest.raises(InputError, match="weights"):
        BetaGeoNBD().fit(sample, weights=weights)


def test_missing_columns(sample):
    with pytest.raises(InputError, match="lacks the columns recency, T; it has frequency"):
        BetaGeoNBD().fit(sample[["frequency"]])


def test_unknown_engine_and_unfitted_model():
    with pytest.raises(ConfigError, match="native, lifetimes"):
        BetaGeoNBD("stan")
    with pytest.raises(ModelError, match="not fitted"):
        _ = BetaGeoNBD().params_
