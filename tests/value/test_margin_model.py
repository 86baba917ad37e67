"""Amounts with shrinkage: by-hand credibility, known populations recovered, draws against their own moments."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patronage.errors import FitError, InputError
from patronage.runtime.purchase.time_alive import Weights
from patronage.value.margin_model import ALL_ALIKE, AmountModel, Amounts, fit_amounts


def summed(lists, segment=None):
    arrays = [np.array(one, dtype=float) for one in lists]
    number = np.array([len(one) for one in arrays], dtype=float)
    mean = np.array([one.mean() if len(one) else 0.0 for one in arrays])
    scatter = np.array([((one - one.mean()) ** 2).sum() if len(one) else 0.0 for one in arrays])
    place = np.zeros(len(arrays), dtype=np.intp) if segment is None else np.asarray(segment, dtype=np.intp)
    return Amounts.checked(number, mean, scatter, place)


def test_a_spreadsheet_of_three_customers():
    """Buehlmann-Straub by hand, weights n.

    Amounts (1, 3), (6, 10), (5): scatter 2 + 8 + 0 over 2 degrees, variance 5. Means 2, 8, 5, all 5; between
    2*9 + 2*9 + 0 = 36, less 2 degrees times 5 = 26, over 5 - 9/5 = 3.2: 8.125. kappa = 5 / 8.125 = 0.6153846.
    Z = 2 / 2.6153846 = 0.7647059 twice, and 1 / 1.6153846 = 0.6190476.
    """
    amounts = summed([(1, 3), (6, 10), (5,)])
    model = fit_amounts(amounts, 1).model
    assert model.variance == pytest.approx(5.0)
    assert model.kappa == pytest.approx(0.6153846, abs=1e-7)
    assert model.mean[0] == pytest.approx(5.0)
    assert model.expected(amounts) == pytest.approx([5 - 3 * 0.7647059, 5 + 3 * 0.7647059, 5.0], abs=1e-6)


def test_margins_below_zero_stay_below_zero():
    amounts = summed([[-9, -11] * 20, [30, 50] * 20, []])
    expected = fit_amounts(amounts, 1).model.expected(amounts)
    assert expected[0] < -8
    assert expected[2] == pytest.approx(15, abs=1)


def population(n, kappa, rng, skewed=False):
    """Customers with means and variances of their own; amounts may be skewed."""
    number = rng.geometric(0.3, n)
    variance = 400.0 * 2.0 / rng.gamma(3.0, size=n)
    own = 12.0 + np.sqrt(variance / kappa) * rng.standard_normal(n)
    lists = []
    for k in range(n):
        noise = rng.exponential(size=number[k]) - 1 if skewed else rng.standard_normal(number[k])
        lists.append(own[k] + np.sqrt(variance[k]) * noise)
    return lists, own


@pytest.mark.parametrize("skewed", [False, True])
def test_a_population_is_recovered_whatever_the_shape_of_its_amounts(skewed):
    rng = np.random.default_rng(8)
    lists, own = population(6_000, 2.0, rng, skewed)
    amounts = summed(lists)
    model = fit_amounts(amounts, 1).model
    assert model.mean[0] == pytest.approx(12.0, abs=0.9)
    assert model.kappa == pytest.approx(2.0, rel=0.3)
    assert model.variance == pytest.approx(400.0, rel=0.15)
    if not skewed:
        assert model.shape == pytest.approx(3.0, rel=0.2)
    # No other weight of the customer's own mean comes closer to the truth, up to chance.
    errors = {}
    for kappa in (0.0, 0.5, 2.0, 8.0, 1e9):
        weight = amounts.number / (amounts.number + kappa)
        errors[kappa] = np.mean((weight * amounts.mean + (1 - weight) * model.mean[0] - own) ** 2)
    assert np.mean((model.expected(amounts) - own) ** 2) <= 1.02 * min(errors.values())


def test_segments_have_means_of_their_own():
    rng = np.random.default_rng(2)
    lists = [rng.normal(10 if k % 2 else -5, 3, 4) for k in range(400)]
    model = fit_amounts(summed(lists, [k % 2 for k in range(400)]), 3).model
    assert model.mean[:2] == pytest.approx([-5, 10], abs=0.5)
    # A segment without amounts is like all.
    assert model.mean[2] == pytest.approx(2.5, abs=0.5)


def test_equal_amounts_have_no_variance_and_one_timers_no_credibility():
    same = summed([(4, 4, 4), (7, 7)])
    model = fit_amounts(same, 1).model
    assert (model.variance, model.kappa) == (0.0, 0.0)
    assert model.expected(same) == pytest.approx([4, 7])
    ones = Weights(np.array([2.0, 1.0]), np.array([2.0, 1.0]), np.zeros(2))
    assert model.draw(same, ones, np.random.default_rng(0)) == pytest.approx([8, 7])
    once = summed([(1,), (5,), (9,)])
    assert fit_amounts(once, 1).model.kappa == ALL_ALIKE
    assert fit_amounts(once, 1).model.expected(once) == pytest.approx([5, 5, 5])


def test_draws_have_the_moments_of_their_model():
    """Mean of a total: mean times weights. Variance: of the noise, and of the customer's own mean."""
    model = AmountModel(np.array([10.0]), 2.0, 50.0, 6.0)
    n = 200_000
    amounts = Amounts(np.full(n, 3.0), np.full(n, 16.0), np.full(n, 90.0), np.zeros(n, dtype=np.intp))
    total, squares, spread = 1.9, 1.81, 0.05
    drawn = model.draw(amounts, Weights(*(np.full(n, v) for v in (total, squares, spread))), np.random.default_rng(4))
    mean = (3 * 16 + 2 * 10) / 5
    # Inverse gamma with shape 6 + 3/2 and rate 50 * 5 + 90/2 + (6^2) * 6/5 / 2.
    variance = (250 + 45 + 21.6) / 6.5
    own = variance / 5
    expected = variance * squares + (mean**2 + own) * spread + own * total**2
    assert drawn.mean() == pytest.approx(mean * total, rel=3e-3)
    assert drawn.var() == pytest.approx(expected, rel=0.02)


