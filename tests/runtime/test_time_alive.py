"""Time alive against arbitrary precision and closed forms, and lives drawn by a way that shares nothing with them."""

import mpmath as mp
import numpy as np
import pytest

from patronage.errors import InputError
from patronage.runtime.histories import Histories, checked_histories
from patronage.runtime.purchase.bg_bb import BetaGeoBetaBinomialParams
from patronage.runtime.purchase.bg_cnbd_k import BetaGeoCNBDParams, ModifiedBetaGeoCNBDParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.ggom_nbd import GammaGompertzParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.model import newcomers
from patronage.runtime.purchase.pareto_nbd import ParetoParams
from patronage.runtime.purchase.time_alive import Lives, draw_lives, even_weights, expected_time_alive, time_if_left

KINDS = [
    BetaGeoParams(0.25, 4.5, 0.8, 2.5),
    ModifiedBetaGeoParams(0.5, 6.2, 0.9, 1.6),
    ParetoParams(0.55, 10.6, 0.6, 11.7),
    GammaGompertzParams(0.55, 10.6, 0.05, 0.6, 2.0),
    BetaGeoCNBDParams(1.0, 4.5, 0.8, 2.5, 2),
    ModifiedBetaGeoCNBDParams(1.0, 4.5, 0.8, 2.5, 3),
    BetaGeoBetaBinomialParams(1.2, 0.75, 0.66, 2.8),
]
CONTINUOUS = [kind for kind in KINDS if not kind.discrete]


def some():
    return checked_histories([0, 0, 1, 4, 12], [0.0, 0.0, 6.0, 20.0, 38.0], [3.0, 30.0, 40.0, 40.0, 39.0])


def named(kind):
    return kind.kind


def test_pareto_time_alive_is_an_integral_of_its_printed_formula():
    """Residual lifetime of a customer alive: Lomax(s, beta + T); 30 digits."""
    params, h, rate = ParetoParams(0.553, 10.578, 0.606, 11.669), 52.0, 0.003
    histories = some()
    alive = params.probability_alive(histories)
    with mp.workdps(30):
        by_hand = [
            float(mp.quad(lambda u, end=end: mp.exp(-rate * u) * (1 + u / (params.beta + end)) ** -params.s, [0, h]))
            for end in histories.T
        ]
    assert expected_time_alive(params, histories, h, rate) == pytest.approx(alive * by_hand, rel=1e-12)
    # Equation (22) of note 009: expected purchases are rate times time, the rate being (r + x) / (alpha + T).
    times = expected_time_alive(params, histories, h)
    rates = (params.r + histories.frequency) / (params.alpha + histories.T)
    assert times * rates == pytest.approx(params.expected_purchases(histories, h), rel=1e-12)


def test_bg_nbd_time_alive_is_an_integral_over_rate_and_dropout():
    """Given rate and dropout p a living customer survives u with exp(-rate p u); a double integral, 20 digits."""
    params, h, delta = BetaGeoParams(0.25, 4.5, 0.8, 2.5), 30.0, 0.01
    x, T = 3.0, 25.0
    histories = checked_histories([x], [20.0], [T])
    a, b = params.a, params.b + x
    with mp.workdps(20):

        def over_time(p):
            survival = lambda u: mp.exp(-delta * u) * (1 + p * u / (params.alpha + T)) ** -(params.r + x)  # noqa: E731
            return mp.quad(survival, [0, h])

        density = lambda p: p ** (a - 1) * (1 - p) ** (b - 1) / mp.beta(a, b)  # noqa: E731
        by_hand = float(mp.quad(lambda p: over_time(p) * density(p), [0, 0.1, 1]))
    found = expected_time_alive(params, histories, h, delta)[0]
    assert found == pytest.approx(params.probability_alive(histories)[0] * by_hand, rel=1e-9)


def test_bg_bb_counts_whole_periods():
    """Survival of k periods is B(gamma, delta + n + k) / B(gamma, delta + n)."""
    params, n = KINDS[-1], 6.0
    histories = checked_histories([2.0], [4.0], [n])
    survival = [float(mp.beta(params.gamma, params.delta + n + k) / mp.beta(params.gamma, params.delta + n)) for k in
                range(1, 11)]  # fmt: skip
    alive = params.probability_alive(histories)[0]
    assert expected_time_alive(params, histories, 10.0)[0] == pytest.approx(alive * sum(survival), rel=1e-12)
    discounted = sum(one * 0.9**k for k, one in enumerate(survival, 1))
    found = expected_time_alive(params, histories, 10.0, -np.log(0.9))[0]
    assert found == pytest.approx(alive * discounted, rel=1e-12)


