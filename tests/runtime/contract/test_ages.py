"""Powers of time that no number holds: predictions for every c of 1e-3 ... 1e3 against mpmath."""

import mpmath
import numpy as np
import pytest

from patronage.runtime.contract.bdw import BetaDiscreteWeibullParams
from patronage.runtime.contract.tenures import Tenures

pytestmark = pytest.mark.filterwarnings("error")

POINTS = 2000
FUTURES = [(0.05, 2.0, 62.0, 10), (91.28, 63.89, 200.0, 0), (91.28, 63.89, 200.0, 10), (0.01, 2.0, 1000.0, 1)]


@pytest.fixture(autouse=True)
def _sixty_digits():
    with mpmath.workdps(60):
        yield


def tenures(n, churned=False):
    n = np.atleast_1d(np.asarray(n, dtype=float))
    return Tenures(n, np.full(len(n), churned))


def log_survival(a, b, c, t):
    """With the ratio of gamma functions by its series, DLMF 5.11.12, where 60 digits would cancel."""
    a, b, q = mpmath.mpf(a), mpmath.mpf(b), mpmath.mpf(int(t)) ** mpmath.mpf(c) if t else mpmath.mpf(0)
    x, lg = b + q, mpmath.loggamma
    ratio = -a * mpmath.log(x) - a * (a - 1) / (2 * x) if q > 1e30 else lg(x) - lg(a + x)
    return ratio - lg(b) + lg(a + b)


def worst(got, want):
    """Largest relative error, and absolute error below 1e-12, in parts of 1e-8 and 1e-12."""
    pairs = zip(np.ravel(got), want, strict=True)
    return np.max([float(abs(mpmath.mpf(float(one)) - two) / max(1e-8 * abs(two), 1e-12)) for one, two in pairs])


@pytest.fixture(scope="module")
def points():
    rng = np.random.default_rng(7)
    a, b, c = 10 ** rng.uniform(-3, 3, (3, POINTS))
    n, h = np.floor(10 ** rng.uniform(-0.3, 4, POINTS)), np.floor(10 ** rng.uniform(0, 5, POINTS))
    return BetaDiscreteWeibullParams(a, b, c), n, h, list(zip(a, b, c, n, h, strict=True))


def test_probabilities_hold_for_every_c(points):
    params, n, h, rows = points
    now, then, later = (
        [log_survival(a, b, c, t(n, h)) for a, b, c, n, h in rows]
        for t in (lambda n, _: n, lambda n, _: n + 1, lambda n, h: n + h)
    )
    gone = [1 - mpmath.exp(two - one) for one, two in zip(now, then, strict=True)]
    assert worst(params.survival(n), map(mpmath.exp, now)) < 1
    assert worst(params.survival(n + h), map(mpmath.exp, later)) < 1
    alive = [mpmath.exp(two - one) for one, two in zip(now, later, strict=True)]
    assert worst(params.probability_alive(tenures(n), h), alive) < 1
    assert worst(params.retention_rate(n + 1), [1 - one for one in gone]) < 1
    assert worst(params.churn_probability(n + 1), gone) < 1
    left = [mpmath.exp(one) * share for one, share in zip(now, gone, strict=True)]
    assert worst(params.churn_time_probability(n + 1), left) < 1


def test_propensity_holds_for_every_c(points):
    params, n, _, rows = points
    stayed, left = params.propensity(tenures(n)), params.propensity(tenures(n + 1, churned=True))
    moments = {(churned, power): [] for churned in (False, True) for power in (1, 2)}
    for a, b, c, t, _ in rows:
        x = b + mpmath.mpf(t) ** mpmath.mpf(c)
        factors = [a / (a + x), a / (a + x) * (a + 1) / (a + x + 1)]
        lost = [1 - mpmath.exp(log_survival(a + p, b, c, t + 1) - log_survival(a + p, b, c, t)) for p in (0, 1, 2)]
        for power, factor in enumerate(factors, 1):
            moments[False, power].append(factor)
            moments[True, power].append(factor * lost[power] / lost[0])
    for found, churned in ((stayed, False), (left, True)):
        mean, square = moments[churned, 1], moments[churned, 2]
        assert worst(found.mean, mean) < 1
        sd = [mpmath.sqrt(abs(two - one**2)) for one, two in zip(mean, square, strict=True)]
        assert worst(found.sd, sd) < 1


def test_sums_hold_for_every_c(points):
    """Against the plain sum of what the tests above pin."""
    params, n, h, _ = points
    some = np.arange(150)
    one = params.at(some)
    found, worth = one.expected_lifetime(tenures(n[some]), 50), one.discounted_lifetime(tenures(n[some]), 0.01, 50)
    alive = np.stack([one.probability_alive(tenures(n[some]), k) for k in range(1, 51)])
    assert found == pytest.approx(alive.sum(axis=0), rel=1e-12, abs=1e-100)
    assert worth == pytest.approx(1.01 ** -np.arange(50.0) @ alive, rel=1e-12, abs=1e-100)
    for row in some:
        single, far = params.at(row), np.arange(1, h[row] + 1)
        alive = single.probability_alive(tenures(np.full(len(far), n[row])), far)
        found = single.expected_lifetime(tenures(n[row]), h[row])[0]
        assert found == pytest.approx(alive.sum(), rel=1e-11, abs=1e-100)


