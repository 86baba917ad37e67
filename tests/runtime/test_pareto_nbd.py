"""Pareto/NBD predictions against published numbers, arbitrary precision, and a simulated world."""

import mpmath as mp
import numpy as np
import pytest

from lifetime_oracle import predicted, quantities
from patronage.runtime.histories import Histories, checked_histories
from patronage.runtime.purchase.pareto_nbd import ParetoParams

PAPER = ParetoParams(r=0.553, alpha=10.578, s=0.606, beta=11.669)
"""Fader, Hardie, Lee (2005), table 2: the 1/10 sample of CDNOW in weeks, 39 of them."""

ESTIMATE = ParetoParams(r=0.553277, alpha=10.577684, s=0.606240, beta=11.668737)
"""The same with more digits, as two independent programs find it."""

RFM_AND_CLV = ParetoParams(r=0.5629966, alpha=12.5590370, s=0.4081095, beta=10.5148)
"""Fader, Hardie, Lee (2005), RFM and CLV: the same sample, 78 weeks."""


def one(x, t_x, T):
    return checked_histories([x], [t_x], [T])


def textbook_probability_alive(params, x, t_x, T):
    """Fader, Hardie (2005), note 009, as printed: a difference of two hypergeometric functions; 200 digits."""
    with mp.workdps(200):
        r, alpha, s, beta = (mp.mpf(v) for v in (params.r, params.alpha, params.s, params.beta))
        x, t_x, T = mp.mpf(x), mp.mpf(t_x), mp.mpf(T)
        larger, second = (alpha, s + 1) if alpha >= beta else (beta, r + x)

        def term(y):
            z = abs(alpha - beta) / (larger + y)
            return mp.hyp2f1(r + s + x, second, r + s + x + 1, z) / (larger + y) ** (r + s + x)

        bracket = s / (r + s + x) * (alpha + T) ** (r + x) * (beta + T) ** s * (term(t_x) - term(T))
        return float(1 / (1 + bracket))


def test_published_predictions():
    # The customer of the walkthrough of the R package BTYD, with x = 26, t_x = 30.86, T = 31.
    customer = one(26, 30.86, 31)
    assert ESTIMATE.expected_purchases(customer, 52)[0] == pytest.approx(25.456, abs=5e-4)
    assert ESTIMATE.probability_alive(customer)[0] == pytest.approx(0.99792, abs=5e-6)


def test_expected_purchases_of_a_new_customer():
    # Equation (18) of note 009 at the estimates, by an independent implementation.
    published = [0.05101, 0.09963, 0.14613, 0.19076, 0.23369, 0.27508, 0.31508, 0.35379, 0.39134]
    assert ESTIMATE.expected_purchases_new(np.arange(1.0, 10.0)) == pytest.approx(published, abs=6e-6)
    # The list in the tests of lifetimes belongs to rounded parameters.
    rounded = ParetoParams(r=0.55, alpha=10.56, s=0.61, beta=11.64)
    assert rounded.expected_purchases_new(np.array([1.0, 9.0])) == pytest.approx([0.05078, 0.38909], abs=1e-5)


def test_first_year_of_a_new_customer():
    # CLVTools: 2.4735 orders in the first 52 weeks, the first one included.
    assert 1 + ESTIMATE.expected_purchases_new(np.array([52.0]))[0] == pytest.approx(2.4735, abs=1e-4)


def test_discounted_expected_residual_transactions():
    # Figures of an independent program; with the same silence, more frequent customers are worth less in the end.
    assert RFM_AND_CLV.discounted_purchases(one(7, 35, 77.86), 0.0027)[0] == pytest.approx(1.86418, abs=5e-6)
    published = [2.1992, 2.8435, 2.8671, 2.4454, 1.8405, 1.2624, 0.8096, 0.4948, 0.2920, 0.1679]
    ten = Histories(np.arange(1.0, 11.0), np.full(10, 30.0), np.full(10, 77.86))
    assert RFM_AND_CLV.discounted_purchases(ten, 0.0027) == pytest.approx(published, abs=5.1e-5)


def test_probability_alive_is_the_textbooks():
    rng = np.random.default_rng(11)
    for _ in range(60):
        params = ParetoParams(*map(float, 10 ** rng.uniform(-2, 2, 4)))
        x = int(rng.choice([0, 1, 4, 30]))
        T = float(10 ** rng.uniform(-1, 3))
        t_x = T * float(rng.uniform(0.01, 1)) if x else 0.0
        exact = textbook_probability_alive(params, x, t_x, T)
        assert params.probability_alive(one(x, t_x, T))[0] == pytest.approx(exact, rel=1e-12)


def corner(rng):
    """Parameters and a case from the corners of what may come."""
    r, alpha, s, beta = 10 ** rng.uniform(-3, 3, 4)
    s = 1 + float(rng.choice([0, 1e-9, -1e-9])) if rng.random() < 0.15 else s
    beta = alpha if rng.random() < 0.1 else beta
    x, T = int(rng.choice([0, 1, 5, 200, 5000])), 10 ** rng.uniform(-2, 4)
    t_x = T * float(rng.choice([rng.random(), 1 - 1e-6, 1.0, 1e-4])) if x else 0.0
    params = ParetoParams(float(r), float(alpha), float(s), float(beta))
    return params, (x, float(t_x), float(T)), float(10 ** rng.uniform(-3, 5))


@pytest.mark.parametrize("seed", range(25))
def test_random_corners_against_forty_digits(seed):
    rng = np.random.default_rng(seed)
    params, history, horizon = corner(rng)
    n = int(rng.choice([1, 12, 300]))
    exact, ours = quantities(params, *history, horizon, n), predicted(params, one(*history), horizon, n)
    assert ours == pytest.approx(exact, rel=1e-10, abs=1e-13)


