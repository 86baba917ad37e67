"""BG/BB kernels against the paper, sixty digits, and a simulated world."""

import mpmath as mp
import numpy as np
import pytest
from lifetimes.datasets import load_donations

from patronage.errors import InputError
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.bg_bb import BetaGeoBetaBinomialParams
from patronage.runtime.summation import reach_of_powers, smooth_sum

PAPER = BetaGeoBetaBinomialParams(alpha=1.203522, beta=0.749716, gamma=0.656718, delta=2.783442)
"""Fader, Hardie, Shang (2010): 1.204, .750, .657, 2.783 on the donations of 11,104 supporters in six years."""


def histories(*rows):
    return Histories(*np.array(rows, dtype=float).T)


@pytest.fixture(scope="module")
def donations():
    table = load_donations().astype(float)
    return Histories(*(table[name].to_numpy() for name in ("frequency", "recency", "periods"))), table["weights"]


# Sixty digits, by recurrences in exact arithmetic and by closed forms that cancel: nothing of this is how we compute.


def exact_odds_of_death(params, x, t_x, n):
    alpha, beta, gamma, delta = params
    term = mp.beta(alpha + x, beta + t_x - x) * mp.beta(gamma + 1, delta + t_x)
    total = mp.mpf(0)
    for i in range(t_x, n):
        total += term
        term *= (beta + i - x) / (alpha + beta + i) * (delta + i) / (gamma + 1 + delta + i)
    return total / (mp.beta(alpha + x, beta + n - x) * mp.beta(gamma, delta + n))


def exact_lived(gamma, delta, horizon):
    """Equation (14) of the paper without P(alive) and the mean of p."""
    if gamma == 1:
        return delta * (mp.digamma(delta + horizon + 1) - mp.digamma(delta + 1))
    with mp.workdps(120):
        ratio = mp.gammaprod([delta + horizon + 1, gamma + delta], [gamma + delta + horizon, delta + 1])
        return delta / (1 - gamma) * (ratio - 1)


def exact_active(a, b, gamma, delta, horizon):
    term = delta / (gamma + delta) * a / (a + b)
    total = mp.mpf(0)
    for k in range(1, horizon + 1):
        total += term
        term *= (delta + k) / (gamma + delta + k) * (b + k - 1) / (a + b + k)
    return total


def exact_probability(a, b, gamma, delta, m, horizon):
    if m > horizon:
        return mp.mpf(0)
    survives = mp.binomial(horizon, m) * mp.beta(a + m, b + horizon - m) * mp.beta(gamma, delta + horizon)
    term, dies = mp.beta(a + m, b) * mp.beta(gamma + 1, delta + m), mp.mpf(0)
    for i in range(m, horizon):
        dies += term
        term *= mp.mpf(i + 1) / (i + 1 - m) * (b + i - m) / (a + b + i) * (delta + i) / (gamma + 1 + delta + i)
    return (survives + dies) / (mp.beta(a, b) * mp.beta(gamma, delta))


def corners(size, seed):
    """Random parameters in 1e-3 ... 1e3, gamma at times next to 1, with histories of up to 1,000 periods."""
    rng = np.random.default_rng(seed)
    for number in range(size):
        values = 10 ** rng.uniform(-3, 3, 4)
        if number % 5 == 0:
            values[2] = 1 + rng.choice([0.0, 1e-9, -1e-6, 1e-3])
        n = int(rng.choice([0, 1, 6, 50, 300, 1000]))
        t_x = int(rng.integers(0, n + 1)) if rng.random() < 0.8 else n
        x = int(rng.integers(1, t_x + 1)) if t_x else 0
        horizon = int(rng.choice([1, 5, 52, 1000, 10_000]))
        yield BetaGeoBetaBinomialParams(*map(float, values)), (x, t_x, n), horizon, 10 ** rng.uniform(-4, 0)


def test_figures_of_the_paper(donations):
    table, weights = donations
    assert weights @ PAPER.expected_purchases(table, 5) == pytest.approx(12_884.16, abs=0.01)
    distribution = weights.sum() * PAPER.purchase_probabilities_new(6, np.array([6.0]))[0]
    assert distribution[[0, 6]] == pytest.approx([3454.9, 1253.1], abs=0.05)
    three = histories((0, 0, 6), (2, 4, 6), (6, 6, 6))
    assert PAPER.probability_alive(three, 1) == pytest.approx([0.1081, 0.5897, 0.9304], abs=5e-5)
    assert PAPER.expected_purchases(three, 5)[[0, 2]] == pytest.approx([0.0729, 3.7525], abs=5e-5)


