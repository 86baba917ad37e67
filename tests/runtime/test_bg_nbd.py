"""BG/NBD kernels against published numbers, arbitrary precision, and a simulated world."""

import mpmath as mp
import numpy as np
import pytest

from patronage.runtime.histories import Histories, checked_histories
from patronage.runtime.purchase.bg_nbd import BetaGeoParams

PAPER = BetaGeoParams(r=0.243, alpha=4.414, a=0.793, b=2.426)
"""Fader, Hardie, Lee (2005), table 2: the 1/10 sample of CDNOW."""


def one(x, t_x, T):
    return checked_histories([x], [t_x], [T])


def exact_expected_purchases(params, x, t_x, T, h):
    """Equation (10) of the paper as printed, with 60 digits."""
    with mp.workdps(60):
        r, alpha, a, b = (mp.mpf(value) for value in (params.r, params.alpha, params.a, params.b))
        x, t_x, T, h = mp.mpf(x), mp.mpf(t_x), mp.mpf(T), mp.mpf(h)
        z = h / (alpha + T + h)
        hypergeometric = mp.hyp2f1(r + x, b + x, a + b + x - 1, z)
        numerator = (a + b + x - 1) / (a - 1) * (1 - ((alpha + T) / (alpha + T + h)) ** (r + x) * hypergeometric)
        odds = a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x) if x > 0 else mp.mpf(0)
        return numerator / (1 + odds)


def test_worked_example_of_the_authors_spreadsheet():
    # brucehardie.com: a customer with x = 2, t_x = 30.43, T = 38.86 is expected to buy 1.226 times in 39 weeks.
    assert PAPER.expected_purchases(one(2, 30.43, 38.86), 39)[0] == pytest.approx(1.2260, abs=5e-5)


@pytest.mark.parametrize(
    ("history", "horizon"),
    [
        ((2, 30.43, 38.86), 39.0),
        ((400, 360.0, 365.0), 3650.0),
        ((1500, 51.0, 52.0), 52.0),
        ((0, 0.0, 10.0), 1e-3),
        ((1, 1e-3, 500.0), 1e5),
        ((5000, 9000.0, 10000.0), 1e4),
    ],
)
@pytest.mark.parametrize(
    "params",
    [
        PAPER,
        BetaGeoParams(0.5, 10.0, 1.0 + 1e-9, 2.0),
        BetaGeoParams(0.01, 0.5, 0.02, 0.5),
        BetaGeoParams(5.0, 50.0, 4.0, 0.3),
        BetaGeoParams(0.3, 7.0, 300.0, 40.0),
    ],
    ids=["paper", "a near 1", "small", "a above 1", "large"],
)
def test_expected_purchases_against_sixty_digits(params, history, horizon):
    exact = exact_expected_purchases(params, *history, horizon)
    computed = params.expected_purchases(one(*history), horizon)[0]
    assert computed == pytest.approx(float(exact), rel=1e-8, abs=1e-12)


def test_random_corners_stay_accurate():
    rng = np.random.default_rng(7)
    worst = 0.0
    for _ in range(150):
        params = BetaGeoParams(*10 ** rng.uniform(-2, 2, 4))
        x = int(rng.choice([0, 1, 3, 30, 1000]))
        T = 10 ** rng.uniform(-1, 4)
        history = (x, float(T * rng.uniform(0.01, 1)) if x else 0.0, T)
        horizon = 10 ** rng.uniform(-2, 4)
        exact = float(exact_expected_purchases(params, *history, horizon))
        computed = params.expected_purchases(one(*history), horizon)[0]
        worst = max(worst, abs(computed - exact) / max(exact, 1e-12))
    assert worst < 1e-8


@pytest.mark.parametrize(
    ("horizon", "published"),
    [(0.1429, 0.0078), (1, 0.0532), (3, 0.1506), (31.8571, 1.0405), (32, 1.0437)],
)
def test_expected_purchases_of_a_new_customer(horizon, published):
    # Unconditional expectation at the estimates of the 1/10 sample.
    sample = BetaGeoParams(r=0.242595, alpha=4.413602, a=0.792922, b=2.425907)
    assert sample.expected_purchases_new(np.array([horizon]))[0] == pytest.approx(published, abs=1e-4)


def test_distribution_of_a_new_customer():
    # Values of the test suite of lifetimes, found again by two independent implementations.
    assert PAPER.purchase_probabilities_new(0, np.array([39.0]))[0, 0] == pytest.approx(0.57378635, abs=5e-9)
    assert PAPER.purchase_probabilities_new(10, np.array([2.0]))[0, 10] == pytest.approx(1.0786896e-7, rel=1e-7)
    tail = PAPER.purchase_probabilities_new(20, np.array([30.0]))[0]
    assert tail[[11, 20]] == pytest.approx([0.0019995214, 0.0002222260], abs=5e-11)


def test_distribution_sums_to_one_and_has_the_mean():
    probabilities = PAPER.purchase_probabilities_new(3000, np.array([1.0, 39.0, 200.0]))
    assert probabilities.sum(axis=1) == pytest.approx(1.0, abs=1e-9)
    mean = probabilities @ np.arange(3001)
    assert mean == pytest.approx(PAPER.expected_purchases_new(np.array([1.0, 39.0, 200.0])), rel=1e-6)


