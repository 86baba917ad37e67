"""Contact rates: known populations recovered, posteriors by hand, derivatives of the likelihood, draws."""

import numpy as np
import pytest
from scipy import stats

from patronage.errors import InputError
from patronage.value.contact_rates import Contacted, ContactRates, _NegativeBinomial, fit_contact_rates
from patronage.value.margin_model import Amounts


def population(n, shape, means, rng):
    segment = np.arange(n) % len(means)
    exposure = rng.uniform(5, 150, n)
    rate = rng.gamma(shape, np.asarray(means)[segment] / shape)
    return Contacted(rng.poisson(rate * exposure).astype(float), exposure, segment), rate


def test_a_population_is_recovered_and_its_errors_are_right():
    off = []
    for seed in range(15):
        seen, _ = population(1_500, 0.4, (0.05, 0.2), np.random.default_rng(seed))
        fitted = fit_contact_rates(seen, 2)
        truth = np.array([0.4, 0.05, 0.2])
        off.append(np.log(fitted.estimate.values / truth) / np.sqrt(np.diag(fitted.estimate.covariance))
                   * fitted.estimate.values)  # fmt: skip
    assert np.abs(np.mean(off, axis=0)).max() < 1.0
    assert 0.6 < np.std(off) < 1.5


def test_the_likelihood_is_that_of_the_negative_binomial_distribution():
    seen = Contacted(np.array([0.0, 3.0, 7.0]), np.array([10.0, 20.0, 5.0]), np.array([0, 1, 1]))
    weights = np.array([1.0, 2.0, 0.5])
    likelihood = _NegativeBinomial(seen, weights, 2)

    def by_scipy(values):
        mean = values[1:][seen.segment] * seen.exposure
        return weights @ stats.nbinom.logpmf(seen.number, values[0], values[0] / (values[0] + mean))

    one, two = np.array([0.7, 0.1, 0.4]), np.array([2.0, 0.05, 0.9])
    gained = likelihood(two).value - likelihood(one).value
    assert gained == pytest.approx(by_scipy(two) - by_scipy(one), rel=1e-10)
    found, step = likelihood(one), 1e-6
    for k in range(3):
        up, down = one.copy(), one.copy()
        up[k], down[k] = one[k] + step, one[k] - step
        assert found.gradient[k] == pytest.approx((by_scipy(up) - by_scipy(down)) / 2 / step, rel=1e-5)
        slope = (likelihood(up).gradient - likelihood(down).gradient) / 2 / step
        assert found.hessian[k] == pytest.approx(slope, rel=1e-5, abs=1e-6)


def test_rates_by_hand():
    # Gamma(0.5 + 4, 0.5 / 0.1 + 40): 4.5 / 45 = 0.1; without a contact in 15: 0.5 / 20; never observed: the mean.
    rates = ContactRates(0.5, np.array([0.1]))
    seen = Contacted(np.array([4.0, 0.0, 0.0]), np.array([40.0, 15.0, 0.0]), np.zeros(3, dtype=np.intp))
    assert rates.expected(seen) == pytest.approx([0.1, 0.025, 0.1])


def test_drawn_contacts_have_the_expected_mean_and_the_spread_of_unknown_rates():
    rates, n = ContactRates(0.5, np.array([0.1])), 100_000
    seen = Contacted(np.full(n, 4.0), np.full(n, 40.0), np.zeros(n, dtype=np.intp))
    drawn = rates.draw(seen, np.full(n, 30.0), np.random.default_rng(1))
    # Mean 30 * 0.1; variance 3 + 30^2 * 4.5 / 45^2 = 5.
    assert drawn.mean() == pytest.approx(3.0, rel=0.01)
    assert drawn.var() == pytest.approx(5.0, rel=0.03)


def test_nobody_in_touch_costs_nothing_and_a_silent_segment_little():
    nobody = Contacted(np.zeros(4), np.full(4, 10.0), np.zeros(4, dtype=np.intp))
    fitted = fit_contact_rates(nobody, 1)
    assert fitted.model.expected(nobody).tolist() == [0, 0, 0, 0]
    assert fitted.model.draw(nobody, np.full(4, 99.0), np.random.default_rng(0)).sum() == 0
    assert len(fitted.draw_models(3, np.random.default_rng(0))) == 3
    number = np.array([5.0, 3.0, 8.0, 0.0, 0.0, 0.0])
    silent = fit_contact_rates(Contacted(number, np.full(6, 10.0), np.array([0, 0, 0, 1, 1, 1])), 2).model
    assert 0 < silent.mean[1] < 0.3 * silent.mean[0]


def test_customers_who_are_all_alike_do_not_run_away():
    alike = Contacted(np.full(200, 5.0), np.full(200, 10.0), np.zeros(200, dtype=np.intp))
    fitted = fit_contact_rates(alike, 1)
    assert fitted.model.mean[0] == pytest.approx(0.5, rel=0.02)
    assert fitted.model.shape > 50


def test_weights_stand_for_customers():
    seen, _ = population(400, 0.5, (0.1,), np.random.default_rng(3))
    twice = Contacted(*(np.tile(one, 2) for one in (seen.number, seen.exposure, seen.segment)))
    weighted = fit_contact_rates(twice, 1, np.tile([0.5], 800))
    assert weighted.estimate.values == pytest.approx(fit_contact_rates(seen, 1).estimate.values, rel=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="number of contacts"):
        Contacted.checked(np.array([-1.0]), np.ones(1), np.zeros(1, dtype=np.intp))
    with pytest.raises(InputError, match="for no time"):
        fit_contact_rates(Contacted(np.ones(1), np.zeros(1), np.zeros(1, dtype=np.intp)), 1)


def test_endless_numbers_are_refused():
    one = np.ones(1)
    with pytest.raises(InputError, match="not finite"):
        Contacted.checked(np.array([np.inf]), one, np.zeros(1, dtype=np.intp))
    with pytest.raises(InputError, match="not finite"):
        Amounts.checked(np.array([np.inf]), one, one, np.zeros(1, dtype=np.intp))