def test_the_bootstrap_is_as_wide_as_samples_differ():
    rng = np.random.default_rng(11)
    means, widths = [], []
    for _ in range(60):
        lists, _ = population(300, 2.0, rng)
        fitted = fit_amounts(summed(lists), 1)
        means.append(fitted.model.mean[0])
        widths.append(np.std([one.mean[0] for one in fitted.draw_models(60, rng)]))
    assert np.mean(widths) == pytest.approx(np.std(means), rel=0.3)


@given(
    st.lists(st.lists(st.integers(-400, 400).map(lambda q: q / 4), max_size=6), min_size=1, max_size=12).filter(
        lambda lists: any(lists)
    ),
    st.floats(-50, 50),
)
def test_expected_means_lie_between_the_own_and_the_common_one_and_move_with_the_amounts(lists, shift):
    amounts = summed(lists)
    model = fit_amounts(amounts, 1).model
    expected = model.expected(amounts)
    bought = amounts.number > 0
    low, high = np.minimum(amounts.mean, model.mean[0]), np.maximum(amounts.mean, model.mean[0])
    assert ((expected >= low - 1e-9) & (expected <= high + 1e-9))[bought].all()
    assert expected[~bought] == pytest.approx(np.full((~bought).sum(), model.mean[0]))
    moved = summed([[one + shift for one in own] for own in lists])
    assert fit_amounts(moved, 1).model.mean[0] == pytest.approx(model.mean[0] + shift, abs=1e-6)


def test_what_is_no_amount_is_refused():
    with pytest.raises(FitError, match="No customer has an amount"):
        fit_amounts(summed([[], []]), 1)
    with pytest.raises(InputError, match="number of amounts"):
        Amounts.checked(np.array([1.5]), np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.intp))
    with pytest.raises(InputError, match="mean that is missing"):
        Amounts.checked(np.array([1.0]), np.array([np.nan]), np.zeros(1), np.zeros(1, dtype=np.intp))
    with pytest.raises(InputError, match="Segments"):
        fit_amounts(summed([[1.0]], [3]), 1)