def test_no_value_is_impossible():
    rng = np.random.default_rng(2)
    n = 4000
    values = 10 ** rng.uniform(-3, 3, (4, n))
    values[2, ::5] = 1 + rng.choice([0, 1e-9, -1e-9], len(values[2, ::5]))
    values[3, ::7] = values[1, ::7]
    params = ParetoParams(*values)
    x, T = rng.choice([0.0, 1, 2, 30, 1000, 5000], n), 10 ** rng.uniform(-4, 4, n)
    histories = Histories(x, np.where(x > 0, T * rng.choice([1, 1e-9, 0.5, 0.999999], n), 0), T)
    some = np.arange(0, n, 20)
    for horizon in (1e-6, 1.0, 1e5):
        for values in (
            params.probability_alive(histories, horizon),
            params.probability_active(histories, horizon),
            params.at(some).purchase_probabilities(histories.take(some), 300, horizon),
        ):
            assert ((values >= 0) & (values <= 1)).all()
        for values in (
            params.expected_purchases(histories, horizon),
            params.discounted_purchases(histories, 0.01, horizon),
            params.expected_lifetime(histories, horizon),
        ):
            assert (np.isfinite(values) & (values >= 0)).all()


@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0.0, 38.0), (3, 20.0, 30.0), (12, 30.0, 30.0)])
def test_distribution_is_one_and_has_the_mean(x, t_x, T):
    table = PAPER.purchase_probabilities(one(x, t_x, T), 1500, 52.0)[0]
    assert table.sum() == pytest.approx(1, abs=1e-10)
    assert table @ np.arange(1501) == pytest.approx(PAPER.expected_purchases(one(x, t_x, T), 52.0)[0], rel=1e-9)
    assert 1 - table[0] == pytest.approx(PAPER.probability_active(one(x, t_x, T), 52.0)[0], rel=1e-9)


def test_next_purchase_quantiles():
    histories = checked_histories([5, 26, 0], [30, 30.86, 0], [31, 31, 38])
    for q in (0.1, 0.3):
        wait = PAPER.next_purchase_quantiles(histories, q)
        for place in range(3):
            customer = histories.take(np.array([place]))
            if np.isinf(wait[place]):
                assert PAPER.probability_active(customer, 1e9)[0] < q
            else:
                assert PAPER.probability_active(customer, wait[place])[0] == pytest.approx(q, rel=1e-9)
    assert np.isinf(PAPER.next_purchase_quantiles(one(20, 5, 60), 0.5)[0])


def test_posterior_moments_by_a_grid():
    """Rate and death rate of one customer, integrated over both with the likelihood of one history."""
    x, t_x, T = 3, 20.0, 30.0
    rate, death = np.meshgrid(np.exp(np.linspace(-30, 4, 1200)), np.exp(np.linspace(-40, 4, 1200)))
    both = rate + death
    likelihood = rate**x * (death * np.exp(-both * t_x) + rate * np.exp(-both * T)) / both
    prior = rate**PAPER.r * np.exp(-PAPER.alpha * rate) * death**PAPER.s * np.exp(-PAPER.beta * death)
    weight = likelihood * prior / (likelihood * prior).sum()
    moments = PAPER.moments(one(x, t_x, T))
    expected = [(weight * values).sum() for values in (rate, rate**2, death, death**2)]
    found = [moments.rate[0], moments.rate_square[0], moments.dropout[0], moments.dropout_square[0]]
    assert found == pytest.approx(expected, rel=1e-7)


def test_draws_follow_the_distribution():
    customer, n = one(3, 20.0, 30.0), 200_000
    drawn = PAPER.draw(customer.take(np.zeros(n, dtype=np.intp)), 26.0, 1, np.random.default_rng(4))[0]
    expected = PAPER.purchase_probabilities(customer, 4, 26.0)[0]
    observed = np.array([(drawn == k).mean() for k in range(5)])
    assert np.abs(observed - expected).max() < 4 * np.sqrt(0.25 / n)
    assert drawn.mean() == pytest.approx(PAPER.expected_purchases(customer, 26.0)[0], abs=4 * drawn.std() / np.sqrt(n))


def test_parameters_by_row_are_those_of_each_row():
    histories = checked_histories([0, 2, 7], [0, 20, 33.0], [38, 38, 35.0])
    rows = ParetoParams(np.array([0.5, 1, 2]), np.array([10, 8, 5.0]), np.array([0.6, 1, 2]), np.array([11, 30, 9.0]))
    for place in range(3):
        here = np.array([place])
        alone = ParetoParams(*(float(v[place]) for v in (rows.r, rows.alpha, rows.s, rows.beta)))
        for quantity in ("expected_purchases", "probability_alive", "probability_active", "discounted_purchases"):
            horizon = (0.01, 26.0) if quantity == "discounted_purchases" else (26.0,)
            together = getattr(rows, quantity)(histories, *horizon)[place]
            assert together == pytest.approx(getattr(alone, quantity)(histories.take(here), *horizon)[0], rel=1e-13)


def test_heavy_buyers_do_not_overflow():
    # x = 5000 in long silence: textbook implementations return NaN here.
    histories = checked_histories([5000, 1, 5000], [1e-3, 1e-3, 10000], [10000, 10000, 10000])
    assert PAPER.probability_alive(histories)[0] == 0
    assert np.isfinite(PAPER.expected_purchases(histories, 1e5)).all()
