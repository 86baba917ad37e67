"""BG/CNBD-k and MBG/CNBD-k predictions against mpmath, the models they contain, and simulation."""

import itertools
from dataclasses import astuple

import mpmath
import numpy as np
import pytest

from patronage.errors import InputError
from patronage.runtime.histories import Histories
from patronage.runtime.purchase.at_purchases import LeavingAtPurchases
from patronage.runtime.purchase.bg_cnbd_k import BetaGeoCNBDParams, ModifiedBetaGeoCNBDParams
from patronage.runtime.purchase.bg_nbd import BetaGeoParams
from patronage.runtime.purchase.mbg_nbd import ModifiedBetaGeoParams
from patronage.runtime.purchase.regular import RegularLiving

KINDS = (BetaGeoCNBDParams, ModifiedBetaGeoCNBDParams)
HORIZONS = (0.0, 1e-9, 0.5, 13.0, 39.0, 1e3, 1e5)


@pytest.fixture(scope="module")
def histories():
    x = np.array([0.0, 0.0, 1.0, 2.0, 7.0, 29.0, 3.0, 400.0])
    t_x = np.array([0.0, 0.0, 3.0, 30.43, 38.9, 36.0, 30.0, 35.0])
    return Histories(x, t_x, np.array([0.0, 38.86, 38.86, 38.86, 39.0, 39.0, 30.0, 36.0]))


def by_brute_force(params, x, t_x, T, horizon, n_max=3):
    """The defining sums over numbers of stages, with 60 digits; nothing is shared with the code under test.

    Phase weights are Poisson probabilities of j stages in the silence, averaged over the gamma distribution of rates
    known after the last purchase; numbers of stages within the horizon are counted one by one.
    """
    mpmath.mp.dps = 60
    r, alpha, a, b, t_x, T, h = map(mpmath.mpf, (params.r, params.alpha, params.a, params.b, t_x, T, horizon))
    k, m = params.k, params.chances_at_start
    shape, chances = r + k * x, x + m

    def poisson_over_gamma(n, shape, rate, time):
        front = mpmath.gamma(shape + n) / mpmath.gamma(shape) / mpmath.factorial(n)
        return front * (rate / (rate + time)) ** shape * (time / (rate + time)) ** n

    weights = [poisson_over_gamma(j, shape, alpha + t_x, T - t_x) for j in range(k)]
    alive = mpmath.beta(a, b + chances) * mpmath.fsum(weights)
    dead = mpmath.beta(a + 1, b + chances - 1) if chances else mpmath.mpf(0)
    result = {
        "alive": alive / (alive + dead),
        "later": 0,
        "active": 0,
        "expected": 0,
        "pmf": [mpmath.mpf(0)] * (n_max + 1),
    }
    result["pmf"][0] = 1 - result["alive"]
    for j, weight in enumerate(weights):
        share = result["alive"] * weight / mpmath.fsum(weights)
        chance = ((alpha + T) / (alpha + T + h)) ** (shape + j)
        n, total = 0, mpmath.mpf(0)
        expected, made, stayed, left = mpmath.mpf(0), 0, mpmath.mpf(1), []
        while 1 - total > mpmath.mpf(10) ** -40:
            if (j + n) // k > made:
                # One more purchase if the customer stayed for it, and one more chance to leave.
                expected += stayed
                left.append(stayed * a / (a + b + chances + made))
                stayed *= (b + chances + made) / (a + b + chances + made)
                made += 1
            result["expected"] += share * chance * expected
            result["later"] += share * chance * stayed
            result["active"] += share * chance * (made > 0)
            for count, leaves in enumerate(left[:n_max], start=1):
                result["pmf"][count] += share * chance * leaves
            if made <= n_max:
                result["pmf"][made] += share * chance * stayed
            total += chance
            n += 1
            chance *= (shape + j + n - 1) / n * h / (alpha + T + h)
    return result


def random_points(rng, count):
    """Points of the whole range for which at most some thousand stages matter."""
    while count:
        kind, k = KINDS[rng.integers(2)], int(rng.integers(1, 13))
        params = kind(*(float(10 ** rng.uniform(-3, 3)) for _ in range(4)), k)
        x, T = float(rng.choice([0, 1, 2, 5, 30, 200])), float(10 ** rng.uniform(-2, 4))
        t_x = T * float(rng.uniform()) ** 0.3 if x else 0.0
        horizon = float(10 ** rng.uniform(-3, 5))
        ratio = horizon / (params.alpha + T)
        mean = (params.r + k * (x + 1)) * ratio
        if mean + 10 * np.sqrt(mean * (1 + ratio)) + 100 * (1 + ratio) < 600:
            count -= 1
            yield params, x, t_x, T, horizon