@pytest.mark.parametrize(("a", "b", "c", "n"), FUTURES)
def test_far_horizons(a, b, c, n):
    params, now = BetaDiscreteWeibullParams(a, b, c), log_survival(a, b, c, n)
    horizons = [0, 1, 2, 30, 1000, 100_000]
    alive = [mpmath.exp(log_survival(a, b, c, n + h) - now) for h in horizons]
    assert worst([params.probability_alive(tenures(n), h)[0] for h in horizons], alive) < 1e-2
    assert worst(params.survival(horizons), [mpmath.exp(log_survival(a, b, c, h)) for h in horizons]) < 1e-2
    rates = [mpmath.exp(log_survival(a, b, c, t) - log_survival(a, b, c, t - 1)) for t in (1, 2, 9, 100_000)]
    assert worst(params.retention_rate([1, 2, 9, 100_000]), rates) < 1e-2


@pytest.mark.parametrize(
    ("a", "b", "c", "n"),
    [
        (0.05, 2.0, 26.0, 10),
        (0.01, 2.0, 40.0, 0),
        (0.01, 2.0, 62.0, 0),
        (0.001, 2.0, 62.0, 0),
        (0.01, 2.0, 500.0, 0),
        (0.0011, 3.0, 1000.0, 1),
        (0.002, 900.0, 1000.0, 2),
    ],
)
def test_sums_over_power_laws(a, b, c, n):
    """From an age of 1e30 on survival is a power of time, whose sums are zeta functions and polylogarithms."""
    params, s, m = BetaDiscreteWeibullParams(a, b, c), mpmath.mpf(a) * mpmath.mpf(c), max(n, 40)
    begun = [mpmath.exp(log_survival(a, b, c, t) - log_survival(a, b, c, n)) for t in range(n + 1, m + 1)]
    power_law = begun[-1] * mpmath.mpf(m) ** s
    for horizon in (10**5, 10**9, 2**53):
        want = mpmath.fsum(begun) + power_law * (mpmath.zeta(s, m + 1) - mpmath.zeta(s, n + horizon + 1))
        assert params.expected_lifetime(tenures(n), horizon)[0] == pytest.approx(float(want), rel=1e-12)
    for rate in (1e-14, 1e-4):
        z = 1 / (1 + mpmath.mpf(rate))
        rest = mpmath.polylog(s, z) - mpmath.fsum(z**t / mpmath.mpf(t) ** s for t in range(1, m + 1))
        want = mpmath.fsum(one * z**k for k, one in enumerate(begun)) + power_law * rest / z ** (n + 1)
        assert params.discounted_lifetime(tenures(n), rate)[0] == pytest.approx(float(want), rel=1e-12)
    endless = float(mpmath.fsum(begun) + power_law * mpmath.zeta(s, m + 1)) if s > 1 else np.inf
    assert params.expected_lifetime(tenures(n))[0] == pytest.approx(endless, rel=1e-12)


@pytest.mark.parametrize(("a", "b", "c", "n"), [*FUTURES, (0.001, 1.0, 1000.0, 3), (0.001, 1000.0, 62.0, 0)])
def test_draws_follow_the_probabilities(a, b, c, n):
    params, size = BetaDiscreteWeibullParams(a, b, c), 100_000
    drawn = params.draw(tenures(n), 100, size, np.random.default_rng(1))[:, 0]
    for k in (1, 2, 5, 30, 100):
        alive = params.probability_alive(tenures(n), k)[0]
        assert abs((drawn >= k).mean() - alive) <= 4.5 * np.sqrt(alive * (1 - alive) / size) + 1e-12


@pytest.mark.parametrize("c", [1e-3, 1.0, 26.0, 62.0, 1e3])
@pytest.mark.parametrize("b", [1e-3, 1e3])
@pytest.mark.parametrize("a", [1e-3, 1e3])
def test_the_corners_have_an_answer(a, b, c):
    params = BetaDiscreteWeibullParams(a, b, c)
    who = Tenures(np.array([0.0, 1.0, 10.0, 10_000.0, 1.0, 10.0, 10_000.0]), np.arange(7) > 3)
    answers = [
        *params.propensity(who),
        params.probability_alive(who, 100_000),
        params.expected_lifetime(who, 100_000),
        params.discounted_lifetime(who, 5e-15),
        params.discounted_lifetime_new(1e-4),
        params.draw(who, 100_000, 50, np.random.default_rng(2)),
    ]
    assert all(np.isfinite(one).all() for one in answers)
    assert not np.isnan(params.expected_lifetime(who)).any()