def test_probability_alive_by_bayes_on_a_grid():
    """P(alive) is the likelihood of having stayed over the whole likelihood, here by integration over rate and p."""
    x, t_x, T = 3, 20.0, 30.0
    with mp.workdps(20):
        rate = mp.mpf(PAPER.alpha)

        def gamma_moment(t):
            return mp.quad(
                lambda lam: lam**x * mp.exp(-lam * t) * lam ** (PAPER.r - 1) * mp.exp(-rate * lam), [0, 0.1, 1, 10]
            )

        stayed = mp.beta(PAPER.a, PAPER.b + x) * gamma_moment(T)
        left = mp.beta(PAPER.a + 1, PAPER.b + x - 1) * gamma_moment(t_x)
        expected = float(stayed / (stayed + left))
    assert PAPER.probability_alive(one(x, t_x, T))[0] == pytest.approx(expected, rel=1e-8)


def test_never_returned_is_alive_with_certainty_but_hardly_active():
    histories = one(0, 0.0, 100.0)
    assert PAPER.probability_alive(histories)[0] == 1.0
    assert PAPER.probability_active(histories, 10.0)[0] < 0.03


def test_rows_in_a_batch_equal_rows_alone():
    rng = np.random.default_rng(5)
    x = rng.integers(0, 6, 400).astype(float)
    T = rng.integers(1, 50, 400) / 7
    t_x = np.where(x > 0, T * 0.5, 0.0)
    batch = PAPER.expected_purchases(Histories(x, t_x, T), 13.0)
    alone = [PAPER.expected_purchases(one(*row), 13.0)[0] for row in zip(x, t_x, T, strict=True)]
    assert np.array_equal(batch, alone)


@pytest.mark.parametrize("params", [PAPER, BetaGeoParams(0.5, 10.0, 1.0, 2.0), BetaGeoParams(3.0, 0.2, 0.05, 30.0)])
@pytest.mark.parametrize(("rate", "horizon"), [(0.003, None), (0.003, 52.0), (2.0, None), (1e-5, 5000.0)])
def test_discounted_purchases_by_integration_of_their_rate(params, rate, horizon):
    """At time u a customer of a known p, alive today, buys at the mean rate n / rate * (1 + p u / rate)^-(n + 1)."""
    x, t_x, T = 4, 30.0, 39.0
    with mp.workdps(18):
        n, scale, a, b = (mp.mpf(v) for v in (params.r + x, params.alpha + T, params.a, params.b + x))
        end = mp.mpf(horizon) if horizon else 100 / mp.mpf(rate)

        def worth(u):
            return mp.exp(-rate * u) * n / scale * mp.hyp2f1(n + 1, a, a + b, -u / scale)

        cuts = sorted({mp.mpf(0), end} | {mp.mpf(10) ** k for k in range(-1, 5) if 10**k < end})
        alive = params.probability_alive(one(x, t_x, T))[0]
        expected = float(alive * mp.quad(worth, cuts))
    computed = params.discounted_purchases(one(x, t_x, T), rate, horizon)[0]
    assert computed == pytest.approx(expected, rel=1e-9)


def test_the_ways_to_compute_meet_where_one_takes_over_from_the_other():
    """Horizons run through the ranges of the sum, the closed form and the integral: no jumps, and always growing."""
    horizons = np.concatenate([np.geomspace(1e-4, 1e5, 4001), [1e-300, 1e9]])
    horizons.sort()
    for params in (PAPER, BetaGeoParams(30.0, 10.0, 0.5, 3.0), BetaGeoParams(2.0, 5.0, 1.0 + 1e-4, 0.1)):
        bought = params.expected_purchases_new(horizons)
        slope = np.diff(np.log(bought)) / np.diff(np.log(horizons))
        assert (np.diff(bought) > 0).all()
        assert (slope < 1 + 1e-9).all()
        assert (np.diff(slope) < 1e-7).all()


@pytest.mark.parametrize(
    "params", [(900.0, 0.01, 1.37, 2.2), (50.0, 1e-3, 1.01, 0.7), (3.0, 0.5, 2.3, 5.0), (700.0, 0.002, 0.83, 1.9)]
)
@pytest.mark.parametrize("horizon", [1e5, 1e12, 1e18])
def test_a_newcomer_keeps_digits_when_purchases_are_beyond_counting(params, horizon):
    """Equation (9) of Fader, Hardie and Lee (2005), in 120 digits."""
    with mp.workdps(120):
        r, alpha, a, b = map(mp.mpf, params)
        t = mp.mpf(horizon)
        alive = (alpha / (alpha + t)) ** r * mp.hyp2f1(r, b, a + b - 1, t / (alpha + t))
        expected = float((a + b - 1) / (a - 1) * (1 - alive))
    assert BetaGeoParams(*params).expected_purchases_new(horizon) == pytest.approx(expected, rel=1e-9)