def assert_close(found, exact):
    error = abs(float(found) - exact)
    assert error <= max(1e-10 * abs(exact), mpmath.mpf(10) ** -13)


def test_all_quantities_by_brute_force():
    for params, x, t_x, T, horizon in random_points(np.random.default_rng(8), 30):
        exact = by_brute_force(params, x, t_x, T, horizon)
        one = Histories(np.array([x]), np.array([t_x]), np.array([T]))
        assert_close(params.probability_alive(one)[0], exact["alive"])
        assert_close(params.probability_alive(one, horizon)[0], exact["later"])
        assert_close(params.probability_active(one, horizon)[0], exact["active"])
        assert_close(params.expected_purchases(one, horizon)[0], exact["expected"])
        for found, probability in zip(params.purchase_probabilities(one, 3, horizon)[0], exact["pmf"], strict=True):
            assert_close(found, probability)


@pytest.mark.parametrize(
    ("k", "shape", "a", "b", "ratio"),
    [(2, 0.3, 0.8, 2.4, 9.0), (3, 5.2, 0.02, 1.1, 8.0), (4, 30.0, 3.0, 0.004, 3.0), (12, 0.004, 0.5, 30.0, 8.0)],
)
def test_sum_and_integral_agree_where_both_can_be_used(k, shape, a, b, ratio):
    phases = np.random.default_rng(k).dirichlet(np.ones(k), 1)
    one = RegularLiving(phases, *(np.array([value]) for value in (shape, 1.0, a, b)))
    for quantity in ("purchases", "survival"):
        summed, integrated = (getattr(one, f"_{way}_{quantity}")(np.array([ratio])) for way in ("summed", "integrated"))
        assert integrated == pytest.approx(summed, rel=1e-11)


def given_share(living, share, ratio):
    """Expected purchases and survival of one row for a given probability to stay, by roots of unity with 60 digits."""
    mpmath.mp.dps = 60
    k, shape, root = living.k, mpmath.mpf(float(living.shape[0])), mpmath.root(share, living.k)
    expected, survival = mpmath.mpc(0), mpmath.mpc(0)
    for turn in range(k):
        u = root * mpmath.expjpi(mpmath.mpf(2 * turn) / k)
        step = 1 / (1 + ratio * (1 - u))
        away = step**shape
        for j, weight in enumerate(living.phases[0]):
            front = float(weight) * u ** (j + 1) / (1 - u)
            expected += front * (1 - away * step**j)
            survival += front * away * step**j
    return mpmath.re(expected) / (k * share), (1 - share) * mpmath.re(survival) / (k * share)


@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_roots_of_unity_give_the_sum_over_stages(k):
    """The closed form that the next test integrates, against the definition."""
    mpmath.mp.dps = 60
    phases = np.random.default_rng(k).dirichlet(np.ones(k), 1)
    one = RegularLiving(phases, *(np.array([value]) for value in (0.7, 1.0, 1.0, 1.0)))
    share, ratio, shape = mpmath.mpf("0.83"), mpmath.mpf(2), mpmath.mpf(0.7)
    expected, survival = mpmath.mpf(0), mpmath.mpf(0)
    for j, weight in enumerate(phases[0]):
        chance = (1 + ratio) ** (-(shape + j))
        for n in range(600):
            purchases = (j + n) // k
            expected += float(weight) * chance * (1 - share**purchases) / (1 - share)
            survival += float(weight) * chance * share**purchases
            chance *= (shape + j + n) / (n + 1) * ratio / (1 + ratio)
    found = given_share(one, share, ratio)
    assert abs(found[0] - expected) < mpmath.mpf(10) ** -40
    assert abs(found[1] - survival) < mpmath.mpf(10) ** -40