@pytest.mark.parametrize("params", KINDS, ids=named)
def test_lives_have_the_expected_purchases_and_time(params):
    """Two ways to the same means: 15,000 drawn lives of each history, and the kernels."""
    histories, h, rate = some(), 40.0, 0.004
    inverse = np.repeat(np.arange(len(histories)), 15_000)
    lives = draw_lives(params, histories, inverse, h, np.random.default_rng(3))
    bought, time, worth = (
        values.reshape(len(histories), -1) for values in (lives.purchases, lives.time, lives.weights(rate).total)
    )
    error = bought.std(axis=1) / np.sqrt(15_000)
    assert (np.abs(bought.mean(axis=1) - params.expected_purchases(histories, h)) < 4.5 * error + 1e-9).all()
    assert (np.abs(time.mean(axis=1) - expected_time_alive(params, histories, h)) < 4.5 * h / 2 / 122).all()
    discounted = lives.discounted_time(rate).reshape(len(histories), -1).mean(axis=1)
    assert discounted == pytest.approx(expected_time_alive(params, histories, h, rate), abs=4.5 * h / 2 / 122)
    tolerance = 4.5 * worth.std(axis=1) / 122 + 1e-9
    # Regular purchases are taken for even: their discount is a little off.
    tolerance = tolerance + (2e-3 * worth.mean(axis=1) if "cnbd" in params.kind else 0.0)
    assert (np.abs(worth.mean(axis=1) - params.discounted_purchases(histories, rate, h)) < tolerance).all()


@pytest.mark.parametrize("params", [KINDS[0], KINDS[1], KINDS[2]], ids=named)
def test_time_if_left_is_that_of_simulated_customers(params):
    """Customers won at once, watched for 40 weeks; for those known to have left, the mean of when, by history."""
    T, n = 40.0, 150_000
    rng = np.random.default_rng(5)
    rate = rng.gamma(params.r, 1 / params.alpha, n)
    if isinstance(params, ParetoParams):
        left = rng.exponential(size=n) / rng.gamma(params.s, 1 / params.beta, n)
    else:
        p = rng.beta(params.a, params.b, n)
        left = np.full(n, np.inf)
        if isinstance(params, ModifiedBetaGeoParams):
            left[rng.random(n) < p] = 0.0
    x, last, time = np.zeros(n), np.zeros(n), np.zeros(n)
    for _ in range(60):
        time = time + rng.exponential(size=n) / rate
        buys = (time < np.minimum(T, left)) & np.isfinite(time)
        x, last = x + buys, np.where(buys, time, last)
        if not isinstance(params, ParetoParams):
            left = np.where(buys & (rng.random(n) < p), time, left)
        time = np.where(buys, time, np.inf)
    gone = (left < T) & (x < 60)
    found = time_if_left(params, Histories(x[gone], last[gone], np.full(gone.sum(), T)))
    for low, high in ((0, 1), (1, 2), (2, 5), (5, 60)):
        rows = (x[gone] >= low) & (x[gone] < high)
        if rows.sum() > 500:
            off = found[rows] - left[gone][rows]
            assert abs(off.mean()) < 4.5 * off.std() / np.sqrt(rows.sum()) + 1e-12
    assert (found >= last[gone]).all()
    assert (found <= T).all()


def test_bg_bb_time_if_left_by_enumeration():
    params = KINDS[-1]
    x, t_x, n = 2, 3, 8
    weights = [
        mp.beta(params.alpha + x, params.beta + i - x) * mp.beta(params.gamma + 1, params.delta + i)
        for i in range(t_x, n)
    ]
    mean = float(sum(i * w for i, w in zip(range(t_x, n), weights, strict=True)) / sum(weights))
    assert time_if_left(params, checked_histories([x], [t_x], [n]))[0] == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize("params", CONTINUOUS, ids=named)
def test_all_the_future_is_the_limit_of_long_horizons(params):
    histories, rate = some(), 0.02
    ever = expected_time_alive(params, histories, None, rate)
    assert ever == pytest.approx(expected_time_alive(params, histories, 3_000.0, rate), rel=1e-6)
    assert (ever <= 1 / rate).all()
    assert expected_time_alive(params, histories, 0.0) == pytest.approx(np.zeros(len(histories)))


def test_purchases_lie_within_lives_and_leaving_ones_at_their_end():
    lives = Lives(np.array([3.0, 0.0, 1.0]), np.array([10.0, 4.0, 2.5]), np.array([False, False, True]))
    owner, time = lives.times(np.random.default_rng(0))
    assert owner.tolist() == [0, 0, 0, 2]
    assert (time[:3] < 10).all()
    assert time[3] == 2.5


def test_weights_of_even_events_are_those_of_random_times():
    rate, times = 0.1, np.random.default_rng(1).random((200_000, 3)) * 20
    worth = np.exp(-rate * times)
    found = even_weights(np.array([3.0]), np.array([20.0]), rate)
    assert found.total[0] == pytest.approx(worth.sum(axis=1).mean(), rel=2e-3)
    assert found.squares[0] == pytest.approx((worth**2).sum(axis=1).mean(), rel=3e-3)
    assert found.spread[0] == pytest.approx(worth.sum(axis=1).var(), rel=1e-2)
    assert found.and_now(1.0).total[0] == pytest.approx(found.total[0] + 1)


def test_what_has_no_end_is_refused():
    with pytest.raises(InputError, match="Without a horizon"):
        expected_time_alive(KINDS[0], newcomers(1), None, 0.0)
    with pytest.raises(InputError, match="horizon must be"):
        expected_time_alive(KINDS[0], newcomers(1), -1.0)
    with pytest.raises(InputError, match="rate must be"):
        expected_time_alive(KINDS[0], newcomers(1), 1.0, -0.1)
