"""GGom/NBD predictions against arbitrary precision, their limit Pareto/NBD, and a simulated world."""

import numpy as np
import pandas as pd
import pytest

from lifetime_oracle import predicted, quantities
from patronage.runtime.histories import Histories, checked_histories
from patronage.runtime.purchase.ggom_nbd import GammaGompertzParams
from patronage.runtime.purchase.pareto_nbd import ParetoParams

AGEING = GammaGompertzParams(r=0.8, alpha=6.0, b=0.08, s=1.2, beta=9.0)
"""A world in which lifetimes have a mode inside."""


def one(x, t_x, T):
    return checked_histories([x], [t_x], [T])


def simulated_world(params, n, observed, horizon, rng):
    """Customers drawn step by step from the story of the model: Gompertz hazards, Poisson purchases."""
    rate, level = rng.gamma(params.r, 1 / params.alpha, n), rng.gamma(params.s, 1 / params.beta, n)
    lifetime = np.log1p(rng.exponential(size=n) / level) / params.b
    T = rng.uniform(0, observed, n)
    seen = np.minimum(T, lifetime)
    frequency = rng.poisson(rate * seen).astype(float)
    # The last of x purchases that are uniform on the time seen.
    recency = np.where(frequency > 0, seen * rng.random(n) ** (1 / np.maximum(frequency, 1)), 0.0)
    future = rng.poisson(rate * (np.clip(lifetime, T, T + horizon) - T))
    return pd.DataFrame(
        {"frequency": frequency, "recency": recency, "T": T, "alive": lifetime > T, "frequency_holdout": future}
    )


def corner(rng):
    """Parameters and a case from the corners of what may come; b and beta tiny together now and then."""
    r, alpha, b, s, beta = 10 ** rng.uniform(-3, 3, 5)
    s = 1 + float(rng.choice([0, 1e-9, -1e-9])) if rng.random() < 0.15 else s
    if rng.random() < 0.2:
        b = 10 ** rng.uniform(-9, -6)
        beta *= b
    x, T = int(rng.choice([0, 1, 5, 200, 5000])), 10 ** rng.uniform(-2, 4)
    t_x = T * float(rng.choice([rng.random(), 1 - 1e-6, 1.0, 1e-4])) if x else 0.0
    params = GammaGompertzParams(*map(float, (r, alpha, b, s, beta)))
    return params, (x, float(t_x), float(T)), float(10 ** rng.uniform(-3, 5))


@pytest.mark.parametrize("seed", range(25))
def test_random_corners_against_forty_digits(seed):
    rng = np.random.default_rng(seed)
    params, history, horizon = corner(rng)
    n = int(rng.choice([1, 12, 300]))
    exact, ours = quantities(params, *history, horizon, n), predicted(params, one(*history), horizon, n)
    assert ours == pytest.approx(exact, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("b", [1e-9, 1e-12])
def test_pareto_is_the_limit(b):
    pareto = ParetoParams(0.553, 10.578, 0.606, 11.669)
    limit = GammaGompertzParams(0.553, 10.578, b, 0.606, b * 11.669)
    histories = checked_histories([26, 0, 3, 1], [30.86, 0, 20, 1], [31, 38, 30, 500])
    quantities_of = (
        lambda params: params.log_odds_of_death(histories),
        lambda params: params.expected_purchases(histories, 52.0),
        lambda params: params.probability_active(histories, 52.0),
        lambda params: params.discounted_purchases(histories, 0.0027),
        lambda params: params.purchase_probabilities(histories, 5, 52.0).ravel(),
        lambda params: params.moments(histories).dropout,
    )
    for quantity in quantities_of:
        assert quantity(limit) == pytest.approx(quantity(pareto), rel=1e5 * b, abs=1e-300)


def test_lifetimes_that_have_outgrown_every_float():
    # e^{bT} is beyond 1e308 here.
    params = GammaGompertzParams(1.0, 5.0, 1000.0, 1e-4, 1000.0)
    histories = checked_histories([3, 3], [9_000.0, 1.0], [10_000.0, 10_000.0])
    exact = [quantities(params, 3, t_x, 10_000.0, 50.0, 1) for t_x in (9_000.0, 1.0)]
    for place, customer in enumerate(exact):
        ours = predicted(params, histories.take(np.array([place])), 50.0, 1)
        assert ours == pytest.approx(customer, rel=1e-10, abs=1e-13)


def test_no_value_is_impossible():
    rng = np.random.default_rng(2)
    n = 4000
    r, alpha, b, s, beta = 10 ** rng.uniform(-3, 3, (5, n))
    s[::5] = 1 + rng.choice([0, 1e-9, -1e-9], len(s[::5]))
    b[::7] = 10 ** rng.uniform(-9, -6, len(b[::7]))
    beta[::7] *= b[::7]
    params = GammaGompertzParams(r, alpha, b, s, beta)
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
            *params.draw(histories, horizon, 1, rng),
        ):
            assert (np.isfinite(values) & (values >= 0)).all()
    moments = params.moments(histories)
    for values in (moments.rate, moments.rate_square, moments.dropout, moments.dropout_square):
        assert (np.isfinite(values) & (values >= 0)).all()