@pytest.mark.parametrize(
    ("k", "shape", "a", "b", "ratio"),
    [(2, 0.3, 0.8, 2.4, 1e4), (3, 600.0, 2.5, 1.1, 1e6), (6, 0.02, 1.5, 3.0, 1e8)],
)
def test_many_purchases_by_quadrature(k, shape, a, b, ratio):
    phases = np.random.default_rng(k).dirichlet(np.ones(k), 1)
    one = RegularLiving(phases, *(np.array([value]) for value in (shape, 1.0, a, b)))
    mpmath.mp.dps = 60
    ends = np.linspace(-60 / a, 60 / b, int(20 * (1 / a + 1 / b)) + 2)
    points, weights = np.polynomial.legendre.leggauss(16)
    expected, survival = mpmath.mpf(0), mpmath.mpf(0)
    for low, high in itertools.pairwise(ends):
        for point, weight in zip(points, weights, strict=True):
            share = 1 / (1 + mpmath.exp(mpmath.mpf(low + (high - low) * (point + 1) / 2)))
            density = (high - low) / 2 * weight * (1 - share) ** a * share**b / mpmath.beta(a, b)
            if density > 1e-18 / (1 + shape * ratio):
                some = given_share(one, share, ratio)
                expected, survival = expected + density * some[0], survival + density * some[1]
    assert float(one.expected_purchases(np.array([ratio]))[0]) == pytest.approx(float(expected), rel=1e-10)
    assert float(one.survival(np.array([ratio]))[0]) == pytest.approx(float(survival), rel=1e-10)


def worth_by_arrival_times(living, discount, horizon, terms):
    """Discounted purchases, and time alive, of one row: a sum over purchases of integrals over the time of each.

    The m-th stage ends at a time u with the density of a gamma variate of shape m whose rate is gamma distributed too.
    Without a horizon the integrals are Tricomi's function.
    """
    k, (shape, rate, a, b) = (
        living.k,
        (mpmath.mpf(float(c[0])) for c in (living.shape, living.rate, living.a, living.b)),
    )

    def by_the_end(m, s, weight):
        front = mpmath.gamma(s + m) / mpmath.gamma(s)
        if horizon is None:
            return front * mpmath.hyperu(m, 1 - s, discount * rate)
        front /= mpmath.gamma(m)
        ends = [0, horizon / mpmath.mpf(50), horizon / mpmath.mpf(8), horizon / mpmath.mpf(2), horizon]
        return mpmath.quad(lambda u: weight(u) * front * (u / rate) ** (m - 1) / (1 + u / rate) ** (s + m) / rate, ends)

    def lost(u):
        """What of the time alive a customer misses who leaves at u."""
        return (
            horizon - u if discount == 0 else (mpmath.exp(-discount * u) - mpmath.exp(-discount * horizon)) / discount
        )

    purchases, missed, stays = mpmath.mpf(0), mpmath.mpf(0), mpmath.mpf(1)
    for n in range(1, terms + 1):
        for j, weight in enumerate(living.phases[0]):
            phase = mpmath.mpf(float(weight))
            worth = by_the_end(k * n - j, shape + j, lambda u: mpmath.exp(-discount * u))
            purchases += phase * stays * worth
            away = worth / discount if horizon is None else by_the_end(k * n - j, shape + j, lost)
            missed += phase * stays * a / (a + b + n - 1) * away
        stays *= (b + n - 1) / (a + b + n - 1)
    whole = 1 / mpmath.mpf(discount) if horizon is None else lost(0)
    return float(purchases), float(whole - missed)


@pytest.mark.parametrize(
    ("k", "shape", "a", "b", "discount", "horizon", "terms"),
    [
        (2, 0.3, 0.8, 2.4, 0.2, None, 400),
        (3, 5.2, 0.3, 1.1, 1.5, None, 200),
        (8, 0.01, 7.0, 0.6, 0.05, None, 60),
        (12, 30.0, 1.5, 3.0, 9.0, None, 30),
        (2, 2.3, 0.8, 2.4, 0.3, 2.0, 30),
        (5, 7.0, 3.0, 0.2, 0.01, 3.0, 25),
        (3, 0.7, 0.1, 2.0, 0.0, 1.0, 25),
    ],
)
def test_discounted_purchases_and_time_alive_by_the_times_of_purchases(k, shape, a, b, discount, horizon, terms):
    phases = np.random.default_rng(k).dirichlet(np.ones(k), 1)
    one = RegularLiving(phases, *(np.array([value]) for value in (shape, 1.0, a, b)))
    with mpmath.workdps(30):
        purchases, alive = worth_by_arrival_times(one, discount, horizon, terms)
    end = np.array([50.0 / discount if horizon is None else horizon])
    assert one.discounted_purchases(discount, end)[0] == pytest.approx(purchases, rel=1e-9)
    assert one.lived(end, discount)[0] == pytest.approx(alive, rel=1e-9)