def test_random_corners_stay_accurate():
    with mp.workdps(60):
        for params, history, horizon, rate in corners(30, seed=11):
            one = histories(history)
            alpha, beta, gamma, delta = values = [
                mp.mpf(v) for v in (params.alpha, params.beta, params.gamma, params.delta)
            ]
            x, t_x, n = history
            odds = exact_odds_of_death(values, x, t_x, n)
            alive, a, b, later = 1 / (1 + odds), alpha + x, beta + n - x, delta + n
            lived, mean = exact_lived(gamma, later, horizon), a / (a + b)
            survives = mp.gammaprod([later + horizon, gamma + later], [gamma + later + horizon, later])
            v = mp.exp(-mp.mpf(rate))
            forever = v * later / (gamma + later) * mp.hyp2f1(1, later + 1, gamma + later + 1, v)
            found_and_exact = [
                (params.probability_alive(one)[0], alive),
                (params.probability_alive(one, horizon)[0], alive * survives),
                (params.expected_purchases(one, horizon)[0], alive * mean * lived),
                (params.expected_lifetime(one, horizon)[0], alive * lived),
                (params.discounted_purchases(one, rate)[0], alive * mean * forever),
                (params.probability_active(one, horizon)[0], alive * exact_active(a, b, gamma, later, horizon)),
                (
                    params.expected_purchases_new(np.array([float(horizon)]))[0],
                    alpha / (alpha + beta) * exact_lived(gamma, delta, horizon),
                ),
            ]
            for found, exact in found_and_exact:
                assert found == pytest.approx(float(exact), rel=1e-8, abs=1e-12), (params, history, horizon)
            if odds:
                assert params.log_odds_of_death(one)[0] == pytest.approx(float(mp.log(odds)), rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("gamma", [0.66, 0.05, 1.0, 2.5])
def test_long_horizons_and_small_rates_keep_their_digits(gamma):
    params, one = BetaGeoBetaBinomialParams(0.4, 0.75, gamma, 2.78), histories((4, 6, 6))
    alive, mean = params.probability_alive(one)[0], (params.alpha + 4) / (params.alpha + params.beta + 6)
    with mp.workdps(60):
        exact_gamma, later = mp.mpf(params.gamma), mp.mpf(params.delta) + 6
        for horizon in (1e3, 1e6, 1e9, 1e12, 2.0**53):
            exact = alive * float(exact_lived(exact_gamma, later, mp.mpf(horizon)))
            assert params.expected_lifetime(one, horizon)[0] == pytest.approx(exact, rel=3e-12), horizon
        for rate in (1e-3, 1e-6, 1e-8, 1e-10, 1e-12, 1e-14):
            v = mp.exp(-mp.mpf(rate))
            forever = v * later / (exact_gamma + later) * mp.hyp2f1(1, later + 1, exact_gamma + later + 1, v)
            exact = alive * mean * float(forever)
            assert params.discounted_purchases(one, rate)[0] == pytest.approx(exact, rel=3e-12), rate


def test_the_chance_ever_to_buy_again():
    """For those who hardly ever buy or leave the sum over all periods, a hypergeometric function, is long."""
    a, b, gamma, delta = 0.3, 40.0, 0.9, 70.0
    params = BetaGeoBetaBinomialParams(a, b, gamma, delta)
    with mp.workdps(40):
        first = mp.mpf(delta) / (mp.mpf(gamma) + delta) * a / (mp.mpf(a) + b)
        exact = first * mp.hyp3f2(1, mp.mpf(delta) + 1, b, mp.mpf(gamma) + delta + 1, mp.mpf(a) + b + 1, 1)
    assert params.probability_active(histories((0, 0, 0)), 2.0**53)[0] == pytest.approx(float(exact), rel=3e-12)


@pytest.mark.parametrize("m", [0, 1, 4, 30, 400])
def test_distributions_in_random_corners(m):
    with mp.workdps(60):
        for params, (x, _, n), horizon, _ in corners(4, seed=100 + m):
            living = params.living(histories((x, n, n)))
            a, b, gamma, delta = (mp.mpf(float(v[0])) for v in (living.a, living.b, living.gamma, living.delta))
            found = living.purchase_probabilities(m, np.array([float(horizon)]))[0, m]
            exact = exact_probability(a, b, gamma, delta, m, horizon)
            assert found == pytest.approx(float(exact), rel=1e-8, abs=1e-12), (params, x, n, horizon)


def test_the_integral_that_defines_the_chance_to_buy_again():
    a, b, gamma, delta, horizon = 2.2, 5.7, 0.66, 8.8, 40
    params = BetaGeoBetaBinomialParams(a, b, gamma, delta)

    def active(p, theta):
        u = (1 - theta) * (1 - p)
        return (1 - theta) * p * (1 - u**horizon) / (1 - u)

    with mp.workdps(15):
        weight = 1 / (mp.beta(a, b) * mp.beta(gamma, delta))
        exact = mp.quad(
            lambda p, s: active(p, s**2) * p ** (a - 1) * (1 - p) ** (b - 1)
            * 2 * s ** (2 * gamma - 1) * (1 - s**2) ** (delta - 1),
            [0, 1],
            [0, 1],
        )  # fmt: skip
        found = params.probability_active(histories((0, 0, 0)), horizon)[0]
    assert found == pytest.approx(float(weight * exact), rel=1e-9)


def test_distribution_sums_to_one_and_has_the_mean():
    three = histories((0, 0, 6), (2, 4, 6), (6, 6, 6))
    table = PAPER.purchase_probabilities(three, 60, 60)
    assert table.sum(axis=1) == pytest.approx(1.0, abs=1e-12)
    assert table @ np.arange(61) == pytest.approx(PAPER.expected_purchases(three, 60), rel=1e-12)
    assert 1 - table[:, 0] == pytest.approx(PAPER.probability_active(three, 60), rel=1e-12)


def test_discounting_by_hand():
    one = histories((2, 4, 6))
    by_period = np.diff([PAPER.expected_purchases(one, h)[0] for h in range(4)])
    by_hand = by_period @ np.exp(-0.1 * np.arange(1, 4))
    assert PAPER.discounted_purchases(one, 0.1, 3)[0] == pytest.approx(by_hand, rel=1e-12)
    assert PAPER.discounted_purchases(one, 0.0, 3) == pytest.approx(PAPER.expected_purchases(one, 3), rel=1e-14)
    assert PAPER.discounted_purchases(one, 0.1, 0)[0] == 0.0
    weighted = PAPER.weighted_purchases(one, [1.0, 2.0, 3.0], np.exp(-0.1 * np.arange(1, 4)))
    assert weighted[0] == pytest.approx(by_hand, rel=1e-12)


def test_next_purchase_is_the_first_period_that_reaches_the_probability():
    some = histories((0, 0, 6), (1, 4, 6), (2, 4, 6), (3, 5, 6), (6, 6, 6))
    for q in (0.05, 0.3, 0.5, 0.8):
        periods = PAPER.next_purchase_quantiles(some, q)
        for row, period in enumerate(periods):
            one = some.take(np.array([row]))
            if np.isinf(period):
                assert PAPER.probability_active(one, 1e9)[0] < q
            else:
                assert PAPER.probability_active(one, period - 1)[0] < q <= PAPER.probability_active(one, period)[0]


def test_probabilities_by_counting_in_a_simulated_world():
    """At the true parameters all predictions are right on average for the customers of every history."""
    rng = np.random.default_rng(3)
    params, n, horizon, size = BetaGeoBetaBinomialParams(1.2, 0.75, 0.66, 2.78), 4, 5, 400_000
    p, theta = rng.beta(params.alpha, params.beta, size), rng.beta(params.gamma, params.delta, size)
    lived = np.minimum(rng.geometric(theta) - 1, n + horizon)
    buys = (rng.random((size, n + horizon)) < p[:, None]) & (np.arange(n + horizon) < lived[:, None])
    x, later = buys[:, :n].sum(axis=1), buys[:, n:].sum(axis=1)
    t_x = np.where(x > 0, n - buys[:, :n][:, ::-1].argmax(axis=1), 0)
    alive = lived >= n
    for one in np.unique(np.stack([x, t_x]), axis=1).T:
        some = (x == one[0]) & (t_x == one[1])
        table = histories((*one, n))
        moments = params.moments(table)
        for predicted, actual in (
            (params.probability_alive(table), alive),
            (params.probability_active(table, horizon), later > 0),
            (params.expected_purchases(table, horizon), later),
            (params.expected_lifetime(table, horizon), np.maximum(lived - n, 0)),
            (moments.rate, p),
            (moments.rate_square, p**2),
            (moments.dropout, theta),
            (moments.dropout_square, theta**2),
            (params.purchase_probabilities(table, 3, horizon)[:, 3], later == 3),
        ):
            noise = actual[some].std() / np.sqrt(some.sum())
            assert abs(actual[some].mean() - predicted[0]) <= 4.5 * noise + 1e-12, one
        drawn = params.draw(table.take(np.zeros(4000, dtype=int)), horizon, 10, rng)
        noise = later[some].std() / np.sqrt(drawn.size)
        assert abs(drawn.mean() - params.expected_purchases(table, horizon)[0]) <= 4.5 * noise + 1e-12


def test_parameters_by_row():
    rng = np.random.default_rng(5)
    values = 10 ** rng.uniform(-1, 1, (4, 30))
    rows = (np.tile([0, 2, 5], 10), np.tile([0, 4, 5], 10), np.full(30, 6))
    table = Histories(*(np.array(row, dtype=float) for row in rows))
    by_row = BetaGeoBetaBinomialParams(*values)
    for quantity in (
        lambda params, some: params.probability_alive(some, 2),
        lambda params, some: params.expected_purchases(some, 20),
        lambda params, some: params.probability_active(some, 20),
        lambda params, some: params.purchase_probabilities(some, 3, 20)[:, 2],
        lambda params, some: params.discounted_purchases(some, 0.2),
        lambda params, some: params.next_purchase_quantiles(some, 0.3),
        lambda params, some: params.moments(some).dropout_square,
    ):
        alone = [
            quantity(BetaGeoBetaBinomialParams(*map(float, values[:, row])), table.take(np.array([row])))[0]
            for row in range(30)
        ]
        assert quantity(by_row, table) == pytest.approx(alone, rel=1e-13)


@pytest.mark.parametrize("horizon", [1.5, -1.0, np.nan, np.inf, 1e24, 2.0**53 + 2, 10**400, None, "x", [1, 2]])
def test_horizons_are_whole_periods(horizon):
    one = histories((2, 4, 6))
    for quantity in (
        PAPER.probability_alive,
        PAPER.probability_active,
        PAPER.expected_purchases,
        PAPER.expected_lifetime,
    ):
        with pytest.raises(
            InputError, match="horizon must be a whole number of periods, 0 to 9,007,199,254,740,992; got"
        ):
            quantity(one, horizon)
    with pytest.raises(InputError, match="horizon must be a whole number"):
        PAPER.draw(one, horizon, 3, np.random.default_rng(1))
    if horizon is not None:
        with pytest.raises(InputError, match="horizon must be a whole number"):
            PAPER.discounted_purchases(one, 0.1, horizon)


def test_rates_and_quantiles_out_of_range_are_refused():
    one = histories((2, 4, 6))
    for rate in (-0.1, np.nan, np.inf, 1e300, "x", None, np.array([0.1, 0.2])):
        with pytest.raises(InputError, match="rate must be a finite discount rate"):
            PAPER.discounted_purchases(one, rate)
    for rate in (0.0, 1e-22, 1e-308):
        with pytest.raises(InputError, match=f"rate must be above 0, 5e-15 or more, .* got {rate}"):
            PAPER.discounted_purchases(one, rate)
        assert PAPER.discounted_purchases(one, rate, 9)[0] == pytest.approx(PAPER.expected_purchases(one, 9)[0])
    assert np.isfinite(PAPER.discounted_purchases(one, 5e-15)).all()
    with pytest.raises(InputError, match="q must lie"):
        PAPER.next_purchase_quantiles(one, 1.0)


def test_long_sums_of_smooth_terms():
    # Hurwitz zeta and digamma function.
    cases = ((0.3, 0.01, 10**6), (1.0, 5.0, 10**12), (4.0, 900.0, 10**5), (2.5, 1.0, 77))
    power, start, count = np.array(cases).T
    total = smooth_sum(
        lambda k, rows: -power[rows, None] * np.log1p(k / start[rows, None]),
        lambda k, rows: reach_of_powers((power[rows], start[rows] + k)),
        count,
    )
    with mp.workdps(60):
        for (s, a, terms), found in zip(cases, total, strict=True):
            a = mp.mpf(a)
            exact = mp.psi(0, a + terms) - mp.psi(0, a) if s == 1 else mp.zeta(s, a) - mp.zeta(s, a + terms)
            assert found == pytest.approx(float(exact * a**s), rel=1e-12)