@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0.0, 38.0), (3, 20.0, 30.0), (12, 30.0, 30.0)])
def test_distribution_is_one_and_has_the_mean(x, t_x, T):
    table = AGEING.purchase_probabilities(one(x, t_x, T), 1500, 52.0)[0]
    assert table.sum() == pytest.approx(1, abs=1e-10)
    assert table @ np.arange(1501) == pytest.approx(AGEING.expected_purchases(one(x, t_x, T), 52.0)[0], rel=1e-9)
    assert 1 - table[0] == pytest.approx(AGEING.probability_active(one(x, t_x, T), 52.0)[0], rel=1e-9)


def test_next_purchase_quantiles():
    histories = checked_histories([5, 26], [30, 30.86], [31, 31])
    wait = AGEING.next_purchase_quantiles(histories, 0.3)
    for place in range(2):
        customer = histories.take(np.array([place]))
        assert AGEING.probability_active(customer, wait[place])[0] == pytest.approx(0.3, rel=1e-9)
    assert np.isinf(AGEING.next_purchase_quantiles(one(20, 5, 60), 0.5)[0])


def test_posterior_moments_by_a_grid():
    """Rate and level of the hazard of one customer, integrated over both with the likelihood of one history."""
    x, t_x, T, b = 3, 20.0, 30.0, AGEING.b
    rate, level = np.exp(np.linspace(-25, 4, 700))[:, None], np.exp(np.linspace(-25, 4, 700))[None, :]
    point, share = np.polynomial.legendre.leggauss(20)
    day, step = t_x + (T - t_x) * (point + 1) / 2, (T - t_x) * share / 2
    likelihood = rate**x * np.exp(-rate * T - level * np.expm1(b * T))
    for y, dy in zip(day, step, strict=True):
        likelihood += dy * rate**x * level * b * np.exp(b * y - rate * y - level * np.expm1(b * y))
    weight = likelihood * rate**AGEING.r * np.exp(-AGEING.alpha * rate)
    weight = weight * level**AGEING.s * np.exp(-AGEING.beta * level)
    weight /= weight.sum()
    moments = AGEING.moments(one(x, t_x, T))
    expected = [(weight * values).sum() for values in (rate, rate**2, level * b, (level * b) ** 2)]
    found = [moments.rate[0], moments.rate_square[0], moments.dropout[0], moments.dropout_square[0]]
    assert found == pytest.approx(expected, rel=1e-7)


def test_draws_follow_the_distribution():
    customer, n = one(3, 20.0, 30.0), 200_000
    drawn = AGEING.draw(customer.take(np.zeros(n, dtype=np.intp)), 26.0, 1, np.random.default_rng(4))[0]
    expected = AGEING.purchase_probabilities(customer, 4, 26.0)[0]
    observed = np.array([(drawn == k).mean() for k in range(5)])
    assert np.abs(observed - expected).max() < 4 * np.sqrt(0.25 / n)


def test_predictions_are_calibrated_in_a_simulated_world():
    """In a world that is GGom/NBD, predictions at the true parameters are right on average, in every decile."""
    world = simulated_world(AGEING, 200_000, 52, 26, np.random.default_rng(3))
    histories = checked_histories(world["frequency"], world["recency"], world["T"])
    world["p_alive"] = AGEING.probability_alive(histories)
    world["p_active"] = AGEING.probability_active(histories, 26.0)
    world["expected"] = AGEING.expected_purchases(histories, 26.0)
    world["active"] = world["frequency_holdout"] > 0
    for guess, actual in (("p_alive", "alive"), ("p_active", "active"), ("expected", "frequency_holdout")):
        by_decile = world.groupby((world[guess].rank(method="first") - 1) // 20_000)
        gap = by_decile[actual].mean() - by_decile[guess].mean()
        noise = by_decile[actual].std() / np.sqrt(by_decile.size())
        assert (gap.abs() <= 4 * noise + 1e-9).all(), guess