@pytest.mark.parametrize("k", [2, 5, 12])
def test_the_sum_without_end_and_the_integral_over_time_agree(k):
    """At extreme parameters, where the oracle would take hours: two ways that share nothing but the mean over p."""
    rng, n = np.random.default_rng(k), 40
    shape, rate, a, b = np.exp(rng.uniform(np.log(1e-3), np.log(1e3), (4, n)))
    living = RegularLiving(rng.dirichlet(np.ones(k) / 2, n), shape + k * rng.integers(0, 500, n), rate, a, b)
    for discount in (1e-3, 0.1, 10.0):
        end = np.full(n, 50.0 / discount)
        over_time = LeavingAtPurchases.discounted_purchases(living, discount, end)
        assert living.discounted_purchases(discount, end) == pytest.approx(over_time, rel=1e-8)
        assert living.lived(end, discount) == pytest.approx(LeavingAtPurchases.lived(living, end, discount), rel=1e-8)


@pytest.mark.parametrize(
    ("regular", "random"), [(BetaGeoCNBDParams, BetaGeoParams), (ModifiedBetaGeoCNBDParams, ModifiedBetaGeoParams)]
)
@pytest.mark.parametrize("values", [(0.243, 4.414, 0.793, 2.426), (3.0, 0.7, 40.0, 0.05), (0.01, 300.0, 1.0, 1.0)])
def test_one_stage_is_random_purchasing(regular, random, values, histories):
    ours, theirs = regular(*values, 1), random(*values)
    assert ours.log_odds_of_death(histories) == pytest.approx(theirs.log_odds_of_death(histories), rel=1e-12)
    phases = np.ones((len(histories), 1))
    living = theirs.living(histories)
    one_stage = RegularLiving(phases, living.shape, living.rate, living.a, living.b)
    for horizon in HORIZONS:
        h = np.full(len(histories), horizon)
        for quantity in ("expected_purchases", "survival", "probability_active"):
            expected = getattr(living, quantity)(h)
            assert getattr(one_stage, quantity)(h) == pytest.approx(expected, rel=1e-10, abs=1e-15)
            assert getattr(ours.living(histories), quantity)(h) == pytest.approx(expected, rel=1e-10, abs=1e-15)
        expected = living.purchase_probabilities(5, h)
        assert one_stage.purchase_probabilities(5, h) == pytest.approx(expected, rel=1e-10, abs=1e-15)
    for found, expected in zip(astuple(one_stage.moments()), astuple(living.moments()), strict=True):
        assert found == pytest.approx(expected, rel=1e-12)
    for found, expected in zip(astuple(ours.moments(histories)), astuple(theirs.moments(histories)), strict=True):
        assert found == pytest.approx(expected, rel=1e-10, nan_ok=True)
    assert ours.next_purchase_quantiles(histories, 0.3) == pytest.approx(theirs.next_purchase_quantiles(histories, 0.3))
    discounted = [params.discounted_purchases(histories, 0.002) for params in (ours, theirs)]
    assert discounted[0] == pytest.approx(discounted[1], rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 5, 12])
def test_draws_agree_with_what_is_computed(kind, k, histories):
    params = kind(1.3, 9.0 / k, 0.8, 3.0, k)
    histories = histories.take(np.arange(7))
    draws = params.draw(histories, 39.0, 5_000, np.random.default_rng(5))
    expected = params.expected_purchases(histories, 39.0)
    error = np.sqrt(np.maximum(draws.var(axis=0), expected) / len(draws))
    assert (np.abs(draws.mean(axis=0) - expected) <= 4.5 * error).all()
    for n, probability in enumerate(params.purchase_probabilities(histories, 4, 39.0).T):
        share = (draws == n).mean(axis=0)
        assert (np.abs(share - probability) < 4.5 * np.sqrt(probability * (1 - probability) / len(draws)) + 1e-4).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [2, 3, 12])
def test_predictions_fit_together(kind, k, histories):
    params = kind(0.8, 4.0, 0.7, 2.5, k)
    table = params.purchase_probabilities(histories, 60, 20.0)
    assert table.sum(axis=1) == pytest.approx(np.ones(len(histories)), abs=1e-4)
    assert 1 - table[:, 0] == pytest.approx(params.probability_active(histories, 20.0), rel=1e-10)
    assert (params.expected_purchases(histories, 0.0) == 0).all()
    assert (params.probability_active(histories, 0.0) == 0).all()
    assert params.probability_alive(histories, 0.0) == pytest.approx(params.probability_alive(histories, 1e-12))
    waited = params.next_purchase_quantiles(histories, 0.4)
    finite = np.isfinite(waited)
    for place in np.flatnonzero(finite):
        one = histories.take(np.array([place]))
        assert params.probability_active(one, float(waited[place]))[0] == pytest.approx(0.4, abs=1e-9)
    new = params.expected_purchases_new(np.array([1.0, 10.0, 100.0]))
    assert (np.diff(new) > 0).all()
    some = histories.take(np.array([1, 4]))
    undiscounted = params.discounted_purchases(some, 1e-12, 30.0)
    assert undiscounted == pytest.approx(params.expected_purchases(some, 30.0), rel=1e-8)


def test_a_regular_customer_who_is_late_is_more_likely_gone():
    late = Histories(np.array([10.0]), np.array([50.0]), np.array([65.0]))
    # The same mean time between purchases, 5, ever more regular.
    alive = [BetaGeoCNBDParams(1.0, 5.0 / k, 0.8, 3.0, k).probability_alive(late)[0] for k in (1, 2, 4, 8, 12)]
    assert (np.diff(alive) < 0).all()


def test_purchase_rates_are_in_purchases():
    params = BetaGeoCNBDParams(0.9, 2.0, 0.8, 3.0, 3)
    known = Histories(np.array([300.0]), np.array([1200.0]), np.array([1201.0]))
    # A customer who bought 300 times in 1,200 weeks buys every 4 weeks.
    assert params.moments(known).rate[0] == pytest.approx(0.25, rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_parameters_may_differ_by_row(kind, histories):
    n = len(histories)
    alpha, a = np.linspace(2.0, 9.0, n), np.linspace(0.3, 2.0, n)
    together = kind(0.7, alpha, a, 2.5, 3)
    for place in range(n):
        one, alone = histories.take(np.array([place])), kind(0.7, alpha[place], a[place], 2.5, 3)
        assert together.expected_purchases(histories, 26.0)[place] == alone.expected_purchases(one, 26.0)[0]
        assert together.probability_alive(histories, 26.0)[place] == alone.probability_alive(one, 26.0)[0]


@pytest.mark.parametrize("k", [0, 13, 2.5, -1])
def test_impossible_numbers_of_stages_are_refused(k):
    with pytest.raises(InputError, match=f"whole number of stages, 1 to 12; got {k}"):
        BetaGeoCNBDParams(1.0, 1.0, 1.0, 1.0, k)


def test_a_whole_number_written_as_a_float_is_whole():
    assert BetaGeoCNBDParams(1.0, 1.0, 1.0, 1.0, 3.0) == BetaGeoCNBDParams(1.0, 1.0, 1.0, 1.0, 3)
    assert isinstance(BetaGeoCNBDParams(1.0, 1.0, 1.0, 1.0, 3.0).k, int)


def test_no_point_of_the_range_is_out_of_range():
    rng = np.random.default_rng(1)
    for k in range(1, 13):
        n, kind = 150, KINDS[k % 2]
        params = kind(*10 ** rng.uniform(-3, 3, (4, n)), k)
        x = np.where(rng.random(n) < 0.2, 0.0, np.floor(10 ** rng.uniform(0, 3.7, n)))
        T = 10 ** rng.uniform(-3, 4, n)
        t_x = np.where(x > 0, T * np.where(rng.random(n) < 0.1, 1.0, rng.random(n) ** 0.3), 0.0)
        histories, horizon = Histories(x, t_x, T), float(10 ** rng.uniform(-5, 5))
        expected = params.expected_purchases(histories, horizon)
        assert np.isfinite(expected).all()
        assert (expected >= 0).all()
        chances = np.column_stack(
            [
                params.probability_alive(histories),
                params.probability_alive(histories, horizon),
                params.probability_active(histories, horizon),
                params.purchase_probabilities(histories, 5, horizon),
            ]
        )
        assert ((chances >= 0) & (chances <= 1)).all()
